"""Cells as a spreadsheet takes them: nothing in a text is ever run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

# The full-width forms are operators to an East Asian Excel; what cannot be seen before an operator does not hide it.
_RUN = re.compile("[\\s\x00-\x20\u200b\ufeff]*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def would_run(text: str) -> bool:
    """Whether a spreadsheet might take `text` for a formula."""
    return _RUN.match(text) is not None


def inert(text: str | None) -> str | None:
    """The text, marked as one where a spreadsheet might take it for a formula."""
    return "'" + text if text and would_run(text) else text


def finite(number: float | None) -> float | None:
    """The number, or nothing where it has no digits: as in JSON."""
    return number if number is not None and isfinite(number) else None


def iso(instant: datetime | None) -> str | None:
    """As in JSON: `2026-07-01T08:00:00Z`."""
    return in_utc(instant).isoformat().replace("+00:00", "Z") if instant else None


def in_utc(instant: datetime) -> datetime:
    """The instant in UTC, which one without a zone is in already."""
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def plain(number: Any) -> str | None:
    """An exact decimal, without an exponent."""
    return None if number is None else f"{number:f}"
