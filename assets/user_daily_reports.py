"""`user_daily_reports`: what a wearer reads, by prosthesis and day. A segment is a day, made from hours of stats."""

from datetime import datetime

import dagster as dg

from assets.derived import Plan, chunks, complete_like, publish_verified
from assets.outcome import Outcome, Report
from assets.partitions import Window, kept_window
from resources.dagster import BuildConfig, WarehouseResource
from resources.errors import NotPublished
from resources.freshness import completeness
from resources.publications import DAY, Build, Publication, current_of, naive, new_build_ids
from resources.warehouse import Warehouse

MART = "user_daily_reports"


def user_daily_reports(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, partitioned by `days`."""

    @dg.asset(
        name=MART,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=["user_prosthesis_stats"],
        pool="telemetry",
        group_name="telemetry",
        kinds={"clickhouse"},
        description="What a wearer reads. One row a wearer, prosthesis and day.",
    )
    def asset(
        context: dg.AssetExecutionContext, config: BuildConfig, warehouse: WarehouseResource
    ) -> dg.MaterializeResult[None]:
        with warehouse.connect() as connection:
            settings = warehouse.settings()
            window = kept_window(context, settings)
            build = DailyBuild(connection, context.run.run_id, context.log.info)
            return build.materialize(window, full_refresh=config.full_refresh).result(context, connection, settings)

    return asset


class DailyBuild:
    """One run's work on this mart."""

    def __init__(self, warehouse: Warehouse, run_id: str, report: Report) -> None:
        self._warehouse = warehouse
        self._run_id = run_id
        self._report = report

    def materialize(self, window: Window, *, full_refresh: bool = False) -> Outcome:
        """Publish the days of `window` whose hours changed since they were published, or all of them.

        Raises `NotPublished` where a day has no hour published, `BuildRejected` where sums do not add up.
        """
        outcome = Outcome()
        # Asked first: what its source holds now, it held when it was complete.
        complete_at = completeness(self._warehouse).get("user_prosthesis_stats")
        build_ids = dict(zip(window.days(), new_build_ids(len(window.days())), strict=True))
        found = current_of(self._warehouse, ["user_prosthesis_stats", MART], window.since, window.until)
        hours, published = _hours(found["user_prosthesis_stats"], window), found[MART]
        changed = []
        for day, stats in hours.items():
            before = published.get(day)
            if full_refresh or before is None or before.is_faulty or before.inputs != _inputs(stats):
                changed.append(day)
            else:
                outcome.keep(before)
        movements = self._movements(hours, changed)
        for chunk in chunks(changed, lambda day: sum(stats.rows for stats in hours[day])):
            plans = [_plan(day, build_ids[day], hours[day], movements[day]) for day in chunk]
            for build in self._build(plans):
                outcome.rebuild(build)
            self._report(f"{outcome.rebuilt} of {len(changed)} changed days published, {outcome.kept} days unchanged")
        outcome.source_rows = sum(stats.rows for day in hours.values() for stats in day)
        complete_like(self._warehouse, MART, complete_at, window)
        return outcome

    def _movements(self, hours: dict[datetime, list[Publication]], days: list[datetime]) -> dict[datetime, int]:
        """Events that each of `days` must count, from its hours."""
        if not days:
            return {}
        found = self._warehouse.rows(
            "reads/movements_of_hours",
            builds=[stats.build_id for day in days for stats in hours[day]],
            since=naive(days[0]),
            until=naive(days[-1] + DAY),
        )
        counted = dict(found)
        return {day: sum(counted.get(stats.build_id, 0) for stats in hours[day]) for day in days}

    def _build(self, plans: list[Plan]) -> list[Build]:
        window = Window(plans[0].segment, plans[-1].segment + DAY)
        self._warehouse.run(
            "builds/user_daily_reports",
            stats_builds=[stats_build for plan in plans for stats_build in plan.inputs],
            daily_builds=[plan.build_id for plan in plans for _ in plan.inputs],
            since=naive(window.since),
            until=naive(window.until),
        )
        return publish_verified(self._warehouse, MART, plans, window, self._run_id)


def _hours(published: dict[datetime, Publication], window: Window) -> dict[datetime, list[Publication]]:
    """The published hours of each day of `window`, in order. Raises `NotPublished` where a day has none."""
    hours: dict[datetime, list[Publication]] = {day: [] for day in window.days()}
    for hour, stats in published.items():
        hours[hour.replace(hour=0)].append(stats)
    missing = [day for day, stats in hours.items() if not stats]
    if missing:
        raise NotPublished(f"user_prosthesis_stats has nothing published for {missing[0]:%Y-%m-%d}; build it first.")
    return hours


def _inputs(stats: list[Publication]) -> tuple[int, ...]:
    return tuple(hour.build_id for hour in stats)


def _plan(day: datetime, build_id: int, stats: list[Publication], movements: int) -> Plan:
    return Plan(
        segment=day,
        build_id=build_id,
        source_seq=max(hour.source_seq for hour in stats),
        movements=movements,
        inputs=_inputs(stats),
    )
