"""The processes of `bench api`: one engine, the API as it serves by default, and its peers, each in its turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psutil
from cryptography.hazmat.primitives import serialization

from bench import stacks
from bench.peers.engine import listen_for_http
from bench.wearers import LAST_DAY
from resources.settings import Settings
from stack import clickhouse, issuer, lineup, ports
from stack.home import Home

_PATIENCE_S = 60
_PEER = "bench.peers.service:create_app"


class World(msgspec.Struct, frozen=True):
    """A warehouse that is served twice over, and a token for whoever serves it."""

    settings: Settings
    http_port: int
    token: str
    public_key: str
    engine_pid: int

    def engine(self) -> psutil.Process:
        """The warehouse's process."""
        return psutil.Process(self.engine_pid)


@contextmanager
def world() -> Iterator[World]:
    """An engine in a temporary folder, without tables yet."""
    with stacks.home():
        home = Home(os.environ["REPORTS_HOME"])
        home.prepare()
        issuer.prepare(home)
        chosen = ports.choose({"clickhouse": 0, "http": 0, "api": 0})
        own = lineup.Embedded(clickhouse=True, postgres=False, sources=False, dagster=False)
        settings = lineup.settle(Settings(reports_retention_days=0), home, own, chosen)
        part = clickhouse.part(home, chosen["clickhouse"], [settings.clickhouse_database])
        if part.prepare:
            part.prepare()
        listen_for_http(home.clickhouse, chosen["http"])
        command = ["bench.peers.engine" if word == "stack.chdb" else word for word in part.command]
        with _process(command, {}, home.log("clickhouse"), stdin=subprocess.PIPE) as process:
            _wait(process, lambda: not part.probe(0), home.log("clickhouse"))
            sub = "11111111-1111-4111-8111-111111111111"
            token = issuer.token(home, settings, sub, ["reports-reader"], lifetime_s=7200)
            yield World(settings, chosen["http"], token, _public_key(home), process.pid)


@contextmanager
def api(world: World) -> Iterator[psutil.Process]:
    """`reports-api` as it serves by default, but that one caller may ask as often as the load does."""
    environ = lineup.api_environment(world.settings) | {"REPORTS_RATE_LIMIT": "0"}
    with _serving([sys.executable, "-m", "stack.serve_api"], environ, world.settings.reports_service_port) as process:
        yield process


@contextmanager
def peer(world: World, client: str, server: str) -> Iterator[tuple[int, psutil.Process]]:
    """Port and process of a peer whose client is `shared` or made for each `request`, under `uvicorn` or `granian`."""
    port = ports.choose({"peer": 0})["peer"]
    told = {
        "PEER_CLIENT": client,
        "PEER_CLICKHOUSE_PORT": str(world.http_port),
        "PEER_LAST_DAY": str(LAST_DAY),
        "KEYCLOAK_PUBLIC_KEY": world.public_key,
    }
    environ = lineup.environment(world.settings) | told
    with _serving(_command(server, _PEER, port, factory=True), environ, port) as process:
        yield port, process


@contextmanager
def trivial(body_bytes: int) -> Iterator[int]:
    """The port of a server that does nothing but answer so many bytes."""
    port = ports.choose({"trivial": 0})["trivial"]
    environ = {"TRIVIAL_BYTES": str(body_bytes)}
    with _serving(_command("granian", "bench.peers.trivial:app", port, factory=False), environ, port):
        yield port


@contextmanager
def backfill(world: World) -> Iterator[None]:
    """A process that builds the same days again and again."""
    command = [sys.executable, "-m", "bench.wearers"]
    environ = lineup.environment(world.settings)
    with subprocess.Popen(command, env=os.environ | environ, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("The backfill ended before its first build.")
            yield
        finally:
            process.kill()


def _command(server: str, app: str, port: int, *, factory: bool) -> list[str]:
    named = ["--factory"] if factory else []
    if server == "uvicorn":
        return [sys.executable, "-m", "uvicorn", app, *named, "--port", str(port), "--log-level", "error"]
    quiet = ["--log-level", "error", "--no-ws"]
    return [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), *quiet, *named, app]


@contextmanager
def _serving(command: Sequence[str], environ: Mapping[str, str], port: int) -> Iterator[psutil.Process]:
    log = Path(os.environ["REPORTS_HOME"]) / f"served-{port}.log"
    with _process(command, environ, log) as process:
        _wait(process, lambda: _answers(port), log)
        yield psutil.Process(process.pid)


@contextmanager
def _process(
    command: Sequence[str], environ: Mapping[str, str], log: Path, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as output,
        subprocess.Popen(
            list(command), env=os.environ | dict(environ), stdin=stdin, stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"A server did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=5).status_code > 0
    except httpx.HTTPError:
        return False


def _public_key(home: Home) -> str:
    private = serialization.load_pem_private_key((home.keys / "issuer.pem").read_bytes(), password=None)
    public = private.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
