"""Automation of the whole stack under the real daemon, with freshness windows of minutes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import clickhouse_driver
import msgspec
import psycopg
import pytest

from resources.freshness import WINDOWS, State, complete, completeness, state
from resources.orchestrator import connect, launch
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import up
from tests.engines import wait_until
from tests.stack.arrivals import Arrivals
from tests.stack.conftest import Started

_PATIENCE_S = 420
"""Longer than a new warehouse is left alone: five minutes, of which soon after midnight UTC all are needed."""
_RUNS = """
SELECT run_id, status, extract(epoch FROM create_timestamp AT TIME ZONE 'UTC')::float8, start_time, end_time,
       (SELECT array_agg(value) FROM run_tags
        WHERE run_id = runs.run_id AND key LIKE 'dagster/asset_partition_range_%%')
FROM runs
WHERE create_timestamp AT TIME ZONE 'UTC' > %s
  AND (%s IN (SELECT value FROM run_tags WHERE run_id = runs.run_id AND key = 'dagster/sensor_name') OR run_id = %s)
ORDER BY runs.id"""


class Run(msgspec.Struct, frozen=True):
    """A run as Dagster keeps it; instants in seconds since 1970."""

    run_id: str
    status: str
    asked_at: float
    began_at: float | None
    ended_at: float | None
    days: list[str] | None


class Automation:
    """What sensors asked for since some moment, and how fresh marts are."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.since = datetime.now(UTC)

    def runs(self, wanted: str) -> list[Run]:
        """The runs that a sensor asked for, or the run of that id."""
        with psycopg.connect(self.settings.dagster_database_url) as dagster:
            return [Run(*row) for row in dagster.execute(_RUNS, (self.since, wanted, wanted)).fetchall()]

    def is_fresh(self, mart: str) -> bool:
        with Warehouse(self.settings) as warehouse:
            complete_at = completeness(warehouse).get(mart)
        window = WINDOWS[mart].times(self.settings.reports_freshness_factor)
        return state(window, complete_at, datetime.now(UTC)) is State.FRESH

    def age(self, *marts: str) -> None:
        """Have these marts been complete an hour ago."""
        self.warehouse("DELETE FROM complete_marts WHERE mart IN %(marts)s", marts=marts)
        with Warehouse(self.settings) as warehouse:
            complete(warehouse, marts, datetime.now(UTC) - timedelta(hours=1))

    def warehouse(self, statement: str, **parameters: object) -> None:
        login = {name: getattr(self.settings, f"clickhouse_{name}") for name in ("host", "port", "user", "password")}
        client = clickhouse_driver.Client(**login, database=self.settings.clickhouse_database)
        client.execute(statement, parameters)
        client.disconnect()

    def crm(self, statement: str) -> None:
        with psycopg.connect(self.settings.crm_database_url) as crm:
            crm.execute(statement.encode())


@pytest.fixture(scope="module")
def automation(started: Started) -> Automation:
    """From when the source of the audit trail lacks a column, and two marts are stale."""
    found = Automation(up.current(started.reports.environment)[1])
    # A run that is under way would make them fresh.
    wait_until(lambda: all(map(found.is_fresh, WINDOWS)), "every mart is fresh", _PATIENCE_S)
    found.since = datetime.now(UTC)
    found.crm("ALTER TABLE audit.events RENAME COLUMN action TO action_gone")
    found.age("audit_activity", "deal_pipeline")
    return found


def arrivals(started: Started, days_ago: int) -> Arrivals:
    return Arrivals(started.reports, datetime.now(UTC).date() - timedelta(days=days_ago))


def test_a_stale_mart_is_built_once_and_is_fresh_although_another_fails(automation: Automation) -> None:
    wait_until(lambda: automation.is_fresh("deal_pipeline"), "the stale mart is fresh", _PATIENCE_S)
    assert len(automation.runs("deals_freshness")) == 1
    try:
        wait_until(
            lambda: any(run.status == "FAILURE" for run in automation.runs("audit_freshness")),
            "one has failed",
            _PATIENCE_S,
        )
    finally:
        automation.crm("ALTER TABLE audit.events RENAME COLUMN action_gone TO action")


def test_late_events_have_their_day_built_and_no_other(automation: Automation, started: Started) -> None:
    late = arrivals(started, 8)
    before = late.movements()
    late.send(3)
    wait_until(lambda: late.movements() == before + 3, "the late events are in the reports", _PATIENCE_S)
    days = [run.days for run in automation.runs("telemetry_arrival")]
    assert days == [[str(datetime.now(UTC).date() - timedelta(days=8))] * 2]


def test_a_lost_cursor_loses_nothing_and_has_nothing_built_again(automation: Automation, started: Started) -> None:
    asked_for = len(automation.runs("telemetry_arrival"))
    late = arrivals(started, 9)
    before = late.movements()
    automation.warehouse("TRUNCATE TABLE arrival_states")
    late.send(2)
    wait_until(lambda: late.movements() == before + 2, "the late events are in the reports", _PATIENCE_S)
    assert len(automation.runs("telemetry_arrival")) == asked_for + 1


def test_runs_of_one_mart_queue_behind_one_another(automation: Automation) -> None:
    with connect(automation.settings.dagster_webserver_url, _PATIENCE_S) as dagster:
        asked = [launch(dagster, ["deal_pipeline"], None) for _ in range(2)]
    wait_until(
        lambda: all(run.ended_at for run_id in asked for run in automation.runs(run_id)), "both are over", _PATIENCE_S
    )
    first, second = sorted(
        (run.began_at or 0, run.ended_at or 0) for run_id in asked for run in automation.runs(run_id)
    )
    assert first[1] <= second[0]


def test_what_failed_is_tried_again_later_and_recovers(automation: Automation) -> None:
    wait_until(lambda: automation.is_fresh("audit_activity"), "what failed is fresh", _PATIENCE_S)
    failed, mended = automation.runs("audit_freshness")[:2]
    assert (failed.status, failed.ended_at is not None) == ("FAILURE", True)
    assert mended.asked_at - (failed.ended_at or 0) >= 30


def test_simulated_devices_send_into_the_stack_s_own_source_and_no_other(
    automation: Automation, started: Started
) -> None:
    with psycopg.connect(automation.settings.telemetry_database_url, autocommit=True) as source:

        def held() -> int:
            return len(source.execute("SELECT FROM telemetry.raw_telemetry").fetchall())

        before = held()
        said = started.reports.succeed("simulate", "--rate=40", "--late=0.5", "--for=2s")
        found = re.fullmatch(r"simulate: (\d+) events, (\d+) of them late, of (\d+) days\n", said)
        assert found is not None, said
        sent, late, days = map(int, found.groups())
        assert sent == held() - before > late > 0 < days <= 7
        refused = started.reports("simulate", CRM_DATABASE_URL=automation.settings.crm_database_url)
        assert (refused.returncode, held() - before) == (1, sent)
        assert refused.stderr.startswith("The sources are named by CRM_DATABASE_URL and TELEMETRY_DATABASE_URL, so ")
