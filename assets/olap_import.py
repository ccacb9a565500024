"""The import: customers whole, then the telemetry of `[start, end)` rebuilt exactly, without Dagster.

Hours are published whole, so each hour that the window touches is read again whole; the others stay as they are. A day
whose hours were never all built has no report until they are: a reader never sees part of a day.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from assets import orphans
from assets.crm_customers import build_customers
from assets.outcome import Outcome
from assets.partitions import Window, early_window, joined, midnight
from assets.telemetry_events import EventsBuild
from assets.user_daily_reports import DailyBuild
from assets.user_prosthesis_stats import StatsBuild
from resources.errors import ReportsError
from resources.publications import DAY, HOUR, current
from resources.retention import kept_since
from resources.settings import Settings, read_settings
from resources.source import Snapshot, snapshot
from resources.warehouse import Warehouse

Progress = Callable[[int, int, str], None]
"""Told how many of how many steps are done, and what was last."""

_STRETCH_DAYS = 7
_HOURS_OF_A_DAY = 24


class WindowRefused(ReportsError):
    """There is no such stretch of time to import."""


class ImportCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What an import published. `since` and `until` (UTC) bound the hours; none where there was no telemetry."""

    customers: int
    events: int = 0
    quarantined: int = 0
    hours: int = 0
    days: int = 0
    """Days whose reports are of the hours that are now published."""
    days_waiting: int = 0
    """Days without a report, because hours of theirs outside the window were never built."""
    orphans: int = 0
    since: datetime | None = None
    until: datetime | None = None


def import_olap_data(
    telemetry_start_ts: datetime | str | None = None, telemetry_end_ts: datetime | str | None = None
) -> ImportCounts:
    """Import as `run_import` does, with the settings of the environment. Instants without a zone are UTC."""
    return run_import(read_settings(os.environ), telemetry_start_ts, telemetry_end_ts, lambda *_: None)


def run_import(
    settings: Settings, start: datetime | str | None, end: datetime | str | None, progress: Progress
) -> ImportCounts:
    """Publish the customers, then the telemetry of `[start, end)`, and remove what is left of customers who are gone.

    Without a start it begins with the day of the first event, without an end it ends with the day of the last one.
    Killed half-way, it has published what it finished. Raises `WindowRefused`, before anything is written, and whatever
    the builds raise.
    """
    asked = _asked(_instant(start), _instant(end), settings)
    run_id = f"import-{uuid4()}"
    with Warehouse(settings) as warehouse:
        progress(0, 0, "customers")
        with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as crm:
            customers = build_customers(warehouse, crm, run_id)
        counts = ImportCounts(customers=customers.rows)
        schema = settings.reports_telemetry_schema
        with snapshot(settings.telemetry_database_url, schema, "TELEMETRY_DATABASE_URL") as source:
            if window := _window(source, asked, open_start=start is None, open_end=end is None):
                counts = _Telemetry(settings, warehouse, source, run_id).rebuild(window, counts, progress)
        removed = sum(orphans.remove(warehouse).values())
    return msgspec.structs.replace(counts, orphans=removed)


class _Telemetry:
    """The telemetry part of one import, over one snapshot of the source."""

    def __init__(self, settings: Settings, warehouse: Warehouse, source: Snapshot, run_id: str) -> None:
        self._warehouse = warehouse
        self._events = EventsBuild(warehouse, source, early_window(settings), run_id, _silently)
        self._stats = StatsBuild(warehouse, settings.reports_response_limit_ms, run_id, _silently)
        self._daily = DailyBuild(warehouse, run_id, _silently)

    def rebuild(self, window: Window, counts: ImportCounts, progress: Progress) -> ImportCounts:
        """`counts` with what was published of `window`, which is whole hours, added."""
        events, days, waiting = Outcome(), 0, 0
        stretches = list(_stretches(window))
        for done, stretch in enumerate(stretches):
            progress(done, len(stretches), f"{stretch.since:%Y-%m-%d}, {events.rows:,} events")
            built = self._events.materialize(stretch, full_refresh=True)
            events.rows += built.rows
            events.quarantined += built.quarantined
            self._stats.materialize(stretch, full_refresh=True)
            reported, unreported = self._report(stretch)
            days, waiting = days + reported, waiting + unreported
        progress(len(stretches), len(stretches), f"{events.rows:,} events")
        return msgspec.structs.replace(
            counts,
            events=events.rows,
            quarantined=events.quarantined,
            hours=len(window.hours()),
            days=days,
            days_waiting=waiting,
            since=window.since,
            until=window.until,
        )

    def _report(self, stretch: Window) -> tuple[int, int]:
        """Publish the reports of the days that `stretch` touches; how many, and how many wait for more hours."""
        touched = Window(_midnight(stretch.since), _midnight(stretch.until - HOUR) + DAY)
        hours = current(self._warehouse, "user_prosthesis_stats", touched.since, touched.until)
        days = touched.days()
        whole = [day for day in days if sum(day <= hour < day + DAY for hour in hours) == _HOURS_OF_A_DAY]
        for window in joined(Window(day, day + DAY) for day in whole):
            self._daily.materialize(window)
        return len(whole), len(days) - len(whole)


def _asked(start: datetime | None, end: datetime | None, settings: Settings) -> Window:
    """What is to be imported at most: of what was asked for, what is kept. Raises `WindowRefused`."""
    if start and end and start >= end:
        raise WindowRefused(f"There is nothing from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC.")
    kept = Window(
        max(midnight(settings.reports_first_day), kept_since(settings)), midnight(datetime.now(UTC).date()) + DAY
    )
    asked = Window(max(start or kept.since, kept.since), min(end or kept.until, kept.until))
    if asked.since >= asked.until:
        raise WindowRefused(
            f"Telemetry is kept from {kept.since:%Y-%m-%d} (REPORTS_FIRST_DAY, REPORTS_RETENTION_DAYS) to today, UTC; "
            "nothing of that was asked for."
        )
    return asked


def _window(source: Snapshot, asked: Window, *, open_start: bool, open_end: bool) -> Window | None:
    """The hours that `asked` touches; where it is open, only up to the days that have telemetry. None without any."""
    source.window(asked.since, asked.until, asked.since)
    first, last = source.frame("sources/first_and_last_event").row(0)
    if first is None and (open_start or open_end):
        return None
    since = (
        _midnight(first.replace(tzinfo=UTC)) if open_start else asked.since.replace(minute=0, second=0, microsecond=0)
    )
    if open_end:
        return Window(since, _midnight(last.replace(tzinfo=UTC)) + DAY)
    last_hour = (asked.until - datetime.resolution).replace(minute=0, second=0, microsecond=0)
    return Window(since, last_hour + HOUR)


def _stretches(window: Window) -> Iterator[Window]:
    """`window` in order, cut at midnights: few statements in all, and progress to show."""
    since = window.since
    while since < window.until:
        until = min(_midnight(since) + _STRETCH_DAYS * DAY, window.until)
        yield Window(since, until)
        since = until


def _instant(given: datetime | str | None) -> datetime | None:
    """What was given as an instant in UTC. Raises `WindowRefused`."""
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WindowRefused(f"{given!r} is no instant; write it as 2026-02-10T08:30:00Z (ISO 8601).") from None


def _midnight(moment: datetime) -> datetime:
    return midnight(moment.date())


def _silently(_: str) -> None:
    pass
