"""Files, opened again with another library."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import openpyxl
import polars as pl
import pytest
from openpyxl.cell.cell import Cell
from openpyxl.utils.escape import unescape
from openpyxl.workbook import Workbook

from api.export import xlsx
from api.export.document import Chart, Column, Document, Kind, Sheet
from api.export.files import file_chunks
from api.export.formats import Format
from api.export.reports import of_day_report, of_events, of_report_dates, of_user_reports
from tests.api.test_export_reports import DATES, DAY, EMPTY, HOSTILE, PUBLICATION, REPORTS, USER

DOCUMENTS: dict[str, Callable[[], Document]] = {
    "reports": lambda: of_user_reports(REPORTS),
    "empty": lambda: of_user_reports(EMPTY),
    "day": lambda: of_day_report(DAY),
    "dates": lambda: of_report_dates(DATES),
    "events": lambda: of_events(USER, REPORTS.period, PUBLICATION, iter([])),
}
SHEETS = [(name, sheet.name) for name, made in DOCUMENTS.items() for sheet in made().sheets]

EVERY = (
    Column("text", Kind.TEXT),
    Column("number", Kind.NUMBER),
    Column("count", Kind.COUNT),
    Column("real", Kind.REAL, "ms"),
    Column("share", Kind.SHARE),
    Column("money", Kind.MONEY),
    Column("day", Kind.DAY),
    Column("instant", Kind.INSTANT),
)
MOMENT = datetime(2026, 7, 1, 8, 9, 10, 123456, tzinfo=UTC)
ROWS: list[tuple[Any, ...]] = [
    ('Ёлка, "x";\r\ny', 2**53 + 1, 0, 0.1 + 0.2, 1 / 3, Decimal("1234567890.10"), date(2026, 2, 28), MOMENT),
    ("NULL", -1, -5, -23 / 11, 0.0, Decimal("-0.05"), date(1970, 1, 1), MOMENT.replace(microsecond=0)),
    (
        "00123",
        1,
        10**14,
        1e300,
        1.0,
        Decimal("1E+3"),
        date(2026, 7, 1),
        MOMENT.astimezone(timezone(timedelta(hours=3))),
    ),
    (None,) * len(EVERY),
]
RUNS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n@x", "\u200b=1", "\uff1d1", " \tx", "\tx", "\rx"]
HARMLESS = ["a=1", "Пётр", "1-2", "'=1", '"=1"', "", " a", "."]


def every(rows: list[tuple[Any, ...]]) -> Document:
    """A document of all kinds of cells; its rows can be read once."""
    return Document(
        name="every", title="Every kind", publication=PUBLICATION, sheets=(Sheet("every", EVERY, iter(rows)),)
    )


def written(document: Document, form: Format, sheet: str | None = None) -> bytes:
    return b"".join(file_chunks(document, form, sheet))


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def book(content: bytes) -> Workbook:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return openpyxl.load_workbook(io.BytesIO(content))


def texts(values: list[str]) -> Document:
    return Document(name="texts", title="Texts", sheets=(Sheet("texts", EVERY[:1], [(value,) for value in values]),))


@pytest.mark.parametrize(("name", "sheet"), SHEETS)
def test_csv_has_every_cell(name: str, sheet: str) -> None:
    document = DOCUMENTS[name]()
    table = document.sheet(sheet)

    header, *rows = lines(written(document, Format.CSV, sheet))

    assert header == [column.name for column in table.columns]
    found = [[read(column.kind, cell) for column, cell in zip(table.columns, row, strict=True)] for row in rows]
    assert found == [list(row) for row in table.rows]


def read(kind: Kind, cell: str) -> Any:
    """A cell of a CSV file, as whoever knows its column reads it."""
    if not cell:
        return None
    readers: dict[Kind, Callable[[str], Any]] = {
        Kind.TEXT: lambda text: text.removeprefix("'"),
        Kind.DAY: date.fromisoformat,
        Kind.INSTANT: datetime.fromisoformat,
        Kind.MONEY: Decimal,
    }
    return readers.get(kind, float)(cell)


def test_csv_is_rfc_4180_and_its_numbers_are_exact() -> None:
    assert written(every(ROWS), Format.CSV).decode().splitlines(keepends=True) == [
        "text,number,count,real,share,money,day,instant\r\n",
        '"Ёлка, ""x"";\r\n',
        'y",9007199254740993,0,0.30000000000000004,0.3333333333333333,1234567890.10,2026-02-28,2026-07-01T08:09:10.123456Z\r\n',
        "NULL,-1,-5,-2.090909090909091,0.0,-0.05,1970-01-01,2026-07-01T08:09:10Z\r\n",
        "00123,1,100000000000000,1e+300,1.0,1000,2026-07-01,2026-07-01T08:09:10.123456Z\r\n",
        ",,,,,,,\r\n",
    ]


def test_csv_is_taken_by_polars_as_it_is_meant() -> None:
    table = pl.read_csv(written(of_user_reports(REPORTS), Format.CSV), try_parse_dates=True)

    assert table.rows() == list(of_user_reports(REPORTS).sheet().rows)


@pytest.mark.parametrize("text", RUNS)
def test_texts_that_a_spreadsheet_would_run_are_inert(text: str) -> None:
    found = lines(written(texts([text]), Format.CSV))[1][0]
    cell = book(written(texts([text]), Format.XLSX))["texts"]["A2"]

    assert found == "'" + text
    assert (cell.data_type, unescape(str(cell.value)), cell.quotePrefix) == ("s", text, True)


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert lines(written(texts([text, "x"]), Format.CSV))[1][0] == text
    cell = book(written(texts([text]), Format.XLSX))["texts"]["A2"]
    assert (cell.value or "", cell.quotePrefix) == (text, False)


def test_no_cell_of_a_workbook_is_a_formula_or_a_link() -> None:
    document = texts([*RUNS, "{=1}", "https://example.com", "mailto:a@b", "internal:Sheet1!A1", HOSTILE])

    content = written(document, Format.XLSX)

    cells = [cell for page in book(content).worksheets for row in page.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
    assert [cell.hyperlink for cell in cells if isinstance(cell, Cell) and cell.hyperlink] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_parquet_has_every_cell_with_its_type(name: str) -> None:
    for sheet in DOCUMENTS[name]().sheets:
        table = pl.read_parquet(written(DOCUMENTS[name](), Format.PARQUET, sheet.name))

        assert table.columns == [column.name for column in sheet.columns]
        assert table.rows() == list(sheet.rows)


def test_parquet_has_types_for_all_kinds_of_cells() -> None:
    table = pl.read_parquet(written(every(ROWS), Format.PARQUET))

    assert table.rows() == ROWS
    assert table.dtypes == [
        pl.String,
        pl.Int64,
        pl.Int64,
        pl.Float64,
        pl.Float64,
        pl.Decimal(38, 2),
        pl.Date,
        pl.Datetime("us", "UTC"),
    ]


def test_parquet_says_where_it_came_from() -> None:
    from pyarrow import parquet  # noqa: PLC0415 - as the API does

    schema = parquet.read_schema(io.BytesIO(written(of_user_reports(REPORTS), Format.PARQUET)))

    assert schema.metadata[b"title"] == b"Prosthesis report"
    assert json.loads(schema.metadata[b"publication"])["id"] == PUBLICATION.id
    assert json.loads(schema.metadata[b"period"]) == {"from": "2026-07-01", "to": "2026-07-02"}
    assert schema.field("usage_minutes").metadata == {b"unit": b"min"}
    assert HOSTILE.encode() not in str(schema.metadata).encode()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_xlsx_has_every_cell(name: str) -> None:
    document = DOCUMENTS[name]()

    found = book(written(DOCUMENTS[name](), Format.XLSX))

    for sheet in document.sheets:
        header, *rows = found[sheet.name].iter_rows(values_only=True)
        assert header == tuple(column.name for column in sheet.columns)
        assert rows == [tuple(map(naive, row)) for row in sheet.rows]
        assert found[sheet.name].freeze_panes == "A2"
        assert found[sheet.name].auto_filter.ref == f"A1:{found[sheet.name].dimensions.split(':')[-1]}"


def naive(cell: Any) -> Any:
    """As a workbook has it: instants without a zone, days as midnights."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).replace(tzinfo=None)
    return datetime.combine(cell, datetime.min.time()) if isinstance(cell, date) else cell


