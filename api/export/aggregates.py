"""A document of each aggregate that managers read: numbers, never a name."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from api.export.columns import DAY
from api.export.document import Chart, Column, Document, Kind, Row, Sheet
from api.schemas import DealPipeline, Freshness, Period, Publication

_DEALS = (
    Column("status", Kind.TEXT),
    Column("currency", Kind.TEXT),
    Column("deals", Kind.COUNT),
    Column("deals_with_amount", Kind.COUNT, "", "With amount"),
    Column("deals_without_amount", Kind.COUNT, "", "Without amount"),
    Column("amount_total", Kind.MONEY, "", "Amount"),
    Column("amount_mean", Kind.MONEY, "", "Amount, mean", decimals=6),
    Column("oldest_updated_at", Kind.INSTANT, "UTC", "Oldest change"),
    Column("newest_updated_at", Kind.INSTANT, "UTC", "Newest change"),
)
AUDIT = (
    DAY,
    Column("action", Kind.TEXT),
    Column("entity_type", Kind.TEXT),
    Column("events", Kind.COUNT),
    Column("actors", Kind.COUNT),
)
"""Of `api.schemas.AuditCount`: rows have these cells in this order."""


def of_deal_pipeline(body: DealPipeline) -> Document:
    """Deals by status and currency."""
    return Document(
        name="deal-pipeline",
        title="Deal pipeline",
        publication=body.publication,
        watermark=body.freshness.watermark,
        notes="Amounts are over the deals that have one: no amount is not an amount of zero.",
        sheets=(Sheet("deals", _DEALS, [msgspec.structs.astuple(stage) for stage in body.pipeline]),),
        chart=Chart("Deals by status", "status", "deals"),
    )


def of_audit_activity(
    period: Period, publication: Publication | None, freshness: Freshness, rows: Iterable[Row]
) -> Document:
    """What the staff did by day, action and kind of entity; `rows` may be an iterator."""
    return Document(
        name="audit-activity",
        title="Audit activity",
        period=period,
        publication=publication,
        watermark=freshness.watermark,
        notes="Actors are distinct ones of their row: they cannot be added up over rows.",
        sheets=(Sheet("activity", AUDIT, rows),),
        chart=Chart("Events by day", "date", "events"),
    )
