"""Memory with a bound: so many bytes, so many seconds, and what was not read for longest is forgotten first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")

_SLOT_BYTES = 256
"""What the memory itself takes for one value: its place in the order, and what is written down beside the value."""


class Stats(msgspec.Struct, frozen=True):
    """What became of a memory since it began, and what it holds now."""

    hits: int
    misses: int
    values: int
    bytes: int


class Memory(Generic[_Key, _Value]):
    """Values by key; several threads may use it. Where `seconds` is 0, nothing is remembered."""

    def __init__(
        self, *, seconds: float, most_bytes: int, largest_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Hold `most_bytes` at most, each value for `seconds` at most, and none that is larger than `largest_bytes`."""
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._largest_bytes = largest_bytes
        self._clock = clock
        self._held: OrderedDict[_Key, tuple[_Value, int, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def get(self, key: _Key) -> _Value | None:
        """What is remembered under `key`."""
        with self._lock:
            found = self._held.get(key)
            if found is None or found[2] <= self._clock():
                self._misses += 1
                return None
            self._held.move_to_end(key)
            self._hits += 1
            return found[0]

    def put(self, key: _Key, value: _Value, size_bytes: int) -> None:
        """Remember `value`, which takes `size_bytes` together with its key."""
        size_bytes += _SLOT_BYTES
        if not self._seconds or size_bytes > self._largest_bytes:
            return
        with self._lock:
            self._forget(key)
            self._held[key] = value, size_bytes, self._clock() + self._seconds
            self._bytes += size_bytes
            while self._bytes > self._most_bytes:
                self._forget(next(iter(self._held)))

    def forget(self, key: _Key) -> None:
        """Remember it no more."""
        with self._lock:
            self._forget(key)

    def stats(self) -> Stats:
        """Hits, misses, and what is held."""
        with self._lock:
            return Stats(self._hits, self._misses, len(self._held), self._bytes)

    def _forget(self, key: _Key) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            self._bytes -= found[1]
