"""Stacks that benches measure: started for one bench, in a temporary folder, on free ports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import clickhouse_driver

from resources.settings import Settings
from stack import lineup, up

PORTS = [f"--port-{part}=0" for part in ("api", "dagster", "postgres", "clickhouse", "code")]


@contextmanager
def running(*parts: str) -> Iterator[Settings]:
    """Settings of a stack without demo data that has the named parts, or all."""
    with home():
        only = [f"--part={part}" for part in parts]
        reports("up", "--detach", "--no-demo", *PORTS, *only)
        try:
            yield up.current(os.environ)[1]
        finally:
            reports("down")


@contextmanager
def home() -> Iterator[None]:
    """An empty state folder, with nothing in the environment that names servers elsewhere."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="reports-bench-") as folder:
        for variable in lineup.environment(Settings()):
            os.environ.pop(variable, None)
        os.environ["REPORTS_HOME"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def reports(*arguments: str) -> str:
    """Run the command `reports` and return what it printed; its errors are shown as they are."""
    command = [sys.executable, "-m", "stack.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def materialize(settings: Settings, first_day: str, last_day: str, *how: str) -> str:
    """Build every mart of these days in a process of its own, as a run of Dagster does; returns its JSON figures."""
    command = [sys.executable, "-m", "bench.run", first_day, last_day, *how]
    environ = os.environ | lineup.environment(settings)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ).stdout.splitlines()[-1]


def client(settings: Settings) -> Any:
    """A client of the warehouse for statements that are the bench's own."""
    return clickhouse_driver.Client(
        settings.clickhouse_host,
        settings.clickhouse_port,
        settings.clickhouse_database,
        settings.clickhouse_user,
        settings.clickhouse_password,
    )
