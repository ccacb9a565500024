"""`GET /metrics`: who may read it, what it holds, and that several processes are one."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from api.published import DAILY
from api.watch.exposition import Exposition, clear
from api.watch.meters import BOUNDS_S, METERS, Reading, merged
from api.watch.tally import Tally
from tests.api.conftest import Client
from tests.api.sample import fill
from tests.api.world import ADA, CUSTOMERS, Marts
from tests.engines import wait_until

ROOT = Path(__file__).parent.parent.parent
LOCAL = ("127.0.0.1", 40_000)
TOKEN = "a-token-of-the-operator"


def asked(client: Client, peer: tuple[str, int] = LOCAL, **headers: str) -> httpx.Response:
    """The answer to whoever asks from there."""

    named = {name.replace("_", "-"): text for name, text in headers.items()}

    async def ask() -> httpx.Response:
        # Its own client, because that of the tests says nothing of where it is.
        transport = httpx.ASGITransport(app=client.app, client=peer)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8087") as caller:
            return await caller.get("/metrics", headers=named)

    return asyncio.run(ask())


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels."""
    families: Iterable[Metric] = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    """The value of one metric."""
    return samples(text)[name, frozenset(labels.items())]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_a_program_of_this_machine_reads_the_metrics(away: Client, peer: str) -> None:
    answer = asked(away, (peer, 1))

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("10.0.0.7", {}),
        ("::ffff:10.0.0.7", {}),
        ("testclient", {}),
        ("127.0.0.1", {"X_Forwarded_For": "10.0.0.7"}),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.7"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
        ("127.0.0.1", {"X_Real_IP": "10.0.0.7"}),
        ("127.0.0.1", {"Cookie": "session=1"}),
        ("127.0.0.1", {"Authorization": "Bearer made.up.token"}),
        ("127.0.0.1", {"Host": "reports.example"}),
        ("127.0.0.1", {"Host": "localhost.example:8087"}),
    ],
)
def test_to_anyone_else_there_are_none(away: Client, peer: str, headers: dict[str, str]) -> None:
    answer = asked(away, (peer, 1), **headers)

    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


def test_a_wearer_s_token_opens_nothing(away: Client, ada: dict[str, str]) -> None:
    assert asked(away, Authorization=ada["Authorization"]).status_code == 404


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("10.0.0.7", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("127.0.0.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("127.0.0.1", {}, 404),
        ("127.0.0.1", {"Authorization": f"Bearer {TOKEN}x"}, 404),
        ("127.0.0.1", {"Authorization": TOKEN}, 404),
        ("127.0.0.1", {"Authorization": "Bearer "}, 404),
    ],
)
def test_with_a_token_set_whoever_bears_it_is_the_operator_and_nobody_else(
    marts: Marts, serve: Callable[..., Client], peer: str, headers: dict[str, str], status: int
) -> None:
    client = serve(marts.settings, reports_metrics_token=TOKEN)

    assert asked(client, (peer, 1), **headers).status_code == status


def test_open_metrics_are_spoken_where_they_are_asked_for(away: Client) -> None:
    answer = asked(away, Accept="application/openmetrics-text; version=1.0.0")

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families: Iterable[Metric] = open_metrics(answer.text)  # type: ignore[no-untyped-call]
    assert "reports_build_info" in {sample.name for family in families for sample in family.samples}


