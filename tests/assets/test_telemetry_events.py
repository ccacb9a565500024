"""What becomes of an event: published with its wearer, or set apart with a reason, and when an hour is read again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from assets.event_load import load
from resources.errors import BuildRejected, NotPublished
from resources.publications import current
from tests.assets.conftest import Marts, at

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
NOON = "2026-02-01T12:00:00"


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """One wearer with one chip, the CRM loaded."""
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    return marts


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"signal_amplitude": float("nan")}, "not_finite"),
        ({"signal_amplitude": float("inf")}, "not_finite"),
        ({"battery_level": float("nan")}, "not_finite"),
        ({"response_time_ms": float("-inf")}, "not_finite"),
        ({"latitude": float("nan"), "longitude": 10.0}, "not_finite"),
        ({"battery_level": 100.5}, "out_of_range"),
        ({"battery_level": -1}, "out_of_range"),
        ({"signal_duration": -1}, "out_of_range"),
        ({"signal_frequency": -1}, "out_of_range"),
        ({"response_time_ms": -1}, "out_of_range"),
        ({"latitude": 90.5}, "out_of_range"),
        ({"longitude": -180.5}, "out_of_range"),
        ({"saved_ts": at(NOON) - timedelta(hours=24, microseconds=1)}, "far_future"),
        ({"chip_id": "nobodys"}, "unowned_chip"),
    ],
)
def test_an_event_that_is_not_sound_is_set_apart_with_its_reason(
    worn: Marts, columns: dict[str, Any], reason: str
) -> None:
    good = worn.add_event(NOON)
    bad = worn.add_event(NOON, **columns)
    outcome = worn.build_events(DAY, NEXT)
    assert worn.published_ids() == [good]
    assert worn.quarantined() == {bad: reason}
    assert (outcome.source_rows, outcome.rows, outcome.quarantined) == (2, 1, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"battery_level": 0},
        {"battery_level": 100},
        {"signal_duration": 0, "signal_frequency": 0},
        {"response_time_ms": 0},
        {"latitude": -90.0, "longitude": 180.0},
        {"saved_ts": at(NOON) - timedelta(hours=24)},
        {"signal_amplitude": 1e300},
        {"saved_ts": at(NOON) + timedelta(days=90)},
    ],
)
def test_an_event_on_the_edge_of_soundness_is_published(worn: Marts, columns: dict[str, Any]) -> None:
    event = worn.add_event(NOON, **columns)
    worn.build_events(DAY, NEXT)
    assert worn.published_ids() == [event]


def test_two_events_with_the_same_content_are_two_movements(worn: Marts) -> None:
    events = [worn.add_event(NOON), worn.add_event(NOON)]
    worn.build_all(DAY, NEXT)
    assert worn.published_ids() == events
    assert worn.query("SELECT movements FROM user_daily_reports") == [(2,)]


def test_hours_belong_to_the_day_that_they_begin_in(worn: Marts) -> None:
    worn.add_event("2026-01-31T23:59:59.999999")
    inside = [worn.add_event("2026-02-01T00:00:00"), worn.add_event("2026-02-01T23:59:59.999999")]
    worn.add_event("2026-02-02T00:00:00")
    worn.build_events(DAY, NEXT)
    assert worn.published_ids() == inside


def test_events_before_the_first_day_are_set_apart_with_the_first_partition(marts: Marts) -> None:
    first_day = marts.settings.reports_first_day
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    old, ancient = marts.add_event("2023-12-31T23:59:59"), marts.add_event("1815-06-18T11:00:00")
    first = marts.add_event("2024-01-01T00:00:00")
    marts.build_events(first_day, first_day + timedelta(days=1))
    assert marts.published_ids() == [first]
    assert marts.quarantined() == {old: "before_first_day", ancient: "before_first_day"}


def test_a_late_event_moves_its_hour_only(worn: Marts) -> None:
    early = worn.add_event(NOON)
    worn.build_all(DAY, NEXT)
    before = current(worn.warehouse, "telemetry_events")
    late = worn.add_event("2026-02-01T07:30:00", saved_ts=at("2026-02-05"))
    events, stats, reports = worn.build_all(DAY, NEXT)
    after = current(worn.warehouse, "telemetry_events")
    assert worn.published_ids() == [early, late]
    assert [hour for hour in after if after[hour] != before[hour]] == [at("2026-02-01T07:00:00")]
    assert (events.rebuilt, stats.rebuilt, reports.rebuilt) == (1, 1, 1)
    assert worn.query("SELECT movements, uptime_hours FROM user_daily_reports") == [(2, 2)]


def test_a_rerun_changes_nothing(worn: Marts) -> None:
    worn.add_event(NOON)
    worn.build_all(DAY, NEXT)
    before = worn.query("SELECT * FROM publications ORDER BY build_id")
    outcomes = worn.build_all(DAY, NEXT)
    assert [(outcome.rebuilt, outcome.rows) for outcome in outcomes] == [(0, 1)] * 3
    assert worn.query("SELECT * FROM publications ORDER BY build_id") == before


def test_a_full_refresh_builds_the_same_content_again(worn: Marts) -> None:
    for second in range(50):
        worn.add_event(f"2026-02-01T12:00:{second:02d}", signal_amplitude=0.1 * second, battery_level=90 - second / 7)
    worn.build_all(DAY, NEXT)
    checksums = "SELECT mart, segment, checksum, rows, watermark FROM current_builds ORDER BY mart, segment"
    before = worn.query(checksums)
    outcomes = worn.build_all(DAY, NEXT, full_refresh=True)
    assert [outcome.rebuilt for outcome in outcomes] == [24, 24, 1]
    assert worn.query(checksums) == before


def test_an_emptied_hour_is_published_empty(worn: Marts) -> None:
    gone, stays = worn.add_event(NOON), worn.add_event("2026-02-01T13:00:00")
    worn.build_all(DAY, NEXT)
    worn.telemetry("DELETE FROM telemetry.raw_telemetry WHERE id = %s", gone)
    worn.build_all(DAY, NEXT)
    assert worn.published_ids() == [stays]
    assert worn.query("SELECT movements FROM user_daily_reports") == [(1,)]


def test_a_chip_that_changes_hands_keeps_its_history_with_each_wearer(worn: Marts) -> None:
    worn.add_wearer(2)
    worn.hand_over("chip-1", 2, at("2026-02-01T12:30:00"))
    worn.build_customers()
    first = worn.add_event("2026-02-01T12:29:59.999999")
    second = worn.add_event("2026-02-01T12:30:00")
    worn.build_events(DAY, NEXT)
    assert worn.query("SELECT id, user_id FROM telemetry_events ORDER BY id") == [(first, 1), (second, 2)]


def test_a_correction_in_the_crm_moves_the_hours_that_it_reaches(worn: Marts) -> None:
    morning, evening = worn.add_event("2026-02-01T08:00:00"), worn.add_event("2026-02-01T20:00:00")
    worn.build_events(DAY, NEXT)
    worn.add_wearer(2)
    worn.hand_over("chip-1", 2, at("2026-02-01T18:00:00"))
    worn.build_customers()
    outcome = worn.build_events(DAY, NEXT)
    assert worn.query("SELECT id, user_id FROM telemetry_events ORDER BY id") == [(morning, 1), (evening, 2)]
    assert outcome.rebuilt == 6


def test_an_unrelated_change_in_the_crm_moves_nothing(worn: Marts) -> None:
    worn.add_event(NOON)
    worn.build_events(DAY, NEXT)
    worn.crm("UPDATE crm.customers SET phone = '+0', updated_at = now()")
    worn.build_customers()
    assert worn.build_events(DAY, NEXT).rebuilt == 0


def test_an_unowned_chip_is_admitted_once_the_crm_knows_it(worn: Marts) -> None:
    event = worn.add_event(NOON, chip="chip-2")
    worn.build_events(DAY, NEXT)
    assert worn.quarantined() == {event: "unowned_chip"}
    worn.add_wearer(2, "chip-2")
    worn.build_customers()
    worn.build_events(DAY, NEXT)
    assert (worn.published_ids(), worn.quarantined()) == ([event], {})


def test_a_chip_that_two_people_claim_is_nobodys_while_they_do(worn: Marts) -> None:
    worn.add_wearer(2)
    worn.crm(
        "INSERT INTO crm.prostheses (id, chip_id, customer_id, model_id, valid_from, valid_to) "
        "VALUES (gen_random_uuid(), 'chip-1', 2, 1, '2026-02-01T10:00Z', '2026-02-01T12:00Z')"
    )
    worn.build_customers()
    before, during, after = (worn.add_event(f"2026-02-01T{hour}:00:00") for hour in ("09", "11", "12"))
    worn.build_events(DAY, NEXT)
    assert worn.published_ids() == [before, after]
    assert worn.quarantined() == {during: "contested_chip"}


def test_without_the_crm_nothing_is_built_and_the_error_says_what_to_do(marts: Marts) -> None:
    with pytest.raises(NotPublished, match=r"crm_customers was never published.*materialize it first"):
        marts.build_events(DAY, NEXT)


def test_a_build_that_lost_a_batch_is_rejected_and_readers_keep_the_one_before(
    worn: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = worn.add_event(NOON)
    worn.build_events(DAY, NEXT)
    worn.add_event(NOON)
    monkeypatch.setattr("assets.telemetry_events.load", lambda warehouse, _, *rest: load(warehouse, [], *rest))
    with pytest.raises(BuildRejected, match=r"12:00 UTC has 2 events in the source and 0 were written"):
        worn.build_events(DAY, NEXT)
    assert worn.published_ids() == [event]


def test_strings_come_through_whichever_and_however_many_they_are(worn: Marts) -> None:
    # More of them in one batch than two bytes can number, and two that are easily lost.
    worn.telemetry(
        "INSERT INTO telemetry.raw_telemetry (chip_id, event_time, saved_ts, muscle_group, signal_frequency, "
        "signal_duration, signal_amplitude, battery_level, error_code) SELECT 'chip-1', at, at, "
        "CASE n WHEN 1 THEN '' WHEN 2 THEN chr(1) || chr(65533) ELSE 'group ' || n END, 40, 600, 0.5, 90, 0 "
        "FROM generate_series(1, 70000) AS n, (SELECT timestamptz '2026-02-01 12:00Z' AS at) AS noon"
    )
    worn.build_events(DAY, NEXT)
    with psycopg.connect(worn.settings.telemetry_database_url) as source:
        sent = source.execute("SELECT id, muscle_group FROM telemetry.raw_telemetry ORDER BY id").fetchall()
    assert worn.query("SELECT id, muscle_group FROM telemetry_events ORDER BY id") == sent
