"""Dagster as the refresh routes meet it: a real web server, and one that answers what a real one was heard to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from resources.settings import VARIABLES, Settings
from stack import ports
from stack.child import ROOT
from tests.engines import wait_until

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "dagster_answers.json").read_text(encoding="utf-8"))
"""Answers of dagster-webserver 1.13.27 by what was asked, as they came."""

_WORKSPACE = "load_from:\n  - python_module: {module_name: assets.definitions, location_name: reports}\n"
# A launch then starts its run itself: no daemon is needed.
_INSTANCE = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
run_retries: {enabled: true, max_retries: 1}
"""
# What the daemon does every few seconds. The code server dies with its context, and the run with it: it is waited for.
_RETRY = """
import time
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import consume_new_runs_for_automatic_reexecution

with DagsterInstance.get() as instance:
    failed = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    with WorkspaceProcessContext(instance, WorkspaceFileTarget(["workspace.yaml"])) as context:
        list(consume_new_runs_for_automatic_reexecution(context, failed, None))
        while any(not run.is_finished for run in instance.get_runs()):
            time.sleep(0.1)
"""


class FakeDagster:
    """Answers each operation of GraphQL with what it was told to say, in turn; the last answer stays."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers: dict[str, list[str]] = {}

    def says(self, operation: str, *names: str) -> None:
        """From now on `operation` is answered with the recorded answers of these names."""
        self._answers[operation] = list(names)

    def operations(self) -> list[str]:
        """What was asked, in order."""
        return [operation for operation, _ in self.asked]

    def answer(self, question: dict[str, Any]) -> Any:
        operation = next(name for name in ("Launch", "Look", "Active") if f" {name}(" in question["query"])
        self.asked.append((operation, question["variables"]))
        left = self._answers[operation]
        return RECORDED[left.pop(0) if len(left) > 1 else left[0]]


@contextmanager
def fake_dagster() -> Iterator[FakeDagster]:
    """A web server that says what it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(fake.answer(question)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = FakeDagster(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def real_dagster(settings: Settings, folder: Path) -> Iterator[str]:
    """The address of a web server of Dagster that has the marts, with an instance of its own in `folder`."""
    (folder / "workspace.yaml").write_text(_WORKSPACE)
    (folder / "dagster.yaml").write_text(_INSTANCE)
    port = ports.choose({"dagster": 0})["dagster"]
    command = [sys.executable, "-m", "dagster_webserver", "-w", str(folder / "workspace.yaml")]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        cwd=ROOT,
        env={**os.environ, **_environment(settings), "DAGSTER_HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    with process:
        try:
            wait_until(lambda: process.poll() is not None or _is_up(address), "Dagster's web server answers")
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def retry_what_failed(settings: Settings, folder: Path) -> None:
    """Do as Dagster's daemon does for the instance in `folder`, and return when the retries are over."""
    environ = {**os.environ, **_environment(settings), "DAGSTER_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", _RETRY], cwd=folder, env=environ, check=True)


def _environment(settings: Settings) -> dict[str, str]:
    values: Sequence[tuple[str, Any]] = [(name, getattr(settings, field)) for name, field in VARIABLES.items()]
    return {name: str(value) for name, value in values}


def _is_up(address: str) -> bool:
    try:
        return httpx.get(f"{address}/server_info", trust_env=False).is_success
    except httpx.HTTPError:
        return False
