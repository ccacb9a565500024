"""CSV (RFC 4180) in UTF-8, line by line: an empty cell is null, instants are ISO 8601 in UTC."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from api.export.cells import finite, inert, iso, plain
from api.export.document import Kind, Row, Sheet

_CHUNK_CHARACTERS = 64 * 1024

# The other kinds are written as Python does: whole numbers and ISO dates.
_WRITTEN: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: inert,
    Kind.REAL: finite,
    Kind.SHARE: finite,
    Kind.MONEY: plain,
    Kind.INSTANT: iso,
}


def csv_chunks(sheet: Sheet) -> Iterator[bytes]:
    """The sheet as CSV, at most a few lines of it in memory."""
    written = [(place, _WRITTEN[column.kind]) for place, column in enumerate(sheet.columns) if column.kind in _WRITTEN]
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(column.name for column in sheet.columns)
    for row in sheet.rows:
        writer.writerow(_cells(row, written))
        if lines.tell() >= _CHUNK_CHARACTERS:
            yield _drained(lines)
    yield _drained(lines)


def _cells(row: Row, written: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    cells = list(row)
    for place, write in written:
        cells[place] = write(cells[place])
    return cells


def _drained(lines: io.StringIO) -> bytes:
    text = lines.getvalue()
    lines.seek(0)
    lines.truncate()
    return text.encode()
