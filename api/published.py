"""What is published, held in memory and followed, so that a request never has to ask which builds are current."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from api.errors import FieldProblem, Invalid
from resources import publications
from resources.errors import NotPublished, WarehouseUnavailable
from resources.freshness import WINDOWS, completeness
from resources.publications import Publication
from resources.settings import Settings
from resources.warehouse import Warehouse

CUSTOMERS = "crm_customers"
EVENTS = "telemetry_events"
DAILY = "user_daily_reports"
DEALS = "deal_pipeline"
AUDIT = "audit_activity"

SHOWN_DAYS = 30
"""How many published days a report has when the caller names no period."""
LONGEST_PERIOD_DAYS = 400

_log = logging.getLogger("api")


class Published(msgspec.Struct, frozen=True):
    """Current publications at one moment; `days` ascend. `complete` tells when marts were last complete, UTC."""

    customers: Publication
    days: dict[date, Publication]
    complete: Mapping[str, datetime]

    def period(self, since: date | None, until: date | None) -> tuple[date, date]:
        """The period asked for, as `period` has it. Raises `Invalid`."""
        return period(self.days, since, until)

    def between(self, since: date, until: date) -> dict[date, Publication]:
        """Publications of the days in `[since, until]`, ascending."""
        return between(self.days, since, until)


class Aggregates(msgspec.Struct, frozen=True):
    """Current publications of what is read of all customers together; `audit` ascends by day."""

    deals: Publication | None
    audit: dict[date, Publication]
    complete: Mapping[str, datetime]


class Mart(msgspec.Struct, frozen=True):
    """A mart as a whole, instants in UTC; nothing is published of it where it has no segments."""

    segments: int = 0
    published_at: datetime | None = None
    watermark: datetime | None = None
    complete_at: datetime | None = None


def period(published: Collection[date], since: date | None, until: date | None) -> tuple[date, date]:
    """The period asked for, both days included, or the last `published` days of it; they ascend. Raises `Invalid`."""
    newest = max(published)
    last = until or max(newest, since or newest)
    if since is None:
        shown = [day for day in published if day <= last][-SHOWN_DAYS:]
        return min(shown, default=last), last
    if since > last:
        raise Invalid(FieldProblem("from", "Is after `to`"))
    if last - since >= timedelta(days=LONGEST_PERIOD_DAYS):
        raise Invalid(FieldProblem("from", f"The period is longer than {LONGEST_PERIOD_DAYS} days"))
    return since, last


def between(days: dict[date, Publication], since: date, until: date) -> dict[date, Publication]:
    """Publications of the days in `[since, until]`, in the order of `days`."""
    return {day: publication for day, publication in days.items() if since <= day <= until}


class Follower:
    """Keeps `Published`, `Aggregates` and every `Mart` at most an interval behind the warehouse, from a thread of its
    own, whatever happens there.
    """

    def __init__(self, settings: Settings, *, timeout_s: float, interval_s: float = 1.0) -> None:
        """Start nothing yet. `timeout_s` bounds the server's silence, and a reader's wait for the first look."""
        self._warehouse = Warehouse(settings, timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._interval_s = interval_s
        self._seen: tuple[Any, ...] | None = None
        self._published: Published | None = None
        self._aggregates = Aggregates(None, {}, {})
        self._marts: dict[str, Mart] = {}
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
            # Asked first: a mart is complete by what was published before, and that is held when this is.
            complete = completeness(self._warehouse)
            # Asked next: whatever is published after this is noticed at the next look.
            seen = self._warehouse.rows("reads/publications_seen", marts=list(WINDOWS))[0]
            if seen != self._seen:
                self._published = self._load(complete)
                self._aggregates = self._load_aggregates(complete)
                self._marts = self._load_marts()
                self._seen = seen
            self._take_over(complete)
            self._loaded = True

    def _take_over(self, complete: Mapping[str, datetime]) -> None:
        """Hold what is held already as complete as that."""
        if self._published is not None:
            self._published = structs.replace(self._published, complete=complete)
        self._aggregates = structs.replace(self._aggregates, complete=complete)
        marts = self._marts.items()
        self._marts = {name: structs.replace(mart, complete_at=complete.get(name)) for name, mart in marts}

    def _wait(self) -> None:
        self._tried.wait(self._timeout_s)
        if not self._loaded:
            raise WarehouseUnavailable("The warehouse has not answered since this process started.")

    def _load(self, complete: Mapping[str, datetime]) -> Published | None:
        customers = publications.current(self._warehouse, CUSTOMERS)
        days = self._by_day(DAILY)
        return Published(max(customers.values(), key=_published_at), days, complete) if customers and days else None

    def _load_aggregates(self, complete: Mapping[str, datetime]) -> Aggregates:
        deals = publications.current(self._warehouse, DEALS)
        return Aggregates(max(deals.values(), key=_published_at, default=None), self._by_day(AUDIT), complete)

    def _load_marts(self) -> dict[str, Mart]:
        found = {
            mart: Mart(segments, published_at.replace(tzinfo=UTC), _known(newest.replace(tzinfo=UTC)))
            for mart, segments, published_at, newest in self._warehouse.rows("reads/marts_published")
        }
        return {mart: found.get(mart, Mart()) for mart in WINDOWS}

    def _by_day(self, mart: str) -> dict[date, Publication]:
        found = publications.current(self._warehouse, mart)
        return {segment.date(): found[segment] for segment in sorted(found)}

    def _follow(self) -> None:
        following = True
        while not self._stopped.is_set():
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever happens to the warehouse
                if following:
                    _log.warning("publications are not followed: %s", type(error).__name__)
                following = False
            else:
                following = True
            self._tried.set()
            self._stopped.wait(self._interval_s)


def _published_at(publication: Publication) -> datetime:
    return publication.published_at


def watermark(parts: list[Publication]) -> datetime | None:
    """Newest source time in `parts`; `None` where all of them are empty."""
    return _known(max((part.watermark for part in parts), default=publications.EPOCH))


def _known(newest: datetime) -> datetime | None:
    return newest.astimezone(UTC) if newest > publications.EPOCH else None
