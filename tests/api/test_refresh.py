"""Refreshes: asked of Dagster, found again, followed, and never in the way of anything when Dagster is away."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from api.app import build_app
from resources import orchestrator
from resources.migrations import migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack.seed import seed
from tests.api.conftest import Client, serving
from tests.api.dagster_server import RECORDED, FakeDagster, fake_dagster, real_dagster, retry_what_failed
from tests.api.world import ADA_UUID, Issuer
from tests.engines import wait_until

REFRESH = "/api/v1/refresh"
RUN = RECORDED["launched"]["data"]["launchRun"]["run"]["runId"]
FAILED = RECORDED["failed_for_now"]["data"]["runOrError"]
REQUEST = next(tag["value"] for tag in FAILED["tags"] if tag["key"] == "reports/request")
FIRST_DAY = date(2024, 1, 1)
RECORDED_BODY = {
    "id": RUN,
    "state": "running",
    "steps": {"done": 0, "total": 6},
    "marts": list(orchestrator.MARTS),
    "period": {"from": "2026-11-19", "to": "2026-11-20"},
}


@pytest.fixture
def dagster() -> Iterator[FakeDagster]:
    with fake_dagster() as fake:
        yield fake


@pytest.fixture
def client(dagster: FakeDagster, trusted: dict[str, Any], closed_port: int) -> Iterator[Client]:
    """The API with a Dagster and without a warehouse, which it does not need for this."""
    settings = Settings(clickhouse_port=closed_port, dagster_webserver_url=dagster.address, reports_first_day=FIRST_DAY)
    with serving(settings, trusted) as client:
        yield client


@pytest.fixture
def admin(issuer: Issuer) -> dict[str, str]:
    return issuer.authorization(ADA_UUID, "reports-admin")


def test_a_refresh_is_launched_and_its_address_is_told(
    client: Client, dagster: FakeDagster, admin: dict[str, str]
) -> None:
    dagster.says("Active", "none_active", "none_active", "one_active")
    dagster.says("Launch", "launched")

    question = {"marts": ["user_daily_reports", "crm_customers"], "from": "2024-02-01", "to": "2024-02-03"}
    answer = client.post(REFRESH, json=question, headers=admin)

    assert (answer.status_code, answer.headers["Location"]) == (202, f"{REFRESH}/{RUN}")
    assert answer.json() == RECORDED_BODY
    assert answer.headers["Cache-Control"] == "no-store"
    [launched] = [variables["params"] for operation, variables in dagster.asked if operation == "Launch"]
    tags = {tag["key"]: tag["value"] for tag in launched["executionMetadata"]["tags"]}
    assert launched["selector"]["assetSelection"] == [{"path": ["crm_customers"]}, {"path": ["user_daily_reports"]}]
    assert tags["dagster/asset_partition_range_start"] == "2024-02-01"
    assert tags["dagster/asset_partition_range_end"] == "2024-02-03"
    assert {key: value for key, value in dagster.asked[0][1]["filter"].items() if key == "tags"} == {
        "tags": [{"key": "reports/request", "value": tags["reports/request"]}]
    }


def test_the_same_request_is_answered_with_the_run_that_is_on(
    client: Client, dagster: FakeDagster, admin: dict[str, str]
) -> None:
    dagster.says("Active", "one_active")

    answer = client.post(REFRESH, json={}, headers=admin)

    assert (answer.status_code, answer.headers["Location"]) == (202, f"{REFRESH}/{RUN}")
    assert dagster.operations() == ["Active"]


def test_the_same_request_from_several_callers_at_once_is_launched_once(
    client: Client, dagster: FakeDagster, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster.says("Active", "none_active")
    dagster.says("Launch", "launched")
    launching, together = threading.Event(), threading.Barrier(4)
    plainly = dagster.answer

    def answer(question: dict[str, Any]) -> Any:
        if "launchRun" in question["query"]:
            dagster.says("Active", "one_active")
            assert launching.wait(60)
        elif not launching.is_set():
            together.wait(60)
            launching.set()
        return plainly(question)

    monkeypatch.setattr(dagster, "answer", answer)
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: client.post(REFRESH, json={}, headers=admin), range(4)))

    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(202, RUN)}
    assert dagster.operations().count("Launch") == 1


def test_of_two_runs_of_the_same_request_the_older_is_told_to_everyone(
    client: Client, dagster: FakeDagster, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = copy.deepcopy(RECORDED["one_active"])
    runs = two["data"]["runsOrError"]["results"]
    runs.insert(0, runs[0] | {"runId": "launched-later-by-another-process"})
    monkeypatch.setitem(RECORDED, "two_active", two)
    dagster.says("Active", "two_active")

    assert client.post(REFRESH, json={}, headers=admin).json()["id"] == RUN


def test_requests_are_the_same_where_they_ask_for_the_same(
    client: Client, dagster: FakeDagster, admin: dict[str, str]
) -> None:
    dagster.says("Active", "one_active")
    today = datetime.now(UTC).date()
    kept = today - timedelta(days=365)

    def key(**body: Any) -> str:
        assert client.post(REFRESH, json=body, headers=admin).status_code == 202
        value: str = dagster.asked[-1][1]["filter"]["tags"][0]["value"]
        return value

    assert key() == key(marts=None, to=str(today)) == key(marts=list(reversed(orchestrator.MARTS)))
    assert key() == key(**{"from": str(max(kept, FIRST_DAY)), "to": str(today)})
    others = [
        key(to=str(today - timedelta(days=1))),
        key(**{"from": "2024-02-01"}),
        key(marts=["crm_customers"]),
        key(marts=["telemetry_events"]),
    ]
    assert len({key(), *others}) == 5


def test_snapshots_alone_have_no_days(client: Client, dagster: FakeDagster, admin: dict[str, str]) -> None:
    dagster.says("Active", "none_active", "none_active", "none_active")
    dagster.says("Launch", "launched")
    dagster.says("Look", "another")

    answer = client.post(REFRESH, json={"marts": ["crm_customers"]}, headers=admin)

    [launched] = [variables["params"] for operation, variables in dagster.asked if operation == "Launch"]
    assert [tag["key"] for tag in launched["executionMetadata"]["tags"]] == ["reports/request"]
    assert (answer.status_code, answer.json()["period"]) == (202, None)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("starting", ("running", 0, 6)),
        ("started", ("running", 2, 6)),
        ("succeeded", ("succeeded", 6, 6)),
        ("failed", ("failed", 0, 1)),
    ],
)
def test_progress_is_told(
    client: Client, dagster: FakeDagster, admin: dict[str, str], recorded: str, expected: tuple[str, int, int]
) -> None:
    dagster.says("Look", recorded)
    run = RECORDED[recorded]["data"]["runOrError"]["runId"]

    answer = client.get(f"{REFRESH}/{run}", headers=admin)

    body = answer.json()
    assert (answer.status_code, body["id"]) == (200, run)
    assert (body["state"], body["steps"]["done"], body["steps"]["total"]) == expected
    assert dagster.asked == [("Look", {"run": run})]


def test_a_run_that_dagster_retries_is_told_as_its_retry(
    client: Client, dagster: FakeDagster, admin: dict[str, str]
) -> None:
    dagster.says("Look", "retried", "started")

    body = client.get(f"{REFRESH}/{FAILED['runId']}", headers=admin).json()

    assert (body["id"], body["state"], body["steps"]) == (RUN, "running", {"done": 2, "total": 6})
    retry = RECORDED["retry"]["data"]["runOrError"]
    assert dagster.asked == [("Look", {"run": FAILED["runId"]}), ("Look", {"run": retry["runId"]})]
    assert {tag["key"]: tag["value"] for tag in retry["tags"]}["reports/request"] == REQUEST


def test_a_retry_that_failed_as_well_has_failed(client: Client, dagster: FakeDagster, admin: dict[str, str]) -> None:
    dagster.says("Look", "retried", "retry")

    body = client.get(f"{REFRESH}/{FAILED['runId']}", headers=admin).json()

    assert (body["id"], body["state"]) == (RECORDED["retry"]["data"]["runOrError"]["runId"], "failed")


def test_a_run_whose_retry_was_deleted_has_failed(client: Client, dagster: FakeDagster, admin: dict[str, str]) -> None:
    dagster.says("Look", "retried", "unknown")

    body = client.get(f"{REFRESH}/{FAILED['runId']}", headers=admin).json()

    assert (body["id"], body["state"]) == (FAILED["runId"], "failed")


@pytest.mark.parametrize(
    ("failed_ago", "state", "asked"),
    [(timedelta(seconds=5), "queued", ["Active"]), (timedelta(minutes=5), "failed", ["Active", "Active", "Launch"])],
)
def test_a_run_that_dagster_is_about_to_retry_is_the_same_request_for_a_while(
    client: Client,
    dagster: FakeDagster,
    admin: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    failed_ago: timedelta,
    state: str,
    asked: list[str],
) -> None:
    run = FAILED | {"endTime": (datetime.now(UTC) - failed_ago).timestamp()}
    runs = {"__typename": "Runs", "results": [run]}
    monkeypatch.setitem(RECORDED, "failed_lately", {"data": {"runOrError": run, "runsOrError": runs}})
    dagster.says("Active", "failed_lately")
    dagster.says("Launch", "launched")
    dagster.says("Look", "failed_lately")

    answer = client.post(REFRESH, json={"marts": ["deal_pipeline"]}, headers=admin)
    seen = client.get(answer.headers["Location"], headers=admin)

    assert (answer.json()["id"], answer.json()["state"], seen.json()["state"]) == (FAILED["runId"], state, state)
    assert dagster.operations()[: len(asked)] == asked


@pytest.mark.parametrize("recorded", ["unknown", "another"])
def test_a_run_that_is_no_refresh_is_not_found(
    client: Client, dagster: FakeDagster, admin: dict[str, str], recorded: str
) -> None:
    dagster.says("Look", recorded)

    assert client.get(f"{REFRESH}/{RUN}", headers=admin).status_code == 404


@pytest.mark.parametrize("roles", [(), ("reports-reader", "reports-manager"), ("reports-administrator",)])
def test_refreshing_is_for_admins_only(
    client: Client, dagster: FakeDagster, issuer: Issuer, roles: tuple[str, ...]
) -> None:
    caller = issuer.authorization(ADA_UUID, *roles)

    assert client.post(REFRESH, json={"nonsense": 1}, headers=caller).status_code == 403
    assert client.get(f"{REFRESH}/{RUN}", headers=caller).status_code == 403
    assert [client.post(REFRESH, json={}).status_code, client.get(f"{REFRESH}/{RUN}").status_code] == [401, 401]
    assert dagster.asked == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"marts": []}, ["marts"]),
        ({"marts": "crm_customers"}, ["marts"]),
        ({"marts": ["crm_customers", "customers"]}, ["marts"]),
        ({"marts": [7]}, ["marts"]),
        ({"from": "2024-02-30"}, ["from"]),
        ({"from": 20240201}, ["from"]),
        ({"from": "2024-02-01T00:00:00Z"}, ["from"]),
        ({"from": "2024-02-02", "to": "2024-02-01"}, ["from"]),
        ({"from": "2023-12-31"}, ["from"]),
        ({"from": "9999-12-31", "to": "0001-01-01"}, ["from", "to"]),
        ({"marts": ["crm_customers", "deal_pipeline"], "from": "2024-02-01", "to": "2024-02-02"}, ["from", "to"]),
        ({"mart": "crm_customers", "since": "2024-02-01"}, ["mart", "since"]),
        ({"marts": ["x"], "to": "soon"}, ["marts", "to"]),
    ],
)
def test_a_field_that_cannot_be_used_is_named(
    client: Client, dagster: FakeDagster, admin: dict[str, str], body: dict[str, Any], fields: list[str]
) -> None:
    answer = client.post(REFRESH, json=body, headers=admin)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, fields)
    assert dagster.asked == []


@pytest.mark.parametrize("operation", ["Active", "Launch"])
@pytest.mark.parametrize("recorded", ["refused", "not_understood"])
def test_a_dagster_that_refuses_is_503_without_its_words(
    client: Client,
    dagster: FakeDagster,
    admin: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    operation: str,
    recorded: str,
) -> None:
    dagster.says("Active", "none_active")
    dagster.says("Launch", "launched")
    monkeypatch.setitem(RECORDED, "refused_list", {"data": {"runsOrError": RECORDED["refused"]["data"]["launchRun"]}})
    dagster.says(operation, "refused_list" if (operation, recorded) == ("Active", "refused") else recorded)

    answer = client.post(REFRESH, json={}, headers=admin)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:bionicpro:problem:refresh-away")
    assert "nomart" not in answer.text and "nope" not in answer.text


def away_within(settings: Settings, admin: dict[str, str], seconds: float) -> None:
    with TestClient(build_app(settings), raise_server_exceptions=False) as client:
        for method, path in (("POST", REFRESH), ("GET", f"{REFRESH}/{RUN}")):
            began = time.monotonic()
            answer = client.request(method, path, json={} if method == "POST" else None, headers=admin)
            assert time.monotonic() - began < seconds
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:bionicpro:problem:refresh-away")
            assert answer.headers["Retry-After"] == "10"
            assert "127.0.0.1" not in answer.text


def test_dagster_away_is_503(trusted: dict[str, Any], closed_port: int, admin: dict[str, str]) -> None:
    for address in ("", f"http://127.0.0.1:{closed_port}", "http://[", "nonsense"):
        away_within(Settings(clickhouse_port=closed_port, dagster_webserver_url=address, **trusted), admin, 2)


def test_a_dagster_that_takes_connections_and_says_nothing_is_503_within_two_seconds(
    trusted: dict[str, Any], closed_port: int, silent_port: int, admin: dict[str, str]
) -> None:
    address = f"http://127.0.0.1:{silent_port}"
    away_within(Settings(clickhouse_port=closed_port, dagster_webserver_url=address, **trusted), admin, 2)


def test_a_real_dagster_retries_what_failed_and_builds_what_is_asked_for(
    fresh_settings: Callable[[], Settings], trusted: dict[str, Any], tmp_path: Path, admin: dict[str, str]
) -> None:
    settings = fresh_settings()
    with real_dagster(settings, tmp_path) as address:
        settings = msgspec.structs.replace(settings, dagster_webserver_url=address)
        with serving(settings, trusted) as client:
            retries_what_failed(client, settings, tmp_path, admin)
            builds_what_is_asked_for(client, settings, trusted, admin)


def retries_what_failed(client: Client, settings: Settings, folder: Path, admin: dict[str, str]) -> None:
    question = {"marts": ["deal_pipeline"]}
    # There are no tables yet, so it fails.
    location = client.post(REFRESH, json=question, headers=admin).headers["Location"]
    wait_until(lambda: has_failed(settings.dagster_webserver_url, location.rpartition("/")[2]), "the run has failed")
    between = client.get(location, headers=admin).json()
    again = client.post(REFRESH, json=question, headers=admin)
    migrate(settings)
    retry_what_failed(settings, folder)
    retried = client.get(location, headers=admin).json()
    assert (between["state"], again.headers["Location"]) == ("queued", location)
    assert (retried["state"], retried["steps"]) == ("succeeded", {"done": 2, "total": 2})
    assert location != f"{REFRESH}/{retried['id']}"


def builds_what_is_asked_for(
    client: Client, settings: Settings, trusted: dict[str, Any], admin: dict[str, str]
) -> None:
    now = datetime.now(UTC)
    yesterday = now.date() - timedelta(days=1)
    sources = settings.crm_database_url, settings.telemetry_database_url
    seed(*sources, customers=3, days=1, events_per_day=50, seed=1, last_day=yesterday, now=now)
    question = {"from": str(yesterday), "to": str(yesterday)}
    first = client.post(REFRESH, json=question, headers=admin)
    location = first.headers["Location"]
    assert first.status_code == 202
    wait_until(lambda: client.get(location, headers=admin).json()["state"] != "running", "the refresh is over")
    assert client.get(location, headers=admin).json() == {
        "id": location.rpartition("/")[2],
        "state": "succeeded",
        "steps": {"done": 12, "total": 12},
        "marts": list(orchestrator.MARTS),
        "period": question,
    }
    # It is over, so the same request is another refresh; a second process then finds that one.
    again = client.post(REFRESH, json=question, headers=admin)
    with serving(settings, trusted) as other:
        found = other.post(REFRESH, json=question, headers=admin)
    assert again.headers["Location"] == found.headers["Location"] != location
    with Warehouse(settings) as warehouse:
        published = warehouse._reader.execute("SELECT DISTINCT mart FROM publications")
    assert {mart for (mart,) in published} >= set(orchestrator.MARTS)


def has_failed(address: str, run_id: str) -> bool:
    with orchestrator.connect(address, timeout_s=60) as dagster:
        run = orchestrator.look(dagster, run_id)
    return run is not None and "dagster/will_retry" in run.tags
