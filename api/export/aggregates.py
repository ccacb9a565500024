"""A document of each aggregate that managers read: numbers, never a name."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from api.export.columns import DAY
from api.export.document import Chart, Column, Document, Kind, Row, Sheet
from api.schemas import DealPipeline, Freshness, Period, Publication

_MEAN = Column("amount_mean", Kind.MONEY, "", "Amount, mean", decimals=6)
_MEAN_DIGITS = 37
"""Every reader of Parquet takes decimal numbers of 38 digits; one is left for what rounding carries."""
_DEALS = (
    Column("status", Kind.TEXT),
    Column("currency", Kind.TEXT),
    Column("deals", Kind.COUNT),
    Column("deals_with_amount", Kind.COUNT, "", "With amount"),
    Column("deals_without_amount", Kind.COUNT, "", "Without amount"),
    Column("amount_total", Kind.MONEY, "", "Amount"),
    _MEAN,
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
        sheets=(Sheet("deals", _deals(body), [msgspec.structs.astuple(stage) for stage in body.pipeline]),),
        chart=Chart("Deals by status", "status", "deals"),
    )


def _deals(body: DealPipeline) -> tuple[Column, ...]:
    """The columns; where a mean has more than 31 digits before the point, all have fewer than six behind it."""
    means = [stage.amount_mean for stage in body.pipeline if stage.amount_mean is not None]
    before_the_point = max((mean.adjusted() + 1 for mean in means), default=0)
    decimals = min(_MEAN.decimals, _MEAN_DIGITS - before_the_point)
    return tuple(msgspec.structs.replace(each, decimals=decimals) if each is _MEAN else each for each in _DEALS)


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
