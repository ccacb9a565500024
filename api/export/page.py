"""What is on the one page of a PDF, down to the digits; `page.typ` only sets it."""

from __future__ import annotations

from itertools import accumulate
from math import isfinite
from typing import Any

import msgspec

from api.export.axis import Bars, bars, place
from api.export.cells import in_utc
from api.export.document import Chart, Column, Document, Kind, Row, Sheet
from api.export.facts import facts
from api.export.periods import FITTING_ROWS

_FITTING_WIDTH = 13
_WIDE = frozenset({Kind.TEXT, Kind.INSTANT})
_LONGEST_TEXT = 100
_LONGEST_CELL = 28
_NOTHING = "\u2013"
_TOO_LONG, _TOO_SHORT = 1e12, 0.1
_NUMBERS = frozenset({Kind.COUNT, Kind.REAL, Kind.SHARE, Kind.MONEY, Kind.NUMBER})


class Head(msgspec.Struct, frozen=True):
    """What stands over a column, or beside a figure."""

    title: str
    unit: str
    is_number: bool


class Shown(msgspec.Struct, frozen=True):
    """A figure as people read it."""

    head: Head
    value: str


class Table(msgspec.Struct, frozen=True):
    """As much of a sheet as fits."""

    columns: list[Head]
    rows: list[list[str]]
    note: str


class Page(msgspec.Struct, frozen=True):
    """All that is on it."""

    title: str
    facts: list[tuple[str, str]]
    figures: list[Shown]
    chart: Bars | None
    table: Table
    notes: str


def page(document: Document) -> Page:
    """The page of a document; its rows are read once."""
    first, short = document.sheets[0], document.short
    read = _read(first, document.chart)
    table = _table(short, list(short.rows), 0) if short else _table(first, read.rows, read.further)
    return Page(
        title=document.title,
        facts=[(label, _cut(text, _LONGEST_TEXT)) for label, text in facts(document)],
        figures=[Shown(_head(figure.column), shown(figure.column, figure.value)) for figure in document.figures],
        chart=_chart(document, read.heights),
        table=table,
        notes=document.notes,
    )


class _Read(msgspec.Struct):
    """What was kept of a sheet that may be long."""

    rows: list[Row] = []
    further: int = 0
    heights: dict[Any, float] = {}


def _read(sheet: Sheet, chart: Chart | None) -> _Read:
    across, up = (_place(sheet, name) for name in (chart.across, chart.up)) if chart else (0, 0)
    kind = sheet.columns[across].kind
    read = _Read()
    for row in sheet.rows:
        if len(read.rows) < FITTING_ROWS:
            read.rows.append(row)
        else:
            read.further += 1
        if chart:
            bar = place(kind, row[across])
            read.heights[bar] = read.heights.get(bar, 0.0) + float(row[up] or 0)
    return read


def _chart(document: Document, heights: dict[Any, float]) -> Bars | None:
    if document.chart is None:
        return None
    columns = {column.name: column for column in document.sheets[0].columns}
    unit = columns[document.chart.up].unit
    return bars(document.chart.title, unit, columns[document.chart.across].kind, heights, document.period)


def _place(sheet: Sheet, name: str) -> int:
    return [column.name for column in sheet.columns].index(name)


def _table(sheet: Sheet, rows: list[Row], further: int) -> Table:
    columns = _fitting(sheet.columns)
    cells = [[shown(column, cell) for column, cell in zip(columns, row, strict=False)] for row in rows]
    left = [_grouped(f"{further:,} more rows")] if further else []
    left += [f"{len(sheet.columns) - len(columns)} more columns"] if len(sheet.columns) > len(columns) else []
    note = f"Left out here: {' and '.join(left)}; CSV, XLSX and Parquet have all of them." if left else ""
    return Table([_head(column) for column in columns], cells, note if rows else "There is nothing in this period.")


def _fitting(columns: tuple[Column, ...]) -> list[Column]:
    """The first columns that stand beside each other on a page."""
    widths = accumulate(2 if column.kind in _WIDE else 1 for column in columns)
    return [column for column, width in zip(columns, widths, strict=True) if width <= _FITTING_WIDTH]


def _head(column: Column) -> Head:
    unit = "%" if column.kind is Kind.SHARE else column.unit
    return Head(column.title, unit, column.kind in _NUMBERS)


def shown(column: Column, cell: Any) -> str:
    """A cell as people read it; the unit stands elsewhere."""
    if cell is None:
        return _NOTHING
    match column.kind:
        case Kind.INSTANT:
            return f"{in_utc(cell):%Y-%m-%d %H:%M}"
        case Kind.COUNT:
            return _grouped(f"{cell:,}")
        case Kind.SHARE:
            return _real(100 * cell)
        case Kind.REAL | Kind.MONEY:
            return _real(cell)
        case _:
            return _cut(str(cell), _LONGEST_CELL)


def _real(number: Any) -> str:
    """With two decimals, or three digits where those would say too little or too much."""
    if not isfinite(number):
        return _NOTHING
    if abs(number) >= _TOO_LONG or 0 < abs(number) < _TOO_SHORT:
        return f"{number:.3g}"
    return _grouped(f"{number:,.2f}")


def _grouped(digits: str) -> str:
    return digits.replace(",", "\u202f").replace("-", "\u2212")


def _cut(text: str, length: int) -> str:
    """The text on one line, as much of it as fits."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
