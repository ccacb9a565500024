"""Telemetry is kept so many days: what is older is neither built nor shown, and its rows go after its publications."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec
import pytest

from assets.collection import collect
from assets.partitions import early_window, midnight
from resources.migrations import migrate
from resources.publications import EPOCH, current
from resources.retention import BEGINNING, MARTS, expire, kept_since
from resources.settings import Settings
from tests.assets.conftest import Marts
from tests.engines import wait_until

TODAY = datetime.now(UTC).date()
OLD, OLDEST_KEPT = TODAY - timedelta(days=31), TODAY - timedelta(days=30)
ROWS = "SELECT count() FROM user_daily_reports_builds"


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """A wearer with an event on the oldest day that is kept, on the day before it, and before the first day."""
    marts.settings = msgspec.structs.replace(marts.settings, reports_first_day=OLD, reports_retention_days=0)
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    for day in (OLD - timedelta(days=1), OLD, OLDEST_KEPT):
        marts.add_event(f"{day}T12:00:00")
    return marts


def keep(marts: Marts, days: int) -> Settings:
    """Have the settings keep this many days."""
    marts.settings = msgspec.structs.replace(marts.settings, reports_retention_days=days)
    return marts.settings


def test_today_and_so_many_days_before_it_are_kept() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert kept_since(Settings(reports_retention_days=28), noon) == datetime(2026, 2, 1, tzinfo=UTC)
    assert kept_since(Settings(reports_retention_days=0), noon) == BEGINNING


def test_publications_of_days_that_are_no_longer_kept_are_forgotten_and_their_rows_collected(worn: Marts) -> None:
    worn.build_all(OLD, TODAY)
    expire(worn.warehouse, keep(worn, 30))
    for mart in MARTS:
        assert min(current(worn.warehouse, mart)) == midnight(OLDEST_KEPT)
    assert worn.query("SELECT day FROM user_daily_reports") == [(OLDEST_KEPT,)]
    assert worn.query(ROWS) == [(2,)]
    collect(worn.warehouse, timedelta(0))
    assert worn.query(ROWS) == [(1,)]


def test_what_lies_before_the_first_day_stays_while_a_day_of_it_is_kept(worn: Marts) -> None:
    worn.build_events(OLD, TODAY)
    expire(worn.warehouse, keep(worn, 32))
    assert EPOCH in current(worn.warehouse, "telemetry_events")
    expire(worn.warehouse, keep(worn, 31))
    assert midnight(OLD) in current(worn.warehouse, "telemetry_events")
    assert EPOCH not in current(worn.warehouse, "telemetry_events")


def test_nothing_is_forgotten_where_everything_is_kept(worn: Marts) -> None:
    worn.build_all(OLD, TODAY)
    expire(worn.warehouse, keep(worn, 0))
    assert min(current(worn.warehouse, "user_daily_reports")) == midnight(OLD)


def test_events_from_before_the_first_day_are_read_as_far_as_they_are_kept(worn: Marts) -> None:
    ancient = worn.add_event("1815-06-18T11:00:00")
    worn.build_events(OLD, TODAY)
    assert ancient in worn.quarantined()
    keep(worn, 40)
    worn.build_events(OLD, TODAY)
    assert list(worn.quarantined().values()) == ["before_first_day"]
    assert ancient not in worn.quarantined()
    assert early_window(worn.settings).until == midnight(OLD)


def test_a_day_that_is_no_longer_kept_is_left_alone_and_the_run_says_so(
    worn: Marts, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    keep(worn, 30)
    request.getfixturevalue("environment")
    monkeypatch.setenv("REPORTS_FIRST_DAY", str(OLD))
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment that was just set

    job = reports().resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": str(OLD), "dagster/asset_partition_range_end": str(OLDEST_KEPT)}
    for given in ({"dagster/partition": str(OLD)}, tags):
        with dg.DagsterInstance.ephemeral() as instance:
            selection = [dg.AssetKey(mart) for mart in MARTS]
            assert job.execute_in_process(instance=instance, asset_selection=selection, tags=given).success
    assert worn.query("SELECT day FROM user_daily_reports") == [(OLDEST_KEPT,)]
    assert worn.query("SELECT min(segment) FROM publications WHERE mart = 'telemetry_events'") == [
        (midnight(OLDEST_KEPT),)
    ]
    assert (
        f"1 of 1 days are left alone: telemetry from before {OLDEST_KEPT} is no longer kept" in capfd.readouterr().err
    )


def test_the_warehouse_itself_lets_rows_go_whatever_became_of_the_collection(worn: Marts) -> None:
    worn.build_all(OLD, TODAY)
    assert len(migrate(keep(worn, 10))) == 4
    assert current(worn.warehouse, "user_daily_reports").keys() == {
        midnight(TODAY - timedelta(days=days)) for days in range(1, 11)
    }
    wait_until(lambda: worn.query(ROWS) == [(0,)], "the rows of days that are no longer kept are gone")
    wait_until(lambda: worn.query("SELECT count() FROM quarantine_builds") == [(0,)], "what was set apart is gone")
    worn.add_event(f"{TODAY - timedelta(days=10)}T12:00:00")
    worn.build_all(TODAY - timedelta(days=10), TODAY)
    worn.query("OPTIMIZE TABLE user_daily_reports_builds FINAL")
    assert worn.query(ROWS) == [(1,)]


def test_an_ancient_clock_is_not_taken_for_a_young_one(worn: Marts) -> None:
    migrate(keep(worn, 10))
    worn.query("INSERT INTO quarantine_builds (id, event_time, build_id) VALUES (1, '1905-01-01', 1), (2, now(), 1)")
    worn.query("OPTIMIZE TABLE quarantine_builds FINAL")
    assert worn.query("SELECT id FROM quarantine_builds") == [(2,)]
