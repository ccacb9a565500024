"""Bodies are smaller where the caller takes that and it pays, and an edition is one whatever its coding."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
import zstandard
from litestar.types import Message, Receive, Scope, Send

from api.codings import Coding, coding_for
from api.compression import LEAST_BYTES, Compressed
from tests.api.conftest import Client
from tests.api.world import ADA, CUSTOMERS, Marts, worn

JSON = b"application/json"
LONG = json.dumps(list(range(2000))).encode()
DECODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "identity": bytes,
}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ([], Coding("identity")),
        ([b""], Coding("identity")),
        ([b"gzip"], Coding("gzip")),
        ([b"x-gzip"], Coding("gzip")),
        ([b"GZip , br"], Coding("gzip")),
        ([b"gzip, deflate, br, zstd"], Coding("zstd")),
        ([b"gzip", b"zstd"], Coding("zstd")),
        ([b"gzip;q=1.0, zstd;q=0.5"], Coding("gzip")),
        ([b"gzip;q=0.5, identity"], Coding("identity")),
        ([b"gzip;q=0.001"], Coding("gzip")),
        ([b"gzip;q=0"], Coding("identity")),
        ([b"br"], Coding("identity")),
        ([b"*"], Coding("zstd")),
        ([b"*;q=0.5, gzip"], Coding("gzip")),
        ([b"zstd;q=0, *"], Coding("gzip")),
        ([b"identity;q=0, gzip"], Coding("gzip", required=True)),
        ([b"*;q=0, gzip"], Coding("gzip", required=True)),
        ([b"identity;q=0"], Coding("identity", required=True)),
        ([b"*;q=0"], Coding("identity", required=True)),
        ([b"br, *;q=0"], Coding("identity", required=True)),
        ([b"identity;q=0.5, *;q=0"], Coding("identity")),
        ([b"gzip;q=2, zstd;q=x"], Coding("identity")),
        ([b"gzip;q=0.0001"], Coding("identity")),
        ([b"gzip," * 300], Coding("identity")),
        ([b"\xff\xfe;q=\xb2"], Coding("identity")),
    ],
)
def test_the_coding_is_the_one_that_the_caller_likes_best(accepted: list[bytes], coding: Coding) -> None:
    assert coding_for([(b"accept-encoding", value) for value in accepted]) == coding


def answer(
    pieces: list[bytes], accepted: bytes, content_type: bytes = JSON, status: int = 200, **headers: str
) -> tuple[int, dict[bytes, bytes], list[bytes]]:
    """What an application's answer becomes: status, headers, and the pieces of the body."""
    named = [(b"content-type", content_type), *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        length = [(b"content-length", str(len(pieces[0])).encode())] if len(pieces) == 1 else []
        await send({"type": "http.response.start", "status": status, "headers": [*named, *length]})
        for place, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": place < len(pieces)})

    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", accepted)]}
    asyncio.run(Compressed(app)(scope, receive, send))
    assert [message.get("more_body", True) for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    return sent[0]["status"], dict(sent[0]["headers"]), [message["body"] for message in sent[1:]]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_long_body_is_sent_smaller_and_says_how(coding: str) -> None:
    _, headers, [body] = answer([LONG], coding.encode(), vary="Authorization")

    assert DECODED[coding](body) == LONG
    assert len(body) < len(LONG) / 2
    assert headers == {
        b"content-type": JSON,
        b"content-encoding": coding.encode(),
        b"content-length": str(len(body)).encode(),
        b"vary": b"Authorization, Accept-Encoding",
    }


@pytest.mark.parametrize("size", [100_000, 3_000_000])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_large_body_comes_whole(coding: str, size: int) -> None:
    long = (LONG * (size // len(LONG) + 1))[:size]

    assert DECODED[coding](answer([long], coding.encode())[2][0]) == long


@pytest.mark.parametrize(
    ("content_type", "status", "body", "headers"),
    [
        (JSON, 200, LONG[: LEAST_BYTES - 1], {}),
        (b"application/vnd.apache.parquet", 200, LONG, {}),
        (b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 200, LONG, {}),
        (b"application/pdf", 200, LONG, {}),
        (b"", 200, LONG, {}),
        (JSON, 200, LONG, {"content_encoding": "br"}),
        (JSON, 206, LONG, {}),
        (JSON, 304, b"", {}),
        (JSON, 204, b"", {}),
    ],
)
def test_what_is_small_or_compressed_stays_as_it_is(
    content_type: bytes, status: int, body: bytes, headers: dict[str, str]
) -> None:
    found = answer([body], b"gzip", content_type, status, **headers)

    assert (found[0], found[2]) == (status, [body])
    assert found[1].get(b"content-encoding", b"br") == b"br"
    assert found[1][b"content-length"] == str(len(body)).encode()


@pytest.mark.parametrize("media", [b"text/csv", b"text/csv; charset=utf-8", b"application/problem+json", b"text/html"])
def test_text_of_every_kind_is_compressed(media: bytes) -> None:
    assert answer([LONG], b"zstd", media)[1][b"content-encoding"] == b"zstd"


@pytest.mark.parametrize("body", [b"", b"{}", LONG])
def test_who_refuses_bodies_as_they_are_gets_none(body: bytes) -> None:
    _, headers, [sent] = answer([body], b"gzip, identity;q=0", b"application/pdf")

    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(sent) == body


def test_who_takes_no_coding_at_all_is_told_which_there_are() -> None:
    status, headers, [body] = answer([LONG], b"br, *;q=0")

    assert (status, headers[b"content-type"]) == (406, b"application/problem+json")
    assert "gzip or zstd" in json.loads(body)["detail"]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_stream_is_compressed_while_it_is_sent(coding: str) -> None:
    digests = [sha256(str(number).encode()).hexdigest() for number in range(9000)]
    pieces = ["\n".join(digests[at : at + 30]).encode() for at in range(0, 9000, 30)]

    _, headers, sent = answer([*pieces, b""], coding.encode(), b"text/csv")

    assert DECODED[coding](b"".join(sent)) == b"".join(pieces)
    assert b"content-length" not in headers
    assert len(sent) > 3


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
def test_a_stream_of_any_length_takes_the_same_memory(coding: bytes) -> None:
    def lines(count: int) -> Iterator[bytes]:
        return (f"{number},{number * 7919 % 100_003}\n".encode() * 2000 for number in range(count))

    def most_bytes(count: int) -> int:
        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
            for piece in lines(count):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def nothing(*_: Any) -> Any:
            return None

        scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", coding)]}
        tracemalloc.start()
        asyncio.run(Compressed(app)(scope, nothing, nothing))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert most_bytes(1000) - most_bytes(50) < 200_000


@pytest.fixture
def client(marts: Marts, serve: Callable[..., Client]) -> Client:
    """The API on reports of a month."""
    marts.customers(CUSTOMERS)
    for day in range(1, 31):
        marts.day(date(2026, 7, day), [worn("a", "A", [9], day)])
    return serve(marts.settings)


def test_an_edition_has_one_tag_and_is_held_whatever_its_coding(client: Client, ada: dict[str, str]) -> None:
    path = f"/reports/{ADA}"
    answers = {
        coding: client.get(path, headers=ada | {"Accept-Encoding": coding}) for coding in ("identity", "gzip", "zstd")
    }

    assert [answer.headers.get("Content-Encoding") for answer in answers.values()] == [None, "gzip", "zstd"]
    assert len({answer.content for answer in answers.values()}) == 1
    [tag] = {answer.headers["ETag"] for answer in answers.values()}
    assert tag.startswith('W/"')
    assert {answer.headers["Vary"] for answer in answers.values()} == {"Authorization, Accept, Accept-Encoding"}
    for coding, first in answers.items():
        again = client.get(path, headers=ada | {"Accept-Encoding": coding, "If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert {name: again.headers[name] for name in ("ETag", "Vary")} == {
            name: first.headers[name] for name in ("ETag", "Vary")
        }


def test_files_of_text_are_compressed_and_others_are_not(client: Client, ada: dict[str, str]) -> None:
    forms = ("csv", "xlsx", "parquet", "pdf")
    found = {
        form: client.get(f"/reports/{ADA}?format={form}", headers=ada | {"Accept-Encoding": "gzip"}) for form in forms
    }

    assert {form: answer.headers.get("Content-Encoding") for form, answer in found.items()} == {
        "csv": "gzip",
        "xlsx": None,
        "parquet": None,
        "pdf": None,
    }
    plain = client.get(f"/reports/{ADA}?format=csv", headers=ada | {"Accept-Encoding": "identity"})
    assert found["csv"].content == plain.content
