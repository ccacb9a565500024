"""Real engines for the tests, started as the stack starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import clickhouse_driver
import msgspec
import psycopg
from psycopg import sql

from stack import clickhouse, ports, postgres, sources
from stack.account import Account
from stack.child import ROOT
from stack.home import Home
from stack.parts import Part

_PATIENCE_S = 60


class PostgresServer(msgspec.Struct, frozen=True):
    """A running embedded PostgreSQL."""

    home: Home
    port: int

    def url(self, database: str = "postgres") -> str:
        """Address of one of its databases."""
        return postgres.url(self.home, self.port, database)

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database, its address."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)
        return self.url(name)


class ClickHouseServer(msgspec.Struct, frozen=True):
    """A running embedded ClickHouse."""

    port: int
    user: str
    password: str
    reader: Account
    pid: int = 0

    def login(self) -> dict[str, Any]:
        """What `clickhouse_driver.Client` takes."""
        return {"host": "127.0.0.1", "port": self.port, "user": self.user, "password": self.password}

    def databases(self) -> set[str]:
        """The databases that are there."""
        return {name for (name,) in self._ask("SELECT name FROM system.databases")}

    def drop(self, database: str) -> None:
        """Remove a database with all that is in it, where it is there."""
        self._ask(f"DROP DATABASE IF EXISTS {database}")

    def _ask(self, question: str) -> list[tuple[Any, ...]]:
        with clickhouse_driver.Client(**self.login()) as client:
            answer: list[tuple[Any, ...]] = client.execute(question)
        return answer


class Sources(msgspec.Struct, frozen=True):
    """Where a pair of sources is."""

    crm_url: str
    telemetry_url: str


@contextmanager
def home_folder() -> Iterator[Path]:
    """An empty state folder.

    Not in pytest's own folder: each session of pytest takes from it the right to pass through, which a PostgreSQL run
    by root as another user needs.
    """
    with TemporaryDirectory(prefix="reports-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


@contextmanager
def running(part: Part, home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The part, from when it is well until the block ends; its standard input is the pipe `stdin`."""
    if part.prepare:
        part.prepare()
    with home.fresh_log(part.name).open("ab") as log:
        process = subprocess.Popen(
            part.command,
            cwd=home.postgres if part.identity else ROOT,
            env={**os.environ, **part.environment},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **part.identity,
        )
    started = time.time()
    with process:
        try:
            wait_until(lambda: process.poll() is not None or not part.probe(started), f"{part.name} is well")
            assert process.poll() is None, home.log(part.name).read_text()
            yield process
        finally:
            process.send_signal(part.stop_signal)
            try:
                process.wait(_PATIENCE_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], object], what: str, patience_s: float = _PATIENCE_S) -> None:
    """Return once the condition holds; fail where it does not in good time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """An embedded PostgreSQL with the template database `sources`, which has the tables of both sources."""
    home = Home(folder)
    home.prepare()
    port = ports.choose({"postgres": 0})["postgres"]
    part = postgres.part(home, port)
    # Nothing here outlives the tests, so nothing need reach the disk.
    hasty = msgspec.structs.replace(part, command=[*part.command, "--fsync=off", "--max_connections=300"])
    with running(hasty, home):
        server = PostgresServer(home, port)
        url = server.create_database("sources")
        sources.create(url, url)
        yield server


@contextmanager
def clickhouse_server(folder: Path, databases: Sequence[str] = ()) -> Iterator[ClickHouseServer]:
    """An embedded ClickHouse; in `databases` its reader may read."""
    home = Home(folder)
    home.prepare()
    port = ports.choose({"clickhouse": 0})["clickhouse"]
    login = clickhouse.account(home)
    with running(clickhouse.part(home, port, databases), home) as process:
        yield ClickHouseServer(port, login.user, login.password, clickhouse.reader_account(home), process.pid)
