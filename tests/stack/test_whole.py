"""The whole stack, from nothing to a report and back."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import clickhouse_driver
import clickhouse_driver.errors
import httpx
import psutil
import psycopg
import pytest

from resources.orchestrator import MARTS
from tests.engines import wait_until
from tests.stack.arrivals import Arrivals
from tests.stack.conftest import Reports, Started

_FORKS = "multiprocessing.forkserver"
"""On the command line of the process that each run is forked from."""
_PATIENCE_S = 240
"""Dagster looks for dead runs every 20 seconds, and starts them anew."""


def kill_part(reports: Reports, name: str) -> None:
    """Kill a part of the stack, by the pid in its state."""
    [pid] = [part.pid for part in reports.state.parts if part.name == name]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _is_run(process: psutil.Process) -> bool:
    # Some end while they are looked at.
    with suppress(psutil.NoSuchProcess):
        parent = process.parent()
        return parent is not None and any(_FORKS in word for word in parent.cmdline())
    return False


def kill_next_run(reports: Reports) -> None:
    """Kill the process of a run as soon as there is one."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        found.extend(filter(_is_run, reports.processes()))
        return bool(found)

    wait_until(is_there, "a run executes", _PATIENCE_S)
    os.kill(found[0].pid, signal.SIGKILL)


def test_the_printed_curl_line_answers_with_reports(started: Started) -> None:
    [line] = [line for line in started.said.splitlines() if line.startswith("curl ")]
    arguments = shlex.split(line)
    answer = httpx.get(arguments[-1], headers=dict([re.split(": ", arguments[2], maxsplit=1)]), trust_env=False)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    last = date.fromisoformat(body["period"]["to"])
    published = [(last - timedelta(days=back)).isoformat() for back in range(30)]
    assert body["period"]["from"] == published[-1]
    # The newest day is empty where midnight passed since the sources were filled.
    assert [report["date"] for report in body["reports"]] in (published, published[1:])


def test_the_printed_addresses_answer(started: Started) -> None:
    addresses = re.findall(r"^(?:API docs|Dagster|Guests) +(\S+)$", started.said, flags=re.MULTILINE)
    assert [httpx.get(each, trust_env=False).status_code for each in addresses] == [200, 200, 200]


def test_status_shows_every_part_and_is_well(started: Started) -> None:
    rows = [line.split() for line in started.reports.succeed("status").splitlines()]
    health = {row[0]: row[-2] for row in rows if row[-1] == "0"}
    assert health == dict.fromkeys(
        ["postgres", "clickhouse", "code", "daemon", "webserver", "guests", "api"], "healthy"
    )
    done = {row[0]: row[1] for row in rows if row[1] == "done"}
    assert done == dict.fromkeys(["prepare", "seed", "materialize"], "done")


def test_the_doctor_finds_nothing_wrong_with_it(started: Started) -> None:
    checks = json.loads(started.reports.succeed("doctor", "--json"))["checks"]
    # How full the disks are is the machine's.
    assert [each for each in checks if each["state"] != "ok" and "disk" not in each["check"]] == []
    assert {"Dagster: daemons", "telemetry: arrivals", "reader: reads what the API asks"} <= {
        each["check"] for each in checks
    }


def test_a_token_is_one_line_that_the_api_takes_for_its_roles(started: Started) -> None:
    assert started.get("/reports/1").status_code == 200
    assert started.get("/reports/2").status_code == 403
    assert started.get("/reports/2", "--role=reports-reader").status_code == 200
    assert started.get("/reports/1", "--user=11111111-1111-4111-8111-111111111111").status_code in {403, 404}


def test_no_token_is_made_where_the_api_trusts_another_issuer(started: Started) -> None:
    refused = started.reports("token", "--user=1", REPORTS_JWKS="https://keycloak.example/certs")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "name another issuer of tokens" in refused.stderr


def test_marts_can_be_materialized_again_and_a_failure_names_the_run(started: Started) -> None:
    day = (datetime.now(UTC).date() - timedelta(days=3)).isoformat()
    again = started.reports.succeed("materialize", "user_daily_reports", f"--from={day}", f"--to={day}")
    assert again.startswith("materialize: user_daily_reports: success 2/2")

    # Kept still, and long before the seeded days.
    unbuilt = (datetime.now(UTC).date() - timedelta(days=200)).isoformat()
    failures = {
        (
            "user_daily_reports",
            f"--from={unbuilt}",
            f"--to={unbuilt}",
        ): "ended as FAILURE .*NotPublished: .*see http://",
        ("--from=2019-01-01", "--to=2019-01-02"): "There are partitions from 2024-01-01 .REPORTS_FIRST_DAY. to ",
        ("--from=2025-01-02", "--to=2025-01-01"): "There is no day from 2025-01-02 to 2025-01-01.",
        ("user_monthly_reports",): f"There is no mart user_monthly_reports; there are {', '.join(MARTS)}.",
    }
    for arguments, why in failures.items():
        failed = started.reports("materialize", *arguments)
        assert failed.returncode == 1
        assert re.search(why, failed.stderr), failed.stderr


def test_sources_that_hold_rows_are_not_seeded_over(started: Started) -> None:
    refused = started.reports("seed")
    assert refused.returncode == 1
    assert refused.stderr.startswith("The sources already hold customers or telemetry")


def test_logs_are_read_from_their_end(started: Started) -> None:
    assert started.reports.succeed("logs", "materialize", "--lines=1").count("\n") == 1
    missing = started.reports("logs", "reindeer")
    assert missing.returncode == 1
    assert "There are: api, clickhouse, code, daemon, " in missing.stderr


def test_the_databases_let_nobody_in_without_the_password(started: Started) -> None:
    ports = started.reports.state.ports
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{ports['postgres']}/crm")
    client = clickhouse_driver.Client("127.0.0.1", ports["clickhouse"])
    with pytest.raises(clickhouse_driver.errors.ServerException) as refused:
        client.execute("SELECT 1")
    client.disconnect()
    assert refused.value.code == 516  # authentication failed


def test_late_events_reach_the_marts_although_the_daemon_and_the_code_server_are_killed(started: Started) -> None:
    late = Arrivals(started.reports, datetime.now(UTC).date() - timedelta(days=5))
    before = late.movements()
    late.send(7)
    for part in ("daemon", "code"):
        kill_part(started.reports, part)
    wait_until(lambda: late.movements() == before + 7, "the late events are in the reports", _PATIENCE_S)


def test_late_events_reach_the_marts_although_their_run_is_killed(started: Started) -> None:
    late = Arrivals(started.reports, datetime.now(UTC).date() - timedelta(days=6))
    # That of the test before may be at its last steps still, and would be the one that is killed.
    wait_until(lambda: not any(map(_is_run, started.reports.processes())), "no run executes", _PATIENCE_S)
    before = late.movements()
    failed = late.failed_runs()
    late.send(5)
    kill_next_run(started.reports)
    wait_until(lambda: late.movements() == before + 5, "the late events are in the reports", _PATIENCE_S)
    assert late.failed_runs() == failed + 1
