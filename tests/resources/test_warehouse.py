"""One connection to ClickHouse: rows whole or as a stream, parameters sent as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from resources.errors import WarehouseError, WarehouseUnavailable
from resources.migrations import migrate
from resources.publications import EPOCH, Build, current, naive, publish
from resources.settings import Settings
from resources.warehouse import Warehouse


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
    return warehouse.stream("reads/current_builds", mart="many", since=naive(EPOCH), until=until)


def test_a_stream_gives_every_row_once(warehouse: Warehouse) -> None:
    assert [row[1] for row in stream(warehouse)] == list(range(20_000))


def test_a_stream_that_was_left_early_does_not_answer_the_next_question(warehouse: Warehouse) -> None:
    rows = stream(warehouse)
    assert next(rows)[1] == 0
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
