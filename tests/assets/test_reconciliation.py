"""Differences between sources and marts are found, named and recorded, and gone once what was found is built again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime

import dagster as dg
import msgspec
import pytest

from assets import event_comparison, orphans
from assets.comparisons import Scope, due, reconcile_audit, reconcile_crm, reconcile_telemetry
from assets.findings import Compared, Finding, record_faults, table
from assets.reconciliation import reconcile
from resources.dagster import CrmSource, TelemetrySource, WarehouseResource
from resources.migrations import migrate
from resources.publications import DAY, HOUR, current, publish
from resources.settings import Settings
from resources.source import Snapshot, snapshot
from resources.warehouse import Warehouse
from tests.assets.conftest import Marts, at, window

EMPTY_DAY, EVENTS_DAY, STATS_DAY, DAILY_DAY, SUMS_DAY, END = (date(2026, 2, day) for day in range(1, 7))
WHOLE = window(EMPTY_DAY, END)
AUDIT_DAYS = window(EMPTY_DAY, SUMS_DAY)

Line = tuple[str, str, str, int, str]


def line(mart: str, segment: str, reason: str) -> Line:
    return (mart, segment, segment, 1, reason)


def events(hour: int, reason: str, day: date = EVENTS_DAY) -> Line:
    return line("telemetry_events", f"{day} {hour:02}:00", reason)


def stats(hour: int, reason: str) -> Line:
    return line("user_prosthesis_stats", f"{STATS_DAY} {hour:02}:00", reason)


def in_source(sql: str) -> Callable[[Marts], object]:
    return lambda marts: marts.telemetry(sql)


def in_crm(sql: str) -> Callable[[Marts], object]:
    return lambda marts: marts.crm(sql)


def in_mart(sql: str) -> Callable[[Marts], object]:
    return lambda marts: marts.query(f"{sql} SETTINGS mutations_sync = 1, lightweight_deletes_sync = 1")


def published_as_it_is(mart: str, segment: str, change: str) -> Callable[[Marts], object]:
    """Change rows of a build and its publication with them, so that only what it was made from can tell."""

    def change_both(marts: Marts) -> None:
        in_mart(change)(marts)
        build = current(marts.warehouse, mart)[at(segment)]
        bounds = {"since": at(segment), "until": at(segment) + DAY}
        [[_, rows, *_, checksum, _]] = marts.warehouse.rows(f"reads/{mart}_totals", builds=[build.build_id], **bounds)
        publish(marts.warehouse, [msgspec.structs.replace(build, rows=rows, checksum=checksum)], "run-of-the-test")

    return change_both


BREAKS: dict[str, tuple[Callable[[Marts], object], list[Line]]] = {
    "a row deleted in the source": (
        in_source("DELETE FROM telemetry.raw_telemetry WHERE event_time = '2026-02-02 00:10Z'"),
        [events(0, "counts_differ")],
    ),
    "an hour emptied in the source": (
        in_source("DELETE FROM telemetry.raw_telemetry WHERE date_trunc('hour', event_time) = '2026-02-02 01:00Z'"),
        [events(1, "counts_differ")],
    ),
    "a row that was added and never noticed": (
        lambda marts: marts.add_event("2026-02-02T02:30:00"),
        [events(2, "counts_differ")],
    ),
    "a row moved to another day": (
        in_source(
            "UPDATE telemetry.raw_telemetry SET event_time = '2026-02-01 12:00Z' WHERE event_time = '2026-02-02 03:10Z'"
        ),
        [events(12, "counts_differ", EMPTY_DAY), events(3, "counts_differ")],
    ),
    "a measurement corrected in place": (
        in_source("UPDATE telemetry.raw_telemetry SET signal_amplitude = '-0' WHERE event_time = '2026-02-02 04:10Z'"),
        [events(4, "differs_from_source")],
    ),
    "a place that was lost in place": (
        in_source("UPDATE telemetry.raw_telemetry SET latitude = NULL WHERE event_time = '2026-02-02 05:10Z'"),
        [events(5, "differs_from_source")],
    ),
    "a chip corrected in place": (
        in_source("UPDATE telemetry.raw_telemetry SET chip_id = 'nobodys' WHERE event_time = '2026-02-02 06:10Z'"),
        [events(6, "differs_from_source")],
    ),
    "an unsound row corrected in place": (
        in_source("UPDATE telemetry.raw_telemetry SET error_code = 7 WHERE event_time = '2026-02-02 07:20Z'"),
        [events(7, "differs_from_source")],
    ),
    "published rows lost": (
        in_mart("DELETE FROM telemetry_events_builds WHERE event_time = '2026-02-02 08:10:00'"),
        [events(8, "rows_differ")],
    ),
    "published rows doubled": (
        in_mart(
            "INSERT INTO telemetry_events_builds SELECT * FROM telemetry_events_builds "
            "WHERE event_time = '2026-02-02 09:10:00'"
        ),
        [events(9, "rows_differ")],
    ),
    "a published row altered": (
        in_mart(
            "ALTER TABLE telemetry_events_builds UPDATE battery_level = 1 WHERE event_time = '2026-02-02 10:10:00'"
        ),
        [events(10, "damaged")],
    ),
    "rows set apart lost": (
        in_mart("ALTER TABLE quarantine_builds DELETE WHERE event_time = '2026-02-02 11:20:00'"),
        [events(11, "rows_differ")],
    ),
    "a row set apart altered": (
        in_mart("ALTER TABLE quarantine_builds UPDATE error_code = 9 WHERE event_time = '2026-02-02 12:20:00'"),
        [events(12, "differs_from_source")],
    ),
    "hourly sums lost": (
        in_mart("DELETE FROM user_prosthesis_stats_builds WHERE hour = '2026-02-03 00:00:00'"),
        [stats(0, "rows_differ")],
    ),
    "hourly sums altered": (
        in_mart("ALTER TABLE user_prosthesis_stats_builds UPDATE errors = 5 WHERE hour = '2026-02-03 01:00:00'"),
        [stats(1, "damaged")],
    ),
    "hourly sums that were never right": (
        published_as_it_is(
            "user_prosthesis_stats",
            "2026-02-03T02:00:00",
            "ALTER TABLE user_prosthesis_stats_builds UPDATE amplitude_sum = 5 WHERE hour = '2026-02-03 02:00:00'",
        ),
        [stats(2, "differs_from_inputs")],
    ),
    "daily sums altered": (
        in_mart("ALTER TABLE user_daily_reports_builds UPDATE battery_used_pct = 5 WHERE day = '2026-02-04'"),
        [line("user_daily_reports", "2026-02-04", "damaged")],
    ),
    "daily sums that were never right": (
        published_as_it_is(
            "user_daily_reports",
            "2026-02-05",
            "ALTER TABLE user_daily_reports_builds UPDATE active_hours = 1 WHERE day = '2026-02-05'",
        ),
        [line("user_daily_reports", "2026-02-05", "differs_from_inputs")],
    ),
    "a deal changed": (
        in_crm("UPDATE crm.deals SET amount = amount + 0.01"),
        [("deal_pipeline", "whole", "whole", 1, "behind")],
    ),
    "a customer changed": (
        in_crm("UPDATE crm.customers SET email = 'other@example.test' WHERE user_id = 2"),
        [("crm_customers", "whole", "whole", 1, "behind")],
    ),
    "a chip handed over from some hour on": (
        lambda marts: marts.hand_over("chip-2", 1, at("2026-03-01")),
        [("prosthesis_owners", "whole", "whole", 1, "behind")],
    ),
    "an audit event deleted": (
        in_crm("DELETE FROM audit.events WHERE occurred_at = '2026-02-01 10:00Z'"),
        [line("audit_activity", "2026-02-01", "counts_differ")],
    ),
    "an audit event corrected in place": (
        in_crm("UPDATE audit.events SET action = 'other' WHERE occurred_at = '2026-02-02 10:00Z'"),
        [line("audit_activity", "2026-02-02", "differs_from_source")],
    ),
    "the audit mart altered": (
        in_mart("ALTER TABLE audit_activity_builds UPDATE actors = 3 WHERE day = '2026-02-03'"),
        [line("audit_activity", "2026-02-03", "damaged")],
    ),
    "the audit mart emptied": (
        in_mart("ALTER TABLE audit_activity_builds DELETE WHERE day = '2026-02-04'"),
        [line("audit_activity", "2026-02-04", "rows_differ")],
    ),
}
"""What may happen to a source or to a mart, how to make it happen, and what is to be found then."""

RECORDED = {"rows_differ", "damaged", "differs_from_source", "differs_from_inputs"}


def compare(marts: Marts, days: list[datetime] | None = None) -> Compared:
    """Everything once: the counts of all days, and the content of `days`, by default of all."""
    settings, warehouse = marts.settings, marts.warehouse

    def telemetry() -> AbstractContextManager[Snapshot]:
        return snapshot(settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL")

    def crm(schema: str) -> Callable[[], AbstractContextManager[Snapshot]]:
        return lambda: snapshot(settings.crm_database_url, schema, "CRM_DATABASE_URL")

    compared = reconcile_crm(warehouse, crm("crm"))
    compared.add(
        reconcile_telemetry(warehouse, telemetry, settings, Scope(WHOLE, WHOLE.days() if days is None else days))
    )
    audit_days = AUDIT_DAYS.days() if days is None else []
    compared.add(reconcile_audit(warehouse, crm("audit"), Scope(AUDIT_DAYS, audit_days)))
    return compared


def lines(compared: Compared) -> list[Line]:
    """A line for each finding, in order."""
    return sorted(line for finding in compared.findings for line in table([finding]))


def build_everything(marts: Marts) -> None:
    marts.build_customers()
    marts.build_all(EMPTY_DAY, END)
    marts.build_deals()
    marts.build_audit(EMPTY_DAY, SUMS_DAY)


def faults(marts: Marts) -> list[tuple[object, ...]]:
    return marts.query("SELECT mart, toString(segment), reason, build_id FROM faulty_builds ORDER BY mart, segment")


def mend(marts: Marts) -> None:
    """Build again what the sensor and the job would."""
    build_everything(marts)
    marts.build_audit(EMPTY_DAY, SUMS_DAY, full_refresh=True)


@pytest.fixture(scope="module")
def world(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """Two wearers, four days with a sound and an unsound event in each hour, one empty day, and every mart built."""
    settings = msgspec.structs.replace(fresh_settings(), reports_first_day=EMPTY_DAY)
    migrate(settings)
    with Warehouse(settings) as warehouse:
        marts = Marts(settings, warehouse)
        marts.add_wearer(1, "chip-1")
        marts.add_wearer(2, "chip-2")
        marts.telemetry(
            "INSERT INTO telemetry.raw_telemetry (chip_id, event_time, saved_ts, muscle_group, signal_frequency, "
            "signal_duration, signal_amplitude, response_time_ms, battery_level, error_code, latitude, longitude) "
            "SELECT 'chip-' || 1 + mod(h, 2), e, e, 'biceps', 40, 600, a, 30.5, 90 - mod(h, 24) * 0.3, 0, 50.1, 8.5 "
            "FROM generate_series(0, 95) AS h, unnest(ARRAY[0.0, 'NaN']::float8[]) WITH ORDINALITY AS _ (a, n), "
            "LATERAL (SELECT '2026-02-02Z'::timestamptz + h * interval '1 hour' + n * interval '10 minutes') AS t (e)"
        )
        # Older than ClickHouse can hold.
        for moment in ("1823-02-01T05:00:00", "2026-01-31T23:59:59"):
            marts.add_event(moment)
        marts.crm(
            "INSERT INTO crm.deals (customer_id, status, currency, amount, created_at, updated_at) "
            "VALUES (1, 'won', 'EUR', 10.5, now(), now())"
        )
        marts.crm(
            "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id) "
            "SELECT '2026-02-01 10:00Z'::timestamptz + d * interval '1 day', 'a', 'read', 'report', 'x' "
            "FROM generate_series(0, 3) AS d"
        )
        build_everything(marts)
        yield marts


def test_where_nothing_differs_nothing_is_found_and_nothing_recorded(world: Marts) -> None:
    compared = compare(world)
    assert table(compared.findings) == []
    assert (compared.days, compared.rows) == (9, 4 * 48 + 2 + 4 + 5)
    assert (faults(world), world.query("SELECT count() FROM noticed_segments")) == ([], [(0,)])


@pytest.fixture(scope="module")
def found(world: Marts) -> list[Line]:
    """What is found after everything that may happen has happened, each to an hour or a day of its own."""
    for change, _ in BREAKS.values():
        change(world)
    return lines(compare(world))


@pytest.mark.parametrize("kind", BREAKS)
def test_each_kind_of_difference_is_found_and_named(found: list[Line], kind: str) -> None:
    assert [expected for expected in BREAKS[kind][1] if expected not in found] == []


def test_nothing_else_is_found(found: list[Line]) -> None:
    assert found == sorted(line for _, lines in BREAKS.values() for line in lines)


def test_faults_of_builds_are_recorded_and_what_the_source_holds_is_noticed(world: Marts, found: list[Line]) -> None:
    recorded = world.query("SELECT mart, reason, count() FROM faulty_builds GROUP BY ALL ORDER BY ALL")
    expected = {(mart, reason) for mart, *_, reason in found if reason in RECORDED}
    assert recorded == [
        (mart, reason, sum((mart, reason) == (line[0], line[-1]) for line in found))
        for mart, reason in sorted(expected)
    ]
    noticed = world.query("SELECT mart, toString(segment), fingerprint[1] FROM noticed_segments FINAL ORDER BY ALL")
    assert noticed == [
        ("audit_activity", "2026-02-01 00:00:00", 0),
        ("telemetry_events", "2026-02-01 12:00:00", 1),
        ("telemetry_events", "2026-02-02 00:00:00", 1),
        ("telemetry_events", "2026-02-02 01:00:00", 0),
        ("telemetry_events", "2026-02-02 02:00:00", 3),
        ("telemetry_events", "2026-02-02 03:00:00", 1),
    ]


def test_the_same_difference_is_recorded_once(world: Marts, found: list[Line]) -> None:
    before = faults(world)
    assert lines(compare(world)) == found
    assert faults(world) == before


def test_all_differences_are_gone_once_what_is_dirty_is_built_again(world: Marts, found: list[Line]) -> None:
    dirty = world.query("SELECT DISTINCT mart, toDate(segment) FROM dirty_segments")
    expected = {(mart, date.fromisoformat(first[:10])) for mart, first, *_ in found if first != "whole"}
    assert set(dirty) == expected
    mend(world)
    assert lines(compare(world)) == []
    assert world.query("SELECT * FROM dirty_segments") == []


def test_a_table_names_neighbours_of_one_mart_and_reason_in_one_line() -> None:
    since = at("2026-02-01T22:00:00")
    hours = [since, since + HOUR, since + 2 * HOUR, since + 4 * HOUR]
    assert table([Finding("telemetry_events", hour, "counts_differ") for hour in reversed(hours)]) == [
        ("telemetry_events", "2026-02-01 22:00", "2026-02-02 00:00", 3, "counts_differ"),
        ("telemetry_events", "2026-02-02 02:00", "2026-02-02 02:00", 1, "counts_differ"),
    ]
    early = Finding("telemetry_events", datetime(1970, 1, 1, tzinfo=UTC), "damaged", 1)
    assert table([early])[0][1] == "before the first day"


def test_a_build_that_was_replaced_meanwhile_is_no_finding(world: Marts) -> None:
    assert record_faults(world.warehouse, [Finding("telemetry_events", at("2026-02-01"), "damaged", 1)]) == []


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """Two wearers with an event each on two days, and every mart built."""
    marts.settings = msgspec.structs.replace(marts.settings, reports_first_day=EMPTY_DAY)
    for user_id in (1, 2):
        marts.add_wearer(user_id, f"chip-{user_id}")
        for moment in ("2026-02-02T12:00:00", "2026-02-03T12:00:00"):
            marts.add_event(moment, chip=f"chip-{user_id}")
    build_everything(marts)
    return marts


def test_hours_of_any_size_are_read_in_pieces(worn: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_comparison, "PIECE_EVENTS", 1)
    day = [at(str(EVENTS_DAY))]
    assert lines(compare(worn, day)) == []
    worn.telemetry("UPDATE telemetry.raw_telemetry SET battery_level = 2 WHERE chip_id = 'chip-2'")
    assert lines(compare(worn, day)) == [events(12, "differs_from_source")]


def test_days_come_round_never_verified_ones_first_and_the_longest_unverified_next(worn: Marts) -> None:
    days = WHOLE.days()
    assert due(worn.warehouse, "telemetry_events", WHOLE) == [days[-1]]
    order = []
    for _ in range(len(days) + 1):
        [day] = due(worn.warehouse, "telemetry_events", WHOLE)
        order.append(day)
        compare(worn, [day])
    assert order == [*reversed(days), days[-1]]


def test_what_somebody_who_left_takes_along_is_no_difference(worn: Marts) -> None:
    worn.remove_wearer(2)
    worn.build_customers()
    orphans.remove(worn.warehouse)
    assert {reason for *_, reason in lines(compare(worn))} == {"owners_changed"}
    assert faults(worn) == []
    worn.build_all(EMPTY_DAY, END)
    assert lines(compare(worn)) == []


def test_the_job_shows_what_differs_and_builds_the_cheap_marts_again(
    worn: Marts,
    environment: None,  # noqa: ARG001 - it is asked for what it sets
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPORTS_FIRST_DAY", str(EMPTY_DAY))
    worn.crm("UPDATE crm.customers SET email = 'other@example.test' WHERE user_id = 1")
    worn.crm("INSERT INTO audit.events VALUES (DEFAULT, '2026-02-02 10:00Z', 'a', 'read', 'report', 'x')")
    worn.telemetry("DELETE FROM telemetry.raw_telemetry WHERE event_time >= '2026-02-03Z'")
    ran = run_job()
    observed = {
        event.asset_key.to_user_string(): event.asset_observation_data.asset_observation.metadata["differing_segments"]
        for event in ran.get_asset_observation_events()
        if event.asset_key
    }
    assert {mart: count.value for mart, count in observed.items()} == {
        "telemetry_events": 1,
        "user_prosthesis_stats": 0,
        "user_daily_reports": 0,
        "audit_activity": 1,
        "crm_customers": 1,
        "deal_pipeline": 0,
    }
    built = {event.asset_key.to_user_string() for event in ran.get_asset_materialization_events() if event.asset_key}
    assert built == {"audit_activity", "crm_customers"}
    assert lines(compare(worn)) == [events(12, "counts_differ", STATS_DAY)]


def run_job() -> dg.ExecuteInProcessResult:
    resources = {"warehouse": WarehouseResource(), "crm": CrmSource(), "telemetry": TelemetrySource()}
    return reconcile.execute_in_process(resources=resources)
