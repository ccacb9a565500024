"""A warehouse whose wearers' rows are spread over the shards of a cluster, each wearer's on one of them.

The server that the settings name, the head, holds everything else whole: publications, so that a build becomes current
by one row there, customers, owners, small marts, the quarantine. Without a cluster it holds wearers' rows, too, and
nothing here has anything to do. docs/decisions/0030 tells why.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from resources.errors import ShardUnavailable, WarehouseError, WarehouseUnavailable
from resources.settings import Settings
from resources.sql import statement
from resources.warehouse import Warehouse

TABLES = ("telemetry_events_builds", "user_prosthesis_stats_builds", "user_daily_reports_builds")
"""The tables whose rows are spread; they bear the same names on the shards."""

_COLUMNS = re.compile(r"^\($.*?^\)$", re.MULTILINE | re.DOTALL)

_AT_ONCE = 5_000
"""Builds or people that one DELETE names, so that its text stays below what a server reads (256 KiB)."""


def is_spread(settings: Settings, table: str) -> bool:
    """Whether the rows of `table` are on shards, and the head only knows where."""
    return bool(settings.clickhouse_cluster) and table in TABLES


def parts(settings: Settings) -> list[Settings]:
    """Settings that name each server that holds wearers' rows, and the database of its part; none without a cluster."""
    return [
        msgspec.structs.replace(
            settings,
            clickhouse_host=host,
            clickhouse_port=port,
            clickhouse_database=_part(settings),
            clickhouse_cluster="",
        )
        for _, host, port in _servers(settings)
    ]


def shards(settings: Settings) -> list[int]:
    """Which shard each of `parts` is; those of the same shard have the same rows."""
    return [shard for shard, _, _ in _servers(settings)]


def spread(warehouse: Warehouse, file: str, table: str, settings: Settings) -> None:
    """Make `table` so that its rows are on the shards; `file` is where its columns are."""
    [columns] = _COLUMNS.findall(statement(file).text)
    warehouse.declare(
        "cluster/spread",
        columns,
        **_of(settings, table),
        shards=len(set(shards(settings))),
    )


def everywhere(warehouse: Warehouse) -> Iterator[Warehouse]:
    """`warehouse` itself, and then a connection to each part of it, for as long as it is the turn of each.

    Raises `ShardUnavailable`.
    """
    yield warehouse
    for settings in parts(warehouse.settings):
        with _connected(settings) as part:
            yield part


def collect(warehouse: Warehouse, table: str, begun_before: int) -> None:
    """Remove from `table` what was begun before that build and is not retained. Raises `ShardUnavailable`."""
    if is_spread(warehouse.settings, table):
        found = warehouse.rows("cluster/superseded", **_of(warehouse.settings, table), begun_before=begun_before)
        _remove(warehouse, "cluster/remove_builds", table, [build_id for (build_id,) in found])
    else:
        warehouse.run("builds/collect", table=table, begun_before=begun_before)


def remove_orphans(warehouse: Warehouse, table: str, customers: int) -> None:
    """Remove from `table` the rows of whoever is not in the build `customers`. Raises `ShardUnavailable`."""
    if is_spread(warehouse.settings, table):
        [(builds, users)] = warehouse.rows("cluster/orphans", **_of(warehouse.settings, table), customers=customers)
        for some in _some(users):
            _remove(warehouse, "cluster/remove_users", table, builds, users=some)
    else:
        warehouse.run("builds/orphans", table=table, customers=customers)


def _remove(warehouse: Warehouse, name: str, table: str, builds: Sequence[int], **parameters: Any) -> None:
    """Have each part remove what the head says: a shard knows neither publications nor customers."""
    for settings in parts(warehouse.settings):
        with _connected(settings) as part:
            for some in _some(builds):
                part.run(name, table=table, builds=some, **parameters)


def _some(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(numbers), _AT_ONCE):
        yield numbers[first : first + _AT_ONCE]


def _of(settings: Settings, table: str) -> dict[str, str]:
    """The parameters by which a statement names the parts of `table`."""
    return {"cluster": settings.clickhouse_cluster, "part": _part(settings), "table": table}


def _part(settings: Settings) -> str:
    """The database on the shards: another than the head's, which may be one of them."""
    return f"{settings.clickhouse_database}_shard"


def _servers(settings: Settings) -> list[tuple[int, str, int]]:
    """Shard, host and port of each server of the cluster. Raises `WarehouseError` where it cannot be used."""
    if not settings.clickhouse_cluster:
        return []
    with Warehouse(msgspec.structs.replace(settings, clickhouse_database="default")) as head:
        found = head.rows("cluster/servers", cluster=settings.clickhouse_cluster)
    if not found:
        raise WarehouseError(
            f"The server that CLICKHOUSE_HOST names knows no cluster {settings.clickhouse_cluster} "
            "(CLICKHOUSE_CLUSTER); docs/cluster.md tells how its configuration names one."
        )
    shards = Counter(shard for shard, *_ in found)
    if any(itself and shards[shard] > 1 for shard, _, _, itself in found):
        raise WarehouseError(
            f"The cluster {settings.clickhouse_cluster} has servers with the same rows and internal_replication, by "
            "which rows would be written to one of them only; set it to false, as docs/cluster.md says."
        )
    return [(shard, host, port) for shard, host, port, _ in found]


@contextmanager
def _connected(settings: Settings) -> Iterator[Warehouse]:
    with shard_errors(), Warehouse(settings) as part:
        yield part


@contextmanager
def shard_errors() -> Iterator[None]:
    """For the length of a talk with a part; where it does not answer, raises `ShardUnavailable`."""
    try:
        yield
    except WarehouseUnavailable as error:
        raise ShardUnavailable(
            "A server of the cluster does not answer. What was begun was not done everywhere; do it again once all do."
        ) from error
