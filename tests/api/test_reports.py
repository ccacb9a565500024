"""Reports against figures that were computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.sample import ARM, BOTH_DAYS, FIRST_DAY, HAND, NOTHING, OF_BOB, SECOND, SECOND_DAY, USER, at
from tests.api.world import ADA, CUSTOMERS, Marts, worn


def figures(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in FIRST_DAY}


def test_the_reports_of_a_period_have_the_figures_of_their_rows(
    client: Client, marts: Marts, ada: dict[str, str]
) -> None:
    body = client.get(f"/reports/{ADA}", headers=ada).json()

    newest = marts.published(SECOND)
    assert list(body) == ["user", "period", "reports", "summary", "publication", "freshness"]
    assert body["user"] == USER
    assert body["period"] == {"from": "2026-07-01", "to": "2026-07-02"}
    assert [(day["date"], figures(day)) for day in body["reports"]] == [
        ("2026-07-02", SECOND_DAY),
        ("2026-07-01", FIRST_DAY),
    ]
    assert body["summary"] == BOTH_DAYS
    assert body["publication"] == {
        "id": str(newest.build_id),
        "as_of": f"{newest.build_id}.stale",
        "published_at": newest.published_at.isoformat().replace("+00:00", "Z"),
        "run_id": "run-2026-07-02",
    }
    assert body["freshness"] == {"watermark": "2026-07-02T20:00:00Z", "state": "stale"}


def test_a_report_shows_each_prosthesis_with_its_own_figures(client: Client, ada: dict[str, str]) -> None:
    arm, hand, spare = client.get(f"/reports/{ADA}?to=2026-07-01", headers=ada).json()["reports"][0]["prostheses"]

    assert arm == {
        "prosthesis_id": "arm-1",
        "chip_id": "B",
        "prosthesis_type": "arm",
        "prosthesis_model": "Arc",
        "movements": 5,
        "uptime_hours": 2,
        "usage_minutes": 0.0,
        "response_ms_mean": 100.0,
        "amplitude_mean": 2.0,
        "frequency_hz_mean": 50.0,
        "battery_pct_mean": 49.2,
        "battery_used_pct": 2.0,
        "errors": 1,
        "error_rate": 0.2,
        "myosignal_efficiency": 0.6,
    }
    assert (hand["prosthesis_id"], hand["battery_used_pct"], hand["response_ms_mean"]) == ("hand-1", 10.0, 100.0)
    assert (spare["prosthesis_id"], spare["battery_used_pct"], spare["response_ms_mean"]) == ("hand-2", 1.0, None)


def test_a_day_by_the_hour_is_read_from_the_builds_that_the_day_was_made_from(
    client: Client, marts: Marts, ada: dict[str, str]
) -> None:
    marts.hour(at(8), [worn("hand-1", "A", [], 900, battery_pct_sum=900.0)])
    client.app.state.reads.follower.look()

    body = client.get("/api/reports/2026-07-01", headers=ada).json()

    assert list(body) == ["date", "user", "prosthesis_model", "summary", "hourly_data", "publication", "freshness"]
    assert (body["date"], body["user"], body["prosthesis_model"]) == ("2026-07-01", USER, "Arc, Grip 2")
    assert body["summary"] == FIRST_DAY
    assert body["hourly_data"] == [
        hour("08", 2, None, 85.0, 1),
        hour("09", 4, 125.0, 58.5, 1),
        hour("13", 2, None, 81.5, 0),
    ]
    assert body["publication"]["run_id"] == "run-2026-07-01"
    assert body["freshness"] == {"watermark": "2026-07-01T20:00:00Z", "state": "stale"}


def hour(hour: str, movements: int, response: float | None, battery: float, errors: int) -> dict[str, Any]:
    return {
        "hour": f"2026-07-01T{hour}:00:00Z",
        "movements_count": movements,
        "avg_response_time": response,
        "battery_level": battery,
        "error_count": errors,
    }


def test_a_period_without_reports_is_empty(client: Client, ada: dict[str, str]) -> None:
    body = client.get(f"/reports/{ADA}?from=2020-01-01&to=2020-01-31", headers=ada).json()

    assert (body["reports"], body["summary"]) == ([], NOTHING)
    assert (body["publication"]["run_id"], body["freshness"]) == (
        "customers-run",
        {"watermark": None, "state": "stale"},
    )


@pytest.mark.parametrize("day", ["2020-01-01", "2026-07-03", "9999-12-31", "0001-01-01"])
def test_a_day_without_a_report_is_not_found(client: Client, ada: dict[str, str], day: str) -> None:
    assert client.get(f"/api/reports/{day}", headers=ada).status_code == 404


def test_periods_may_reach_beyond_what_is_published(client: Client, ada: dict[str, str]) -> None:
    def days(query: str) -> list[str]:
        return [day["date"] for day in client.get(f"/reports/{ADA}?{query}", headers=ada).json()["reports"]]

    assert days("from=2026-07-02") == ["2026-07-02"]
    assert days("to=2026-07-01") == ["2026-07-01"]
    assert days("from=2026-07-01&to=2026-07-01") == ["2026-07-01"]
    assert days("from=2026-06-01&to=2026-12-31") == ["2026-07-02", "2026-07-01"]
    assert days("from=9998-12-31&to=9999-12-31") == []
    assert days("from=2030-01-01") == []
    assert days("to=0001-01-01") == []


def test_the_default_period_is_the_last_30_published_days(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    marts.customers(CUSTOMERS)
    # Every other day, so that published days differ from days of the calendar.
    days = [date(2026, 3, 1) + timedelta(days=2 * number) for number in range(32)]
    for day in days:
        marts.day(day, [worn("hand-1", "A", [1], 1)])
    client = serve(marts.settings)

    body = client.get(f"/reports/{ADA}", headers=ada).json()
    until = client.get(f"/reports/{ADA}?to={days[30]}", headers=ada).json()

    assert body["period"] == {"from": str(days[2]), "to": str(days[31])}
    assert [day["date"] for day in body["reports"]] == [str(day) for day in reversed(days[2:])]
    assert until["period"] == {"from": str(days[1]), "to": str(days[30])}


def test_days_with_a_report_come_in_pages_newest_first(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    marts.customers(CUSTOMERS)
    days = [date(2026, 6, 28) + timedelta(days=number) for number in range(7)]
    for number, day in enumerate(days):
        marts.day(day, [OF_BOB] if number == 3 else [HAND, ARM, OF_BOB])
    client = serve(marts.settings)

    pages = [client.get("/api/reports?limit=2", headers=ada).json()]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"], headers=ada).json())

    expected = [str(day) for number, day in enumerate(days) if number != 3][::-1]
    assert [[day["date"] for day in page["reports"]] for page in pages] == [expected[:2], expected[2:4], expected[4:]]
    as_of = pages[0]["publication"]["as_of"]
    assert pages[0]["next"] == f"/api/reports?limit=2&before={expected[1]}&as_of={as_of}"
    assert list(pages[0]) == ["user", "reports", "next", "publication", "freshness"]
    assert pages[0]["reports"][0] == {"date": expected[0], "prosthesis_model": "Arc, Grip 2", "movements": 8}
    assert client.get("/api/reports", headers=ada).json()["reports"] == [
        day for page in pages for day in page["reports"]
    ]
    assert client.get(f"/api/reports?before={days[0]}", headers=ada).json()["reports"] == []
