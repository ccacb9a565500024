"""The front of the embedded ClickHouse: forwards bytes, so that nothing a client does reaches the engine as an error.

The engine ends with an abort on any error outside a query: a connection that is reset, a wrong password, a database
that does not exist, bytes that are not its protocol. So the front reads each client's hello itself and refuses the
wrong ones as a server would, and answers a reset by closing the engine's side in peace: end of file, then reading to
its end, because closing with bytes unread would be a reset again.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from stack.hello import Hello, NotHello, parse

_CHUNK_BYTES = 256 << 10
_HELLO_TIMEOUT_S = 10

Doorkeeper = Callable[[Hello], bytes]


class Front:
    """Listens on one port of the loopback and forwards to another."""

    def __init__(self, port: int, inner_port: int, refuse: Doorkeeper) -> None:
        """Listen on `port`; `refuse` answers a hello with the packet to refuse it with, or with nothing."""
        self._inner = ("127.0.0.1", inner_port)
        self._refuse = refuse
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._engines: set[socket.socket] = set()

    def serve(self) -> None:
        """Take connections until `close`."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and let the engine see an end of file on those that are open."""
        with suppress(OSError):
            # Wakes a thread that waits in accept, which closing alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for engine in list(self._engines):
            _finish(engine)

    def _converse(self, client: socket.socket) -> None:
        with client:
            try:
                greeting = self._admit(client)
            except (OSError, NotHello):
                return
            if greeting:
                self._forward(client, greeting)

    def _admit(self, client: socket.socket) -> bytes:
        """The bytes of a hello that was accepted; nothing where the client left or was refused."""
        client.settimeout(_HELLO_TIMEOUT_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        while (hello := parse(received)) is None:
            chunk = client.recv(_CHUNK_BYTES)
            if not chunk:
                return b""
            received += chunk
        client.settimeout(None)
        if refused := self._refuse(hello):
            client.sendall(refused)
            return b""
        return received

    def _forward(self, client: socket.socket, greeting: bytes) -> None:
        with suppress(OSError), socket.create_connection(self._inner) as engine:
            engine.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            engine.sendall(greeting)
            self._engines.add(engine)
            upstream = threading.Thread(target=_pump_up, args=(client, engine), daemon=True)
            upstream.start()
            _pump_down(engine, client)
            # The engine has closed: wake the other direction, which may still wait for the client.
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            upstream.join()
            self._engines.discard(engine)


def _pump_up(client: socket.socket, engine: socket.socket) -> None:
    """Client to engine, until either ends; however the client ends, the engine sees an end of file."""
    chunk = memoryview(bytearray(_CHUNK_BYTES))
    with suppress(OSError):
        while count := client.recv_into(chunk):
            engine.sendall(chunk[:count])
    _finish(engine)


def _pump_down(engine: socket.socket, client: socket.socket) -> None:
    """Engine to client, and when the client is gone still from the engine, to the end."""
    chunk = memoryview(bytearray(_CHUNK_BYTES))
    with suppress(OSError):
        client_listens = True
        while count := engine.recv_into(chunk):
            if client_listens:
                try:
                    client.sendall(chunk[:count])
                except OSError:
                    client_listens = False
                    # Wakes the other direction, so that the engine hears of it.
                    with suppress(OSError):
                        client.shutdown(socket.SHUT_RDWR)


def _finish(engine: socket.socket) -> None:
    with suppress(OSError):
        engine.shutdown(socket.SHUT_WR)
