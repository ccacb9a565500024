"""What only the operator may read: `GET /metrics`. To anyone else there is no such path.

With `REPORTS_METRICS_TOKEN`, whoever bears it is the operator, from wherever; without, whoever asks from this machine
and for nobody else: a request that a proxy or the BFF passes on says so (`Forwarded`, `Authorization`, a cookie).
"""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.watch.exposition import Exposition

PATH = "/metrics"

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_FOR_OTHERS = frozenset(
    {b"authorization", b"cookie", b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}
)


class Metrics:
    """The layer that answers `GET /metrics`, also when everything beneath it is busy."""

    def __init__(self, app: ASGIApp, exposition: Exposition, token: str) -> None:
        """Stand before `app`; `token` is the operator's, if there is one."""
        self._app = app
        self._exposition = exposition
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the operator, and leave all else to the application."""
        if scope["path"] == PATH and scope["type"] == ScopeType.HTTP and scope["method"] == "GET" and self._may(scope):
            await self._answer(scope, send)
        else:
            await self._app(scope, receive, send)

    def _may(self, scope: HTTPScope) -> bool:
        if not self._token:
            return _is_local(scope)
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + self._token)

    async def _answer(self, scope: HTTPScope, send: Send) -> None:
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
        body, content_type = await self._exposition.text(accept)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _is_local(scope: HTTPScope) -> bool:
    """Whether a program of this machine asks, under a name of this machine: a page in a browser has another."""
    hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    names = {host if host.endswith("]") else host.rpartition(":")[0] or host for host in hosts}
    for_others = any(name in _FOR_OTHERS for name, _ in scope["headers"])
    return _is_loopback(scope["client"]) and names <= _LOCAL_NAMES and not for_others


def _is_loopback(client: tuple[str, int] | None) -> bool:
    try:
        found = ip_address(client[0] if client else "")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
