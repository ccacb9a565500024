"""`deal_pipeline`: the CRM's deals by status and currency, as one snapshot."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.outcome import Outcome
from resources.dagster import CrmSource, WarehouseResource
from resources.errors import BuildRejected
from resources.freshness import complete
from resources.publications import EPOCH, Build, new_build_ids, publish
from resources.source import Snapshot
from resources.warehouse import Warehouse

MART = "deal_pipeline"


@dg.asset(
    name=MART,
    deps=["deals"],
    pool="deal_pipeline",
    group_name="aggregates",
    kinds={"postgres", "clickhouse"},
    description="Count and amount of deals. One row a status and currency.",
)
def deal_pipeline(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, crm: CrmSource
) -> dg.MaterializeResult[None]:
    """The asset."""
    with warehouse.connect() as connection, crm.snapshot() as source:
        return build_deals(connection, source, context.run.run_id).result(context, connection, warehouse.settings())


def build_deals(warehouse: Warehouse, source: Snapshot, run_id: str) -> Outcome:
    """Publish the deals of one snapshot of the CRM.

    Raises `BuildRejected` where what was written is not what was read; readers then keep what they had.
    """
    outcome = Outcome(unknown_columns=source.check("deals"))
    source_seq = source.source_seq(warehouse, "crm")
    (build_id,) = new_build_ids(1)
    groups = source.frame("sources/deal_pipeline").with_columns(
        pl.col("amount_total").cast(pl.Decimal(38, 2)), build_id=pl.lit(build_id, dtype=pl.UInt64)
    )
    if groups.height:
        warehouse.insert_rows("builds/deal_pipeline", groups.rows())
    deals = int(groups["deals"].sum())
    newest = groups["newest_updated_at"].max()
    assert newest is None or isinstance(newest, datetime)  # noqa: S101 - it is a column of instants
    build = Build(
        mart=MART,
        segment=EPOCH,
        build_id=build_id,
        source_seq=source_seq,
        rows=groups.height,
        checksum=_verified(warehouse, build_id, groups.height, deals),
        watermark=EPOCH if newest is None else newest.replace(tzinfo=UTC),
        inputs=(deals,),
    )
    publish(warehouse, [build], run_id)
    complete(warehouse, [MART], source.begun_at)
    outcome.source_rows = deals
    outcome.rebuild(build)
    return outcome


def _verified(warehouse: Warehouse, build_id: int, rows: int, deals: int) -> int:
    """The checksum of what was written, which counts what was read."""
    found = warehouse.rows("reads/deal_pipeline_totals", builds=[build_id])
    written, counted, checksum = found[0][1:] if found else (0, 0, 0)
    if (written, counted) != (rows, deals):
        raise BuildRejected(
            f"{MART}: {deals} deals were read and {counted} are in what was written. Nothing was published; "
            "run it again."
        )
    return int(checksum)
