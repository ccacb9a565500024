"""Who is gone from the CRM leaves with all rows: by building days again, and from the others by removing orphans."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
import pytest

from assets import orphans
from assets.collection import collect, collect_builds
from resources.dagster import WarehouseResource
from resources.errors import NotPublished
from resources.publications import current, new_build_ids
from tests.assets.conftest import Marts, at

DAY, NEXT, LATER = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)
MARTS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
NONE = dict.fromkeys((*orphans.TABLES, orphans.QUARANTINE), 0)


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """Two wearers with two days of telemetry each, every mart built."""
    marts.add_wearer(1, "chip-1")
    marts.add_wearer(2, "chip-2")
    marts.build_customers()
    for chip in ("chip-1", "chip-2"):
        for moment in ("2026-02-01T12:00:00", "2026-02-01T13:00:00", "2026-02-02T12:00:00"):
            marts.add_event(moment, chip=chip)
    marts.build_all(DAY, LATER)
    return marts


def users(marts: Marts, mart: str) -> set[object]:
    return {row[0] for row in marts.query(f"SELECT DISTINCT user_id FROM {mart}_builds")}  # noqa: S608


def test_where_everybody_is_known_there_are_none(worn: Marts) -> None:
    assert orphans.count(worn.warehouse) == NONE
    before = worn.query("SELECT * FROM publications ORDER BY build_id")
    assert orphans.remove(worn.warehouse) == NONE
    assert worn.query("SELECT * FROM publications ORDER BY build_id") == before


def test_who_left_is_counted_and_removed_from_every_table(worn: Marts) -> None:
    worn.remove_wearer(2)
    worn.build_customers()
    expected = {
        "telemetry_events_builds": 3,
        "user_prosthesis_stats_builds": 3,
        "user_daily_reports_builds": 2,
        "crm_customers_builds": 1,
        "prosthesis_owners_builds": 1,
        "quarantine_builds": 0,
    }
    assert orphans.count(worn.warehouse) == expected
    assert orphans.remove(worn.warehouse) == expected
    assert orphans.count(worn.warehouse) == NONE
    for mart in (*MARTS, "crm_customers", "prosthesis_owners"):
        assert users(worn, mart) == {1}


def test_what_is_left_is_published_again_with_its_rows_and_checksum(worn: Marts) -> None:
    before = {mart: current(worn.warehouse, mart) for mart in MARTS}
    worn.remove_wearer(2)
    worn.build_customers()
    orphans.remove(worn.warehouse)
    for mart in MARTS:
        for segment, publication in current(worn.warehouse, mart).items():
            given = {"builds": [publication.build_id], "since": at("2026-02-01"), "until": at("2026-02-03")}
            found = worn.warehouse.rows(f"reads/{mart}_totals", **given)
            rows, checksum = (found[0][1], found[0][-2]) if found else (0, 0)
            assert (publication.rows, publication.checksum) == (rows, checksum)
            was = before[mart][segment]
            assert publication.rows in (0, was.rows // 2)
            assert (publication.build_id, publication.inputs, publication.watermark, publication.run_id) == (
                was.build_id,
                was.inputs,
                was.watermark,
                was.run_id,
            )


def test_the_sums_of_what_is_left_are_built_again_without_complaint(worn: Marts) -> None:
    worn.remove_wearer(2)
    worn.build_customers()
    orphans.remove(worn.warehouse)
    worn.build_stats(DAY, LATER, full_refresh=True)
    worn.build_reports(DAY, LATER, full_refresh=True)
    assert worn.query("SELECT user_id, movements FROM user_daily_reports ORDER BY day") == [(1, 2), (1, 1)]


def test_a_day_that_is_built_again_loses_them_by_itself_and_sets_the_events_apart(worn: Marts) -> None:
    worn.remove_wearer(2)
    worn.build_customers()
    worn.build_all(DAY, NEXT)
    assert worn.query("SELECT DISTINCT user_id FROM telemetry_events WHERE event_time < '2026-02-02'") == [(1,)]
    assert set(worn.quarantined().values()) == {"owner_departed"}
    assert len(worn.quarantined()) == 2


def test_of_builds_that_are_not_published_those_begun_before_the_snapshot_lose_them_and_later_ones_are_left_alone(
    worn: Marts,
) -> None:
    later = new_build_ids(1)[0]
    for event, build_id in ((98, 1), (99, later)):
        worn.query(
            "INSERT INTO telemetry_events_builds (id, user_id, event_time, build_id) "  # noqa: S608
            f"VALUES ({event}, 77, '2026-02-01', {build_id})"
        )
    assert orphans.remove(worn.warehouse) == NONE | {"telemetry_events_builds": 1}
    assert worn.query("SELECT id, build_id FROM telemetry_events_builds WHERE user_id = 77") == [(99, later)]
    assert worn.query("SELECT id, build_id, reason FROM quarantine_builds") == [(98, 1, "owner_departed")]


def test_without_the_crm_nobody_is_taken_for_gone(marts: Marts) -> None:
    with pytest.raises(NotPublished, match="crm_customers was never published"):
        orphans.remove(marts.warehouse)


def test_an_empty_crm_is_not_taken_for_everybody_gone(worn: Marts) -> None:
    worn.remove_wearer(1)
    worn.remove_wearer(2)
    worn.build_customers()
    assert orphans.count(worn.warehouse)["telemetry_events_builds"] == 6
    with pytest.raises(NotPublished, match=r"crm_customers is empty.*nobody's rows were removed"):
        orphans.remove(worn.warehouse)
    assert users(worn, "telemetry_events") == {1, 2}


@pytest.mark.usefixtures("environment")
def test_the_nightly_collection_removes_them(worn: Marts) -> None:
    worn.remove_wearer(2)
    worn.build_customers()
    with dg.DagsterInstance.ephemeral() as instance:
        ran = collect_builds.execute_in_process(instance=instance, resources={"warehouse": WarehouseResource()})
    assert ran.success
    assert orphans.count(worn.warehouse) == NONE
    for table in orphans.TABLES:
        found = worn.query(f"SELECT DISTINCT user_id FROM {table} SETTINGS apply_deleted_mask = 0")  # noqa: S608
        assert found == [(1,)], table


def test_collection_keeps_a_build_that_was_published_again(worn: Marts) -> None:
    worn.remove_wearer(2)
    worn.build_customers()
    orphans.remove(worn.warehouse)
    seen = worn.query("SELECT * FROM user_daily_reports ORDER BY ALL")
    collect(worn.warehouse, timedelta(0))
    assert worn.query("SELECT * FROM user_daily_reports ORDER BY ALL") == seen
    assert len(seen) == 2
