"""Reports against figures that were computed by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from resources.settings import Settings
from tests.api.conftest import Client
from tests.api.world import ADA, ADA_UUID, BOB, CUSTOMERS, Issuer, Marts, worn

FIRST, SECOND = date(2026, 7, 1), date(2026, 7, 2)
USER = {"user_id": ADA, "user_uuid": str(ADA_UUID), "name": "Ada"}

# The chip A is handed from one hand to the other at noon, at 85 and then 82 per cent; the arm overlaps at nine o'clock.
HAND = worn(
    "hand-1",
    "A",
    [8, 9],
    3,
    signal_duration_ms_sum=120_000,
    signal_frequency_hz_sum=150,
    amplitude_sum=6.0,
    response_ms_sum=200.0,
    responses=2,
    battery_pct_sum=255.0,
    battery_used_pct=10.0,
    battery_first_pct=90.0,
    battery_last_pct=85.0,
    errors=1,
    efficient_movements=1,
)
SPARE = worn(
    "hand-2",
    "A",
    [13],
    2,
    signal_duration_ms_sum=60_000,
    signal_frequency_hz_sum=110,
    amplitude_sum=5.0,
    battery_pct_sum=163.0,
    battery_used_pct=1.0,
    battery_first_pct=82.0,
    battery_last_pct=81.0,
)
ARM = worn(
    "arm-1",
    "B",
    [9, 10],
    5,
    prosthesis_type="arm",
    prosthesis_model="Arc",
    signal_frequency_hz_sum=250,
    amplitude_sum=10.0,
    response_ms_sum=500.0,
    responses=5,
    battery_pct_sum=246.0,
    battery_used_pct=2.0,
    battery_first_pct=50.0,
    battery_last_pct=48.0,
    errors=1,
    efficient_movements=3,
)
NEXT_MORNING = worn(
    "hand-1",
    "A",
    [0],
    1,
    signal_duration_ms_sum=6000,
    signal_frequency_hz_sum=40,
    amplitude_sum=2.0,
    battery_pct_sum=70.0,
    battery_first_pct=70.0,
    battery_last_pct=70.0,
)
OF_BOB = worn("bobs", "C", [9], 1000, user_id=BOB, amplitude_sum=9e9, battery_pct_sum=9e9)

FIRST_DAY = {
    "movements": 10,
    "uptime_hours": 4,
    "usage_minutes": 3.0,
    "response_ms_mean": 100.0,
    "amplitude_mean": 2.1,
    "frequency_hz_mean": 51.0,
    "battery_pct_mean": 66.4,
    "battery_used_pct": 16.0,
    "errors": 2,
    "error_rate": 0.2,
    "myosignal_efficiency": 0.4,
}
SECOND_DAY = {
    "movements": 1,
    "uptime_hours": 1,
    "usage_minutes": 0.1,
    "response_ms_mean": None,
    "amplitude_mean": 2.0,
    "frequency_hz_mean": 40.0,
    "battery_pct_mean": 70.0,
    "battery_used_pct": 0.0,
    "errors": 0,
    "error_rate": 0.0,
    "myosignal_efficiency": 0.0,
}
BOTH_DAYS = {
    "movements": 11,
    "uptime_hours": 5,
    "usage_minutes": 3.1,
    "response_ms_mean": 100.0,
    "amplitude_mean": 23 / 11,
    "frequency_hz_mean": 50.0,
    "battery_pct_mean": 734 / 11,
    "battery_used_pct": 16.0,
    "errors": 2,
    "error_rate": 2 / 11,
    "myosignal_efficiency": 4 / 11,
}
NOTHING = {
    "movements": 0,
    "uptime_hours": 0,
    "usage_minutes": 0.0,
    "response_ms_mean": None,
    "amplitude_mean": None,
    "frequency_hz_mean": None,
    "battery_pct_mean": None,
    "battery_used_pct": 0.0,
    "errors": 0,
    "error_rate": None,
    "myosignal_efficiency": None,
}


def at(hour: int) -> datetime:
    return datetime(2026, 7, 1, hour, tzinfo=UTC)


def fill(marts: Marts) -> None:
    """Two days of Ada's, with hours of the first; Bob is busy all along."""
    marts.customers(CUSTOMERS)
    hours = (
        marts.hour(at(8), [worn("hand-1", "A", [], 2, battery_pct_sum=170.0, errors=1)]),
        marts.hour(
            at(9),
            [
                worn("hand-1", "A", [], 1, battery_pct_sum=85.0, response_ms_sum=200.0, responses=1),
                worn("arm-1", "B", [], 3, battery_pct_sum=149.0, response_ms_sum=300.0, responses=3, errors=1),
                worn("bobs", "C", [], 1000, user_id=BOB, battery_pct_sum=9e9, errors=77),
            ],
        ),
        marts.hour(at(13), [worn("hand-2", "A", [], 2, battery_pct_sum=163.0)]),
    )
    marts.day(FIRST, [HAND, SPARE, ARM, OF_BOB], inputs=hours)
    marts.day(SECOND, [NEXT_MORNING, OF_BOB])


