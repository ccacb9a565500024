"""Dagster from outside: runs asked of its web server's GraphQL, as its UI asks for them. Nothing here imports dagster.

OrchestratorError            Dagster does not do what it is asked, and says why
└── OrchestratorUnavailable  it does not answer; trying again later may help
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec

from resources.errors import ReportsError

SNAPSHOTS = ("crm_customers", "deal_pipeline")
"""Marts without partitions."""
DAILY = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports", "audit_activity")
"""Marts by day (UTC)."""
MARTS = SNAPSHOTS + DAILY

LOCATION = "reports"
"""The code location that the marts are in."""

QUEUED = frozenset({"QUEUED", "NOT_STARTED", "MANAGED"})
RUNNING = frozenset({"STARTING", "STARTED", "CANCELING"})
OVER = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
_UNFINISHED = QUEUED | RUNNING - {"CANCELING"}

RETRY_PATIENCE = timedelta(minutes=1)
"""Dagster begins its retry of a failed run within seconds; one that it has not begun by then is not coming soon."""

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

_WILL_RETRY = "dagster/will_retry"
"""Set to true when a run fails that the instance's `run_retries` will retry."""
_RETRY_ID = "dagster/auto_retry_run_id"

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
  }
}"""
_RUN = """
fragment Shown on Run {
  runId status endTime tags { key value } assetSelection { path } stepStats { status } executionPlan { steps { key } }
}"""
_LOOK = f"query Look($run: ID!) {{ runOrError(runId: $run) {{ __typename ...Shown }} }} {_RUN}"
_ACTIVE = f"""
query Active($filter: RunsFilter!) {{
  runsOrError(filter: $filter, limit: 20) {{
    __typename
    ... on Runs {{ results {{ ...Shown }} }}
    ... on Error {{ message }}
  }}
}} {_RUN}"""
_NEWS = """
query News($run: ID!, $cursor: String) {
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


class OrchestratorError(ReportsError):
    """Dagster does not do what it is asked."""


class OrchestratorUnavailable(OrchestratorError):
    """Dagster's web server does not answer."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as Dagster knows it; `days` are the first and the last, `None` where it has none.

    Dagster retries a run by another one with the same tags; `retry_id` names it once there is one.
    """

    run_id: str
    status: str
    marts: tuple[str, ...]
    days: tuple[date, date] | None
    tags: dict[str, str]
    steps_done: int
    steps_total: int
    ended_at: datetime | None = None
    retry_id: str | None = None

    def awaits_retry(self, now: datetime) -> bool:
        """Whether it failed, and Dagster is about to retry it."""
        promised = self.status == "FAILURE" and self.tags.get(_WILL_RETRY) == "true" and self.retry_id is None
        return promised and self.ended_at is not None and now - self.ended_at < RETRY_PATIENCE


class News(msgspec.Struct, frozen=True):
    """What a run has said since `cursor`; reasons are why steps failed."""

    cursor: str | None
    messages: tuple[str, ...]
    reasons: tuple[str, ...]


def connect(address: str, timeout_s: float) -> httpx.Client:
    """A client of the web server at `address`; `timeout_s` bounds the wait for a connection and for each answer."""
    # A proxy of the environment cannot know where Dagster is.
    return httpx.Client(base_url=address.rstrip("/"), timeout=timeout_s, trust_env=False)


def launch(
    client: httpx.Client, marts: Sequence[str], days: tuple[date, date] | None, tags: Mapping[str, str] | None = None
) -> str:
    """Ask for `marts` in one run, those by day for the days from the first to the last, both included; its id.

    Dagster runs them in the order of their dependencies; snapshots are built once, whatever the days.
    Raises `OrchestratorUnavailable`, `OrchestratorError`.
    """
    selector = {
        "repositoryLocationName": LOCATION,
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": [mart]} for mart in marts],
        "assetCheckSelection": None,
    }
    spans = zip(_RANGE, (day.isoformat() for day in days or ()), strict=False)
    metadata = {"tags": [{"key": key, "value": value} for key, value in {**dict(spans), **(tags or {})}.items()]}
    answer = _ask(client, _LAUNCH, params={"selector": selector, "runConfigData": {}, "executionMetadata": metadata})[
        "launchRun"
    ]
    if answer["__typename"] != "LaunchRunSuccess":
        why = answer.get("message") or answer["__typename"]
        raise OrchestratorError(f"Dagster did not start a run of {', '.join(marts)}: {why.strip()}")
    run_id: str = answer["run"]["runId"]
    return run_id


def look(client: httpx.Client, run_id: str) -> Run | None:
    """The run as it is now; `None` where Dagster knows no such run. Raises as `launch`."""
    answer = _ask(client, _LOOK, run=run_id)["runOrError"]
    return _run(answer) if answer["__typename"] == "Run" else None


def active(client: httpx.Client, key: str, value: str) -> list[Run]:
    """The runs with this tag that are not over or that Dagster is about to retry, newest first. Raises as `launch`."""
    wanted = {"tags": [{"key": key, "value": value}], "statuses": sorted(_UNFINISHED | {"FAILURE"})}
    answer = _ask(client, _ACTIVE, filter=wanted)["runsOrError"]
    if answer["__typename"] != "Runs":
        raise OrchestratorError(f"Dagster did not list its runs: {answer.get('message') or answer['__typename']}")
    now = datetime.now(UTC)
    found = map(_run, answer["results"])
    return [run for run in found if run.status in _UNFINISHED or run.awaits_retry(now)]


def news(client: httpx.Client, run_id: str, cursor: str | None) -> News:
    """What the run has said since `cursor`, `None` for the beginning. Raises as `launch`."""
    answer = _ask(client, _NEWS, run=run_id, cursor=cursor)["logsForRun"]
    events = answer.get("events", ())
    return News(
        cursor=answer.get("cursor", cursor),
        messages=tuple(event["message"] for event in events if "message" in event),
        reasons=tuple(f"{event['stepKey']}: {_reason(event['error'])}" for event in events if "error" in event),
    )


def _ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    try:
        answer = client.post("/graphql", json={"query": query, "variables": variables})
        content = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OrchestratorUnavailable(f"Dagster's web server does not answer ({type(error).__name__}).") from error
    except ValueError as error:
        raise OrchestratorUnavailable("What answers at Dagster's address is not its web server.") from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        raise OrchestratorError(f"Dagster did not understand: {_first_error(content)}")
    found: dict[str, Any] = content["data"]
    return found


def _first_error(content: Any) -> str:
    errors = content.get("errors") if isinstance(content, dict) else None
    return str(errors[0].get("message")) if errors else "it gave no reason"


def _run(answer: dict[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
    selected = {"/".join(asset["path"]) for asset in answer["assetSelection"] or ()}
    days = [date.fromisoformat(tags[key]) for key in _RANGE if key in tags]
    return Run(
        run_id=answer["runId"],
        status=answer["status"],
        marts=tuple(mart for mart in MARTS if mart in selected),
        days=(days[0], days[1]) if len(days) == len(_RANGE) else None,
        tags=tags,
        steps_done=sum(step["status"] in {"SUCCESS", "SKIPPED"} for step in answer["stepStats"]),
        ended_at=datetime.fromtimestamp(answer["endTime"], UTC) if answer["endTime"] else None,
        retry_id=tags.get(_RETRY_ID),
        steps_total=len((answer["executionPlan"] or {"steps": ()})["steps"]),
    )


def _reason(error: dict[str, Any]) -> str:
    """The first line of what went wrong, without the class that it was wrapped in."""
    message: str = ((error["cause"] or error)["message"] or "no reason given").strip().splitlines()[0]
    return message.removeprefix("resources.errors.").rstrip(".")
