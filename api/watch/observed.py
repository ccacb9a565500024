"""The outermost layer: every request has a name, is counted, and may leave a line in the log.

A line says the route and never the path: who asks, and about whom, is nobody's business who reads logs.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any, Protocol

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api.errors import log_failure, request_id, send_failure
from api.watch.routes import Routes
from api.watch.tally import METHODS, Tally

SLOW_S = 1.0
MOST_LINES_PER_SECOND = 50
CLIENT_LEFT = 499
"""Whoever asked went away before there was an answer: nginx's number for it, only ever in logs and metrics."""

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_log = logging.getLogger("api.requests")


class BrokenOff(Exception):
    """An answer failed in its midst; what it failed of is logged, and the server need not say it again."""


class Span(Protocol):
    """One traced request."""

    def end(self, route: str, status: int) -> None:
        """It was answered."""


class Tracing(Protocol):
    """Where traces go."""

    def begin(self, scope: HTTPScope, request_id: str, /) -> Span:
        """A request begins."""

    def close(self) -> None:
        """Send what is not sent yet."""


class Observed:
    """The layer around all others."""

    def __init__(
        self, app: ASGIApp, *, routes: Routes, tally: Tally, log_all: bool = False, tracing: Tracing | None = None
    ) -> None:
        """Stand before `app`. Lines are logged of what is slow or refused, or of all requests."""
        self.tracing = tracing
        self._app = app
        self._routes = routes
        self._tally = tally
        self._lines = _Lines(log_all=log_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does; a request that it fails in before it answers is a 500."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        sending = _Sending(request_id(scope), send)
        span = self.tracing.begin(scope, sending.request_id) if self.tracing else None
        self._tally.in_progress += 1
        try:
            await self._app(scope, receive, sending.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told that it is our fault
            log_failure(scope, error)
            if sending.status:
                raise BrokenOff from None
            await send_failure(scope, sending.send)
        finally:
            self._tally.in_progress -= 1
            self._note(scope, sending, perf_counter() - began, span)

    def _note(self, scope: HTTPScope, sending: _Sending, seconds: float, span: Span | None) -> None:
        route, status = self._routes.of(scope), sending.status or CLIENT_LEFT
        self._tally.add(scope["method"], route, status, seconds, sending.sent)
        if sending.status and not sending.whole:
            self._tally.broke_off(route)
        if span is not None:
            span.end(route, status)
        if status >= 400 or seconds >= SLOW_S or self._lines.log_all:
            self._lines.write(scope["method"], route, status, seconds, sending)


class _Sending:
    """One answer on its way out."""

    __slots__ = ("_send", "request_id", "sent", "status", "whole")

    def __init__(self, request_id: str, send: Send) -> None:
        self._send = send
        self.request_id = request_id
        self.status = 0
        self.sent = 0
        self.whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.sent += len(message["body"])
            self.whole = not message.get("more_body")
        elif message["type"] == "http.response.start":
            self.status = message["status"]
            # A new message: the one that came may be remembered by the layer that sent it.
            headers = [*message["headers"], (b"x-request-id", self.request_id.encode()), _NOSNIFF]
            message = {"type": "http.response.start", "status": self.status, "headers": headers}
        await self._send(message)


class _Lines:
    """Lines of requests, not more of them than a disk has time and room for while somebody attacks."""

    def __init__(self, *, log_all: bool) -> None:
        self.log_all = log_all
        self._second = 0
        self._written = 0
        self._left_out = 0

    def write(self, method: str, route: str, status: int, seconds: float, sending: _Sending) -> None:
        second = int(perf_counter())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= MOST_LINES_PER_SECOND and not self.log_all:
            self._left_out += 1
            return
        self._written += 1
        known: dict[str, Any] = {
            "request_id": sending.request_id,
            "method": method if method in METHODS else "other",
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "bytes": sending.sent,
        }
        if self._left_out:
            known["left_out"], self._left_out = self._left_out, 0
        level = logging.ERROR if status >= 500 else logging.WARNING if seconds >= SLOW_S else logging.INFO
        _log.log(level, "%s %s %s in %s ms", known["method"], route, status, known["ms"], extra={"known": known})
