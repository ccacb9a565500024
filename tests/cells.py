"""What is in the files of the API, each read with another library than wrote it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import openpyxl
import polars as pl
from pypdf import PdfReader

from tests.api.wearers import Wearers

Fetch = Callable[[str], bytes]
"""Asks one question in a form, which is given as parameters: `format=csv&sheet=days`."""

_SHOWN = 0.005 + 1e-6
"""A page shows two digits after the point; the margin is for floats that lie between two."""
_DASH, _MINUS, _GROUPS = "\u2013", "\u2212", "\u202f"


class Downloads(Wearers):
    """Those who ask for files."""

    def own(self, user_id: int, path: str) -> Fetch:
        """A GET of a customer's."""
        return lambda form: self.download(user_id, _with(path, form))

    def totals_of(self, user_id: int, **bounds: str) -> Fetch:
        """A `POST /report` of a customer's."""
        body = {"user_id": user_id, **bounds}
        headers = self._issuer.authorization(self.customers[user_id])
        return lambda form: _content(self._client.post(_with("/report", form), json=body, headers=headers))

    def aggregate_of(self, path: str) -> Fetch:
        """A GET of a manager's."""
        headers = self._issuer.authorization(next(iter(self.customers.values())), "reports-manager")
        return lambda form: _content(self._client.get(_with(f"/api/v1/aggregates/{path}", form), headers=headers))


def _with(path: str, form: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{form}"


def _content(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.text
    content: bytes = answer.content
    return content


def in_every_file(fetch: Fetch, sheet: str, schema: pl.Schema) -> dict[str, pl.DataFrame]:
    """The columns of `schema` of one table, by form; all forms have the same rows, down to the last digit."""
    read = {
        "csv": pl.read_csv(fetch(f"format=csv&sheet={sheet}"), infer_schema=False),
        "xlsx": _of_workbook(fetch("format=xlsx"), sheet),
        "parquet": pl.read_parquet(fetch(f"format=parquet&sheet={sheet}")),
    }
    tables = {form: typed(table, schema) for form, table in read.items()}
    assert tables["csv"].equals(tables["parquet"])
    assert to_the_millisecond(tables["csv"]).equals(to_the_millisecond(tables["xlsx"]))
    return tables


def to_the_millisecond(table: pl.DataFrame) -> pl.DataFrame:
    """As exactly as openpyxl reads instants."""
    return table.with_columns(pl.selectors.datetime().dt.round("1ms"))


def _of_workbook(content: bytes, sheet: str) -> pl.DataFrame:
    header, *rows = openpyxl.load_workbook(io.BytesIO(content))[sheet].iter_rows(values_only=True)
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    # A workbook does not tell 1.0 from 1.
    return pl.DataFrame(
        {
            str(name): [float(cell) if isinstance(cell, int) else cell for cell in cells]
            for name, cells in zip(header, columns, strict=True)
        }
    )


def typed(table: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of `schema`, as those types; instants in UTC, without their zone."""
    return table.select(_as(name, table.schema[name], wanted) for name, wanted in schema.items())


def _as(name: str, found: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    cells = pl.col(name)
    if isinstance(wanted, pl.Date) and found == pl.String:
        return cells.str.to_date()
    if isinstance(wanted, pl.Datetime):
        cells = cells.str.to_datetime(time_zone="UTC", time_unit="us") if found == pl.String else cells
        return cells.dt.replace_time_zone(None).cast(wanted)
    # The shortest digits of a workbook's float are those of the decimal that was written.
    return cells.cast(pl.String).cast(wanted) if isinstance(wanted, pl.Decimal) else cells.cast(wanted)


def words(content: bytes) -> list[str]:
    """The text of the one page of a PDF; the digits of a number stay together."""
    (page,) = PdfReader(io.BytesIO(content), strict=True).pages
    return re.findall(r"[^ \n]+", page.extract_text())


def assert_shown(page: list[str], label: str, *expected: float | None) -> None:
    """These numbers stand after `label`, as exactly as a page shows them."""
    shown = _numbers_after(page, label.split(), len(expected))
    for number, wanted in zip(shown, expected, strict=True):
        assert (number is None) == (wanted is None), (label, shown, expected)
        assert number is None or wanted is None or abs(number - wanted) <= _SHOWN, (label, shown, expected)


def _numbers_after(page: list[str], label: list[str], count: int) -> list[float | None]:
    """The numbers at the first place where that many follow `label`."""
    for place in range(len(page)):
        after = page[place + len(label) :][:count]
        if page[place : place + len(label)] == label and len(after) == count and all(map(_is_number, after)):
            return [None if word == _DASH else float(_plain(word)) for word in after]
    raise AssertionError(f"{label} is not followed by {count} numbers in {' '.join(page)}")


def _is_number(word: str) -> bool:
    return word == _DASH or re.fullmatch(r"-?\d+(\.\d+)?(e[-+]\d+)?", _plain(word)) is not None


def _plain(word: str) -> str:
    return word.replace(_GROUPS, "").replace(_MINUS, "-")
