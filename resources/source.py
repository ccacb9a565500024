"""The sources: PostgreSQL, read only, one unchanging snapshot at a time, streamed as Arrow by ADBC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import adbc_driver_manager
import polars as pl
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from resources.errors import SettingsError, SourceError, SourceUnavailable
from resources.sql import statement

BATCH_BYTES = 8 * 1024 * 1024
"""Size of a batch as PostgreSQL sends it, some 30 000 events: enough to be fast, and a run stays far below 500 MB."""


class Snapshot:
    """One transaction on a source, in which every statement sees the same rows."""

    def __init__(self, cursor: dbapi.Cursor) -> None:
        self._cursor = cursor
        self.source_seq = int(self.frame("sources/source_seq").item())
        """How new the snapshot is: never falls from one snapshot to the next."""

    def window(self, since: datetime, until: datetime, first_day: datetime) -> None:
        """Set the half-open window of event time, UTC, that the next statements read."""
        bounds = tuple(moment.isoformat() for moment in (since, until, first_day))
        self._cursor.execute(statement("sources/window").text, bounds)
        self._cursor.fetchall()

    def frame(self, name: str) -> pl.DataFrame:
        """All rows of `sql/{name}.sql`; instants are UTC."""
        self._cursor.execute(statement(name).text)
        return _frame(self._cursor.fetch_arrow_table())

    def batches(self, name: str) -> Iterator[pl.DataFrame]:
        """Rows of `sql/{name}.sql` in batches of about `BATCH_BYTES`; memory does not grow with their number."""
        self._cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
        self._cursor.execute(statement(name).text)
        for batch in self._cursor.fetch_record_batch():
            yield _frame(pa.Table.from_batches([batch]))


@contextmanager
def snapshot(url: str, schema: str, variable: str) -> Iterator[Snapshot]:
    """A snapshot of the database at `url`, names looked up in `schema`; `variable` is the setting that named it.

    Raises `SettingsError` where the address is not set, `SourceUnavailable` and `SourceError` where PostgreSQL fails.
    """
    if not url:
        raise SettingsError(
            f"{variable} is not set; name the PostgreSQL database, for example postgresql://user@host/db."
        )
    with (
        _readable_errors(variable),
        dbapi.connect(url, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement("sources/session").text, (schema,))
        cursor.fetchall()
        cursor.execute(statement("sources/snapshot").text)
        yield Snapshot(cursor)


@contextmanager
def _readable_errors(variable: str) -> Iterator[None]:
    try:
        yield
    except adbc_driver_manager.OperationalError as error:
        raise SourceUnavailable(f"The PostgreSQL of {variable} does not answer; see that it runs.") from error
    except adbc_driver_manager.Error as error:
        raise SourceError(f"The PostgreSQL of {variable} refused a read (SQLSTATE {error.sqlstate}).") from error


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table is never a series
    return frame.with_columns(pl.selectors.datetime(time_zone="*").dt.replace_time_zone(None))