def test_xlsx_has_types_and_exact_figures() -> None:
    page = book(written(every(ROWS), Format.XLSX))["every"]
    first, second, third = page.iter_rows(min_row=2)

    # Excel would round the number, so it is a text there.
    assert [cell.data_type for cell in first] == ["s", "s", "n", "n", "n", "n", "d", "d"]
    assert [cell.value for cell in first][1:6] == ["9007199254740993", 0, 0.1 + 0.2, 1 / 3, 1234567890.1]
    assert [cell.value for cell in second][1:6] == [-1, -5, -23 / 11, 0, -0.05]
    assert [cell.number_format for cell in third][1:] == [
        "0", "#,##0", "#,##0.00", "0.00%", "#,##0.00", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss",
    ]  # fmt: skip
    assert isinstance(third[7].value, datetime)
    assert abs(third[7].value - MOMENT.replace(tzinfo=None)) < timedelta(milliseconds=1)
    assert third[6].value == datetime(2026, 7, 1)  # noqa: DTZ001 - a workbook knows no zones


def test_numbers_without_digits_are_nothing_as_in_json() -> None:
    columns = (EVERY[3], EVERY[0])
    made = Document(name="n", title="N", sheets=(Sheet("n", columns, [(float("nan"), "a"), (float("inf"), "b")]),))

    assert lines(written(made, Format.CSV))[1:] == [["", "a"], ["", "b"]]
    assert pl.read_parquet(written(made, Format.PARQUET)).rows() == [(None, "a"), (None, "b")]
    assert list(book(written(made, Format.XLSX))["n"].values)[1:] == [(None, "a"), (None, "b")]


