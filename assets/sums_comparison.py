"""Comparing builds with what was published of them, and sums with what they were made from, inside the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from assets.counts import DAILY, EVENTS, STATS
from assets.findings import Compared, Finding, faults
from resources.publications import DAY, EPOCH, Publication, current, naive
from resources.settings import Settings
from resources.warehouse import Warehouse

_OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
_NEWEST = datetime(2100, 1, 1, tzinfo=UTC)
_BUILDS_AT_ONCE = 1_000
_NOTHING = (0, 0)


def compare_sums(warehouse: Warehouse, settings: Settings, day: datetime, found: Iterable[Finding]) -> Compared:
    """Compare the sums of `day`, by hour and whole, with what they were made from, as far as that is right itself.

    `found` is what was found of the day already. Left out is what is not made from current builds: that is built again
    anyway.
    """
    wrong = {finding.segment for finding in found if finding.mart == EVENTS}
    events = {hour: build for hour, build in current(warehouse, EVENTS, day, day + DAY).items() if hour not in wrong}
    hours = current(warehouse, STATS, day, day + DAY)
    stats = [build for hour, build in hours.items() if hour in events and build.inputs[0] == events[hour].build_id]
    findings = _compare(warehouse, stats, _stats_recomputed(warehouse, settings, day, stats))
    daily = list(current(warehouse, DAILY, day, day + DAY).values())
    if not findings and [build.inputs for build in daily] == [tuple(build.build_id for build in hours.values())]:
        findings += _compare(warehouse, daily, _daily_recomputed(warehouse, day, daily[0]))
        stats += daily
    return Compared(findings=findings, segments=len(stats))


def damaged(warehouse: Warehouse, mart: str, builds: Sequence[Publication]) -> list[Publication]:
    """Those of `builds`, which are in order of time, whose rows are not the rows that were published."""
    found: dict[int, tuple[int, int]] = {}
    for first in range(0, len(builds), _BUILDS_AT_ONCE):
        some = builds[first : first + _BUILDS_AT_ONCE]
        bounds = _bounds(some[0].segment, some[-1].segment)
        totals = warehouse.rows(f"reads/{mart}_totals", builds=[build.build_id for build in some], **bounds)
        # Every mart's totals begin with the rows and end with the checksum and the watermark.
        found |= {build_id: (rows, checksum) for build_id, rows, *_, checksum, _ in totals}
    return [build for build in builds if found.get(build.build_id, _NOTHING) != (build.rows, build.checksum)]


def _bounds(first: datetime, last: datetime) -> dict[str, datetime]:
    """Around all rows of the segments from `first` to `last`; that of 1970 has rows from before the first day."""
    since, until = (_OLDEST, _NEWEST) if first == EPOCH else (first, last + DAY)
    return {"since": naive(since), "until": naive(until)}


def _compare(warehouse: Warehouse, builds: list[Publication], recomputed: dict[int, tuple[int, int]]) -> list[Finding]:
    """Faults of `builds` of one mart; `recomputed` is the rows and the checksum that each should have."""
    broken = damaged(warehouse, builds[0].mart, builds) if builds else []
    other = [
        build
        for build in builds
        if build not in broken and recomputed.get(build.build_id, _NOTHING) != (build.rows, build.checksum)
    ]
    return faults(broken, "damaged") + faults(other, "differs_from_inputs")


def _stats_recomputed(
    warehouse: Warehouse, settings: Settings, day: datetime, stats: list[Publication]
) -> dict[int, tuple[int, int]]:
    made_into = {build.inputs[0]: build.build_id for build in stats}
    found = warehouse.rows(
        "reads/user_prosthesis_stats_recomputed",
        events_builds=list(made_into),
        since=naive(day),
        until=naive(day + DAY),
        response_limit_ms=settings.reports_response_limit_ms,
    )
    return {made_into[events_build]: (rows, checksum) for events_build, rows, checksum in found}


def _daily_recomputed(warehouse: Warehouse, day: datetime, daily: Publication) -> dict[int, tuple[int, int]]:
    bounds = {"since": naive(day), "until": naive(day + DAY)}
    found = warehouse.rows("reads/user_daily_reports_recomputed", stats_builds=list(daily.inputs), **bounds)
    [(rows, checksum)] = [(rows, checksum) for _, rows, checksum in found] or [_NOTHING]
    return {daily.build_id: (rows, checksum)}
