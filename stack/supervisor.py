"""The supervisor: starts the parts in their order, keeps them alive, records what it sees, and ends them all."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from stack.child import Guard
from stack.errors import StackError
from stack.home import Home
from stack.keeper import Keeper
from stack.parts import Part
from stack.state import StackState, new_state, write_state

_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RECORD_PERIOD_S = 0.1

Watcher = Callable[[StackState], None]


class Supervisor:
    """Runs the parts of one state folder until it is told to stop."""

    def __init__(
        self, home: Home, parts: Sequence[Part], ports: dict[str, int], *, lock: int, watcher: Watcher
    ) -> None:
        """`lock` is the descriptor of the state folder's lock; `watcher` is shown each state that is recorded."""
        self._home = home
        self._watcher = watcher
        self._guard = Guard(lock)
        self._changed = asyncio.Event()
        self._keepers = [Keeper(part, home, self._guard, self._changed.set) for part in parts]
        self.state = new_state(ports, [keeper.state for keeper in self._keepers])

    async def run(self) -> None:
        """Start everything, and return when everything has stopped.

        Raises `StackError` where a part could not be started; nothing runs any more then.
        """
        stop = _stop_signal()
        recorder = asyncio.create_task(self._record_changes())
        keeping = asyncio.create_task(self._keep_all())
        try:
            await asyncio.wait({keeping, stop}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            self._enter("stopping")
        except StackError as error:
            self._enter("failed", str(error))
            raise
        finally:
            await _cancel(keeping)
            await self._stop_all()
            await _cancel(recorder)
            self._guard.close()
            if self.state.phase == "stopping":
                self._enter("stopped")
            self._record()

    async def _keep_all(self) -> None:
        ready = {keeper.part.name: keeper.ready for keeper in self._keepers}
        try:
            async with asyncio.TaskGroup() as group:
                for keeper in self._keepers:
                    group.create_task(self._keep(keeper, [ready[name] for name in sorted(keeper.part.after)]))
                group.create_task(self._announce())
                group.create_task(self._mind_guard())
        except* Exception as errors:  # noqa: BLE001 - whatever it is, it is raised again
            # One is enough: the others were cancelled because of it.
            failure = errors.exceptions[0]
        else:
            return
        raise failure

    async def _keep(self, keeper: Keeper, wait_for: list[asyncio.Event]) -> None:
        try:
            await keeper.run(wait_for)
        except StackError as error:
            if keeper.part.vital:
                raise
            self.state.message = str(error)
            keeper.ready.set()

    async def _announce(self) -> None:
        for keeper in self._keepers:
            await keeper.ready.wait()
        self._enter("ready", self.state.message)

    async def _mind_guard(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._guard.revive()

    async def _stop_all(self) -> None:
        """Stop each part once those that stand on it have stopped."""
        left = list(self._keepers)
        while left:
            stood_on = frozenset[str]().union(*(keeper.part.after for keeper in left))
            top = [keeper for keeper in left if keeper.part.name not in stood_on]
            await asyncio.gather(*(keeper.stop() for keeper in top))
            left = [keeper for keeper in left if keeper not in top]

    def _enter(self, phase: str, message: str = "") -> None:
        self.state.phase, self.state.message = phase, message  # type: ignore[assignment]
        self._changed.set()

    async def _record_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._record()
            await asyncio.sleep(_RECORD_PERIOD_S)

    def _record(self) -> None:
        with suppress(OSError):  # a full disk must not end the stack
            write_state(self._home, self.state)
        self._watcher(self.state)


def _stop_signal() -> asyncio.Task[bool]:
    """Done once this process is told to stop."""
    told = asyncio.Event()
    for number in _STOPPING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return asyncio.create_task(told.wait())


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, StackError):
        await task
