"""`crm_customers`: the CRM's customers as one snapshot, and with it who wears which chip when (`prosthesis_owners`)."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.event_load import arrays
from assets.outcome import Outcome
from resources.dagster import CrmSource, WarehouseResource
from resources.errors import BuildRejected
from resources.freshness import complete
from resources.publications import EPOCH, Build, current, new_build_ids, publish
from resources.source import Snapshot
from resources.warehouse import Warehouse

MART = "crm_customers"
OWNERS = "prosthesis_owners"

_LOOKUPS = ("tables/0019_crm_customers_by_number", "tables/0020_crm_customers_by_uuid")


@dg.asset(
    name=MART,
    deps=["customers", "prostheses", "prosthesis_models"],
    pool="crm_customers",
    group_name="crm",
    kinds={"postgres", "clickhouse"},
    description="The customers of the CRM, whole; who wears which chip when rides along. One row a customer.",
)
def crm_customers(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, crm: CrmSource
) -> dg.MaterializeResult[None]:
    """The asset."""
    with warehouse.connect() as connection, crm.snapshot() as source:
        return build_customers(connection, source, context.run.run_id).result(context, connection, warehouse.settings())


def build_customers(warehouse: Warehouse, source: Snapshot, run_id: str) -> Outcome:
    """Publish the customers and the owners of one snapshot of the CRM, both at once.

    The chips of people who left are marked before, so that nothing of theirs is stored again once nobody owns them.
    Raises `BuildRejected` where what was written is not what was read; readers then keep what they had.
    """
    outcome = Outcome(unknown_columns=source.check("customers", "prostheses", "prosthesis_models"))
    source_seq = source.source_seq(warehouse, "crm")
    customers_build, owners_build = new_build_ids(2)
    customers = source.frame("sources/customers")
    owners = source.frame("sources/prosthesis_owners")
    if customers.height:
        warehouse.insert_rows("builds/crm_customers", _with_build(customers, customers_build).rows())
    if owners.height:
        warehouse.insert("builds/prosthesis_owners", [arrays(_with_build(owners, owners_build))])
    read = {MART: (customers_build, customers.height), OWNERS: (owners_build, owners.height)}
    builds = _verified(warehouse, read, source_seq, customers["updated_at"].max())
    if customers.height:
        warehouse.run("builds/departed_chips", customers=customers_build, source_seq=source_seq)
    publish(warehouse, builds, run_id)
    swap_lookups(warehouse)
    complete(warehouse, [MART], source.begun_at)
    outcome.source_rows = customers.height
    outcome.rebuild(builds[0])
    return outcome


def swap_lookups(warehouse: Warehouse) -> None:
    """Have memory hold the current snapshot, whoever else publishes or swaps at the same time."""
    swapped = None
    while swapped != (build_id := current(warehouse, MART)[EPOCH].build_id):
        for lookup in _LOOKUPS:
            warehouse.run(lookup)
        swapped = build_id


def _verified(
    warehouse: Warehouse, read: dict[str, tuple[int, int]], source_seq: int, watermark: object
) -> list[Build]:
    """The builds as the warehouse holds them; `read` is their number and rows by mart. Raises `BuildRejected`."""
    assert watermark is None or isinstance(watermark, datetime)  # noqa: S101 - it is of a column of instants
    found = warehouse.rows("reads/crm_customers_totals", builds=[build_id for build_id, _ in read.values()])
    totals = {build_id: counts for build_id, *counts in found}
    return [
        Build(
            mart=mart,
            segment=EPOCH,
            build_id=build_id,
            source_seq=source_seq,
            rows=rows,
            checksum=_checksum(mart, rows, *totals.get(build_id, (0, 0))),
            watermark=EPOCH if watermark is None else watermark.replace(tzinfo=UTC),
            inputs=(rows,),
        )
        for mart, (build_id, rows) in read.items()
    ]


def _with_build(frame: pl.DataFrame, build_id: int) -> pl.DataFrame:
    return frame.with_columns(build_id=pl.lit(build_id, dtype=pl.UInt64))


def _checksum(mart: str, read: int, written: int, checksum: int) -> int:
    if read != written:
        raise BuildRejected(
            f"{mart}: {read} rows were read and {written} written. Nothing was published; run it again."
        )
    return checksum
