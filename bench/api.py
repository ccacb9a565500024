"""the read API against services as the ones before it: side by side, same warehouse, same rows, same token"""

from __future__ import annotations

import itertools
import json
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from rich.progress import Progress

from bench import load, questions, servers, wearers
from bench.servers import World

SECONDS = 4.0
"""How long each load lasts."""
DISTINCT = 10_000
"""Several times what memory has room for; a million of them (`--distinct`) take half an hour and change nothing."""
CLIENTS = 8
TURNS = 3
_REMEMBERED_CLIENTS = 32
_QUIET_PER_S = 50
"""Reports a second that leave most of the machine to a backfill."""


def measure(distinct: int = DISTINCT) -> dict[str, float]:
    """Answers a second, milliseconds and megabytes, in the order of the issue's table."""
    with Progress(transient=True, disable="CI" in os.environ) as progress, servers.world() as world:
        step = progress.add_task("fill", total=7)

        def next_step(name: str) -> None:
            progress.update(step, description=name, advance=1)

        wearers.fill(world.settings)
        next_step("peers")
        servers_of = {client: _better_server(world, client) for client in ("request", "shared")}
        next_step("remembered")
        per_request = _peer(world, "request", servers_of["request"])
        ours = _ours(world)
        next_step("not remembered")
        cold, shared = _cold(world, servers_of["shared"])
        next_step("backfill")
        busy = _while_a_backfill_runs(world)
        next_step("distinct requests")
        memory = _memory(world, distinct)
        next_step("ceiling")
        ceiling = _ceiling(world, int(ours["bytes_of_a_report"]), ours["per_s"] / 2)
    return {
        **_rates(ours, per_request, cold, shared),
        **busy,
        **memory,
        "bytes_of_a_report": ours["bytes_of_a_report"],
        **ceiling,
    }


def _rates(
    ours: dict[str, float], per_request: float, cold: dict[str, float], shared: dict[str, float]
) -> dict[str, float]:
    """Ours beside the peers."""
    return {
        "remembered_per_s": round(ours["per_s"]),
        "peer_client_per_request_per_s": round(per_request, 1),
        "peer_shared_client_per_s": round(shared["per_s"], 1),
        "remembered_to_client_per_request": round(ours["per_s"] / per_request, 1),
        "remembered_to_shared_client": round(ours["per_s"] / shared["per_s"], 1),
        "not_remembered_per_s": round(cold["per_s"], 1),
        "not_remembered_to_shared_client": round(cold["per_s"] / shared["per_s"], 2),
        "not_remembered_queries_per_request": round(cold["queries"], 2),
        "not_remembered_cpu_ms_of_server": round(cold["server_ms"], 2),
        "not_remembered_cpu_ms_of_warehouse": round(cold["warehouse_ms"], 2),
        "shared_client_cpu_ms_of_server": round(shared["server_ms"], 2),
        "shared_client_cpu_ms_of_warehouse": round(shared["warehouse_ms"], 2),
        "held_304_per_s": round(ours["held_per_s"]),
        "held_304_to_remembered": round(ours["held_per_s"] / ours["per_s"], 2),
        "not_remembered_p99_ms_8_clients": round(cold["p99_ms"], 2),
    }


def _better_server(world: World, client: str) -> str:
    """Under which server the peer answers more."""
    return max(("uvicorn", "granian"), key=lambda server: _peer(world, client, server, SECONDS / 2))


def _peer(world: World, client: str, server: str, seconds: float = SECONDS) -> float:
    """Answers a second of a peer; each report is another wearer's."""
    with servers.peer(world, client, server) as (port, _):
        requests = questions.requests(world, questions.cold_paths())
        load.exactly(port, itertools.islice(requests, CLIENTS), connections=CLIENTS)
        return _answered(load.closed(port, requests, connections=CLIENTS, seconds=seconds)).per_second


def _ours(world: World) -> dict[str, float]:
    with _api(world) as (port, _):
        path = "/reports/1"
        whole = questions.get(world, port, path)
        plain = questions.requests(world, itertools.repeat(path))
        held = questions.requests(world, itertools.repeat(path), f"If-None-Match: {whole.headers['ETag']}\r\n")
        asked = wearers.queries_of(world.settings)
        remembered, unchanged = _in_turns(port, plain, held)
        _none_but_the_follower(wearers.queries_of(world.settings) - asked, len(remembered.ms))
    return {
        "per_s": _answered(remembered).per_second,
        "held_per_s": _answered(unchanged, 304).per_second,
        "bytes_of_a_report": len(whole.content),
    }


def _in_turns(port: int, plain: Iterator[bytes], held: Iterator[bytes]) -> tuple[load.Took, load.Took]:
    """The middle of some turns of each, so that what else the machine does falls on both."""
    turns: list[tuple[load.Took, load.Took]] = []
    for _ in range(TURNS):
        turn = [
            load.closed(port, requests, connections=_REMEMBERED_CLIENTS, seconds=SECONDS / 2)
            for requests in (plain, held)
        ]
        turns.append((turn[0], turn[1]))
    first, second = zip(*turns, strict=True)
    return _middle(list(first)), _middle(list(second))


