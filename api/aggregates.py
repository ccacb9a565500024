"""Routes to what is read of all customers together, for managers: numbers, never a name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from litestar import Response, Router, get
from litestar.di import NamedDependency

from api.asking import ASKING, DataOperation, FirstDay, LastDay, in_form, known_parameters
from api.auth import MANAGER, only_for
from api.edition import Answer, Asked, edition
from api.errors import documented
from api.export.aggregates import of_audit_activity
from api.export.document import Document, Row
from api.export.formats import Format
from api.published import AUDIT, DEALS, LONGEST_PERIOD_DAYS, SHOWN_DAYS, before_anything
from api.reads import Reads
from api.schemas import AuditActivity, AuditCount, DealPipeline, DealStage, Period
from resources.errors import NotPublished, ReportsError
from resources.publications import Publication

_CENTS = Decimal("0.01")
_MEAN_DIGITS = Decimal("0.000001")
_EXACT = Context(prec=60)
"""More digits than any total has, so that nothing but the last step of a mean rounds."""


@get(
    "/deal-pipeline",
    summary="Deals by status",
    description=(
        f"How many deals there are of each status and currency, and of what amount. For the role `{MANAGER}`. Money"
        " is a decimal number in a string."
    ),
    operation_class=DataOperation,
    response_description="The deals",
    responses=documented(304, 401, 403, 406, 410, 422, 503),
)
async def deals(asking: NamedDependency[Asked], reads: NamedDependency[Reads]) -> Response[DealPipeline]:
    """Deals by status and currency."""
    return await in_form(asking, await reads.answer(deal_pipeline, asking))


@get(
    "/audit-activity",
    summary="What the staff did by day",
    description=(
        f"How often what was done to which kind of entity, by day. For the role `{MANAGER}`. Without a period: the"
        f" last {SHOWN_DAYS} published days. A period has {LONGEST_PERIOD_DAYS} days at most."
    ),
    operation_class=DataOperation,
    response_description="The activity",
    responses=documented(304, 401, 403, 406, 410, 422, 503),
)
async def audit(
    asking: NamedDependency[Asked],
    reads: NamedDependency[Reads],
    since: FirstDay = None,
    until: LastDay = None,
) -> Response[AuditActivity]:
    """Activity by day, action and kind of entity."""
    return await in_form(asking, await reads.answer(audit_activity, asking, since, until))


def deal_pipeline(reads: Reads, asked: Asked) -> Answer[DealPipeline]:
    """The deals of the CRM's snapshot. Raises `NotPublished`, `Gone`."""
    held = reads.aggregates(asked)
    part = held.pipeline()
    if part is None:
        raise _nothing(asked, DEALS)
    current = edition(asked, reads.state(asked, held, DEALS), [], [part], "deals")
    if (known := reads.known(asked, current)) is not None:
        return known
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows("reads/deals_by_status", build_id=part.build_id)
    body = DealPipeline(
        pipeline=[_stage(*row) for row in rows], publication=current.publication, freshness=current.freshness
    )
    return reads.kept(asked, current, body)


def audit_activity(
    reads: Reads, asked: Asked, since: dt.date | None, until: dt.date | None
) -> Answer[AuditActivity] | Answer[Document]:
    """The activity of a period; a file's rows are read as it is written. Raises `NotPublished`, `Invalid`, `Gone`."""
    held = reads.aggregates(asked)
    first, last = held.period(since, until)
    parts = held.between(first, last)
    if not held.audit:
        raise _nothing(asked, AUDIT)
    # Where the period has no day, the answer is of all days, which say so.
    beside = [] if parts else [held.last_day()]
    current = edition(asked, reads.state(asked, held, AUDIT), beside, [*parts.values()], "audit", first, last)
    if (known := reads.known(asked, current)) is not None:
        return known
    shown = Period(since=first, until=last)
    if asked.form is not Format.JSON:
        return Answer(
            current, of_audit_activity(shown, current.publication, current.freshness, _rows(reads, asked, parts))
        )
    body = AuditActivity(
        period=shown, activity=_counts(reads, parts), publication=current.publication, freshness=current.freshness
    )
    return reads.kept(asked, current, body)


def _nothing(asked: Asked, mart: str) -> ReportsError:
    return before_anything() if asked.as_of else NotPublished(f"{mart} has nothing published yet.")


def _counts(reads: Reads, parts: dict[dt.date, Publication]) -> list[AuditCount]:
    if not parts:
        return []
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows("reads/audit_of_days", **_of(parts))
    return [
        AuditCount(date=day, action=action, entity_type=entity_type, events=events, actors=actors)
        for day, action, entity_type, events, actors in rows
    ]


def _rows(reads: Reads, asked: Asked, parts: dict[dt.date, Publication]) -> Iterator[Row]:
    if parts:
        yield from reads.stream("reads/audit_of_days", asked.as_of, **_of(parts))


def _of(parts: dict[dt.date, Publication]) -> dict[str, Any]:
    return {"since": min(parts), "until": max(parts), "builds": [part.build_id for part in parts.values()]}


def _stage(  # noqa: PLR0913, PLR0917 - a row
    status: str, currency: str, deals: int, with_amount: int, total: Decimal | None, oldest: Any, newest: Any
) -> DealStage:
    return DealStage(
        status=status,
        currency=currency,
        deals=deals,
        deals_with_amount=with_amount,
        deals_without_amount=deals - with_amount,
        amount_total=_money(total, _CENTS),
        amount_mean=_money(_EXACT.divide(total, with_amount) if total is not None else None, _MEAN_DIGITS),
        oldest_updated_at=oldest,
        newest_updated_at=newest,
    )


def _money(amount: Decimal | None, digits: Decimal) -> Decimal | None:
    if amount is None:
        return None
    return amount.quantize(digits, ROUND_HALF_UP, _EXACT)


routes = Router(
    "/api/v1/aggregates",
    route_handlers=[deals, audit],
    dependencies=ASKING,
    guards=[only_for(MANAGER), known_parameters],
    tags=["Aggregates"],
)
