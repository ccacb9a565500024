"""Bars and their axes: where each stands, how high it is, and what is written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from math import ceil
from typing import Any

import msgspec

from api.export.cells import finite, in_utc
from api.export.document import Kind
from api.schemas import Period

_MOST_TICKS = 5
_MOST_LABELS = 9
_STEPS = {Kind.DAY: (1, 2, 7, 14, 28, 56, 91), Kind.INSTANT: (1, 3, 6, 12, 24, 48, 168)}
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Mark(msgspec.Struct, frozen=True):
    """Something at a place on an axis."""

    at: float
    label: str


class Bar(msgspec.Struct, frozen=True):
    """A bar in a slot."""

    slot: int
    height: float


class Bars(msgspec.Struct, frozen=True):
    """A bar chart: `slots` beside each other, `top` high; a slot without a bar had nothing."""

    title: str
    unit: str
    slots: int
    top: float
    bars: list[Bar]
    ticks: list[Mark]
    labels: list[Mark]


def bars(title: str, unit: str, kind: Kind, heights: Mapping[Any, float], period: Period | None) -> Bars | None:
    """The chart of `heights` by day, hour or word; `None` where there is nothing to draw."""
    drawn = {across: height for across, height in heights.items() if finite(height) is not None}
    if not drawn:
        return None
    slots = _slots(kind, list(drawn), period)
    step = tick_step(max(drawn.values()))
    ticks = ceil(max(drawn.values()) / step) or 1
    places = {across: slot for slot, across in enumerate(slots)}
    return Bars(
        title=title,
        unit=unit,
        slots=len(slots),
        top=step * ticks,
        bars=[Bar(places[across], height) for across, height in drawn.items()],
        ticks=[Mark(step * number, f"{step * number:,}".replace(",", "\u202f")) for number in range(ticks + 1)],
        labels=_labels(kind, slots),
    )


def place(kind: Kind, cell: Any) -> Any:
    """Where on the axis a cell belongs: an instant into its hour."""
    return in_utc(cell).replace(minute=0, second=0, microsecond=0) if kind is Kind.INSTANT else cell


def tick_step(highest: float) -> int:
    """The least of 1, 2, 5, 10, 20, 50 … that needs few ticks up to `highest`."""
    steps: Iterator[int] = (first * 10**power for power in count() for first in (1, 2, 5))
    return next(step for step in steps if step * _MOST_TICKS >= highest)


def _slots(kind: Kind, drawn: list[Any], period: Period | None) -> list[Any]:
    """What the axis goes through, whether it has a bar or not."""
    if kind is Kind.DAY:
        first, last = _reach(drawn, period)
        return [first + _DAY * number for number in range((last - first).days + 1)]
    if kind is Kind.INSTANT:
        first, last = _reach([hour.date() for hour in drawn], period)
        midnight = datetime.combine(first, time(), UTC)
        return [midnight + _HOUR * number for number in range(24 * ((last - first).days + 1))]
    return drawn


def _reach(days: list[date], period: Period | None) -> tuple[date, date]:
    reached = [*days, period.since, period.until] if period else days
    return min(reached), max(reached)


def _labels(kind: Kind, slots: list[Any]) -> list[Mark]:
    """As many as can be read."""
    least = ceil(len(slots) / _MOST_LABELS)
    step = next((step for step in _STEPS.get(kind, ()) if step >= least), least)
    return [Mark(slot, _label(kind, slots[slot], slots)) for slot in range(0, len(slots), step)]


def _label(kind: Kind, at: Any, slots: list[Any]) -> str:
    if kind is Kind.INSTANT:
        return f"{at:%H:%M}" if len(slots) <= 24 else f"{at:%m-%d %H:%M}"
    if kind is Kind.DAY:
        return f"{at.day} {at:%b}" if slots[0].year == slots[-1].year else str(at)
    return str(at)
