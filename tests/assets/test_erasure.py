"""Who leaves the CRM is invisible once it is read, nothing of theirs is stored again, and erasing leaves no byte."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from assets import orphans
from assets.collection import purge
from assets.crm_customers import build_customers
from assets.erasure import ErasureRefused, Receipt, erase
from assets.event_load import load
from assets.soundness import digest
from resources.errors import NotPublished
from resources.publications import EPOCH, current, new_build_ids
from resources.source import snapshot
from resources.warehouse import Warehouse
from tests.assets.conftest import Marts, at

DAY, NEXT = date(2024, 1, 1), date(2024, 1, 2)
CHIP = "marker-of-a-chip"
PLACE: float = struct.unpack("<d", b"a-place@")[0]
"""A latitude whose bytes are found on disk."""
VIEWS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports", "crm_customers", "prosthesis_owners")
TABLES = (*orphans.TABLES, orphans.QUARANTINE)
KEPT = {"id", "event_time", "saved_ts", "reason", "build_id"}


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """Two wearers; the second has a sound event, one out of range, one before the first day. All built twice."""
    marts.add_wearer(1, "chip-1")
    marts.add_wearer(2, CHIP)
    marts.crm("UPDATE crm.customers SET email = 'marker-of-an-email' WHERE user_id = 2")
    marts.add_event("2024-01-01T12:00:00")
    marts.add_event("2024-01-01T12:00:00", chip="nobodys")
    marts.add_event("2024-01-01T12:10:00", chip=CHIP)
    marts.add_event("2024-01-01T13:00:00", chip=CHIP, battery_level=200, latitude=PLACE, longitude=0.5)
    marts.add_event("2023-12-31T12:00:00", chip=CHIP)
    for _ in range(2):
        marts.build_customers()
        marts.build_all(DAY, NEXT, full_refresh=True)
    return marts


def leave(marts: Marts) -> None:
    """The second wearer leaves the CRM, which is then read."""
    marts.remove_wearer(2)
    marts.build_customers()


def assert_conserved(marts: Marts) -> None:
    """Every current build of events holds what its source has, published or set apart."""
    builds = marts.query(
        "SELECT inputs[1], rows, published, set_apart FROM current_builds "
        "LEFT JOIN (SELECT build_id, count() AS published FROM telemetry_events_builds GROUP BY build_id) AS e "
        "ON e.build_id = current_builds.build_id "
        "LEFT JOIN (SELECT build_id, count() AS set_apart FROM quarantine_builds GROUP BY build_id) AS q "
        "ON q.build_id = current_builds.build_id WHERE mart = 'telemetry_events'"
    )
    counts = [[int(str(count)) for count in build] for build in builds]
    assert sum(events for events, *_ in counts) == 5
    assert [(published, published + set_apart) for _, _, published, set_apart in counts] == [
        (rows, events) for events, rows, *_ in counts
    ]


def assert_invisible(marts: Marts) -> None:
    """No view and no look-up tells of the second wearer."""
    for view in VIEWS:
        assert marts.query(f"SELECT DISTINCT user_id FROM {view}") == [(1,)], view  # noqa: S608
    assert [chip for (chip,) in marts.query("SELECT chip_id FROM quarantine WHERE chip_id IS NOT NULL")] == ["nobodys"]
    of_theirs = "FROM quarantine WHERE event_time IN ('2024-01-01 13:00:00', '2023-12-31 12:00:00')"
    told = marts.query(f"SELECT DISTINCT battery_level, latitude, reason {of_theirs}")
    assert told == [(None, None, "owner_departed")]
    build_id = current(marts.warehouse, "crm_customers")[EPOCH].build_id
    for read in ("customer_by_number", "customer_in_memory_by_number"):
        assert marts.warehouse.rows(f"reads/{read}", build_id=build_id, user_id=2) == []


def assert_only_stubs(marts: Marts) -> None:
    """Of the second wearer current builds have three events that happened, and nothing else."""
    builds = "build_id IN (SELECT build_id FROM current_builds)"
    stubs = marts.query(f"SELECT * FROM quarantine_builds WHERE reason = 'owner_departed' AND {builds}")  # noqa: S608
    names = [str(name) for name, *_ in marts.query("DESCRIBE TABLE quarantine_builds")]
    kept = [{name for name, value in zip(names, stub, strict=True) if value is not None} for stub in stubs]
    assert kept == [KEPT] * 3
    for table in ("telemetry_events_builds", "user_prosthesis_stats_builds", "user_daily_reports_builds"):
        assert marts.query(f"SELECT DISTINCT user_id FROM {table} WHERE {builds}") == [(1,)]  # noqa: S608


def on_disk(marts: Marts, marker: str) -> set[str]:
    """The tables that have the marker in a file of an active part."""
    parts = marts.query("SELECT table, path FROM system.parts WHERE database = currentDatabase() AND active")
    return {
        str(table)
        for table, path in parts
        if any(marker.encode() in file.read_bytes() for file in Path(str(path)).glob("*.bin"))
    }


def test_who_left_is_invisible_from_the_publication_on_and_builds_then_keep_only_that_there_were_events(
    worn: Marts,
) -> None:
    leave(worn)
    assert_invisible(worn)
    assert_conserved(worn)
    worn.build_all(DAY, NEXT)
    assert_invisible(worn)
    assert_conserved(worn)
    worn.build_all(DAY, NEXT, full_refresh=True)
    assert_only_stubs(worn)
    assert_conserved(worn)


def test_a_run_that_read_owners_before_somebody_left_shows_nothing_of_them_and_what_it_wrote_is_removed(
    worn: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaving(*arguments: Any) -> None:
        leave(worn)
        load(*arguments)

    monkeypatch.setattr("assets.telemetry_events.load", leaving)
    worn.build_events(DAY, NEXT, full_refresh=True)
    assert worn.query("SELECT count() FROM telemetry_events_builds WHERE user_id = 2") == [(3,)]
    assert_invisible(worn)
    orphans.remove(worn.warehouse)
    assert_only_stubs(worn)
    assert_conserved(worn)


def test_erasing_leaves_no_byte_of_them_in_any_build_and_the_receipt_says_what_was_where(worn: Marts) -> None:
    held = {*TABLES} - {"crm_customers_builds"}
    assert on_disk(worn, CHIP) == held
    assert on_disk(worn, "marker-of-an-email") == {"crm_customers_builds"}
    assert on_disk(worn, "a-place@") == {"quarantine_builds"}
    others = {view: worn.query(f"SELECT * FROM {view} WHERE user_id = 1 ORDER BY ALL") for view in VIEWS}  # noqa: S608
    worn.remove_wearer(2)
    # What is only masked, and in no build any more, goes as well.
    worn.query("DELETE FROM user_daily_reports_builds WHERE build_id IN (SELECT min(build_id) FROM publications)")
    receipt = erase(worn.settings, "2")
    assert receipt.removed == {
        "telemetry_events_builds": 2,
        "user_prosthesis_stats_builds": 2,
        "user_daily_reports_builds": 2,
        "crm_customers_builds": 2,
        "prosthesis_owners_builds": 2,
        "quarantine_builds": 4,
    }
    assert (receipt.left, receipt.digests) == (0, 1)
    assert receipt.gone_by > at("2026-01-01")
    assert on_disk(worn, CHIP) | on_disk(worn, "marker-of-an-email") | on_disk(worn, "a-place@") == set()
    for table in orphans.TABLES:
        masked = f"SELECT count() FROM {table} WHERE user_id = 2 SETTINGS apply_deleted_mask = 0"  # noqa: S608
        assert worn.query(masked) == [(0,)], table
    assert worn.query("SELECT count() FROM quarantine_builds WHERE reason = 'owner_departed'") == [(6,)]
    assert_invisible(worn)
    assert_only_stubs(worn)
    assert_conserved(worn)
    assert {view: worn.query(f"SELECT * FROM {view} ORDER BY ALL") for view in VIEWS} == others  # noqa: S608
    assert nothing(erase(worn.settings, "2"))


def nothing(receipt: Receipt) -> bool:
    return (*receipt.removed.values(), receipt.left, receipt.digests) == (0,) * (len(TABLES) + 2)


def test_a_customer_is_not_erased_and_who_was_never_known_has_nothing_to_erase(worn: Marts) -> None:
    uuid = worn.query("SELECT user_uuid FROM crm_customers WHERE user_id = 2")[0][0]
    for named in ("2", str(uuid)):
        with pytest.raises(ErasureRefused, match=r"still has this customer.*Delete the customer in the CRM first"):
            erase(worn.settings, named)
    with pytest.raises(ErasureRefused, match="'somebody' is neither a CRM number nor a UUID"):
        erase(worn.settings, "somebody")
    assert worn.query("SELECT count() FROM telemetry_events WHERE user_id = 2") == [(1,)]
    assert nothing(erase(worn.settings, "77"))
    assert nothing(erase(worn.settings, "00000000-0000-4000-8000-000000000077"))
    worn.remove_wearer(2)
    assert erase(worn.settings, str(uuid)).removed["telemetry_events_builds"] == 2


def test_the_receipt_counts_what_a_run_wrote_while_they_were_erased(
    worn: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(warehouse: Warehouse) -> int:
        build_id = new_build_ids(1)[0]
        worn.query(f"INSERT INTO telemetry_events_builds (user_id, build_id) VALUES (2, {build_id})")  # noqa: S608
        return purge(warehouse)

    worn.remove_wearer(2)
    monkeypatch.setattr("assets.erasure.purge", late)
    receipt = erase(worn.settings, "2")
    assert (receipt.left, receipt.removed["telemetry_events_builds"]) == (1, 1)


def test_the_next_wearer_never_sees_events_of_the_former_one_before_or_after_they_left(marts: Marts) -> None:
    marts.add_wearer(1)
    marts.add_wearer(2, "chip-1")
    marts.hand_over("chip-1", 1, at("2024-01-01T12:30:00"))
    marts.add_event("2024-01-01T12:29:59.999999", battery_level=200)
    former, own = marts.add_event("2024-01-01T12:10:00"), marts.add_event("2024-01-01T12:30:00")
    marts.build_customers()
    marts.build_all(DAY, NEXT)
    owned = "SELECT id, user_id FROM telemetry_events ORDER BY id"
    assert marts.query(owned) == [(former, 2), (own, 1)]
    leave(marts)
    assert marts.query(owned) == [(own, 1)]
    orphans.remove(marts.warehouse)
    marts.build_all(DAY, NEXT)
    assert marts.query(owned) == [(own, 1)]
    assert set(marts.quarantined().values()) == {"owner_departed"}
    assert marts.query("SELECT user_id, movements FROM user_daily_reports") == [(1, 1)]
    # The CRM now says that the chip was the next wearer's all along: whoever owns it now goes before who left.
    marts.crm("UPDATE crm.prostheses SET valid_from = '2020-01-01Z'")
    marts.build_customers()
    marts.build_events(DAY, NEXT)
    assert marts.query(owned) == [(former, 1), (own, 1)]
    assert set(marts.quarantined().values()) == {"out_of_range"}


def test_who_comes_back_to_the_crm_gets_their_events_back(worn: Marts) -> None:
    # Before the first day ownership moves nothing: what is set apart there stays as it is until it is built again.
    quarantined = "SELECT * FROM quarantine WHERE event_time > '2024-01-01' ORDER BY id"
    published, set_apart = worn.published_ids(), worn.query(quarantined)
    leave(worn)
    orphans.remove(worn.warehouse)
    worn.build_all(DAY, NEXT)
    worn.add_wearer(2, CHIP)
    worn.build_customers()
    worn.build_all(DAY, NEXT)
    assert worn.published_ids() == published
    assert worn.query(quarantined) == set_apart
    assert worn.query("SELECT user_id, movements FROM user_daily_reports ORDER BY user_id") == [(1, 1), (2, 1)]
    assert_conserved(worn)


def test_a_crm_that_knows_nobody_takes_nobody_from_the_marts(worn: Marts) -> None:
    views = VIEWS[:3]
    seen = {view: worn.query(f"SELECT * FROM {view} ORDER BY ALL") for view in views}  # noqa: S608
    worn.remove_wearer(1)
    leave(worn)
    assert worn.query("SELECT count() FROM departed_chips") == [(0,)]
    assert {view: worn.query(f"SELECT * FROM {view} ORDER BY ALL") for view in views} == seen  # noqa: S608
    with pytest.raises(NotPublished, match="taken for a broken CRM"):
        erase(worn.settings, "2")
    assert worn.query("SELECT uniqExact(user_id) FROM telemetry_events_builds") == [(2,)]


def test_a_snapshot_of_the_crm_from_before_somebody_came_does_not_take_them_for_gone(worn: Marts) -> None:
    with snapshot(worn.settings.crm_database_url, "crm", "CRM_DATABASE_URL") as older:
        worn.add_wearer(3, "chip-3")
        worn.build_customers()
        build_customers(worn.warehouse, older, "older")
    assert worn.query("SELECT count() FROM departed_chips") == [(0,)]


class Killed(BaseException):
    """As if the process had ended here."""


def dying(step: int, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> bool:
    """Whether `work` was killed right before its call of the warehouse number `step`."""
    calls = count()

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def called(*given: object, **named: object) -> object:
            if next(calls) == step:
                raise Killed
            return call(*given, **named)

        return called

    with monkeypatch.context() as patch:
        for method in ("rows", "insert", "insert_rows"):
            patch.setattr(Warehouse, method, counted(getattr(Warehouse, method)))
        try:
            work()
        except Killed:
            return True
    return False


def test_a_build_of_the_crm_that_is_killed_between_any_two_steps_is_made_good_by_the_next(
    worn: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = 0
    marked = [(digest(CHIP),)]
    worn.remove_wearer(2)
    while dying(step, monkeypatch, worn.build_customers):
        if worn.query("SELECT count() FROM crm_customers") == [(1,)]:
            assert worn.query("SELECT chip_digest FROM departed_chips") == marked
            assert worn.query("SELECT DISTINCT user_id FROM telemetry_events") == [(1,)]
        worn.build_customers()
        assert_invisible(worn)
        assert worn.query("SELECT chip_digest FROM departed_chips") == marked
        worn.query("TRUNCATE TABLE departed_chips")
        worn.query("DELETE FROM publications WHERE mart IN ('crm_customers', 'prosthesis_owners') AND rows = 1")
        step += 1
    assert step > 6
    assert_invisible(worn)


def test_a_removal_that_is_killed_between_any_two_steps_is_made_good_by_the_next_and_by_building(
    worn: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(worn)
    step = 0
    while dying(step, monkeypatch, lambda: orphans.remove(worn.warehouse)):
        assert worn.query("SELECT DISTINCT user_id FROM telemetry_events") == [(1,)]
        step += 1
    assert step > 12
    assert orphans.count(worn.warehouse) == dict.fromkeys(TABLES, 0)
    assert_invisible(worn)
    assert_only_stubs(worn)
    worn.build_all(DAY, NEXT)
    assert_only_stubs(worn)
    assert_conserved(worn)
