"""Nobody reads another's report, by any route."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.world import ADA, ADA_UUID, AUDIENCE, BOB, BOB_UUID, CUSTOMERS, NOBODY_UUID, Issuer, worn

DAY = date(2026, 7, 1)


@pytest.fixture(scope="module")
def client(fresh_settings: Callable[[], Settings], trusted: dict[str, Any]) -> Iterator[Client]:
    """Ada has 1 movement, Bob 2."""
    with empty_marts(fresh_settings()) as marts:
        marts.customers(CUSTOMERS)
        nine = datetime(2026, 7, 1, 9, tzinfo=UTC)
        hour = marts.hour(nine, [worn("a", "A", [], 1), worn("b", "B", [], 2, user_id=BOB)])
        marts.day(DAY, [worn("a", "A", [9], 1), worn("b", "B", [9], 2, user_id=BOB)], inputs=(hour,))
        with serving(marts.settings, trusted) as client:
            yield client


@pytest.mark.parametrize(("who", "number", "movements"), [(ADA_UUID, ADA, 1), (BOB_UUID, BOB, 2)])
def test_a_caller_sees_their_own(client: Client, issuer: Issuer, who: UUID, number: int, movements: int) -> None:
    caller = issuer.authorization(who)

    by_number = client.get(f"/reports/{number}", headers=caller).json()
    by_uuid = client.get(f"/reports/{who}", headers=caller).json()
    in_capitals = client.get(f"/reports/{str(who).upper()}", headers=caller).json()
    dates = client.get("/api/reports", headers=caller).json()
    day = client.get(f"/api/reports/{DAY}", headers=caller).json()
    summary = client.get("/api/reports/summary", headers=caller).json()

    assert by_number == by_uuid == in_capitals
    assert {body["user"]["user_id"] for body in (by_number, dates, day, summary)} == {number}
    assert by_number["summary"]["movements"] == summary["summary"]["movements"] == movements
    assert [prosthesis["movements"] for prosthesis in summary["prostheses"]] == [movements]
    assert [found["movements"] for found in dates["reports"]] == [movements]
    assert day["summary"]["movements"] == movements
    assert [hour["movements_count"] for hour in day["hourly_data"]] == [movements]


@pytest.mark.parametrize("foreign", [str(BOB), str(BOB_UUID), str(BOB_UUID).upper()])
@pytest.mark.parametrize("query", ["", "?from=2026-07-01", "?to=2020-01-01"])
def test_another_s_reports_are_refused_as_if_they_did_not_exist(
    client: Client, issuer: Issuer, foreign: str, query: str
) -> None:
    headers = issuer.authorization(ADA_UUID) | {"X-Request-Id": "same"}

    existing = client.get(f"/reports/{foreign}{query}", headers=headers)
    absent = [client.get(f"/reports/{nobody}{query}", headers=headers) for nobody in ("99", "0", NOBODY_UUID)]

    assert existing.status_code == 403
    for answer in absent:
        assert (answer.status_code, answer.content, answer.headers) == (403, existing.content, existing.headers)


def test_another_s_reports_are_refused_whatever_edition_the_caller_claims_to_hold(
    client: Client, issuer: Issuer
) -> None:
    reader = client.get(f"/reports/{BOB}", headers=issuer.authorization(ADA_UUID, "reports-reader"))
    held = {"If-None-Match": reader.headers["ETag"]}

    assert client.get(f"/reports/{BOB}", headers=issuer.authorization(ADA_UUID) | held).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"realm_access": {"roles": ["other", "reports-reader"]}},
        {"resource_access": {AUDIENCE: {"roles": ["reports-reader"]}}},
    ],
)
def test_a_reader_sees_everyone(client: Client, issuer: Issuer, claims: dict[str, object]) -> None:
    token = issuer.sign(issuer.claims(NOBODY_UUID) | claims)
    caller = {"Authorization": f"Bearer {token}"}

    for user_id, movements in ((ADA, 1), (ADA_UUID, 1), (BOB, 2), (BOB_UUID, 2)):
        assert client.get(f"/reports/{user_id}", headers=caller).json()["summary"]["movements"] == movements


@pytest.mark.parametrize(
    "claims",
    [
        {"realm_access": {"roles": ["reports-Reader", "reports-reader ", "reports"]}},
        {"resource_access": {"another": {"roles": ["reports-reader"]}}},
        {"roles": ["reports-reader"], "groups": ["reports-reader"], "scope": "reports-reader"},
    ],
)
def test_the_role_counts_only_where_it_belongs(client: Client, issuer: Issuer, claims: dict[str, object]) -> None:
    token = issuer.sign(issuer.claims(ADA_UUID) | claims)

    answer = client.get(f"/reports/{BOB}", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403


@pytest.mark.parametrize("absent", ["99", "0", str(NOBODY_UUID), "999999999999999999"])
def test_a_reader_is_told_that_a_user_does_not_exist(client: Client, issuer: Issuer, absent: str) -> None:
    caller = issuer.authorization(ADA_UUID, "reports-reader")

    assert client.get(f"/reports/{absent}", headers=caller).status_code == 404


def test_the_role_does_not_make_anyone_s_reports_one_s_own(client: Client, issuer: Issuer) -> None:
    caller = issuer.authorization(ADA_UUID, "reports-reader")

    for path in ("/api/reports", "/api/reports/summary", f"/api/reports/{DAY}"):
        assert client.get(path, headers=caller).json()["user"]["user_id"] == ADA


def test_a_caller_who_is_no_customer_has_no_reports_and_sees_no_one_s(client: Client, issuer: Issuer) -> None:
    caller = issuer.authorization(NOBODY_UUID)
    paths = [
        "/api/reports",
        "/api/reports/summary",
        f"/api/reports/{DAY}",
        f"/reports/{NOBODY_UUID}",
        f"/reports/{ADA}",
        f"/reports/{ADA_UUID}",
    ]

    answers = [client.get(path, headers=caller) for path in paths]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 403, 403]
    assert answers[0].json()["detail"] == "Your account does not belong to a customer, so it has no reports."


@pytest.mark.parametrize(
    "user_id",
    [
        f"0{BOB}",
        f"+{BOB}",
        f"{BOB}.0",
        f" {BOB}",
        f"{BOB}%0a",
        "%D9%A8",
        "%EF%BC%98",
        f"-{BOB}",
        "1e1",
        f"{BOB},{ADA}",
        "x",
        "%00",
    ],
)
@pytest.mark.parametrize("role", [(), ("reports-reader",)])
def test_no_other_way_of_writing_an_id_is_understood(
    client: Client, issuer: Issuer, user_id: str, role: tuple[str, ...]
) -> None:
    answer = client.get(f"/reports/{user_id}", headers=issuer.authorization(ADA_UUID, *role))

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "user_id")
