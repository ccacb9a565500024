"""Blocking work off the event loop, and never longer than a caller should wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar, ParamSpec, TypeVar

from api.errors import Refused
from resources.errors import ReportsError, WarehouseUnavailable

WAITING_PER_THREAD = 4
"""How many pieces of work may wait for each thread. What takes 10 ms, ten times what is usual, then waits for 40."""

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


class Overloaded(Refused):
    """More is asked at once, by whomever, than can be answered in time."""

    status, kind, title = 503, "overloaded", "Too much is asked at once"
    headers: ClassVar = {"Retry-After": "1"}

    def __init__(self) -> None:
        """Nobody in particular is to blame."""
        super().__init__("Too much is asked at once; try again in a moment.")


def _warehouse_is_late() -> WarehouseUnavailable:
    return WarehouseUnavailable("The warehouse did not answer in time.")


class Deadline:
    """A few threads for blocking work, each piece of which the caller waits for at most `seconds`."""

    def __init__(self, *, seconds: float, threads: int, late: Callable[[], ReportsError] = _warehouse_is_late) -> None:
        """Start no thread yet. `late` makes the error of what takes too long."""
        self.seconds = seconds
        self.shed = 0
        """How many pieces of work were refused because too much waited."""
        self._late = late
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reports")
        self._places = threading.BoundedSemaphore(threads * (1 + WAITING_PER_THREAD))

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for a thread at the moment."""
        return self._threads._work_queue.qsize()

    async def run(
        self, work: Callable[_Parameters, _Answer], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Answer:
        """What `work` returns. Raises `Overloaded` at once where too much waits already, and the error of `late` when
        it takes too long, with its wait for a thread.

        The thread itself cannot be stopped: it ends when the driver's own timeouts do, a little later, and keeps its
        place until then.
        """
        if not self._places.acquire(blocking=False):
            self.shed += 1
            raise Overloaded
        running = self._submit(work, *args, **kwargs)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), self.seconds)
        except TimeoutError:
            raise self._late() from None

    def close(self) -> None:
        """Take no more work, forget what has not begun, and see the rest off."""
        self._threads.shutdown(cancel_futures=True)

    def _submit(
        self, work: Callable[_Parameters, _Answer], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> Future[_Answer]:
        try:
            running = self._threads.submit(work, *args, **kwargs)
        except RuntimeError:
            self._places.release()
            raise
        running.add_done_callback(lambda _: self._places.release())
        return running
