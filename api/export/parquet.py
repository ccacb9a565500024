"""Parquet with typed columns, one row group at a time; units, period and publication are in its metadata."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

import msgspec

from api.export.cells import in_utc
from api.export.document import Column, Document, Kind, Row, Sheet

_EPOCH = date(1970, 1, 1)
_GROUP_CELLS = 64 * 1024
"""How many cells are held in memory: those of one row group."""


def parquet_chunks(document: Document, sheet: Sheet) -> Iterator[bytes]:
    """The sheet as Parquet, at most one row group of it in memory."""
    # Arrow's own allocator holds 20 MB more for the same groups; it can only be chosen before Arrow is loaded.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Costs 40 MB, which an API that is never asked for Parquet need not spend.
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415

    schema = _schema(document, sheet)
    rows = iter(sheet.rows)
    file = _Pieces()
    with ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, max(1, _GROUP_CELLS // len(sheet.columns)))):
            writer.write_table(_table(group, sheet, schema))
            yield file.drained()
    yield file.drained()


class _Pieces(io.RawIOBase):
    """A file that is read from its beginning while it is still being written."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces += piece
        return len(piece)

    def drained(self) -> bytes:
        """What was written since the last time."""
        pieces = bytes(self._pieces)
        self._pieces.clear()
        return pieces


def _schema(document: Document, sheet: Sheet) -> Any:
    import pyarrow  # noqa: PLC0415

    about = {"title": document.title, "sheet": sheet.name}
    known = {"period": document.period, "publication": document.publication}
    about |= {name: msgspec.json.encode(value).decode() for name, value in known.items() if value is not None}
    fields = [
        pyarrow.field(column.name, _type(column), metadata={"unit": column.unit} if column.unit else None)
        for column in sheet.columns
    ]
    return pyarrow.schema(fields, metadata=about)


def _type(column: Column) -> Any:
    import pyarrow  # noqa: PLC0415

    return {
        Kind.TEXT: pyarrow.string(),
        Kind.NUMBER: pyarrow.int64(),
        Kind.COUNT: pyarrow.int64(),
        Kind.REAL: pyarrow.float64(),
        Kind.SHARE: pyarrow.float64(),
        Kind.MONEY: pyarrow.decimal128(38, column.decimals),
        Kind.DAY: pyarrow.date32(),
        Kind.INSTANT: pyarrow.timestamp("us", "UTC"),
    }[column.kind]


def _table(rows: list[Row], sheet: Sheet, schema: Any) -> Any:
    """The rows as a table, by way of JSON: that is exact, and does not load pandas as Python cells would."""
    import pyarrow  # noqa: PLC0415
    from pyarrow import json  # noqa: PLC0415

    lines = msgspec.json.Encoder().encode_lines([_named(row, sheet) for row in rows])
    # Arrow reads no dates from JSON, but their numbers. To cast them would load 10 MB of arithmetic; a view does not.
    dates = pyarrow.date32()
    read = pyarrow.schema([field.with_type(pyarrow.int32()) if field.type == dates else field for field in schema])
    table = json.read_json(
        io.BytesIO(lines),
        read_options=json.ReadOptions(use_threads=False, block_size=len(lines)),
        parse_options=json.ParseOptions(explicit_schema=read, unexpected_field_behavior="error"),
    )
    columns = [
        pyarrow.chunked_array([chunk.view(dates) for chunk in column.chunks], dates) if field.type == dates else column
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pyarrow.Table.from_arrays(columns, schema=schema)


def _named(row: Row, sheet: Sheet) -> dict[str, Any]:
    return {column.name: _encodable(cell, column) for column, cell in zip(sheet.columns, row, strict=True)}


def _encodable(cell: Any, column: Column) -> Any:
    if cell is None:
        return None
    match column.kind:
        case Kind.INSTANT:
            return in_utc(cell)
        case Kind.DAY:
            return (cell - _EPOCH).days
        case Kind.MONEY:
            # Arrow refuses a digit too many instead of rounding it.
            return f"{cell:.{column.decimals}f}"
        case _:
            return cell
