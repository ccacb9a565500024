"""The command `reports`, on the two database servers alone."""

from __future__ import annotations

import os
import signal
import socket

import psutil

from stack import guard as guard_module
from tests.engines import wait_until
from tests.stack.conftest import FREE_PORTS, Reports, wait_until_gone

SERVERS = [*FREE_PORTS, "--part=postgres", "--part=clickhouse"]


def one_line(output: str) -> str:
    """The only line of what must not be a traceback."""
    [line] = output.strip().splitlines()
    return line


def test_a_stack_lives_through_what_happens_to_it(reports: Reports) -> None:
    """One start for all of it: starting is most of the time."""
    reports.succeed("up", "--detach", *SERVERS)
    first = reports.state
    assert [(part.name, part.health, part.restarts) for part in first.parts] == [
        ("postgres", "healthy", 0),
        ("clickhouse", "healthy", 0),
    ]
    assert "clickhouse" in reports.succeed("status")

    second = reports("up", *SERVERS)
    assert second.returncode == 1
    assert f"(process {first.pid})" in one_line(second.stderr)
    assert "`reports status`" in second.stderr
    assert reports.state.pid == first.pid

    [before] = [part.pid for part in first.parts if part.name == "clickhouse"]
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: [part.restarts for part in reports.state.parts] == [0, 1], "the state counts a restart")
    wait_until(lambda: reports.state.is_well, "the part is well again")
    assert reports("status").returncode == 0

    everything = reports.processes()
    names = {process.name() for process in everything}
    assert {"postgres"} <= names
    os.kill(first.pid, signal.SIGKILL)
    wait_until_gone(everything)
    nothing = reports("status")
    assert nothing.returncode == 1
    assert one_line(nothing.stderr).startswith(f"No stack runs in {reports.home.folder}.")

    reports.succeed("up", "--detach", *SERVERS)
    supervisor = psutil.Process(reports.state.pid)
    everything = reports.processes()
    os.kill(everything[0].pid, signal.SIGKILL)  # the guard, or a part: either is missed and replaced
    assert reports.succeed("down") == "Stopped.\n"
    wait_until_gone([supervisor, *everything])
    assert reports.succeed("down") == "Nothing was running.\n"


def test_a_terminated_supervisor_leaves_no_process(reports: Reports) -> None:
    reports.succeed("up", "--detach", *FREE_PORTS, "--part=clickhouse")
    everything = reports.processes()
    os.kill(reports.state.pid, signal.SIGTERM)
    wait_until_gone(everything)


def test_a_guard_that_dies_is_replaced(reports: Reports) -> None:
    reports.succeed("up", "--detach", *FREE_PORTS, "--part=clickhouse")
    supervisor = psutil.Process(reports.state.pid)

    [first] = reports.processes(guard_module.__file__)
    first.kill()
    wait_until(lambda: set(reports.processes(guard_module.__file__)) - {first}, "there is another guard")
    everything = reports.processes()
    supervisor.kill()
    wait_until_gone(everything)


def test_a_taken_port_is_a_sentence_and_nothing_is_started(reports: Reports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = reports("up", "--detach", *FREE_PORTS, f"--port-clickhouse={port}")
    assert refused.returncode == 1
    assert one_line(refused.stderr) == (
        f"Port {port} for ClickHouse is taken: stop what listens there, or choose another with --port-clickhouse "
        "(0 takes any free one)."
    )
    assert list(reports.home.clickhouse.iterdir()) == []
    assert not reports.home.postgres.exists()


def test_an_outside_server_that_is_away_is_a_sentence(reports: Reports) -> None:
    refused = reports("up", *FREE_PORTS, CLICKHOUSE_HOST="127.0.0.1", CLICKHOUSE_PORT="9")
    assert refused.returncode == 1
    assert one_line(refused.stderr).startswith("The server that CLICKHOUSE_HOST names does not answer (")
    assert not reports.home.state.exists()


def test_commands_that_need_a_stack_say_so(reports: Reports) -> None:
    for command in (["token", "--user=1"], ["seed"], ["materialize"], ["status"]):
        done = reports(*command)
        assert done.returncode == 1
        assert one_line(done.stderr).startswith(f"No stack runs in {reports.home.folder}.")


def test_a_log_that_is_not_there_is_a_sentence(reports: Reports) -> None:
    assert one_line(reports("logs", "api").stderr) == "There is no log of 'api'. Nothing ran here yet."
