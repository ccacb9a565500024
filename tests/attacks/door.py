"""The API in this process, asked as its server asks it: without a client that mends what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar import Litestar

from api.app import build_app
from resources.settings import Settings
from tests.attacks.contents import Contents, contents, decoded


class Reply(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The only header of this name; empty where there is none."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, found
        return found[0] if found else ""

    def plain(self) -> bytes:
        """The body without its coding."""
        return decoded(self.body, self.header("content-encoding"))

    def contents(self) -> Contents:
        """What whoever reads it learns."""
        return contents(self.plain(), self.header("content-type")) if self.body else Contents("", [])


class Door:
    """Where requests go in."""

    def __init__(self, app: Litestar) -> None:
        self.app = app

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Send one request and take the whole answer."""
        path, _, query = target.partition("?")
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8087),
            "client": ("127.0.0.1", 50_000),
            "scheme": "http",
            "method": method,
            "root_path": "",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "extensions": {},
            "state": {},
        }
        left = [{"type": "http.request", "body": body, "more_body": False}]
        said: list[Any] = []
        whole = asyncio.Event()

        async def receive() -> Any:
            if left:
                return left.pop()
            await whole.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                whole.set()

        await self.app(scope, receive, send)
        start = said[0]
        found = [(bytes(name).decode().lower(), bytes(value).decode("latin-1")) for name, value in start["headers"]]
        return Reply(start["status"], found, b"".join(part.get("body", b"") for part in said[1:]))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Door]:
    """The API on these settings; it waits long, so that a slow machine fails no test."""
    app = build_app(settings, wait_s=60, dagster_wait_s=60)
    async with app.lifespan():
        yield Door(app)
