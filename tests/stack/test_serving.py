"""`reports-api` under a real granian: several workers are one, a dead one is replaced, and a stop lets answers end."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.auth import MANAGER
from resources.settings import Settings
from stack import logs, ports
from stack.home import Home
from stack.lineup import environment
from tests.api.conftest import empty_marts
from tests.api.world import ADA_UUID, ISSUER, Issuer
from tests.engines import wait_until

DAYS, ROWS = 10, 20_000
EXPORT = "/api/v1/aggregates/audit-activity?format=csv"


class Serving(msgspec.Struct):
    """A running `reports-api`."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    issuer: Issuer

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children()
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", headers=headers, trust_env=False, timeout=30)

    def value(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = (sample for family in families for sample in family.samples)
        return sum(found.value for found in samples if found.name == name and labels.items() <= found.labels.items())

    def lines(self) -> list[dict[str, object]]:
        """The log; every line of it must be JSON."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def answers(self) -> bool:
        try:
            return self.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def serving(settings: Settings, folder: Path, *arguments: str, **environ: str) -> Iterator[Serving]:
    """`reports-api` until the block ends; by then it must end well on SIGTERM."""
    issuer = Issuer()
    (folder / "keys.json").write_bytes(issuer.key_set())
    port = ports.choose({"api": 0})["api"]
    told = {"REPORTS_JWKS": str(folder / "keys.json"), "REPORTS_TOKEN_ISSUER": ISSUER}
    known = dict(os.environ) | environment(settings) | told | {"REPORTS_SERVICE_PORT": str(port)} | environ
    command = [sys.executable, "-m", "stack.serve_api", *arguments]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=known, stdout=log, stderr=log) as process:
        running = Serving(port, process, folder / "log", issuer)
        try:
            wait_until(lambda: process.poll() is not None or running.answers(), "the API answers")
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, running.log.read_text(encoding="utf-8")


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a warehouse that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Settings(clickhouse_port=taken.getsockname()[1], reports_home=str(tmp_path))


@pytest.fixture(scope="module")
def filled(fresh_settings: Callable[[], Settings]) -> Settings:
    """A warehouse with an audit trail whose file no socket holds whole."""
    settings = fresh_settings()
    rows = [{"action": f"deal.update.{n}", "entity_type": "deal", "events": n, "actors": 1} for n in range(ROWS)]
    with empty_marts(settings) as marts:
        for number in range(DAYS):
            marts.audit(date(2026, 7, 1) + timedelta(days=number), rows)
    return settings


def test_several_workers_share_their_metrics_and_one_that_dies_is_replaced(away: Settings, tmp_path: Path) -> None:
    with serving(away, tmp_path, "--workers=2") as api:
        wait_until(lambda: api.value("reports_workers") == 2, "both workers are counted")
        before = api.value("reports_http_requests_total", route="/report")
        for _ in range(20):
            assert httpx.post(f"{api.address}/report", trust_env=False).status_code == 401
        counted = before + 20
        wait_until(lambda: api.value("reports_http_requests_total", route="/report") == counted, "all are counted")

        first, second = api.workers
        first.kill()
        wait_until(lambda: {*api.workers} - {first, second} and len(api.workers) == 2, "the worker is replaced")
        wait_until(api.answers, "the API answers")

        assert second.is_running()
        assert api.value("reports_http_requests_total", route="/report") >= counted


def test_the_number_of_workers_is_a_setting(away: Settings, tmp_path: Path) -> None:
    with serving(away, tmp_path, REPORTS_SERVICE_WORKERS="3") as api:
        wait_until(lambda: len(api.workers) == 3, "three workers run")


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("whole_group", [False, True], ids=["the server", "its process group"])
def test_a_stop_lets_a_file_that_is_being_sent_come_whole(
    filled: Settings, tmp_path: Path, coding: str, whole_group: bool
) -> None:
    with serving(filled, tmp_path, REPORTS_SERVICE_STOP_SECONDS="50") as api:
        headers = api.issuer.authorization(ADA_UUID, MANAGER) | {"Accept-Encoding": coding}
        with httpx.stream("GET", api.address + EXPORT, headers=headers, trust_env=False, timeout=60) as answer:
            pieces = answer.iter_raw(1)
            body = [next(pieces)]
            for process in [psutil.Process(api.process.pid), *(api.workers if whole_group else [])]:
                process.send_signal(signal.SIGTERM)
            wait_until(lambda: not api.answers(), "new requests are refused")
            assert api.process.poll() is None
            body += pieces
        assert answer.status_code == 200
        assert api.process.wait(60) == 0
    sent = b"".join(body)
    text = (gzip.decompress(sent) if coding == "gzip" else sent).decode()
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert len(text.splitlines()) == 1 + DAYS * ROWS


def test_what_takes_longer_than_the_limit_is_broken_off(filled: Settings, tmp_path: Path) -> None:
    with serving(filled, tmp_path, REPORTS_SERVICE_STOP_SECONDS="1") as api:
        headers = api.issuer.authorization(ADA_UUID, MANAGER) | {"Accept-Encoding": "identity"}
        with httpx.stream("GET", api.address + EXPORT, headers=headers, trust_env=False, timeout=60) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            api.process.send_signal(signal.SIGTERM)
            assert api.process.wait(60) == 0
            with pytest.raises(httpx.TransportError):
                list(pieces)


def test_the_log_is_json_and_names_nobody(filled: Settings, tmp_path: Path) -> None:
    with serving(filled, tmp_path, REPORTS_LOG_REQUESTS="true") as api:
        token = api.issuer.authorization(ADA_UUID)["Authorization"]
        api.get(f"/reports/{ADA_UUID}?from=2026-07-01", Authorization=token, **{"X-Request-Id": "first"})
        api.get("/reports/4711", **{"X-Request-Id": "second"})

    lines = {line["request_id"]: line for line in api.lines() if "request_id" in line}
    assert {name: lines[name]["status"] for name in ("first", "second")} == {"first": 503, "second": 401}
    assert {lines[name]["route"] for name in ("first", "second")} == {"/reports/{user_id}"}
    written = api.log.read_text(encoding="utf-8")
    assert [word for word in (str(ADA_UUID), "4711", "2026-07-01", token[7:27]) if word in written] == []
    assert {line["logger"] for line in api.lines()} >= {"granian", "api.requests"}


def test_the_log_may_be_text(away: Settings, tmp_path: Path) -> None:
    with serving(away, tmp_path, REPORTS_LOG_FORMAT="text") as api:
        api.get("/report", **{"X-Request-Id": "mine"})

    [line] = [line for line in api.log.read_text(encoding="utf-8").splitlines() if "request=mine" in line]
    assert " info api.requests: GET /report 405 in " in line


def test_reports_logs_shows_json_as_text(home: Home) -> None:
    line = '{"time":"2026-07-01T08:00:00.000Z","level":"error","logger":"api","message":"It failed"'
    home.log("api").write_text(f'plain\n{line}}}\n{line},"request_id":"mine","status":503}}\n{{"other": 1}}\n')

    assert "".join(logs.end_of(home, "api", 10, follow=False)).splitlines() == [
        "plain",
        "2026-07-01T08:00:00.000Z error api: It failed",
        "2026-07-01T08:00:00.000Z error api: It failed request=mine",
        '{"other": 1}',
    ]


def test_a_line_that_is_being_written_is_followed_to_its_end(home: Home) -> None:
    line = '{"time":"t","level":"info","logger":"api","message":"Half"}\n'
    home.log("api").write_text(line[:20])

    following = logs.end_of(home, "api", 10, follow=True)
    first = next(following)
    with home.log("api").open("a") as log:
        log.write(line[20:] + "plain\n")

    assert [first, next(following), next(following)] == ["", "t info api: Half\n", "plain\n"]
