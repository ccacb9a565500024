"""A document in any of the forms that are not JSON."""

from __future__ import annotations

from collections.abc import Iterator

from api.export.csv_text import csv_chunks
from api.export.document import Document
from api.export.formats import Format
from api.export.parquet import parquet_chunks
from api.export.pdf import pdf_chunks
from api.export.xlsx import xlsx_chunks


def file_chunks(document: Document, form: Format, sheet: str | None = None) -> Iterator[bytes]:
    """The file, piece by piece, from the moment the first is asked for. Raises `Invalid` for an unknown `sheet`."""
    wanted = document.sheet(sheet)
    match form:
        case Format.CSV:
            return csv_chunks(wanted)
        case Format.PARQUET:
            return parquet_chunks(document, wanted)
        case Format.XLSX:
            return xlsx_chunks(document)
        case Format.PDF:
            return pdf_chunks(document)
        case Format.JSON:
            raise ValueError("JSON is the body itself.")
