"""The state folder: where the local stack keeps its databases, keys, logs and what it is doing."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from stack.errors import AlreadyRunning, HomeError

LAYOUT = "1"
"""Version of the layout; a folder of another one is refused, never converted silently."""

_FOLDERS = ("keys", "logs", "run", "clickhouse", "dagster")
_LEAST_FREE_BYTES = 1 << 30
_LOG_KEPT_BYTES = 10 << 20


class Home:
    """One state folder and the places in it."""

    def __init__(self, folder: str | Path) -> None:
        """Name the folder; nothing is made or read before `prepare`."""
        self.folder = Path(folder).absolute()
        self.keys = self.folder / "keys"
        self.logs = self.folder / "logs"
        self.run = self.folder / "run"
        self.postgres = self.folder / "postgres"
        self.clickhouse = self.folder / "clickhouse"
        self.backups = self.folder / "backups"
        """Beside the engines, whose folders a backup must outlive."""
        self.dagster = self.folder / "dagster"
        self.state = self.run / "state.json"
        self.filled = self.run / "filled"
        """Exists once the demo data is seeded and materialized."""

    def log(self, part: str) -> Path:
        """Where a part's output goes."""
        return self.logs / f"{part}.log"

    def prepare(self) -> None:
        """Make the folder and what belongs in it; raises `HomeError` where it cannot be used."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_version()
            self._check_space()
            for name in _FOLDERS:
                (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise HomeError(
                f"The state folder {self.folder} cannot be used ({error.strerror}). Name another with REPORTS_HOME."
            ) from error

    def secret(self, name: str) -> str:
        """A random password kept in `keys/`, made when first asked for."""
        path = self.keys / name
        if not path.exists():
            write_secret(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="ascii")

    def fresh_log(self, part: str) -> Path:
        """A part's log to append to; one that grew long is put aside, replacing the one before it."""
        path = self.log(part)
        if path.exists() and path.stat().st_size > _LOG_KEPT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        path.touch(mode=0o600)
        return path

    def _check_version(self) -> None:
        path = self.folder / "VERSION"
        if path.exists():
            found = path.read_text(encoding="utf-8").strip()
        else:
            found = "unknown" if any(self.folder.iterdir()) else LAYOUT
        if found != LAYOUT:
            raise HomeError(
                f"The state folder {self.folder} has layout {found}, this version needs {LAYOUT}. "
                "Name another folder with REPORTS_HOME, or remove this one: it holds only the local stack's own data."
            )
        if not path.exists():
            path.write_text(LAYOUT + "\n", encoding="utf-8")

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < _LEAST_FREE_BYTES:
            raise HomeError(
                f"Only {free >> 20} MiB are free where {self.folder} lies, the stack needs {_LEAST_FREE_BYTES >> 20}. "
                "Free some space, or name a folder elsewhere with REPORTS_HOME."
            )


def cache() -> Path:
    """The per-user folder of what any state folder can share, and nobody misses when it is removed."""
    return platformdirs.user_cache_path("bionicpro-reports")


def write_secret(path: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    draft.replace(path)


@contextmanager
def locked(home: Home) -> Iterator[int]:
    """Hold the state folder's lock and yield its descriptor; raises `AlreadyRunning` where another process has it.

    Whoever inherits the descriptor holds the lock as well: the guard keeps it until the last part is gone.
    """
    descriptor = os.open(home.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, home)
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(home: Home) -> bool:
    """Whether a supervisor, or a guard that is still clearing up after one, uses the state folder."""
    if not home.run.is_dir():
        return False
    try:
        with locked(home):
            return False
    except AlreadyRunning:
        return True


def _lock(descriptor: int, home: Home) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(
            f"A stack uses {home.folder}. See `reports status`, stop it with `reports down`."
        ) from error
