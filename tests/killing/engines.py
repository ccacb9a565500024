"""Engines that may be killed: always on the same ports and folders, so that whoever used them finds them again."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import clickhouse_driver
import msgspec
import psutil

from resources.migrations import migrate
from resources.settings import Settings
from stack import clickhouse, ports, postgres, sources
from stack.home import Home
from stack.parts import Part
from tests.engines import running, wait_until

Engine = Literal["postgres", "clickhouse"]

DATABASE = "reports"


class Engines:
    """A PostgreSQL with both sources and a ClickHouse."""

    def __init__(self, folder: Path) -> None:
        self._home = Home(folder)
        self._home.prepare()
        chosen = ports.choose({"postgres": 0, "clickhouse": 0})
        pg = postgres.part(self._home, chosen["postgres"])
        # A killed process loses nothing that it gave to the kernel, so nothing need reach the disk.
        hasty = msgspec.structs.replace(pg, command=[*pg.command, "--fsync=off"])
        self._parts: dict[Engine, Part] = {
            "postgres": hasty,
            "clickhouse": clickhouse.part(self._home, chosen["clickhouse"], [DATABASE]),
        }
        self._processes: dict[Engine, subprocess.Popen[bytes]] = {}
        self._running: dict[Engine, ExitStack] = {}
        login = clickhouse.account(self._home)
        self.settings = Settings(
            crm_database_url=postgres.url(self._home, chosen["postgres"], "crm"),
            telemetry_database_url=postgres.url(self._home, chosen["postgres"], "telemetry"),
            clickhouse_port=chosen["clickhouse"],
            clickhouse_user=login.user,
            clickhouse_password=login.password,
            clickhouse_database=DATABASE,
            # From the first day of 2026 on, so that there is something to let go and the points' days never are.
            reports_retention_days=(datetime.now(UTC).date() - date(2026, 1, 1)).days,
        )

    def __enter__(self) -> Engines:
        for name in self._parts:
            self.start(name)
        postgres.create_databases(postgres.url(self._home, self._parts["postgres"].port or 0))
        sources.create(self.settings.crm_database_url, self.settings.telemetry_database_url)
        migrate(self.settings)
        return self

    def __exit__(self, *_: object) -> None:
        for running_part in self._running.values():
            running_part.close()

    def start(self, name: Engine) -> None:
        """Start an engine, and wait until it is well."""
        self._running[name] = ExitStack()
        self._processes[name] = self._running[name].enter_context(running(self._parts[name], self._home))

    def kill(self, *names: Engine) -> None:
        """Kill engines and all their processes, at the same time, and wait until they are gone."""
        processes = [psutil.Process(self._processes[name].pid) for name in names]
        family = [one for process in processes for one in (process, *process.children(recursive=True))]
        for process in family:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for name in names:
            self._running[name].close()
        wait_until(lambda: not any(_lives(process) for process in family), "what was killed is gone")

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Ask ClickHouse, as an analyst does."""
        login = self.login()
        client = clickhouse_driver.Client(**login)
        try:
            rows: list[tuple[object, ...]] = client.execute(statement)
        finally:
            client.disconnect()
        return rows

    def login(self) -> dict[str, object]:
        """What `clickhouse_driver.Client` takes."""
        return {
            "host": self.settings.clickhouse_host,
            "port": self.settings.clickhouse_port,
            "user": self.settings.clickhouse_user,
            "password": self.settings.clickhouse_password,
            "database": DATABASE,
        }


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
