"""What a bench measured last, kept in `bench/results/` beside the machine that it was measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from stack import library, postgres

FOLDER = Path(__file__).parent / "results"

_PACKAGES = ("adbc-driver-postgresql", "clickhouse-driver", "dagster", "polars", "pyarrow")


def keep(name: str, figures: Mapping[str, float]) -> None:
    """Write what the bench `name` measured now in place of what it measured before."""
    measured = {"bench": name, "measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "figures": figures}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")


def machine() -> dict[str, str | float]:
    """This machine, and the versions of what ran on it."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "clickhouse": library.version(),
        "postgresql": postgres.VERSION,
        **{package: importlib.metadata.version(package) for package in _PACKAGES},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
