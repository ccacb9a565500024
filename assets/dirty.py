"""Which days of telemetry must be built again: derived from what was noticed, found and published, never remembered."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from assets.partitions import Window, joined, midnight
from resources.publications import DAY, EPOCH, Publication, current, naive
from resources.retention import MARTS, kept_since
from resources.settings import Settings
from resources.warehouse import Warehouse

OWNERS = "owners"
"""Why a day is dirty beside the reasons of `dirty_segments`: the CRM says of an hour that others wore the chips."""

_AFRESH = timedelta(minutes=10)
"""After so long all days are derived again, so that nothing that was overlooked stays so."""
_OVERLAP = timedelta(minutes=1)
"""A row bears the instant at which its insert began, and is seen when that has ended."""
_STRETCHES_AT_MOST = 8

_Days = dict[date, dict[str, int]]
_Seen = dict[str, tuple[int, datetime]]


class Dirt(msgspec.Struct, kw_only=True):
    """The days to build again: by day (UTC) the reasons, by reason a number that is another for other dirt."""

    days: dict[date, dict[str, int]]
    waiting: int
    """Events of days that are yet to come."""
    without_owners: bool
    """The CRM was never loaded, so that no day can be built."""


class DirtFollower:
    """Asks what is dirty every few seconds, and has it derived only of days that anything happened to since.

    So a look costs the same however long the history.
    """

    def __init__(self) -> None:
        self._basis: tuple[Any, ...] | None = None
        self._derived_at = EPOCH
        self._seen: _Seen = {}
        self._dirt = Dirt(days={}, waiting=0, without_owners=True)

    def dirty_days(self, warehouse: Warehouse, settings: Settings, now: datetime) -> Dirt:
        """As `dirty_days` below."""
        # Asked first: what is published meanwhile is then seen the next time.
        seen, touched = _seen(warehouse, settings, max((newest for _, newest in self._seen.values()), default=EPOCH))
        basis = (settings, now.date(), seen["prosthesis_owners"])
        afresh = basis != self._basis or _removed(self._seen, seen) or now - self._derived_at > _AFRESH
        if afresh or len(touched) > _STRETCHES_AT_MOST:
            self._dirt, self._derived_at = dirty_days(warehouse, settings, now), now
        elif seen != self._seen:
            self._dirt = _derived_again(warehouse, settings, _kept(settings, now), self._dirt, touched)
        self._basis, self._seen = basis, seen
        return self._dirt


def dirty_days(warehouse: Warehouse, settings: Settings, now: datetime) -> Dirt:
    """The dirty days among those that have partitions and are kept at `now`, UTC."""
    kept = _kept(settings, now)
    return _derived_again(warehouse, settings, kept, Dirt(days={}, waiting=0, without_owners=True), [kept])


def _derived_again(warehouse: Warehouse, settings: Settings, kept: Window, before: Dirt, asked: list[Window]) -> Dirt:
    """The dirt that was known `before`, but for what is `asked` for, which is derived."""
    owners = current(warehouse, "prosthesis_owners").get(EPOCH)
    days = {day: why for day, why in before.days.items() if not any(each.reaches(midnight(day)) for each in asked)}
    for stretch in asked:
        window = Window(max(stretch.since, kept.since), min(stretch.until, kept.until))
        if window.since < window.until:
            days |= _derive(warehouse, settings, window, owners)
    [(waiting,)] = warehouse.rows("reads/waiting_events", mart="telemetry_events", since=naive(kept.until))
    return Dirt(days=dict(sorted(days.items())), waiting=waiting, without_owners=owners is None)


def _derive(warehouse: Warehouse, settings: Settings, asked: Window, owners: Publication | None) -> _Days:
    """The dirty days among those `asked` for, and why."""
    days: _Days = defaultdict(dict)
    found = warehouse.rows(
        "reads/dirty_days", first_day=settings.reports_first_day, since=asked.since.date(), until=asked.until.date()
    )
    for day, reason, dirt in found:
        if asked.reaches(midnight(day)):
            days[day][reason] = dirt
    if owners is not None:
        for day in _days_of_other_owners(warehouse, owners.build_id, asked):
            days[day][OWNERS] = owners.build_id
    return days


def _seen(warehouse: Warehouse, settings: Settings, before: datetime) -> tuple[_Seen, list[Window]]:
    """How much of each relation there is and how new it is, and the days of what is newer than `before`."""
    since = naive(max(before - _OVERLAP, EPOCH))
    found = warehouse.rows("reads/dirt_seen", marts=list(MARTS), first_day=settings.reports_first_day, since=since)
    seen = {relation: (rows, newest) for relation, rows, newest, _ in found}
    touched = sorted({day for *_, days in found for day in days})
    return seen, joined(Window(midnight(day), midnight(day) + DAY) for day in touched)


def _removed(before: _Seen, seen: _Seen) -> bool:
    """Whether publications are gone, whose days nothing tells any more; merges of what was noticed remove nothing."""
    return bool(before) and seen["publications"][0] < before["publications"][0]


def _kept(settings: Settings, now: datetime) -> Window:
    """The days that have partitions and are kept: up to today, which is not over."""
    first_day, tomorrow = midnight(settings.reports_first_day), midnight(now.date()) + DAY
    return Window(min(max(first_day, kept_since(settings, now)), tomorrow), tomorrow)


def _days_of_other_owners(warehouse: Warehouse, owners_build: int, asked: Window) -> set[date]:
    """Days with an hour that was published with other owners than those of the build."""
    since, until = naive(asked.since), naive(asked.until)
    checksums = dict(warehouse.rows("reads/owner_checksums", since=since, until=until, owners=owners_build))
    published = warehouse.rows("reads/owners_of_hours", since=since, until=until)
    return {hour.date() for hour, checksum in published if checksums.get(hour, 0) != checksum}
