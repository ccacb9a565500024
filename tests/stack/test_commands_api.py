"""`reports-api`: the API alone, from the settings to the last answer."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from resources.settings import Settings
from stack import ports, serve_api
from tests.api.world import ISSUER, Issuer
from tests.engines import ClickHouseServer, wait_until
from tests.stack.deployment import Deployment

TOKENS = {"REPORTS_TOKEN_ISSUER": ISSUER}


@pytest.fixture
def deployment(clickhouse: ClickHouseServer, tmp_path: Path) -> Deployment:
    """A ClickHouse without marts; the other servers are not asked."""
    login = {f"clickhouse_{name}": value for name, value in clickhouse.login().items()}
    return Deployment(msgspec.convert(login | {"clickhouse_database": "default"}, Settings), tmp_path)


class Api(msgspec.Struct):
    """The API as `reports-api` runs it."""

    trusted: dict[str, str]
    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def serving(deployment: Deployment, folder: Path, **environ: str) -> Iterator[Api]:
    """The API alone until the block ends; it must then end well on SIGTERM."""
    (folder / "keys.json").write_bytes(Issuer().key_set())
    port = ports.choose({"api": 0})["api"]
    trusted = TOKENS | {"REPORTS_JWKS": str(folder / "keys.json"), "REPORTS_SERVICE_PORT": str(port)}
    known = dict(os.environ) | deployment.environ | trusted | environ
    command = [sys.executable, "-m", "stack.serve_api", "--host=localhost"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=known, stdout=log, stderr=log) as api:
        try:
            wait_until(lambda: api.poll() is not None or _answers(port), "the API answers")
            yield Api(trusted, port, api)
        finally:
            api.send_signal(signal.SIGTERM)
        assert api.wait(30) == 0, (folder / "log").read_text()
    assert not _answers(port)


def test_the_api_alone_serves_until_it_is_told_to_stop(deployment: Deployment, tmp_path: Path) -> None:
    with serving(deployment, tmp_path) as api:
        assert httpx.get(f"http://localhost:{api.port}/health", trust_env=False).status_code == 200
        taken = deployment.refused("--host=localhost", entry=serve_api.main, environ=api.trusted)
        assert taken.startswith(f"The API cannot listen on port {api.port} of localhost (Address already in use).")


def test_a_request_that_is_being_answered_when_the_api_is_told_to_stop_is_answered(
    deployment: Deployment, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as caller:
        away = {"CLICKHOUSE_PORT": str(silent.getsockname()[1])}
        # First comes whatever follows the publications, then the request's own; neither is ever spoken to.
        with serving(deployment, tmp_path, **away) as api, silent.accept()[0]:
            answer = caller.submit(httpx.get, f"http://localhost:{api.port}/health", trust_env=False, timeout=30)
            with silent.accept()[0]:
                api.process.send_signal(signal.SIGTERM)
                assert answer.result().status_code == 503


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://localhost:{port}/health/live", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "No keys to verify tokens with: set REPORTS_JWKS"),
        ({"CLICKHOUSE_PORT": "many", "REPORTS_TYPO": "1"}, "REPORTS_TYPO is not a setting; CLICKHOUSE_PORT: Expected"),
        ({"KEYCLOAK_PUBLIC_KEY": "MIIB", **TOKENS}, "KEYCLOAK_PUBLIC_KEY is no public key"),
        ({"REPORTS_DATABASE_URL": "postgresql://h/db"}, "REPORTS_DATABASE_URL: Expected clickhouse://"),
    ],
)
def test_the_api_does_not_start_with_settings_that_make_no_sense(
    deployment: Deployment, environ: dict[str, str], why: str
) -> None:
    assert re.match(re.escape(why), deployment.refused(entry=serve_api.main, environ=environ))
