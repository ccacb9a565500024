"""Materializations, asked of Dagster as its UI asks for them, and followed until they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

import httpx
import msgspec
import psycopg

from resources import orchestrator
from resources.orchestrator import DAILY, MARTS, OVER, OrchestratorError, OrchestratorUnavailable, Run
from resources.settings import Settings
from stack.errors import RunFailed, StackError

_ANSWER_S = 30.0
_POLL_S = 0.5
_PATIENCE_S = 30.0

_Parameters = ParamSpec("_Parameters")
_Found = TypeVar("_Found")


class Progress(msgspec.Struct, frozen=True):
    """How far a run is."""

    run_id: str
    marts: tuple[str, ...]
    status: str
    done: int
    total: int
    message: str

    def __str__(self) -> str:
        """One line for people."""
        steps = f" {self.done}/{self.total}" if self.total else ""
        return f"{', '.join(self.marts)}: {self.status.lower().replace('_', ' ')}{steps} {self.message}".rstrip()


class Dagster:
    """The web server, asked again for a while where it does not answer: the supervisor may be restarting it."""

    def __init__(self, address: str) -> None:
        """`address` is where the web server listens."""
        self._address = address.rstrip("/")
        self._client = orchestrator.connect(address, _ANSWER_S)

    def launch(self, marts: Sequence[str], days: tuple[date, date] | None) -> str:
        """Ask for these marts in one run; returns its id. Raises `RunFailed`."""
        return self._ask(orchestrator.launch, marts, days)

    def follow(self, run_id: str) -> Iterator[Progress]:
        """Progress of a run, whenever it changes, until it has succeeded. Raises `RunFailed` where it does not."""
        cursor, message, reasons, last = None, "", list[str](), None
        while True:
            run = self._ask(orchestrator.look, run_id)
            if run is None:
                raise RunFailed(f"Dagster does not know the run {run_id}.")
            # Asked second: of a run that is over it then tells all that there is.
            news = self._ask(orchestrator.news, run_id, cursor)
            cursor, message = news.cursor, (message, *news.messages)[-1]
            reasons += news.reasons
            progress = _progress(run, message)
            if progress != last:
                yield progress
                last = progress
            if run.status in OVER:
                break
            time.sleep(_POLL_S)
        if run.status != "SUCCESS":
            why = f" ({reasons[0]})" if reasons else ""
            raise RunFailed(
                f"The run of {', '.join(run.marts)} ended as {run.status}{why}: see {self._address}/runs/{run_id}"
            )

    def _ask(
        self,
        question: Callable[Concatenate[httpx.Client, _Parameters], _Found],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Found:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return question(self._client, *args, **kwargs)
            except OrchestratorUnavailable as error:
                if time.monotonic() > deadline or not isinstance(error.__cause__, httpx.ConnectError):
                    raise RunFailed("Dagster's web server does not answer; see `reports status`.") from error
                time.sleep(_POLL_S)
            except OrchestratorError as error:
                raise RunFailed(str(error)) from error


def materialize(address: str, marts: Sequence[str], since: date, until: date) -> Iterator[Progress]:
    """Materialize marts in one run, those by day for the days from `since` to `until`, both included.

    Raises `RunFailed`.
    """
    if unknown := sorted(set(marts) - set(MARTS)):
        raise RunFailed(f"There is no mart {', '.join(unknown)}; there are {', '.join(MARTS)}.")
    dagster = Dagster(address)
    days = (since, until) if set(marts) & set(DAILY) else None
    yield from dagster.follow(dagster.launch([mart for mart in MARTS if mart in marts], days))


def days_of(settings: Settings, since: date | None, until: date | None) -> tuple[date, date]:
    """The days to build, both included: those given, else those that telemetry lies in. Raises `StackError`."""
    if since is None or until is None:
        first, last = _days_of_source(settings)
        since, until = since or first, until or last
    if since > until:
        raise StackError(f"There is no day from {since} to {until}.")
    earliest, today = settings.reports_first_day, datetime.now(UTC).date()
    if since < earliest or until > today:
        raise StackError(f"There are partitions from {earliest} (REPORTS_FIRST_DAY) to {today}, today in UTC.")
    return since, until


def _days_of_source(settings: Settings) -> tuple[date, date]:
    """The first and the last day with telemetry, between the first partition and today."""
    options = f"-csearch_path={settings.reports_telemetry_schema}"
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    question = "SELECT min(event_time), max(event_time) FROM raw_telemetry WHERE event_time >= %s AND event_time < %s"
    first = datetime.combine(settings.reports_first_day, datetime.min.time(), UTC)
    last = datetime.combine(tomorrow, datetime.min.time(), UTC)
    with psycopg.connect(settings.telemetry_database_url, options=options) as connection:
        row = connection.execute(question, (first, last)).fetchone()
    if row is None or row[0] is None:
        raise StackError("The telemetry source has no events to materialize; `reports seed` makes some.")
    return row[0].astimezone(UTC).date(), row[1].astimezone(UTC).date()


def _progress(run: Run, message: str) -> Progress:
    return Progress(run.run_id, run.marts, run.status, run.steps_done, run.steps_total, message)
