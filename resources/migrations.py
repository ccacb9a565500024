"""The tables and views of the warehouse, held against the numbered files in `sql/tables/`.

The files are carried out in an empty scratch database, so that the server itself says what they mean; the live tables
are compared with that. What can be mended without losing a row is; what cannot is told.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec

from resources import cluster, retention
from resources.errors import SchemaDiffers
from resources.settings import Settings
from resources.sql import ROOT, statement
from resources.warehouse import Warehouse


class Column(msgspec.Struct, frozen=True):
    """A column: its type and default as one text, and the declaration that would make it anew."""

    type: str
    declaration: str


class Table(msgspec.Struct, frozen=True):
    """A table or view as the server describes it; `query` is a view's."""

    engine: str
    partition_key: str
    sorting_key: str
    ttl: str
    query: str
    columns: dict[str, Column]


_Keep = Callable[..., None]
"""Changes when the rows of a table go; takes the warehouse, `table` and `settings`."""


class Difference(msgspec.Struct, frozen=True):
    """One way in which the warehouse is not what the files say; without `mend` it is a person's to mend."""

    found: str
    mended: str = ""
    mend: Callable[[Warehouse], None] | None = None


def migrate(settings: Settings) -> list[str]:
    """Bring the warehouse to what the files say, never dropping a row; returns what was done, a sentence each.

    Raises `SchemaDiffers`, and changes nothing, where a table differs in a way that only a person can decide about.
    """
    found = list(_found(settings, _files()))
    if lasting := [each.found for _, differences in found for each in differences if each.mend is None]:
        raise SchemaDiffers(
            f"{' '.join(lasting)} Nothing was changed. Bring the tables to that form by hand, or rename them, run "
            "`reports migrate` again and copy over what is to be kept."
        )
    # The head of a cluster first: publications of days that are to go at once go before rows on the shards.
    here, *parts = found
    _mend(*here)
    with cluster.shard_errors():
        for part in parts:
            _mend(*part)
    with Warehouse(settings) as warehouse:
        # What is a copy of the current build is made anew: a server that was restarted holds an empty one.
        for name in filter(_is_copy, _files()):
            warehouse.run(f"tables/{name}")
    return [difference.mended for _, differences in found for difference in differences]


def differences(settings: Settings, names: Sequence[str] = ()) -> list[str]:
    """What is not as the files say, or as those of them say that make `names`, a sentence each; changes nothing."""
    return [each.found for _, differences in _found(settings, _files(names)) for each in differences]


def made_from(table: str) -> list[str]:
    """The tables and views whose files must be carried out so that `table` can be made, itself the last."""
    files = {_table(name): statement(f"tables/{name}").text for name in _files()}
    wanted, waiting = {table}, [table]
    while waiting:
        named = set(re.findall(r"\w+", _without_comments(files[waiting.pop()]))) & files.keys() - wanted
        wanted |= named
        waiting += named
    return [name for name in files if name in wanted]


def _found(settings: Settings, files: Sequence[str]) -> Iterator[tuple[Settings, list[Difference]]]:
    """The differences of the warehouse, and of each part of it on the servers of a cluster."""
    with _server(settings) as server:
        yield settings, _differences(server, settings, files, _keep_from_now_on)
    spread = [name for name in files if _table(name) in cluster.TABLES]
    for number, part in enumerate(cluster.parts(settings), 1):
        with cluster.shard_errors(), _server(part) as server:
            found = _differences(server, part, spread, _keep)
        yield part, [_there(difference, f"on server {number} of the cluster") for difference in found]


def _there(difference: Difference, where: str) -> Difference:
    found, mended = (sentence and f"{sentence[:-1]} {where}." for sentence in (difference.found, difference.mended))
    return Difference(found, mended, difference.mend)


def _mend(settings: Settings, differences: Sequence[Difference]) -> None:
    with _server(settings) as server:
        server.run("database", database=settings.clickhouse_database)
    with Warehouse(settings) as warehouse:
        for difference in differences:
            if difference.mend is not None:
                difference.mend(warehouse)


def _differences(server: Warehouse, settings: Settings, files: Sequence[str], keep: _Keep) -> list[Difference]:
    live = _tables(server, settings.clickhouse_database)
    if not live:
        return [_missing(name, settings) for name in files]
    with _scratch(server, settings, files) as scratch:
        wanted = _tables(server, scratch.clickhouse_database)
    return [
        difference
        for name in files
        for difference in _compare(name, wanted[_table(name)], live.get(_table(name)), settings, keep)
    ]


