"""A run that follows arrivals publishes what a run that compares everything would, and reads no other hours."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from assets.counts import count_telemetry
from assets.outcome import Outcome
from assets.partitions import FIRST, LAST, NOTICED_UNTIL, early_window
from assets.telemetry_events import EventsBuild
from resources import arrivals
from resources.freshness import completeness
from resources.publications import current
from resources.source import snapshot
from tests.assets.conftest import Marts, at, window
from tests.engines import wait_until

DAY, NEXT, AFTER = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)
NOON = "2026-02-01T12:00:00"
LOOKED = at("2026-02-01T18:00:00")

TELEMETRY = "('telemetry_events', 'user_prosthesis_stats', 'user_daily_reports')"


def notice(marts: Marts) -> None:
    with arrivals.connect(marts.settings) as source:
        while arrivals.tick(source, marts.warehouse, marts.settings, ids_at_once=1_000).more:
            pass


def follow(marts: Marts, since: date = DAY, until: date = NEXT, noticed_at: datetime = LOOKED) -> Outcome:
    """What a run does that the sensor has asked for."""
    with snapshot(marts.settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL") as source:
        build = EventsBuild(marts.warehouse, source, early_window(marts.settings), "following", lambda _: None)
        return build.materialize(window(since, until), noticed_at=noticed_at)


def reconcile(marts: Marts, since: date = DAY, until: date = NEXT) -> None:
    """What the hourly comparison notices by counting."""
    with snapshot(marts.settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL") as source:
        count_telemetry(marts.warehouse, source, marts.settings, window(since, until))


def content(marts: Marts) -> list[tuple[object, ...]]:
    """What is published of the telemetry marts, whichever the builds."""
    return marts.query(
        f"SELECT mart, segment, rows, checksum, watermark FROM current_builds WHERE mart IN {TELEMETRY} ORDER BY ALL"  # noqa: S608
    )


def set_apart(marts: Marts) -> list[tuple[object, ...]]:
    return marts.query("SELECT id, reason FROM quarantine ORDER BY ALL")


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """One wearer with one chip; a day with events in two hours, noticed and built."""
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(NOON)
    marts.add_event("2026-02-01T07:00:00")
    notice(marts)
    marts.build_all(DAY, NEXT)
    return marts


def test_only_hours_in_which_something_was_noticed_are_read(worn: Marts) -> None:
    late = worn.add_event(NOON)
    notice(worn)
    # Of these the sensor has not heard: they came after it looked.
    unnoticed = worn.add_event("2026-02-01T07:30:00")
    assert follow(worn).rebuilt == 1
    assert late in worn.published_ids()
    assert unnoticed not in worn.published_ids()
    assert worn.build_events(DAY, NEXT).rebuilt == 1
    assert unnoticed in worn.published_ids()


def test_the_source_is_asked_for_no_other_rows(worn: Marts) -> None:
    worn.telemetry(
        "INSERT INTO telemetry.raw_telemetry (chip_id, event_time, saved_ts, muscle_group, signal_frequency, "
        "signal_duration, signal_amplitude, battery_level, error_code) "
        "SELECT 'chip-1', '2026-02-01T03:00Z'::timestamptz + number * interval '1 ms', '2026-02-01T04:00Z', 'biceps', "
        "40, 600, 0.5, 90, 0 "
        "FROM generate_series(1, 5000) AS number"
    )
    notice(worn)
    assert follow(worn).rows == 5002
    worn.add_event(NOON)
    notice(worn)
    before = fetched(worn)
    outcome = follow(worn)
    assert (outcome.rebuilt, outcome.kept, outcome.source_rows, outcome.rows) == (1, 23, 5003, 5003)
    # The two events of the hour, for the fingerprint and for the build.
    assert fetched(worn) - before == 4


def fetched(marts: Marts) -> int:
    """Rows of telemetry that PostgreSQL has read so far, for whomever: a backend tells what it counted when it ends."""
    counted = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'raw_telemetry'"
    others = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        " AND pid != pg_backend_pid()"
    )
    with psycopg.connect(marts.settings.telemetry_database_url, autocommit=True) as source:
        wait_until(lambda: not source.execute(others).fetchall(), "nobody else is connected")
        return int(source.execute(counted).fetchall()[0][0])


def test_a_run_that_follows_publishes_what_one_that_compares_all_would(marts: Marts) -> None:
    chance = random.Random(5)  # noqa: S311 - a test repeats its chances
    for user_id in (1, 2, 3):
        marts.add_wearer(user_id, f"chip-{user_id}")
    marts.build_customers()
    events: list[int] = []
    for step in range(12):
        for _ in range(chance.randint(1, 6)):
            moment = at("2026-02-01T00:00:00") + timedelta(minutes=chance.randrange(2 * 24 * 60))
            chip, level = f"chip-{chance.randint(1, 4)}", chance.choice((90, 80.5, 200))
            events.append(marts.add_event(f"{moment:%FT%T}", chip, battery_level=level))
        notice(marts)
        if step % 4 == 3:
            # Hours are emptied, or lose an event: the comparison by counts notices that.
            for gone in chance.sample(events, 3):
                marts.telemetry("DELETE FROM telemetry.raw_telemetry WHERE id = %s", gone)
            reconcile(marts, DAY, AFTER)
        if step == 5:
            marts.hand_over("chip-2", 3, at("2026-02-01T18:20:00"))
            marts.build_customers()
        follow(marts, DAY, AFTER)
        marts.build_stats(DAY, AFTER)
        marts.build_reports(DAY, AFTER)
    reconcile(marts, DAY, AFTER)
    follow(marts, DAY, AFTER)
    followed = content(marts), set_apart(marts), marts.published_ids()
    outcomes = marts.build_all(DAY, AFTER)
    assert [outcome.rebuilt for outcome in outcomes] == [0, 0, 0]
    marts.build_all(DAY, AFTER, full_refresh=True)
    assert (content(marts), set_apart(marts), marts.published_ids()) == followed
    assert set(current(marts.warehouse, "telemetry_events")) == {
        at("2026-02-01T00:00:00") + timedelta(hours=hour) for hour in range(48)
    }


def test_hours_that_others_wore_the_chips_in_are_read(worn: Marts) -> None:
    worn.add_wearer(2)
    worn.hand_over("chip-1", 2, at("2026-02-01T11:00:00"))
    worn.build_customers()
    assert follow(worn).rebuilt == 13
    assert worn.query("SELECT user_id FROM telemetry_events ORDER BY event_time") == [(1,), (2,)]


def test_a_build_that_was_found_wrong_is_made_again(worn: Marts) -> None:
    wrong = current(worn.warehouse, "telemetry_events")[at(NOON)]
    faulty = ("telemetry_events", wrong.segment.replace(tzinfo=None), wrong.build_id, "rows_differ")
    worn.warehouse.insert_rows("builds/faulty_builds", [faulty])
    assert follow(worn).rebuilt == 1
    assert current(worn.warehouse, "telemetry_events")[at(NOON)].build_id > wrong.build_id


def test_a_first_day_gets_every_hour_and_what_is_older_than_it(marts: Marts) -> None:
    first_day = marts.settings.reports_first_day
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    old, first = marts.add_event("2023-12-31T23:59:59"), marts.add_event("2024-01-01T00:00:00")
    notice(marts)
    assert follow(marts, first_day, first_day + timedelta(days=1)).rebuilt == 25
    assert (marts.published_ids(), marts.quarantined()) == ([first], {old: "before_first_day"})
    older = marts.add_event("2023-06-01T00:00:00")
    notice(marts)
    assert follow(marts, first_day, first_day + timedelta(days=1)).rebuilt == 1
    assert marts.quarantined() == {old: "before_first_day", older: "before_first_day"}


def test_a_mart_is_complete_up_to_the_look_and_no_further(worn: Marts) -> None:
    worn.add_event(NOON)
    notice(worn)
    follow(worn, noticed_at=LOOKED)
    worn.build_stats(DAY, NEXT)
    worn.build_reports(DAY, NEXT)
    assert set(completeness(worn.warehouse).values()) >= {LOOKED}
    assert completeness(worn.warehouse)["user_daily_reports"] == LOOKED
    later = LOOKED + timedelta(minutes=5)
    follow(worn, noticed_at=later)
    assert completeness(worn.warehouse)["telemetry_events"] == later


def test_a_full_refresh_reads_everything_whoever_asked(worn: Marts) -> None:
    with snapshot(worn.settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL") as source:
        build = EventsBuild(worn.warehouse, source, early_window(worn.settings), "following", lambda _: None)
        assert build.materialize(window(DAY, NEXT), full_refresh=True, noticed_at=LOOKED).rebuilt == 24


def test_a_run_is_told_by_its_tag(worn: Marts, environment: None) -> None:  # noqa: ARG001 - it is asked for what it sets
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment of the test

    worn.add_event(NOON)
    notice(worn)
    unnoticed = worn.add_event("2026-02-01T07:30:00")
    job = reports().resolve_implicit_global_asset_job_def()
    days = {FIRST: str(DAY), LAST: str(DAY)}
    selected = [dg.AssetKey(mart) for mart in ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")]
    with dg.DagsterInstance.ephemeral() as instance:
        for tags, seen in (({NOTICED_UNTIL: LOOKED.isoformat()}, False), ({}, True)):
            assert job.execute_in_process(instance=instance, asset_selection=selected, tags=days | tags).success
            assert (unnoticed in worn.published_ids()) is seen


def test_what_a_run_left_unchecked_is_checked_by_the_next(worn: Marts, environment: None) -> None:  # noqa: ARG001
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment of the test

    lost = worn.add_event(NOON)
    notice(worn)
    # This run died before its check, and what it published has lost an event.
    follow(worn)
    worn.query(f"DELETE FROM telemetry_events_builds WHERE id = {lost}")  # noqa: S608
    job = reports().resolve_implicit_global_asset_job_def()
    tags = {FIRST: str(DAY), LAST: str(DAY), NOTICED_UNTIL: LOOKED.isoformat()}
    selected = [dg.AssetKey(mart) for mart in ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")]
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(instance=instance, asset_selection=selected, tags=tags, raise_on_error=False)
    found = {each.check_name: each for each in done.get_asset_check_evaluations() if each.blocking}
    looked_at = {name: each.metadata["looked_at"].value for name, each in found.items()}
    assert (found["conserved"].passed, found["grain_unique"].passed) == (False, True)
    # Of the hour at noon, and of no other.
    assert looked_at == {"conserved": 2, "grain_unique": 1}
    assert worn.query("SELECT sum(movements) FROM user_prosthesis_stats") == [(2,)]
