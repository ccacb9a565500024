"""What the warehouse tells of the marts: what waits to be built, what is set apart, what differs; and of its disks.

Asked for only when somebody reads the metrics, by a thread and a connection of its own, and not again for some seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from datetime import time as midnight

from api.follower import Follower
from api.freshness import Clock
from api.watch.meters import Reading
from resources.errors import WarehouseError, WarehouseUnavailable
from resources.freshness import WINDOWS
from resources.publications import EPOCH, naive
from resources.reader import LIMITS
from resources.retention import MARTS as TELEMETRY
from resources.retention import kept_since
from resources.settings import Settings
from resources.warehouse import Warehouse

PERIOD_S = 10.0
"""How long an answer holds: less than a scrape's usual interval, so that each scrape has one of its own."""
PATIENCE_S = 0.25
"""How long a scrape waits for the answer; where that takes longer, the scrape has the one before."""
_OLDEST_S = 120.0
"""An answer that is older is no answer."""
_TIMEOUT_S = 5.0
_REASONS = ("arrived", "faulty", "behind")
"""Those of the view `dirty_segments`."""

_log = logging.getLogger("api")

Question = Callable[[], Iterator[Reading]]


class Upkeep:
    """Asks as `settings` say, while `follower` finds the warehouse up; tells nothing that is not known now."""

    def __init__(self, settings: Settings, follower: Follower, now: Clock) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._follower = follower
        self._now = now
        limits = {"max_rows_to_read": LIMITS["max_rows_to_read"].most}
        self._warehouse = Warehouse(settings, timeout_s=_TIMEOUT_S, limits=limits)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
        self._asking = threading.Lock()
        self._asked: tuple[float, Future[None]] | None = None
        self._told: tuple[float, list[Reading]] = (0.0, [])
        self._refused: set[str] = set()

    def readings(self) -> Iterator[Reading]:
        """Whether the warehouse answers and, where it does, what it tells."""
        up = self._follower.up
        yield Reading("reports_warehouse_up", (), (float(up),))
        if up:
            wait([self._future()], PATIENCE_S)
            told_at, told = self._told
            if time.monotonic() - told_at < _OLDEST_S:
                yield from told

    def close(self) -> None:
        """Disconnect, after the question that is being answered."""
        self._thread.shutdown(cancel_futures=True)
        self._warehouse.close()

    def _future(self) -> Future[None]:
        """The question that was asked last, which is a new one after a while."""
        with self._asking:
            if self._asked is None or (self._asked[1].done() and time.monotonic() - self._asked[0] > PERIOD_S):
                self._asked = time.monotonic(), self._thread.submit(self._look)
            return self._asked[1]

    def _look(self) -> None:
        found: list[Reading] = []
        for question in (self._waiting, self._rows, self._quarantined, self._differing, self._verified, self._disks):
            found += self._answer(question)
        self._told = time.monotonic(), found

    def _answer(self, question: Question) -> list[Reading]:
        """The figures, or none where the warehouse does not give them, which is logged once."""
        name = question.__name__.strip("_")
        try:
            found = list(question())
        except WarehouseUnavailable:
            return []
        except WarehouseError as error:
            if name not in self._refused:
                _log.warning("metrics are missing (%s), see docs/reader.md: %s", name, error)
            self._refused.add(name)
            return []
        self._refused.discard(name)
        return found

    def _waiting(self) -> Iterator[Reading]:
        segments = {(mart, reason): 0 for mart in WINDOWS for reason in _REASONS}
        oldest: dict[str, datetime] = {}
        days = set()
        first_day = datetime.combine(self._settings.reports_first_day, midnight(), UTC)
        tomorrow = datetime.combine(self._now().date() + timedelta(days=1), midnight(), UTC)
        for mart, reason, count, dirty, known_at in self._warehouse.rows(
            "reads/waiting_by_mart",
            telemetry=list(TELEMETRY),
            since=naive(max(first_day, kept_since(self._settings, self._now()))),
            until=naive(tomorrow),
        ):
            segments[mart, reason] = count
            oldest[mart] = min(oldest.get(mart, known_at), known_at)
            days |= {max(day, first_day.date()) for day in dirty} if mart in TELEMETRY else set()
        for labels, count in segments.items():
            yield Reading("reports_mart_waiting_segments", labels, (float(count),))
        for mart, known_at in oldest.items():
            yield _instant("reports_mart_waiting_since_timestamp_seconds", mart, known_at)
        yield Reading("reports_dirty_days", (), (float(len(days)),))

    def _rows(self) -> Iterator[Reading]:
        published = dict(self._warehouse.rows("reads/rows_by_mart"))
        for mart in WINDOWS:
            yield Reading("reports_mart_rows", (mart,), (float(published.get(mart, 0)),))

    def _quarantined(self) -> Iterator[Reading]:
        for reason, events in self._warehouse.rows("reads/quarantined_by_reason"):
            yield Reading("reports_quarantined_rows", (reason,), (float(events),))

    def _differing(self) -> Iterator[Reading]:
        for mart, reason, builds in self._warehouse.rows("reads/differing_by_mart"):
            yield Reading("reports_mart_differences", (mart, reason), (float(builds),))

    def _verified(self) -> Iterator[Reading]:
        for mart, verified_at in self._warehouse.rows("reads/verified_marts"):
            yield _instant("reports_mart_verified_timestamp_seconds", mart, verified_at)

    def _disks(self) -> Iterator[Reading]:
        for name, free, total in self._warehouse.rows("reads/disks"):
            yield Reading("reports_warehouse_disk_free_bytes", (name,), (float(free),))
            yield Reading("reports_warehouse_disk_size_bytes", (name,), (float(total),))


def _instant(meter: str, mart: str, at: datetime) -> Reading:
    return Reading(meter, (mart,), (max(at.replace(tzinfo=UTC), EPOCH).timestamp(),))
