"""Backups: what the warehouse keeps, as it was at one moment, and back again as a whole or not at all.

Tables are copied first, which takes the same files and no time, and the copies are backed up. Publications are copied
before builds, so that every build that was published is in the copies whole. What is restored lies in a database of its
own, of which no reader knows, until it takes the place of the empty one. docs/decisions/0025 tells the whole way.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from resources.errors import WarehouseError, WarehouseUnavailable
from resources.publications import EPOCH, naive
from resources.settings import Settings
from resources.sql import ROOT
from resources.warehouse import Warehouse

COPIES = "backup_of_reports"
"""The database of the copies. A backup is of it, so that it can be restored whatever the warehouse is called."""
_RESTORED = "restore_of_reports"
"""The database that a backup is restored as, before it gets the name of its own."""

Move = Callable[[int, int, str], None]
"""Told how many of how many tables are done, and what is being done."""

_FIRST = ("publications", "arrival_states")
"""What says that something else is there is copied before it."""
_LAST = ("departed_chips", "collections")
"""What says that something may be gone is copied after it."""
_MADE_AGAIN = "retained_builds"
"""A collection makes this table for itself."""
_BORN_WITH_A_ROW = "collections"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_DONE = {"BACKUP_CREATED", "RESTORED"}
_FAILED = {"BACKUP_FAILED", "BACKUP_CANCELLED", "RESTORE_FAILED", "RESTORE_CANCELLED"}

_TRIES = 5
_PERIOD_S = 0.1


class BackupFailed(WarehouseError):
    """A backup cannot be made, or not be restored."""


class Held(msgspec.Struct, frozen=True):
    """What a table holds; `bytes_` as it lies on the disk."""

    table: str
    rows: int
    bytes_: int


def back_up(settings: Settings, name: str, move: Move) -> list[Held]:
    """Write the backup `name`; returns what is in it. Whatever else is done to the warehouse meanwhile goes on.

    Raises `BackupFailed`; there is then no backup of that name, or the one that was there before.
    """
    _check(name)
    _refuse_cluster(settings)
    with _server(settings) as server:
        _refuse_two(server)
        try:
            held = _copy(server, settings, move)
            _carry_out(server, settings, "to", name, move)
        finally:
            _drop(server, COPIES)
    return held


@contextmanager
def restored(settings: Settings, name: str, move: Move) -> Iterator[Settings]:
    """Settings that name a database with what the backup `name` holds; it is dropped unless `swap_in` was called.

    Raises `BackupFailed` where there is no such backup, or where the warehouse is not empty.
    """
    _check(name)
    _refuse_cluster(settings)
    refuse_unless_empty(settings)
    beside = f"{settings.clickhouse_database}_being_restored"
    with _server(settings) as server:
        _refuse_two(server)
        # What a restore that was killed left.
        _drop(server, _RESTORED, beside)
        try:
            _carry_out(server, settings, "from", name, move)
            server.run("backups/rename", database=_RESTORED, to=beside)
            yield msgspec.structs.replace(settings, clickhouse_database=beside)
        finally:
            _drop(server, _RESTORED, beside)


def swap_in(settings: Settings, beside: Settings) -> None:
    """Have readers find what was restored, all of it at one instant. Raises `BackupFailed` where there is anything."""
    refuse_unless_empty(settings)
    with _server(settings) as server:
        _drop(server, settings.clickhouse_database)
        server.run("backups/rename", database=beside.clickhouse_database, to=settings.clickhouse_database)


def refuse_unless_empty(settings: Settings) -> None:
    """Raise `BackupFailed` where the warehouse has any row, or any table that is not ours: it would be lost."""
    known = {path.stem.partition("_")[2] for path in (ROOT / "tables").glob("*.sql")} | {_MADE_AGAIN}
    with _server(settings) as server:
        found = server.rows("backups/held", database=settings.clickhouse_database)
    kept = [name for name, is_kept, rows, _ in found if is_kept and rows and name != _BORN_WITH_A_ROW]
    if kept := kept or [name for name, *_ in found if name not in known]:
        raise BackupFailed(
            f"The database {settings.clickhouse_database} is not empty: it has {', '.join(kept)}. A backup is restored "
            "only where nothing can be lost by it, and where no run writes. Stop Dagster, and name an empty database "
            "(CLICKHOUSE_DATABASE) or drop this one by hand."
        )


def held(settings: Settings) -> list[Held]:
    """What the tables of the warehouse hold that a backup has."""
    with _server(settings) as server:
        return _held(server, settings.clickhouse_database)


def _copy(server: Warehouse, settings: Settings, move: Move) -> list[Held]:
    """Copy the tables, again where a removal began meanwhile; returns what the copies hold."""
    tables = sorted((each.table for each in _held(server, settings.clickhouse_database)), key=_place)
    if not tables:
        raise BackupFailed(
            f"The database {settings.clickhouse_database} has no tables, so there is nothing to back up."
        )
    with Warehouse(settings) as warehouse:
        for _ in range(_TRIES):
            before = _removals(warehouse)
            _drop(server, COPIES)
            server.run("database", database=COPIES)
            for number, table in enumerate(tables):
                move(number, len(tables), f"copying {table}")
                warehouse.declare("backups/clone", f"`{table}`", copies=COPIES, table=table)
            if _removals(warehouse) == before:
                return _held(server, COPIES)
    raise BackupFailed("Rows are being removed from the warehouse again and again; try again once that is done.")


def _place(table: str) -> tuple[int, str]:
    """When a table is copied: see `_FIRST` and `_LAST`."""
    if table in _FIRST:
        return _FIRST.index(table) - len(_FIRST), table
    return (1 + _LAST.index(table) if table in _LAST else 0), table


def _removals(warehouse: Warehouse) -> tuple[object, ...]:
    """Another after a removal of builds or days has begun."""
    return warehouse.rows("reads/collected", since=naive(EPOCH))[0]


def _held(server: Warehouse, database: str) -> list[Held]:
    found = server.rows("backups/held", database=database)
    return [Held(name, rows, size) for name, is_kept, rows, size in found if is_kept and name != _MADE_AGAIN]


def _drop(server: Warehouse, *databases: str) -> None:
    for database in databases:
        server.run("backups/drop", database=database)


def _refuse_cluster(settings: Settings) -> None:
    if settings.clickhouse_cluster:
        raise BackupFailed(
            "Wearers' rows are on the servers of a cluster, which this neither backs up nor restores as one. "
            "docs/cluster.md tells what to do instead."
        )


def _refuse_two(server: Warehouse) -> None:
    """Raise `BackupFailed` where a backup or a restore is being made: another would pull its copies from under it."""
    if server.rows("backups/under_way") != [(0,)]:
        raise BackupFailed("This server is making a backup or restoring one already; try again once that is done.")


def _carry_out(server: Warehouse, settings: Settings, way: str, name: str, move: Move) -> None:
    """Have the server write or read a backup, and wait until it is done."""
    disk = settings.reports_backup_disk
    where = {"disk": disk} if disk else {}
    statement = f"backups/{way}_{'disk' if disk else 'folder'}"
    try:
        [(id_, *_)] = server.rows(statement, name=name, **where)
    except WarehouseUnavailable:
        raise
    except WarehouseError as error:
        raise _explained(name, disk, getattr(error.__cause__, "code", 0)) from error
    began = time.monotonic()
    while True:
        state = server.rows("backups/state", id=id_)
        if not state:
            raise BackupFailed("ClickHouse was started anew meanwhile, so this came to nothing; do it again.")
        [(status, trouble)] = state
        if status in _DONE:
            return
        if status in _FAILED:
            code = re.match(r"Code: (\d+)", trouble)
            raise _explained(name, disk, int(code[1]) if code else 0)
        move(0, 0, f"{'writing' if way == 'to' else 'reading'} {name}, {time.monotonic() - began:.0f} s")
        time.sleep(_PERIOD_S)


def _explained(name: str, disk: str, code: int) -> BackupFailed:
    where = f"the disk {disk} (REPORTS_BACKUP_DISK)" if disk else "the folder for backups of ClickHouse's configuration"
    match code:
        case 598:  # BACKUP_ALREADY_EXISTS
            return BackupFailed(f"There is a backup {name} already on {where}; a backup is never written over.")
        case 599:  # BACKUP_NOT_FOUND
            return BackupFailed(f"There is no backup {name} on {where}, or it was broken off while it was made.")
        case 36 | 318 | 479:  # BAD_ARGUMENTS, INVALID_CONFIG_PARAMETER, UNKNOWN_DISK
            return BackupFailed(
                f"ClickHouse does not allow backups on {where}: name it in its configuration, as docs/backup.md says."
            )
        case 243:  # NOT_ENOUGH_SPACE
            return BackupFailed(f"The disk is full, so {name} came to nothing. Make room, and do it again.")
        case 497:  # ACCESS_DENIED
            return BackupFailed("CLICKHOUSE_USER lacks a right that this takes; docs/backup.md lists them.")
    return BackupFailed(f"ClickHouse gave {name} up with error {code}; its log says more.")


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BackupFailed(f"{name!r} is no name of a backup: letters, digits, dots, dashes, underscores; at most 100.")


def _server(settings: Settings) -> Warehouse:
    """A connection that needs no database of ours."""
    return Warehouse(msgspec.structs.replace(settings, clickhouse_database="default"))
