"""The sensor that follows the telemetry: what has arrived is noticed, and the days that it makes dirty are built again.

Nothing is remembered here. What is dirty is derived from the warehouse, and what was tried from Dagster's own runs, so
a lost cursor, daemon or run loses nothing.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorType, SensorInstigatorData

from assets.dirty import Dirt, DirtFollower
from assets.requests import requests
from resources import arrivals
from resources.dagster import TelemetrySource, WarehouseResource
from resources.errors import ReportsError
from resources.freshness import complete, completeness
from resources.publications import DAY, EPOCH
from resources.settings import Settings
from resources.warehouse import Warehouse

TELEMETRY = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")

_BUDGET_S = 10.0
"""How long one evaluation reads a history that nobody has looked at yet; the next goes on."""

_NOTED_EVERY = timedelta(seconds=15)

_STANDS_STILL = timedelta(minutes=5)
"""After so long without an evaluation the schedule does what the sensor would."""

_FOLLOWER = DirtFollower()


@dg.sensor(
    name="telemetry_arrival",
    asset_selection=[dg.AssetKey(mart) for mart in TELEMETRY],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notices events as they are committed, however late or out of order, and has their days built again.",
)
def telemetry_arrival(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, telemetry: TelemetrySource
) -> dg.SensorResult | dg.SkipReason:
    """The sensor. Where an engine is away it says so, and the next evaluation goes on."""
    asked = _look(context, warehouse, telemetry)
    return asked if isinstance(asked, dg.SkipReason) else dg.SensorResult(run_requests=asked)


@dg.schedule(
    name="telemetry_fallback",
    target=dg.AssetSelection.assets(*TELEMETRY),
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Does what the sensor telemetry_arrival does, where that was stopped or stands still.",
)
def telemetry_fallback(
    context: dg.ScheduleEvaluationContext, warehouse: WarehouseResource, telemetry: TelemetrySource
) -> list[dg.RunRequest] | dg.SkipReason:
    """The schedule. Runs of the same days are known to both, so that neither asks for what the other did."""
    if _sensor_looks(context.instance, datetime.now(UTC)):
        return dg.SkipReason("The sensor telemetry_arrival looks by itself.")
    return _look(context, warehouse, telemetry)


def _sensor_looks(instance: dg.DagsterInstance, now: datetime) -> bool:
    """Whether the sensor was evaluated a moment ago."""
    for known in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        looked = known.instigator_data
        if known.name == telemetry_arrival.name and known.is_running and isinstance(looked, SensorInstigatorData):
            return now.timestamp() - (looked.last_tick_timestamp or 0) < _STANDS_STILL.total_seconds()
    return False


def _look(
    context: dg.SensorEvaluationContext | dg.ScheduleEvaluationContext,
    warehouse: WarehouseResource,
    telemetry: TelemetrySource,
) -> list[dg.RunRequest] | dg.SkipReason:
    """Notice what has arrived, and the runs to ask for so that what is dirty is built, or why there are none."""
    try:
        with warehouse.connect() as connection:
            settings = telemetry.settings()
            seen, noticed_until = _notice(context.log, connection, settings)
            now = datetime.now(UTC)
            dirt = _FOLLOWER.dirty_days(connection, settings, now)
            if noticed_until is not None and not _recent(dirt, now):
                _note_complete(connection, noticed_until)
    except ReportsError as error:
        context.log.warning(str(error))
        return dg.SkipReason(str(error))
    if dirt.without_owners:
        return dg.SkipReason(f"{seen} crm_customers was never published, so no day can be built; materialize it first.")
    asked = requests(context.instance, dirt.days, TELEMETRY, now, noticed_until) if dirt.days else []
    if not asked:
        return dg.SkipReason(f"{seen} {_waiting(dirt)}".strip())
    context.log.info(f"{len(dirt.days)} days are dirty, {len(asked)} runs asked for")
    return asked


def _notice(log: logging.Logger, warehouse: Warehouse, settings: Settings) -> tuple[str, datetime | None]:
    """Notice what has arrived; returns a sentence that says what, and until when (UTC) nothing was left out.

    None where there is more to read, or where the source does not keep what noticing takes for granted.
    """
    began, began_at, rows, segments = time.monotonic(), datetime.now(UTC), 0, 0
    with arrivals.connect(settings) as source:
        while True:
            tick = arrivals.tick(source, warehouse, settings)
            rows, segments = rows + tick.rows_read, segments + tick.segments
            if tick.started_anew:
                log.warning(
                    "The telemetry begins anew: another server, or a table that was emptied. All is read again."
                )
            if not tick.more or time.monotonic() - began > _BUDGET_S:
                break
    for breach in tick.breaches:
        log.warning(f"{breach} Events may be noticed late, by the reconciliation.")
    noticed_until = None if tick.more or tick.breaches else began_at
    if not rows:
        return "Nothing new.", noticed_until
    log.info(f"{rows} new events in {segments} hours")
    return f"{rows} new events.", noticed_until


def _recent(dirt: Dirt, now: datetime) -> list[date]:
    """The dirty days that a reader would miss first: today and yesterday. An old one makes no mart stale."""
    return [day for day in dirt.days if day >= now.date() - DAY]


def _note_complete(warehouse: Warehouse, noticed_until: datetime) -> None:
    """Have the marts count as fresh, for their source has nothing that they have not; not at every evaluation."""
    before = min(completeness(warehouse).get(mart, EPOCH) for mart in TELEMETRY)
    if noticed_until - before > _NOTED_EVERY:
        complete(warehouse, TELEMETRY, noticed_until)


def _waiting(dirt: Dirt) -> str:
    """What is left to be done, in words."""
    days = f"{len(dirt.days)} days wait for their runs." if dirt.days else ""
    events = f"{dirt.waiting} events of days to come wait for those." if dirt.waiting else ""
    return f"{days} {events}".strip()
