"""A running part: its process, which leads a process group of its own, and the guard that is told of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from stack import guard
from stack.home import Home, cache
from stack.parts import Part

ROOT = Path(__file__).parent.parent
"""Where parts run: `workspace.yaml` and the packages lie here."""


class Guard:
    """The supervisor's side of `stack.guard`: started again when it dies, told of every process group anew."""

    def __init__(self, *inherited: int) -> None:
        """`inherited` are the descriptors that it holds open as long as it lives."""
        self._inherited = inherited
        self._watched: dict[int, int] = {}
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The guard's process."""
        return self._process.pid

    def watch(self, group: int, stop_signal: int) -> None:
        """End this process group, with this signal, once the supervisor is gone."""
        self._watched[group] = stop_signal
        self._tell(f"watch {group} {int(stop_signal)}")

    def forget(self, group: int) -> None:
        """This process group has ended."""
        self._watched.pop(group, None)
        self._tell(f"forget {group}")

    def revive(self) -> None:
        """Start the guard again where it died."""
        if self._process.poll() is not None:
            self._process = self._start()

    def close(self) -> None:
        """Let the guard end what is left, and wait for it."""
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-I", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=self._inherited,
        )
        self._process = process
        for group, stop_signal in self._watched.items():
            self._tell(f"watch {group} {int(stop_signal)}")
        return process

    def _tell(self, line: str) -> None:
        # A dead guard is started again soon, and told everything then.
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


class Child:
    """One started part."""

    def __init__(self, part: Part, process: asyncio.subprocess.Process, lifeline: int, guard_: Guard) -> None:
        """Use `start` instead."""
        self.pid = process.pid
        self.started = time.time()
        self._part = part
        self._process = process
        self._lifeline = lifeline
        self._guard = guard_

    async def ended_within(self, seconds: float) -> int | None:
        """The exit code, or none where the process still runs after this time."""
        try:
            return await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            return None

    async def stop(self) -> None:
        """End the process and its group: with its signal first, with SIGKILL after a while."""
        guard.send(self.pid, self._part.stop_signal)
        deadline = time.monotonic() + guard.GRACE_S
        while guard.alive([self.pid]) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await self.bury()
        await self._process.wait()

    async def bury(self) -> None:
        """End at once what is left of the process group."""
        guard.send(self.pid, signal.SIGKILL)
        while guard.alive([self.pid]):
            await asyncio.sleep(0.02)
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self._guard.forget(self.pid)


async def start(part: Part, home: Home, guard_: Guard) -> Child:
    """Start a part, its output appended to its log.

    Its standard input is a pipe that nobody writes to and that closes with the supervisor, however that ends.
    """
    reading, writing = os.pipe()
    try:
        with home.fresh_log(part.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                cwd=home.postgres if part.identity else ROOT,
                env=_environment(part),
                stdin=reading,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **part.identity,
            )
    finally:
        os.close(reading)
    guard_.watch(process.pid, part.stop_signal)
    return Child(part, process, writing, guard_)


def _environment(part: Part) -> dict[str, str]:
    """This process's environment and the part's own.

    Where Python is told to write no bytecode, ours goes to the per-user cache instead of beside the sources: Dagster's
    five processes would each compile all of it at every start, which is a third of the time to the first report.
    """
    known = {**os.environ, **part.environment}
    if known.pop("PYTHONDONTWRITEBYTECODE", ""):
        known.setdefault("PYTHONPYCACHEPREFIX", str(cache() / "bytecode"))
    return known