def test_requests_are_counted_by_route_and_no_path_is_told(away: Client, ada: dict[str, str]) -> None:
    before = asked(away).text
    away.get(f"/reports/{ADA}")
    away.get(f"/reports/{ADA}", headers=ada)
    away.get("/some/where?a=b")
    after = asked(away).text

    def grown(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return samples(after).get(key, 0) - samples(before).get(key, 0)

    route = {"method": "GET", "route": "/reports/{user_id}"}
    assert grown("reports_http_requests_total", status="401", **route) == 1
    assert grown("reports_http_requests_total", status="503", **route) == 1
    assert grown("reports_http_requests_total", method="GET", route="unknown", status="404") == 1
    assert grown("reports_http_request_duration_seconds_count", **route) == 2
    assert grown("reports_http_request_duration_seconds_bucket", le="+Inf", **route) == 2
    assert grown("reports_refused_tokens_total") == 1
    assert [word for word in (f"/reports/{ADA}", "/some/where", "a=b") if word in after] == []


def test_what_is_held_of_the_marts_is_told(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    fill(marts)
    complete = datetime(2026, 7, 2, 20, tzinfo=UTC)
    marts.complete(complete, DAILY)
    client = serve(marts.settings)

    def remembered() -> float:
        assert client.get(f"/reports/{ADA}", headers=ada).status_code == 200
        return value(asked(client).text, "reports_remembered_hits_total", memory="responses")

    wait_until(remembered, "an answer is remembered")
    wait_until(lambda: "reports_dirty_days" in asked(client).text, "the warehouse was asked")
    text = asked(client).text

    assert value(text, "reports_mart_complete_timestamp_seconds", mart=DAILY) == complete.timestamp()
    published = marts.published(max(client.app.state.reads.follower.published().days)).published_at
    assert value(text, "reports_mart_published_timestamp_seconds", mart=DAILY) == pytest.approx(published.timestamp())
    assert time.time() - value(text, "reports_publications_looked_timestamp_seconds") < 60
    assert time.time() - value(text, "reports_keys_read_timestamp_seconds") < 60
    in_use, idle = (value(text, "reports_warehouse_connections", state=state) for state in ("in_use", "idle"))
    assert (in_use, idle) == (0, client.app.state.reads.pool.size)
    assert value(text, "reports_workers") == 1
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    # Of what there is nothing, nothing is told.
    assert set(METERS) - families == {
        "reports_http_responses_broken_off_total",
        "reports_mart_waiting_since_timestamp_seconds",
        "reports_mart_verified_timestamp_seconds",
        "reports_mart_differences",
        "reports_quarantined_rows",
    }
    assert {line.split("{")[0].split(" ")[0] for line in text.splitlines() if CUSTOMERS[0][2] in line} == set()


def counting(folder: Path, requests: int, waiting: float = 0) -> Exposition:
    """What a process has that answered so many requests."""
    tally = Tally()
    for _ in range(requests):
        tally.add("GET", "/report", 200, 0.004, 10)
    return Exposition([tally.readings, lambda: [Reading("reports_waiting_requests", (), (waiting,))]], str(folder))


def text_of(exposition: Exposition) -> str:
    return asyncio.run(exposition.text(""))[0].decode()


def test_several_processes_are_one_to_whoever_asks_any_of_them(tmp_path: Path) -> None:
    processes = [counting(tmp_path, 3, waiting=1), counting(tmp_path, 4, waiting=2)]
    for process in processes:
        process.start()
        process.stop()

    for process in processes:
        text = text_of(process)
        assert value(text, "reports_http_requests_total", method="GET", route="/report", status="200") == 7
        assert value(text, "reports_http_request_duration_seconds_count", method="GET", route="/report") == 7
        assert value(text, "reports_http_request_duration_seconds_sum", method="GET", route="/report") == pytest.approx(
            0.028
        )
        assert value(text, "reports_waiting_requests") == 3
        assert value(text, "reports_workers") == 2


def test_what_an_ended_process_counted_stays_and_what_it_held_leaves(tmp_path: Path) -> None:
    ended, going = counting(tmp_path, 3, waiting=1), counting(tmp_path, 4, waiting=2)
    ended.start()
    ended.stop()
    [laid] = tmp_path.glob("reports-*.msgpack")
    os.utime(laid, (0, 0))

    text = text_of(going)

    assert value(text, "reports_http_requests_total", method="GET", route="/report", status="200") == 7
    assert (value(text, "reports_waiting_requests"), value(text, "reports_workers")) == (2, 1)


def test_what_an_earlier_start_laid_down_is_cleared(tmp_path: Path) -> None:
    earlier = counting(tmp_path, 3)
    earlier.start()
    earlier.stop()
    (tmp_path / "of-somebody-else.db").touch()

    clear(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["of-somebody-else.db"]
    clear(tmp_path / "new")
    assert (tmp_path / "new").is_dir()


def test_times_are_those_of_the_process_that_is_furthest_behind() -> None:
    looked = "reports_publications_looked_timestamp_seconds"
    build = Reading("reports_build_info", ("1", "3"), (1.0,))

    found = merged([[Reading(looked, (), (7.0,)), build], [Reading(looked, (), (5.0,)), build]])

    assert found == [Reading(looked, (), (5.0,)), build]


@pytest.mark.parametrize("seconds", [0.0, *BOUNDS_S, 1000.0])
def test_a_duration_is_in_every_class_that_it_does_not_exceed(seconds: float) -> None:
    tally = Tally()
    tally.add("GET", "/report", 200, seconds, 0)

    found = samples(text_of(Exposition([tally.readings])))

    classes = {dict(labels)["le"]: count for (name, labels), count in found.items() if name.endswith("_bucket")}
    assert {float(bound): count for bound, count in classes.items()} == {
        bound: float(seconds <= bound) for bound in (*BOUNDS_S, float("inf"))
    }


def documented() -> dict[str, list[str]]:
    """Cells of the table of docs/metrics.md by the name of the metric."""
    lines = (ROOT / "docs/metrics.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_metric_is_documented_and_every_documented_one_is_there() -> None:
    found: dict[str, Any] = documented()

    assert list(found) == list(METERS)
    for name, (kind, labels, text) in found.items():
        meter = METERS[name]
        assert (kind, tuple(re.findall(r"`(\w+)`", labels))) == (meter.kind, meter.labels), name
        assert text == meter.text, name
