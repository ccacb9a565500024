"""A period cut into the largest pieces that marts hold: whole days, whole hours, and what is left of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from resources.publications import DAY, EPOCH, HOUR


class Pieces(msgspec.Struct, frozen=True):
    """What a period is made of, ascending, each named by its first instant (UTC); nothing is in two of them."""

    days: list[datetime]
    """Days that lie in the period."""
    hours: list[datetime]
    """Hours that lie in it, of days that do not."""
    cut_days: list[datetime]
    """Days that the period only has a part of: two at most."""
    cut_hours: list[datetime]
    """Hours that it only has a part of: two at most."""


def pieces(since: datetime, until: datetime) -> Pieces:
    """The pieces of `[since, until)`, instants with a zone."""
    days, cut_days = _whole_and_cut(since, until, DAY)
    hours: list[datetime] = []
    cut_hours: list[datetime] = []
    for day in cut_days:
        whole, cut = _whole_and_cut(max(since, day), min(until, day + DAY), HOUR)
        hours += whole
        cut_hours += cut
    return Pieces(days, hours, cut_days, cut_hours)


def _whole_and_cut(since: datetime, until: datetime, length: timedelta) -> tuple[list[datetime], list[datetime]]:
    touched = list(_touched(since, until, length))
    whole = [at for at in touched if since <= at and at + length <= until]
    return whole, [at for at in touched if at < since or at + length > until]


def _touched(since: datetime, until: datetime, length: timedelta) -> Iterator[datetime]:
    at = since - (since - EPOCH) % length
    while at < until:
        yield at
        at += length
