"""Arrivals are noticed once each, whatever the order in which transactions commit, and whoever dies meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench.fuzz import MortalWarehouse, follow
from bench.writers import Habits
from resources import arrivals
from resources.arrivals import LOWEST, Fence, State, Tick
from resources.errors import SettingsError, SourceError, SourceUnavailable
from resources.migrations import migrate
from resources.publications import EPOCH
from resources.settings import Settings
from resources.warehouse import Warehouse

COLUMNS = "chip_id, event_time, saved_ts, muscle_group, signal_frequency, signal_duration, signal_amplitude, "
INSERT = (
    f"INSERT INTO telemetry.raw_telemetry ({COLUMNS} battery_level, error_code) "  # noqa: S608
    "VALUES ('chip-1', %s, %s, 'biceps', 40, 600, 0.5, 90, 0) RETURNING id"
)
SAVED = "2026-02-01T12:00:00Z"
HELD = """
SELECT segment, count(*), sum(id)::bigint, (extract(epoch FROM max(saved_ts)) * 1000000)::bigint
FROM (
    SELECT id, saved_ts, CASE
        WHEN event_time < '2024-01-01Z' THEN '1970-01-01Z'
        WHEN event_time >= '2100-01-01Z' THEN '2100-01-01Z'
        ELSE date_trunc('hour', event_time, 'UTC')
    END AS segment
    FROM telemetry.raw_telemetry
) AS events
GROUP BY segment"""


class Telemetry(msgspec.Struct):
    """An empty source, and the warehouse that what arrives in it is noticed in."""

    settings: Settings
    warehouse: Warehouse

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.settings.telemetry_database_url)

    def execute(self, statement: str, *parameters: object) -> None:
        with self.connect() as connection:
            connection.execute(statement.encode(), parameters)

    def add(self, event_time: str = "2026-02-01T12:30:00Z") -> int:
        with self.connect() as connection:
            return insert(connection, event_time)

    def tick(self, **bounds: int) -> Tick:
        with arrivals.connect(self.settings) as source:
            return arrivals.tick(source, self.warehouse, self.settings, **bounds)

    def noticed(self) -> dict[datetime, tuple[int, ...]]:
        found = self.warehouse._reader.execute("SELECT segment, fingerprint FROM noticed_segments FINAL")
        return {segment.replace(tzinfo=UTC): tuple(fingerprint) for segment, fingerprint in found if fingerprint[0]}

    def held(self) -> dict[datetime, tuple[int, ...]]:
        with self.connect() as connection:
            return {segment.astimezone(UTC): tuple(held) for segment, *held in connection.execute(HELD)}


def insert(connection: psycopg.Connection[tuple[Any, ...]], event_time: str = "2026-02-01T12:30:00Z") -> int:
    row = connection.execute(INSERT, (event_time, SAVED)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def telemetry(fresh_settings: Callable[[], Settings]) -> Iterator[Telemetry]:
    settings = fresh_settings()
    migrate(settings)
    with Warehouse(settings) as warehouse:
        yield Telemetry(settings, warehouse)


def test_nothing_that_is_committed_is_missed_and_each_row_is_read_once(telemetry: Telemetry) -> None:
    habits = Habits(longest_s=1.0)
    written, followed = follow(telemetry.settings, telemetry.warehouse, habits, rows=4_000, seed=1)
    assert telemetry.noticed() == telemetry.held()
    assert sum(events for events, *_ in telemetry.noticed().values()) == len(written.ids)
    assert written.rolled_back > 0
    assert len(written.ids) <= followed.rows_read <= 1.05 * len(written.ids)


def test_nothing_is_missed_where_the_one_who_notices_dies_at_any_moment_and_forgets(telemetry: Telemetry) -> None:
    with MortalWarehouse(telemetry.settings, random.Random(2)) as warehouse:  # noqa: S311 - a fuzz repeats its chances
        _, followed = follow(telemetry.settings, warehouse, Habits(longest_s=1.0), rows=2_000, seed=2)
    assert followed.killed > 0
    assert telemetry.noticed() == telemetry.held()


def test_an_event_that_is_committed_after_later_ones_is_noticed(telemetry: Telemetry) -> None:
    with telemetry.connect() as slow:
        early = insert(slow, "2026-02-01T08:30:00Z")
        late = telemetry.add()
        assert telemetry.tick().rows_read == 1
        assert (telemetry.tick().rows_read, len(telemetry.noticed())) == (0, 1)
        slow.commit()
    assert early < late
    assert telemetry.tick().rows_read == 1
    assert telemetry.noticed() == telemetry.held()


def test_a_number_whose_transaction_was_rolled_back_is_waited_for_until_that_has_ended(telemetry: Telemetry) -> None:
    with telemetry.connect() as undecided:
        lost = insert(undecided)
        telemetry.add()
        telemetry.tick()
        # What is below the first number has been settled at once, but for this transaction.
        assert arrivals.load(telemetry.warehouse).gaps[-1][1] == lost + 1
        undecided.rollback()
    telemetry.tick()
    assert (arrivals.load(telemetry.warehouse).gaps, arrivals.load(telemetry.warehouse).fences) == ((), ())


def test_a_tick_with_nothing_new_writes_nothing(telemetry: Telemetry) -> None:
    telemetry.add()
    telemetry.tick()
    telemetry.tick()
    assert telemetry.warehouse._reader.execute("SELECT count() FROM arrival_states") == [(1,)]
    assert telemetry.warehouse._reader.execute("SELECT count() FROM noticed_segments") == [(1,)]


def test_a_long_history_is_noticed_in_steps_that_lose_nothing(telemetry: Telemetry) -> None:
    with telemetry.connect() as slow:
        insert(slow)
        for hour in range(10, 20):
            telemetry.add(f"2026-02-01T{hour}:30:00Z")
        steps = [telemetry.tick(ids_at_once=4) for _ in range(3)]
        slow.commit()
    assert [(step.rows_read, step.more) for step in steps] == [(4, True), (4, True), (2, False)]
    assert telemetry.tick(ids_at_once=4).rows_read == 1
    assert telemetry.noticed() == telemetry.held()


def test_numbers_that_jump_cost_nothing(telemetry: Telemetry) -> None:
    telemetry.add()
    telemetry.execute("SELECT setval('telemetry.raw_telemetry_id_seq', 4000000000000000000)")
    telemetry.add()
    telemetry.add()
    assert telemetry.tick().rows_read == 3
    assert telemetry.noticed()[datetime(2026, 2, 1, 12, tzinfo=UTC)][1] == 8000000000000000004


def test_an_event_of_any_time_belongs_to_a_segment(telemetry: Telemetry) -> None:
    segments = {
        "1969-12-31T23:59:59Z": EPOCH,
        "2023-12-31T23:59:59.999999Z": EPOCH,
        "2024-01-01T00:00:00Z": datetime(2024, 1, 1, tzinfo=UTC),
        "2099-12-31T23:59:59.999999Z": datetime(2099, 12, 31, 23, tzinfo=UTC),
        "2100-01-01T00:00:00Z": datetime(2100, 1, 1, tzinfo=UTC),
        "290000-01-01T00:00:00Z": datetime(2100, 1, 1, tzinfo=UTC),
        "infinity": datetime(2100, 1, 1, tzinfo=UTC),
    }
    for event_time in segments:
        telemetry.add(event_time)
    telemetry.tick()
    assert {segment: held[0] for segment, held in telemetry.noticed().items()} == Counter(segments.values())
    assert telemetry.noticed() == telemetry.held()


def test_an_instant_that_no_calendar_has_breaks_no_tick(telemetry: Telemetry) -> None:
    telemetry.add("-infinity")
    telemetry.execute("UPDATE telemetry.raw_telemetry SET saved_ts = 'infinity'")
    telemetry.add()
    telemetry.execute("UPDATE telemetry.raw_telemetry SET saved_ts = 'infinity'")
    assert telemetry.tick().segments == 2
    assert telemetry.noticed()[datetime(2026, 2, 1, 12, tzinfo=UTC)][0] == 1


def test_a_table_that_was_emptied_and_begun_anew_is_read_from_the_beginning(telemetry: Telemetry) -> None:
    for _ in range(3):
        telemetry.add()
    telemetry.tick()
    telemetry.execute("TRUNCATE telemetry.raw_telemetry RESTART IDENTITY")
    telemetry.add("2026-02-02T12:30:00Z")
    tick = telemetry.tick()
    assert (tick.started_anew, tick.rows_read) == (True, 1)


def test_deleting_the_newest_event_has_nothing_read_again(telemetry: Telemetry) -> None:
    telemetry.add()
    last = telemetry.add()
    telemetry.tick()
    telemetry.execute("DELETE FROM telemetry.raw_telemetry WHERE id = %s", last)
    assert (telemetry.tick().started_anew, telemetry.tick().rows_read) == (False, 0)


def test_another_server_is_read_from_the_beginning(telemetry: Telemetry) -> None:
    telemetry.add()
    telemetry.tick()
    telemetry.warehouse.insert_rows("builds/source_servers", [("telemetry", 1, 1)])
    with arrivals.connect(telemetry.settings) as source:
        (server, timeline, _) = arrivals._row(source, "sources/source_seq")
    telemetry.warehouse.insert_rows("builds/source_servers", [("telemetry", server, timeline)])
    tick = telemetry.tick()
    assert (tick.started_anew, tick.rows_read, tick.source_seq >> 56) == (True, 1, 2)


def test_a_role_that_may_only_read_the_table_is_enough(telemetry: Telemetry) -> None:
    role = sql.Identifier("reader_" + telemetry.settings.clickhouse_database)
    with telemetry.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reads'").format(role))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA telemetry TO {}").format(role))
        connection.execute(sql.SQL("GRANT SELECT ON telemetry.raw_telemetry TO {}").format(role))
    name = role.as_string().strip('"')
    url = make_conninfo(telemetry.settings.telemetry_database_url, user=name, password="reads")
    reader = msgspec.structs.replace(telemetry.settings, telemetry_database_url=url)
    with telemetry.connect() as slow:
        insert(slow)
        telemetry.add()
        with arrivals.connect(reader) as source:
            assert arrivals.tick(source, telemetry.warehouse, reader).breaches == ()
            slow.commit()
            assert arrivals.tick(source, telemetry.warehouse, reader).rows_read == 1
    assert telemetry.noticed() == telemetry.held()


def test_a_breach_of_what_noticing_takes_for_granted_is_said(telemetry: Telemetry) -> None:
    telemetry.execute("ALTER SEQUENCE telemetry.raw_telemetry_id_seq CACHE 50")
    assert [breach.split(" (")[1] for breach in telemetry.tick().breaches] == ["CACHE 1, NO CYCLE)."]
    telemetry.execute("ALTER TABLE telemetry.raw_telemetry ALTER id DROP IDENTITY")
    assert [breach[:45] for breach in telemetry.tick().breaches] == ["The numbers of raw_telemetry come from no seq"]


def test_a_source_that_is_away_or_not_set_is_named() -> None:
    with pytest.raises(SettingsError, match="TELEMETRY_DATABASE_URL is not set"), arrivals.connect(Settings()):
        pass
    away = Settings(telemetry_database_url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(SourceUnavailable, match="TELEMETRY_DATABASE_URL does not answer"), arrivals.connect(away):
        pass


def test_a_source_without_the_table_is_named(telemetry: Telemetry) -> None:
    telemetry.execute("DROP TABLE telemetry.raw_telemetry")
    with pytest.raises(SourceError, match="SQLSTATE 42P01"):
        telemetry.tick()


def test_gaps_lose_the_numbers_that_came() -> None:
    assert arrivals.without([(1, 5), (8, 9), (10, 20)], [1, 3, 8, 12, 19]) == [(2, 3), (4, 5), (10, 12), (13, 19)]


def test_gaps_up_to_what_is_settled_are_given_up() -> None:
    assert arrivals.given_up([(1, 5), (8, 11), (10, 20)], 9) == [(10, 11), (10, 20)]
    assert arrivals.given_up([(1, 5)], LOWEST) == [(1, 5)]


def test_a_fence_falls_when_all_that_ran_behind_it_have_ended() -> None:
    older, newer = Fence(10, frozenset({"1/1"})), Fence(20, frozenset({"1/1", "2/2"}))
    assert arrivals.fenced([older, newer], Fence(30, frozenset({"2/2", "3/3"}))) == (
        [Fence(20, frozenset({"2/2"})), Fence(30, frozenset({"2/2", "3/3"}))],
        10,
    )


def test_of_fences_that_wait_for_the_same_only_the_furthest_is_kept() -> None:
    old = [Fence(upto, frozenset({"1/1"})) for upto in (10, 20)]
    assert arrivals.fenced(old, Fence(30, frozenset({"1/1"}))) == ([Fence(30, frozenset({"1/1"}))], LOWEST)


def test_a_state_survives_being_written_down(telemetry: Telemetry) -> None:
    state = State(epoch=1, hi=5, gaps=((1, 3),), fences=(Fence(5, frozenset({"1/1"})),))
    arrivals.save(telemetry.warehouse, State(), state)
    assert arrivals.load(telemetry.warehouse) == state
