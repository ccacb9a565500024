"""A process that has imported everything and forks a child for each run, so that a run starts in milliseconds.

It has opened nothing and started no thread when it forks. Each run's end of a pipe comes through standard input, a
socket; the nursery ends with that.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from resources.errors import ReportsError
from resources.warehouse import Warehouse
from stack.child import ROOT
from tests.killing.jobs import Ended, Job, Reached


class Run:
    """A run that was started."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self.pid: int = connection.recv()

    def told(self) -> Reached | Ended | None:
        """The next thing that it tells; nothing where it was killed."""
        try:
            told: Reached | Ended = self._connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(told, Ended):
            self._connection.close()
        return told

    def go_on(self) -> None:
        """Leave the stop."""
        self._connection.send(None)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; a killed one is gone afterwards."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        if number == signal.SIGKILL:
            while self.told() is not None:
                pass


class Nursery:
    """Starts runs."""

    def __enter__(self) -> Nursery:
        self._socket, inner = socket.socketpair()
        command = [sys.executable, "-m", "tests.killing.nursery"]
        with inner:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=inner.fileno(), start_new_session=True)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._socket.close()
        self._process.wait()

    def start(self, job: Job) -> Run:
        """Start a run of its own process."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._socket, [b"."], [theirs.fileno()])
        connection: Connection[Any, Any] = Connection(ours.detach())
        connection.send(job)
        return Run(connection)


def main() -> None:
    """Fork a child for each pipe that comes."""
    import pandas  # noqa: F401, PLC0415 - the driver does when it first sends numpy

    import tests.killing.programs  # noqa: PLC0415
    import tests.killing.steps  # noqa: F401, PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as pipes:
        while True:
            _, descriptors, _, _ = socket.recv_fds(pipes, 1, 1)
            if not descriptors:
                return
            if os.fork() == 0:
                pipes.close()
                os.close(0)
                _child(Connection(descriptors[0]))
            os.close(descriptors[0])


def _child(connection: Connection[Any, Any]) -> None:
    from tests.killing.steps import Steps  # noqa: PLC0415 - loads polars, which only the nursery needs

    connection.send(os.getpid())
    job: Job = connection.recv()
    steps = Steps(connection, job.stop)
    steps.patch()
    try:
        _carry_out(job)
        ended = Ended(steps.taken)
    except ReportsError as error:
        ended = Ended(steps.taken, f"{type(error).__name__}: {error}")
    except BaseException:  # noqa: BLE001 - it is told
        ended = Ended(steps.taken, traceback.format_exc(), clear=False)
    connection.send(ended)
    with suppress(EOFError, OSError):
        # Until its end was heard of, the number of this process is nobody else's.
        connection.recv()
    os._exit(0)


def _carry_out(job: Job) -> None:
    from tests.assets.conftest import Marts  # noqa: PLC0415
    from tests.killing.programs import PROGRAMS  # noqa: PLC0415

    with Warehouse(job.settings) as warehouse:
        PROGRAMS[job.program](Marts(job.settings, warehouse), job)


if __name__ == "__main__":
    main()
