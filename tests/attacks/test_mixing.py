"""Answers that are remembered: the same request by others, with others' tags, or in another form is another request."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Client
from tests.api.world import Issuer
from tests.attacks.contents import decoded
from tests.attacks.crowd import Person, owners_named

OWN = ["/api/reports", "/api/reports/summary", "/api/reports/2026-07-01", "/api/reports/events"]
CODINGS = ["identity", "gzip", "zstd", "gzip, zstd;q=0.5", "br", "*;q=0.1"]


class Asker:
    """One caller with one token."""

    def __init__(self, client: Client, issuer: Issuer, subject: UUID, *roles: str) -> None:
        self._client = client
        self._headers = issuer.authorization(subject, *roles)

    def __call__(self, path: str, **headers: str) -> Any:
        """The answer, with its bytes as they came."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = self._client.build_request(
            "GET", path, headers={"Accept-Encoding": "identity"} | self._headers | named
        )
        answer: Any = self._client.send(request, stream=True)
        answer.sent = b"".join(answer.iter_raw())
        return answer


def owners(answer: Any) -> set[int]:
    """Whose figures are in it."""
    return owners_named(decoded(answer.sent, answer.headers.get("content-encoding", "")).decode())


@pytest.fixture(scope="module")
def askers(inside: Client, issuer: Issuer, crowd: list[Person]) -> dict[int, Asker]:
    return {person.number: Asker(inside, issuer, person.uuid) for person in crowd}


@pytest.mark.parametrize("path", OWN)
def test_the_same_request_by_turns_is_answered_to_each_with_their_own(askers: dict[int, Asker], path: str) -> None:
    for _ in range(4):
        for number, ask in askers.items():
            answer = ask(path)
            assert (answer.status_code, owners(answer) - {number}) == (200, set())
            assert owners(answer) or "csv" in answer.headers["content-type"]


@pytest.mark.parametrize("path", OWN[:3])
def test_nobody_is_told_that_they_hold_what_only_others_were_given(askers: dict[int, Asker], path: str) -> None:
    tags = {number: ask(path).headers["etag"] for number, ask in askers.items()}
    assert len(set(tags.values())) == len(tags)

    for number, ask in askers.items():
        others = [tag for other, tag in tags.items() if other != number]
        assert ask(path, If_None_Match=", ".join(others)).status_code == 200
        assert ask(path, If_None_Match=", ".join([*others, tags[number]])).status_code == 304
        assert owners(ask(path, If_None_Match=others[0])) == {number}


def test_a_tag_opens_nothing_that_its_holder_may_not_read(inside: Client, issuer: Issuer, crowd: list[Person]) -> None:
    ada, bob = crowd[:2]
    reader = Asker(inside, issuer, ada.uuid, "reports-reader")
    plain = Asker(inside, issuer, ada.uuid)
    path = f"/reports/{bob.number}"

    for _ in range(3):
        read = reader(path)
        assert (read.status_code, owners(read)) == (200, {bob.number})
        assert reader(path, If_None_Match=read.headers["etag"]).status_code == 304
        # The same person, once the role is gone from the token.
        for held in ({}, {"If_None_Match": read.headers["etag"]}, {"If_None_Match": "*"}):
            answer = plain(path, **held)
            assert (answer.status_code, owners(answer)) == (403, set())


@pytest.mark.parametrize("role", ["reports-manager", "reports-reader", "reports-admin"])
def test_what_one_role_was_answered_no_other_is(inside: Client, issuer: Issuer, crowd: list[Person], role: str) -> None:
    path = "/api/v1/aggregates/deal-pipeline"
    manager = Asker(inside, issuer, crowd[0].uuid, "reports-manager")
    other = Asker(inside, issuer, crowd[0].uuid, *({role} - {"reports-manager"}))

    found = [(manager(path).status_code, other(path).status_code) for _ in range(3)]

    assert found == [(200, 403)] * 3


@pytest.mark.parametrize("path", OWN[:3])
def test_each_coding_and_form_is_an_answer_of_its_own(askers: dict[int, Asker], path: str) -> None:
    for _ in range(2):
        for number, ask in askers.items():
            whole = json.loads(ask(path).sent)
            for coding in CODINGS:
                answer = ask(path, Accept_Encoding=coding)
                found = answer.headers.get("content-encoding", "identity")
                assert found in {"identity", *(word.strip() for word in coding.replace(";", ",").split(",")), "zstd"}
                assert json.loads(decoded(answer.sent, found)) == whole
                assert owners(answer) == {number}
            as_csv = ask(path, Accept="text/csv")
            assert as_csv.headers["content-type"].startswith("text/csv")
            assert ask(path, Accept="application/json").headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [*OWN, "/reports/1009"])
def test_no_cache_between_may_keep_an_answer_or_give_it_to_another(askers: dict[int, Asker], path: str) -> None:
    answer = askers[1009](path)

    assert set(answer.headers["cache-control"].split(", ")) >= {"private", "no-cache"}
    assert {name.strip().lower() for name in answer.headers["vary"].split(",")} >= {"authorization", "accept"}
    assert not {"age", "expires", "x-cache", "set-cookie", "access-control-allow-origin"} & set(answer.headers)


def test_a_request_id_is_of_the_request_also_where_the_answer_is_remembered(askers: dict[int, Asker]) -> None:
    found = [askers[1009](OWN[0], X_Request_Id=f"mine-{number}").headers["x-request-id"] for number in range(3)]
    made_up = {askers[1009](OWN[0]).headers["x-request-id"] for _ in range(3)}

    assert found == ["mine-0", "mine-1", "mine-2"]
    assert len(made_up) == 3
