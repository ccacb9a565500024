"""Fixtures that any test may use: real engines for the session, and something empty in them for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from resources.settings import Settings
from tests.engines import ClickHouseServer, PostgresServer, Sources, clickhouse_server, home_folder, postgres_server

_LONGEST = ("stack", "test_kills", "test_as_of", "test_refresh", "test_export_memory", "test_reconciliation")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins."""
    order = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(_group(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Have each file run by one process, and all that need the whole stack by the same."""

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByGroup(config, log)


def _group(nodeid: str) -> str:
    name = Path(nodeid.partition("::")[0]).stem
    return "stack" if name in {"test_whole", "test_whole_automation", "test_browser", "test_guests"} else name


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """An embedded PostgreSQL."""
    with home_folder() as folder, postgres_server(folder) as server:
        yield server


WAREHOUSES = [f"warehouse_{number}" for number in range(1, 201)]
"""Databases of tests. The embedded server learns only when it starts which of them its reader may read."""


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[ClickHouseServer]:
    """An embedded ClickHouse."""
    with home_folder() as folder, clickhouse_server(folder, WAREHOUSES) as server:
        yield server


@pytest.fixture(scope="session")
def fresh_sources(postgres: PostgresServer) -> Callable[[], Sources]:
    """Makes a pair of empty sources, with their tables, each time it is called."""
    numbers = count(1)

    def make() -> Sources:
        number = next(numbers)
        crm = postgres.create_database(f"crm_{number}", template="sources")
        return Sources(crm, postgres.create_database(f"telemetry_{number}", template="sources"))

    return make


@pytest.fixture(scope="session")
def fresh_settings(fresh_sources: Callable[[], Sources], clickhouse: ClickHouseServer) -> Callable[[], Settings]:
    """Makes settings each time it is called: empty sources, and a warehouse database that is not there yet."""
    names = cycle(WAREHOUSES)

    def make() -> Settings:
        sources = fresh_sources()
        there = clickhouse.databases()
        return Settings(
            crm_database_url=sources.crm_url,
            telemetry_database_url=sources.telemetry_url,
            clickhouse_host="127.0.0.1",
            clickhouse_port=clickhouse.port,
            clickhouse_user=clickhouse.user,
            clickhouse_password=clickhouse.password,
            clickhouse_reader_user=clickhouse.reader.user,
            clickhouse_reader_password=clickhouse.reader.password,
            clickhouse_database=next(name for name in islice(names, len(WAREHOUSES)) if name not in there),
            # The tests' days are fixed, and must not be let go one day.
            reports_retention_days=0,
        )

    return make


@pytest.fixture
def empty_sources(fresh_sources: Callable[[], Sources]) -> Sources:
    """A pair of empty sources, with their tables."""
    return fresh_sources()


@pytest.fixture
def warehouse_settings(fresh_settings: Callable[[], Settings], clickhouse: ClickHouseServer) -> Iterator[Settings]:
    """Settings that name empty sources, and a warehouse database that is not there yet, nor after the test."""
    settings = fresh_settings()
    yield settings
    clickhouse.drop(settings.clickhouse_database)
