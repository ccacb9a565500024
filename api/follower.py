"""What is published, held in memory and followed, so that a request never has to ask which builds are current."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import structs

from api.published import AUDIT, CUSTOMERS, DAILY, DEALS, MARTS, Aggregates, Published, by_day, known_instant, newest
from resources import publications
from resources.errors import NotPublished, WarehouseUnavailable
from resources.freshness import WINDOWS, completeness
from resources.publications import Publication
from resources.settings import Settings
from resources.warehouse import Warehouse

SETTLED_SECONDS = 0.25
"""How old the newest publication is before it is taken over. What bears an earlier instant is visible by then, so that
what is held is what was published at that instant (docs/decisions/0020).
"""

_UP_SECONDS = 5.0
"""So long after it last answered the warehouse counts as up; it is asked every second."""

_log = logging.getLogger("api")


class Mart(msgspec.Struct, frozen=True):
    """A mart as a whole, instants in UTC; nothing is published of it where it has no segments."""

    segments: int = 0
    published_at: datetime | None = None
    watermark: datetime | None = None
    complete_at: datetime | None = None


class Follower:
    """Keeps `Published`, `Aggregates` and every `Mart` at most an interval behind the warehouse, from a thread of its
    own, whatever happens there.
    """

    def __init__(self, settings: Settings, *, timeout_s: float, interval_s: float = 1.0) -> None:
        """Start nothing yet. `timeout_s` bounds the server's silence, and a reader's wait for the first look."""
        self._warehouse = Warehouse(settings, timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._interval_s = interval_s
        self.looked_at: datetime | None = None
        """When a look last succeeded, UTC."""
        self._seen: list[Any] | None = None
        self._published: Published | None = None
        self._aggregates = Aggregates(None, {}, {})
        self._marts: dict[str, Mart] = {}
        self.seen_at: float | None = None
        """When the last look began, in seconds of the monotonic clock; `None` where it failed."""
        self.complete: Mapping[str, datetime] = {}
        self.version = 0
        """Grows with every change of what reports and aggregates are made from."""
        self.changes = 0
        """Grows with that and with every change of `complete`, always after what has changed was taken over."""
        self._looking = threading.Lock()
        self._loaded = False
        self._tried = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="publications", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more, and disconnect."""
        self._stopped.set()
        self._thread.join()
        self._warehouse.close()

    @property
    def up(self) -> bool:
        """Whether the warehouse answered a moment ago."""
        seen_at = self.seen_at
        return seen_at is not None and time.monotonic() - seen_at < _UP_SECONDS

    def published(self) -> Published:
        """What is published.

        Raises `WarehouseUnavailable` before the first look succeeded, `NotPublished` where a mart is empty.
        """
        self._wait()
        if self._published is None:
            raise NotPublished("A mart that reports are read from has nothing published yet.")
        return self._published

    def aggregates(self) -> Aggregates:
        """What is published of the aggregates. Raises `WarehouseUnavailable` before the first look succeeded."""
        self._wait()
        return self._aggregates

    def marts(self) -> dict[str, Mart]:
        """Every mart as a whole. Raises `WarehouseUnavailable` before the first look succeeded."""
        self._wait()
        return self._marts

    def look(self) -> None:
        """See whether anything was published or found complete, and take it over. Raises `WarehouseError`."""
        with self._looking:
            began = time.monotonic()
            try:
                self._look()
            except Exception:
                self.seen_at = None
                raise
            self.seen_at = began
            self.looked_at = datetime.now(UTC)

    def _look(self) -> None:
        # Asked first: a mart is complete by what was published before, and that is held when this is.
        complete = completeness(self._warehouse)
        # Asked next: whatever is published after this is noticed at the next look.
        *seen, age_s = self._warehouse.rows("reads/publications_seen", marts=list(WINDOWS))[0]
        if seen != self._seen:
            # Of publishers that write at the same time the later instant may be seen first.
            self._stopped.wait(max(0.0, SETTLED_SECONDS - age_s))
            found = publications.as_of(self._warehouse, MARTS, seen[1].replace(tzinfo=UTC))
            published, aggregates, marts = (
                _published(found, complete),
                _aggregates(found, complete),
                self._load_marts(complete),
            )
            another = _contents(published, aggregates) != _contents(self._published, self._aggregates)
            self._published, self._aggregates, self._marts, self._seen = published, aggregates, marts, seen
            # Last, so that nothing made from what was held before is taken for the new.
            self.version += another
            self.changes += 1
        if complete != self.complete or not self._loaded:
            self._take_over(complete)
            self.changes += 1
        self._loaded = True

    def _take_over(self, complete: Mapping[str, datetime]) -> None:
        """Hold what is held already as complete as that."""
        if self._published is not None:
            self._published = structs.replace(self._published, complete=complete)
        self._aggregates = structs.replace(self._aggregates, complete=complete)
        marts = self._marts.items()
        self._marts = {name: structs.replace(mart, complete_at=complete.get(name)) for name, mart in marts}
        self.complete = complete

    def _wait(self) -> None:
        self._tried.wait(self._timeout_s)
        if not self._loaded:
            raise WarehouseUnavailable("The warehouse has not answered since this process started.")

    def _load_marts(self, complete: Mapping[str, datetime]) -> dict[str, Mart]:
        found = {
            mart: Mart(segments, published_at.replace(tzinfo=UTC), known_instant(newest.replace(tzinfo=UTC)))
            for mart, segments, published_at, newest in self._warehouse.rows("reads/marts_published")
        }
        marts = {mart: found.get(mart, Mart()) for mart in WINDOWS}
        return {name: structs.replace(mart, complete_at=complete.get(name)) for name, mart in marts.items()}

    def _follow(self) -> None:
        following = True
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever happens to the warehouse
                if following:
                    _log.warning("publications are not followed: %s", type(error).__name__)
                following = False
            else:
                following = True
            self._tried.set()
            # From beginning to beginning; a look that took longer is still followed by a pause.
            self._stopped.wait(max(began + self._interval_s - time.monotonic(), self._interval_s / 10))


def _contents(published: Published | None, aggregates: Aggregates) -> tuple[Any, ...]:
    """What answers are made from, without how complete it is."""
    held = (published.customers, published.days) if published else None
    return held, aggregates.deals, aggregates.audit


def _published(
    found: Mapping[str, Mapping[datetime, Publication]], complete: Mapping[str, datetime]
) -> Published | None:
    customers, days = found[CUSTOMERS], by_day(found[DAILY])
    return Published(newest(customers.values()), days, complete) if customers and days else None


def _aggregates(found: Mapping[str, Mapping[datetime, Publication]], complete: Mapping[str, datetime]) -> Aggregates:
    deals = found[DEALS]
    return Aggregates(newest(deals.values()) if deals else None, by_day(found[AUDIT]), complete)
