"""Which runs to ask for so that dirty days are built, given the runs that Dagster knows of.

Days without failures go together, the newest first. A day whose last run failed goes alone, later after each failure,
so that it holds up nobody else. A day that a run is queued for or running is left to that run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

import dagster as dg
import msgspec

from assets.checks import blocking_keys
from assets.partitions import FIRST, LAST, NOTICED_UNTIL, ONLY

DAYS_AT_ONCE = 31
RUNS_AT_ONCE = 4

ATTEMPT = "reports/attempt"
"""How often a day was tried before, each time in vain."""

_PRIORITY = "dagster/priority"

_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_SUCCEEDED = [dg.DagsterRunStatus.SUCCESS]
_UNFINISHED = [status for status in dg.DagsterRunStatus if status not in (*_FAILED, *_SUCCEEDED)]

_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_SUCCESS_PAUSE = timedelta(minutes=1)
_REMEMBERED = timedelta(hours=6)
"""Failures of longer ago count no more."""


class _Run(msgspec.Struct, frozen=True):
    """A run as far as it matters here; it builds the days from the first to the last, both included."""

    first: date
    last: date
    ended_at: datetime
    failed: bool
    number: int
    """Later runs have higher ones."""


def requests(
    instance: dg.DagsterInstance,
    days: Mapping[date, Mapping[str, int]],
    marts: Sequence[str],
    now: datetime,
    noticed_until: datetime | None = None,
) -> list[dg.RunRequest]:
    """The runs of `marts` to ask for at `now`, given what makes each dirty day dirty (see `Dirt`).

    Where all that was committed by `noticed_until` was noticed, they are told so: then they look at nothing else.
    """
    under_way = _runs(instance, marts, _UNFINISHED)
    left = sorted((day for day in days if not _of(day, under_way)), reverse=True)
    ended = _ended(instance, marts, now) if left else []
    failed = {day: failures for day in left if (failures := _failures(day, ended))}
    asked = [(stretch, 0) for stretch in stretches(day for day in left if day not in failed)]
    asked += [((day, day), len(failures)) for day, failures in failed.items() if _retry_at(failures) <= now]
    told = {NOTICED_UNTIL: noticed_until.isoformat()} if noticed_until else {}
    return [
        _request(stretch, attempt, _dirt(days, stretch), marts, now, told) for stretch, attempt in asked[:RUNS_AT_ONCE]
    ]


def pause_ends(instance: dg.DagsterInstance, mart: str, day: date | None, now: datetime) -> datetime:
    """Until when `mart` is left alone because of the runs that ended lately; `day` is none of marts that have no days.

    After failures that is the pause of above. After a success it need not be tried at once either: where it does not
    count as fresh even so, clocks disagree or its window is too short.
    """
    if failures := _failures(day, _ended(instance, [mart], now)):
        return _retry_at(failures)
    succeeded = _of(day, _runs(instance, [mart], _SUCCEEDED, now - _SUCCESS_PAUSE))
    return max((run.ended_at for run in succeeded), default=now - _SUCCESS_PAUSE) + _SUCCESS_PAUSE


def stretches(days: Iterable[date]) -> list[tuple[date, date]]:
    """`days`, the newest first, as first and last day of each stretch without a gap, of `DAYS_AT_ONCE` at most."""
    found: list[tuple[date, date]] = []
    for day in days:
        first, last = found[-1] if found else (date.max, date.max)
        if first - day == timedelta(days=1) and (last - day).days < DAYS_AT_ONCE:
            found[-1] = (day, last)
        else:
            found.append((day, day))
    return found


def _of(day: date | None, runs: Iterable[_Run]) -> list[_Run]:
    """Those of `runs` that build `day`."""
    return [run for run in runs if day is None or run.first <= day <= run.last]


def _failures(day: date | None, ended: Iterable[_Run]) -> list[_Run]:
    """The runs of `day` that failed since the last that did not, the last first; whoever asked for them."""
    return list(takewhile(lambda run: run.failed, _of(day, ended)))


def _retry_at(failures: Sequence[_Run]) -> datetime:
    """When what failed may be tried again: 30 seconds later, then after twice as long each time, up to an hour."""
    return failures[0].ended_at + min(_LONGEST_PAUSE, _PAUSE * (1 << min(len(failures) - 1, 16)))


def _request(  # noqa: PLR0913, PLR0917 - what a run is told
    stretch: tuple[date, date], attempt: int, dirt: int, marts: Sequence[str], now: datetime, told: Mapping[str, str]
) -> dg.RunRequest:
    first, last = stretch
    return dg.RunRequest(
        # A run that left its days as dirty as they were is asked for once an hour, and not again and again.
        run_key=f"{first}..{last} dirt {dirt:x} attempt {attempt} {now:%Y-%m-%dT%H}",
        asset_selection=[dg.AssetKey(mart) for mart in marts],
        # Those that keep a mart from being built from a broken one; the others take longer, and run every hour.
        asset_check_keys=blocking_keys("telemetry_events"),
        # Before what a person or a backfill has queued: it is short, and readers wait for it.
        tags={FIRST: str(first), LAST: str(last), ATTEMPT: str(attempt), _PRIORITY: "1", **told},
    )


def _dirt(days: Mapping[date, Mapping[str, int]], stretch: tuple[date, date]) -> int:
    """What makes a stretch of days dirty, as one number."""
    first, last = stretch
    return sum(cause for day in days if first <= day <= last for cause in days[day].values()) % (1 << 64)


def _ended(instance: dg.DagsterInstance, marts: Sequence[str], now: datetime) -> list[_Run]:
    """Runs that ended, the last first, from the first failure on that is remembered; none where there is none."""
    failed = _runs(instance, marts, _FAILED, now - _REMEMBERED)
    if not failed:
        return []
    # Dagster may keep these instants by the second.
    succeeded = _runs(instance, marts, _SUCCEEDED, min(run.ended_at for run in failed) - timedelta(seconds=1))
    return sorted([*failed, *succeeded], key=lambda run: (run.ended_at, run.number), reverse=True)


def _runs(
    instance: dg.DagsterInstance,
    marts: Sequence[str],
    statuses: Sequence[dg.DagsterRunStatus],
    updated_after: datetime | None = None,
) -> list[_Run]:
    """Runs that build any of `marts`."""
    wanted = {dg.AssetKey(mart) for mart in marts}
    found = instance.get_run_records(dg.RunsFilter(statuses=list(statuses), updated_after=updated_after))
    return [_run(record) for record in found if wanted & set(record.dagster_run.asset_selection or ())]


def _run(record: dg.RunRecord) -> _Run:
    run = record.dagster_run
    first, last = run.tags.get(FIRST) or run.tags.get(ONLY), run.tags.get(LAST) or run.tags.get(ONLY)
    return _Run(
        # What has no days is no run of marts by day, or will soon fail.
        first=date.fromisoformat(first) if first else date.max,
        last=date.fromisoformat(last) if last else date.min,
        ended_at=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp,
        failed=run.status in _FAILED,
        number=record.storage_id,
    )
