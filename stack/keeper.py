"""Keeps one part alive: starts it, asks whether it is well, starts it again when it dies."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from stack import child
from stack.child import Child, Guard
from stack.errors import PartFailed, StackError
from stack.home import Home
from stack.parts import Part
from stack.state import Health, PartState

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_WELL_AGAIN_S = 60.0
_TRIES = 3
_FIRST_START_S = 120.0
_STARTING_PERIOD_S, _HEALTHY_PERIOD_S = 0.1, 2.0
_LAST_LINES = 15


class Keeper:
    """One part, its state, and whether those that wait for it may start."""

    def __init__(self, part: Part, home: Home, guard: Guard, changed: Callable[[], None]) -> None:
        """`changed` is called whenever `state` was."""
        self.part = part
        self.state = PartState(name=part.name, port=part.port, once=part.once)
        self.ready = asyncio.Event()
        self._home = home
        self._guard = guard
        self._changed = changed
        self._child: Child | None = None
        self._wait_s = _FIRST_WAIT_S

    async def run(self, wait_for: list[asyncio.Event]) -> None:
        """Keep the part alive for ever, or until the step is done.

        Raises `PartFailed` where it does not become healthy the first time.
        """
        for event in wait_for:
            await event.wait()
        try:
            await asyncio.wait_for(self._first_start(), None if self.part.once else _FIRST_START_S)
        except TimeoutError:
            raise self._failure(f"was not healthy after {_FIRST_START_S:.0f} seconds") from None
        while not self.part.once:
            await self._watch_until_dead()
            await self._pause()
            await self._start()

    async def stop(self) -> None:
        """End the part where it runs."""
        if self._child:
            await self._child.stop()
        self._gone()
        if self.state.health not in {"done", "failed"}:
            self._set("stopped")

    async def _first_start(self) -> None:
        for attempt in range(1, _TRIES + 1):
            await self._start()
            if await (self._finish() if self.part.once else self._become_healthy()):
                self.ready.set()
                return
            if self.part.once or attempt == _TRIES:
                break
            await self._pause()
        raise self._failure(self.state.message)

    async def _start(self) -> None:
        self._set("starting")
        if self.part.prepare:
            await asyncio.to_thread(self.part.prepare)
        self._child = await child.start(self.part, self._home, self._guard)
        self.state.pid = self._child.pid
        self._changed()

    async def _finish(self) -> bool:
        """Wait for the step's end, showing the last line of its log meanwhile; whether it succeeded."""
        while (code := await self._running().ended_within(_STARTING_PERIOD_S)) is None:
            self._set("starting", self._last_line())
        await self._bury()
        if code:
            self._set("failed", f"ended with {_spell(code)}")
        else:
            self._set("done", self._last_line())
        return code == 0

    async def _become_healthy(self) -> bool:
        """Ask until the part is well; whether it is, and did not die instead."""
        while (code := await self._running().ended_within(_STARTING_PERIOD_S)) is None:
            if not await self._ask():
                self._set("healthy")
                return True
        await self._mourn(code)
        return False

    async def _watch_until_dead(self) -> None:
        """Ask now and then whether the part is well, and say so, until it has died."""
        well_since = time.monotonic()
        period_s = _STARTING_PERIOD_S
        while (code := await self._running().ended_within(period_s)) is None:
            trouble = await self._ask()
            if trouble:
                well_since = time.monotonic()
                self._set("starting" if self.state.health == "starting" else "unhealthy", trouble)
            else:
                self._set("healthy")
            if time.monotonic() - well_since > _WELL_AGAIN_S:
                self._wait_s = _FIRST_WAIT_S
            period_s = _STARTING_PERIOD_S if trouble else _HEALTHY_PERIOD_S
        await self._mourn(code)

    async def _pause(self) -> None:
        self.state.restarts += 1
        self._changed()
        await asyncio.sleep(self._wait_s)
        self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)

    async def _ask(self) -> str:
        return await asyncio.to_thread(self.part.probe, self._running().started)

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"{self.part.name} was not started")
        return self._child

    async def _mourn(self, code: int) -> None:
        await self._bury()
        self._set("restarting", f"ended with {_spell(code)}")

    async def _bury(self) -> None:
        await self._running().bury()
        self._gone()

    def _gone(self) -> None:
        self._child = None
        self.state.pid = None

    def _set(self, health: Health, message: str = "") -> None:
        if (self.state.health, self.state.message) != (health, message):
            self.state.health, self.state.message = health, message
            self._changed()

    def _failure(self, why: str) -> StackError:
        self._set("failed", why)
        log = self._home.log(self.part.name)
        return PartFailed(f"{self.part.name} {why}. The end of {log}:\n{_tail(log, _LAST_LINES)}")

    def _last_line(self) -> str:
        return _tail(self._home.log(self.part.name), 1)


def _tail(log: Path, count: int) -> str:
    """The last lines of a log, however long it is."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
        return "\n".join(file.read().decode(errors="replace").rstrip().splitlines()[-count:])


def _spell(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
