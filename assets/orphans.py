"""Orphans: rows of people whom the CRM no longer knows, and what the quarantine still tells of them.

A day that is built again loses them by itself; these are the rest. Views hide them from the moment on that the CRM
without them is published; docs/decisions/0009 tells the whole way.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec

from resources import cluster
from resources.errors import NotPublished
from resources.publications import DAY, EPOCH, Publication, current, naive, publish
from resources.warehouse import Warehouse

_MARTS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
TABLES = (*(f"{mart}_builds" for mart in _MARTS), "crm_customers_builds", "prosthesis_owners_builds")
"""The tables whose rows are somebody's."""

QUARANTINE = "quarantine_builds"
"""The table whose rows may tell of somebody by their chip."""

_BUILDS_AT_ONCE = 1_000


def count(warehouse: Warehouse) -> dict[str, int]:
    """Orphans by table, superseded builds included. Raises `NotPublished` where the CRM was never loaded."""
    return {table: builds.total() for table, builds in _found(warehouse, _customers(warehouse)).items()}


def remove(warehouse: Warehouse) -> dict[str, int]:
    """Remove the orphans; returns how many, by table. Done again after it was killed, it does the rest.

    Events leave in the quarantine that they happened, so what was read stays what is published and set apart.
    Raises `NotPublished`, and removes nothing, where the CRM was never loaded or knows nobody at all: an empty CRM is
    rather a broken one than one that everybody left.
    """
    customers = _customers(warehouse)
    if not customers.rows:
        raise NotPublished(
            "crm_customers is empty. That is taken for a broken CRM, so nobody's rows were removed; materialize "
            "crm_customers again once the CRM has its customers."
        )
    # A build of the CRM that was made by an older release marked nobody.
    warehouse.run("builds/departed_chips", customers=customers.build_id, source_seq=customers.source_seq)
    orphans = _found(warehouse, customers)
    if orphans["telemetry_events_builds"]:
        warehouse.run("builds/departed_events", customers=customers.build_id)
    for table in TABLES:
        if orphans[table]:
            cluster.remove_orphans(warehouse, table, customers.build_id)
    if orphans[QUARANTINE]:
        warehouse.run("builds/departed_quarantine")
    orphaned = {mart: set(orphans[f"{mart}_builds"]) for mart in _MARTS}
    orphaned["telemetry_events"] |= set(orphans[QUARANTINE])
    for mart, builds in orphaned.items():
        _publish_what_is_left(warehouse, mart, builds)
    return {table: builds.total() for table, builds in orphans.items()}


def _customers(warehouse: Warehouse) -> Publication:
    customers = current(warehouse, "crm_customers")
    if EPOCH not in customers:
        raise NotPublished("crm_customers was never published, so nobody is known to be gone; materialize it first.")
    return customers[EPOCH]


def _found(warehouse: Warehouse, customers: Publication) -> dict[str, Counter[int]]:
    """How many orphans each build has, by table."""
    found = {table: warehouse.rows("reads/orphans", table=table, customers=customers.build_id) for table in TABLES}
    found[QUARANTINE] = warehouse.rows("reads/departed_quarantine") if customers.rows else []
    return {table: Counter(dict(builds)) for table, builds in found.items()}


def _publish_what_is_left(warehouse: Warehouse, mart: str, builds: set[int]) -> None:
    """Publish the current ones of `builds` again with the rows and the checksum that they have now."""
    touched = [publication for publication in current(warehouse, mart).values() if publication.build_id in builds]
    by_run: dict[str, list[Publication]] = defaultdict(list)
    for first in range(0, len(touched), _BUILDS_AT_ONCE):
        for publication in _recounted(warehouse, mart, touched[first : first + _BUILDS_AT_ONCE]):
            by_run[publication.run_id].append(publication)
    for run_id, publications in by_run.items():
        publish(warehouse, publications, run_id)


def _recounted(warehouse: Warehouse, mart: str, publications: list[Publication]) -> list[Publication]:
    found = warehouse.rows(
        f"reads/{mart}_totals",
        builds=[publication.build_id for publication in publications],
        since=naive(publications[0].segment),
        until=naive(publications[-1].segment + DAY),
    )
    # Every mart's totals begin with the rows and end with the checksum and the watermark.
    totals = {build_id: (rows, checksum) for build_id, rows, *_, checksum, _ in found}
    recounted = []
    for publication in publications:
        rows, checksum = totals.get(publication.build_id, (0, 0))
        recounted.append(msgspec.structs.replace(publication, rows=rows, checksum=checksum))
    return recounted
