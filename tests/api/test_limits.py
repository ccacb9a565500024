"""What is too large, too slow, or too much at once is refused with a problem document, and keeps nobody else out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar.types import Message, Receive, Scope, Send

from api.auth import READER, Caller
from api.deadline import WAITING_PER_THREAD, Deadline, Overloaded
from api.limits import MOST_HEADER_BYTES, MOST_HEADERS, MOST_TARGET_BYTES, Shedding
from api.rate import FILE_COST, READERS_TIMES, Shares, TooOften
from tests.api.conftest import Client
from tests.api.sample import fill
from tests.api.world import ADA_UUID, BOB_UUID, Issuer, Marts

ADA, BOB = Caller(ADA_UUID), Caller(BOB_UUID)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def problem_of(answer: Any) -> tuple[int, str, str]:
    """Status, kind and media type of a refusal."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2], answer.headers["content-type"]


def refusal(status: int, kind: str) -> tuple[int, str, str]:
    return status, kind, "application/problem+json"


# ---- sizes


def test_an_address_that_is_too_long_is_refused(away: Client) -> None:
    query = "x" * MOST_TARGET_BYTES
    assert problem_of(away.get(f"/health/live?{query}")) == refusal(414, "target-too-long")


@pytest.mark.parametrize(
    "headers",
    [{f"x-{number}": "1" for number in range(MOST_HEADERS)}, {"x-long": "x" * MOST_HEADER_BYTES}],
    ids=["too many", "too long"],
)
def test_headers_that_are_too_large_are_refused(away: Client, headers: dict[str, str]) -> None:
    assert problem_of(away.get("/health/live", headers=headers)) == refusal(431, "headers-too-large")


def chunks() -> Iterator[bytes]:
    yield b'{"user_id": 7, "x": "'
    for _ in range(100):
        yield b"x" * 1024
    yield b'"}'