@pytest.fixture
def client(marts: Marts, serve: Callable[..., Client]) -> Client:
    fill(marts)
    return serve(marts.settings)


@pytest.fixture
def ada(issuer: Issuer) -> dict[str, str]:
    return issuer.authorization(ADA_UUID)


def figures(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in FIRST_DAY}


def reload(client: Client) -> None:
    client.app.state.reads.follower.look()


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
        "published_at": newest.published_at.isoformat().replace("+00:00", "Z"),
        "run_id": "run-2026-07-02",
    }
    assert body["freshness"] == {"watermark": "2026-07-02T20:00:00Z"}


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
    reload(client)

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
    assert body["freshness"] == {"watermark": "2026-07-01T20:00:00Z"}


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
    assert (body["publication"], body["freshness"]) == (None, {"watermark": None})


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
    assert pages[0]["next"] == f"/api/reports?limit=2&before={expected[1]}"
    assert list(pages[0]) == ["user", "reports", "next", "publication", "freshness"]
    assert pages[0]["reports"][0] == {"date": expected[0], "prosthesis_model": "Arc, Grip 2", "movements": 8}
    assert client.get("/api/reports", headers=ada).json()["reports"] == [
        day for page in pages for day in page["reports"]
    ]
    assert client.get(f"/api/reports?before={days[0]}", headers=ada).json()["reports"] == []


