"""The layer that refuses what is too large, too slow, or too much at once, before the application hears of it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from api.deadline import Overloaded
from api.errors import Refused, send_problem
from resources.errors import ReportsError

AT_ONCE = 64
"""Requests that are answered at a time. More would only wait for the same few threads and the same one event loop."""
BODY_SECONDS = 5.0
"""How long a body may take to come, from when it is asked for: 64 KiB at 100 kbit/s."""

TAKEN_SECONDS = 10.0
"""How long a client may take for each piece of an answer that is read while it is sent: 64 KiB at 50 kbit/s."""

_LETTING_GO_SECONDS = 1.0

MOST_TARGET_BYTES = 4 << 10
MOST_HEADERS = 64
MOST_HEADER_BYTES = 16 << 10
"""A token of 8 KiB, and as much again."""

_NEVER_SHED = frozenset({"/health/live", "/metrics"})
"""What tells an overloaded process from one that is gone."""


class BodyLate(Refused):
    """The body did not come in time."""

    status, kind, title = 408, "body-late", "The body did not come in time"
    headers: ClassVar = {"Connection": "close"}


class BodyBroken(Refused):
    """The body cannot be taken apart, or ended before it was whole."""

    status, kind, title = 400, "body-broken", "The body did not come whole"
    headers: ClassVar = {"Connection": "close"}


class TargetTooLong(Refused):
    """Path and query are longer than any that means something here."""

    status, kind, title = 414, "target-too-long", "The address is too long"


class HeadersTooLarge(Refused):
    """There are too many headers, or they are too long."""

    status, kind, title = 431, "headers-too-large", "The headers are too large"


class NotTaken(ReportsError):
    """Whoever asked for a file does not take it; what it is read with is for others. Nobody is told."""


class Shedding:
    """Stands before the application. For one thread: that of the event loop."""

    def __init__(
        self, app: ASGIApp, *, at_once: int = AT_ONCE, body_s: float = BODY_SECONDS, taken_s: float = TAKEN_SECONDS
    ) -> None:
        """Pass at most `at_once` requests on at a time, and their bodies within `body_s` seconds each.

        An answer in pieces is given up where one of them is not taken within `taken_s` seconds.
        """
        self.shed = 0
        """How many requests were refused because there were too many."""
        self.running = 0
        self._app = app
        self._at_once = at_once
        self._body_s = body_s
        self._taken_s = taken_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or have it answered."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
        elif refusal := _too_large(scope):
            await send_problem(scope, send, refusal)
        elif self.running >= self._at_once and scope["path"] not in _NEVER_SHED:
            self.shed += 1
            await send_problem(scope, send, Overloaded())
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        body = _Body(self, receive, self._body_s)

        async def send_in_time(message: Message) -> None:
            if not message.get("more_body"):
                await send(message)
                return
            try:
                async with asyncio.timeout(self._taken_s):
                    await send(message)
            except TimeoutError:
                # As if the client had left: whoever sends a file listens for that, and lets go of what it is read from.
                body.gone.set()
                await asyncio.sleep(_LETTING_GO_SECONDS)
                raise NotTaken("The answer is not taken.") from None

        self.running += 1
        try:
            await self._app(scope, body.receive, send_in_time)
        finally:
            self.running -= 1


class _Body:
    """What comes from the client: its body in time, and afterwards, whenever that is, that it went away."""

    def __init__(self, layer: Shedding, receive: Receive, seconds: float) -> None:
        self._layer = layer
        self._receive = receive
        self._seconds = seconds
        self._due: float | None = None
        self._whole = False
        self.gone = asyncio.Event()
        """Set where the client is taken for one that went away."""

    async def receive(self) -> ReceiveMessage:
        if self._whole:
            return await self._left()
        if self._due is None:
            self._due = asyncio.get_running_loop().time() + self._seconds
        # Whoever sends slowly keeps nobody else out meanwhile.
        self._layer.running -= 1
        try:
            async with asyncio.timeout_at(self._due):
                message = await self._receive()
        except TimeoutError:
            self._whole = True
            raise BodyLate("Send the body faster, or a smaller one.") from None
        finally:
            self._layer.running += 1
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            # The server says so of a malformed body, too, whose sender still listens.
            raise BodyBroken("Send a body that is as long as it says, or in chunks that are.")
        return message

    async def _left(self) -> ReceiveMessage:
        """What comes after the body: that the client went away."""
        heard, gone = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait((heard, gone), return_when=asyncio.FIRST_COMPLETED)
            return heard.result() if heard.done() else {"type": "http.disconnect"}
        finally:
            heard.cancel()
            gone.cancel()


def _too_large(scope: HTTPScope) -> Refused | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_TARGET_BYTES:
        return TargetTooLong(f"Path and query are {MOST_TARGET_BYTES} bytes long at most.")
    headers = list(scope["headers"])
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return HeadersTooLarge(f"Send {MOST_HEADERS} headers and {MOST_HEADER_BYTES} bytes of them at most.")
    return None
