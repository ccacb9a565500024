"""Blocking work off the event loop, and never longer than a caller should wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from resources.errors import ReportsError, WarehouseUnavailable

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


def _warehouse_is_late() -> WarehouseUnavailable:
    return WarehouseUnavailable("The warehouse did not answer in time.")


class Deadline:
    """A few threads for blocking work, each piece of which the caller waits for at most `seconds`."""

    def __init__(self, *, seconds: float, threads: int, late: Callable[[], ReportsError] = _warehouse_is_late) -> None:
        """Start no thread yet. `late` makes the error of what takes too long."""
        self.seconds = seconds
        self._late = late
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reports")

    async def run(
        self, work: Callable[_Parameters, _Answer], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Answer:
        """What `work` returns. Raises the error of `late` when it takes too long, with its wait for a thread.

        The thread itself cannot be stopped: it ends when the driver's own timeouts do, a little later.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args, **kwargs))
        try:
            return await asyncio.wait_for(running, self.seconds)
        except TimeoutError:
            raise self._late() from None

    def close(self) -> None:
        """Take no more work, forget what has not begun, and see the rest off."""
        self._threads.shutdown(cancel_futures=True)
