"""The import rebuilds exactly the hours that its window touches, and says what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec
import pytest

from assets.olap_import import ImportCounts, WindowRefused, import_olap_data, run_import
from resources.errors import NotPublished
from resources.migrations import migrate
from resources.publications import current
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import lineup
from stack.seed import seed
from tests.assets.conftest import Marts, at

TELEMETRY = ["telemetry_events", "user_prosthesis_stats", "user_daily_reports"]
DAY, NEXT_DAY = date(2026, 2, 1), date(2026, 2, 2)

_VIEWS = {
    "crm_customers": "SELECT * FROM crm_customers ORDER BY user_id",
    "quarantine": "SELECT * FROM quarantine ORDER BY id",
    "telemetry_events": "SELECT * FROM telemetry_events ORDER BY id",
    "user_prosthesis_stats": "SELECT * FROM user_prosthesis_stats ORDER BY hour, user_id, prosthesis_id",
    "user_daily_reports": "SELECT * FROM user_daily_reports ORDER BY day, user_id, prosthesis_id",
}


@contextmanager
def warehouse_of(settings: Settings) -> Iterator[Marts]:
    migrate(settings)
    with Warehouse(settings) as warehouse:
        yield Marts(settings, warehouse)


def everything(marts: Marts) -> dict[str, object]:
    """Every row that analysts see, and which segments are published."""
    seen: dict[str, object] = {name: marts.query(query) for name, query in _VIEWS.items()}
    return seen | {f"{mart} segments": sorted(current(marts.warehouse, mart)) for mart in TELEMETRY}


def import_window(marts: Marts, start: datetime | str | None = None, end: datetime | str | None = None) -> ImportCounts:
    return run_import(marts.settings, start, end, lambda *_: None)


def builds(marts: Marts, mart: str) -> dict[datetime, int]:
    return {segment: publication.build_id for segment, publication in current(marts.warehouse, mart).items()}


def changed(before: dict[datetime, int], after: dict[datetime, int]) -> list[str]:
    """The hours (or days) that were published anew."""
    return [f"{segment:%d %H}" for segment in sorted(after) if after[segment] != before.get(segment)]


@pytest.fixture
def built(marts: Marts) -> Marts:
    """One wearer with an event at half past each hour of a day, and every mart built."""
    marts.add_wearer(1, "chip-1")
    for hour in range(24):
        marts.add_event(f"2026-02-01T{hour:02}:30:00")
    marts.build_customers()
    marts.build_all(DAY, NEXT_DAY)
    return marts


def test_an_import_of_everything_equals_materializing_every_day(
    fresh_settings: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_import, other = fresh_settings(), fresh_settings()
    by_dagster = msgspec.structs.replace(by_import, clickhouse_database=other.clickhouse_database)
    urls, last = (by_import.crm_database_url, by_import.telemetry_database_url), date(2026, 2, 10)
    seed(*urls, customers=8, days=9, events_per_day=300, seed=3, last_day=last, now=at("2026-04-01"))
    with warehouse_of(by_import) as imported, warehouse_of(by_dagster) as materialized:
        for name, value in lineup.environment(by_dagster).items():
            monkeypatch.setenv(name, value)
        _materialize(date(2026, 2, 2), last)
        counts = import_window(imported)
        expected = everything(materialized)
        assert everything(imported) == expected
    rows = {name: len(seen) for name, seen in expected.items() if isinstance(seen, list)}
    assert counts.since == at("2026-02-02")
    assert counts.until == at("2026-02-11")
    assert (counts.customers, counts.events, counts.quarantined) == (
        rows["crm_customers"],
        rows["telemetry_events"],
        rows["quarantine"],
    )
    assert (counts.hours, counts.days, counts.days_waiting) == (9 * 24, 9, 0)


def _materialize(first: date, last: date) -> None:
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment

    job = reports().resolve_implicit_global_asset_job_def()
    days = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    with dg.DagsterInstance.ephemeral() as instance:
        for marts, tags in ((["crm_customers"], {}), (TELEMETRY, days)):
            keys = [dg.AssetKey(mart) for mart in marts]
            assert job.execute_in_process(instance=instance, asset_selection=keys, tags=tags).success


def test_only_the_hours_that_the_window_touches_are_rebuilt(built: Marts) -> None:
    before = {mart: builds(built, mart) for mart in TELEMETRY}
    late = built.add_event("2026-02-01T11:59:59", saved_ts=at("2026-02-03"))
    built.add_event("2026-02-01T09:45:00", saved_ts=at("2026-02-03"))
    built.add_event("2026-02-01T12:00:00", saved_ts=at("2026-02-03"))

    counts = import_window(built, "2026-02-01T10:00:01Z", "2026-02-01T11:00:01Z")

    assert changed(before["telemetry_events"], builds(built, "telemetry_events")) == ["01 10", "01 11"]
    assert changed(before["user_prosthesis_stats"], builds(built, "user_prosthesis_stats")) == ["01 10", "01 11"]
    assert changed(before["user_daily_reports"], builds(built, "user_daily_reports")) == ["01 00"]
    assert built.published_ids() == [*range(1, 25), late]
    assert built.query("SELECT movements FROM user_daily_reports") == [(25,)]
    assert counts == ImportCounts(
        customers=1, events=3, hours=2, days=1, since=at("2026-02-01T10:00"), until=at("2026-02-01T12:00")
    )


def test_the_end_is_the_first_instant_that_is_left_out(built: Marts) -> None:
    before = builds(built, "telemetry_events")
    import_window(built, at("2026-02-01T10:00:00"), at("2026-02-01T11:00:00"))
    once = builds(built, "telemetry_events")
    import_window(built, at("2026-02-01T10:59:59"), at("2026-02-01T11:00:00.000001"))
    assert changed(before, once) == ["01 10"]
    assert changed(once, builds(built, "telemetry_events")) == ["01 10", "01 11"]


def test_changes_in_place_and_deletes_within_the_window_are_taken_over(built: Marts) -> None:
    built.telemetry("UPDATE telemetry.raw_telemetry SET signal_duration = 60000 WHERE id IN (3, 12)")
    built.telemetry("DELETE FROM telemetry.raw_telemetry WHERE id IN (4, 13)")
    import_window(built, "2026-02-01T02:00:00", "2026-02-01T04:00:00")
    assert built.published_ids() == [1, 2, 3, *range(5, 25)]
    assert built.query("SELECT usage_minutes FROM user_daily_reports") == [((60_000 + 22 * 600) / 60_000,)]


def test_a_window_of_the_source_alone_is_open_at_either_side(built: Marts) -> None:
    built.add_event("2026-02-02T08:00:00")
    from_noon = import_window(built, "2026-02-01T12:00:00")
    until_noon = import_window(built, None, "2026-02-01T12:00:00")
    assert (from_noon.since, from_noon.until) == (at("2026-02-01T12:00"), at("2026-02-03"))
    assert (until_noon.since, until_noon.until) == (at("2026-02-01"), at("2026-02-01T12:00"))
    assert (from_noon.events, until_noon.events) == (13, 12)


def test_a_day_has_no_report_before_all_its_hours_are_built(marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.add_event("2026-02-01T10:30:00")
    marts.add_event("2026-02-01T20:30:00")
    part = import_window(marts, "2026-02-01T10:00:00", "2026-02-01T11:00:00")
    assert (part.events, part.days, part.days_waiting) == (1, 0, 1)
    assert marts.query("SELECT sum(movements) FROM user_prosthesis_stats") == [(1,)]
    assert marts.query("SELECT movements FROM user_daily_reports") == []
    whole = import_window(marts)
    assert (whole.events, whole.days, whole.days_waiting) == (2, 1, 0)
    assert marts.query("SELECT movements FROM user_daily_reports") == [(2,)]


def test_what_is_left_of_customers_who_are_gone_is_removed_outside_the_window_too(built: Marts) -> None:
    built.add_wearer(2, "chip-2")
    built.add_event("2026-02-01T01:00:00", "chip-2")
    import_window(built)
    built.remove_wearer(2)
    counts = import_window(built, "2026-02-01T10:00:00", "2026-02-01T11:00:00")
    for mart in ["crm_customers", *TELEMETRY]:
        assert built.query(f"SELECT DISTINCT user_id FROM {mart}") == [(1,)]  # noqa: S608 - our own names
    assert counts.orphans > 0


def test_an_import_that_breaks_off_has_published_what_it_finished(marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    early, late = marts.add_event("2026-02-01T10:30:00"), marts.add_event("2026-02-11T10:30:00")

    def give_up(done: int, _: int, __: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_import(marts.settings, None, None, give_up)
    assert marts.published_ids() == [early]
    assert marts.query("SELECT day, movements FROM user_daily_reports") == [(date(2026, 2, 1), 1)]
    import_window(marts)
    assert marts.published_ids() == [early, late]


def test_a_source_without_telemetry_gives_the_customers_alone(marts: Marts) -> None:
    marts.add_wearer(1)
    assert import_window(marts) == ImportCounts(customers=1)
    assert marts.query("SELECT user_id FROM crm_customers") == [(1,)]


def test_an_empty_crm_is_taken_for_a_broken_one(marts: Marts) -> None:
    with pytest.raises(NotPublished, match="crm_customers is empty"):
        import_window(marts)


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2026-02-02", "2026-02-01", "There is nothing from 2026-02-02 00:00:00 to 2026-02-01 00:00:00 UTC"),
        ("2026-02-01", "2026-02-01", "There is nothing from"),
        ("2026-02-30", None, "'2026-02-30' is no instant"),
        (None, "yesterday", "'yesterday' is no instant"),
        ("0001-01-01T00:00:00+02:00", None, "is no instant"),
        (None, "2020-01-01", "Telemetry is kept from 2024-01-01"),
        ("9999-12-31T23:59:59", None, "Telemetry is kept from 2024-01-01"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_before_anything_is_written(
    start: str | None, end: str | None, why: str
) -> None:
    with pytest.raises(WindowRefused, match=why):
        run_import(Settings(reports_retention_days=0, clickhouse_port=9), start, end, lambda *_: None)


def test_days_that_are_no_longer_kept_are_not_imported(marts: Marts) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    marts.add_wearer(1, "chip-1")
    marts.add_event(f"{today - timedelta(days=3):%Y-%m-%d}T12:00:00")
    kept = marts.add_event(f"{today - timedelta(days=2):%Y-%m-%d}T12:00:00")
    settings = msgspec.structs.replace(marts.settings, reports_retention_days=2)
    counts = run_import(settings, "2024-01-01", None, lambda *_: None)
    assert counts.since == today - timedelta(days=2)
    assert marts.published_ids() == [kept]


def test_the_importer_of_old_is_called_with_the_settings_of_the_environment(
    built: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in lineup.environment(built.settings).items():
        monkeypatch.setenv(name, value)
    named = import_olap_data(telemetry_start_ts="2026-02-01T02:30:00+02:00", telemetry_end_ts=at("2026-02-01T02:00"))
    assert (named.since, named.until, named.events) == (at("2026-02-01T00:00"), at("2026-02-01T02:00"), 2)
    assert import_olap_data().events == 24