def test_a_superseded_build_is_never_seen(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    older = marts.published(SECOND)
    marts.day(SECOND, [worn("hand-1", "A", [3], 5)])
    marts.day(SECOND, [worn("hand-1", "A", [3], 999)], source_seq=older.source_seq - 1)
    reload(client)

    newest = client.get(f"/reports/{ADA}", headers=ada).json()["reports"][0]
    dates = client.get("/api/reports", headers=ada).json()["reports"]

    assert (newest["date"], newest["movements"], len(newest["prostheses"])) == ("2026-07-02", 5, 1)
    assert [(day["date"], day["movements"]) for day in dates] == [("2026-07-02", 5), ("2026-07-01", 10)]


def test_a_build_that_was_not_published_is_never_seen(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.insert_day(SECOND, [worn("hand-1", "A", [3], 999)], build_id=5)
    reload(client)

    assert client.get(f"/reports/{ADA}", headers=ada).json()["summary"] == BOTH_DAYS


def test_a_day_that_was_emptied_has_no_report_any_more(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.day(SECOND, [])
    reload(client)

    assert client.get("/api/reports/2026-07-02", headers=ada).status_code == 404
    assert client.get(f"/reports/{ADA}", headers=ada).json()["summary"] == FIRST_DAY


def test_a_new_publication_is_noticed_without_being_told(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    before = client.get(f"/reports/{ADA}", headers=ada).json()["publication"]["id"]
    build = marts.day(SECOND, [worn("hand-1", "A", [3], 5)])

    patience = time.monotonic() + 60
    while (found := client.get(f"/reports/{ADA}", headers=ada).json()["publication"]["id"]) == before:
        assert time.monotonic() < patience

    assert found == str(build.build_id)


def test_a_customer_who_left_the_crm_reads_nothing(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.customers(CUSTOMERS[1:])
    reload(client)

    paths = ["/api/reports", "/api/reports/2026-07-01", f"/reports/{ADA_UUID}", f"/reports/{ADA}"]
    assert [client.get(path, headers=ada).status_code for path in paths] == [404, 404, 404, 403]


@pytest.mark.parametrize("path", [f"/reports/{ADA}", f"/reports/{ADA_UUID}", "/api/reports", "/api/reports/2026-07-01"])
def test_an_answer_says_how_it_may_be_kept(client: Client, marts: Marts, ada: dict[str, str], path: str) -> None:
    answer = client.get(path, headers=ada)

    published = marts.published(FIRST if path.endswith("01") else SECOND).published_at
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization"
    assert answer.headers["Last-Modified"] == published.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", [f"/reports/{ADA}", f"/reports/{ADA_UUID}", "/api/reports", "/api/reports/2026-07-01"])
@pytest.mark.parametrize("held", ["{}", 'W/{}, "another"', '"x",  {}'])
def test_an_edition_that_the_caller_holds_is_not_sent_again(
    client: Client, ada: dict[str, str], path: str, held: str
) -> None:
    first = client.get(path, headers=ada)

    again = client.get(path, headers=ada | {"If-None-Match": held.format(first.headers["ETag"])})

    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
        assert again.headers[name] == first.headers[name]


def test_a_304_is_answered_from_memory(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    fill(marts)
    client = serve(marts.settings)
    paths = [f"/reports/{ADA}", "/api/reports", "/api/reports/2026-07-01"]
    tags = {path: client.get(path, headers=ada).headers["ETag"] for path in paths}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.app.state.reads, "pool", None)  # whoever asks the warehouse now fails
        found = [client.get(path, headers=ada | {"If-None-Match": tag}).status_code for path, tag in tags.items()]
        failed = [client.get(path, headers=ada).status_code for path in paths]

    assert (found, failed) == ([304, 304, 304], [500, 500, 500])


def test_a_tag_changes_with_builds_caller_and_parameters(
    client: Client, marts: Marts, ada: dict[str, str], issuer: Issuer
) -> None:
    def tag(path: str, caller: dict[str, str] = ada) -> str:
        return client.get(path, headers=caller).headers["ETag"]

    reader = issuer.authorization(CUSTOMERS[1][1], "reports-reader")
    before = [
        tag(f"/reports/{ADA}"),
        tag(f"/reports/{ADA}", reader),
        tag(f"/reports/{ADA}?to=2026-07-01"),
        tag("/api/reports"),
        tag("/api/reports?limit=1"),
        tag("/api/reports/2026-07-01"),
        tag("/api/reports/2026-07-02"),
    ]
    assert len(set(before)) == 7
    assert tag(f"/reports/{ADA}?from=2026-07-01&to=2026-07-02") == before[0]

    marts.day(SECOND, [NEXT_MORNING])
    reload(client)
    assert tag("/api/reports/2026-07-02") != before[6]
    assert tag("/api/reports/2026-07-01") == before[5]

    marts.customers([(ADA, ADA_UUID, "Ada Lovelace"), *CUSTOMERS[1:]])
    reload(client)
    assert tag("/api/reports/2026-07-01") != before[5]
    assert client.get("/api/reports", headers=ada).json()["user"]["name"] == "Ada Lovelace"


def test_before_anything_is_published_reports_are_not_there_yet(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    client = serve(marts.settings)
    answers = [client.get(path, headers=ada) for path in ("/api/reports", f"/reports/{ADA}", "/health/ready")]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert answers[0].json()["type"] == "urn:bionicpro:problem:not-published"

    marts.customers(CUSTOMERS)
    marts.day(FIRST, [HAND])
    reload(client)

    assert client.get(f"/reports/{ADA}", headers=ada).status_code == 200


def test_a_warehouse_without_the_database_is_no_fault_of_the_caller(
    warehouse_settings: Settings, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    client = serve(warehouse_settings)

    paths = ("/api/reports", "/health", "/health/ready")
    assert [client.get(path, headers=ada).status_code for path in paths] == [503, 503, 503]
