"""The layer that answers again what it answered a moment ago, without entering the application.

What is remembered belongs to one caller, one request and one generation: whoever else asks, asks something else, or
asks after a publication was taken over, is answered by the application. So is what this layer does not understand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api.auth import Caller
from api.edition import holds
from api.generation import Generations
from api.memory import Memory, Stats
from api.tokens import Tokens

MOST_BYTES = 24 << 20
"""What each process remembers of responses."""
LARGEST_BYTES = 512 << 10

_READ = frozenset({b"authorization", b"accept", b"accept-encoding", b"if-none-match"})
"""Request headers on which an answer depends."""
_UNSETTLING = frozenset({b"content-length", b"transfer-encoding", b"expect", b"range", b"if-match", b"upgrade"})
"""Request headers with which a request is left to the application."""
_KEPT = {
    name: name
    for name in (
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"etag",
        b"last-modified",
        b"cache-control",
        b"vary",
        b"as-of",
        b"x-content-type-options",
    )
}
"""Response headers that are a part of the answer."""
_OF_ONE_RESPONSE = (b"x-request-id", b"ratelimit", b"x-ratelimit")
"""Beginnings of those that are not; an answer with any other header is not remembered."""
_OF_304 = frozenset({b"etag", b"last-modified", b"cache-control", b"vary", b"as-of", b"x-content-type-options"})
_KEY_BYTES = 1_000
"""The key's own objects: a caller with a few roles, and a tuple."""

Headers = tuple[tuple[bytes, bytes], ...]
Key = tuple[Caller, bytes, bytes, bytes, bytes]


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """An answer of one generation; without a body where the application only ever said that the caller holds it."""

    generation: int
    etag: str
    headers: Headers
    body: bytes | None

    def size_bytes(self, key: Key) -> int:
        """What it takes in memory, with its key."""
        texts = [*key[1:], self.body, *(value for _, value in self.headers)]
        return _KEY_BYTES + sum(map(sys.getsizeof, texts)) + 64 * len(self.headers)


class Remembering:
    """Stands before the application. For one thread: that of the event loop."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, generations: Generations, seconds: float) -> None:
        """Remember each answer for at most `seconds`; 0 remembers none."""
        self._app = app
        self._tokens = tokens
        self._generations = generations
        self._answers: Memory[Key, Remembered] = Memory(
            seconds=seconds, most_bytes=MOST_BYTES, largest_bytes=LARGEST_BYTES
        )
        self._remembers = bool(seconds)
        self._hits = 0
        self._misses = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or as the application does."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET" or not self._remembers:
            await self._app(scope, receive, send)
            return
        asked = _asked(scope)
        generation = self._generations.now()
        if asked is None or generation is None:
            await self._app(scope, receive, send)
            return
        key = self._key(scope, asked)
        found = self._answers.get(key) if key else None
        held = asked.get(b"if-none-match", b"").decode("latin-1")
        if found is not None and found.generation == generation:
            if held and holds(held, found.etag):
                self._hits += 1
                await _send(send, 304, [header for header in found.headers if header[0] in _OF_304], b"")
                return
            if found.body is not None:
                self._hits += 1
                await _send(send, 200, [*found.headers], found.body)
                return
        self._misses += 1
        await self._ask(scope, receive, send, asked, generation)

    def stats(self) -> Stats:
        """Hits, misses (of requests that might have been remembered), and what is held."""
        return msgspec.structs.replace(self._answers.stats(), hits=self._hits, misses=self._misses)

    def _key(self, scope: HTTPScope, asked: dict[bytes, bytes]) -> Key | None:
        """What the answer depends on, beside the generation; `None` where it is not known who asks."""
        caller = self._tokens.caller_of(asked.get(b"authorization", b""))
        if caller is None:
            return None
        path = scope.get("raw_path") or scope["path"].encode()
        return caller, path, scope["query_string"], asked.get(b"accept", b""), asked.get(b"accept-encoding", b"")

    async def _ask(
        self, scope: HTTPScope, receive: Receive, send: Send, asked: dict[bytes, bytes], generation: int
    ) -> None:
        """Have the application answer, and remember the answer where nothing changed meanwhile."""
        changes = self._generations.changes
        answer = _Listening(send)
        await self._app(scope, receive, answer.send)
        # Only now: the application may just have verified the token for the first time.
        key = self._key(scope, asked)
        found = answer.remembered(generation) if key and _of_now(scope) else None
        if key and found and changes == self._generations.changes and generation == self._generations.now():
            self._answers.put(key, found, found.size_bytes(key))


class _Listening:
    """Passes an answer on, and keeps it where it came whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: bytes | None = None
        self._pieces = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            # A copy: layers outside of this one add headers to the list.
            self._headers = [(name.lower(), value) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self._pieces += 1
            whole = self._pieces == 1 and not message.get("more_body")
            self._body = message["body"] if whole else None
        else:
            self._status = 0
        await self._send(message)

    def remembered(self, generation: int) -> Remembered | None:
        """The answer, where it is one that may be remembered."""
        if self._status not in (200, 304) or self._body is None:
            return None
        headers = _part_of_the_answer(self._headers)
        found = dict(headers or ())
        if not headers or b"etag" not in found:
            return None
        if self._status == 200 and found.get(b"content-type") != b"application/json":
            return None
        body = bytes(self._body) if self._status == 200 else None
        return Remembered(generation=generation, etag=found[b"etag"].decode("latin-1"), headers=headers, body=body)


def _asked(scope: HTTPScope) -> dict[bytes, bytes] | None:
    """The headers that the answer depends on; `None` where the request is left to the application."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            if name in found:
                return None
            found[name] = value
        elif name in _UNSETTLING:
            return None
    return found if b"authorization" in found else None


def _of_now(scope: HTTPScope) -> bool:
    """Whether the answer is made from what is published now: what was before is only whole until it is removed."""
    return b"as_of" not in unquote_to_bytes(scope["query_string"])


def _part_of_the_answer(headers: Iterable[tuple[bytes, bytes]]) -> Headers | None:
    """The headers that another response to the same request would have, too; `None` where it cannot be told."""
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        if name in _KEPT:
            kept.append((_KEPT[name], bytes(value)))
        elif not name.startswith(_OF_ONE_RESPONSE):
            return None
    return tuple(kept) if len({name for name, _ in kept}) == len(kept) else None


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
