"""Nothing that is refused, that fails or that watches tells of people, secrets, statements or hosts: words of each are
looked for in all that comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resources.settings import Settings
from tests.api.world import Marts
from tests.attacks.crowd import Person
from tests.attacks.wire import Heard, Server, request, server
from tests.engines import wait_until

Bearer = Callable[..., str]

DAGSTER = "http://canary-dagster.invalid:1"
METRICS_TOKEN = "canary-metrics-token"
SECRETS = re.compile(
    r"(?i:canary|-owner|example\.test|clickhouse|127\.0\.0|localhost)"
    r"|eyJ|SELECT |FROM |_builds|Traceback|File \"|DB::|Code: \d|\.json\b"
)
"""Words of which none belongs into an error, a header, `/health` or a log."""


@pytest.fixture(scope="module")
def canaries(crowded: Marts) -> Iterator[Server]:
    """The API, with secrets in every setting that may hold one, and a Dagster that is not there."""
    settings = msgspec.structs.replace(
        crowded.settings,
        dagster_webserver_url=DAGSTER,
        reports_metrics_token=METRICS_TOKEN,
        reports_log_requests=True,
        crm_database_url="postgresql://canary-user:canary-password@canary-crm.invalid/crm",
    )
    with server(settings) as running:
        yield running


def wrongly_asked(bearer: Bearer, person: Person) -> Iterator[tuple[int, bytes]]:
    """Every kind of refusal, and a request that meets it, full of what is nobody else's business."""
    own, all_ = bearer(person), bearer(person, "reports-admin", "reports-manager")
    json_ = "Content-Type: application/json"
    other = f"/reports/{person.number + 4}"
    yield 401, request("/api/reports?canary=x", "X-Canary: canary", "Cookie: canary=x")
    yield 401, request("/api/reports", own[:-3] + "abc")
    yield 401, request("/api/reports", "Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==")
    yield 403, request(other, own)
    yield 403, request(f"{other}/view", own)
    yield 403, request("/api/v1/aggregates/deal-pipeline", own)
    yield 403, request("/dashboard", own)
    yield 404, request("/canary/canary-name@example.test", own)
    yield 404, request("/api/reports", bearer(None))
    yield 404, request("/api/reports/2026-08-01", own)
    yield 404, request("/metrics", own)
    yield 405, request("/api/reports", own, method="DELETE")
    yield 405, request("/reports/canary", own, method="TRACE")
    yield 406, request("/api/reports", own, "Accept: canary/canary")
    yield 413, request("/report", own, json_, method="POST", body=b"canary" * 20_000)
    yield 414, request("/api/reports?" + "canary" * 1_000, own)
    yield 415, request("/report", own, "Content-Type: text/canary", method="POST", body=b"canary")
    yield 422, request("/reports/canary-name@example.test", own)
    yield 422, request("/api/reports?limit=canary", own)
    yield 422, request("/api/reports/canary", own)
    yield 422, request("/reports/1009?as_of=canary", own)
    yield 422, request("/reports/1009/view?lang=canary", own)
    yield 422, request("/dashboard?from=canary", all_)
    yield 422, request("/report", own, json_, method="POST", body=b'{"user_id": "canary", "start_ts": "canary"}')
    yield 422, request("/report", own, json_, method="POST", body=b'{"user_id": "canary')
    yield 431, request("/api/reports", own, *(f"X-{number}: canary" for number in range(80)))
    yield 503, request("/api/v1/refresh", all_, json_, method="POST", body=b"{}")
    yield 503, request("/api/v1/refresh/canary-run", all_)
    yield 200, request("/dashboard", all_)
    yield 200, request("/health")
    yield 200, request("/health/live")
    yield 200, request("/health/ready")


def said(served: Server, what: bytes) -> Heard:
    """The answer."""
    with served.connect() as connection:
        connection.say(what)
        return connection.hear()


def test_no_refusal_says_anything_of_people_or_of_us(canaries: Server, crowd: list[Person], bearer: Bearer) -> None:
    for status, what in wrongly_asked(bearer, crowd[0]):
        answer = said(canaries, what)

        shown = f"{answer.headers} {answer.body.decode()}"
        assert (answer.status, SECRETS.findall(shown)) == (status, []), shown
        if answer.status >= 400 and answer.body:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert msgspec.json.decode(answer.body)["request_id"] == answer.headers["x-request-id"]


