"""Reconciliation by the hour: every source is compared with its marts, and what differs is shown and built again.

Days of telemetry are built again by the sensor that follows what is dirty; the audit trail and the CRM's snapshots,
which are cheap, by the op that found them.
"""

import time
from collections import Counter
from collections.abc import Iterable

import dagster as dg

from assets.audit_activity import AuditBuild
from assets.comparisons import Scope, due, reconcile_audit, reconcile_crm, reconcile_telemetry
from assets.counts import AUDIT, DAILY, EVENTS, STATS, all_days, kept
from assets.crm_comparison import CUSTOMERS, DEALS, OWNERS
from assets.crm_customers import build_customers
from assets.deal_pipeline import build_deals
from assets.findings import COLUMNS, Compared, Finding, table
from assets.outcome import Outcome
from assets.partitions import Window, joined
from resources.dagster import CrmSource, TelemetrySource, WarehouseResource
from resources.publications import DAY

_SHOWN = 200
"""Lines of differences that the UI is given; the log of a broken year would help nobody."""


@dg.op(description="Compare the telemetry source with its marts; what differs is built again by the sensor.")
def reconcile_telemetry_marts(
    context: dg.OpExecutionContext, warehouse: WarehouseResource, telemetry: TelemetrySource
) -> None:
    """The op."""
    began, settings = time.monotonic(), telemetry.settings()
    window = kept(settings)
    with warehouse.connect() as connection:
        scope = Scope(window, due(connection, EVENTS, window))
        compared = reconcile_telemetry(connection, telemetry.snapshot, settings, scope)
    _show(context, compared, (EVENTS, STATS, DAILY), began)


@dg.op(description="Compare the audit trail with its mart, and build again the days that differ.")
def reconcile_audit_mart(context: dg.OpExecutionContext, warehouse: WarehouseResource, crm: CrmSource) -> None:
    """The op."""
    began, window = time.monotonic(), all_days(crm.settings())
    with warehouse.connect() as connection:
        compared = reconcile_audit(connection, crm.audit_snapshot, Scope(window, due(connection, AUDIT, window)))
        for stretch in _stretches(compared.findings):
            with crm.audit_snapshot() as source:
                build = AuditBuild(connection, source, context.run.run_id, context.log.info)
                _tell(context, AUDIT, build.materialize(stretch, full_refresh=True))
    _show(context, compared, (AUDIT,), began)


@dg.op(description="Compare the CRM's customers, owners and deals with their marts, and build again what differs.")
def reconcile_crm_marts(context: dg.OpExecutionContext, warehouse: WarehouseResource, crm: CrmSource) -> None:
    """The op."""
    began = time.monotonic()
    with warehouse.connect() as connection:
        compared = reconcile_crm(connection, crm.snapshot)
        differing = {finding.mart for finding in compared.findings}
        with crm.snapshot() as source:
            if differing & {CUSTOMERS, OWNERS}:
                _tell(context, CUSTOMERS, build_customers(connection, source, context.run.run_id))
            if DEALS in differing:
                _tell(context, DEALS, build_deals(connection, source, context.run.run_id))
    _show(context, compared, (CUSTOMERS, DEALS), began)


@dg.job(executor_def=dg.in_process_executor, description="Compare sources with marts, and mend what differs.")
def reconcile() -> None:
    """The job; each source is compared whether or not the others answer."""
    reconcile_telemetry_marts()
    reconcile_audit_mart()
    reconcile_crm_marts()


HOURLY = dg.ScheduleDefinition(
    name="reconcile_hourly",
    job=reconcile,
    cron_schedule="7 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _stretches(findings: Iterable[Finding]) -> list[Window]:
    days = sorted({finding.segment for finding in findings})
    return joined(Window(day, day + DAY) for day in days)


def _tell(context: dg.OpExecutionContext, mart: str, built: Outcome) -> None:
    """Have the UI show at the asset that it was built again."""
    metadata = {"segments_rebuilt": built.rebuilt, "source_rows": built.source_rows}
    context.log_event(dg.AssetMaterialization(mart, description="Built again by reconciliation.", metadata=metadata))


def _show(context: dg.OpExecutionContext, compared: Compared, marts: Iterable[str], began: float) -> None:
    """Have the UI show what was compared and what differs, in all and at each mart."""
    lines = table(compared.findings)
    for line in lines[:_SHOWN]:
        context.log.warning(f"{line[0]}: {line[4]} from {line[1]} to {line[2]} ({line[3]} segments)")
    records = [dg.TableRecord(dict(zip(COLUMNS, line, strict=True))) for line in lines[:_SHOWN]]
    context.add_output_metadata(
        {
            "differing_segments": len(compared.findings),
            "days_compared": compared.days,
            "segments_compared": compared.segments,
            "rows_compared": compared.rows,
            "seconds": round(time.monotonic() - began, 3),
            **({"differences": dg.MetadataValue.table(records)} if records else {}),
        }
    )
    for mart in marts:
        reasons = Counter(finding.reason for finding in compared.findings if _asset_of(finding) == mart)
        metadata = {"differing_segments": reasons.total(), **reasons}
        context.log_event(dg.AssetObservation(mart, metadata=metadata))


def _asset_of(finding: Finding) -> str:
    return CUSTOMERS if finding.mart == OWNERS else finding.mart