def test_xlsx_draws_the_days() -> None:
    found = book(written(of_user_reports(REPORTS), Format.XLSX))

    assert found.sheetnames == ["days", "prostheses", "summary", "chart", "about"]
    (series,) = drawn(found)
    assert (series.cat.numRef or series.cat.strRef).f == "days!$A$2:$A$3"
    assert series.val.numRef.f == "days!$B$2:$B$3"


def drawn(found: Workbook) -> Any:
    """The series of the chart; openpyxl keeps charts that it read where its types do not say."""
    sheet: Any = found.chartsheets[0]
    return sheet._charts[0].series


def test_xlsx_of_nothing_draws_nothing() -> None:
    assert book(written(of_user_reports(EMPTY), Format.XLSX)).chartsheets == []


def test_xlsx_says_of_whom_and_where_it_came_from() -> None:
    rows = book(written(of_user_reports(REPORTS), Format.XLSX))["about"].iter_rows(values_only=True)

    about = {label: text for label, text in rows}  # noqa: C416 - each row is a pair
    assert (about["Name"], about["User number"]) == (HOSTILE, "7")
    assert about["Period"] == "2026-07-01 to 2026-07-02, 2 days (UTC)"
    assert (about["Publication"], about["Published at"]) == (PUBLICATION.id, "2026-07-03 04:05 UTC")
    assert about["usage_minutes"] == "min"


def test_rows_that_exceed_a_sheet_go_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_ROWS", 2)
    made = Document(
        name="t",
        title="T",
        sheets=(Sheet("t", EVERY[1:3], ((n, n) for n in range(5))),),
        chart=Chart("c", "number", "count"),
    )

    found = book(written(made, Format.XLSX))

    assert [list(found[name].values)[1:] for name in ("t", "t 2", "t 3")] == [
        [(0, 0), (1, 1)],
        [(2, 2), (3, 3)],
        [(4, 4)],
    ]


def test_a_text_that_exceeds_a_cell_is_visibly_cut() -> None:
    cell = book(written(texts(["x" * 40_000]), Format.XLSX))["texts"]["A2"].value

    assert (len(str(cell)), str(cell)[-2:]) == (32_767, "x…")


@pytest.mark.parametrize("form", [Format.CSV, Format.XLSX, Format.PARQUET, Format.PDF])
def test_the_same_document_makes_the_same_file(form: Format) -> None:
    assert written(of_user_reports(REPORTS), form) == written(of_user_reports(REPORTS), form)
    assert written(of_user_reports(EMPTY), form) == written(of_user_reports(EMPTY), form)


def test_json_is_no_file() -> None:
    with pytest.raises(ValueError, match="JSON is the body itself"):
        file_chunks(of_user_reports(REPORTS), Format.JSON)
