"""automation for M minutes: devices that send for two thirds, one asset failing throughout, and the runs that it takes

Each run that a sensor or a schedule asked for is needed, or not:

- of telemetry, where an event of its days was committed after the last run of that day that succeeded had begun;
- of another mart, where it was late when the run was asked for: its last success had begun longer ago than its window;
- of a mart that fails, where its pause was over: 30 seconds after a failure, twice as long after each further one.

Nothing may be missed either: at the end every event is published, and no mart but the failing one is late.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec
import psycopg

from assets.partitions import FIRST, LAST
from assets.sensors import TELEMETRY
from bench import stacks
from bench.latency import wait_until_quiet
from resources.freshness import WINDOWS, State, completeness, state
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import lineup, simulate, up
from stack.home import Home

MINUTES = 180.0

_FAILING = "audit_activity"
_HABITS = {"rate": 2.0, "late_share": 0.02}
_SETTLED_S = 60.0
"""After which what was sent last is built, and what was late as well."""
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
_SLACK = timedelta(seconds=2)
"""Dagster keeps some instants by the second."""

Arrivals = Sequence[tuple[datetime, date]]
"""When each event was committed, and its day."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was asked for by a sensor or a schedule."""

    asked_by: str
    marts: frozenset[str]
    first: date
    last: date
    asked_at: datetime
    began_at: datetime
    ended_at: datetime
    succeeded: bool

    def __str__(self) -> str:
        """A line of the log."""
        days = f"{self.first}..{self.last}" if self.first != date.min else "whole"
        how = "succeeded" if self.succeeded else "failed"
        return f"{self.asked_at:%H:%M:%S} {self.asked_by} {days} {how} after {self.ended_at - self.asked_at}"


def measure(minutes: float) -> dict[str, float]:
    """Runs launched and needed, and what was missed; each run is told on stderr. Windows shrink with the time."""
    with stacks.home():
        os.environ["REPORTS_FRESHNESS_FACTOR"] = str(max(1 / 30, min(1.0, minutes / MINUTES)))
        stacks.reports("up", "--detach", *stacks.PORTS)
        try:
            home, settings = up.current(os.environ)
            wait_until_quiet(settings)
            began = datetime.now(UTC)
            _live(settings, minutes * 60)
            wait_until_quiet(settings)
            return _figures(settings, _runs(home, settings, began), began)
        finally:
            stacks.reports("down")


def _live(settings: Settings, seconds: float) -> None:
    """Devices send for two thirds of the time, and the source of one mart is broken all the while."""
    with psycopg.connect(settings.crm_database_url) as crm:
        crm.execute("ALTER TABLE audit.events RENAME COLUMN action TO action_that_was_renamed")
    habits = simulate.Habits(**_HABITS, seconds=seconds * 2 / 3)
    for _ in simulate.simulate(settings, habits, simulate.Written(), time.sleep):
        pass
    time.sleep(max(seconds / 3, _SETTLED_S))


def _runs(home: Home, settings: Settings, since: datetime) -> list[Run]:
    """What sensors and schedules asked for, in order."""
    os.environ.update(lineup.environment(settings))
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        records = instance.get_run_records(dg.RunsFilter(created_after=since))
    return sorted((run for record in records if (run := _run(record))), key=lambda run: run.asked_at)


def _run(record: dg.RunRecord) -> Run | None:
    run, tags = record.dagster_run, record.dagster_run.tags
    asked_by = tags.get("dagster/sensor_name") or tags.get("dagster/schedule_name")
    if not asked_by or not run.asset_selection:
        return None
    only = tags.get("dagster/partition", str(date.min))
    asked_at = record.create_timestamp
    return Run(
        asked_by=asked_by,
        marts=frozenset(key.to_user_string() for key in run.asset_selection),
        first=date.fromisoformat(tags.get(FIRST, only)),
        last=date.fromisoformat(tags.get(LAST, only)),
        asked_at=asked_at,
        began_at=datetime.fromtimestamp(record.start_time, UTC) if record.start_time else asked_at,
        ended_at=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp,
        succeeded=run.is_success,
    )


