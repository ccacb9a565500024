"""Looking whether a check holds: how many things are not as they should be, of how many."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import msgspec

from assets.counts import all_days, kept
from assets.derived import chunks
from assets.partitions import FIRST, LAST, ONLY, Window, midnight, noticed_until
from resources import migrations
from resources.freshness import WINDOWS, State, completeness, reason, state
from resources.orchestrator import SNAPSHOTS
from resources.publications import DAY, EPOCH, naive, segment_end
from resources.retention import MARTS as TELEMETRY
from resources.settings import Settings
from resources.sql import statement
from resources.warehouse import Warehouse

_LATELY = timedelta(hours=2)
_TIME_TO_BUILD = timedelta(minutes=15)
_OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
_NEVER = datetime(2100, 1, 1, tzinfo=UTC)
_RIDES_ALONG = {"crm_customers": ["prosthesis_owners"]}


class Looked(msgspec.Struct, kw_only=True):
    """What a check saw: of `looked_at` things, `failing` are not as they should be."""

    failing: int
    looked_at: int
    why: str = ""
    is_warning: bool = False
    """That no reader is harmed yet, where the check itself would say otherwise."""


class _Build(msgspec.Struct, frozen=True):
    """A current build that a check looks at, of the segment that begins then (UTC)."""

    segment: datetime
    build_id: int
    rows: int


class Scope(msgspec.Struct, frozen=True):
    """Which builds to look at: those of segments that begin then, published since; all UTC."""

    segments: Window
    published_since: datetime
    only_to_pass_on: bool = False
    """Of events, those that no sums are made from yet."""


def lately() -> Scope:
    """What was published in the last two hours."""
    return Scope(Window(EPOCH, _NEVER), datetime.now(UTC) - _LATELY)


def of_run(mart: str, tags: Mapping[str, str]) -> Scope:
    """The days that a run with these tags builds of `mart`, also those that it left as they were.

    A run that follows arrivals leaves most of its days alone. It looks at the events that it is about to make sums
    from; those of a run that failed before it did so are among them.
    """
    days = [tags.get(name, tags.get(ONLY)) for name in (FIRST, LAST)]
    if mart in SNAPSHOTS or days[0] is None or days[1] is None:
        return Scope(Window(EPOCH, EPOCH + DAY), EPOCH)
    first, last = (midnight(date.fromisoformat(day)) for day in days if day)
    follows = mart == "telemetry_events" and noticed_until(tags) is not None
    return Scope(Window(first, last + DAY), EPOCH, only_to_pass_on=follows)


class Checking:
    """One run's look at one mart."""

    def __init__(self, mart: str, warehouse: Warehouse, settings: Settings, scope: Scope) -> None:
        self._mart = mart
        self._warehouse = warehouse
        self._settings = settings
        self._scope = scope

    def look(self, name: str) -> Looked:
        """What one check sees."""
        if name == "fresh":
            return self._fresh()
        if name == "columns_as_documented":
            return self._columns()
        if name == "reconciled":
            return self._reconciled()
        return self._counted(name)

    def _counted(self, name: str) -> Looked:
        """What a file of `sql/checks/` counts, a bounded number of rows at a time."""
        file, failing, looked_at = f"checks/{self._mart}_{name}", 0, 0
        for chunk in chunks(self._builds, lambda build: build.rows):
            first, last = chunk[0].segment, chunk[-1].segment
            if first == EPOCH and self._mart == "telemetry_events":
                # That segment is all that lies before the first day.
                first, last = _OLDEST, max(last, midnight(self._settings.reports_first_day))
            known = {
                "builds": [build.build_id for build in chunk],
                "since": naive(first),
                "until": naive(segment_end(self._mart, last)),
            }
            given = {parameter: known[parameter] for parameter in statement(file).parameters}
            [(wrong, of)] = self._warehouse.rows(file, **given)
            failing, looked_at = failing + wrong, looked_at + of
        return Looked(failing=failing, looked_at=looked_at)

    @cached_property
    def _builds(self) -> list[_Build]:
        bounds = {"since": naive(self._scope.segments.since), "until": naive(self._scope.segments.until)}
        if self._scope.only_to_pass_on:
            found = self._warehouse.rows("reads/builds_to_pass_on", **bounds)
        else:
            published_since = naive(self._scope.published_since)
            found = self._warehouse.rows(
                "reads/builds_to_check", mart=self._mart, **bounds, published_since=published_since
            )
        return [_Build(segment.replace(tzinfo=UTC), build_id, rows) for segment, build_id, rows in found]

    def _reconciled(self) -> Looked:
        days: Window = kept(self._settings) if self._mart in TELEMETRY else all_days(self._settings)
        [(failing, looked_at)] = self._warehouse.rows(
            "checks/reconciled",
            marts=[self._mart, *_RIDES_ALONG.get(self._mart, [])],
            since=naive(days.since),
            until=naive(days.until),
            known_before=naive(datetime.now(UTC) - _TIME_TO_BUILD),
        )
        return Looked(failing=failing, looked_at=looked_at)

    def _fresh(self) -> Looked:
        window = WINDOWS[self._mart].times(self._settings.reports_freshness_factor)
        complete_at = completeness(self._warehouse).get(self._mart)
        found = state(window, complete_at, datetime.now(UTC))
        newest = [at.replace(tzinfo=UTC) for (at,) in self._warehouse.rows("reads/newest_watermark", mart=self._mart)]
        return Looked(
            failing=int(found is not State.FRESH),
            looked_at=1,
            is_warning=found is State.LATE,
            why=f"{found.value}: {reason(found, newest[0] if newest else None, complete_at)}",
        )

    def _columns(self) -> Looked:
        names = migrations.made_from(self._mart)
        found = migrations.differences(self._settings, names)
        return Looked(failing=len(found), looked_at=len(names), why=" ".join(found))
