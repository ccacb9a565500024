"""How long telemetry is kept: whole days, the same for the tables, for what is built and for what readers are told."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from resources.publications import naive
from resources.settings import Settings
from resources.warehouse import Warehouse

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before everything: since when telemetry is kept where nothing is ever let go."""

MARTS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")

TABLES = {
    "telemetry_events_builds": "event_time",
    "quarantine_builds": "event_time",
    "user_prosthesis_stats_builds": "hour",
    "user_daily_reports_builds": "day",
}
"""The tables whose rows go with time, and the column that says of which day a row is."""

_GRACE_DAYS = 2
"""Rows go this much later than their day's publications, so that no reader sees a day half gone."""


def kept_since(settings: Settings, now: datetime | None = None) -> datetime:
    """The first instant (UTC) of the oldest day that is kept; today is kept beside `reports_retention_days` others."""
    if not settings.reports_retention_days:
        return BEGINNING
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    return datetime.combine(today - timedelta(days=settings.reports_retention_days), time(), UTC)


def row_days(settings: Settings) -> int:
    """How many days after its own a row is removed by the warehouse itself; 0 for never."""
    days = settings.reports_retention_days
    return days + _GRACE_DAYS if days else 0


def expire(warehouse: Warehouse, settings: Settings) -> None:
    """Forget the publications of days that are no longer kept; their rows then go as those of any dead build do."""
    if settings.reports_retention_days:
        first_day = datetime.combine(settings.reports_first_day, time(), UTC)
        since = kept_since(settings)
        days: dict[str, Any] = {"marts": list(MARTS), "kept_since": naive(since), "first_day": naive(first_day)}
        # First, so that whoever reads an earlier publication meanwhile learns that it may not be whole any more.
        warehouse.run("builds/collections_expired", **days)
        warehouse.run("builds/expired", **days)
