"""Which runs the sensor asks for: dirty days together, those that failed alone and later, those under way not again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
)
from dagster._core.test_utils import create_run_for_test, instance_for_test

from assets.partitions import FIRST, LAST, NOTICED_UNTIL, noticed_until
from assets.requests import ATTEMPT, requests, stretches
from assets.sensors import TELEMETRY
from resources import arrivals
from resources.freshness import completeness
from tests.assets.conftest import Marts

TODAY = datetime.now(UTC).date()
FAILED, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
WAITING, STARTED = dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, first: date, last: date | None = None) -> None:
    """A run of the telemetry marts that Dagster knows of."""
    create_run_for_test(
        instance,
        status=status,
        asset_selection=frozenset(dg.AssetKey(mart) for mart in TELEMETRY),
        tags={FIRST: str(first), LAST: str(last or first)},
    )


def asked(instance: dg.DagsterInstance, *dirty: date, later: timedelta = timedelta(0)) -> list[tuple[date, date, int]]:
    """First and last day and attempt of the runs that are asked for."""
    found = requests(instance, {key: {"arrived": 1} for key in dirty}, TELEMETRY, datetime.now(UTC) + later)
    return [
        (date.fromisoformat(tags[FIRST]), date.fromisoformat(tags[LAST]), int(tags[ATTEMPT]))
        for tags in (request.tags for request in found)
    ]


def test_days_side_by_side_go_into_one_run_the_newest_first(instance: dg.DagsterInstance) -> None:
    assert asked(instance, day(9), day(1), day(8), day(0)) == [(day(1), day(0), 0), (day(9), day(8), 0)]


def test_a_tick_is_bounded() -> None:
    year = [day(back) for back in range(366)]
    assert [(last - first).days + 1 for first, last in stretches(year)] == [31] * 11 + [25]


def test_what_is_left_waits_for_the_next_tick(instance: dg.DagsterInstance) -> None:
    assert len(asked(instance, *(day(2 * back) for back in range(10)))) == 4


@pytest.mark.parametrize("status", [WAITING, STARTED])
def test_a_day_that_a_run_is_under_way_for_is_left_to_it(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run(instance, status, day(3), day(1))
    assert asked(instance, day(4), day(2), day(0)) == [(day(0), day(0), 0), (day(4), day(4), 0)]


def test_a_day_whose_run_failed_goes_alone_and_later_and_holds_up_nobody(instance: dg.DagsterInstance) -> None:
    run(instance, FAILED, day(2), day(1))
    assert asked(instance, day(2), day(1), day(0)) == [(day(0), day(0), 0)]
    retried = asked(instance, day(2), day(1), day(0), later=timedelta(seconds=31))
    assert retried == [(day(0), day(0), 0), (day(1), day(1), 1), (day(2), day(2), 1)]


def test_each_failure_doubles_the_pause_up_to_an_hour(instance: dg.DagsterInstance) -> None:
    pauses_s = {1: 30, 2: 60, 4: 240, 7: 1920, 8: 3600, 20: 3600}
    for failures in pauses_s:
        for _ in range(failures):
            run(instance, FAILED, day(failures))
    for failures, pause_s in pauses_s.items():
        assert asked(instance, day(failures), later=timedelta(seconds=pause_s - 15)) == []
        retried = asked(instance, day(failures), later=timedelta(seconds=pause_s + 1))
        assert retried == [(day(failures), day(failures), failures)]


def test_a_success_makes_up_for_earlier_failures(instance: dg.DagsterInstance) -> None:
    for status in (FAILED, FAILED, SUCCESS):
        run(instance, status, day(1))
    assert asked(instance, day(1)) == [(day(1), day(1), 0)]


def test_a_run_of_other_marts_is_none_of_ours(instance: dg.DagsterInstance) -> None:
    create_run_for_test(instance, status=STARTED, asset_selection=frozenset({dg.AssetKey("audit_activity")}))
    assert asked(instance, day(0)) == [(day(0), day(0), 0)]


def test_the_same_dirt_is_asked_for_by_the_same_key_and_other_dirt_by_another(instance: dg.DagsterInstance) -> None:
    now = datetime(2026, 2, 2, 12, 30, tzinfo=UTC)
    keys = [
        requests(instance, {day(0): causes}, TELEMETRY, moment)[0].run_key
        for causes, moment in [
            ({"arrived": 1}, now),
            ({"arrived": 1}, now + timedelta(minutes=5)),
            ({"arrived": 2}, now),
            ({"arrived": 1}, now + timedelta(hours=1)),
        ]
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


class Sensor:
    """The sensor of the graph, evaluated as the daemon does, without a cursor ever."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        from assets.definitions import reports  # noqa: PLC0415 - it reads the environment of the test

        self.graph = reports()
        self.instance = instance

    def evaluate(self) -> list[dg.RunRequest] | str:
        """The runs that it asks for, or why it asks for none."""
        repository = self.graph.get_repository_def()
        sensor = repository.get_sensor_def("telemetry_arrival")
        with dg.build_sensor_context(
            self.instance, repository_def=repository, resources=self.graph.resources
        ) as context:
            found = sensor.evaluate_tick(context)
        return list(found.run_requests or []) or found.skip_message or ""

    def fall_back(self) -> list[dg.RunRequest] | str:
        """What the schedule asks for, or why it asks for nothing."""
        repository = self.graph.get_repository_def()
        with dg.build_schedule_context(
            self.instance, repository_def=repository, resources=self.graph.resources
        ) as context:
            found = repository.get_schedule_def("telemetry_fallback").evaluate_tick(context)
        return list(found.run_requests or []) or found.skip_message or ""

    def was_evaluated(self, ago: timedelta, status: InstigatorStatus) -> None:
        """Have Dagster know of an evaluation of the sensor."""
        location = GrpcServerCodeLocationOrigin("127.0.0.1", 1)
        origin = RemoteRepositoryOrigin(location, "__repository__").get_instigator_origin("telemetry_arrival")
        data = SensorInstigatorData(last_tick_timestamp=(datetime.now(UTC) - ago).timestamp())
        state = InstigatorState(origin, InstigatorType.SENSOR, status, data)
        known = self.instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        (self.instance.update_instigator_state if known else self.instance.add_instigator_state)(state)

    def carry_out(self, request: dg.RunRequest) -> bool:
        job = self.graph.resolve_implicit_global_asset_job_def()
        selected = list(request.asset_selection or ())
        done = job.execute_in_process(instance=self.instance, asset_selection=selected, tags=dict(request.tags))
        return done.success


