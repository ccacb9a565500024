"""A TCP proxy that goes wrong on demand: it delays, cuts or stalls what passes between a client and an engine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """What goes wrong once so many bytes have passed, in both directions together, or once a client sends `phrase`.

    A cut resets every connection; a stall keeps them open and passes nothing more, nor lets anybody new be heard.
    """

    kind: Literal["cut", "stall"]
    after_bytes: int = 0
    phrase: bytes = b""
    passes_phrase: bool = False
    """Whether the engine still gets the phrase, so that only its answer is lost."""


class Proxy:
    """Listens on `port`, and forwards to an engine on the loopback."""

    def __init__(self, engine_port: int) -> None:
        self._engine = ("127.0.0.1", engine_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.passed_bytes = 0
        self.delay_s = 0.0
        self.struck = False
        self._fault: Fault | None = None
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def arm(self, fault: Fault | None) -> None:
        """Have `fault` happen in what passes from now on, or nothing; connections there were are gone."""
        with self._lock:
            self._fault, self.struck, self.passed_bytes = fault, False, 0
            self._reset()

    def serve(self) -> None:
        """Take connections until `close`."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                engine = socket.create_connection(self._engine)
                self._open += [client, engine]
                for source, sink in ((client, engine), (engine, client)):
                    threading.Thread(target=self._pump, args=(source, sink, source is client), daemon=True).start()

    def close(self) -> None:
        """Take no more connections and drop those that are open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._reset()

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(1024):
                time.sleep(self.delay_s)
                if self._passes(chunk, from_client):
                    sink.sendall(chunk)
            if not self.struck:
                sink.shutdown(socket.SHUT_WR)

    def _passes(self, chunk: bytes, from_client: bool) -> bool:
        """Whether this much may still go on; the fault strikes here."""
        with self._lock:
            if self.struck:
                if self._fault is not None and self._fault.kind == "cut":
                    self._reset()
                return False
            self.passed_bytes += len(chunk)
            fault = self._fault
            if fault is None or not _is_time(fault, self.passed_bytes, chunk, from_client):
                return True
            self.struck = True
            if fault.kind == "cut" and not fault.passes_phrase:
                self._reset()
            return fault.passes_phrase

    def _reset(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()


def _is_time(fault: Fault, passed_bytes: int, chunk: bytes, from_client: bool) -> bool:
    if fault.phrase:
        return from_client and fault.phrase in chunk
    return passed_bytes > fault.after_bytes


@contextmanager
def proxy(engine_port: int) -> Iterator[Proxy]:
    """A proxy before an engine, well until it is armed."""
    made = Proxy(engine_port)
    server = threading.Thread(target=made.serve, daemon=True)
    server.start()
    try:
        yield made
    finally:
        made.close()
        server.join()
