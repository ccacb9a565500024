"""Bringing the stack up, in this process or in one of its own, and taking it down."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from resources.settings import Settings, read_settings
from stack import clickhouse, issuer, library, lineup, ports, probes
from stack.errors import AlreadyRunning, NotRunning, ServerUnreachable, StackError
from stack.home import Home, is_locked, locked
from stack.parts import Part, Probe, only
from stack.state import StackState, read_state, running
from stack.supervisor import Supervisor, Watcher

_CLEARING_UP_S = 20.0
_DOWN_S = 90.0
_PERIOD_S = 0.1


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What `reports up` was asked for."""

    ports: dict[str, int | None] = {}
    parts: list[str] = []
    """Only these parts; all where empty."""
    demo: bool = True
    """Fill empty sources with demo data at the first start."""

    def arguments(self) -> list[str]:
        """The options that ask for the same."""
        ports_ = [f"--port-{name}={port}" for name, port in self.ports.items() if port is not None]
        return [*ports_, *(f"--part={name}" for name in self.parts), "--demo" if self.demo else "--no-demo"]


def must_fetch(environ: Mapping[str, str]) -> bool:
    """Whether the stack needs the ClickHouse engine and the cache does not hold it. Raises `EngineUnavailable`."""
    own = lineup.embedded(read_settings(environ), environ)
    return own.clickhouse and not clickhouse.installed() and not library.is_cached()


def run(environ: Mapping[str, str], wishes: Wishes, watcher: Watcher) -> None:
    """Run the stack in this process until it is told to stop. Raises `StackError` where it cannot start."""
    settings = read_settings(environ)
    home = Home(settings.reports_home)
    home.prepare()
    own = lineup.embedded(settings, environ)
    if not wishes.demo:
        own = msgspec.structs.replace(own, sources=False)
    with _claimed(home) as lock:
        listening = ports.choose(own.wanted_ports(wishes.ports, settings))
        _reach(settings, own)
        issuer.prepare(home)
        settled = lineup.settle(settings, home, own, listening)
        parts = only(lineup.parts(settled, home, own, listening), wishes.parts)
        asyncio.run(_supervise(home, parts, listening, lock, watcher))


def detach(environ: Mapping[str, str], wishes: Wishes, watcher: Watcher) -> StackState:
    """Run the stack in a process of its own; its state once it is ready. Raises `StackError` where it cannot start."""
    home = Home(read_settings(environ).reports_home)
    home.prepare()
    if state := running(home):
        raise _busy(home, state)
    with home.fresh_log("supervisor").open("ab") as log:
        began = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "stack.cli", "up", *wishes.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    state = None
    while process.poll() is None:
        state = read_state(home)
        if state and state.pid == process.pid:
            watcher(state)
            if state.phase == "ready":
                return state
        time.sleep(_PERIOD_S)
    if state and state.pid == process.pid and state.message:
        raise StackError(state.message)
    raise StackError(home.log("supervisor").read_bytes()[began:].decode(errors="replace").strip())


def down(home: Home) -> bool:
    """End the stack that runs in this state folder, and return once its last process is gone; whether there was any.

    Raises `StackError` where it does not end.
    """
    state = running(home)
    if state:
        os.kill(state.pid, signal.SIGTERM)
    elif not is_locked(home):
        return False
    deadline = time.monotonic() + _DOWN_S
    while is_locked(home) or running(home):
        if time.monotonic() > deadline:
            raise StackError(f"The stack did not end within {_DOWN_S:.0f} seconds; see {home.log('supervisor')}.")
        time.sleep(_PERIOD_S)
    return True


def current(environ: Mapping[str, str]) -> tuple[Home, Settings]:
    """State folder and settings of the stack that runs now, addresses filled in. Raises `NotRunning`."""
    settings = read_settings(environ)
    home = Home(settings.reports_home)
    state = running(home)
    if state is None:
        raise NotRunning(
            f"No stack runs in {home.folder}. Start it with `reports up`, or name its folder with REPORTS_HOME."
        )
    return home, lineup.settle(settings, home, lineup.embedded(settings, environ), state.ports)


async def _supervise(home: Home, parts: list[Part], listening: dict[str, int], lock: int, show: Watcher) -> None:
    await Supervisor(home, parts, listening, lock=lock, watcher=show).run()


@contextmanager
def _claimed(home: Home) -> Iterator[int]:
    """The state folder's lock; a guard that still clears up after a killed supervisor is waited for."""
    deadline = time.monotonic() + _CLEARING_UP_S
    while is_locked(home):
        if state := running(home):
            raise _busy(home, state)
        if time.monotonic() > deadline:
            break
        time.sleep(_PERIOD_S)
    with locked(home) as lock:
        yield lock


def _busy(home: Home, state: StackState) -> AlreadyRunning:
    return AlreadyRunning(
        f"A stack already runs in {home.folder} (process {state.pid}). "
        "See `reports status`, end it with `reports down`, or start another with its own REPORTS_HOME and ports."
    )


def _reach(settings: Settings, own: lineup.Embedded) -> None:
    """Ask every server that the settings name; raises `ServerUnreachable`."""
    outside: dict[str, Probe] = {
        variable: probes.postgres(url)
        for variable, url in (
            ("CRM_DATABASE_URL", settings.crm_database_url),
            ("TELEMETRY_DATABASE_URL", settings.telemetry_database_url),
            ("DAGSTER_DATABASE_URL", settings.dagster_database_url),
        )
        if url
    }
    if not own.clickhouse:
        login = {"user": settings.clickhouse_user, "password": settings.clickhouse_password}
        outside["CLICKHOUSE_HOST"] = probes.clickhouse(
            host=settings.clickhouse_host, port=settings.clickhouse_port, **login
        )
    if not own.dagster:
        outside["DAGSTER_WEBSERVER_URL"] = probes.http(settings.dagster_webserver_url.rstrip("/") + "/server_info")
    for variable, probe in outside.items():
        if trouble := probe(time.time()):
            raise ServerUnreachable(
                f"The server that {variable} names does not answer ({trouble}). "
                f"Start it, correct the setting, or unset it to let the stack bring its own."
            )
