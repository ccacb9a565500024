"""The Dagster UI for guests: everything is seen in it, and nothing is changed."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_required_input_field,
)

from resources.orchestrator import MARTS
from stack import up
from tests.stack.conftest import Started

HARMLESS = {"logTelemetry", "setNuxSeen"}
"""They tell Dagster's makers of a click, where that is on, and that the greeting was seen."""
REFUSED = ("UnauthorizedError", "You do not have permission")
KNOWN = """{
    runsOrError(limit: 1) { ... on Runs { results { runId } } }
    sensorOrError(sensorSelector: {
        repositoryLocationName: "reports", repositoryName: "__repository__", sensorName: "telemetry_arrival"
    }) { ... on Sensor { sensorState { id } } }
    scheduleOrError(scheduleSelector: {
        repositoryLocationName: "reports", repositoryName: "__repository__", scheduleName: "reconcile_hourly"
    }) { ... on Schedule { scheduleState { id } } }
}"""
WANTED = {
    "launchMultipleRuns": "... on LaunchMultipleRunsResult { launchMultipleRunsResult { __typename } }",
    "terminatePipelineExecution": "... on TerminateRunFailure { message }",
    "terminateRun": "... on TerminateRunFailure { message }",
    "terminateRuns": "... on TerminateRunsResult { terminateRunResults { ... on TerminateRunFailure { message } } }",
}
"""What is asked of an answer besides its type."""


class Guests:
    """GraphQL of the guests' web server."""

    def __init__(self, address: str, backfill_id: str) -> None:
        self.address = address
        self.schema = build_client_schema(self.ask(get_introspection_query())["data"])
        found = self.ask(KNOWN)["data"]
        run_id = found["runsOrError"]["results"][0]["runId"]
        self._there = {
            "repositoryLocationName": "reports",
            "locationName": "reports",
            "repositoryName": "__repository__",
            "jobName": "collect_builds",
            "pipelineName": "collect_builds",
            "sensorName": "telemetry_arrival",
            "scheduleName": "reconcile_hourly",
            "runId": run_id,
            "runIds": [run_id],
            "path": ["audit_activity"],
            "backfillId": backfill_id,
        }
        again: dict[str, object] = {"reexecutionParams": {"parentRunId": run_id, "strategy": "ALL_STEPS"}}
        self._given: dict[str, dict[str, object]] = {
            "launchRunReexecution": again,
            "launchPipelineReexecution": again,
            "stopSensor": {"id": found["sensorOrError"]["sensorState"]["id"]},
            "stopRunningSchedule": {"id": found["scheduleOrError"]["scheduleState"]["id"]},
            "launchPartitionBackfill": {
                "backfillParams": {"assetSelection": [{"path": ["audit_activity"]}], "partitionNames": ["2026-02-03"]}
            },
            "reexecutePartitionBackfill": {"reexecutionParams": {"parentRunId": backfill_id, "strategy": "ALL_STEPS"}},
        }

    def ask(self, query: str, **variables: object) -> Any:
        asked = {"query": query, "variables": variables}
        return httpx.post(f"{self.address}/graphql", json=asked, trust_env=False).json()

    def mutate(self, name: str, field: GraphQLField) -> str:
        """Ask for a change, with arguments that name what is there; the answer as it came."""
        variables = self._given.get(name) or {
            each: self._example(argument.type, each) for each, argument in field.args.items()
        }
        declared = ", ".join(f"${each}: {argument.type}" for each, argument in field.args.items())
        given = ", ".join(f"{each}: ${each}" for each in field.args)
        wanted = "" if is_leaf_type(get_named_type(field.type)) else f"{{ __typename {WANTED.get(name, '')} }}"
        head, call = (f"mutation({declared})", f"{name}({given})") if declared else ("mutation", name)
        return json.dumps(self.ask(f"{head} {{ {call} {wanted} }}", **variables))

    def _example(self, kind: Any, name: str) -> Any:
        """Something of this type: what is there by this name, or anything."""
        kind = get_nullable_type(kind)
        if name in self._there:
            return self._there[name]
        if isinstance(kind, GraphQLList):
            return [self._example(kind.of_type, name)]
        if isinstance(kind, GraphQLInputObjectType):
            fields = {each: field.type for each, field in kind.fields.items()}
            return {
                each: self._example(type_, each)
                for each, type_ in fields.items()
                if is_required_input_field(kind.fields[each]) or each in self._there
            }
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        return {"Int": 1, "Float": 1.0, "Boolean": True}.get(kind.name, "1")


@pytest.fixture(scope="module")
def guests(started: Started) -> Guests:
    return Guests(f"http://127.0.0.1:{started.reports.state.ports['guests']}", ended_backfill(started))


def ended_backfill(started: Started) -> str:
    """A backfill in Dagster's history that nobody has to go on with."""
    ended = PartitionBackfill(
        backfill_id="ofguests",
        status=BulkActionStatus.COMPLETED_SUCCESS,
        from_failure=False,
        tags={},
        backfill_timestamp=0.0,
        asset_selection=[dg.AssetKey("audit_activity")],
    )
    _, settings = up.current(started.reports.environment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_DATABASE_URL", settings.dagster_database_url)
        with dg.DagsterInstance.from_config(str(started.reports.home.dagster)) as instance:
            instance.add_backfill(ended)
    return ended.backfill_id


def test_guests_see_the_marts(guests: Guests) -> None:
    nodes = guests.ask("{ assetNodes { assetKey { path } } }")["data"]["assetNodes"]
    assert {path for node in nodes for path in node["assetKey"]["path"]} >= set(MARTS)


def test_no_change_is_made_for_guests(guests: Guests) -> None:
    assert guests.schema.mutation_type
    answers = {name: guests.mutate(name, field) for name, field in guests.schema.mutation_type.fields.items()}
    assert len(answers) > 40
    assert {name for name, said in answers.items() if not any(word in said for word in REFUSED)} == HARMLESS, answers


@pytest.mark.parametrize("kind", ["materialization", "check", "observation"])
def test_guests_report_nothing(guests: Guests, kind: str) -> None:
    answer = httpx.post(f"{guests.address}/report_asset_{kind}/deal_pipeline", json={}, trust_env=False)
    assert answer.status_code == 401
