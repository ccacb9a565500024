"""Materializations, asked of Dagster as its UI asks for them, and followed until they end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import psycopg

from resources.settings import Settings
from stack.errors import RunFailed, StackError

SNAPSHOTS = ("crm_customers",)
"""Marts without partitions: built first and in a run of their own, for the others stand on them."""
DAILY = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
MARTS = SNAPSHOTS + DAILY

_LOCATION = "reports"
_POLL_S = 0.5
_PATIENCE_S = 30.0
_OVER = {"SUCCESS", "FAILURE", "CANCELED"}

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
  }
}"""
_FOLLOW = """
query Follow($run: ID!, $cursor: String) {
  runOrError(runId: $run) {
    __typename
    ... on Run { status stepStats { stepKey status } executionPlan { steps { key } } }
  }
  logsForRun(runId: $run, afterCursor: $cursor, limit: 1000) {
    ... on EventConnection {
      cursor
      events {
        __typename
        ... on LogMessageEvent { message }
        ... on ExecutionStepFailureEvent { stepKey error { message cause { message } } }
      }
    }
  }
}"""


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
    """The web server's GraphQL."""

    def __init__(self, address: str) -> None:
        """`address` is where the web server listens."""
        self._address = address.rstrip("/")
        # A proxy of the environment cannot know this machine's loopback.
        self._client = httpx.Client(timeout=30, trust_env=False)

    def launch(self, marts: Sequence[str], days: tuple[date, date] | None) -> str:
        """Ask for these marts in one run, for the days from the first to the last, both included; returns the run's id.

        Raises `RunFailed`.
        """
        selector = {
            "repositoryLocationName": _LOCATION,
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [mart]} for mart in marts],
            "assetCheckSelection": None,
        }
        names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        tags = [{"key": name, "value": day.isoformat()} for name, day in zip(names, days or (), strict=False)]
        parameters = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        answer = self._ask(_LAUNCH, params=parameters)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            why = answer.get("message") or answer["__typename"]
            raise RunFailed(f"Dagster did not start a run of {', '.join(marts)}: {why}")
        run_id: str = answer["run"]["runId"]
        return run_id

    def follow(self, run_id: str, marts: Sequence[str]) -> Iterator[Progress]:
        """Progress of a run, whenever it changes, until it has succeeded. Raises `RunFailed` where it does not."""
        cursor, message, reasons, last = None, "", list[str](), None
        while True:
            answer = self._ask(_FOLLOW, run=run_id, cursor=cursor)
            logs, run = answer["logsForRun"], answer["runOrError"]
            if run["__typename"] != "Run":
                raise RunFailed(f"Dagster does not know the run {run_id}.")
            cursor = logs.get("cursor", cursor)
            for event in logs.get("events", ()):
                message = event.get("message", message)
                if "error" in event:
                    reasons.append(f"{event['stepKey']}: {_reason(event['error'])}")
            progress = _progress(run_id, marts, run, message)
            if progress != last:
                yield progress
                last = progress
            if progress.status in _OVER:
                break
            time.sleep(_POLL_S)
        if progress.status != "SUCCESS":
            why = f" ({reasons[0]})" if reasons else ""
            raise RunFailed(
                f"The run of {', '.join(marts)} ended as {progress.status}{why}: see {self._address}/runs/{run_id}"
            )

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask, and ask again for a while where the web server does not answer: the supervisor may be restarting it."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                answer = self._client.post(f"{self._address}/graphql", json={"query": query, "variables": variables})
                break
            except httpx.ConnectError as error:
                if time.monotonic() > deadline:
                    raise RunFailed("Dagster's web server does not answer; see `reports status`.") from error
                time.sleep(_POLL_S)
            except httpx.HTTPError as error:
                raise RunFailed(f"Dagster's web server broke off ({type(error).__name__}).") from error
        content = answer.json()
        if "errors" in content:
            raise RunFailed(f"Dagster did not understand: {content['errors'][0]['message']}")
        found: dict[str, Any] = content["data"]
        return found


def materialize(address: str, marts: Sequence[str], since: date, until: date) -> Iterator[Progress]:
    """Materialize marts for the days from `since` to `until`, both included: snapshots first, then all days at once.

    Raises `RunFailed`.
    """
    dagster = Dagster(address)
    if unknown := sorted(set(marts) - set(MARTS)):
        raise RunFailed(f"There is no mart {', '.join(unknown)}; there are {', '.join(MARTS)}.")
    for names, days in ((SNAPSHOTS, None), (DAILY, (since, until))):
        wanted = tuple(mart for mart in names if mart in marts)
        if wanted:
            yield from dagster.follow(dagster.launch(wanted, days), wanted)


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


def _reason(error: dict[str, Any]) -> str:
    """The first line of what went wrong, without the class that it was wrapped in."""
    message: str = ((error["cause"] or error)["message"] or "no reason given").strip().splitlines()[0]
    return message.removeprefix("resources.errors.").rstrip(".")


def _progress(run_id: str, marts: Sequence[str], run: dict[str, Any], message: str) -> Progress:
    done = sum(step["status"] in {"SUCCESS", "SKIPPED"} for step in run["stepStats"])
    total = len((run["executionPlan"] or {"steps": ()})["steps"])
    return Progress(run_id, tuple(marts), run["status"], done, total, message)
