"""Days and instants at which figures go wrong elsewhere, each held against the recomputation of the source rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from resources.publications import current
from tests import recompute
from tests.assets.conftest import Marts, at, window

HOURLY = ("user_id", "prosthesis_id", "hour")
DAILY = ("user_id", "prosthesis_id", "day")
FIGURES = [
    "movements",
    "signal_duration_ms_sum",
    "usage_minutes",
    "response_ms_mean",
    "amplitude_mean",
    "battery_pct_mean",
    "battery_used_pct",
    "errors",
]
CHANGE_DAYS = [
    *("2026-03-29", "2026-10-25"),  # Europe
    *("2026-03-08", "2026-11-01"),  # North America
]
EVERY_HOUR = """
INSERT INTO telemetry.raw_telemetry (chip_id, event_time, saved_ts, muscle_group, signal_frequency, signal_duration,
    signal_amplitude, response_time_ms, battery_level, error_code)
SELECT 'chip-' || 1 + hour %% 2, %s::timestamptz + hour * interval '1 hour' + moment, now(), 'biceps', 40, 600,
    hour / 7.0, 90 + hour, 90 - hour, hour %% 5
FROM generate_series(0, 23) AS hour,
    unnest(ARRAY['0', '1 microsecond', '59 minutes 59.999999 seconds']::interval[]) AS moment"""
EDGES = ["2024-02-29", "2025-12-31", "2026-01-01"]


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """Two wearers with a chip each, the CRM loaded."""
    marts.add_wearer(1, "chip-1")
    marts.add_wearer(2, "chip-2")
    marts.build_customers()
    return marts


def assert_as_recomputed(marts: Marts, *days: date) -> None:
    """The days, and nothing else, are published as they follow from the source rows."""
    events = recompute.events(marts.settings.crm_database_url, marts.settings.telemetry_database_url)
    sound = events.filter("sound", pl.col("event_time").dt.date().is_in(days))
    assert marts.published_ids() == sound["id"].sort().to_list()
    for view, grain in (("user_prosthesis_stats", HOURLY), ("user_daily_reports", DAILY)):
        own = ["uptime_hours"] if grain == DAILY else []
        expected = recompute.metrics(sound, *grain).select(*grain, *FIGURES, *own)
        found = marts.query(f"SELECT {', '.join(expected.columns)} FROM {view}")  # noqa: S608
        rows = [tuple(_naive(cell) for cell in row) for row in found]
        actual = pl.DataFrame(rows, schema=expected.schema, orient="row")
        recompute.assert_same_figures(expected, actual, *grain)


def _naive(cell: object) -> object:
    return cell.replace(tzinfo=None) if isinstance(cell, datetime) else cell


def each_day(marts: Marts, days: list[str]) -> list[date]:
    """Three events in every hour of each day, at its very beginning and its very end; every mart built for the days."""
    for text in days:
        marts.telemetry(EVERY_HOUR, at(text))
    built = [date.fromisoformat(text) for text in days]
    for day in built:
        marts.build_all(day, day + timedelta(days=1))
    return built


def test_a_day_on_which_clocks_change_has_24_hours(worn: Marts) -> None:
    days = each_day(worn, CHANGE_DAYS)
    assert_as_recomputed(worn, *days)
    hours = worn.query("SELECT DISTINCT uptime_hours FROM user_daily_reports WHERE user_id = 1")
    assert hours == [(12,)]
    published = current(worn.warehouse, "telemetry_events")
    assert [len(window(day, day + timedelta(days=1)).hours()) for day in days] == [24] * 4
    assert [publication.rows for publication in published.values()] == [3] * 24 * 4


def test_leap_days_and_the_ends_of_years_are_days_like_others(worn: Marts) -> None:
    assert_as_recomputed(worn, *each_day(worn, EDGES))


def test_a_range_over_the_end_of_a_year_is_the_same_as_its_days(worn: Marts) -> None:
    last, first = date(2025, 12, 31), date(2026, 1, 1)
    worn.add_event("2025-12-31T23:59:59.999999", battery_level=80)
    worn.add_event("2026-01-01T00:00:00", battery_level=70)
    worn.build_all(last, first + timedelta(days=1))
    assert_as_recomputed(worn, last, first)
    # Across midnight the battery counts nothing.
    assert worn.query("SELECT day, battery_used_pct FROM user_daily_reports ORDER BY day") == [
        (last, 0.0),
        (first, 0.0),
    ]


def test_an_empty_day_is_published_empty_and_filled_when_something_comes(worn: Marts) -> None:
    day = date(2026, 2, 1)
    worn.build_all(day, day + timedelta(days=1))
    assert_as_recomputed(worn, day)
    assert {mart: len(current(worn.warehouse, mart)) for mart in ("telemetry_events", "user_daily_reports")} == {
        "telemetry_events": 24,
        "user_daily_reports": 1,
    }
    worn.add_event("2026-02-01T23:59:59.999999", response_time_ms=120, error_code=3)
    worn.build_all(day, day + timedelta(days=1))
    assert_as_recomputed(worn, day)
    assert worn.query("SELECT movements, uptime_hours FROM user_daily_reports") == [(1, 1)]


def test_a_chip_that_changes_hands_between_two_microseconds_leaves_each_event_with_its_wearer(worn: Marts) -> None:
    day, handed_over = date(2026, 2, 1), "2026-02-01T12:34:56.500000"
    worn.hand_over("chip-1", 2, at(handed_over))
    worn.build_customers()
    for moment in ("12:00:00", "12:34:56", "12:34:56.499999", "12:34:56.500000", "12:34:56.500001", "12:34:57"):
        worn.add_event(f"2026-02-01T{moment}", battery_level=90 - len(moment))
    worn.build_all(day, day + timedelta(days=1))
    assert_as_recomputed(worn, day)
    assert worn.query("SELECT user_id, movements FROM user_prosthesis_stats ORDER BY user_id") == [(1, 3), (2, 3)]


def test_a_prosthesis_of_one_hour_owns_just_that_hour(worn: Marts) -> None:
    day = date(2026, 2, 1)
    worn.crm(
        "INSERT INTO crm.prostheses (id, chip_id, customer_id, model_id, valid_from, valid_to) "
        "VALUES (gen_random_uuid(), 'chip-3', 1, 1, '2026-02-01T10:00Z', '2026-02-01T11:00Z')"
    )
    worn.build_customers()
    moments = ("09:59:59.999999", "10:00:00", "10:59:59.999999", "11:00:00")
    before, first, last, after = (worn.add_event(f"2026-02-01T{moment}", chip="chip-3") for moment in moments)
    worn.build_all(day, day + timedelta(days=1))
    assert_as_recomputed(worn, day)
    assert worn.published_ids() == [first, last]
    assert worn.quarantined() == {before: "unowned_chip", after: "unowned_chip"}


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_time_zone_of_the_sources_changes_nothing(worn: Marts, zone: str) -> None:
    """The databases' own default, which each new session begins with; Kolkata lies half an hour off."""
    for url in (worn.settings.crm_database_url, worn.settings.telemetry_database_url):
        name = url.rpartition("/")[2]
        setting = f"ALTER DATABASE {name} SET timezone TO '{zone}'"
        worn.crm(setting)
    day = date(2026, 3, 8)
    worn.hand_over("chip-1", 2, at("2026-03-08T06:30:00"))
    for moment in ("00:00:00", "05:29:59.999999", "06:29:59.999999", "06:30:00", "18:30:00", "23:59:59.999999"):
        worn.add_event(f"2026-03-08T{moment}")
    worn.crm(
        "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id) VALUES "
        "('2026-03-07T23:59:59.999999Z', 'a', 'update', 'deal', 1), "
        "('2026-03-08T00:00:00Z', 'a', 'update', 'deal', 1), "
        "('2026-03-08T23:59:59.999999Z', 'b', 'update', 'deal', 1), ('2026-03-09T00:00:00Z', 'a', 'update', 'deal', 1)"
    )
    worn.build_customers()
    worn.build_all(day, day + timedelta(days=1))
    worn.build_audit(day, day + timedelta(days=1))
    assert_as_recomputed(worn, day)
    assert worn.query("SELECT day, events, actors FROM audit_activity") == [(day, 2, 2)]
