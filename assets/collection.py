"""Removing what no reader can want any more: days that are no longer kept, people who left, superseded builds."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from assets import orphans
from resources import cluster
from resources.dagster import WarehouseResource
from resources.errors import NotPublished
from resources.publications import EPOCH, first_build_id_at, naive
from resources.retention import expire
from resources.warehouse import Warehouse

_TABLES = (
    "telemetry_events_builds",
    "quarantine_builds",
    "user_prosthesis_stats_builds",
    "user_daily_reports_builds",
    "crm_customers_builds",
    "prosthesis_owners_builds",
    "deal_pipeline_builds",
    "audit_activity_builds",
    "publications",
)


def purge(warehouse: Warehouse) -> int:
    """Write anew what has rows that are only marked as deleted, a month at a time; returns how many months' parts.

    From then on no file that ClickHouse reads has them; the files before leave the disk some minutes later.
    """
    rewritten = 0
    for part in cluster.everywhere(warehouse):
        for table, partition_id in part.rows("reads/masked_parts"):
            part.run("builds/apply_deleted_mask", table=table, partition_id=partition_id)
            rewritten += 1
    return rewritten


def collect(warehouse: Warehouse, older_than: timedelta) -> None:
    """Remove builds that were superseded, or begun and never published, more than `older_than` ago."""
    bound = datetime.now(UTC) - older_than
    # First, so that whoever reads an earlier publication meanwhile learns that it may not be whole any more.
    warehouse.insert_rows("builds/collections", [(naive(bound), naive(EPOCH))])
    warehouse.run("builds/retained_builds", superseded_before=naive(bound))
    for table in _TABLES:
        cluster.collect(warehouse, table, first_build_id_at(bound))


@dg.op(description="Remove days that are no longer kept, people who left, superseded builds and what killed runs left.")
def collect_superseded(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """The op."""
    settings = warehouse.settings()
    older_than = timedelta(seconds=settings.reports_collect_after_seconds)
    with warehouse.connect() as connection:
        expire(connection, settings)
        try:
            context.log.info(f"Removed rows of people who left: {orphans.remove(connection)}")
        except NotPublished as error:
            context.log.warning(str(error))
        collect(connection, older_than)
        rewritten = purge(connection)
    context.log.info(f"Removed what was superseded more than {older_than} ago; {rewritten} partitions written anew")


@dg.job(executor_def=dg.in_process_executor, description="Remove what no reader can want any more.")
def collect_builds() -> None:
    """The job."""
    collect_superseded()


NIGHTLY = dg.ScheduleDefinition(
    name="collect_builds_nightly",
    job=collect_builds,
    cron_schedule="30 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
