"""Ends what the supervisor started when the supervisor is gone, however it went.

A process of its own that needs nothing but Python. Its standard input is a pipe whose other end only the supervisor
has. Lines say what to watch: `watch PROCESS_GROUP SIGNAL`, `forget PROCESS_GROUP`. At end of file it sends each
watched group its signal, kills what is left after ten seconds, and exits.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

GRACE_S = 10.0
_PROC = Path("/proc")


def main() -> None:
    """Watch until the supervisor is gone, then end what is left; an argument gives another grace, in seconds."""
    grace_s = float(sys.argv[1]) if len(sys.argv) > 1 else GRACE_S
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case ["watch", group, number]:
                watched[int(group)] = int(number)
            case ["forget", group]:
                watched.pop(int(group), None)
            case _:
                pass
    end(watched, grace_s)


def end(groups: dict[int, int], grace_s: float) -> None:
    """Send each process group its signal, and SIGKILL where one is still there after a while."""
    for group, number in groups.items():
        send(group, number)
    deadline = time.monotonic() + grace_s
    while (left := alive(groups)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> None:
    """Signal a process group; one that is gone is what was wanted."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def alive(groups: Iterable[int]) -> list[int]:
    """Those groups that have a process other than a zombie: one that nobody reaps would be waited for in vain."""
    wanted = set(groups)
    if not _PROC.joinpath("self", "stat").exists():
        return [group for group in wanted if _answers(group)]
    found: set[int] = set()
    for stat in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name, which may hold anything: state, parent, process group.
            state, _, group, *_ = stat.read_text(errors="replace").rpartition(")")[2].split()
            if state != "Z":
                found.add(int(group))
    return list(wanted & found)


def _answers(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


if __name__ == "__main__":
    main()
