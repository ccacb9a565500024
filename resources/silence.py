"""A bound on the silence of PostgreSQL: libpq waits for ever where a server, or a network, accepts and says nothing.

libpq is out of our hands inside ADBC, so the connection's socket is found among the files that this process has open,
and shut down; the call that waits for it then fails as if the server had left.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SILENCE_S = 300.0
"""As long as the warehouse may be silent: the longest statement, a fingerprint of everything, takes less."""

_OPEN_FILES = Path("/dev/fd")
_connecting = threading.Lock()


class Watch:
    """Watches one connection, which is made in the block of `connecting`."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.was_cut = False
        """Whether the connection was shut down, so that what failed failed because of that."""
        self._before: set[int] = set()
        self._sockets: set[int] | None = None

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """The sockets that are made in the block, and are still there after it, are the connection's."""
        # One at a time, so that no two connections take each other's sockets for their own. A stranger's, opened in the
        # same moment by another thread, would be cut along with it; whoever uses that connects again.
        with _connecting:
            self._before = _sockets()
            with self.patience():
                yield
            self._sockets = _sockets() - self._before

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Cut the connection where the block, which waits for one answer, takes longer than the limit."""
        timer = threading.Timer(self.limit_s, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self.was_cut = True
        found = _sockets() - self._before if self._sockets is None else self._sockets
        for descriptor in found:
            # It may have been closed meanwhile, or never have been connected.
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
                connection.shutdown(socket.SHUT_RDWR)


def _sockets() -> set[int]:
    """Descriptors of the stream sockets that this process has open to anybody."""
    return {int(name.name) for name in _OPEN_FILES.iterdir() if _is_connected(int(name.name))}


def _is_connected(descriptor: int) -> bool:
    try:
        # Asked first, because a copy of what is no socket would stay open.
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with socket.socket(fileno=os.dup(descriptor)) as candidate:
            candidate.getpeername()
            return candidate.type == socket.SOCK_STREAM
    except OSError:
        return False
