"""The least that a server can answer, with as many bytes as a report: what the load itself costs."""

from __future__ import annotations

import os

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

_BODY = b"x" * int(os.environ.get("TRIVIAL_BYTES", "2"))
_HEADERS = [(b"content-length", str(len(_BODY)).encode())]


async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as any application
    """Answer 200."""
    if scope["type"] == ScopeType.HTTP:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY, "more_body": False})
