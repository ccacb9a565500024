"""Totals of a period, to the second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.telemetry import Event, publish, raw
from tests.api.world import ADA, ADA_UUID, BOB, BOB_UUID, CUSTOMERS, NOBODY_UUID, Issuer, Marts, worn


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


EVENTS = [
    Event(at("10-01T00:00:00"), "hand-1", 1000, 40, 0.5),
    Event(at("10-01T08:00:00"), "hand-1", 100, 50, 1.5),
    Event(at("10-01T08:59:59.999999"), "arm-1", 200, 60, 2.0),
    Event(at("10-01T09:00:00"), "arm-1", 300, 70, 2.5),
    Event(at("10-01T23:59:59"), "hand-2", 400, 80, 3.0),
    Event(at("10-02T00:00:00"), "hand-1", 500, 90, 3.5),
    Event(at("10-02T12:30:00"), "leg-1", 600, 30, 4.0),
    Event(at("10-03T00:00:01"), "hand-1", 700, 20, 4.5),
    Event(at("10-03T10:15:30"), "arm-1", 800, 10, 5.0),
]
DAYS = [at("10-01T00:00:00"), at("10-02T00:00:00"), at("10-03T00:00:00")]


@pytest.fixture(scope="module")
def marts(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """Three days of Ada's."""
    with empty_marts(fresh_settings()) as marts:
        marts.customers(CUSTOMERS)
        for midnight in DAYS:
            publish(marts, EVENTS, midnight)
        yield marts


@pytest.fixture(scope="module")
def client(marts: Marts, trusted: dict[str, Any]) -> Iterator[Client]:
    with serving(marts.settings, trusted) as client:
        yield client


def expected(since: datetime, until: datetime) -> dict[str, Any]:
    """The totals, event by event."""
    inside = [event for event in EVENTS if since <= event.at < until]
    kinds = {kind: [event for event in inside if event.kind == kind] for kind in ("arm", "hand", "leg")}
    return {
        "total_events": len(inside),
        "total_duration": sum(event.duration_ms for event in inside),
        "prosthesis_stats": [
            {
                "prosthesis_type": kind,
                "events_count": len(own),
                "total_duration": sum(event.duration_ms for event in own),
                "avg_amplitude": sum(event.amplitude for event in own) / len(own),
                "avg_frequency": sum(event.frequency_hz for event in own) / len(own),
            }
            for kind, own in kinds.items()
            if own
        ],
    }


def totals(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("total_events", "total_duration", "prosthesis_stats")}


def test_the_body_has_the_names_of_the_service_it_replaces_and_the_publication_it_came_from(
    client: Client, marts: Marts, ada: dict[str, str]
) -> None:
    question = {"user_id": ADA, "start_ts": "2026-10-01T08:00:00Z", "end_ts": "2026-10-02T00:00:00Z"}

    answer = client.post("/report", json=question, headers=ada)

    newest = marts.published(DAYS[0].date())
    assert answer.status_code == 200
    assert answer.json() == {
        "user_name": "Ada",
        "user_email": "ada@example.test",
        "total_events": 4,
        "total_duration": 1000,
        "prosthesis_stats": [
            {
                "prosthesis_type": "arm",
                "events_count": 2,
                "total_duration": 500,
                "avg_amplitude": 2.25,
                "avg_frequency": 65.0,
            },
            {
                "prosthesis_type": "hand",
                "events_count": 2,
                "total_duration": 500,
                "avg_amplitude": 2.25,
                "avg_frequency": 65.0,
            },
        ],
        "publication": {
            "id": str(newest.build_id),
            "as_of": f"{newest.build_id}.stale",
            "published_at": newest.published_at.isoformat().replace("+00:00", "Z"),
            "run_id": "run-2026-10-01",
        },
        "freshness": {"watermark": "2026-10-01T20:00:00Z", "state": "stale"},
    }


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("10-01T00:00:00", "10-04T00:00:00"),
        ("10-01T00:00:01", "10-03T10:15:31"),
        ("10-01T08:00:00", "10-01T09:00:00"),
        ("10-01T08:00:01", "10-01T09:00:00"),
        ("10-01T08:00:00", "10-01T09:00:01"),
        ("10-01T08:30:00", "10-01T08:40:00"),
        ("10-01T23:59:59", "10-02T00:00:00"),
        ("10-01T23:59:59", "10-02T00:00:01"),
        ("10-02T00:00:00", "10-03T00:00:01"),
        ("10-02T00:00:00", "10-03T00:00:02"),
        ("10-02T12:30:00", "10-02T12:30:01"),
        ("10-02T12:30:00", "10-02T12:30:00"),
        ("10-02T12:30:01", "10-03T10:15:30"),
        ("09-01T00:00:00", "10-01T00:00:00"),
        ("09-01T07:08:09", "12-31T23:59:59"),
        ("10-04T00:00:00", "12-31T23:59:59"),
    ],
)
def test_totals_are_those_of_the_events_of_the_period(
    client: Client, ada: dict[str, str], since: str, until: str
) -> None:
    question = {"user_id": ADA, "start_ts": f"2026-{since}Z", "end_ts": f"2026-{until}Z"}

    assert totals(client.post("/report", json=question, headers=ada).json()) == expected(at(since), at(until))


