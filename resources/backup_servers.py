"""The servers that a backup is made of, and how each is told to write its part of it or to read that back.

Without a cluster that is one. On a cluster each server that holds wearers' rows has copies and a backup of its own,
beside those of the head, which may be one of these servers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from resources import cluster
from resources.errors import ShardUnavailable, WarehouseError, WarehouseUnavailable
from resources.settings import Settings
from resources.warehouse import Warehouse

Move = Callable[[int, int, str], None]
"""Told how many of how many tables are done, and what is being done."""

_DONE = {"BACKUP_CREATED", "RESTORED"}
_FAILED = {"BACKUP_FAILED", "BACKUP_CANCELLED", "RESTORE_FAILED", "RESTORE_CANCELLED"}

_PERIOD_S = 0.1


class BackupFailed(WarehouseError):
    """A backup cannot be made, or not be restored."""


class Place(msgspec.Struct, frozen=True):
    """A database that has a backup of its own: the warehouse, or a part of it on a server of the cluster."""

    settings: Settings
    """They name the server and the database."""
    number: int = 0
    """Which server of the cluster it is, in the order of the head's configuration; 0 for the warehouse itself."""
    shard: int = 0

    @property
    def database(self) -> str:
        """What it is called where it is read and written."""
        return self.settings.clickhouse_database

    @property
    def copies(self) -> str:
        """The database of the copies. A backup is of it, so it can be restored whatever the warehouse is called."""
        return "backup_of_reports_shard" if self.number else "backup_of_reports"

    @property
    def restored(self) -> str:
        """The database that a backup is restored as, before it gets the name of its own."""
        return "restore_of_reports_shard" if self.number else "restore_of_reports"

    @property
    def there(self) -> str:
        """Where it is, for the end of a sentence."""
        return f" on server {self.number} of the cluster" if self.number else ""

    def backup(self, name: str) -> str:
        """The name of its part of the backup `name`: servers may write to the same disk."""
        return f"{name}.server-{self.number}" if self.number else name

    @contextmanager
    def connected(self, database: str = "default") -> Iterator[Warehouse]:
        """A connection for the length of the block, by itself one that needs no database of ours.

        What goes wrong at a server of the cluster names it: raises `ShardUnavailable`, `BackupFailed`.
        """
        try:
            with Warehouse(msgspec.structs.replace(self.settings, clickhouse_database=database)) as server:
                yield server
        except WarehouseError as error:
            if not self.number:
                raise
            if isinstance(error, WarehouseUnavailable):
                raise ShardUnavailable(
                    f"Server {self.number} of the cluster does not answer. What was begun was not done everywhere; do "
                    "it again once all do."
                ) from error
            raise BackupFailed(f"Server {self.number} of the cluster: {error}") from error

    def drop(self, *databases: str) -> None:
        """Drop those of `databases` that are there."""
        with self.connected() as server:
            for database in databases:
                server.run("backups/drop", database=database)

    def rename(self, database: str, to: str) -> None:
        """Give a database another name, which must be free."""
        with self.connected() as server:
            server.run("backups/rename", database=database, to=to)


def places(settings: Settings) -> list[Place]:
    """The warehouse itself, then its part on each server of the cluster: a place's number is its index."""
    parts = zip(cluster.shards(settings), cluster.parts(settings), strict=True)
    return [Place(settings), *(Place(part, number, shard) for number, (shard, part) in enumerate(parts, 1))]


def refuse_two(place: Place) -> None:
    """Raise `BackupFailed` where a backup or a restore is being made: another would pull its copies from under it."""
    with place.connected() as server:
        if server.rows("backups/under_way") != [(0,)]:
            raise BackupFailed("This server is making a backup or restoring one already; try again once that is done.")


def write(place: Place, name: str, move: Move) -> None:
    """Have the server write the copies at `place` to its part of the backup `name`, and wait until it is done."""
    _carry_out(place, "to", place.copies, name, move)


def read(place: Place, name: str, move: Move) -> None:
    """Have the server restore its part of the backup `name` beside `place`, and wait until it is done."""
    _carry_out(place, "from", f"{place.copies} AS {place.restored}", name, move)


def _carry_out(place: Place, way: str, what: str, name: str, move: Move) -> None:
    name, disk = place.backup(name), place.settings.reports_backup_disk
    where = {"disk": disk} if disk else {}
    with place.connected() as server:
        try:
            statement = f"backups/{way}_{'disk' if disk else 'folder'}"
            [(id_, *_)] = server.declare(statement, what, name=name, **where)
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
