"""Backups: what the warehouse keeps, as it was at one moment, and back again as a whole or not at all.

Tables are copied first, which takes the same files and no time, and the copies are backed up. Publications are copied
before builds, so that every build that was published is in the copies whole, on whichever server its rows are. What is
restored lies in a database of its own, of which no reader knows, until it takes the place of the empty one.
docs/decisions/0025 tells the whole way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import attrgetter, itemgetter

import msgspec

from resources import cluster
from resources.backup_servers import BackupFailed, Move, Place, places, read, refuse_two, write
from resources.publications import EPOCH, naive
from resources.settings import Settings
from resources.sql import ROOT

_FIRST = ("publications", "arrival_states")
"""What says that something else is there is copied before it."""
_LAST = ("departed_chips", "collections")
"""What says that something may be gone is copied after it."""
_MADE_AGAIN = "retained_builds"
"""A collection makes this table for itself."""
_BORN_WITH_A_ROW = "collections"
_SHARDS = "backed_up_shards"
"""In the backup of a cluster, and nowhere else: which shard each of its servers is."""

_NAME = re.compile(r"(?!.*\.server-\d+$)[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

_TRIES = 5


class Held(msgspec.Struct, frozen=True):
    """What a table holds; `bytes_` as it lies on the disk."""

    table: str
    rows: int
    bytes_: int


def back_up(settings: Settings, name: str, move: Move) -> list[Held]:
    """Write the backup `name`; returns what is in it. Whatever else is done to the warehouse meanwhile goes on.

    Raises `BackupFailed`, `ShardUnavailable`; there is then no backup of that name, or the one that was there before.
    """
    _check(name)
    head, *parts = everywhere = places(settings)
    for place in everywhere:
        refuse_two(place)
    with ExitStack() as dropping:
        for place in everywhere:
            dropping.callback(place.drop, place.copies)
        held = _copy(everywhere, move)
        if parts:
            with head.connected() as server:
                server.run("backups/shards", copies=head.copies, table=_SHARDS, shards=_shards(parts))
        # The head's comes last: where it is, the backup is whole.
        for place in (*parts, head):
            write(place, name, move)
    return held


@contextmanager
def restored(settings: Settings, name: str, move: Move) -> Iterator[Settings]:
    """Settings that name a database with what the backup `name` holds; it is dropped unless `swap_in` was called.

    Raises `BackupFailed` where there is no such backup, where it is of other servers, or where the warehouse is not
    empty, and `ShardUnavailable`.
    """
    _check(name)
    refuse_unless_empty(settings)
    beside = msgspec.structs.replace(settings, clickhouse_database=f"{settings.clickhouse_database}_being_restored")
    everywhere = places(beside)
    for place in everywhere:
        refuse_two(place)
    with ExitStack() as dropping:
        for place in everywhere:
            # What a restore that was killed left.
            place.drop(place.restored, place.database)
            dropping.callback(place.drop, place.restored, place.database)
        for place in everywhere:
            read(place, name, move)
            if not place.number:
                _refuse_other_servers(place, name, _shards(everywhere[1:]))
            place.rename(place.restored, place.database)
        yield beside


def swap_in(settings: Settings, beside: Settings) -> None:
    """Have readers find what was restored, all of it at one instant. Raises `BackupFailed` where there is anything."""
    refuse_unless_empty(settings)
    (old, *old_parts), (new, *new_parts) = places(settings), places(beside)
    with ExitStack() as undoing:
        # Rows that nothing publishes yet.
        for empty, full in zip(old_parts, new_parts, strict=True):
            undoing.callback(empty.drop, empty.database)
            empty.drop(empty.database)
            full.rename(full.database, empty.database)
        if old_parts:
            _spread_anew(new, settings)
        old.drop(old.database)
        # Whether the next was done cannot be known where its answer is lost.
        undoing.pop_all()
    new.rename(new.database, old.database)


def refuse_unless_empty(settings: Settings) -> None:
    """Raise `BackupFailed` where the warehouse has any row, or any table that is not ours: it would be lost."""
    known = {*_files(), _MADE_AGAIN}
    for place in places(settings):
        with place.connected() as server:
            found = server.rows("backups/held", database=place.database)
            kept = [name for name, is_kept, rows, _ in found if is_kept and rows and name != _BORN_WITH_A_ROW]
            if kept := kept or [name for name, *_ in found if name not in known]:
                raise BackupFailed(
                    f"The database {place.database} is not empty: it has {', '.join(kept)}. A backup is restored only "
                    "where nothing can be lost by it, and where no run writes. Stop Dagster, and name an empty "
                    "database (CLICKHOUSE_DATABASE) or drop this one by hand."
                )


def held(settings: Settings) -> list[Held]:
    """What the tables of the warehouse hold that a backup has; servers with the same rows count as one."""
    return _held_together(places(settings), attrgetter("database"))


def _copy(everywhere: Sequence[Place], move: Move) -> list[Held]:
    """Copy the tables of all servers, again where a removal began meanwhile; returns what the copies hold."""
    tables = sorted(
        (_turn(each.table), place.number, each.table) for place in everywhere for each in _held(place, place.database)
    )
    head = everywhere[0]
    if not any(number == 0 for _, number, _ in tables):
        raise BackupFailed(f"The database {head.database} has no tables, so there is nothing to back up.")
    for _ in range(_TRIES):
        before = _removals(head)
        for place in everywhere:
            place.drop(place.copies)
            with place.connected() as server:
                server.run("database", database=place.copies)
        done = 0
        for number, turns in groupby(tables, key=itemgetter(1)):
            place = everywhere[number]
            with place.connected(place.database) as warehouse:
                for _, _, table in turns:
                    move(done, len(tables), f"copying {table}{place.there}")
                    warehouse.declare("backups/clone", f"`{table}`", copies=place.copies, table=table)
                    done += 1
        if _removals(head) == before:
            return _held_together(everywhere, attrgetter("copies"))
    raise BackupFailed("Rows are being removed from the warehouse again and again; try again once that is done.")


def _turn(table: str) -> int:
    """When a table is copied: see `_FIRST` and `_LAST`."""
    if table in _FIRST:
        return _FIRST.index(table) - len(_FIRST)
    return 1 + _LAST.index(table) if table in _LAST else 0


def _removals(head: Place) -> tuple[object, ...]:
    """Another after a removal of builds or days has begun."""
    with head.connected(head.database) as warehouse:
        return warehouse.rows("reads/collected", since=naive(EPOCH))[0]


def _held(place: Place, database: str) -> list[Held]:
    with place.connected() as server:
        found = server.rows("backups/held", database=database)
    return [Held(name, rows, size) for name, is_kept, rows, size in found if is_kept and name != _MADE_AGAIN]


def _held_together(everywhere: Sequence[Place], database: Callable[[Place], str]) -> list[Held]:
    rows: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for place in {place.shard: place for place in everywhere}.values():
        for each in _held(place, database(place)):
            rows[each.table] += each.rows
            sizes[each.table] += each.bytes_
    return [Held(table, rows[table], sizes[table]) for table in sorted(rows)]


def _shards(parts: Sequence[Place]) -> list[int]:
    return [part.shard for part in parts]


def _refuse_other_servers(head: Place, name: str, shards: list[int]) -> None:
    """Raise `BackupFailed` where what was read at the head is of other servers than `shards`, which each part's is."""
    found: list[int] = []
    with head.connected() as server:
        if any(table == _SHARDS for table, *_ in server.rows("backups/held", database=head.restored)):
            [(found,)] = server.rows("backups/shards_of", database=head.restored, table=_SHARDS)
            server.run("backups/drop_table", database=head.restored, table=_SHARDS)
    if found != shards:
        raise BackupFailed(
            f"{name} is a backup of {_described(found)}, and this warehouse is on {_described(shards)} "
            "(CLICKHOUSE_CLUSTER), where rows would not be found. docs/cluster.md tells how to go from one to another."
        )


def _described(shards: Sequence[int]) -> str:
    """Servers by the shard that each is."""
    if not shards:
        return "one server"
    return f"a cluster whose shards have {', '.join(map(str, Counter(shards).values()))} servers"


def _spread_anew(new: Place, settings: Settings) -> None:
    """Have the tables at `new` that know where rows are name the parts of `settings` in place of its own."""
    with new.connected(new.database) as warehouse:
        for table in cluster.TABLES:
            warehouse.run("backups/drop_table", database=new.database, table=table)
            cluster.spread(warehouse, _files()[table], table, settings)


def _files() -> dict[str, str]:
    """What makes a table or view, by its name."""
    return {path.stem.partition("_")[2]: f"tables/{path.stem}" for path in (ROOT / "tables").glob("*.sql")}


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BackupFailed(
            f"{name!r} is no name of a backup: letters, digits, dots, dashes, underscores; at most 100, and not what a "
            "server's part of one is called."
        )