def test_a_bound_that_is_left_out_is_the_end_of_all_history(client: Client, ada: dict[str, str]) -> None:
    def ask(**bounds: Any) -> dict[str, Any]:
        return totals(client.post("/report", json={"user_id": ADA, **bounds}, headers=ada).json())

    middle = at("10-02T12:30:00")
    assert ask() == ask(start_ts=None, end_ts=None) == expected(DAYS[0], DAYS[2] + timedelta(days=1))
    assert ask(start_ts="2026-10-02T12:30:00Z") == expected(middle, DAYS[2] + timedelta(days=1))
    assert ask(end_ts="2026-10-02T12:30:00Z") == expected(DAYS[0], middle)
    assert ask(start_ts="0001-01-01T00:00:00+14:00", end_ts="9999-12-31T23:59:59-12:00") == ask()
    assert ask(start_ts="9999-12-31T23:59:59-12:00")["total_events"] == 0
    assert ask(end_ts="0001-01-01T00:00:00+14:00")["prosthesis_stats"] == []


def test_an_instant_is_the_same_in_any_zone(client: Client, ada: dict[str, str]) -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    bounds = [at("10-01T08:00:01").astimezone(zone).isoformat(), at("10-02T12:30:01").astimezone(zone).isoformat()]

    body = client.post("/report", json={"user_id": ADA, "start_ts": bounds[0], "end_ts": bounds[1]}, headers=ada).json()

    assert totals(body) == expected(at("10-01T08:00:01"), at("10-02T12:30:01"))


@pytest.mark.parametrize("user_id", [ADA, str(ADA), str(ADA_UUID), str(ADA_UUID).upper()])
def test_a_user_is_named_by_number_or_uuid(client: Client, issuer: Issuer, user_id: int | str) -> None:
    own = client.post("/report", json={"user_id": user_id}, headers=issuer.authorization())
    read = client.post(
        "/report", json={"user_id": user_id}, headers=issuer.authorization(NOBODY_UUID, "reports-reader")
    )

    assert (own.json()["total_events"], own.json()) == (len(EVENTS), read.json())


@pytest.mark.parametrize("foreign", [BOB, str(BOB), str(BOB_UUID)])
@pytest.mark.parametrize("roles", [(), ("reports-manager", "reports-admin")])
def test_another_s_totals_are_refused_as_if_they_did_not_exist(
    client: Client, issuer: Issuer, foreign: int | str, roles: tuple[str, ...]
) -> None:
    headers = issuer.authorization(ADA_UUID, *roles) | {"X-Request-Id": "same"}

    existing = client.post("/report", json={"user_id": foreign}, headers=headers)

    assert existing.status_code == 403
    for nobody in (99, str(NOBODY_UUID)):
        absent = client.post("/report", json={"user_id": nobody}, headers=headers)
        assert (absent.status_code, absent.content) == (403, existing.content)


