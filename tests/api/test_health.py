"""What a supervisor and a load balancer ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from resources.freshness import WINDOWS
from tests.api.conftest import Client
from tests.api.world import CUSTOMERS, Marts, worn


@pytest.fixture
def client(marts: Marts, serve: Callable[..., Client]) -> Client:
    marts.customers(CUSTOMERS)
    marts.day(date(2026, 7, 1), [worn("a", "A", [9], 1)])
    marts.day(date(2026, 7, 2), [])
    return serve(marts.settings)


def test_health_needs_no_token_and_says_that_the_warehouse_answers(client: Client) -> None:
    answers = [client.get(path) for path in ("/health", "/health/live")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "ok"})] * 2


def test_ready_tells_what_is_published_of_every_mart_and_how_old_its_newest_source_time_is(
    client: Client, marts: Marts
) -> None:
    body = client.get("/health/ready").json()

    found = {mart["mart"]: mart for mart in body["marts"]}
    customers, daily, deals = found["crm_customers"], found["user_daily_reports"], found["deal_pipeline"]
    assert (body["status"], list(found)) == ("stale", list(WINDOWS))
    assert (customers["segments"], customers["watermark"], customers["age_seconds"]) == (1, None, None)
    assert (daily["segments"], daily["watermark"]) == (2, "2026-07-02T20:00:00Z")
    assert isinstance(daily["age_seconds"], float)
    assert daily["published_at"] == marts.published(date(2026, 7, 2)).published_at.isoformat().replace("+00:00", "Z")
    assert deals == {
        "mart": "deal_pipeline",
        "segments": 0,
        "published_at": None,
        "watermark": None,
        "age_seconds": None,
        "complete_at": None,
        "state": "stale",
        "reason": "It was never known to hold all that its source has.",
    }
