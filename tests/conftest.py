"""Fixtures that any test may use: real engines for the session, and something empty in them for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from resources.settings import Settings
from tests.engines import ClickHouseServer, PostgresServer, Sources, clickhouse_server, home_folder, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """An embedded PostgreSQL."""
    with home_folder() as folder, postgres_server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[ClickHouseServer]:
    """An embedded ClickHouse."""
    with home_folder() as folder, clickhouse_server(folder) as server:
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
    made: list[str] = []

    def make() -> Settings:
        sources = fresh_sources()
        made.append(f"warehouse_{len(made) + 1}")
        return Settings(
            crm_database_url=sources.crm_url,
            telemetry_database_url=sources.telemetry_url,
            clickhouse_host="127.0.0.1",
            clickhouse_port=clickhouse.port,
            clickhouse_user=clickhouse.user,
            clickhouse_password=clickhouse.password,
            clickhouse_database=made[-1],
            # The tests' days are fixed, and must not be let go one day.
            reports_retention_days=0,
        )

    return make


@pytest.fixture
def empty_sources(fresh_sources: Callable[[], Sources]) -> Sources:
    """A pair of empty sources, with their tables."""
    return fresh_sources()


@pytest.fixture
def warehouse_settings(fresh_settings: Callable[[], Settings]) -> Settings:
    """Settings that name empty sources, and a warehouse database that is not there yet."""
    return fresh_settings()
