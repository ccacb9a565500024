"""What it takes to answer: connections, what is published, what is remembered, and how long a caller may wait."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from litestar.serialization import encode_json

from api.customers import Customers
from api.deadline import Deadline
from api.edition import Answer, Asked, Edition
from api.errors import Gone
from api.export.formats import Format
from api.follower import Follower
from api.freshness import Clock, Judge, utc_now
from api.generation import Generations
from api.memory import Memory
from api.published import Aggregates, Published
from api.schemas import (
    User,
)
from api.snapshots import AsOf, Removed, Snapshots
from resources.errors import WarehouseUnavailable
from resources.freshness import State
from resources.reader import FILE_LIMITS, as_reader
from resources.settings import Settings
from resources.warehouse import Warehouse, WarehousePool

CONNECTIONS = 8
STREAMS = 4
"""Files that are read while they are sent, at a time; each has a connection of its own while its reader takes it."""

_SMALL_FILE_S = 0.5
"""How long a file waits for its turn: long enough for small ones, which are read before their first byte is sent."""

BODIES_MOST_BYTES = 16 << 20
"""What each process remembers of bodies by their edition."""
BODY_LARGEST_BYTES = 512 << 10

_Parameters = ParamSpec("_Parameters")
_Found = TypeVar("_Found")


class Reads:
    """What it takes to answer: the warehouse, what is published in it, and how long a caller may wait."""

    def __init__(self, settings: Settings, deadline: Deadline, now: Clock = utc_now) -> None:
        """Connect to nothing yet."""
        self._settings = as_reader(settings)
        self.deadline = deadline
        self.pool = WarehousePool(self._settings, size=CONNECTIONS, timeout_s=deadline.seconds)
        self.follower = Follower(self._settings, timeout_s=deadline.seconds)
        self.customers = Customers(self.pool, remembered_s=settings.reports_cache_ttl)
        self.snapshots = Snapshots(self.pool, remembered_s=settings.reports_cache_ttl)
        self.judge = Judge(settings, now)
        self.generations = Generations(self.follower, self.judge)
        self.bodies: Memory[str, bytes] = Memory(
            seconds=settings.reports_cache_ttl, most_bytes=BODIES_MOST_BYTES, largest_bytes=BODY_LARGEST_BYTES
        )
        self._streams = threading.BoundedSemaphore(STREAMS)

    def own(self, asked: Asked) -> tuple[Published, User]:
        """What the caller's reports are read from, and the caller as a customer of that time.

        Raises `NotFound` where the caller is no customer now or was none then, `Gone`, `Invalid`.
        """
        now = self.follower.published()
        return self._as_of(asked, now, self.customers.own(now.customers.build_id, asked.caller))

    def readable(self, asked: Asked, wanted: int | UUID) -> tuple[Published, User]:
        """The same for the customer `wanted`. Raises `Forbidden` where the caller may not read that one now."""
        now = self.follower.published()
        return self._as_of(asked, now, self.customers.readable(now.customers.build_id, asked.caller, wanted))

    def _as_of(self, asked: Asked, now: Published, customer: User) -> tuple[Published, User]:
        if asked.as_of is None:
            return now, customer
        then = self.snapshots.find(asked.as_of).published()
        return then, self.customers.then(then.customers.build_id, customer)

    def aggregates(self, asked: Asked) -> Aggregates:
        """What aggregates are read from. Raises `Gone`, `Invalid`."""
        return self.snapshots.find(asked.as_of).aggregates() if asked.as_of else self.follower.aggregates()

    def state(self, asked: Asked, held: Published | Aggregates, *marts: str) -> State:
        """How fresh an answer is that is made from `marts` as they are `held`: as the one that is least so.

        An answer that is read again is as fresh as it was then.
        """
        return asked.as_of.state if asked.as_of else self.judge.state(held.complete, *marts)

    def known(self, asked: Asked, current: Edition) -> Answer[Any] | None:
        """The answer, where the caller holds it or it is remembered, of whichever builds it was made."""
        if current.held_by(asked):
            return Answer(current, None)
        if asked.form is not Format.JSON or not self.generations.trusted:
            return None
        body = self.bodies.get(current.etag)
        return Answer(current, body) if body is not None else None

    def kept(self, asked: Asked, current: Edition, body: Any) -> Answer[Any]:
        """The answer with this body, which is remembered where it is JSON."""
        if asked.form is Format.JSON:
            body = encode_json(body)
            self.bodies.put(current.etag, body, sys.getsizeof(body) + sys.getsizeof(current.etag))
        return Answer(current, body)

    def stream(self, name: str, as_of: AsOf | None, /, **parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Rows that `sql/{name}.sql` answers with, read as they are taken, beside the pool and without a deadline.

        Raises `WarehouseUnavailable`, also where too many are being read, `WarehouseError`, `Gone`.
        """
        if not self._streams.acquire(timeout=_SMALL_FILE_S):
            raise WarehouseUnavailable("Too many files are being read at the moment; try again in a while.")
        try:
            with Warehouse(self._settings, limits=FILE_LIMITS) as warehouse:
                rows = warehouse.stream(name, **parameters)
                begun = list(islice(rows, 1))
                # A query that has begun reads on from what was there, whatever is removed.
                if as_of is not None and not self.snapshots.still_whole(as_of):
                    raise Gone
                yield from begun
                yield from rows
        finally:
            self._streams.release()

    async def answer(
        self,
        question: Callable[Concatenate[Reads, _Parameters], _Found],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Found:
        """The answer to `question`, in time. Raises `ReportsError`."""
        as_of = next((asked.as_of for asked in args if isinstance(asked, Asked)), None)

        def read_again_while_something_is_removed() -> _Found:
            while True:
                with suppress(Removed), self.snapshots.kept_whole(as_of):
                    return question(self, *args, **kwargs)

        return await self.deadline.run(read_again_while_something_is_removed)

    def close(self) -> None:
        """Follow no more, and disconnect."""
        self.follower.stop()
        self.deadline.close()
        self.pool.close()
