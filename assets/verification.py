"""Verification by hand: what reconciliation does over a week, at once, of all days or of some; nothing is built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime

import msgspec

from assets.comparisons import Scope, published_days, reconcile_audit, reconcile_crm, reconcile_telemetry
from assets.counts import AUDIT, EVENTS, all_days, kept
from assets.findings import COLUMNS, Compared, table
from assets.partitions import Window, midnight
from resources.errors import ReportsError
from resources.publications import DAY
from resources.settings import Settings
from resources.source import Snapshot, snapshot
from resources.warehouse import Warehouse

Move = Callable[[int, int, str], None]
"""Told how many of how many days are compared, and what was last."""


class DaysRefused(ReportsError):
    """There are no such days to verify."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what differs, as lines under `columns`."""

    days: int
    segments: int
    rows: int
    differing: int
    differences: list[tuple[str, str, str, int, str]]
    columns: tuple[str, ...] = COLUMNS


def verify(settings: Settings, since: date | None, until: date | None, move: Move) -> Verified:
    """Compare the days from `since` to `until`, both included, by default all that are kept, and the CRM's snapshots.

    What differs is recorded. Raises `DaysRefused`, and whatever reading raises.
    """
    days_of = {EVENTS: kept(settings), AUDIT: all_days(settings)}
    windows = {mart: _asked(window, since, until) for mart, window in days_of.items()}
    if not windows[AUDIT].days():
        raise DaysRefused(
            f"There are days from {settings.reports_first_day:%Y-%m-%d} (REPORTS_FIRST_DAY) to today, UTC; none of "
            "them was asked for."
        )
    with Warehouse(settings) as warehouse:
        days = {mart: published_days(warehouse, mart, window) for mart, window in windows.items()}
        told = _Told(move, sum(map(len, days.values())))
        scopes = {mart: Scope(window, days[mart], told) for mart, window in windows.items()}
        compared = _compare(settings, warehouse, scopes)
    return Verified(
        days=len(set().union(*days.values())),
        segments=compared.segments,
        rows=compared.rows,
        differing=len(compared.findings),
        differences=table(compared.findings),
    )


def _compare(settings: Settings, warehouse: Warehouse, scopes: dict[str, Scope]) -> Compared:
    def crm(schema: str) -> AbstractContextManager[Snapshot]:
        return snapshot(settings.crm_database_url, schema, "CRM_DATABASE_URL")

    def telemetry() -> AbstractContextManager[Snapshot]:
        return snapshot(settings.telemetry_database_url, settings.reports_telemetry_schema, "TELEMETRY_DATABASE_URL")

    compared = reconcile_crm(warehouse, lambda: crm(settings.reports_crm_schema))
    if scopes[EVENTS].window.days():
        compared.add(reconcile_telemetry(warehouse, telemetry, settings, scopes[EVENTS]))
    compared.add(reconcile_audit(warehouse, lambda: crm(settings.reports_audit_schema), scopes[AUDIT]))
    return compared


def _asked(window: Window, since: date | None, until: date | None) -> Window:
    """The days of `window` that were asked for, which may be none."""
    first = max(window.since, midnight(since)) if since else window.since
    return Window(first, min(window.until, midnight(until) + DAY) if until else window.until)


class _Told:
    """Counts the days that were compared, of `total`."""

    def __init__(self, move: Move, total: int) -> None:
        self._move = move
        self._total = total
        self._done = 0

    def __call__(self, day: datetime, days: int) -> None:
        self._done += days
        self._move(self._done, self._total, f"{day:%Y-%m-%d}, {self._done} of {self._total} days")
