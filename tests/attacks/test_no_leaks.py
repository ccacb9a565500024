"""Whoever asks whatever in whichever way: an answer holds the figures of whom it is about, and of nobody else.

`uv run python -m bench leaks --cases 100000` asks for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from resources.settings import Settings
from tests.api.conftest import Client, empty_marts
from tests.api.world import Issuer
from tests.attacks.crowd import Person, people, publish_all
from tests.attacks.door import Reply, opened
from tests.attacks.leaking import Found, ask_all, judged
from tests.attacks.wishes import Askers, Wish, question

CASES = 400


@pytest.fixture(scope="module")
def found(fresh_settings: Callable[[], Settings], trusted: dict[str, Any], issuer: Issuer) -> Found:
    """What came of random questions."""
    crowd = people(6)
    settings = msgspec.structs.replace(fresh_settings(), **trusted | {"reports_rate_limit": 0})

    async def ask() -> Found:
        async with opened(settings) as door:
            return await ask_all(door, marts, crowd, Askers(crowd, issuer, seed=1), cases=CASES, tell=int)

    with empty_marts(settings) as marts:
        publish_all(marts, crowd, seed=1)
        return asyncio.run(ask())


def test_no_answer_holds_anything_of_anybody_else(found: Found) -> None:
    assert found.leaks == [], found.leaks[0]


def test_the_questions_were_answered_in_every_way(found: Found) -> None:
    assert found.statuses.keys() >= {200, 304, 403, 404}
    assert sum(found.statuses.values()) == CASES
    assert found.statuses[503] < CASES / 100
    assert len(found.forms) >= 4


def test_an_answer_that_went_to_somebody_else_would_be_noticed(
    inside: Client, issuer: Issuer, crowd: list[Person]
) -> None:
    askers = Askers(crowd, issuer, seed=1)
    caller = next(caller for caller in askers.callers if caller.person == crowd[0] and not caller.roles)
    wish, plain = Wish("/api/reports/summary", ()), {"accept-encoding": "identity"}
    asked = question(wish, caller, plain, "case-1")

    def reply(person: Person, **changes: Any) -> Reply:
        headers = issuer.authorization(person.uuid) | plain | {"x-request-id": "case-1"}
        answer = inside.get(wish.target, headers=headers)
        return msgspec.structs.replace(Reply(answer.status_code, [*answer.headers.items()], answer.content), **changes)

    def is_well(reply: Reply, **changes: Any) -> bool:
        return judged(msgspec.structs.replace(asked, **changes), reply, askers) == []

    own, another = reply(crowd[0]), reply(crowd[1])
    mixed = own.body.replace(b'"movements":', b'"movements":1', 1)

    assert is_well(own)
    assert not is_well(another)
    assert not is_well(reply(crowd[0], body=mixed))
    assert not is_well(own, refused=True)
    assert not is_well(own, headers={"x-request-id": "case-2"})
    assert not is_well(reply(crowd[1], status=304, body=b""))
