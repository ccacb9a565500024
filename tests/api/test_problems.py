"""What cannot be answered is a problem document that names what to mend and nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import anyio
import msgspec
import pytest
from litestar.testing import TestClient

from api.app import build_app
from api.deadline import Deadline
from resources.errors import WarehouseUnavailable
from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.world import ADA, ADA_UUID, CUSTOMERS, Issuer, Marts, worn

MEMBERS = {"type", "title", "status", "detail", "request_id"}


@pytest.fixture
def client(marts: Marts, serve: Callable[..., Client]) -> Client:
    marts.customers(CUSTOMERS)
    marts.day(date(2026, 7, 1), [worn("a", "A", [9], 1)])
    return serve(marts.settings)


@pytest.fixture(scope="module")
def untouched(fresh_settings: Callable[[], Settings], trusted: dict[str, Any]) -> Iterator[Client]:
    """The same, for tests that change nothing."""
    with empty_marts(fresh_settings()) as marts:
        marts.customers(CUSTOMERS)
        marts.day(date(2026, 7, 1), [worn("a", "A", [9], 1)])
        with serving(marts.settings, trusted) as client:
            yield client


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/reports/7?from=2026-02-30", ["from"]),
        ("/reports/7?from=yesterday&to=tomorrow", ["from", "to"]),
        ("/reports/7?from=1751328000", ["from"]),
        ("/reports/7?from=2026-07-01T00:00:00", ["from"]),
        ("/reports/7?from=", ["from"]),
        ("/reports/7?to=null", ["to"]),
        ("/reports/7?from=2026-07-02&to=2026-07-01", ["from"]),
        ("/reports/7?from=2025-05-27&to=2026-07-01", ["from"]),
        ("/reports/7?from=2020-01-01", ["from"]),
        ("/reports/7?since=2026-07-01", ["since"]),
        ("/reports/7?From=2026-07-01", ["From"]),
        ("/reports/7?user_id=8&format=doc", ["user_id"]),
        ("/reports/7?format=doc", ["format"]),
        ("/reports/7?format=csv&sheet=none", ["sheet"]),
        ("/reports/7?from=2026-07-01&from=2026-07-02", ["from"]),
        ("/reports/seven", ["user_id"]),
        ("/api/reports?limit=0", ["limit"]),
        ("/api/reports?limit=101", ["limit"]),
        ("/api/reports?limit=ten", ["limit"]),
        ("/api/reports?before=soon", ["before"]),
        ("/api/reports?user_id=8", ["user_id"]),
        ("/api/reports/2026-7-1", ["date"]),
        ("/api/reports/20260701", ["date"]),
        ("/api/reports/today", ["date"]),
        ("/api/reports/2026-07-01?hour=9", ["hour"]),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    untouched: Client, issuer: Issuer, path: str, fields: list[str]
) -> None:
    answer = untouched.get(path, headers=issuer.authorization())

    body = answer.json()
    assert (answer.status_code, body["status"]) == (422, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in body["errors"]] == fields
    assert set(body) == MEMBERS | {"errors"}


def test_a_period_of_400_days_is_not_too_long(untouched: Client, issuer: Issuer) -> None:
    answer = untouched.get("/reports/7?from=2025-05-28&to=2026-07-01", headers=issuer.authorization())

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/reports", 404),
        ("GET", "/report", 405),
        ("GET", "/api/v1/refresh", 405),
        ("POST", "/api/v1/aggregates/deal-pipeline", 405),
        ("GET", "/api/v1/aggregates", 404),
        ("POST", "/report", 401),
        ("GET", "/reports/7/8", 404),
        ("GET", "/schema/missing", 404),
        ("POST", "/reports/7", 405),
        ("DELETE", "/api/reports", 405),
        ("PUT", "/health", 405),
        ("GET", "/api/reports", 401),
    ],
)
def test_every_refusal_is_a_problem_document(away: Client, method: str, path: str, status: int) -> None:
    answer = away.request(method, path)

    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(body) == MEMBERS
    assert body["request_id"] == answer.headers["X-Request-Id"]


def test_a_method_that_is_not_allowed_is_told_which_are(away: Client) -> None:
    assert set(away.post("/api/reports").headers["Allow"].split(", ")) == {"GET", "OPTIONS"}


def test_a_request_keeps_the_name_that_its_caller_gave_it_where_that_is_plain(away: Client) -> None:
    def name(given: str) -> str:
        return away.get("/health/live", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert name("bff-42.a_b") == "bff-42.a_b"
    assert name("two words") != "two words"
    assert name("x" * 65) != "x" * 65
    assert name("") != name("")


@pytest.mark.parametrize(
    "path",
    [
        "/api/reports",
        "/api/reports/summary",
        "/api/reports/2026-07-01",
        f"/reports/{ADA}",
        "/api/v1/aggregates/deal-pipeline",
        "/api/v1/aggregates/audit-activity",
        "/health",
        "/health/ready",
    ],
)
def test_without_a_warehouse_everything_but_life_is_503(away: Client, issuer: Issuer, path: str) -> None:
    answer = away.get(path, headers=issuer.authorization(ADA_UUID, "reports-manager"))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert set(answer.json()) == MEMBERS
    assert "127.0.0.1" not in answer.text
    assert away.get("/health/live").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/api/reports", f"/reports/{ADA}", "/health", "/health/ready"])
def test_a_warehouse_that_takes_connections_and_says_nothing_is_503(
    issuer: Issuer, silent_port: int, trusted: dict[str, Any], path: str
) -> None:
    settings = msgspec.structs.replace(Settings(clickhouse_port=silent_port), **trusted)

    with TestClient(build_app(settings)) as client:
        assert client.get(path, headers=issuer.authorization()).status_code == 503


def test_a_warehouse_that_goes_away_is_503_and_comes_back_by_itself(
    client: Client, issuer: Issuer, closed_port: int
) -> None:
    pool = client.app.state.reads.pool
    connection = pool._idle.get()
    reachable = connection._reader.connection.hosts
    while not pool._idle.empty():
        pool._idle.get()
    pool._idle.put(connection)
    path = f"/reports/{ADA}"
    assert client.get(path, headers=issuer.authorization()).status_code == 200

    connection._reader.disconnect()
    connection._reader.connection.hosts = type(reachable)([("127.0.0.1", closed_port)])
    assert client.get(f"{path}?from=2026-06-30", headers=issuer.authorization()).status_code == 503

    connection._reader.connection.hosts = reachable
    assert client.get(f"{path}?from=2026-06-30", headers=issuer.authorization()).status_code == 200


def test_nobody_waits_longer_than_the_deadline_even_where_the_work_goes_on() -> None:
    released = threading.Event()
    deadline = Deadline(seconds=0.01, threads=1)

    async def ask() -> None:
        await deadline.run(released.wait, 60)

    with pytest.raises(WarehouseUnavailable):
        anyio.run(ask)
    released.set()
    deadline.close()


def test_a_failure_of_ours_says_nothing_of_its_cause_to_the_caller_or_the_log(
    client: Client, marts: Marts, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    marts.warehouse._reader.execute("DROP TABLE user_daily_reports_builds SYNC")

    with caplog.at_level(logging.DEBUG):
        answer = client.get(f"/reports/{ADA}", headers=issuer.authorization())

    assert (answer.status_code, answer.json()["type"]) == (500, "about:blank")
    assert set(answer.json()) == MEMBERS
    assert answer.json()["request_id"] in caplog.text
    for secret in ("SELECT", "user_daily_reports", "Traceback", "Ada", "eyJ", str(marts.settings.clickhouse_port)):
        assert secret not in answer.text
        assert secret not in "".join(record.getMessage() for record in caplog.records if record.name == "api")
