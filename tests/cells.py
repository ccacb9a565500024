"""What is in the files of the API, each read with another library than wrote it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import openpyxl
import polars as pl
from pypdf import PdfReader

from tests.api.wearers import Wearers

Fetch = Callable[[str], bytes]
"""Asks one question, with the parameters given beside its own, as in `format=csv`."""

SHOWN = 0.005
"""A page shows two digits after the point."""


class Downloads(Wearers):
    """Those who ask for files."""

    def own(self, user_id: int, path: str) -> Fetch:
        """A GET of a customer's."""
        sign = "&" if "?" in path else "?"
        return lambda extra: self.download(user_id, f"{path}{sign}{extra}")

    def totals_of(self, user_id: int, **bounds: str) -> Fetch:
        """A `POST /report` of a customer's."""
        body = {"user_id": user_id, **bounds}
        headers = self._issuer.authorization(self.customers[user_id])
        return lambda extra: _content(self._client.post(f"/report?{extra}", json=body, headers=headers))

    def aggregate_of(self, path: str) -> Fetch:
        """A GET of a manager's."""
        headers = self._issuer.authorization(next(iter(self.customers.values())), "reports-manager")
        sign = "&" if "?" in path else "?"
        return lambda extra: _content(self._client.get(f"/api/v1/aggregates/{path}{sign}{extra}", headers=headers))


def _content(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.text
    content: bytes = answer.content
    return content


def in_every_file(fetch: Fetch, sheet: str, schema: Any) -> Iterator[pl.DataFrame]:
    """One table as CSV, XLSX and Parquet have it; all three have the same rows, down to the last digit."""
    same, first = f"sheet={sheet}", None
    for found in (
        of_csv(fetch(f"format=csv&{same}")),
        of_workbook(fetch("format=xlsx"), sheet),
        pl.read_parquet(fetch(f"format=parquet&{same}")),
    ):
        frame = typed(found, schema)
        assert first is None or frame.equals(first)
        first = frame
        yield frame


def of_csv(content: bytes) -> pl.DataFrame:
    """The lines, each cell as it is written."""
    return pl.read_csv(content, infer_schema=False)


def of_workbook(content: bytes, sheet: str) -> pl.DataFrame:
    """The rows of one sheet; a workbook writes whole floats as integers do."""
    header, *rows = openpyxl.load_workbook(io.BytesIO(content))[sheet].iter_rows(values_only=True)
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return pl.DataFrame(
        {
            str(name): [float(cell) if isinstance(cell, int) else cell for cell in cells]
            for name, cells in zip(header, columns, strict=True)
        }
    )


def typed(frame: pl.DataFrame, schema: Any) -> pl.DataFrame:
    """The columns of `schema`, as those types; instants without their zone."""
    return frame.select(_cast(frame, name, kind) for name, kind in schema.items())


def _cast(frame: pl.DataFrame, name: str, kind: Any) -> pl.Expr:
    cell = pl.col(name)
    found = frame.schema[name]
    if found == pl.String and isinstance(kind, pl.Datetime):
        return cell.str.to_datetime(time_zone="UTC", time_unit="us").dt.replace_time_zone(None)
    if isinstance(found, pl.Datetime):
        return cell.dt.replace_time_zone(None).cast(kind)
    # A decimal of a workbook is a float whose shortest digits are the exact ones.
    return cell.cast(pl.String).cast(kind) if isinstance(kind, pl.Decimal) else cell.cast(kind)


def words(content: bytes) -> list[str]:
    """The text of the one page of a PDF; the digits of a number stay together."""
    (page,) = PdfReader(io.BytesIO(content), strict=True).pages
    lines = page.extract_text().replace("\n", " ").split(" ")
    return [word for word in chain.from_iterable(line.split("\xa0") for line in lines) if word]


def numbers_after(found: list[str], label: str, count: int = 1) -> list[float | None]:
    """The numbers that follow the first place where that many follow `label`; a dash is none."""
    sought = label.split()
    for place in range(len(found)):
        if found[place : place + len(sought)] == sought:
            numbers = [_number(word) for word in found[place + len(sought) :][:count]]
            if len(numbers) == count and "" not in numbers:
                return [number for number in numbers if not isinstance(number, str)]
    raise AssertionError(f"{label!r} is not followed by {count} numbers in {' '.join(found)}")


def _number(word: str) -> float | None | str:
    if word == "\u2013":
        return None
    try:
        return float(word.replace("\u202f", "").replace("\u2212", "-"))
    except ValueError:
        return ""


def assert_shown(found: list[str], label: str, expected: list[Any]) -> None:
    """These numbers follow `label`, as exactly as a page shows them."""
    shown = numbers_after(found, label, len(expected))
    for number, wanted in zip(shown, expected, strict=True):
        assert (number is None) == (wanted is None), (label, shown, expected)
        assert number is None or abs(number - float(wanted)) <= SHOWN * (1 + 1e-9), (label, shown, expected)
