"""A part: one process of the local stack, and how to tell whether it is well."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Probe = Callable[[float], str]
"""Given when the process was started (seconds since 1970), answers what is wrong with it, or "" where it is well."""


def always_well(_started: float) -> str:
    """Probe of a part of which nothing is asked but to live."""
    return ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process: what to run, and after which others."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = {}
    port: int | None = None
    after: frozenset[str] = frozenset()
    """Parts that must be healthy, or steps that must be done, before this one starts."""
    probe: Probe = always_well
    prepare: Callable[[], None] | None = None
    """Called before each start, in a thread; raises `StackError` where there is nothing to start."""
    stop_signal: int = signal.SIGTERM
    once: bool = False
    """A step: it is done when it exits with 0, and is not restarted."""
    vital: bool = True
    """Whether the stack gives up when this one cannot be started."""
    identity: Mapping[str, Any] = {}
    """Whom to run as: `user` and so on, as `subprocess.Popen` takes them."""


def only(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """The parts so named, waiting only for each other; all of them where no name is given."""
    if not names:
        return list(parts)
    kept = [part for part in parts if part.name in names]
    present = frozenset(part.name for part in kept)
    return [msgspec.structs.replace(part, after=part.after & present) for part in kept]