def _middle(turns: list[load.Took]) -> load.Took:
    return sorted(turns, key=lambda took: took.per_second)[len(turns) // 2]


def _cold(world: World, server: str) -> tuple[dict[str, float], dict[str, float]]:
    """The API and the peer with a shared client in turns, so that what else the machine does falls on both."""
    with _api(world) as (port, process), servers.peer(world, "shared", server) as (peer_port, peer_process):
        questions.agree(world, port, peer_port)
        ours, theirs = (questions.requests(world, questions.cold_paths()) for _ in range(2))
        # Who the wearers are is known afterwards, as in any service that has run for a minute.
        load.exactly(port, itertools.islice(ours, wearers.WEARERS), connections=CLIENTS)
        turns = [
            (_turn(world, port, process, ours), _turn(world, peer_port, peer_process, theirs)) for _ in range(TURNS)
        ]
    return _middle_turn([own for own, _ in turns]), _middle_turn([peers for _, peers in turns])


def _turn(world: World, port: int, process: psutil.Process, requests: Iterator[bytes]) -> dict[str, float]:
    asked, server_s, warehouse_s = wearers.queries_of(world.settings), _cpu_s(process), _cpu_s(world.engine())
    took = _answered(load.closed(port, requests, connections=CLIENTS, seconds=SECONDS))
    return {
        "per_s": took.per_second,
        "p99_ms": took.percentile_ms(99),
        "server_ms": 1000 * (_cpu_s(process) - server_s) / len(took.ms),
        "warehouse_ms": 1000 * (_cpu_s(world.engine()) - warehouse_s) / len(took.ms),
        "queries": (wearers.queries_of(world.settings) - asked) / len(took.ms),
    }


def _middle_turn(turns: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}


def _cpu_s(process: psutil.Process) -> float:
    times = [part.cpu_times() for part in [process, *process.children(recursive=True)]]
    return sum(spent.user + spent.system for spent in times)


def _while_a_backfill_runs(world: World) -> dict[str, float]:
    """99th percentiles of the same load with and without a process that builds days meanwhile."""
    idle, busy = [], []
    with _api(world) as (port, _):
        requests = questions.requests(world, questions.cold_paths())
        load.exactly(port, itertools.islice(requests, wearers.WEARERS), connections=CLIENTS)
        for _ in range(TURNS):
            idle += _paced(port, requests, _QUIET_PER_S).ms
            with servers.backfill(world):
                busy += _paced(port, requests, _QUIET_PER_S).ms
    idle_ms, busy_ms = (statistics.quantiles(ms, n=100)[98] for ms in (idle, busy))
    return {
        "p99_ms_idle": round(idle_ms, 2),
        "p99_ms_while_a_backfill_runs": round(busy_ms, 2),
        "backfill_to_idle": round(busy_ms / idle_ms, 2),
    }


def _memory(world: World, distinct: int) -> dict[str, float]:
    """Resident megabytes of all processes of the API after so many requests, no two of which are the same."""
    with _api(world) as (port, process):
        load.closed(port, questions.requests(world, itertools.repeat("/reports/1")), connections=CLIENTS, seconds=1)
        idle_mb = _resident_mb(process)
        took = _answered(load.exactly(port, questions.distinct(world, distinct), connections=CLIENTS))
        return {
            "distinct_requests": len(took.ms),
            "idle_mb": round(idle_mb),
            "mb_above_idle_after_them": round(_resident_mb(process) - idle_mb),
        }


def _ceiling(world: World, body_bytes: int, per_second: float) -> dict[str, float]:
    """What the load can do with as many bytes to read, and the API at half of saturation beside a server without work.

    In turns, and the middle of them: what else the machine does makes either of them wait for longer than it takes.
    """
    with _api(world) as (port, _), servers.trivial(body_bytes) as trivial_port:
        nothing = itertools.repeat(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        took = load.closed(trivial_port, nothing, connections=_REMEMBERED_CLIENTS, seconds=SECONDS)
        asked = ((port, questions.requests(world, itertools.repeat("/reports/1"))), (trivial_port, nothing))
        turns = [[_paced(*each, per_second).percentile_ms(99) for each in asked] for _ in range(TURNS)]
    ours, trivial = (statistics.median(figures) for figures in zip(*turns, strict=True))
    return {
        "remembered_p99_ms_at_half_of_saturation": round(ours, 2),
        "trivial_server_p99_ms_at_that_pace": round(trivial, 2),
        "load_s_own_ceiling_per_s": round(took.per_second),
    }


def _paced(port: int, requests: Iterator[bytes], per_second: float) -> load.Took:
    return _answered(
        load.paced(port, requests, connections=_REMEMBERED_CLIENTS, seconds=SECONDS, per_second=per_second)
    )


@contextmanager
def _api(world: World) -> Iterator[tuple[int, psutil.Process]]:
    """The API, once it has answered a report."""
    with servers.api(world) as process:
        port = world.settings.reports_service_port
        for _ in range(100):
            if questions.get(world, port, "/reports/1").status_code == 200:
                break
        yield port, process


def _answered(took: load.Took, status: int = 200) -> load.Took:
    if took.statuses.keys() != {status}:
        raise ValueError(f"Not all was answered with {status}: {json.dumps(took.statuses)}")
    return took


def _none_but_the_follower(queries: int, answers: int) -> None:
    if queries > answers / 10:
        raise ValueError(f"{queries} queries for {answers} remembered answers.")


def _resident_mb(process: psutil.Process) -> float:
    return sum(part.memory_info().rss for part in [process, *process.children(recursive=True)]) / (1 << 20)