def _figures(settings: Settings, runs: list[Run], began: datetime) -> dict[str, float]:
    needed = 0
    for run, is_needed in _judged(settings, runs, began):
        needed += is_needed
        sys.stderr.write(f"{run}{'' if is_needed else ' NOT NEEDED'}\n")
    by_whom = Counter(run.asked_by for run in runs)
    return {
        "runs_launched": len(runs),
        "runs_needed": needed,
        "launched_a_needed_one": round(len(runs) / max(needed, 1), 3),
        "runs_failed": sum(not run.succeeded for run in runs),
        "events_sent": len(_arrivals(settings, began)),
        "events_not_published": _missed(settings),
        "marts_late_at_the_end": len(_late(settings)),
        **{f"runs_of_{name}": count for name, count in sorted(by_whom.items())},
    }


def _judged(settings: Settings, runs: list[Run], began: datetime) -> Iterator[tuple[Run, bool]]:
    """Each run, and whether it was needed."""
    arrivals, covered = _arrivals(settings, began), defaultdict[date, datetime](lambda: began)
    succeeded, failures = dict[str, datetime](), defaultdict[str, list[datetime]](list)
    for run in runs:
        [mart, *_] = sorted(run.marts)
        if failures[mart] and run.asked_by != "telemetry_arrival":
            yield run, run.asked_at + _SLACK >= failures[mart][-1] + _pause(len(failures[mart]))
        elif run.marts & set(TELEMETRY):
            yield run, _brings_anything(run, arrivals, covered)
        else:
            late_after = WINDOWS[mart].times(settings.reports_freshness_factor).late_after
            yield run, run.asked_at + _SLACK - succeeded.get(mart, datetime.min.replace(tzinfo=UTC)) > late_after
        if run.succeeded:
            succeeded[mart] = run.began_at
            failures[mart].clear()
            covered |= dict.fromkeys(_days(run), run.began_at)
        else:
            failures[mart].append(run.ended_at)


def _days(run: Run) -> Iterator[date]:
    day = run.first
    while day <= run.last:
        yield day
        day += timedelta(days=1)


def _pause(failures: int) -> timedelta:
    return min(_LONGEST_PAUSE, _PAUSE * (1 << min(failures - 1, 16)))


def _brings_anything(run: Run, arrivals: Arrivals, covered: dict[date, datetime]) -> bool:
    return any(
        run.first <= day <= run.last and covered[day] - _SLACK < committed_at < run.began_at + _SLACK
        for committed_at, day in arrivals
    )


def _arrivals(settings: Settings, since: datetime) -> Arrivals:
    question = (
        "SELECT saved_ts, (event_time AT TIME ZONE 'UTC')::date FROM telemetry.raw_telemetry WHERE saved_ts >= %s"
    )
    with psycopg.connect(settings.telemetry_database_url) as source:
        return [(at, day) for at, day in source.execute(question, (since,))]


def _missed(settings: Settings) -> int:
    """Events in the source that are neither published nor set apart."""
    with psycopg.connect(settings.telemetry_database_url) as source:
        [(held,)] = source.execute("SELECT count(*) FROM telemetry.raw_telemetry").fetchall()
    with Warehouse(settings) as warehouse:
        [(published,)] = warehouse._reader.execute(
            "SELECT (SELECT count() FROM telemetry_events) + (SELECT count() FROM quarantine)"
        )
    return int(held - published)


def _late(settings: Settings) -> list[str]:
    with Warehouse(settings) as warehouse:
        complete_at, now = completeness(warehouse), datetime.now(UTC)
    factor = settings.reports_freshness_factor
    found = {mart: state(window.times(factor), complete_at.get(mart), now) for mart, window in WINDOWS.items()}
    return [mart for mart, how in found.items() if how is State.STALE and mart != _FAILING]
