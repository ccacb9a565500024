"""What stands in an answer, in whichever form and coding it came: its texts, and its figures."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import openpyxl
import pypdf
import zstandard
from pyarrow import parquet


class Contents(msgspec.Struct, frozen=True):
    """All that whoever reads an answer learns from it."""

    text: str
    figures: list[float]


def decoded(body: bytes, coding: str) -> bytes:
    """The body without its `Content-Encoding`."""
    if coding == "gzip":
        return zlib.decompress(body, 16 + zlib.MAX_WBITS)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    assert coding in ("", "identity"), coding
    return body


def contents(body: bytes, media_type: str) -> Contents:
    """What is in a decoded body of this type."""
    media = media_type.partition(";")[0]
    match media.rpartition("/")[2]:
        case "json" | "problem+json":
            return Contents(body.decode(), [cell for cell in _leaves(json.loads(body)) if _is_figure(cell)])
        case "csv":
            return _of_cells(cell for row in csv.reader(io.StringIO(body.decode())) for cell in row)
        case "vnd.openxmlformats-officedocument.spreadsheetml.sheet":
            return _of_cells(_cells_of_book(body))
        case "vnd.apache.parquet":
            return _of_cells(_leaves(parquet.read_table(io.BytesIO(body)).to_pylist()))
        case "pdf":
            # Its figures are rounded and stand in prose; its texts tell whose it is.
            return Contents("\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages), [])
    raise AssertionError(f"{media_type} is no form of an answer")


def _cells_of_book(body: bytes) -> Iterator[Any]:
    book = openpyxl.load_workbook(io.BytesIO(body))
    for sheet in book.worksheets:
        for row in sheet.iter_rows(values_only=True):
            yield from row


def _of_cells(cells: Iterator[Any]) -> Contents:
    found = list(cells)
    read: list[Any] = [_read(cell) if isinstance(cell, str) else cell for cell in found]
    return Contents("\n".join(map(str, found)), [cell for cell in read if _is_figure(cell)])


def _read(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _is_figure(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
