"""Bodies that are no JSON, or not quite: refused as problem documents, whichever route they are sent to."""

from __future__ import annotations

import pytest

from api.refresh import Mart
from resources.orchestrator import MARTS
from tests.api.conftest import Client
from tests.api.world import ADA_UUID, Issuer

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def anyone(issuer: Issuer) -> dict[str, str]:
    """A token with every role."""
    return issuer.authorization(ADA_UUID, "reports-reader", "reports-manager", "reports-admin")


@pytest.mark.parametrize("path", ["/report", "/api/v1/refresh"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"user_id=7", "body"),
        (b"null", "body"),
        (b"7", "body"),
        (b"[]", "body"),
        (b'"user_id"', "body"),
        (b'{"user_id": NaN}', "body"),
        (b'{"user_id": 7,}', "body"),
        (b'{"user_id": "\xff"}', "body"),
        (b'{"user_id": "\\ud800"}', "body"),
        (b'{"\\ud800": 1}', "body"),
        (b"[" * 60_000, "body"),
        (b'{"user_id": ' + b"7" * 10_000 + b"}", "body"),
        (b'{"user_id": 7, "user_id": 8}', "user_id"),
        (b'{"marts": null, "marts": null}', "marts"),
        (b'{"x\\u0000\\n": 1}', "'x\\x00\\n'"),
    ],
)
def test_a_body_that_is_no_json_object_is_named(
    away: Client, anyone: dict[str, str], path: str, body: bytes, field: str
) -> None:
    answer = away.post(path, content=body, headers=anyone | JSON)

    assert (answer.status_code, answer.json()["status"]) == (422, 422)
    assert field in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("path", ["/report", "/api/v1/refresh"])
@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp", ""]
)
def test_a_body_in_another_format_is_refused(away: Client, anyone: dict[str, str], path: str, media: str) -> None:
    answer = away.post(path, content=b'{"user_id": 7}', headers=anyone | {"Content-Type": media})

    assert (answer.status_code, answer.json()["type"]) == (415, "urn:bionicpro:problem:not-json")


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_taken_however_its_name_is_written(away: Client, anyone: dict[str, str], media: str) -> None:
    answer = away.post("/report", content=b'{"user_id": 7}', headers=anyone | {"Content-Type": media})

    assert answer.status_code == 503


def test_a_body_that_is_too_large_is_refused(away: Client, anyone: dict[str, str]) -> None:
    assert away.post("/report", content=b" " * 100_000, headers=anyone | JSON).status_code == 413


@pytest.mark.parametrize("path", ["/report", "/api/v1/refresh"])
def test_a_query_string_beside_the_body_is_not_ignored(away: Client, anyone: dict[str, str], path: str) -> None:
    answer = away.post(f"{path}?user_id=8", json={}, headers=anyone)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["user_id"])


def test_the_marts_that_may_be_refreshed_are_those_that_dagster_has() -> None:
    assert Mart.__args__ == MARTS  # type: ignore[attr-defined]
