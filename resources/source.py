"""The sources: PostgreSQL, read only, one unchanging snapshot at a time, streamed as Arrow by ADBC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import adbc_driver_manager
import polars as pl
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources import contract, source_servers
from resources.errors import SettingsError, SourceError, SourceUnavailable
from resources.silence import SILENCE_S, Watch
from resources.source_servers import Source
from resources.sql import statement
from resources.warehouse import Warehouse

BATCH_BYTES = 16 * 1024 * 1024
"""Size of a batch as PostgreSQL sends it, some 120 000 events: fast enough, and a day's run stays below 500 MB."""


_CONNECT_S = 10
"""How long a server may take to let us in, where its address says nothing of `connect_timeout`."""

_NOT_ALLOWED = "42501"


class Snapshot:
    """One transaction on a source, in which every statement sees the same rows."""

    def __init__(self, cursor: dbapi.Cursor, schema: str, watch: Watch) -> None:
        self._cursor = cursor
        self._watch = watch
        self._bounds: dict[str, datetime] = {}
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
        self._set("sources/session", schema)
        self._ask("sources/snapshot")
        self.begun_at = datetime.now(UTC)
        """What was committed before is in it."""
        self._version: tuple[int, int, int] = self.frame("sources/source_seq").row(0)

    def source_seq(self, warehouse: Warehouse, source: Source) -> int:
        """How new the snapshot is: never falls from one snapshot of `source` to the next, whichever server it is on.

        Raises `SourceReplaced` where a newer server has taken over.
        """
        return source_servers.source_seq(warehouse, source, *self._version)

    def check(self, *tables: str) -> list[str]:
        """Columns of `tables` that nothing here knows of, as `table.column`; they are ignored.

        Raises `SourceChanged` where a column that is read is missing, or of another type.
        """
        unknown = []
        for table in tables:
            columns = contract.check(table, self._rows("sources/columns", table).iter_rows())
            unknown += [f"{table}.{column}" for column in columns]
        return unknown

    def window(self, since: datetime, until: datetime, first_day: datetime) -> None:
        """Set the half-open window of event time, UTC, that the next statements read."""
        self._bounds = {"since": since, "until": until, "first_day": first_day}

    def frame(self, name: str) -> pl.DataFrame:
        """All rows of `sql/{name}.sql`; instants are UTC."""
        return self._rows(name)

    def batches(self, name: str) -> Iterator[pl.DataFrame]:
        """Rows of `sql/{name}.sql` in batches of about `BATCH_BYTES`; memory does not grow with their number."""
        for batch in self._read(self._ask(name)):
            yield _frame(pa.Table.from_batches([batch]))

    def _rows(self, name: str, *parameters: str) -> pl.DataFrame:
        answer = self._ask(name, *parameters)
        return _frame(pa.Table.from_batches(self._read(answer), answer.schema))

    def _set(self, name: str, *parameters: str) -> None:
        """Carry out a statement whose answer says nothing; read, because the next one waits for its end."""
        for _ in self._read(self._ask(name, *parameters)):
            pass

    def _ask(self, name: str, *parameters: str) -> pa.RecordBatchReader:
        with self._watch.patience():
            self._cursor.execute(bounded(name, **self._bounds), parameters or None)
            return self._cursor.fetch_record_batch()

    def _read(self, answer: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            # Each batch may take its time: a long answer is cut only where nothing more of it comes.
            with self._watch.patience():
                try:
                    batch = next(answer, None)
                except (pa.ArrowException, OSError) as error:
                    raise _BrokenOffError from error
            if batch is None:
                return
            yield batch


def bounded(name: str, **bounds: datetime) -> str:
    """The text of `sql/{name}.sql` with the bounds of a window in it.

    COPY takes no parameters; and a planner that knows the bounds takes the index or the whole table as suits.
    """
    written = {bound: sql.Literal(moment) for bound, moment in bounds.items()}
    return sql.SQL(statement(name).text).format(**written).as_string(None)


@contextmanager
def snapshot(url: str, schema: str, variable: str, *, silence_s: float = SILENCE_S) -> Iterator[Snapshot]:
    """A snapshot of the database at `url`, names looked up in `schema`; `variable` is the setting that named it.

    A server that says nothing for `silence_s` while it is waited for is given up. Raises `SettingsError` where the
    address is not set or is none, `SourceUnavailable` and `SourceError` where PostgreSQL fails.
    """
    address = _bounded(url, variable)
    watch = Watch(silence_s)
    with _readable_errors(variable, watch), _connect(address, watch) as connection, connection.cursor() as cursor:
        yield Snapshot(cursor, schema, watch)


def _connect(address: str, watch: Watch) -> dbapi.Connection:
    with watch.connecting():
        return dbapi.connect(address, autocommit=True)


def _bounded(url: str, variable: str) -> str:
    """The address, with a bound on the time to connect where it has none of its own."""
    if not url:
        raise SettingsError(
            f"{variable} is not set; name the PostgreSQL database, for example postgresql://user@host/db."
        )
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Its message would show a part of the address, which may be the password's.
        raise SettingsError(f"{variable} is no address of a PostgreSQL database: postgresql://user@host/db.") from None
    return make_conninfo(url, connect_timeout=given.get("connect_timeout", _CONNECT_S))


class _BrokenOffError(Exception):
    """An answer ended before its end."""


@contextmanager
def _readable_errors(variable: str, watch: Watch) -> Iterator[None]:
    try:
        yield
    except (adbc_driver_manager.Error, _BrokenOffError) as error:
        raise _readable(error, variable, watch) from error


def _readable(error: Exception, variable: str, watch: Watch) -> SourceError:
    """What PostgreSQL said in a sentence; where the connection broke off, it said nothing that has a SQLSTATE."""
    sqlstate = getattr(error, "sqlstate", None)
    if watch.was_cut:
        return SourceUnavailable(
            f"The PostgreSQL of {variable} said nothing for {watch.limit_s:g} seconds and was given up; see that"
            " it and the network to it are well."
        )
    if sqlstate is None or isinstance(error, adbc_driver_manager.OperationalError):
        return SourceUnavailable(f"The PostgreSQL of {variable} does not answer; see that it runs.")
    if sqlstate == _NOT_ALLOWED:
        return SourceError(
            f"The PostgreSQL of {variable} does not let our role read what a mart needs (SQLSTATE {sqlstate}); GRANT "
            "USAGE on the schema and SELECT on its tables."
        )
    return SourceError(f"The PostgreSQL of {variable} refused a read (SQLSTATE {sqlstate}).")


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table is never a series
    return frame.with_columns(pl.selectors.datetime(time_zone="*").dt.replace_time_zone(None))
