"""What a file says, before it has a form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import Enum, auto
from typing import Any

import msgspec

from api.errors import FieldProblem, Invalid
from api.export.formats import Format
from api.schemas import Period, Publication, User

Row = tuple[Any, ...]

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


class Kind(Enum):
    """What the cells of a column are; any of them may be `None`."""

    TEXT = auto()
    """`str`"""
    NUMBER = auto()
    """`int` that names something: it is not grouped, and no sum of it makes sense."""
    COUNT = auto()
    """`int`"""
    REAL = auto()
    """`float`"""
    SHARE = auto()
    """`float`, 0…1; people read it as per cent."""
    MONEY = auto()
    """`Decimal`"""
    DAY = auto()
    """`date`"""
    INSTANT = auto()
    """`datetime`, UTC"""


class Column(msgspec.Struct, frozen=True):
    """One column; its name is the one that the figure has in JSON."""

    name: str
    kind: Kind
    unit: str = ""
    label: str = ""
    """What people call it, short; the name where empty."""
    decimals: int = 2
    """Of money."""

    @property
    def title(self) -> str:
        """The words over the column, for people."""
        return self.label or self.name.replace("_", " ").capitalize()


class Sheet(msgspec.Struct, frozen=True):
    """A table; `rows` may be an iterator, then they can be written once only."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]


class Figure(msgspec.Struct, frozen=True):
    """One number that stands for itself."""

    column: Column
    value: Any


class Chart(msgspec.Struct, frozen=True):
    """A bar for each different cell of column `across` of the first sheet, as high as the sum of `up` there."""

    title: str
    across: str
    up: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says. CSV and Parquet hold one sheet of it, the first unless another is asked for."""

    name: str
    """Begins the name of the file."""
    title: str
    sheets: tuple[Sheet, ...]
    user: User | None = None
    period: Period | None = None
    publication: Publication | None = None
    watermark: datetime | None = None
    """Newest source time in it."""
    facts: tuple[tuple[str, str], ...] = ()
    """What else a reader should know: a label and a text each."""
    figures: tuple[Figure, ...] = ()
    notes: str = ""
    """How the figures are to be understood."""
    chart: Chart | None = None
    short: Sheet | None = None
    """What a page shows in place of the first sheet, where that is too long for one."""

    def sheet(self, name: str | None = None) -> Sheet:
        """The sheet of this name, or the first. Raises `Invalid`."""
        if name is None:
            return self.sheets[0]
        for sheet in self.sheets:
            if sheet.name == name:
                return sheet
        raise Invalid(FieldProblem("sheet", f"Is none of {', '.join(sheet.name for sheet in self.sheets)}"))


def file_name(document: Document, form: Format, sheet: str | None = None) -> str:
    """As in `report-2026-10-23--2026-11-21.csv`: plain ASCII, and nothing about a person."""
    period = document.period
    days = "" if period is None else f"{period.since}--{period.until}"
    if period is not None and period.since == period.until:
        days = str(period.since)
    stem = "-".join(part for part in (document.name, sheet, days) if part)
    return f"{_PLAIN.sub('-', stem)}.{form.value}"
