"""`user_prosthesis_stats`: sums by wearer, prosthesis and hour. A segment is an hour, made from an hour of events."""

import struct

import dagster as dg

from assets.derived import Plan, chunks, complete_like, publish_verified
from assets.outcome import Outcome, Report
from assets.partitions import Window, kept_window
from resources.dagster import BuildConfig, WarehouseResource
from resources.errors import NotPublished
from resources.freshness import completeness
from resources.publications import EPOCH, HOUR, Build, Publication, current_of, naive, new_build_ids
from resources.warehouse import Warehouse

MART = "user_prosthesis_stats"


def user_prosthesis_stats(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, partitioned by `days`."""

    @dg.asset(
        name=MART,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=["telemetry_events"],
        pool="telemetry",
        group_name="telemetry",
        kinds={"clickhouse"},
        description="Sums and counts by hour. One row a wearer, prosthesis and hour.",
    )
    def asset(
        context: dg.AssetExecutionContext, config: BuildConfig, warehouse: WarehouseResource
    ) -> dg.MaterializeResult[None]:
        with warehouse.connect() as connection:
            settings = warehouse.settings()
            build = StatsBuild(connection, settings.reports_response_limit_ms, context.run.run_id, context.log.info)
            return build.materialize(kept_window(context, settings), full_refresh=config.full_refresh).result(
                context, connection, settings
            )

    return asset


class StatsBuild:
    """One run's work on this mart."""

    def __init__(self, warehouse: Warehouse, response_limit_ms: float, run_id: str, report: Report) -> None:
        self._warehouse = warehouse
        self._response_limit_ms = response_limit_ms
        self._run_id = run_id
        self._report = report

    def materialize(self, window: Window, *, full_refresh: bool = False) -> Outcome:
        """Publish the hours of `window` whose events or rules changed since they were published, or all of them.

        Raises `NotPublished` where no event of the window was ever published, `BuildRejected` where sums do not add up.
        """
        outcome = Outcome()
        # Asked first: what its source holds now, it held when it was complete.
        complete_at = completeness(self._warehouse).get("telemetry_events")
        build_ids = iter(new_build_ids(len(window.hours())))
        found = current_of(self._warehouse, ["telemetry_events", MART], window.since, window.until)
        published = found[MART]
        events = {hour: build for hour, build in found["telemetry_events"].items() if hour != EPOCH}
        if window.hours() and not events:
            raise NotPublished(
                f"telemetry_events has nothing published from {window.since:%Y-%m-%d} on; build it first."
            )
        changed = []
        for hour, source in events.items():
            before = published.get(hour)
            if full_refresh or before is None or before.is_faulty or before.inputs != self._inputs(source):
                changed.append(source)
            else:
                outcome.keep(before)
        outcome.source_rows = sum(source.rows for source in events.values())
        for chunk in chunks(changed, lambda source: source.rows):
            for build in self._build([self._plan(source, next(build_ids)) for source in chunk]):
                outcome.rebuild(build)
            self._report(f"{outcome.rebuilt} of {len(changed)} changed hours published, {outcome.kept} hours unchanged")
        complete_like(self._warehouse, MART, complete_at, window)
        return outcome

    def _plan(self, events: Publication, build_id: int) -> Plan:
        return Plan(
            segment=events.segment,
            build_id=build_id,
            source_seq=events.source_seq,
            movements=events.rows,
            inputs=self._inputs(events),
        )

    def _inputs(self, events: Publication) -> tuple[int, ...]:
        """What an hour is made from: the build of its events, and the limit as the bits of a float."""
        return (events.build_id, struct.unpack("<Q", struct.pack("<d", self._response_limit_ms))[0])

    def _build(self, plans: list[Plan]) -> list[Build]:
        window = Window(plans[0].segment, plans[-1].segment + HOUR)
        self._warehouse.run(
            "builds/user_prosthesis_stats",
            events_builds=[plan.inputs[0] for plan in plans],
            stats_builds=[plan.build_id for plan in plans],
            since=naive(window.since),
            until=naive(window.until),
            response_limit_ms=self._response_limit_ms,
        )
        return publish_verified(self._warehouse, MART, plans, window, self._run_id)
