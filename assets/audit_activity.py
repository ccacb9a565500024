"""`audit_activity`: how much was done by day, action and kind of entity, without names. A segment is a day."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.derived import Plan, chunks, publish_verified
from assets.event_load import arrays
from assets.outcome import Outcome, Report
from assets.partitions import Window, joined, midnight, window_of
from resources.dagster import BuildConfig, CrmSource, WarehouseResource
from resources.freshness import complete
from resources.publications import DAY, Build, current, new_build_ids
from resources.source import Snapshot
from resources.warehouse import Warehouse

MART = "audit_activity"

Fingerprint = tuple[int, int, int]
"""What a day was made from: events, sum of their ids, newest occurred_at in microseconds."""

_UINT64 = (1 << 64) - 1


def audit_activity(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, partitioned by `days`."""

    @dg.asset(
        name=MART,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=["audit_events"],
        pool="audit_activity",
        group_name="aggregates",
        kinds={"postgres", "clickhouse"},
        description="Events and distinct actors of the audit trail. One row a day, action and kind of entity.",
    )
    def asset(
        context: dg.AssetExecutionContext, config: BuildConfig, warehouse: WarehouseResource, crm: CrmSource
    ) -> dg.MaterializeResult[None]:
        with warehouse.connect() as connection, crm.audit_snapshot() as source:
            build = AuditBuild(connection, source, context.run.run_id, context.log.info)
            return build.materialize(window_of(context), full_refresh=config.full_refresh).result(
                context, connection, warehouse.settings()
            )

    return asset


class AuditBuild:
    """One run's work on this mart, over one snapshot of the source."""

    def __init__(self, warehouse: Warehouse, source: Snapshot, run_id: str, report: Report) -> None:
        self._warehouse = warehouse
        self._source = source
        self._source_seq = source.source_seq(warehouse, "crm")
        self._run_id = run_id
        self._report = report

    def materialize(self, window: Window, *, full_refresh: bool = False) -> Outcome:
        """Publish the days of `window` whose source changed since they were published, or all of them.

        Raises `BuildRejected` where what was written is not what was read; readers then keep what they had.
        """
        outcome = Outcome(unknown_columns=self._source.check("events"))
        prints = self._fingerprints(window)
        published = current(self._warehouse, MART, window.since, window.until)
        changed = []
        for day, fingerprint in prints.items():
            if full_refresh or day not in published or published[day].inputs != fingerprint:
                changed.append(day)
            else:
                outcome.keep(published[day])
        outcome.source_rows = sum(fingerprint[0] for fingerprint in prints.values())
        build_ids = dict(zip(changed, new_build_ids(len(changed)), strict=True))
        for chunk in chunks(changed, lambda day: prints[day][0]):
            for build in self._build({day: build_ids[day] for day in chunk}, prints):
                outcome.rebuild(build)
            self._report(f"{outcome.rebuilt} of {len(changed)} changed days published, {outcome.kept} days unchanged")
        if window.reaches(self._source.begun_at):
            complete(self._warehouse, [MART], self._source.begun_at)
        return outcome

    def _fingerprints(self, window: Window) -> dict[datetime, Fingerprint]:
        """What each day of `window` would be made from now, in order of time."""
        self._source.window(window.since, window.until, window.since)
        found = {
            midnight(day): (events, ids & _UINT64, int(newest.replace(tzinfo=UTC).timestamp() * 1_000_000))
            for day, events, ids, newest in self._source.frame("sources/audit_fingerprints").iter_rows()
        }
        return {day: found.get(day, (0, 0, 0)) for day in window.days()}

    def _build(self, build_ids: dict[datetime, int], prints: dict[datetime, Fingerprint]) -> list[Build]:
        builds = pl.DataFrame(
            {"day": [day.date() for day in build_ids], "build_id": list(build_ids.values())},
            schema={"day": pl.Date, "build_id": pl.UInt64},
        )
        for window in joined(Window(day, day + DAY) for day in build_ids if prints[day][0]):
            self._source.window(window.since, window.until, window.since)
            activity = self._source.frame("sources/audit_activity").join(builds, on="day")
            self._warehouse.insert("builds/audit_activity", [arrays(activity)])
        plans = [
            Plan(
                segment=day,
                build_id=build_id,
                source_seq=self._source_seq,
                movements=prints[day][0],
                inputs=prints[day],
            )
            for day, build_id in build_ids.items()
        ]
        whole = Window(plans[0].segment, plans[-1].segment + DAY)
        return publish_verified(self._warehouse, MART, plans, whole, self._run_id)
