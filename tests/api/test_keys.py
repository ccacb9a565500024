"""The issuer's keys, and how seldom and how patiently they are fetched."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from api.keys import KeySet, parse_key_set, read_keys
from resources.settings import Settings
from tests.api.conftest import Client
from tests.api.world import ISSUER, Issuer


class Source:
    """A key set that can change and go away, and counts how often it is asked."""

    def __init__(self, content: bytes) -> None:
        self.content: bytes | Exception = content
        self.fetches = 0
        self.asked = threading.Event()
        self.now = 1000.0

    def read(self) -> bytes:
        self.fetches += 1
        self.asked.set()
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    def keys(self) -> KeySet:
        return KeySet(self.read, clock=lambda: self.now)


def test_a_key_that_appears_is_found_at_the_next_look(issuer: Issuer) -> None:
    source = Source(issuer.key_set())
    keys = source.keys()
    keys.refresh()
    source.content = Issuer("second").key_set()
    assert keys.find("second") is None

    keys.refresh()

    assert (keys.find("second") is not None, keys.find("first")) == (True, None)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("away"),
        FileNotFoundError(),
        b"",
        b"<html>",
        b"[]",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "kid": "first", "k": "c2VjcmV0"}]}',
        b"[" * 100_000,
    ],
)
def test_the_last_good_keys_are_kept_while_the_issuer_is_down(issuer: Issuer, failure: bytes | Exception) -> None:
    source = Source(issuer.key_set())
    keys = source.keys()
    keys.refresh()
    source.content = failure

    keys.refresh()

    assert (source.fetches, keys.find("first") is not None) == (2, True)


def test_keys_are_fetched_twice_a_minute_at_most_whatever_comes(issuer: Issuer) -> None:
    source = Source(issuer.key_set())
    keys = source.keys()

    for _ in range(50):
        keys.refresh()
    assert source.fetches == 2

    source.now += 59
    keys.refresh()
    assert source.fetches == 2

    source.now += 2
    keys.refresh()
    assert source.fetches == 3


def test_failures_count_as_fetches() -> None:
    source = Source(b"")
    keys = source.keys()

    for _ in range(50):
        keys.refresh()

    assert (source.fetches, keys.known) == (2, False)


def test_those_who_wait_for_a_fetch_make_do_with_it(issuer: Issuer) -> None:
    answering = threading.Event()
    source = Source(issuer.key_set())

    def slow() -> bytes:
        content = source.read()
        answering.wait(10)
        return content

    keys = KeySet(slow)
    with ThreadPoolExecutor(8) as callers:
        first = callers.submit(keys.refresh)
        source.asked.wait(10)
        others = [callers.submit(keys.refresh) for _ in range(7)]
        answering.set()
        for waiting in [first, *others]:
            waiting.result(10)

    # A caller that came only after the fetch may make the second one; the seven never make seven.
    assert source.fetches <= 2


def test_an_old_key_set_still_answers_and_is_fetched_again_behind_the_callers_back(issuer: Issuer) -> None:
    source = Source(issuer.key_set())
    keys = source.keys()
    keys.refresh()
    source.asked.clear()
    source.now += 46

    assert keys.find("first") is not None
    assert source.asked.wait(10)
    assert source.fetches == 2


def test_only_keys_for_rs256_signatures_are_taken(issuer: Issuer) -> None:
    (good,) = json.loads(issuer.key_set())["keys"]
    others = [
        good | {"kid": "encrypts", "use": "enc"},
        good | {"kid": "rs512", "alg": "RS512"},
        {name: value for name, value in good.items() if name != "kid"},
        good | {"kid": 5},
        {"kty": "RSA", "kid": "broken", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "empty"},
        "no object",
    ]

    assert list(parse_key_set(json.dumps({"keys": [*others, good]}).encode())) == ["first"]


def test_keys_in_a_file_are_read_again_when_a_token_names_an_unknown_one(
    serve: Callable[..., Client], issuer: Issuer, tmp_path: Path, closed_port: int
) -> None:
    file = tmp_path / "rotating.json"
    file.write_bytes(issuer.key_set())
    client = serve(Settings(clickhouse_port=closed_port), reports_jwks=str(file))
    second = Issuer("second")
    assert client.get("/api/reports", headers=issuer.authorization()).status_code == 503

    file.write_bytes(second.key_set())

    assert client.get("/api/reports", headers=second.authorization()).status_code == 503
    assert client.get("/api/reports", headers=issuer.authorization()).status_code == 401


def test_without_any_key_yet_a_token_is_not_blamed(
    serve: Callable[..., Client], issuer: Issuer, tmp_path: Path, closed_port: int
) -> None:
    client = serve(Settings(clickhouse_port=closed_port), reports_jwks=str(tmp_path / "none.json"))

    answer = client.get("/api/reports", headers=issuer.authorization())

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert answer.json()["type"] == "urn:bionicpro:problem:keys-unavailable"


@pytest.fixture
def address(issuer: Issuer) -> Iterator[str]:
    """A web server that has the key set at /keys, and at / only a way there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/keys"
            self.send_response(200 if found else 302)
            self.send_header("Location", "/keys")
            self.end_headers()
            self.wfile.write(issuer.key_set() if found else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("path", "found"), [("/keys", True), ("/", False)])
def test_keys_at_an_address_are_fetched_from_there_and_nowhere_else(address: str, path: str, found: bool) -> None:
    keys = read_keys(Settings(reports_jwks=address + path, reports_token_issuer=ISSUER))

    keys.refresh()

    assert keys.known is found
