"""When marts are built because they are about to be stale: the conditions, by Dagster's own evaluation of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from assets.partitions import FIRST, LAST
from assets.requests import ATTEMPT
from resources.freshness import complete
from tests.assets.conftest import Marts

TELEMETRY = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
ALL = ("crm_customers", "deal_pipeline", "audit_activity", *TELEMETRY)
FAILED, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
STARTED = dg.DagsterRunStatus.STARTED
TICK = timedelta(minutes=5)
AUTOMATED = "dagster/sensor_name"


class Automation:
    """The conditions of the graph, evaluated at moments around now; marts as old as a test wants them."""

    def __init__(self, marts: Marts, instance: dg.DagsterInstance) -> None:
        from assets.definitions import reports  # noqa: PLC0415 - it reads the environment of the test

        self.marts = marts
        self.instance = instance
        self.graph = reports()
        self.now = datetime.now(UTC)

    def requested(self, later: timedelta = timedelta(0)) -> dict[str, set[str | None]]:
        """Marts and their partitions that are asked for; nothing is known of evaluations before."""
        wanted = dg.AssetSelection.assets(*ALL)
        found = dg.evaluate_automation_conditions(self.graph, self.instance, wanted, evaluation_time=self.now + later)
        asked = {mart: set(found.get_requested_partitions(dg.AssetKey(mart))) for mart in ALL}
        return {mart: partitions for mart, partitions in asked.items() if partitions}

    def age(self, **minutes: float) -> None:
        """Have marts been complete so long ago, and the others never."""
        self.marts.query("TRUNCATE TABLE complete_marts")
        for mart, ago in minutes.items():
            complete(self.marts.warehouse, [mart], self.now - timedelta(minutes=ago))

    def run(self, mart: str, status: dg.DagsterRunStatus, day: date | None) -> None:
        """A run that Dagster knows of."""
        self.instance.create_run_for_job(
            self.graph.resolve_implicit_global_asset_job_def(),
            asset_selection={dg.AssetKey(mart)},
            tags={FIRST: str(day), LAST: str(day)} if day else {},
            status=status,
        )

    @property
    def today(self) -> str:
        return str(self.now.date())


FRESH = dict.fromkeys(ALL, 1.0)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def automation(marts: Marts, environment: None, instance: dg.DagsterInstance) -> Automation:  # noqa: ARG001 - it is asked for what it sets
    return Automation(marts, instance)


def test_what_was_never_built_is_stale_but_telemetry_waits_until_chips_have_owners(automation: Automation) -> None:
    later = TICK + timedelta(minutes=1)
    asked = automation.requested(later)
    assert asked.keys() == {*ALL} - {*TELEMETRY}
    assert asked["audit_activity"] == {str((automation.now + later).date())}
    automation.age(crm_customers=0)
    assert automation.requested(later).keys() == {*ALL} - {"crm_customers"}


def test_whoever_starts_a_stack_is_left_to_fill_it(automation: Automation) -> None:
    assert automation.requested() == {}


def test_fresh_marts_are_left_alone_whatever_they_hold(automation: Automation) -> None:
    automation.age(**FRESH)
    assert automation.requested() == {}


def test_a_late_mart_is_asked_for_and_of_days_only_today(automation: Automation) -> None:
    automation.age(**FRESH | dict.fromkeys(TELEMETRY, 16) | {"audit_activity": 61})
    assert automation.requested() == {mart: {automation.today} for mart in (*TELEMETRY, "audit_activity")}


def test_what_a_run_is_under_way_for_is_left_to_it(automation: Automation) -> None:
    automation.age(**FRESH | {"audit_activity": 61, "deal_pipeline": 61})
    automation.run("audit_activity", STARTED, automation.now.date())
    automation.run("deal_pipeline", STARTED, None)
    assert automation.requested() == {}


@pytest.mark.parametrize("status", [STARTED, FAILED, SUCCESS])
def test_a_backfill_of_old_days_neither_hides_nor_delays_that_a_mart_is_late(
    automation: Automation, status: dg.DagsterRunStatus
) -> None:
    automation.age(**FRESH | {"audit_activity": 61})
    automation.run("audit_activity", status, date(2026, 2, 1))
    assert automation.requested() == {"audit_activity": {automation.today}}


def test_a_mart_that_fails_is_tried_later_each_time_and_its_neighbours_as_ever(automation: Automation) -> None:
    automation.age(**FRESH | {"audit_activity": 61, "deal_pipeline": 61, "crm_customers": 61})
    for _ in range(5):
        automation.run("audit_activity", FAILED, automation.now.date())
    for _ in range(2):
        automation.run("deal_pipeline", FAILED, None)
    # The pauses are a minute after two failures and eight after five.
    assert automation.requested().keys() == {"crm_customers"}
    assert automation.requested(TICK).keys() == {"crm_customers", "deal_pipeline"}
    assert automation.requested(2 * TICK).keys() == {"crm_customers", "deal_pipeline", "audit_activity"}


def test_a_mart_that_stays_late_although_it_was_built_is_not_built_all_the_time(automation: Automation) -> None:
    automation.age(**FRESH | {"deal_pipeline": 61})
    automation.run("deal_pipeline", SUCCESS, None)
    assert automation.requested() == {}
    assert automation.requested(TICK).keys() == {"deal_pipeline"}


def test_windows_shorter_than_dagster_takes_load_and_count(
    automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment that is set here

    monkeypatch.setenv("REPORTS_FRESHNESS_FACTOR", "0.01")
    assert reports().resolve_asset_graph().get(dg.AssetKey("deal_pipeline")).freshness_policy is not None
    automation.age(**FRESH | {"deal_pipeline": 0, "crm_customers": 0, "audit_activity": 0.7})
    assert automation.requested().keys() == {*TELEMETRY, "audit_activity"}


def test_where_the_warehouse_is_away_nothing_is_asked_for(
    automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    automation.age(**FRESH | {"deal_pipeline": 61})
    with monkeypatch.context() as away:
        away.setenv("CLICKHOUSE_PORT", "1")
        assert automation.requested() == {}
    assert automation.requested().keys() == {"deal_pipeline"}


def test_the_sensor_asks_for_one_run_of_the_telemetry_marts_which_makes_them_fresh(automation: Automation) -> None:
    automation.marts.add_wearer(1, "chip-1")
    automation.marts.add_event(f"{automation.today}T00:00:00")
    automation.marts.build_customers()
    automation.age(**dict.fromkeys(ALL, 16))
    [request] = evaluated(automation, "telemetry_freshness")
    assert (set(request.asset_selection or ()), request.partition_key) == (
        {dg.AssetKey(mart) for mart in TELEMETRY},
        automation.today,
    )
    assert AUTOMATED in request.tags
    job = automation.graph.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(
        instance=automation.instance,
        asset_selection=list(request.asset_selection or ()),
        tags=dict(request.tags),
        partition_key=request.partition_key,
    )
    materialized = [event.asset_key for event in done.get_asset_materialization_events()]
    assert materialized == [dg.AssetKey(mart) for mart in TELEMETRY]
    assert automation.requested(timedelta(minutes=2)) == {}


@pytest.mark.parametrize(("tags", "tries"), [({}, 4), ({ATTEMPT: "0"}, 1), ({AUTOMATED: "true"}, 1)])
def test_an_outage_is_outlasted_by_runs_that_nobody_else_repeats(
    automation: Automation, monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], tries: int
) -> None:
    monkeypatch.setattr("resources.dagster._PAUSE_S", 0)
    monkeypatch.setenv("CRM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    done = automation.graph.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=automation.instance, asset_selection=[dg.AssetKey("deal_pipeline")], tags=tags, raise_on_error=False
    )
    begun = ("STEP_START", "STEP_RESTARTED")
    assert (done.success, sum(event.event_type_value in begun for event in done.all_events)) == (False, tries)


def evaluated(automation: Automation, sensor: str) -> list[dg.RunRequest]:
    """What the sensor asks for, as the daemon evaluates it."""
    repository = automation.graph.get_repository_def()
    with dg.build_sensor_context(automation.instance, repository_def=repository) as context:
        return list(repository.get_sensor_def(sensor).evaluate_tick(context).run_requests or [])
