"""What was published at an earlier instant, for whoever reads a report again.

A publication stands for the instant at which it came. What readers saw then is whole as long as nothing of it was
removed; every removal is written down before it begins (sql/tables/0031_collections.sql). So what could be missing is
known, asking for it is a `Gone`, and whoever finds the same written down before and after reading has read what was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from api.errors import FieldProblem, Gone, Invalid
from api.memory import Memory
from api.published import AUDIT, CUSTOMERS, DAILY, DEALS, MARTS, Aggregates, Lost, Published, before_anything, by_day
from resources import publications
from resources.errors import ReportsError
from resources.freshness import State
from resources.publications import EPOCH, Publication, first_build_id_at
from resources.warehouse import Warehouse, WarehousePool

MOST_BYTES = 8 << 20
"""What each process remembers of earlier instants: some fifteen of them, of a year each."""

_EXPIRING = timedelta(minutes=1)
"""Days go at most this long after it was written down that they will."""

AS_OF = r"([1-9][0-9]{0,18}|1[0-7][0-9]{18})(?:\.(late|stale))?"
"""The form in which callers name a publication."""
_TEXT = re.compile(AS_OF, re.ASCII)
_HIGHEST = (1 << 64) - 1


class AsOf(msgspec.Struct):
    """The publication as of which is asked, and how fresh the answer was called then."""

    build_id: int
    state: State = State.FRESH
    snapshot: Snapshot | None = None
    """What this request was answered from, once it was looked up."""

    def __str__(self) -> str:
        """The text that `read_as_of` reads."""
        return str(self.build_id) if self.state is State.FRESH else f"{self.build_id}.{self.state.value}"


def read_as_of(text: str) -> AsOf:
    """The publication that a caller names. Raises `Invalid`."""
    found = _TEXT.fullmatch(text)
    if found is None or int(found[1]) > _HIGHEST:
        raise Invalid(FieldProblem("as_of", "Is not what `publication.as_of` of an answer looks like"))
    return AsOf(int(found[1]), State(found[2] or "fresh"))


class Collected(msgspec.Struct, frozen=True):
    """What may have been removed already, as sql/reads/collected.sql has it; instants in UTC."""

    collections: int
    newest: datetime
    superseded_before: datetime
    expired_until: datetime


class Snapshot(msgspec.Struct, frozen=True):
    """What was published at `moment`, by mart and day, and what cannot be told of it any more; never changes."""

    moment: datetime
    collected: Collected
    found: Mapping[str, dict[date, Publication]]
    lost: Mapping[str, frozenset[date]]

    def published(self) -> Published:
        """What reports were read from. Raises `Gone`, `Invalid` where there was nothing yet."""
        customers = self._whole_snapshot(CUSTOMERS)
        if customers is None:
            raise before_anything()
        expired = self.collected.expired_until
        lost = Lost(self.lost[DAILY], expired.date() if expired > EPOCH else date.min)
        return Published(customers, self.found[DAILY], {}, lost)

    def aggregates(self) -> Aggregates:
        """What aggregates were read from."""
        deals_lost = bool(self.lost[DEALS])
        deals = None if deals_lost else self._whole_snapshot(DEALS)
        return Aggregates(deals, self.found[AUDIT], {}, Lost(self.lost[AUDIT]), deals_lost)

    def _whole_snapshot(self, mart: str) -> Publication | None:
        if self.lost[mart]:
            raise Gone
        return next(iter(self.found[mart].values()), None)


class Snapshots:
    """Looks up snapshots, and remembers them; several threads may use it."""

    def __init__(self, pool: WarehousePool, *, remembered_s: float) -> None:
        """Remember each for at most `remembered_s`; 0 remembers none."""
        self._pool = pool
        self._held: Memory[int, Snapshot] = Memory(
            seconds=remembered_s, most_bytes=MOST_BYTES, largest_bytes=MOST_BYTES
        )

    def find(self, as_of: AsOf) -> Snapshot:
        """The snapshot as of that publication. Raises `Gone`, and `Invalid` where there never was such a one."""
        snapshot = self._held.get(as_of.build_id)
        if snapshot is None:
            with self._pool.connection() as warehouse:
                snapshot = _look_up(warehouse, as_of.build_id)
            self._held.put(as_of.build_id, snapshot, _size_bytes(snapshot))
        as_of.snapshot = snapshot
        return snapshot

    @contextmanager
    def kept_whole(self, as_of: AsOf | None) -> Iterator[None]:
        """For the length of a reading. Raises `Removed` where what it read may have been removed meanwhile."""
        try:
            yield
        finally:
            if as_of is not None and not self.still_whole(as_of):
                raise Removed

    def still_whole(self, as_of: AsOf) -> bool:
        """Whether all that was read until now was still there; otherwise the snapshot is forgotten."""
        snapshot = as_of.snapshot
        if snapshot is None:
            return True
        with self._pool.connection() as warehouse:
            whole = _collected(warehouse, snapshot.moment) == snapshot.collected
        if not whole:
            as_of.snapshot = None
            self._held.forget(as_of.build_id)
        return whole


class Removed(ReportsError):
    """Something was removed while it was read; reading again tells what. No caller ever sees this."""


def _look_up(warehouse: Warehouse, build_id: int) -> Snapshot:
    moments = warehouse.rows("reads/published_at", build_id=build_id)
    moment = _utc(moments[0][0]) if moments else EPOCH
    # After the publication and before its builds: what is removed later than this is noticed by whoever has read them.
    collected = _collected(warehouse, moment)
    if not moments:
        raise _unknown(build_id, collected)
    # Readers of then saw what is current since then, or since before the last removal; of the rest nothing is certain.
    found = publications.as_of(warehouse, MARTS, max(moment, collected.superseded_before))
    days = {mart: by_day(parts) for mart, parts in found.items()}
    return Snapshot(
        moment=moment,
        collected=collected,
        found={mart: _days(parts, until=moment) for mart, parts in days.items()},
        lost={mart: frozenset(parts.keys() - _days(parts, until=moment).keys()) for mart, parts in days.items()},
    )


def _days(parts: dict[date, Publication], *, until: datetime) -> dict[date, Publication]:
    return {day: part for day, part in parts.items() if part.published_at <= until}


def _collected(warehouse: Warehouse, moment: datetime) -> Collected:
    since = publications.naive(max(moment, EPOCH + _EXPIRING) - _EXPIRING)
    collections, *instants = warehouse.rows("reads/collected", since=since)[0]
    return Collected(collections, *map(_utc, instants))


def _unknown(build_id: int, collected: Collected) -> Gone | Invalid:
    if build_id < first_build_id_at(collected.newest):
        return Gone()
    return Invalid(FieldProblem("as_of", "Names no publication"))


def _size_bytes(snapshot: Snapshot) -> int:
    """About what it takes in memory: numbers of 32 bytes, and 1 kB for the rest of a publication."""
    parts = [part for mart in snapshot.found.values() for part in mart.values()]
    return sum(1_000 + 40 * len(part.inputs) for part in parts) + 1_000


def _utc(moment: Any) -> datetime:
    found: datetime = moment.replace(tzinfo=UTC)
    return found
