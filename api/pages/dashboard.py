"""The page of managers: deals, what the staff did, and how far each mart reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, TypeVar

import msgspec

from api.aggregates import audit_activity, deal_pipeline
from api.edition import Answer, Asked
from api.health import MartHealth, readiness
from api.pages.charts import Chart, bars_by_day, bars_by_word
from api.pages.language import Language
from api.pages.rendering import Shown, figures_of, render
from api.reads import Reads
from api.schemas import AuditActivity, AuditCount, DealPipeline
from resources.errors import NotPublished

MOST_KINDS = 100
"""How many kinds of activity are listed, the most frequent first; the rest is said to be there."""

_Body = TypeVar("_Body")


class Activity(msgspec.Struct, frozen=True):
    """What the staff did, added up: events can be, actors cannot."""

    by_day: dict[date, int]
    by_kind: list[tuple[tuple[str, str], int]]
    further_kinds: int


def dashboard_page(reads: Reads, asked: Asked, shown: Shown, since: date | None, until: date | None) -> str:
    """The page. What is not published yet is said not to be; raises what the aggregates do otherwise."""
    deals = _body(DealPipeline, lambda: deal_pipeline(reads, asked))
    audit = _body(AuditActivity, lambda: audit_activity(reads, asked, since, until))
    activity = _added_up(audit.activity) if audit else None
    return render(
        "dashboard",
        shown,
        deals=deals,
        audit=audit,
        activity=activity,
        marts=_marts(reads),
        deals_chart=_deals_chart(shown.language, deals) if deals else None,
        activity_chart=bars_by_day(shown.language, "events", activity.by_day) if activity else None,
        root="",
    )


def _body(kind: type[_Body], question: Callable[[], Answer[Any]]) -> _Body | None:
    try:
        return figures_of(question(), kind)
    except NotPublished:
        return None


def _marts(reads: Reads) -> list[MartHealth]:
    try:
        return readiness(reads).marts
    except NotPublished:
        return []


def _added_up(rows: Iterable[AuditCount]) -> Activity:
    by_day, by_kind = Counter[date](), Counter[tuple[str, str]]()
    for row in rows:
        by_day[row.date] += row.events
        by_kind[row.action, row.entity_type] += row.events
    # The same order every time, of those that come as often as well.
    kinds = sorted(by_kind.items(), key=lambda kind: (-kind[1], kind[0]))
    return Activity(dict(by_day), kinds[:MOST_KINDS], len(kinds[MOST_KINDS:]))


def _deals_chart(language: Language, deals: DealPipeline) -> Chart | None:
    return bars_by_word(language, "deals", [(f"{row.status} {row.currency}", row.deals) for row in deals.pipeline])
