"""Refreshes: runs of Dagster that this API asked for, told apart by a tag that holds what was asked."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import date
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakValueDictionary

import httpx
import msgspec

from api.deadline import Deadline
from api.errors import RefreshAway
from resources import orchestrator
from resources.orchestrator import OrchestratorError, Run
from resources.settings import Settings

TAG = "reports/request"
"""The tag of a run that was asked for here; its value is `Wanted.key`."""

LAUNCH_SECONDS = 30.0
"""Dagster makes the plan of a run before it answers, which may take seconds; that it answers at all is seen before."""

_log = logging.getLogger("api")

_Parameters = ParamSpec("_Parameters")
_Found = TypeVar("_Found")


class Wanted(msgspec.Struct, frozen=True):
    """Marts, and the first and the last day where one of them has days."""

    marts: tuple[str, ...]
    days: tuple[date, date] | None

    def key(self) -> str:
        """Equal for equal requests, and for no others."""
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=16).hexdigest()


class Refreshes:
    """Dagster, and how long a caller waits for it."""

    def __init__(self, settings: Settings, *, wait_s: float) -> None:
        """Connect to nothing yet. `wait_s` bounds the wait for every answer but that to a launch."""
        self.settings = settings
        self._looking = _Line(settings, wait_s)
        self._launching = _Line(settings, LAUNCH_SECONDS)
        self._one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, wanted: Wanted) -> Run:
        """The run of what is wanted: one that is not over yet, or a new one. Raises `RefreshAway`."""
        key = wanted.key()
        found = await self._oldest(key)
        if found is not None:
            return found
        async with self._one_at_a_time.setdefault(key, asyncio.Lock()):
            return await self._oldest(key) or await self._launch(wanted, key)

    async def look(self, run_id: str) -> Run | None:
        """The run as it is now, or the last one by which Dagster retried it; `None` where there is none.

        Raises `RefreshAway`.
        """
        run = await self._looking.ask(orchestrator.look, run_id)
        if run is None or run.retry_id is None:
            return run
        return await self.look(run.retry_id) or run

    def close(self) -> None:
        """Disconnect."""
        self._looking.close()
        self._launching.close()

    async def _launch(self, wanted: Wanted, key: str) -> Run:
        run_id = await self._launching.ask(orchestrator.launch, wanted.marts, wanted.days, {TAG: key})
        # Another process may have launched the same meanwhile: then all of them name the older one.
        run = await self._oldest(key) or await self.look(run_id)
        if run is None:
            raise RefreshAway("Dagster lost the run that it started; ask again.")
        return run

    async def _oldest(self, key: str) -> Run | None:
        found = await self._looking.ask(orchestrator.active, TAG, key)
        return found[-1] if found else None


class _Line:
    """Questions to Dagster that are answered within some seconds, or not at all."""

    def __init__(self, settings: Settings, seconds: float) -> None:
        self._named = bool(settings.dagster_webserver_url)
        self._client = orchestrator.connect(settings.dagster_webserver_url, timeout_s=seconds)
        self._deadline = Deadline(seconds=seconds, threads=4, late=_late)

    async def ask(
        self,
        question: Callable[Concatenate[httpx.Client, _Parameters], _Found],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Found:
        if not self._named:
            raise RefreshAway("No Dagster is named by the settings, so nothing can be built from here.")
        try:
            return await self._deadline.run(question, self._client, *args, **kwargs)
        except OrchestratorError as error:
            _log.warning("dagster is of no help: %s", type(error).__name__)
            raise RefreshAway("Dagster cannot be asked at the moment; try again shortly.") from error

    def close(self) -> None:
        self._deadline.close()
        self._client.close()


def _late() -> RefreshAway:
    return RefreshAway("Dagster did not answer in time; try again shortly.")
