"""Comparing sources with marts: cheap counts of every day, then the content of some; what differs is recorded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import msgspec

from assets.counts import AUDIT, DAILY, EVENTS, STATS, count_audit, count_behind, count_rows, count_telemetry
from assets.crm_comparison import compare_audit, compare_crm
from assets.event_comparison import compare_events
from assets.findings import Compared, record_faults
from assets.partitions import Window
from assets.sums_comparison import compare_sums
from resources.publications import current
from resources.settings import Settings
from resources.source import Snapshot
from resources.warehouse import Warehouse

OpenSource = Callable[[], AbstractContextManager[Snapshot]]
"""Opens a snapshot: one for the counts, and a new one for each day, so that none is held for long."""

Progress = Callable[[datetime, int], None]
"""Told of the last of some days once they are compared, and how many they were."""

_ROUNDS = 7 * 24
"""In how many rounds all days come round: a week's, one an hour."""

_AUDIT_DAYS_AT_ONCE = 31

_TABLES = {EVENTS: "telemetry_events_builds", STATS: "user_prosthesis_stats_builds", DAILY: "user_daily_reports_builds"}


class Scope(msgspec.Struct, frozen=True):
    """What to compare: `window` by counts, and the content of `days`."""

    window: Window
    days: Sequence[datetime]
    progress: Progress = lambda *_: None


def reconcile_telemetry(warehouse: Warehouse, source: OpenSource, settings: Settings, scope: Scope) -> Compared:
    """Compare telemetry with its marts, and those with each other; record what differs."""
    compared = Compared()
    with source() as snapshot:
        snapshot.check("raw_telemetry")
        compared.findings += count_telemetry(warehouse, snapshot, settings, scope.window)
    for mart, table in _TABLES.items():
        compared.findings += count_rows(warehouse, mart, table, scope.window)
    compared.findings += count_behind(warehouse, scope.window)
    compared.findings = record_faults(warehouse, compared.findings)
    for day in scope.days:
        with source() as snapshot:
            of_day = compare_events(warehouse, snapshot, settings, day)
        of_day.add(compare_sums(warehouse, settings, day, [*compared.findings, *of_day.findings]))
        _close(warehouse, EVENTS, [day], of_day, compared)
        scope.progress(day, 1)
    return compared


def reconcile_audit(warehouse: Warehouse, source: OpenSource, scope: Scope) -> Compared:
    """Compare the audit trail with its mart; record what differs."""
    compared = Compared()
    with source() as snapshot:
        snapshot.check("events")
        compared.findings += count_audit(warehouse, snapshot, scope.window)
    compared.findings += count_rows(warehouse, AUDIT, "audit_activity_builds", scope.window)
    compared.findings = record_faults(warehouse, compared.findings)
    days = sorted(scope.days)
    for first in range(0, len(days), _AUDIT_DAYS_AT_ONCE):
        some = days[first : first + _AUDIT_DAYS_AT_ONCE]
        with source() as snapshot:
            of_days = compare_audit(warehouse, snapshot, some)
        _close(warehouse, AUDIT, some, of_days, compared)
        scope.progress(some[-1], len(some))
    return compared


def reconcile_crm(warehouse: Warehouse, source: OpenSource) -> Compared:
    """Compare the CRM's customers, owners and deals with their marts; record what differs."""
    with source() as snapshot:
        snapshot.check("customers", "prostheses", "prosthesis_models", "deals")
        compared = compare_crm(warehouse, snapshot)
    compared.findings = record_faults(warehouse, compared.findings)
    return compared


def due(warehouse: Warehouse, mart: str, window: Window) -> list[datetime]:
    """Days of `window` whose content is to be compared in this round: those that were left unverified longest.

    Never verified ones come first, newest first; so many that all published days come round within a week.
    """
    verified = dict(warehouse.rows("reads/verified_days", mart=mart))
    days = published_days(warehouse, mart, window)
    never = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(days, key=lambda day: (verified.get(day.date(), never), -day.timestamp()))
    return ordered[: math.ceil(len(days) / _ROUNDS)]


def published_days(warehouse: Warehouse, mart: str, window: Window) -> list[datetime]:
    """Days of `window` of which something is published, in order."""
    return sorted({segment.replace(hour=0) for segment in current(warehouse, mart, window.since, window.until)})


def _close(warehouse: Warehouse, mart: str, days: Sequence[datetime], of_days: Compared, compared: Compared) -> None:
    """Record what was found of days and that they were compared, and count it in; what counts showed is told once."""
    known = {(finding.mart, finding.segment) for finding in compared.findings}
    news = [finding for finding in of_days.findings if (finding.mart, finding.segment) not in known]
    of_days.findings = record_faults(warehouse, news)
    # What lies before the first day was compared with that.
    differing = Counter(max(finding.segment, days[0]).date() for finding in of_days.findings)
    warehouse.insert_rows("builds/verified_days", [(mart, day.date(), differing[day.date()]) for day in days])
    of_days.days = len(days)
    compared.add(of_days)
