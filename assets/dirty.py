"""Which days of telemetry must be built again: derived from what was noticed, found and published, never remembered."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any

import msgspec

from assets.partitions import Window, midnight
from resources.publications import DAY, EPOCH, current, naive
from resources.retention import kept_since
from resources.settings import Settings
from resources.warehouse import Warehouse

OWNERS = "owners"
"""Why a day is dirty beside the reasons of `dirty_segments`: the CRM says of an hour that others wore the chips."""


class Dirt(msgspec.Struct, kw_only=True):
    """The days to build again: by day (UTC) the reasons, by reason a number that is another for other dirt."""

    days: dict[date, dict[str, int]]
    waiting: int
    """Events of days that are yet to come."""
    without_owners: bool
    """The CRM was never loaded, so that no day can be built."""


class DirtFollower:
    """Asks what is dirty every few seconds, and has it derived only when something was published, noticed or found."""

    def __init__(self) -> None:
        self._seen: tuple[Any, ...] | None = None
        self._dirt = Dirt(days={}, waiting=0, without_owners=True)

    def dirty_days(self, warehouse: Warehouse, settings: Settings, now: datetime) -> Dirt:
        """As `dirty_days` below."""
        # Asked first: what is published meanwhile is then seen the next time.
        seen = (settings, now.date(), sorted(warehouse.rows("reads/dirt_seen")))
        if seen != self._seen:
            self._dirt, self._seen = dirty_days(warehouse, settings, now), seen
        return self._dirt


def dirty_days(warehouse: Warehouse, settings: Settings, now: datetime) -> Dirt:
    """The dirty days among those that have partitions and are kept at `now`, UTC."""
    kept = _kept(settings, now)
    days: dict[date, dict[str, int]] = defaultdict(dict)
    found = warehouse.rows(
        "reads/dirty_days", first_day=settings.reports_first_day, since=kept.since.date(), until=kept.until.date()
    )
    for day, reason, dirt in found:
        days[day][reason] = dirt
    owners = current(warehouse, "prosthesis_owners").get(EPOCH)
    if owners is not None:
        for day in _days_of_other_owners(warehouse, owners.build_id, kept):
            days[day][OWNERS] = owners.build_id
    [(waiting,)] = warehouse.rows("reads/waiting_events", mart="telemetry_events", since=naive(kept.until))
    return Dirt(days=dict(sorted(days.items())), waiting=waiting, without_owners=owners is None)


def _kept(settings: Settings, now: datetime) -> Window:
    """The days that have partitions and are kept: up to today, which is not over."""
    first_day, tomorrow = midnight(settings.reports_first_day), midnight(now.date()) + DAY
    return Window(min(max(first_day, kept_since(settings, now)), tomorrow), tomorrow)


def _days_of_other_owners(warehouse: Warehouse, owners_build: int, kept: Window) -> set[date]:
    """Days with an hour that was published with other owners than those of the build."""
    since, until = naive(kept.since), naive(kept.until)
    checksums = dict(warehouse.rows("reads/owner_checksums", since=since, until=until, owners=owners_build))
    published = warehouse.rows("reads/owners_of_hours", since=since, until=until)
    return {hour.date() for hour, checksum in published if checksums.get(hour, 0) != checksum}