@pytest.mark.parametrize("body", [b"".join(chunks()), chunks], ids=["of a length that is told", "in chunks"])
def test_a_body_that_is_too_large_is_refused(
    away: Client, ada: dict[str, str], body: bytes | Callable[[], Iterator[bytes]]
) -> None:
    sent = body() if callable(body) else body
    answer = away.post("/report", headers=ada | {"Content-Type": "application/json"}, content=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["title"] == "Request Entity Too Large"


# ---- slow bodies, and too many requests


class Ground:
    """An application behind the layer, and what it sends."""

    def __init__(self, app: Callable[[Receive], Any], **given: Any) -> None:
        async def inner(_: Scope, receive: Receive, send: Send) -> None:
            await app(receive)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        self.layer = Shedding(inner, **given)

    async def ask(self, path: str = "/", receive: Receive | None = None) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of the answer."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def empty() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope: Any = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
        await self.layer(scope | {"headers": [], "state": {}}, receive or empty, send)
        start, body = sent[0], sent[1]
        assert start["type"] == "http.response.start" and body["type"] == "http.response.body"
        return start["status"], dict(start["headers"]), body["body"]


def test_more_than_can_be_answered_at_once_is_refused_at_once_and_the_process_still_says_that_it_is_up() -> None:
    async def scene() -> None:
        gate = asyncio.Event()

        async def held(_: Receive) -> None:
            await gate.wait()

        ground = Ground(held, at_once=2)
        taken = [asyncio.create_task(ground.ask()) for _ in range(2)]
        while ground.layer.running < 2:
            await asyncio.sleep(0)

        status, headers, body = await ground.ask()
        assert (status, headers[b"retry-after"]) == (503, b"1")
        assert msgspec.json.decode(body)["type"] == "urn:bionicpro:problem:overloaded"
        alive = asyncio.create_task(ground.ask("/health/live"))
        while ground.layer.running < 3:
            await asyncio.sleep(0)

        gate.set()
        assert [answer[0] for answer in await asyncio.gather(*taken, alive)] == [200, 200, 200]
        assert (await ground.ask())[0] == 200
        assert (ground.layer.running, ground.layer.shed) == (0, 1)

    asyncio.run(scene())


def test_whoever_sends_a_body_slowly_keeps_nobody_out_and_is_refused_in_the_end() -> None:
    async def scene() -> None:
        waiting = asyncio.Event()

        async def reading(receive: Receive) -> None:
            while (await receive()).get("more_body"):
                pass

        async def slow() -> Any:
            if waiting.is_set():
                await asyncio.Event().wait()
            waiting.set()
            return {"type": "http.request", "body": b"{", "more_body": True}

        ground = Ground(reading, at_once=1, body_s=0.2)
        late = asyncio.create_task(ground.ask(receive=slow))
        await waiting.wait()
        while ground.layer.running:
            await asyncio.sleep(0)
        assert (await ground.ask())[0] == 200
        with pytest.raises(Exception, match="Send the body faster"):
            await late
        assert ground.layer.running == 0

    asyncio.run(scene())


def test_a_download_of_any_length_is_no_slow_body() -> None:
    async def scene() -> None:
        went = asyncio.Event()
        come: Iterator[Any] = iter(
            [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
        )

        async def receive() -> Any:
            message = next(come)
            if message["type"] == "http.disconnect":
                await went.wait()
            return message

        async def sending(listen: Receive) -> None:
            await listen()
            leaving = asyncio.ensure_future(listen())
            await asyncio.sleep(0.05)
            assert not leaving.done()
            went.set()
            assert (await leaving)["type"] == "http.disconnect"

        assert (await Ground(sending, body_s=0.01).ask(receive=receive))[0] == 200

    asyncio.run(scene())


# ---- waiting for a thread


def test_what_would_wait_for_too_long_is_refused_at_once() -> None:
    async def scene() -> None:
        gate = threading.Event()
        deadline = Deadline(seconds=60, threads=1)
        try:
            taken = [asyncio.create_task(deadline.run(gate.wait)) for _ in range(1 + WAITING_PER_THREAD)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await deadline.run(gate.wait)
            gate.set()
            assert await asyncio.gather(*taken) == [True] * len(taken)
            assert await deadline.run(lambda: "answered") == "answered"
        finally:
            gate.set()
            deadline.close()

    asyncio.run(scene())


def test_work_that_nobody_waits_for_any_more_keeps_its_thread_and_gives_its_place_back() -> None:
    async def scene() -> None:
        gate = threading.Event()
        deadline = Deadline(seconds=0.05, threads=1)
        try:
            found = await asyncio.gather(*[deadline.run(gate.wait) for _ in range(5)], return_exceptions=True)
            assert {type(error).__name__ for error in found} == {"WarehouseUnavailable"}
            gate.set()
            deadline.seconds = 60
            answers = await asyncio.gather(*[deadline.run(lambda: 1) for _ in range(4)])
            assert answers == [1, 1, 1, 1]
        finally:
            gate.set()
            deadline.close()

    asyncio.run(scene())


# ---- shares of callers


def test_a_caller_has_its_share_and_gets_it_back_at_an_even_pace() -> None:
    clock = Clock()
    shares = Shares(3, clock=clock)
    left = [shares.take(ADA).headers()["RateLimit"] for _ in range(3)]
    assert left == ['"caller";r=2;t=20', '"caller";r=1;t=40', '"caller";r=0;t=60']
    with pytest.raises(TooOften) as refused:
        shares.take(ADA)
    assert refused.value.said() == {
        "Cache-Control": "no-store",
        "Retry-After": "20",
        "RateLimit-Policy": '"caller";q=3;w=60',
        "RateLimit": '"caller";r=0;t=60',
    }
    assert shares.take(BOB).left == 2

    clock.now += 20
    assert shares.take(ADA).left == pytest.approx(0)
    clock.now += 3600
    assert shares.take(ADA).left == 2


def test_whoever_may_read_everyones_reports_has_a_larger_share() -> None:
    shares = Shares(5, clock=Clock())
    service = Caller(UUID(int=1), frozenset({READER}))
    assert shares.take(service).left == 5 * READERS_TIMES - 1


def test_only_so_many_callers_are_remembered_and_the_latest_of_them() -> None:
    shares = Shares(5, clock=Clock(), most_callers=2)
    callers = [Caller(UUID(int=number)) for number in range(3)]
    for caller in (callers[0], callers[1], callers[0], callers[2]):
        shares.take(caller)
    assert [shares.take(callers[0]).left, shares.take(callers[1]).left] == [2, 4]


def test_every_answer_tells_the_callers_share_until_it_is_used_up(
    marts: Marts, serve: Callable[..., Client], issuer: Issuer
) -> None:
    fill(marts)
    client = serve(marts.settings, reports_rate_limit=2, reports_cache_ttl=0)
    ada, bob = issuer.authorization(ADA_UUID), issuer.authorization(BOB_UUID)
    asked = [client.get("/api/reports", headers=ada), client.get("/reports/8", headers=ada)]
    assert [answer.status_code for answer in asked] == [200, 403]
    assert [answer.headers["RateLimit-Policy"] for answer in asked] == ['"caller";q=2;w=60'] * 2
    assert [answer.headers["RateLimit"].partition(";t=")[0] for answer in asked] == ['"caller";r=1', '"caller";r=0']

    refused = client.get("/api/reports", headers=ada)
    assert problem_of(refused) == refusal(429, "too-often")
    assert refused.headers["RateLimit-Policy"] == '"caller";q=2;w=60'
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert client.get("/api/reports", headers=bob).status_code == 200
    assert [client.get(path, headers=ada).status_code for path in ("/health", "/health/live")] == [200, 200]


def test_a_refused_token_takes_nothing_from_whom_it_names(
    marts: Marts, serve: Callable[..., Client], issuer: Issuer
) -> None:
    fill(marts)
    client = serve(marts.settings, reports_rate_limit=1, reports_cache_ttl=0)
    forged = Issuer(issuer.kid).authorization(ADA_UUID)
    refused = [client.get("/api/reports", headers=forged) for _ in range(3)]
    assert [answer.status_code for answer in refused] == [401, 401, 401]
    assert not [answer for answer in refused if "RateLimit" in answer.headers]
    assert client.get("/api/reports", headers=issuer.authorization(ADA_UUID)).status_code == 200


def test_a_file_counts_more_than_what_is_shown(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    fill(marts)
    client = serve(marts.settings, reports_rate_limit=FILE_COST + 1, reports_cache_ttl=0)
    file = client.get("/api/reports?format=csv", headers=ada)
    assert (file.status_code, file.headers["RateLimit"].partition(";t=")[0]) == (200, '"caller";r=1')
    assert [client.get("/api/reports", headers=ada).status_code for _ in range(2)] == [200, 429]


def test_what_is_answered_from_memory_costs_nothing(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    fill(marts)
    # The first answer may be older than the first look at what is published, and is not remembered then.
    client = serve(marts.settings, reports_rate_limit=2)
    assert [client.get("/api/reports", headers=ada).status_code for _ in range(5)] == [200] * 5


def test_without_a_limit_nothing_is_counted(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    fill(marts)
    answer = serve(marts.settings, reports_rate_limit=0, reports_cache_ttl=0).get("/api/reports", headers=ada)
    assert (answer.status_code, "RateLimit" in answer.headers) == (200, False)
