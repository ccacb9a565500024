"""Every call to an engine is a step: counted, timed, and a place to stop. Only the run's own process is patched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import wraps
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import polars as pl

from resources.source import Snapshot
from resources.warehouse import Warehouse
from tests.killing.jobs import Reached, Step, Stop

_REMOVALS = ("builds/collect", "builds/retained", "builds/expired", "builds/orphans")

_Found = TypeVar("_Found")


class Steps:
    """The steps that one run has taken."""

    def __init__(self, connection: Connection[Any, Any], stop: Stop | None) -> None:
        self.taken: list[Step] = []
        self._connection = connection
        self._stop = stop
        self._begun = 0
        self._lock = threading.Lock()

    def patch(self) -> None:
        """Have every call of this process counted."""
        for method in ("rows", "arrow", "insert", "insert_rows", "declare"):
            self._patch(Warehouse, method)
        self._patch(Snapshot, "frame")
        batches = Snapshot.batches

        def counted(snapshot: Snapshot, name: str) -> Iterator[pl.DataFrame]:
            every = batches(snapshot, name)
            while (batch := self.take(name, lambda: next(every, None))) is not None:
                yield batch

        setattr(Snapshot, "batches", counted)  # noqa: B010 - mypy refuses an assignment to a method

    def take(self, name: str, call: Callable[[], _Found]) -> _Found:
        """Carry out one call, and stop where that is to be."""
        with self._lock:
            number = self._begun
            self._begun += 1
        moment = self._stop.moment if self._stop and self._stop.step == number else None
        step = Step(kind(name), name)
        if moment in ("before", "during"):
            self._tell(step, wait=moment == "before")
        began = time.monotonic()
        found = call()
        self.taken.append(Step(step.kind, name, time.monotonic() - began))
        if moment == "after":
            self._tell(step, wait=True)
        return found

    def _tell(self, step: Step, *, wait: bool) -> None:
        self._connection.send(Reached(step))
        if wait:
            self._connection.recv()

    def _patch(self, owner: type, method: str) -> None:
        original = getattr(owner, method)

        @wraps(original)
        def counted(itself: Any, name: str, /, *args: Any, **given: Any) -> Any:
            return self.take(name, lambda: original(itself, name, *args, **given))

        setattr(owner, method, counted)


def kind(name: str) -> str:
    """What sort of step a statement is."""
    if name == "builds/publications":
        return "publication"
    if name.startswith(_REMOVALS):
        return "removal"
    return {"sources": "source", "reads": "read", "builds": "insert", "tables": "swap"}[name.partition("/")[0]]
