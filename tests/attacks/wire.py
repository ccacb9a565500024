"""The API as its server serves it, and connections on which anything can be said to it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import msgspec

from resources.settings import Settings
from stack import lineup, ports, probes
from stack.home import Home
from stack.parts import Part
from tests.engines import home_folder, running

PATIENCE_S = 60.0


class Broken(Exception):
    """The connection was closed where an answer should have been."""


class Heard(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> tuple[int, dict[str, str], bytes]:
        """All of it but the hour: what differs between two of these tells something."""
        return self.status, {name: value for name, value in self.headers.items() if name != "date"}, self.body


class Connection:
    """One connection; what it reads is read as RFC 9112 says, and nothing more."""

    def __init__(self, port: int, patience_s: float = PATIENCE_S) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(patience_s)
        # Whoever reads nothing is to be noticed before the kernel has taken a whole answer for them.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._socket.connect(("127.0.0.1", port))
        self._heard = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._heard.close()
        self._socket.close()

    def say(self, text: bytes) -> None:
        """Send this; whoever has closed the connection does not hear it."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(text)

    def hear(self, *, head: bool = False) -> Heard:
        """The next answer; raises `Broken` where there is none."""
        try:
            status = self._heard.readline()
            if not status.startswith(b"HTTP/1."):
                raise Broken(status)
            headers = dict(self._headers())
            return Heard(int(status.split()[1]), headers, b"" if head else self._body(int(status.split()[1]), headers))
        except ConnectionResetError as error:
            raise Broken(str(error)) from None

    def hear_all(self) -> list[Heard]:
        """Every answer until the server closes the connection."""
        found = []
        try:
            while True:
                found.append(self.hear())
        except Broken:
            return found

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self._heard.readline().rstrip(b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()

    def _body(self, status: int, headers: dict[str, str]) -> bytes:
        if status in (204, 304) or status < 200:
            return b""
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        if "content-length" in headers:
            return self._heard.read(int(headers["content-length"]))
        return self._heard.read()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._heard.readline().strip() or b"0", 16):
            yield self._heard.read(size)
            self._heard.readline()
        self._heard.readline()


class Server(msgspec.Struct, frozen=True):
    """The API as a process."""

    port: int
    log: Path

    def connect(self, patience_s: float = PATIENCE_S) -> Connection:
        """A new connection."""
        return Connection(self.port, patience_s)

    def ask(self, target: str | bytes, *headers: str, method: str = "GET", body: bytes = b"") -> Heard:
        """One request on a connection of its own, its target sent as it is."""
        with self.connect() as connection:
            connection.say(request(target, "Connection: close", *headers, method=method, body=body))
            return connection.hear(head=method == "HEAD")


def request(target: str | bytes, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    """A request, with nothing in it mended."""
    named = ["Host: reports.example", *headers]
    if body:
        named.append(f"Content-Length: {len(body)}")
    path = target if isinstance(target, bytes) else target.encode()
    return b"%s %s HTTP/1.1\r\n%s\r\n\r\n%s" % (method.encode(), path, "\r\n".join(named).encode("latin-1"), body)


@contextmanager
def server(settings: Settings, is_up: str = "/health/ready") -> Iterator[Server]:
    """The API, started as the stack starts it, once the route `is_up` answers."""
    with home_folder() as folder:
        home = Home(folder)
        home.prepare()
        port = ports.choose({"api": 0})["api"]
        settings = msgspec.structs.replace(settings, reports_service_port=port)
        part = Part(
            name="api",
            command=[sys.executable, "-m", "stack.serve_api"],
            environment=lineup.api_environment(settings) | {"PYTHONUNBUFFERED": "1"},
            port=port,
            probe=probes.http(f"http://127.0.0.1:{port}{is_up}"),
        )
        with running(part, home):
            yield Server(port, home.log("api"))
