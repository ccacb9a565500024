"""One connection to ClickHouse: rows whole or as a stream, parameters sent as they are."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from resources.errors import WarehouseError, WarehouseUnavailable
from resources.migrations import migrate
from resources.publications import EPOCH, Build, current, naive, publish
from resources.settings import Settings
from resources.warehouse import Warehouse, WarehousePool
from stack import clickhouse as engine
from stack import ports
from stack.home import Home
from tests.engines import ClickHouseServer, home_folder, running
from tests.proxy import Fault, Proxy, proxy


@pytest.fixture(scope="module")
def warehouse(fresh_settings: Callable[[], Settings]) -> Iterator[Warehouse]:
    """A warehouse whose mart `many` has 20 000 publications, one a second."""
    settings = fresh_settings()
    migrate(settings)
    with Warehouse(settings) as connection:
        publish(connection, [_build(second) for second in range(20_000)], "run-of-the-test")
        yield connection


def _build(second: int) -> Build:
    segment = datetime.fromtimestamp(second, UTC)
    return Build(
        mart="many",
        segment=segment,
        build_id=second,
        source_seq=1,
        rows=1,
        checksum=second,
        watermark=segment.replace(microsecond=123_456),
        inputs=(second,),
    )


def stream(warehouse: Warehouse) -> Iterator[tuple[object, ...]]:
    until = naive(datetime(2100, 1, 1, tzinfo=UTC))
    return warehouse.stream("reads/current_builds", marts=["many"], since=naive(EPOCH), until=until)


def test_a_stream_gives_every_row_once(warehouse: Warehouse) -> None:
    assert [row[2] for row in stream(warehouse)] == list(range(20_000))


def test_a_stream_that_was_left_early_does_not_answer_the_next_question(warehouse: Warehouse) -> None:
    rows = stream(warehouse)
    assert next(rows)[2] == 0
    rows.close()  # type: ignore[attr-defined]
    assert len(current(warehouse, "many")) == 20_000


def test_microseconds_survive_the_way_there_and_back(warehouse: Warehouse) -> None:
    assert current(warehouse, "many")[EPOCH].watermark == datetime(1970, 1, 1, 0, 0, 0, 123_456, UTC)


def test_what_the_server_refuses_is_named_by_file_and_code_and_nothing_else(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError) as error:
        warehouse.run("builds/collect", table="no_such_table", begun_before=0)
    assert str(error.value) == "ClickHouse refused sql/builds/collect.sql with error 60."


def test_a_server_that_is_away_is_a_sentence_without_an_address() -> None:
    with (
        Warehouse(Settings(clickhouse_port=1, clickhouse_password="hunter2"), timeout_s=2) as away,
        pytest.raises(WarehouseUnavailable) as error,
    ):
        away.run("reads/alive")
    assert "127.0.0.1" not in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.fixture
def between(clickhouse: ClickHouseServer) -> Iterator[Proxy]:
    """A way to the server that can be cut."""
    with proxy(clickhouse.port) as made:
        yield made


def pool_of(clickhouse: ClickHouseServer, port: int, size: int = 2, timeout_s: float = 60) -> WarehousePool:
    settings = Settings(
        clickhouse_port=port,
        clickhouse_database="default",
        clickhouse_user=clickhouse.user,
        clickhouse_password=clickhouse.password,
    )
    return WarehousePool(settings, size=size, timeout_s=timeout_s)


def ask(pool: WarehousePool) -> list[tuple[object, ...]]:
    with pool.connection() as connection:
        return connection.rows("reads/alive")


def test_a_connection_that_was_closed_while_it_was_idle_costs_nobody_an_error(
    clickhouse: ClickHouseServer, between: Proxy
) -> None:
    pool = pool_of(clickhouse, between.port)
    alive = ask(pool)

    for _ in range(3):
        between.arm(None)
        assert ask(pool) == alive

    pool.close()


def test_a_connection_is_not_asked_whether_it_lives_before_each_question(
    clickhouse: ClickHouseServer, between: Proxy
) -> None:
    pool = pool_of(clickhouse, between.port, size=1)
    ask(pool)
    pings = count()
    with pool.connection() as connection:
        glance = connection._reader.connection.ping
        glance._ask = lambda: next(pings) == 0

    ask(pool)
    assert next(pings) == 0
    glance._used_at -= 60
    ask(pool)
    assert next(pings) == 2

    pool.close()


def test_a_connection_that_breaks_during_a_question_is_given_back_and_works_again(
    clickhouse: ClickHouseServer, between: Proxy
) -> None:
    pool = pool_of(clickhouse, between.port, size=1)
    alive = ask(pool)

    between.arm(Fault("cut", phrase=b"SELECT"))
    with pytest.raises(WarehouseUnavailable):
        ask(pool)
    between.arm(None)

    assert pool.idle == 1
    assert ask(pool) == alive
    pool.close()


def test_no_more_connections_are_made_than_allowed(clickhouse: ClickHouseServer) -> None:
    pool = pool_of(clickhouse, clickhouse.port, size=2, timeout_s=0.01)

    with pool.connection() as first, pool.connection() as second:
        assert first is not second
        assert (pool.size, pool.idle) == (2, 0)
        with pytest.raises(WarehouseUnavailable), pool.connection():
            pass

    assert pool.idle == 2
    pool.close()


def test_a_server_that_was_killed_is_used_again_as_soon_as_it_is_back() -> None:
    with home_folder() as folder:
        home, port = _home(folder)
        part = engine.part(home, port, [])
        login = engine.account(home)
        settings = Settings(
            clickhouse_port=port,
            clickhouse_database="default",
            clickhouse_user=login.user,
            clickhouse_password=login.password,
        )
        pool = WarehousePool(settings, size=2, timeout_s=2)
        with running(part, home) as process:
            alive = ask(pool)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            with pytest.raises(WarehouseUnavailable):
                ask(pool)

        with running(part, home):
            assert ask(pool) == alive
        pool.close()


def _home(folder: Path) -> tuple[Home, int]:
    home = Home(folder)
    home.prepare()
    return home, ports.choose({"clickhouse": 0})["clickhouse"]
