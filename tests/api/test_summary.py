"""The summary of a period against figures that were computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.sample import BOTH_DAYS, FIRST_DAY, NOTHING, SECOND, USER
from tests.api.world import Marts, worn

HAND_OVER_BOTH_DAYS = {
    "prosthesis_id": "hand-1",
    "chip_id": "A",
    "prosthesis_type": "hand",
    "prosthesis_model": "Grip 2",
    "movements": 4,
    "uptime_hours": 3,
    "usage_minutes": 2.1,
    "response_ms_mean": 100.0,
    "amplitude_mean": 2.0,
    "frequency_hz_mean": 47.5,
    "battery_pct_mean": 81.25,
    "battery_used_pct": 10.0,
    "errors": 1,
    "error_rate": 0.25,
    "myosignal_efficiency": 0.25,
}


def test_a_summary_is_over_all_prostheses_and_by_prosthesis(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    body = client.get("/api/reports/summary", headers=ada).json()

    newest = marts.published(SECOND)
    assert list(body) == ["user", "period", "summary", "prostheses", "publication", "freshness"]
    assert (body["user"], body["period"]) == (USER, {"from": "2026-07-01", "to": "2026-07-02"})
    assert body["summary"] == BOTH_DAYS
    assert [prosthesis["prosthesis_id"] for prosthesis in body["prostheses"]] == ["arm-1", "hand-1", "hand-2"]
    assert body["prostheses"][1] == HAND_OVER_BOTH_DAYS
    assert (body["publication"]["id"], body["freshness"]) == (
        str(newest.build_id),
        {"watermark": "2026-07-02T20:00:00Z", "state": "stale"},
    )


def test_a_summary_is_of_the_period_that_is_asked_for(client: Client, ada: dict[str, str]) -> None:
    def ask(query: str) -> dict[str, Any]:
        body: dict[str, Any] = client.get(f"/api/reports/summary?{query}", headers=ada).json()
        return body

    assert ask("to=2026-07-01")["summary"] == FIRST_DAY
    assert ask("from=2026-06-01&to=2026-07-05")["summary"] == BOTH_DAYS
    nothing = ask("from=2020-01-01&to=2020-12-31")
    assert (nothing["summary"], nothing["prostheses"]) == (NOTHING, [])
    assert nothing["publication"]["run_id"] == "customers-run"


def test_a_summary_is_the_one_that_the_reports_of_the_period_come_with(client: Client, ada: dict[str, str]) -> None:
    reports = client.get("/reports/7", headers=ada).json()

    assert client.get("/api/reports/summary", headers=ada).json()["summary"] == reports["summary"]


def test_a_prosthesis_is_named_as_it_was_last(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.day(SECOND, [worn("hand-1", "A", [3], 5, prosthesis_model="Grip 3")])
    client.app.state.reads.follower.look()

    hand = client.get("/api/reports/summary", headers=ada).json()["prostheses"][1]

    assert (hand["prosthesis_model"], hand["movements"]) == ("Grip 3", 8)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("from=2026-02-30", ["from"]),
        ("from=2026-07-02&to=2026-07-01", ["from"]),
        ("from=2020-01-01", ["from"]),
        ("since=2026-07-01&user_id=8", ["since", "user_id"]),
        ("to=", ["to"]),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    client: Client, ada: dict[str, str], query: str, fields: list[str]
) -> None:
    answer = client.get(f"/api/reports/summary?{query}", headers=ada)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, fields)
