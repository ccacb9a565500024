"""How fresh each mart is to be, declared once: Dagster's policies and the API's answers are derived from it.

A mart is as fresh as the last moment at which it was known to hold all that its source had. So a source with nothing
new leaves it fresh, a pipeline that is stuck does not, and a backfill of old days changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

import msgspec

from resources.publications import naive
from resources.warehouse import Warehouse


class Window(msgspec.Struct, frozen=True):
    """How long after it was complete a mart is late, and how long after it is stale; the first is the shorter."""

    late_after: timedelta
    stale_after: timedelta

    def times(self, factor: float) -> Window:
        """The window made longer or shorter, as `REPORTS_FRESHNESS_FACTOR` asks for."""
        return Window(self.late_after * factor, self.stale_after * factor)


_TELEMETRY = Window(timedelta(minutes=15), timedelta(minutes=30))
_CRM = Window(timedelta(hours=1), timedelta(hours=2))

WINDOWS: Mapping[str, Window] = {
    "crm_customers": _CRM,
    "telemetry_events": _TELEMETRY,
    "user_prosthesis_stats": _TELEMETRY,
    "user_daily_reports": _TELEMETRY,
    "deal_pipeline": _CRM,
    "audit_activity": _CRM,
}


class State(Enum):
    """What a reader is told."""

    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"


def state(window: Window, complete_at: datetime | None, now: datetime) -> State:
    """How fresh a mart is that was last complete at `complete_at`; one that never was is stale."""
    if complete_at is None or now - complete_at > window.stale_after:
        return State.STALE
    return State.LATE if now - complete_at > window.late_after else State.FRESH


def reason(found: State, watermark: datetime | None, complete_at: datetime | None) -> str:
    """Why, in a sentence that names the instants (UTC)."""
    if complete_at is None:
        return "It was never known to hold all that its source has."
    if found is not State.FRESH:
        return f"It last held all that its source had at {complete_at:%Y-%m-%d %H:%M:%S} UTC."
    if watermark is None:
        return f"At {complete_at:%Y-%m-%d %H:%M:%S} UTC its source was empty."
    return f"At {complete_at:%Y-%m-%d %H:%M:%S} UTC its source had nothing newer than {watermark:%Y-%m-%d %H:%M:%S}."


def complete(warehouse: Warehouse, marts: Iterable[str], at: datetime) -> None:
    """Write down that `marts` hold all that their source had `at` that instant."""
    warehouse.insert_rows("builds/complete_marts", [(mart, naive(at)) for mart in marts])


def completeness(warehouse: Warehouse) -> dict[str, datetime]:
    """When each mart was last complete, UTC; those that never were are left out."""
    return {mart: at.replace(tzinfo=UTC) for mart, at in warehouse.rows("reads/complete_marts")}