def test_whoever_does_not_exist_is_not_found(client: Client, issuer: Issuer) -> None:
    reader = issuer.authorization(ADA_UUID, "reports-reader")

    assert client.post("/report", json={"user_id": 99}, headers=reader).status_code == 404
    assert client.post("/report", json={"user_id": ADA}, headers=issuer.authorization(NOBODY_UUID)).status_code == 403
    assert client.post("/report", json={"user_id": ADA}).status_code == 401


def test_all_levels_are_of_the_builds_that_the_day_was_made_from(
    warehouse_settings: Settings, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    with empty_marts(warehouse_settings) as marts:
        marts.customers(CUSTOMERS)
        for midnight in DAYS:
            publish(marts, EVENTS, midnight)
        newer = marts.events(at("10-01T08:00:00"), [raw(Event(at("10-01T08:30:00"), "hand-9", 1, 1, 1.0), 99)])
        marts.hour(at("10-01T08:00:00"), [], inputs=(newer, 0))
        marts.hour(at("10-03T10:00:00"), [worn("hand-9", "A", [], 999)], inputs=(newer, 0))
        marts.insert_day(DAYS[1].date(), [worn("hand-9", "A", [1], 999)], build_id=5)
        client = serve(marts.settings)

        for since, until in (("10-01T07:00:00", "10-03T11:00:00"), ("10-01T08:00:01", "10-03T10:15:31")):
            question = {"user_id": ADA, "start_ts": f"2026-{since}Z", "end_ts": f"2026-{until}Z"}
            answer = client.post("/report", json=question, headers=ada).json()
            assert totals(answer) == expected(at(since), at(until))


def test_totals_say_how_they_may_be_kept_and_are_always_answered_in_full(client: Client, ada: dict[str, str]) -> None:
    first = client.post("/report", json={"user_id": ADA}, headers=ada)
    again = client.post("/report", json={"user_id": ADA}, headers=ada | {"If-None-Match": first.headers["ETag"]})
    other = client.post("/report", json={"user_id": ADA, "end_ts": "2026-10-02T00:00:00Z"}, headers=ada)

    assert (again.status_code, again.content, again.headers["ETag"]) == (200, first.content, first.headers["ETag"])
    assert other.headers["ETag"] != first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Authorization, Accept, Accept-Encoding"


NOON = "2026-10-01T12:00:00Z"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["user_id"]),
        ({"user_id": None}, ["user_id"]),
        ({"user_id": True}, ["user_id"]),
        ({"user_id": 7.5}, ["user_id"]),
        ({"user_id": [7]}, ["user_id"]),
        ({"user_id": -7}, ["user_id"]),
        ({"user_id": "07"}, ["user_id"]),
        ({"user_id": "seven"}, ["user_id"]),
        ({"user_id": 10**30}, ["user_id"]),
        ({"user_id": 7, "start_ts": "2026-10-01T12:00:00"}, ["start_ts"]),
        ({"user_id": 7, "start_ts": "2026-10-01"}, ["start_ts"]),
        ({"user_id": 7, "start_ts": "2026-02-30T12:00:00Z"}, ["start_ts"]),
        ({"user_id": 7, "start_ts": "2026-10-01T24:00:00Z"}, ["start_ts"]),
        ({"user_id": 7, "start_ts": "2026-10-01T12:00:00.5Z"}, ["start_ts"]),
        ({"user_id": 7, "end_ts": "2026-10-01T12:00:00.000001Z"}, ["end_ts"]),
        ({"user_id": 7, "end_ts": 1790000000}, ["end_ts"]),
        ({"user_id": 7, "end_ts": ""}, ["end_ts"]),
        ({"user_id": 7, "start_ts": NOON, "end_ts": "2026-10-01T11:59:59Z"}, ["start_ts"]),
        ({"user_id": 7, "start": NOON, "End_ts": NOON}, ["End_ts", "start"]),
        ({"user_id": "x", "start_ts": "soon", "end_ts": "later"}, ["end_ts", "start_ts"]),
    ],
)
def test_a_field_that_cannot_be_used_is_named(
    client: Client, issuer: Issuer, body: dict[str, Any], fields: list[str]
) -> None:
    answer = client.post("/report", json=body, headers=issuer.authorization(ADA_UUID, "reports-reader"))

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, fields)
    assert answer.headers["Content-Type"] == "application/problem+json"
