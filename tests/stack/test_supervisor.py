"""The supervisor, with parts that are nothing but a line of Python."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from stack.errors import PartFailed
from stack.home import Home, locked
from stack.parts import Part
from stack.state import StackState
from stack.supervisor import Supervisor
from tests.stack.conftest import wait_until_gone

_LIVE = "import time; print('alive', flush=True); time.sleep(600)"


def part(name: str, program: str = _LIVE, *, after: set[str] | None = None, **rest: Any) -> Part:
    return Part(name=name, command=[sys.executable, "-c", program], after=frozenset(after or ()), **rest)


class Story:
    """What a supervisor said, and the process it ran for each part."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.moments: list[dict[str, str]] = []
        self.processes: dict[int, psutil.Process] = {}
        self.last: StackState | None = None
        self._rules: list[tuple[Callable[[StackState], bool], Callable[[StackState], None]]] = []

    def when(self, condition: Callable[[StackState], bool], act: Callable[[StackState], None]) -> None:
        """Act, once, when the state is so; rules wait for each other."""
        self._rules.append((condition, act))

    def watch(self, state: StackState) -> None:
        self.last = state
        self.moments.append({each.name: each.health for each in state.parts})
        for each in state.parts:
            if each.pid:
                # It may have ended before this looks.
                with suppress(psutil.NoSuchProcess):
                    self.processes[each.pid] = psutil.Process(each.pid)
        if self._rules and self._rules[0][0](state):
            self._rules.pop(0)[1](state)

    def run(self, *parts: Part) -> StackState:
        """Let the supervisor run to its end; the last state."""
        with locked(self.home) as lock:
            asyncio.run(self._supervise(list(parts), lock))
        assert self.last is not None
        assert self._rules == []
        return self.last

    async def _supervise(self, parts: list[Part], lock: int) -> None:
        await Supervisor(self.home, parts, {}, lock=lock, watcher=self.watch).run()


@pytest.fixture
def story(home: Home) -> Story:
    return Story(home)


def is_ready(state: StackState) -> bool:
    return state.phase == "ready" and state.is_well


def stop(_state: StackState) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def pid_of(state: StackState, name: str) -> int:
    [pid] = [part.pid for part in state.parts if part.name == name]
    assert pid is not None
    return pid


def test_a_part_starts_once_those_it_stands_on_are_well_and_stops_before_them(story: Story, tmp_path: Path) -> None:
    flag = tmp_path / "well"
    program = f"import pathlib; pathlib.Path({str(flag)!r}).touch(); {_LIVE}"
    probe = lambda _: "" if flag.exists() else "not yet"  # noqa: E731
    story.when(is_ready, stop)

    last = story.run(
        part("top", f"import os; assert os.path.exists({str(flag)!r}); {_LIVE}", after={"base"}),
        part("base", program, probe=probe),
    )

    assert last.phase == "stopped"
    assert [(each.name, each.health, each.restarts) for each in last.parts] == [
        ("top", "stopped", 0),
        ("base", "stopped", 0),
    ]
    assert {"top": "healthy", "base": "stopped"} not in story.moments
    assert story.moments.index({"top": "waiting", "base": "starting"}) == 0
    wait_until_gone(list(story.processes.values()))


def test_a_part_that_dies_is_started_again_and_the_state_says_so(story: Story) -> None:
    story.when(is_ready, lambda state: os.kill(pid_of(state, "mortal"), signal.SIGKILL))
    story.when(lambda state: not state.is_well, lambda _: None)
    story.when(is_ready, stop)

    last = story.run(part("mortal"))

    assert [(each.name, each.restarts) for each in last.parts] == [("mortal", 1)]
    assert {"mortal": "restarting"} in story.moments
    assert len(story.processes) == 2


def test_what_a_dead_part_left_behind_ends_before_it_is_started_again(story: Story) -> None:
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {_LIVE!r}]).wait()"
    orphans: list[psutil.Process] = []

    def kill_leader(state: StackState) -> None:
        leader = psutil.Process(pid_of(state, "parent"))
        orphans.extend(leader.children())
        leader.kill()

    def has_child(state: StackState) -> bool:
        return is_ready(state) and bool(psutil.Process(pid_of(state, "parent")).children())

    probe = lambda _: "" if "alive" in story.home.log("parent").read_text() else "no child yet"  # noqa: E731
    story.when(has_child, kill_leader)
    story.when(lambda state: not state.is_well, lambda _: wait_until_gone(orphans))
    story.when(is_ready, stop)

    story.run(part("parent", program, probe=probe))

    assert len(orphans) == 1


def test_a_part_that_cannot_start_ends_everything_and_is_quoted(story: Story) -> None:
    broken = part("broken", "raise SystemExit('no such table')", after={"base"})
    with pytest.raises(PartFailed) as failed:
        story.run(part("base"), broken)

    assert "broken ended with exit code 1. The end of " in str(failed.value)
    assert str(failed.value).endswith("no such table")
    assert story.last is not None
    assert (story.last.phase, story.last.message) == ("failed", str(failed.value))
    wait_until_gone(list(story.processes.values()))


def test_a_step_runs_once_and_those_after_it_wait_for_its_end(story: Story, tmp_path: Path) -> None:
    made = tmp_path / "made"
    story.when(is_ready, stop)

    last = story.run(
        part("step", f"import pathlib; pathlib.Path({str(made)!r}).touch(); print('made it')", once=True),
        part("user", f"import os; assert os.path.exists({str(made)!r}); {_LIVE}", after={"step"}),
    )

    assert [(each.health, each.restarts, each.message) for each in last.parts if each.name == "step"] == [
        ("done", 0, "made it")
    ]


def test_a_step_that_is_not_vital_fails_alone(story: Story) -> None:
    messages: list[str] = []

    def read_and_stop(state: StackState) -> None:
        messages.append(state.message)
        stop(state)

    story.when(lambda state: state.phase == "ready", read_and_stop)

    story.run(part("base"), part("extra", "raise SystemExit('no day')", once=True, vital=False))

    assert {"base": "healthy", "extra": "failed"} in story.moments
    assert messages[0].endswith("no day")


def test_a_part_that_ignores_its_signal_is_killed(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.guard.GRACE_S", 0.2)
    program = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_LIVE}"
    probe = lambda _: "" if "alive" in story.home.log("deaf").read_text() else "not yet"  # noqa: E731
    story.when(is_ready, stop)
    story.run(part("deaf", program, probe=probe))
    wait_until_gone(list(story.processes.values()))
