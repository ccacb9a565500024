"""Fixtures of the stack's tests: state folders, and the command `reports` run in them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from stack.home import Home
from stack.state import StackState, running
from tests.engines import home_folder, wait_until

_OUTSIDE = ("CLICKHOUSE_", "CRM_", "TELEMETRY_", "DAGSTER_", "REPORTS_", "KEYCLOAK_")
MINUTES_FOR_HALF_HOURS = str(1 / 30)
"""What freshness windows are multiplied by: they are of minutes then."""
FREE_PORTS = [f"--port-{name}=0" for name in ("api", "dagster", "postgres", "clickhouse", "code")]


class Reports:
    """The command `reports` in one state folder."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OUTSIDE)}
        self.environment = {**kept, "REPORTS_HOME": str(folder), "COLUMNS": "200"}

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "stack.cli", *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def succeed(self, *arguments: str) -> str:
        """Run a command that must succeed; its output."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def state(self) -> StackState:
        """What the supervisor that runs now says."""
        state = running(self.home)
        assert state is not None
        return state

    def processes(self, named: str = "") -> list[psutil.Process]:
        """Every process of the stack but the supervisor and zombies, or those with the argument `named`."""
        return [child for child in psutil.Process(self.state.pid).children(recursive=True) if _lives(child, named)]

    def clear_up(self) -> None:
        """End whatever a failed test left running."""
        state = running(self.home)
        if state:
            self("down")
        if state and psutil.pid_exists(state.pid):
            os.kill(state.pid, signal.SIGKILL)


class Started(msgspec.Struct):
    """A stack that was started once, and what its start said."""

    reports: Reports
    said: str

    def get(self, path: str, *arguments: str) -> httpx.Response:
        """Ask the API with a token of the local issuer for customer 1."""
        token = self.reports.succeed("token", "--user=1", *arguments)
        address = f"http://127.0.0.1:{self.reports.state.ports['api']}{path}"
        return httpx.get(address, headers={"Authorization": f"Bearer {token.strip()}"}, trust_env=False)


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty state folder, prepared."""
    with home_folder() as folder:
        prepared = Home(folder)
        prepared.prepare()
        yield prepared


@pytest.fixture
def reports() -> Iterator[Reports]:
    """The command `reports` in a state folder that is not there yet."""
    with home_folder() as folder:
        command = Reports(folder)
        yield command
        command.clear_up()


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    """The whole stack after its first start; at the end nothing of it may be left."""
    with home_folder() as folder:
        reports = Reports(folder)
        reports.environment["REPORTS_FRESHNESS_FACTOR"] = MINUTES_FOR_HALF_HOURS
        try:
            yield Started(reports, reports.succeed("up", "--detach", *FREE_PORTS, "--port-guests=0"))
            everything = [psutil.Process(reports.state.pid), *reports.processes()]
            reports.succeed("down")
            wait_until_gone(everything)
        finally:
            reports.clear_up()


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Return once none of these processes runs any more."""
    wait_until(lambda: all(_has_ended(process) for process in processes), "every process has ended")


def _lives(process: psutil.Process, named: str) -> bool:
    # It may end between two looks at it.
    with suppress(psutil.NoSuchProcess):
        return not _has_ended(process) and (not named or named in process.cmdline())
    return False


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
