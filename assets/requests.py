"""Which runs to ask for so that dirty days are built, given the runs that Dagster knows of.

Days without failures go together, the newest first. A day whose last run failed goes alone, later after each failure,
so that it holds up nobody else. A day that a run is queued for or running is left to that run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec

DAYS_AT_ONCE = 31
RUNS_AT_ONCE = 4

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_ONLY = "dagster/partition"
ATTEMPT = "reports/attempt"
"""How often a day was tried before, each time in vain."""

_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_SUCCEEDED = [dg.DagsterRunStatus.SUCCESS]
_UNFINISHED = [status for status in dg.DagsterRunStatus if status not in (*_FAILED, *_SUCCEEDED)]

_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_REMEMBERED = timedelta(hours=6)
"""Failures of longer ago count no more."""


class _Run(msgspec.Struct, frozen=True):
    """A run as far as it matters here; it builds the days from the first to the last, both included."""

    first: date
    last: date
    attempt: int
    ended_at: datetime
    failed: bool
    number: int
    """Later runs have higher ones."""

    def retry_at(self) -> datetime:
        """When what failed may be tried again: 30 seconds later, then after twice as long each time, up to an hour."""
        return self.ended_at + min(_LONGEST_PAUSE, _PAUSE * (1 << min(self.attempt, 16)))


def requests(
    instance: dg.DagsterInstance, days: Mapping[date, Mapping[str, int]], marts: Sequence[str], now: datetime
) -> list[dg.RunRequest]:
    """The runs of `marts` to ask for at `now`, given what makes each dirty day dirty (see `Dirt`)."""
    under_way = _runs(instance, marts, _UNFINISHED)
    left = sorted((day for day in days if _first_of(day, under_way) is None), reverse=True)
    ended = _ended(instance, marts, now) if left else []
    failed = {day: run for day in left if (run := _first_of(day, ended)) is not None and run.failed}
    asked = [(stretch, 0) for stretch in stretches(day for day in left if day not in failed)]
    asked += [((day, day), run.attempt + 1) for day, run in failed.items() if run.retry_at() <= now]
    return [_request(stretch, attempt, _dirt(days, stretch), marts, now) for stretch, attempt in asked[:RUNS_AT_ONCE]]


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


def _first_of(day: date, runs: Iterable[_Run]) -> _Run | None:
    """The first of `runs` that builds `day`."""
    return next((run for run in runs if run.first <= day <= run.last), None)


def _request(stretch: tuple[date, date], attempt: int, dirt: int, marts: Sequence[str], now: datetime) -> dg.RunRequest:
    first, last = stretch
    return dg.RunRequest(
        # A run that left its days as dirty as they were is asked for once an hour, and not again and again.
        run_key=f"{first}..{last} dirt {dirt:x} attempt {attempt} {now:%Y-%m-%dT%H}",
        asset_selection=[dg.AssetKey(mart) for mart in marts],
        tags={FIRST: str(first), LAST: str(last), ATTEMPT: str(attempt)},
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
    """Runs that build days of any of `marts`."""
    wanted = {dg.AssetKey(mart) for mart in marts}
    found = instance.get_run_records(dg.RunsFilter(statuses=list(statuses), updated_after=updated_after))
    return [_run(record) for record in found if _builds_days(record.dagster_run, wanted)]


def _builds_days(run: dg.DagsterRun, wanted: set[dg.AssetKey]) -> bool:
    return bool(wanted & set(run.asset_selection or ())) and (FIRST in run.tags or _ONLY in run.tags)


def _run(record: dg.RunRecord) -> _Run:
    run = record.dagster_run
    return _Run(
        first=date.fromisoformat(run.tags.get(FIRST) or run.tags[_ONLY]),
        last=date.fromisoformat(run.tags.get(LAST) or run.tags[_ONLY]),
        attempt=int(run.tags.get(ATTEMPT, 0)),
        ended_at=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp,
        failed=run.status in _FAILED,
        number=record.storage_id,
    )
