"""Orphans: published rows of people whom the CRM no longer knows.

A day that is built again loses them by itself; these are the rest. The quarantine names nobody, so nothing of it is an
orphan: docs/decisions/0009 says what that leaves.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from resources.errors import NotPublished
from resources.publications import DAY, EPOCH, Publication, current, naive, publish
from resources.warehouse import Warehouse

_MARTS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
TABLES = (*(f"{mart}_builds" for mart in _MARTS), "crm_customers_builds", "prosthesis_owners_builds")
"""The tables whose rows are somebody's."""

_BUILDS_AT_ONCE = 1_000


def count(warehouse: Warehouse) -> dict[str, int]:
    """Orphans by table, superseded builds included. Raises `NotPublished` where the CRM was never loaded."""
    _known_customers(warehouse)
    return {table: sum(_by_build(warehouse, table).values()) for table in TABLES}


def remove(warehouse: Warehouse) -> dict[str, int]:
    """Remove the orphans; returns how many, by table.

    Raises `NotPublished`, and removes nothing, where the CRM was never loaded or knows nobody at all: an empty CRM is
    rather a broken one than one that everybody left.
    """
    if not _known_customers(warehouse):
        raise NotPublished(
            "crm_customers is empty. That is taken for a broken CRM, so nobody's rows were removed; materialize "
            "crm_customers again once the CRM has its customers."
        )
    orphans = {table: _by_build(warehouse, table) for table in TABLES}
    for table, builds in orphans.items():
        if builds:
            warehouse.run("builds/orphans", table=table)
    for mart in _MARTS:
        _publish_what_is_left(warehouse, mart, orphans[f"{mart}_builds"])
    return {table: sum(builds.values()) for table, builds in orphans.items()}


def _known_customers(warehouse: Warehouse) -> int:
    customers = current(warehouse, "crm_customers")
    if EPOCH not in customers:
        raise NotPublished("crm_customers was never published, so nobody is known to be gone; materialize it first.")
    return customers[EPOCH].rows


def _by_build(warehouse: Warehouse, table: str) -> dict[int, int]:
    return dict(warehouse.rows("reads/orphans", table=table))


def _publish_what_is_left(warehouse: Warehouse, mart: str, builds: dict[int, int]) -> None:
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
