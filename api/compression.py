"""Bodies smaller on the wire, where that pays: text of a kibibyte and more, in the coding that the caller likes best.

The framework's own compression takes `gzip;q=0` for a wish, compresses what is compressed already, and ends a block
with every piece of a stream.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Protocol

import zstandard
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPResponseStartEvent

from api.codings import IDENTITY, Coding, coding_for
from api.errors import send_problem
from api.export.formats import NotAcceptable

LEAST_BYTES = 1024
"""What is smaller fits into a packet or two anyway."""
_ON_THE_LOOP_BYTES = 32_768
"""Larger pieces are compressed by a thread: about a millisecond of gzip."""
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 4
_ZSTD_LEVEL = 1

Headers = list[tuple[bytes, bytes]]


class Compressor(Protocol):
    """Compresses one body, piece by piece."""

    def compress(self, piece: bytes, /) -> bytes:
        """What is ready to be sent after this piece; often nothing."""

    def flush(self) -> bytes:
        """The rest."""


class Compressed:
    """The layer that compresses what the application answers."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, in the coding that the caller takes, or with a 406 where it takes none."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        coding = coding_for(scope["headers"])
        if coding.name != IDENTITY:
            await self._app(scope, receive, _Sending(scope, send, coding).send)
        elif coding.required:
            await send_problem(scope, send, NotAcceptable("Take a body as it is, or in gzip or zstd: Accept-Encoding."))
        else:
            await self._app(scope, receive, send)


class _Sending:
    """One answer. Its head waits for the first piece of the body, which tells how long that is."""

    def __init__(self, scope: HTTPScope, send: Send, coding: Coding) -> None:
        self._send = send
        self._coding = coding
        self._has_body = scope["method"] != "HEAD"
        self._start: HTTPResponseStartEvent | None = None
        self._compressor: Compressor | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            await self._body(message["body"], more=bool(message.get("more_body")))
        else:
            await self._send(message)

    async def _body(self, body: bytes, *, more: bool) -> None:
        start, self._start = self._start, None
        if start is not None and self._pays(start, body, more=more):
            self._compressor = _compressor(self._coding)
        if self._compressor is not None:
            body = await self._squeezed(self._compressor, body, more=more)
        if start is not None:
            await self._send(start if self._compressor is None else self._coded(start, None if more else len(body)))
        if body or not more:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def _pays(self, start: HTTPResponseStartEvent, body: bytes, *, more: bool) -> bool:
        headers = dict(start["headers"])
        if not self._has_body or start["status"] in (204, 206, 304) or b"content-encoding" in headers:
            return False
        worth = more or len(body) >= LEAST_BYTES
        return self._coding.required or (worth and _is_text(headers.get(b"content-type", b"")))

    @staticmethod
    async def _squeezed(compressor: Compressor, body: bytes, *, more: bool) -> bytes:
        def work() -> bytes:
            return compressor.compress(body) + (b"" if more else compressor.flush())

        return work() if len(body) <= _ON_THE_LOOP_BYTES else await asyncio.to_thread(work)

    def _coded(self, start: HTTPResponseStartEvent, length: int | None) -> HTTPResponseStartEvent:
        replaced = {b"content-length", b"content-encoding", b"vary"}
        headers: Headers = [(name, value) for name, value in start["headers"] if name not in replaced]
        vary = [value for name, value in start["headers"] if name == b"vary"]
        if b"accept-encoding" not in b",".join(vary).lower():
            vary.append(b"Accept-Encoding")
        headers += [(b"vary", b", ".join(vary)), (b"content-encoding", self._coding.name.encode())]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        return {"type": "http.response.start", "status": start["status"], "headers": headers}


def _is_text(content_type: bytes) -> bool:
    media = content_type.partition(b";")[0].strip().lower()
    return media.startswith(b"text/") or media.endswith((b"/json", b"+json"))


def _compressor(coding: Coding) -> Compressor:
    """A new one for each body: none of them may be shared between threads."""
    match coding.name:
        case "zstd":
            return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
        case _:
            return zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP)