def requested(sensor: Sensor) -> list[dg.RunRequest]:
    found = sensor.evaluate()
    assert isinstance(found, list), found
    return found


@pytest.fixture
def sensor(environment: None, instance: dg.DagsterInstance) -> Sensor:  # noqa: ARG001 - it is asked for what it sets
    return Sensor(instance)


def test_an_event_that_arrives_has_its_day_built_and_then_there_is_nothing_to_do(marts: Marts, sensor: Sensor) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    event = marts.add_event("2026-02-01T12:00:00")
    [request] = requested(sensor)
    assert (request.tags[FIRST], request.tags[LAST]) == ("2026-02-01", "2026-02-01")
    assert [again.run_key for again in requested(sensor)] == [request.run_key]
    assert sensor.carry_out(request)
    assert marts.published_ids() == [event]
    assert sensor.evaluate() == ("Nothing new.")


def test_a_run_is_told_until_when_arrivals_were_noticed(marts: Marts, sensor: Sensor) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event(f"{TODAY}T00:00:00")
    before = datetime.now(UTC)
    [request] = requested(sensor)
    told = noticed_until(request.tags)
    assert told is not None
    assert before <= told <= datetime.now(UTC)
    assert sensor.carry_out(request)
    assert {completeness(marts.warehouse)[mart] for mart in TELEMETRY} == {told}


def test_a_look_that_did_not_read_to_the_end_tells_a_run_nothing(
    marts: Marts, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    events = [marts.add_event("2026-02-01T12:00:00"), marts.add_event("2026-02-01T13:00:00")]
    with monkeypatch.context() as hasty:
        hasty.setattr("assets.sensors._BUDGET_S", -1)
        hasty.setattr("assets.sensors.arrivals.tick", partial(arrivals.tick, ids_at_once=1))
        [request] = requested(sensor)
    assert NOTICED_UNTIL not in request.tags
    assert "telemetry_events" not in completeness(marts.warehouse)
    # So it compares everything, and finds what has not been noticed yet.
    assert sensor.carry_out(request)
    assert marts.published_ids() == events


def test_a_source_that_does_not_keep_what_noticing_takes_for_granted_is_compared_whole(
    marts: Marts, sensor: Sensor
) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.telemetry("ALTER TABLE telemetry.raw_telemetry ALTER id SET CACHE 10")
    marts.add_event("2026-02-01T12:00:00")
    [request] = requested(sensor)
    assert NOTICED_UNTIL not in request.tags


def test_events_that_cannot_be_built_yet_are_told(marts: Marts, sensor: Sensor) -> None:
    marts.add_event("2026-02-01T12:00:00")
    assert sensor.evaluate() == (
        "1 new events. crm_customers was never published, so no day can be built; materialize it first."
    )
    marts.build_customers()
    marts.telemetry("DELETE FROM telemetry.raw_telemetry")
    marts.build_all(date(2026, 2, 1), date(2026, 2, 2))
    marts.add_event("2099-01-01T00:00:00")
    assert sensor.evaluate() == ("1 new events. 1 events of days to come wait for those.")


def test_an_engine_that_is_away_is_told_and_the_next_look_goes_on(
    marts: Marts, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setenv("TELEMETRY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        found = sensor.evaluate()
    assert found == ("The PostgreSQL of TELEMETRY_DATABASE_URL does not answer; see that it runs.")
    marts.build_customers()
    assert sensor.evaluate() == ("Nothing new.")


def test_the_schedule_does_what_the_sensor_would_only_where_that_stands_still(
    marts: Marts,
    environment: None,  # noqa: ARG001 - it is asked for what it sets
) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event("2026-02-01T12:00:00")
    # An ephemeral instance knows of no sensors.
    with instance_for_test() as instance:
        sensor = Sensor(instance)
        sensor.was_evaluated(timedelta(seconds=6), InstigatorStatus.RUNNING)
        assert sensor.fall_back() == "The sensor telemetry_arrival looks by itself."
        for ago, status in ((6, InstigatorStatus.STOPPED), (400, InstigatorStatus.RUNNING)):
            sensor.was_evaluated(timedelta(seconds=ago), status)
            asked = sensor.fall_back()
            assert isinstance(asked, list), asked
            [request] = asked
            assert request.tags[FIRST] == "2026-02-01"
        assert sensor.carry_out(request)
        assert sensor.fall_back() == "Nothing new."
