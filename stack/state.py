"""What the supervisor says about itself, for `status`, `down` and whoever waits for it."""

from __future__ import annotations

import os
from typing import Literal

import msgspec
import psutil

from stack.home import Home, write_secret

Health = Literal["waiting", "starting", "healthy", "unhealthy", "restarting", "done", "failed", "stopped"]
Phase = Literal["starting", "ready", "failed", "stopping", "stopped"]


class PartState(msgspec.Struct, kw_only=True):
    """One part, as the supervisor last saw it."""

    name: str
    port: int | None = None
    pid: int | None = None
    health: Health = "waiting"
    restarts: int = 0
    message: str = ""
    once: bool = False


class StackState(msgspec.Struct, kw_only=True):
    """The whole stack, as its supervisor last saw it."""

    pid: int
    born: float
    """When the supervisor's process began, so that a reused pid is not taken for it."""
    phase: Phase = "starting"
    message: str = ""
    ports: dict[str, int] = {}
    parts: list[PartState] = []

    @property
    def is_well(self) -> bool:
        """Whether the stack is up, every lasting part is healthy and every step is done."""
        return self.phase == "ready" and all(part.health in {"healthy", "done"} for part in self.parts)


def new_state(ports: dict[str, int], parts: list[PartState]) -> StackState:
    """State of a stack whose supervisor is this process."""
    pid = os.getpid()
    return StackState(pid=pid, born=psutil.Process(pid).create_time(), ports=ports, parts=parts)


def write_state(home: Home, state: StackState) -> None:
    """Replace the recorded state; a reader sees the old or the new one, never half of it."""
    write_secret(home.state, msgspec.json.encode(state).decode())


def read_state(home: Home) -> StackState | None:
    """The recorded state, or none where no stack was ever started."""
    try:
        return msgspec.json.decode(home.state.read_bytes(), type=StackState)
    except FileNotFoundError:
        return None


def running(home: Home) -> StackState | None:
    """The state of the supervisor that runs now, or none."""
    state = read_state(home)
    return state if state is not None and is_alive(state) else None


def is_alive(state: StackState) -> bool:
    """Whether the supervisor that wrote this state still runs."""
    try:
        process = psutil.Process(state.pid)
        return process.create_time() == state.born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
