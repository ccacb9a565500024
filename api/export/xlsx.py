"""XLSX with typed cells, one row in memory: a sheet for each table, a chart, and what a reader should know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import groupby
from math import isfinite
from tempfile import SpooledTemporaryFile
from typing import Any

from api.export.cells import in_utc, would_run
from api.export.document import Chart, Column, Document, Kind, Row, Sheet
from api.export.facts import facts

_ROWS = 1_048_575
"""What fits under the header of one sheet."""
_CHARACTERS = 32_767
"""What fits into one cell."""
_EXACT_DIGITS = 15
_CHUNK_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 1024 * 1024
_UNDATED = datetime(1980, 1, 1)  # noqa: DTZ001 - the beginning of time in a ZIP file

_SHOWN = {
    Kind.TEXT: "General",
    Kind.NUMBER: "0",
    Kind.COUNT: "#,##0",
    Kind.REAL: "#,##0.00",
    Kind.SHARE: "0.00%",
    Kind.MONEY: "#,##0.00",
    Kind.DAY: "yyyy-mm-dd",
    Kind.INSTANT: "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS = {Kind.TEXT: 24, Kind.DAY: 12, Kind.INSTANT: 20}
_NARROW = 10


class _Digits(float):
    """A float that is written with all its digits; as a plain one it would lose the seventeenth."""

    def __format__(self, _: str) -> str:
        return repr(float(self))


def xlsx_chunks(document: Document) -> Iterator[bytes]:
    """The whole document as XLSX; what exceeds a sheet goes on in another one."""
    from xlsxwriter import Workbook  # type: ignore[import-untyped]  # noqa: PLC0415

    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        with Workbook(file, _OPTIONS) as book:
            _Writer(book).write(document)
        file.seek(0)
        yield from iter(partial(file.read, _CHUNK_BYTES), b"")


_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class _Writer:
    """Writes one workbook; a row that is written cannot be returned to."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._header = book.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EEF2", "text_wrap": True})
        self._bold = book.add_format({"bold": True})
        # Excel keeps such a cell a text even when somebody edits it.
        self._quoted = book.add_format({"quote_prefix": True})
        self._formats = {kind: book.add_format({"num_format": shown}) for kind, shown in _SHOWN.items()}

    def write(self, document: Document) -> None:
        """All of it. The same document makes the same file, whenever it is written."""
        made_at = document.publication.published_at if document.publication else _UNDATED
        self._book.set_properties({"title": document.title, "created": made_at.replace(tzinfo=None)})
        lengths = [self._sheet(sheet) for sheet in document.sheets]
        if document.chart and lengths[0]:
            self._chart(document.sheets[0], document.chart, min(lengths[0], _ROWS))
        self._about(document)

    def _sheet(self, sheet: Sheet) -> int:
        """Write a table, and return how many rows it has."""
        rows = 0
        for number, part in groupby(enumerate(sheet.rows), key=lambda pair: pair[0] // _ROWS):
            name = sheet.name if not number else f"{sheet.name} {number + 1}"
            rows += self._part(name, sheet.columns, (row for _, row in part))
        return rows or self._part(sheet.name, sheet.columns, iter(()))

    def _part(self, name: str, columns: tuple[Column, ...], rows: Iterator[Row]) -> int:
        page = self._book.add_worksheet(name)
        for place, column in enumerate(columns):
            width = max(_WIDTHS.get(column.kind, _NARROW), len(column.name) + 4)
            page.set_column(place, place, width, self._formats[column.kind])
        page.write_row(0, 0, [column.name for column in columns], self._header)
        page.freeze_panes(1, 0)
        writers = [self._cell_writer(page, column) for column in columns]
        last = 0
        for last, row in enumerate(rows, start=1):
            for place, (write, cell) in enumerate(zip(writers, row, strict=True)):
                if cell is not None:
                    write(last, place, cell)
        page.autofilter(0, 0, last, len(columns) - 1)
        return last

    def _cell_writer(self, page: Any, column: Column) -> Callable[[int, int, Any], None]:
        shown = self._formats[column.kind]
        if column.kind is Kind.TEXT:
            return partial(self._text, page)
        if column.kind in (Kind.DAY, Kind.INSTANT):
            return lambda row, place, cell: page.write_datetime(row, place, _naive(cell), shown)
        return lambda row, place, cell: self._number(page, row, place, cell, shown)

    def _text(self, page: Any, row: int, place: int, text: str) -> None:
        whole = text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…"
        page.write_string(row, place, whole, self._quoted if would_run(whole) else None)

    def _number(self, page: Any, row: int, place: int, number: Any, shown: Any) -> None:
        """Write a number, as a text where Excel would round it, and not at all where it has no digits."""
        if _rounded(number):
            page.write_string(row, place, f"{number:f}" if isinstance(number, Decimal) else str(number))
        elif isfinite(number):
            page.write_number(row, place, _Digits(number), shown)

    def _chart(self, sheet: Sheet, wanted: Chart, rows: int) -> None:
        names = [column.name for column in sheet.columns]
        across, up = names.index(wanted.across), names.index(wanted.up)
        drawing = self._book.add_chart({"type": "column"})
        drawing.add_series(
            {
                "name": wanted.title,
                "categories": [sheet.name, 1, across, rows, across],
                "values": [sheet.name, 1, up, rows, up],
                "fill": {"color": "#2F6F8F"},
                "gap": 40,
            }
        )
        drawing.set_title({"name": wanted.title})
        drawing.set_x_axis({"date_axis": sheet.columns[across].kind is Kind.DAY, "num_format": "yyyy-mm-dd"})
        drawing.set_y_axis({"name": sheet.columns[up].unit or wanted.up, "num_format": "#,##0", "min": 0})
        drawing.set_legend({"none": True})
        self._book.add_chartsheet("chart").set_chart(drawing)

    def _about(self, document: Document) -> None:
        page = self._book.add_worksheet("about")
        page.set_column(0, 0, 24, self._bold)
        page.set_column(1, 1, 60)
        lines = [("Title", document.title), *facts(document)]
        units = [(column.name, column.unit) for sheet in document.sheets for column in sheet.columns if column.unit]
        lines += [("Notes", document.notes)] if document.notes else []
        lines += [("", ""), ("Column", "Unit"), *dict(units).items()]
        for row, (label, text) in enumerate(lines):
            page.write_string(row, 0, label, self._bold)
            self._text(page, row, 1, text)


def _naive(moment: date) -> date:
    """Excel knows no time zones: the instant in UTC, without saying so."""
    return in_utc(moment).replace(tzinfo=None) if isinstance(moment, datetime) else moment


def _rounded(number: Any) -> bool:
    """Whether Excel would not keep all digits of an exact number."""
    if isinstance(number, Decimal):
        return number.is_finite() and len(number.normalize().as_tuple().digits) > _EXACT_DIGITS
    return isinstance(number, int) and abs(number) >= 10**_EXACT_DIGITS