def test_no_answer_has_headers_that_name_anybody_or_that_shared_caches_keep(
    canaries: Server, crowd: list[Person], bearer: Bearer
) -> None:
    routes = ["/api/reports", "/api/reports/summary", "/api/reports/2026-07-01", "/api/reports/events", "/reports/1009"]

    for route in routes:
        for form in ("csv", "parquet") if "events" in route else ("json", "csv", "xlsx", "parquet", "pdf"):
            answer = said(canaries, request(f"{route}?format={form}", bearer(crowd[0])))
            assert (answer.status, SECRETS.findall(str(answer.headers))) == (200, []), answer.headers
            assert answer.headers["cache-control"].startswith("private")
            assert "authorization" in answer.headers["vary"].lower()
    page = said(canaries, request("/reports/1009/view", bearer(crowd[0])))
    assert (page.status, SECRETS.findall(str(page.headers))) == (200, [])
    assert page.headers["cache-control"] == "private, no-store"


def test_metrics_name_nobody_and_are_for_the_operator(canaries: Server, crowd: list[Person], bearer: Bearer) -> None:
    for _, what in wrongly_asked(bearer, crowd[0]):
        said(canaries, what)

    answer = said(canaries, request("/metrics", f"Authorization: Bearer {METRICS_TOKEN}"))
    refused = [said(canaries, request("/metrics", *headers)) for headers in ([], [bearer(crowd[0], "reports-admin")])]

    assert (answer.status, SECRETS.findall(answer.body.decode())) == (200, [])
    assert [answer.status for answer in refused] == [404, 404]


def test_the_document_names_nobody_and_no_place_of_ours(canaries: Server) -> None:
    document = said(canaries, request("/schema/openapi.json")).body.decode()

    assert re.findall(r"canary|-owner|clickhouse|127\.0\.0\.1|SELECT|/tmp|/home", document, re.IGNORECASE) == []


def test_the_log_says_nothing_of_people_tokens_or_paths(canaries: Server, crowd: list[Person], bearer: Bearer) -> None:
    before = len(all_lines(canaries))
    for _, what in wrongly_asked(bearer, crowd[0]):
        said(canaries, what)

    written = all_lines(canaries)[before:]
    assert {line.get("route") for line in written} >= {"/reports/{user_id}", "/api/reports/{date}", "unknown"}
    # The address on which it listens is in the first lines, before anybody asked.
    assert SECRETS.findall("\n".join(map(str, written))) == []


def all_lines(served: Server) -> list[dict[str, Any]]:
    """What the log says once it has a last request's line: each is written after its answer."""
    last = said(served, request("/health/live")).headers["x-request-id"]
    wait_until(lambda: any(line.get("request_id") == last for line in lines(served.log)), "the log has the last line")
    return lines(served.log)


def lines(log: Path) -> list[dict[str, Any]]:
    """What a log says, line by line."""
    return [msgspec.json.decode(line) for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def away_with_canaries(trusted: dict[str, Any], closed_port: int) -> Iterator[Server]:
    """The API whose warehouse is not there."""
    settings = Settings(
        **trusted,
        clickhouse_host="localhost",
        clickhouse_port=closed_port,
        clickhouse_user="canary-user",
        clickhouse_password="canary-password",
        clickhouse_reader_user="canary-reader",
        clickhouse_reader_password="canary-reader-password",
        clickhouse_database="canary_database",
        dagster_webserver_url=DAGSTER,
    )
    with server(settings, is_up="/health/live") as running:
        yield running


def test_without_a_warehouse_nothing_of_it_is_told(
    away_with_canaries: Server, crowd: list[Person], bearer: Bearer
) -> None:
    all_ = bearer(crowd[0], "reports-reader", "reports-manager")
    routes = ["/reports/1009", "/api/reports", "/api/v1/aggregates/audit-activity", "/health", "/health/ready"]
    routes += ["/reports/1009/view", "/dashboard"]

    for route in routes:
        answer = said(away_with_canaries, request(route, all_))
        assert (answer.status, SECRETS.findall(f"{answer.headers} {answer.body.decode()}")) == (503, [])
        assert answer.headers["retry-after"]

    log = "\n".join(map(str, lines(away_with_canaries.log)))
    assert re.findall(r"canary|localhost|SELECT|-owner|eyJ|Traceback", log, re.IGNORECASE) == []
