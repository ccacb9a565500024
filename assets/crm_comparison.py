"""Comparing what comes from the CRM's database: customers, owners and deals as they are now, the audit trail by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from assets.counts import AUDIT, audit_prints
from assets.findings import Compared, Finding, faults
from assets.partitions import Window
from assets.sums_comparison import damaged
from resources.publications import DAY, EPOCH, Publication, current, naive
from resources.source import Snapshot
from resources.warehouse import Warehouse

_ByDay = Mapping[tuple[Any, ...], pl.DataFrame]

CUSTOMERS, OWNERS, DEALS = "crm_customers", "prosthesis_owners", "deal_pipeline"

_READS = {
    CUSTOMERS: ("sources/customers", "reads/customers_of_build", "customers"),
    OWNERS: ("sources/prosthesis_owners", "reads/owners", "owners"),
    DEALS: ("sources/deal_pipeline", "reads/deals_of_build", "deals"),
}
"""How each snapshot is read from the source, and from the build that the last word names."""


def compare_crm(warehouse: Warehouse, source: Snapshot) -> Compared:
    """Compare the current snapshots of the CRM with what was published of them, and with the CRM."""
    compared = Compared()
    seq = source.source_seq(warehouse, "crm")
    for mart, (read, stored, parameter) in _READS.items():
        build = current(warehouse, mart).get(EPOCH)
        if build is not None and build.source_seq > seq:
            continue
        rows = source.frame(read)
        compared.segments += 1
        compared.rows += rows.height
        if build is None:
            compared.findings.append(Finding(mart, EPOCH, "not_published"))
        elif _damaged(warehouse, build):
            compared.findings += faults([build], "damaged")
        elif not _same(rows, pl.DataFrame(warehouse.arrow(stored, **{parameter: build.build_id}))):
            compared.findings.append(Finding(mart, EPOCH, "behind"))
    return compared


def compare_audit(warehouse: Warehouse, source: Snapshot, days: Sequence[datetime]) -> Compared:
    """Compare days of the audit trail, in order, with their source, but for those whose counts differ."""
    window = Window(days[0], days[-1] + DAY)
    seq, prints = source.source_seq(warehouse, "crm"), audit_prints(source, window)
    published = current(warehouse, AUDIT, window.since, window.until)
    wanted = [published[day] for day in days if day in published]
    builds = [
        build for build in wanted if build.source_seq <= seq and build.inputs == prints.get(build.segment, (0, 0, 0))
    ]
    broken = damaged(warehouse, AUDIT, builds)
    read = source.frame("sources/audit_activity").partition_by("day", as_dict=True)
    stored = _audit_of(warehouse, builds, window)
    whole = [build for build in builds if build not in broken]
    other = [build for build in whole if not _same_day(build.segment, read, stored)]
    return Compared(
        findings=[*faults(broken, "damaged"), *faults(other, "differs_from_source")],
        segments=len(builds),
        rows=sum(build.inputs[0] for build in builds),
    )


def _audit_of(warehouse: Warehouse, builds: Sequence[Publication], window: Window) -> _ByDay:
    bounds = {"since": naive(window.since), "until": naive(window.until)}
    stored = warehouse.arrow("reads/audit_of_builds", builds=[build.build_id for build in builds], **bounds)
    return pl.DataFrame(stored).with_columns(pl.col("day").cast(pl.Date)).partition_by("day", as_dict=True)


def _same_day(day: datetime, read: _ByDay, stored: _ByDay) -> bool:
    ours, theirs = read.get((day.date(),)), stored.get((day.date(),))
    if ours is None or theirs is None:
        return ours is theirs
    return _same(ours, theirs)


def _damaged(warehouse: Warehouse, build: Publication) -> bool:
    """Whether the rows of a snapshot are not those that were published."""
    name = "deal_pipeline_totals" if build.mart == DEALS else "crm_customers_totals"
    totals = warehouse.rows(f"reads/{name}", builds=[build.build_id])
    return [(rows, checksum) for _, rows, *_, checksum in totals or [(0, 0, 0)]] != [(build.rows, build.checksum)]


def _same(read: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Whether both have the same rows, whatever the order and the types that they came as."""
    stored = stored.with_columns(pl.selectors.datetime().dt.replace_time_zone(None))
    columns = stored.columns
    return read.select(columns).cast(stored.schema).sort(columns).equals(stored.sort(columns))
