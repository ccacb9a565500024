"""Comparing by counts, which is cheap: what the sources hold of each hour or day, and the warehouse of each build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from assets.findings import Finding, faults
from assets.partitions import Window, early_window, midnight
from resources import noticed
from resources.publications import DAY, EPOCH, HOUR, Publication, current, naive
from resources.retention import kept_since
from resources.settings import Settings
from resources.source import Snapshot
from resources.warehouse import Warehouse

EVENTS, STATS, DAILY, AUDIT = "telemetry_events", "user_prosthesis_stats", "user_daily_reports", "audit_activity"

Print = tuple[int, int, int]
"""What a source holds of a segment: events, sum of their ids, newest source time in microseconds."""

_NOTHING: Print = (0, 0, 0)


def kept(settings: Settings) -> Window:
    """The days of telemetry that are kept, today included."""
    first_day = midnight(settings.reports_first_day)
    return Window(max(first_day, kept_since(settings)), midnight(datetime.now(UTC).date()) + DAY)


def all_days(settings: Settings) -> Window:
    """The days that have partitions, today included; of the audit trail, all are kept."""
    return Window(midnight(settings.reports_first_day), kept(settings).until)


def count_telemetry(warehouse: Warehouse, source: Snapshot, settings: Settings, window: Window) -> list[Finding]:
    """Hours of `window` of which the source counts otherwise than was published, which is noticed, or the CRM does."""
    prints = telemetry_prints(source, settings, window)
    published = events_published(warehouse, settings, window)
    findings = _moved(warehouse, EVENTS, prints, published, source.source_seq(warehouse, "telemetry"))
    unsettled = {finding.segment for finding in findings}
    stale = [segment for segment in owners_changed(warehouse, published, window) if segment not in unsettled]
    findings += [Finding(EVENTS, segment, "owners_changed") for segment in stale]
    settled = [build for segment, build in published.items() if segment not in unsettled.union(stale)]
    return findings + faults(_half_empty(warehouse, settled, window), "rows_differ")


def count_audit(warehouse: Warehouse, source: Snapshot, window: Window) -> list[Finding]:
    """Days of `window` of which the audit trail counts otherwise than was published, which are noticed."""
    published = current(warehouse, AUDIT, window.since, window.until)
    return _moved(warehouse, AUDIT, audit_prints(source, window), published, source.source_seq(warehouse, "crm"))


def count_rows(warehouse: Warehouse, mart: str, table: str, window: Window) -> list[Finding]:
    """Builds of which `table` holds more or fewer rows than were published."""
    published = _publications(warehouse, mart, window)
    counted = _counted(warehouse, mart, table, window)
    return faults((build for build in published if counted.get(build.build_id, 0) != build.rows), "rows_differ")


def count_behind(warehouse: Warehouse, window: Window) -> list[Finding]:
    """Sums of `window` that are missing, or not made from the events or the hours that are current."""
    events, stats, daily = (current(warehouse, mart, window.since, window.until) for mart in (EVENTS, STATS, DAILY))
    hours = [hour for hour, build in events.items() if hour not in stats or stats[hour].inputs[0] != build.build_id]
    made_from: dict[datetime, tuple[int, ...]] = {hour.replace(hour=0): () for hour in events}
    for hour, build in stats.items():
        made_from[hour.replace(hour=0)] = (*made_from.get(hour.replace(hour=0), ()), build.build_id)
    days = [day for day, builds in made_from.items() if day not in daily or daily[day].inputs != builds]
    return [Finding(STATS, hour, "behind") for hour in hours] + [Finding(DAILY, day, "behind") for day in days]


def telemetry_prints(source: Snapshot, settings: Settings, window: Window) -> dict[datetime, Print]:
    """What the source holds of each hour of `window`, and of before the first day where it begins there."""
    early = early_window(settings)
    prints: dict[datetime, Print] = {}
    for part in _parts(window, early):
        source.window(part.since, part.until, early.until)
        prints |= _by_segment(source.frame("sources/fingerprints").iter_rows())
    return prints


def audit_prints(source: Snapshot, window: Window) -> dict[datetime, Print]:
    """What the audit trail holds of each day of `window` that has events."""
    source.window(window.since, window.until, window.since)
    found = source.frame("sources/audit_fingerprints").iter_rows()
    return _by_segment((datetime.combine(day, datetime.min.time()), *counts) for day, *counts in found)


def events_published(warehouse: Warehouse, settings: Settings, window: Window) -> dict[datetime, Publication]:
    """What is published of the hours of `window`, and of before the first day where it begins there."""
    published = current(warehouse, EVENTS, window.since, window.until)
    return published | (current(warehouse, EVENTS, EPOCH, EPOCH + HOUR) if _begins(settings, window) else {})


def owners_changed(warehouse: Warehouse, published: dict[datetime, Publication], window: Window) -> list[datetime]:
    """Hours of `published` for which the CRM now says otherwise who wore what."""
    owners = current(warehouse, "prosthesis_owners")
    if EPOCH not in owners:
        return []
    bounds = {"since": naive(window.since), "until": naive(window.until)}
    found = warehouse.rows("reads/owner_checksums", owners=owners[EPOCH].build_id, **bounds)
    checksums = {hour.replace(tzinfo=UTC): checksum for hour, checksum in found}
    hours = [hour for hour in published if hour != EPOCH]
    return [hour for hour in hours if published[hour].inputs[3] != checksums.get(hour, 0)]


def _moved(
    warehouse: Warehouse, mart: str, prints: dict[datetime, Print], published: dict[datetime, Publication], seq: int
) -> list[Finding]:
    """Record what the source holds of each segment that was published as something else from an older snapshot."""
    findings = []
    for segment in sorted(prints.keys() | published.keys()):
        build = published.get(segment)
        if build is None:
            findings.append(Finding(mart, segment, "not_published"))
        elif build.source_seq < seq and build.inputs[:3] != prints.get(segment, _NOTHING):
            findings.append(Finding(mart, segment, "counts_differ"))
    noticed.notice(warehouse, mart, seq, {found.segment: prints.get(found.segment, _NOTHING) for found in findings})
    return findings


def months(window: Window) -> Iterator[Window]:
    """`window` in order, cut into stretches of a month at most, so that no answer is large."""
    since = window.since
    while since < window.until:
        until = min(since + timedelta(days=31), window.until)
        yield Window(since, until)
        since = until


def _parts(window: Window, early: Window) -> Iterator[Window]:
    if window.since == early.until and early.since < early.until:
        yield early
    yield from months(window)


def _begins(settings: Settings, window: Window) -> bool:
    return window.since == midnight(settings.reports_first_day)


def _by_segment(found: Iterable[tuple[Any, ...]]) -> dict[datetime, Print]:
    return {segment.replace(tzinfo=UTC): noticed.fingerprint(*held) for segment, *held in found}


def _half_empty(warehouse: Warehouse, builds: list[Publication], window: Window) -> list[Publication]:
    """Those of `builds`, whose owners are as they were, of which not every event is published or set apart."""
    bounds = Window(EPOCH, window.until) if any(build.segment == EPOCH for build in builds) else window
    counted = [_counted(warehouse, EVENTS, table, bounds) for table in ("telemetry_events_builds", "quarantine_builds")]
    return [build for build in builds if sum(table.get(build.build_id, 0) for table in counted) != build.inputs[0]]


def _publications(warehouse: Warehouse, mart: str, window: Window) -> Iterable[Publication]:
    return current(warehouse, mart, window.since, window.until).values()


def _counted(warehouse: Warehouse, mart: str, table: str, window: Window) -> dict[int, int]:
    bounds = {"since": naive(window.since), "until": naive(window.until)}
    return dict(warehouse.rows("reads/rows_by_build", table=table, mart=mart, **bounds))
