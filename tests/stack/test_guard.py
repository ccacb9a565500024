"""The guard, which ends what a supervisor left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from stack import guard
from tests.stack.conftest import wait_until_gone

_PATIENT = "import time; print('up', flush=True); time.sleep(600)"
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _PATIENT
_WITH_CHILD = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"


class Group:
    """A process group of its own, and the processes in it."""

    def __init__(self, started: ExitStack, *arguments: str) -> None:
        command = [sys.executable, "-c", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.enter_context(process)
        started.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        self.number = process.pid
        self.processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]


@pytest.fixture
def started() -> Iterator[ExitStack]:
    """Whatever was started here is gone at the end."""
    with ExitStack() as stack:
        yield stack


def start_guard(started: ExitStack, grace_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", guard.__file__, str(grace_s)]
    return started.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, text=True))


def close(guarding: subprocess.Popen[str], *lines: str) -> None:
    """Tell the guard what to watch, and vanish."""
    assert guarding.stdin is not None
    guarding.stdin.write("".join(f"{line}\n" for line in lines))
    guarding.stdin.close()
    assert guarding.wait(60) == 0


def test_whole_groups_end_when_the_supervisor_is_gone(started: ExitStack) -> None:
    guarding = start_guard(started, grace_s=60)
    groups = [Group(started, _PATIENT), Group(started, _WITH_CHILD, _PATIENT)]
    assert [len(group.processes) for group in groups] == [1, 2]

    close(guarding, *(f"watch {group.number} {int(signal.SIGTERM)}" for group in groups))

    wait_until_gone([process for group in groups for process in group.processes])


def test_who_does_not_listen_is_killed(started: ExitStack) -> None:
    guarding = start_guard(started, grace_s=0.2)
    stubborn = Group(started, _STUBBORN)

    close(guarding, f"watch {stubborn.number} {int(signal.SIGTERM)}")

    wait_until_gone(stubborn.processes)


def test_what_is_forgotten_is_left_alone(started: ExitStack) -> None:
    guarding = start_guard(started, grace_s=60)
    kept = Group(started, _PATIENT)

    close(guarding, f"watch {kept.number} {int(signal.SIGTERM)}", "nonsense", f"forget {kept.number}")

    assert kept.processes[0].status() != psutil.STATUS_ZOMBIE
    kept.processes[0].kill()
