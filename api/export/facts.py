"""What a reader should know about a document: of whom, of when, and where it came from."""

from __future__ import annotations

from datetime import datetime

from api.export.cells import in_utc
from api.export.document import Document
from api.schemas import Period


def facts(document: Document) -> list[tuple[str, str]]:
    """Labels and texts, in the order in which people look for them."""
    known: list[tuple[str, str]] = []
    if document.user:
        known += [("Name", document.user.name), ("User number", str(document.user.user_id))]
    if document.period:
        known.append(("Period", _period(document.period)))
    known += document.facts
    if document.watermark:
        known.append(("Measured up to", _moment(document.watermark)))
    if document.publication:
        known += [
            ("Publication", document.publication.as_of),
            ("Published at", _moment(document.publication.published_at)),
            ("Made by run", document.publication.run_id),
        ]
    return known


def _period(period: Period) -> str:
    if period.since == period.until:
        return f"{period.since} (UTC)"
    days = (period.until - period.since).days + 1
    return f"{period.since} to {period.until}, {days} days (UTC)"


def _moment(moment: datetime) -> str:
    return f"{in_utc(moment):%Y-%m-%d %H:%M} UTC"
