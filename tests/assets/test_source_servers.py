"""A source that was restored or replaced counts its transactions anew; what is read from it wins all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from assets.partitions import early_window
from assets.telemetry_events import EventsBuild
from resources.errors import SourceError, SourceReplaced
from resources.publications import EPOCH, current
from resources.settings import Settings
from resources.source import snapshot
from resources.source_servers import source_seq
from resources.warehouse import Warehouse
from tests.assets.conftest import Marts, window
from tests.engines import home_folder, postgres_server

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
NOON = "2026-02-01T12:00:00"
FIRST, SECOND, THIRD = (7_000, 1), (7_000, 2), (6_000, 1)


@pytest.fixture
def restored(marts: Marts) -> Iterator[Marts]:
    """The same marts, with the telemetry in a cluster of its own that has counted fewer transactions."""
    with home_folder() as folder, postgres_server(folder) as server:
        url = server.create_database("restored", template="sources")
        yield Marts(msgspec.structs.replace(marts.settings, telemetry_database_url=url), marts.warehouse)


@pytest.fixture
def warehouse(warehouse_settings: Settings) -> Iterator[Warehouse]:
    """A warehouse that remembers no server yet."""
    with Warehouse(msgspec.structs.replace(warehouse_settings, clickhouse_database="default")) as server:
        server.run("database", database=warehouse_settings.clickhouse_database)
    with Warehouse(warehouse_settings) as warehouse:
        warehouse.run("tables/0025_source_servers")
        yield warehouse


def copy_telemetry(source: str, target: str) -> None:
    with (
        psycopg.connect(source) as reading,
        psycopg.connect(target) as writing,
        reading.cursor().copy("COPY telemetry.raw_telemetry TO STDOUT") as rows,
        writing.cursor().copy("COPY telemetry.raw_telemetry FROM STDIN") as sink,
    ):
        for row in rows:
            sink.write(row)


def test_what_is_read_from_a_restored_server_replaces_what_was_read_before(marts: Marts, restored: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(NOON, battery_level=90)
    copy_telemetry(marts.settings.telemetry_database_url, restored.settings.telemetry_database_url)
    # Later than the backup, so lost with the first server; and the first has counted far more transactions.
    lost = marts.add_event(NOON, battery_level=80)
    for _ in range(50):
        marts.telemetry("UPDATE telemetry.raw_telemetry SET error_code = 0")
    marts.build_all(DAY, NEXT)
    with snapshot(marts.settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL") as source:
        sleeper = EventsBuild(marts.warehouse, source, early_window(marts.settings), "sleeper", lambda _: None)
        restored.telemetry("UPDATE telemetry.raw_telemetry SET battery_level = 50")
        restored.build_all(DAY, NEXT)
        mended = marts.query("SELECT id, battery_level FROM telemetry_events")
        assert mended == [(lost - 1, 50.0)]
        assert marts.query("SELECT movements, battery_pct_mean FROM user_daily_reports") == [(1, 50.0)]
        sleeper.materialize(window(DAY, NEXT), full_refresh=True)
    assert marts.query("SELECT id, battery_level FROM telemetry_events") == mended
    with pytest.raises(SourceReplaced, match="was read from a newer PostgreSQL since"):
        marts.build_events(DAY, NEXT)


def test_a_server_that_appears_later_is_newer_whatever_it_has_counted(warehouse: Warehouse) -> None:
    first = source_seq(warehouse, "crm", *FIRST, 900 << 16)
    assert first == 900 << 16
    promoted = source_seq(warehouse, "crm", *SECOND, 901 << 16)
    replaced = source_seq(warehouse, "crm", *THIRD, 1 << 16)
    assert first < promoted < replaced
    assert source_seq(warehouse, "crm", *THIRD, 1 << 16) == replaced
    assert source_seq(warehouse, "telemetry", *THIRD, 5) == 5
    for older in (FIRST, SECOND):
        with pytest.raises(SourceReplaced):
            source_seq(warehouse, "crm", *older, 999 << 16)


def test_two_processes_that_meet_a_server_at_once_agree(warehouse: Warehouse) -> None:
    source_seq(warehouse, "crm", *FIRST, 1)
    for _ in range(2):
        warehouse.insert_rows("builds/source_servers", [("crm", *SECOND)])
    assert source_seq(warehouse, "crm", *SECOND, 1) == (1 << 56) + 1


def test_a_server_that_was_left_by_mistake_can_be_taken_back(warehouse: Warehouse) -> None:
    source_seq(warehouse, "crm", *FIRST, 1)
    left = source_seq(warehouse, "crm", *THIRD, 900)
    warehouse.insert_rows("builds/source_servers", [("crm", *FIRST)])
    assert source_seq(warehouse, "crm", *FIRST, 1) > left
    with pytest.raises(SourceReplaced):
        source_seq(warehouse, "crm", *THIRD, 901)


def test_an_order_that_the_number_cannot_hold_is_an_error_and_never_a_wrong_order(warehouse: Warehouse) -> None:
    with pytest.raises(SourceError, match="the warehouse has no room for more"):
        source_seq(warehouse, "crm", *FIRST, 1 << 56)
    servers = [("telemetry", number, 1) for number in range(256)]
    warehouse.insert_rows("builds/source_servers", servers)
    assert source_seq(warehouse, "telemetry", *servers[-1][1:], 1) == (255 << 56) + 1
    with pytest.raises(SourceError, match="was read from 257 servers"):
        source_seq(warehouse, "telemetry", 256, 1, 1)


def test_a_role_that_may_only_read_is_enough(marts: Marts) -> None:
    marts.crm("DROP ROLE IF EXISTS only_reads")
    marts.crm("CREATE ROLE only_reads LOGIN PASSWORD 'reads'")
    marts.crm("GRANT USAGE ON SCHEMA crm TO only_reads")
    marts.crm("GRANT SELECT ON ALL TABLES IN SCHEMA crm TO only_reads")
    try:
        url = make_conninfo(marts.settings.crm_database_url, user="only_reads", password="reads")
        reader = Marts(msgspec.structs.replace(marts.settings, crm_database_url=url), marts.warehouse)
        marts.add_wearer(1)
        assert reader.build_customers().rows == 1
        assert current(marts.warehouse, "crm_customers")[EPOCH].source_seq < 1 << 56
    finally:
        marts.crm("DROP OWNED BY only_reads")
        marts.crm("DROP ROLE only_reads")
