"""HTTP load from one thread: connections kept alive, requests made beforehand, answers read no further than needed."""

from __future__ import annotations

import gc
import selectors
import socket
import statistics
import time
from collections import Counter, deque
from collections.abc import Iterator

import msgspec

_CHUNK_BYTES = 1 << 18
_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Took(msgspec.Struct, frozen=True):
    """What became of a load; `ms` ascend."""

    seconds: float
    ms: list[float]
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.ms) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """So many per cent of the answers took no longer."""
        return self.ms[min(len(self.ms) - 1, int(len(self.ms) * percent / 100))]

    @property
    def median_ms(self) -> float:
        """Half of the answers took no longer."""
        return statistics.median(self.ms)


class _Connection:
    """One connection, with at most one request on its way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked_at = 0.0
        self._received = bytearray()
        self._missing = -1

    def ask(self, request: bytes, at: float) -> None:
        self.asked_at = at
        self._received.clear()
        self._missing = -1
        self.socket.sendall(request)

    def read(self) -> int:
        """Read what is there; the status once the answer is whole, else 0."""
        chunk = self.socket.recv(_CHUNK_BYTES)
        if not chunk:
            raise ConnectionError("The server closed a connection.")
        if self._missing < 0:
            self._received += chunk
            head, end, body = self._received.partition(_END)
            if not end:
                return 0
            self._missing = _length(bytes(head)) - len(body)
        else:
            self._missing -= len(chunk)
        return int(self._received[9:12]) if self._missing == 0 else 0


def _wait_s(until_due_s: float) -> float:
    """Waits are rounded up to milliseconds; what is shorter is waited for awake."""
    return max(0.0, until_due_s - 0.001)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at < 0:
        if head[9:12] in (b"304", b"204"):
            return 0
        raise ValueError("An answer without a length.")
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0])


def closed(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Took:
    """Every connection asks again as soon as it is answered."""
    return _Loop(port, connections).run(requests, seconds=seconds, per_second=None)


def paced(port: int, requests: Iterator[bytes], *, connections: int, seconds: float, per_second: float) -> Took:
    """So many a second, whether answers come or not: an answer's time counts from when it was due."""
    return _Loop(port, connections).run(requests, seconds=seconds, per_second=per_second)


def exactly(port: int, requests: Iterator[bytes], *, connections: int) -> Took:
    """Every request once."""
    return _Loop(port, connections).run(requests, seconds=float("inf"), per_second=None)


class _Loop:
    """The loop over all connections."""

    def __init__(self, port: int, connections: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._idle = deque(_Connection(port) for _ in range(connections))
        self._all = list(self._idle)
        for connection in self._all:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._ms: list[float] = []
        self._statuses: Counter[int] = Counter()

    def run(self, requests: Iterator[bytes], *, seconds: float, per_second: float | None) -> Took:
        gc.disable()
        began = time.perf_counter()
        try:
            self._ask_and_read(requests, began, began + seconds, per_second)
            took_s = time.perf_counter() - began
        finally:
            gc.enable()
            self._selector.close()
            for connection in self._all:
                connection.socket.close()
        return Took(took_s, sorted(self._ms), dict(self._statuses))

    def _ask_and_read(self, requests: Iterator[bytes], began: float, end: float, per_second: float | None) -> None:
        due, step = began, 1 / per_second if per_second else 0.0
        asking = True
        while (asking := asking and time.perf_counter() < end) or len(self._idle) < len(self._all):
            now = time.perf_counter()
            while asking and self._idle and due <= now:
                request = next(requests, None)
                if request is None:
                    end = 0.0
                    break
                self._idle.popleft().ask(request, due if step else time.perf_counter())
                due += step
            if step and self._idle and asking:
                self._read(_wait_s(due - now))
            elif len(self._idle) < len(self._all):
                self._read(None)

    def _read(self, wait_s: float | None) -> None:
        for key, _ in self._selector.select(wait_s):
            connection: _Connection = key.data
            if status := connection.read():
                self._ms.append((time.perf_counter() - connection.asked_at) * 1000)
                self._statuses[status] += 1
                self._idle.append(connection)
