"""Which build readers see, whatever the order in which runs publish, and what is removed when."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from assets.collection import collect
from resources.errors import NotPublished
from resources.publications import EPOCH, Build, current, new_build_ids, publish
from tests.assets.conftest import Marts

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
NOON = "2026-02-01T12:00:00"


def build(source_seq: int, build_id: int) -> Build:
    return Build(
        mart="user_daily_reports",
        segment=EPOCH,
        build_id=build_id,
        source_seq=source_seq,
        rows=0,
        checksum=0,
        watermark=EPOCH,
        inputs=(),
    )


def current_build(marts: Marts) -> int:
    return current(marts.warehouse, "user_daily_reports")[EPOCH].build_id


def test_an_older_run_that_publishes_late_does_not_roll_a_newer_one_back(marts: Marts) -> None:
    older, newer = new_build_ids(2)
    publish(marts.warehouse, [build(20, newer)], "newer")
    publish(marts.warehouse, [build(10, older)], "older")
    assert current_build(marts) == newer


def test_of_two_builds_of_the_same_source_the_one_begun_later_is_current(marts: Marts) -> None:
    older, newer = new_build_ids(2)
    publish(marts.warehouse, [build(10, newer)], "newer")
    publish(marts.warehouse, [build(10, older)], "older")
    assert current_build(marts) == newer


def test_build_ids_of_one_call_are_distinct_and_rise() -> None:
    ids = new_build_ids(1000)
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


def test_what_a_killed_run_wrote_and_never_published_is_not_seen(marts: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(NOON)
    with monkeypatch.context() as killed:
        killed.setattr("assets.telemetry_events.publish", _killed)
        with pytest.raises(KeyboardInterrupt):
            marts.build_events(DAY, NEXT)
    assert marts.query("SELECT count() FROM telemetry_events_builds") == [(1,)]
    assert marts.published_ids() == []
    with pytest.raises(NotPublished, match="telemetry_events has nothing published"):
        marts.build_stats(DAY, NEXT)


def test_collection_removes_superseded_and_unpublished_builds_and_nothing_that_readers_see(marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(NOON)
    marts.add_event(NOON, battery_level=200)
    marts.build_all(DAY, NEXT)
    marts.build_customers()
    marts.build_all(DAY, NEXT, full_refresh=True)
    tables = ["telemetry_events", "quarantine", "user_prosthesis_stats", "user_daily_reports", "crm_customers"]
    seen = {table: marts.query(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}  # noqa: S608
    builds = marts.query("SELECT * FROM current_builds ORDER BY mart, segment")
    collect(marts.warehouse, timedelta(0))
    for table in tables:
        assert marts.query(f"SELECT * FROM {table} ORDER BY ALL") == seen[table]  # noqa: S608
        assert marts.query(f"SELECT count() FROM {table}_builds") == [(len(seen[table]),)]  # noqa: S608
    assert marts.query("SELECT * FROM publications ORDER BY mart, segment") == builds


def test_collection_keeps_the_hours_and_events_that_a_current_day_was_made_from(marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(NOON)
    marts.build_all(DAY, NEXT)
    # The day itself is not built again: it still names the hours, and those the events, that these replace.
    marts.build_events(DAY, NEXT, full_refresh=True)
    marts.build_stats(DAY, NEXT)
    collect(marts.warehouse, timedelta(0))
    made_from = marts.query("SELECT arrayJoin(inputs) FROM current_builds WHERE mart = 'user_daily_reports'")
    hours = ", ".join(str(build_id) for (build_id,) in made_from)
    assert marts.query(f"SELECT sum(movements) FROM user_prosthesis_stats_builds WHERE build_id IN ({hours})") == [(1,)]  # noqa: S608
    events = f"SELECT inputs[1] FROM publications WHERE build_id IN ({hours})"  # noqa: S608
    assert marts.query(f"SELECT count() FROM telemetry_events_builds WHERE build_id IN ({events})") == [(1,)]  # noqa: S608


def test_collection_leaves_what_was_superseded_a_moment_ago(marts: Marts) -> None:
    marts.add_wearer(1)
    marts.build_customers()
    marts.build_customers()
    collect(marts.warehouse, timedelta(hours=1))
    assert marts.query("SELECT count() FROM crm_customers_builds") == [(2,)]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