def _compare(name: str, wanted: Table, live: Table | None, settings: Settings, keep: _Keep) -> Iterator[Difference]:
    """How the live table differs from what the file `name` makes; `keep` changes when its rows go."""
    table = _table(name)
    if live is None:
        yield _missing(name, settings)
    elif not _is_replaceable(name):
        yield from _compare_columns(table, wanted.columns, live.columns)
        yield from _compare_keys(table, wanted, live)
        if wanted.ttl != live.ttl:
            days = retention.row_days(settings)
            rule = f"go {days} days after their day" if days else "stay"
            found = f"Rows of {table} should {rule}; their rule is {live.ttl or 'to stay'}."
            mend = partial(keep, table=table, settings=settings)
            yield Difference(found, f"Rows of {table} now {rule}.", mend)
    elif live != wanted:
        found = f"{table} is not what its file says."
        yield Difference(found, f"Replaced {table}.", partial(_make, name=name, settings=settings))


def _missing(name: str, settings: Settings) -> Difference:
    table = _table(name)
    return Difference(f"{table} is missing.", f"Created {table}.", partial(_make, name=name, settings=settings))


def _compare_columns(table: str, wanted: dict[str, Column], live: dict[str, Column]) -> Iterator[Difference]:
    place = "FIRST"
    for name, column in wanted.items():
        if name not in live:
            mend = partial(_add_column, table=table, declaration=f"{column.declaration} {place}")
            yield Difference(f"{table} lacks the column {name}.", f"Added the column {name} to {table}.", mend)
        elif live[name].type != column.type:
            yield Difference(f"The column {name} of {table} should be {column.type} and is {live[name].type}.")
        place = f"AFTER {name}"
    for name in live.keys() - wanted.keys():
        yield Difference(f"The column {name} of {table} is in no file of sql/tables.")


def _compare_keys(table: str, wanted: Table, live: Table) -> Iterator[Difference]:
    for what in ("engine", "partition_key", "sorting_key"):
        expected, found = getattr(wanted, what), getattr(live, what)
        if expected != found:
            named = what.replace("_", " ")
            yield Difference(f"The {named} of {table} should be {expected or 'none'} and is {found or 'none'}.")


def _make(warehouse: Warehouse, name: str, settings: Settings) -> None:
    if cluster.is_spread(settings, _table(name)):
        cluster.spread(warehouse, f"tables/{name}", _table(name), settings)
        return
    warehouse.run(f"tables/{name}")
    if _table(name) in retention.TABLES and retention.row_days(settings):
        _keep(warehouse, _table(name), settings)


def _keep(warehouse: Warehouse, table: str, settings: Settings) -> None:
    if days := retention.row_days(settings):
        warehouse.run("migrations/keep_days", table=table, instant=retention.TABLES[table], days=days)
    else:
        warehouse.run("migrations/keep_all", table=table)


def _keep_from_now_on(warehouse: Warehouse, table: str, settings: Settings) -> None:
    """Change when rows go; publications of days that are to go at once go before them."""
    # What expiring writes down goes there, and it may be made only after this.
    warehouse.run("tables/0031_collections")
    retention.expire(warehouse, settings)
    _keep(warehouse, table, settings)


def _add_column(warehouse: Warehouse, table: str, declaration: str) -> None:
    warehouse.declare("migrations/add_column", declaration, table=table)


def _tables(server: Warehouse, database: str) -> dict[str, Table]:
    columns: dict[str, dict[str, Column]] = defaultdict(dict)
    for table, name, described, declaration in server.rows("reads/schema_columns", database=database):
        columns[table][name] = Column(described, declaration)
    return {
        name: Table(engine, partition_key, sorting_key, ttl, query, columns[name])
        for name, engine, partition_key, sorting_key, ttl, query in server.rows(
            "reads/schema_tables", database=database
        )
    }


@contextmanager
def _scratch(server: Warehouse, settings: Settings, files: Sequence[str]) -> Iterator[Settings]:
    """Settings that name a database in which `files` were carried out; it is dropped again."""
    name = f"{settings.clickhouse_database}_scratch_{secrets.token_hex(4)}"
    scratch = msgspec.structs.replace(settings, clickhouse_database=name)
    server.run("database", database=name)
    try:
        with Warehouse(scratch) as warehouse:
            for file in files:
                _make(warehouse, file, settings)
        yield scratch
    finally:
        server.run("migrations/drop_scratch", database=name)


def _server(settings: Settings) -> Warehouse:
    """A connection that needs no database of ours."""
    return Warehouse(msgspec.structs.replace(settings, clickhouse_database="default"))


def _files(tables: Sequence[str] = ()) -> list[str]:
    """The files in their order: all of them, or those that make `tables`."""
    names = [path.stem for path in sorted((ROOT / "tables").glob("*.sql"))]
    return [name for name in names if not tables or _table(name) in tables]


def _without_comments(text: str) -> str:
    return re.sub(r"^--.*$|'[^']*'", "", text, flags=re.MULTILINE)


def _table(name: str) -> str:
    """The table that the file `NNNN_name` makes."""
    return name.partition("_")[2]


def _is_replaceable(name: str) -> bool:
    return "CREATE OR REPLACE" in statement(f"tables/{name}").text


def _is_copy(name: str) -> bool:
    return "CREATE OR REPLACE TABLE" in statement(f"tables/{name}").text
