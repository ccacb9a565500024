"""Days taken together, so that a long period fits on a page. A mean counts as often as it had events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from api.export.columns import METRICS
from api.export.document import Column, Kind, Row, Sheet
from api.schemas import ReportDay

FITTING_ROWS = 31

_DAYS = Column("days", Kind.COUNT, "", "Days with a report")
_SUMS = frozenset({"movements", "uptime_hours", "usage_minutes", "battery_used_pct", "errors"})
# How many responses a day's mean was taken over is not in its report, so those means cannot be put together.
_COLUMNS = tuple(column for column in METRICS if column.name != "response_ms_mean")


def by_period(reports: Sequence[ReportDay]) -> Sheet | None:
    """The days by week, or where that is too long by month, newest first; `None` where they fit as they are."""
    if len(reports) <= FITTING_ROWS:
        return None
    weeks = [_row(first, days) for first, days in groupby(reports, _monday)]
    if len(weeks) <= FITTING_ROWS:
        return _sheet("weeks", "Week from", weeks)
    return _sheet("months", "Month from", [_row(first, days) for first, days in groupby(reports, _first_of_month)])


def _monday(report: ReportDay) -> date:
    # The first week of the calendar has no Monday to be named by.
    return report.date - timedelta(days=min(report.date.weekday(), report.date.toordinal() - 1))


def _first_of_month(report: ReportDay) -> date:
    return report.date.replace(day=1)


def _sheet(name: str, label: str, rows: list[Row]) -> Sheet:
    return Sheet(name, (Column("from", Kind.DAY, "UTC", label), _DAYS, *_COLUMNS), rows)


def _row(first: date, found: Iterable[ReportDay]) -> Row:
    days = list(found)
    return (first, len(days), *(_together(column.name, days) for column in _COLUMNS))


def _together(name: str, days: list[ReportDay]) -> Any:
    if name in _SUMS:
        return sum(getattr(day, name) for day in days)
    measured = [(getattr(day, name), day.movements) for day in days if getattr(day, name) is not None]
    movements = sum(count for _, count in measured)
    return sum(mean * count for mean, count in measured) / movements if movements else None
