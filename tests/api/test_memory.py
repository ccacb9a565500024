"""Memory is bounded, by bytes and by seconds; and the layer that has it never keeps what changed in the making."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from litestar.types import Message, Receive, Scope, Send

from api.auth import Caller
from api.follower import Follower
from api.freshness import Judge
from api.generation import Generations
from api.keys import KeySet
from api.memory import Memory
from api.remembered import MOST_BYTES, Remembering
from api.tokens import Tokens
from resources.settings import Settings
from tests.api.world import Issuer

BODY = b'{"report": "%s"}' % (b"x" * 3000)


def test_what_was_not_read_for_longest_is_forgotten_first() -> None:
    memory: Memory[str, str] = Memory(seconds=60, most_bytes=3 * 400, largest_bytes=1000)
    for key in "abc":
        memory.put(key, key.upper(), 100)
    assert memory.get("a") == "A"

    memory.put("d", "D", 100)

    assert [memory.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_no_more_bytes_are_held_than_allowed_whatever_is_put_in() -> None:
    memory: Memory[int, bytes] = Memory(seconds=60, most_bytes=100_000, largest_bytes=50_000)

    for number in range(10_000):
        memory.put(number % 7000, b"", number % 60_000)
        assert memory.stats().bytes <= 100_000

    assert 0 < memory.stats().values < 400


def test_a_value_that_is_too_large_is_not_remembered_and_drives_nothing_out() -> None:
    memory: Memory[str, str] = Memory(seconds=60, most_bytes=10_000, largest_bytes=1000)
    memory.put("small", "value", 100)

    memory.put("large", "value", 5000)

    assert (memory.get("small"), memory.get("large")) == ("value", None)


def test_a_value_is_forgotten_in_time() -> None:
    now = [0.0]
    memory: Memory[str, str] = Memory(seconds=60, most_bytes=10_000, largest_bytes=1000, clock=lambda: now[0])
    memory.put("key", "value", 100)

    now[0] = 59.9
    assert memory.get("key") == "value"
    now[0] = 60.0
    assert memory.get("key") is None
    assert (memory.stats().hits, memory.stats().misses) == (1, 1)


def test_nothing_is_remembered_for_no_seconds() -> None:
    memory: Memory[str, str] = Memory(seconds=0, most_bytes=10_000, largest_bytes=1000)

    memory.put("key", "value", 100)

    assert (memory.get("key"), memory.stats().values) == (None, 0)


class World:
    """The layer before an application that answers whatever it is asked; time and publications stand still."""

    def __init__(self, issuer: Issuer) -> None:
        self.now = 1000.0
        self.time = datetime(2026, 7, 1, tzinfo=UTC)
        self.content = issuer.key_set()
        self.keys = KeySet(lambda: self.content, clock=lambda: self.now)
        self.keys.refresh()
        self.tokens = Tokens(self.keys, remembered_s=3600, now=lambda: self.now)
        settings = Settings()
        self.follower = Follower(settings, timeout_s=1)
        self.follower.seen_at = self.now
        self.generations = Generations(self.follower, Judge(settings, lambda: self.time), clock=lambda: self.now)
        self.layer = Remembering(self.answer, tokens=self.tokens, generations=self.generations, seconds=3600)
        self.entered = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 200

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as any application
        self.entered += 1
        headers = [(b"content-type", b"application/json"), (b"etag", b'W/"1"'), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(bytearray(BODY)), "more_body": False})

    def sign_in(self) -> None:
        key = self.keys.find("first")
        assert key is not None
        self.tokens.remember("a.b.c", Caller(user_uuid=UUID(int=1)), kid="first", key=key, dies_at=1e12)

    def ask(self, query: bytes = b"", token: bytes = b"a.b.c") -> list[Message]:
        """The messages of the answer."""
        scope: Any = {
            "type": "http",
            "method": "GET",
            "path": "/reports/7",
            "raw_path": b"/reports/7",
            "query_string": query,
            "headers": [(b"authorization", b"Bearer " + token)],
        }
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.layer(scope, None, send))  # type: ignore[arg-type]
        return sent


@pytest.fixture
def world(issuer: Issuer) -> World:
    made = World(issuer)
    made.sign_in()
    return made


def test_bytes_of_distinct_requests_are_bounded(world: World) -> None:
    for number in range(MOST_BYTES // len(BODY) + 1000):
        world.ask(b"from=%d" % number)

    assert MOST_BYTES * 0.99 < world.layer.stats().bytes <= MOST_BYTES
    assert world.layer.stats().values < MOST_BYTES / len(BODY)


def test_an_answer_during_whose_making_a_publication_was_taken_over_is_not_remembered(world: World) -> None:
    plain = world.layer._app

    async def overtaken(scope: Scope, receive: Receive, send: Send) -> None:
        await plain(scope, receive, send)
        world.follower.version += 1
        world.follower.changes += 1

    world.layer._app = overtaken
    world.ask()
    world.layer._app = plain
    world.ask()
    world.ask()

    assert world.entered == 2


def test_what_is_published_for_the_second_time_is_another_generation(world: World) -> None:
    numbers = [world.generations.now()]
    for _ in range(2):
        world.follower.version += 1
        world.follower.changes += 1
        numbers.append(world.generations.now())

    assert len(set(numbers)) == 3


def test_that_marts_were_complete_once_more_makes_no_generation(world: World) -> None:
    world.follower.complete = {"user_daily_reports": world.time}
    world.follower.changes += 1
    before = world.generations.now()

    world.follower.complete = {"user_daily_reports": world.time.replace(second=1)}
    world.follower.changes += 1

    assert world.generations.now() == before


def test_memory_is_silent_while_publications_are_not_followed(world: World) -> None:
    world.ask()
    world.ask()
    assert world.entered == 1

    world.now += 10
    world.ask()
    assert (world.entered, world.generations.now()) == (2, None)

    world.follower.seen_at = world.now
    world.ask()
    assert world.entered == 2


def test_a_token_whose_key_was_taken_away_reads_nothing_from_memory(world: World) -> None:
    world.ask()
    world.content = Issuer("second").key_set()
    world.keys.refresh()

    world.ask()

    assert world.entered == 2


def test_a_token_that_was_never_verified_reads_nothing_from_memory(world: World) -> None:
    world.ask()

    world.ask(token=b"a.b.d")

    assert world.entered == 2


def test_what_one_response_says_of_itself_is_not_remembered(world: World) -> None:
    world.headers = [(b"x-request-id", b"1"), (b"ratelimit", b"r=1"), (b"ratelimit-policy", b"q=1"), (b"vary", b"a")]
    world.ask()

    start = world.ask()[0]

    assert world.entered == 1
    assert start["headers"] == [(b"content-type", b"application/json"), (b"etag", b'W/"1"'), (b"vary", b"a")]  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "header", [(b"set-cookie", b"a=b"), (b"x-new", b"1"), (b"etag", b'"2"'), (b"content-type", b"text/html")]
)
def test_an_answer_that_says_what_is_not_understood_is_not_remembered(
    world: World, header: tuple[bytes, bytes]
) -> None:
    world.headers = [header]

    world.ask()
    world.ask()

    assert world.entered == 2


@pytest.mark.parametrize("status", [201, 206, 301, 404, 422, 500, 503])
def test_only_answers_are_remembered(world: World, status: int) -> None:
    world.status = status

    world.ask()
    world.ask()

    assert world.entered == 2


def test_layers_outside_that_add_headers_change_nothing_that_is_remembered(world: World) -> None:
    for _ in range(3):
        start: Any = world.ask()[0]
        assert start["headers"] == [(b"content-type", b"application/json"), (b"etag", b'W/"1"')]
        start["headers"].append((b"x-request-id", b"1"))
