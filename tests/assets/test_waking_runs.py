"""Runs of the same days at the same time: one that was stopped and wakes up late, and two that start together."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from tests.assets.conftest import Marts
from tests.killing.jobs import Ended, Job, Reached, Stop
from tests.killing.nursery import Nursery, Run

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
NOON = "2026-02-01T12:00:00"
ROUNDS = 3
CURRENT = "SELECT mart, segment, build_id FROM current_builds ORDER BY mart, segment"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Starts runs, each in a process of its own."""
    with Nursery() as started:
        yield started


@pytest.fixture
def worn(marts: Marts) -> Marts:
    """One wearer with one chip and one event, every mart built."""
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(NOON)
    marts.build_all(DAY, NEXT)
    return marts


def job(marts: Marts, program: str, stop: Stop | None = None) -> Job:
    return Job(
        settings=marts.settings,
        program=program,
        since=DAY,
        until=NEXT,
        superseded_before=datetime.now(UTC),
        stop=stop,
    )


def step_of(nursery: Nursery, marts: Marts, program: str, name: str) -> int:
    """The number of the first step so named that a run of the program takes now."""
    ended = nursery.start(job(marts, program)).told()
    assert isinstance(ended, Ended)
    return [step.name for step in ended.steps].index(name)


def end(run: Run) -> str:
    """The error that the run ended with."""
    ended = run.told()
    assert isinstance(ended, Ended)
    return ended.error


@pytest.mark.parametrize(
    "before",
    [
        "sources/events",
        "builds/publications",
        "reads/user_prosthesis_stats_totals",
        "reads/user_daily_reports_totals",
    ],
)
def test_a_run_that_was_stopped_half_way_does_not_roll_a_newer_one_back(
    worn: Marts, nursery: Nursery, before: str
) -> None:
    worn.add_event(NOON)
    number = step_of(nursery, worn, "telemetry", before)
    worn.add_event(NOON)
    older = nursery.start(job(worn, "telemetry", Stop(number, "before")))
    assert isinstance(older.told(), Reached)
    older.signal(signal.SIGSTOP)
    worn.add_event(NOON)
    worn.build_all(DAY, NEXT)
    newer = worn.query(CURRENT)
    older.signal(signal.SIGCONT)
    older.go_on()
    assert end(older) == ""
    seen = worn.query("SELECT count() FROM telemetry_events")
    assert seen == worn.query("SELECT sum(movements) FROM user_daily_reports") == [(4,)]
    assert worn.query(CURRENT) == newer


def test_an_older_snapshot_of_the_crm_that_is_published_late_is_not_shown(worn: Marts, nursery: Nursery) -> None:
    number = step_of(nursery, worn, "customers", "builds/publications")
    older = nursery.start(job(worn, "customers", Stop(number, "before")))
    assert isinstance(older.told(), Reached)
    older.signal(signal.SIGSTOP)
    worn.crm("UPDATE crm.customers SET name = 'Newer', updated_at = now()")
    worn.build_customers()
    older.signal(signal.SIGCONT)
    older.go_on()
    assert end(older) == ""
    assert worn.query("SELECT name FROM crm_customers") == [("Newer",)]
    assert worn.query("SELECT name FROM crm_customers_by_number") == [("Newer",)]


def test_two_runs_of_the_same_day_at_once_both_end_well_and_nothing_is_seen_twice(
    worn: Marts, nursery: Nursery
) -> None:
    for number in range(ROUNDS):
        worn.add_event(f"2026-02-01T{number:02d}:30:00")
        worn.add_event(NOON)
        runs = [nursery.start(job(worn, "everything")) for _ in range(2)]
        assert [end(run) for run in runs] == ["", ""]
        expected = 1 + 2 * (number + 1)
        assert worn.query("SELECT count(), uniqExact(id) FROM telemetry_events") == [(expected, expected)]
        hours = worn.query(
            "SELECT count(), uniqExact(user_id, prosthesis_id, hour), sum(movements) FROM user_prosthesis_stats"
        )
        assert hours == [(number + 2, number + 2, expected)]
        assert worn.query("SELECT user_id, movements, uptime_hours FROM user_daily_reports") == [
            (1, expected, number + 2)
        ]
        assert worn.query("SELECT count() FROM crm_customers") == [(1,)]
