"""Documents made of answers, and what of them is on a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from api.errors import Invalid
from api.export.axis import bars, tick_step
from api.export.columns import METRICS
from api.export.document import Column, Document, Kind, Sheet, file_name
from api.export.formats import Format
from api.export.page import page, shown
from api.export.reports import EVENTS, of_day_report, of_events, of_report_dates, of_user_reports
from api.schemas import (
    DayReport,
    Freshness,
    Hour,
    Metrics,
    Period,
    ProsthesisReport,
    Publication,
    ReportDate,
    ReportDates,
    ReportDay,
    User,
    UserReports,
)
from resources.freshness import State
from tests.api import sample
from tests.api.sample import FIRST, SECOND
from tests.api.world import ADA, ADA_UUID

# Figures of several types, so that the type checker cannot tell which is which.
FIRST_DAY: dict[str, Any] = {**sample.FIRST_DAY}
SECOND_DAY: dict[str, Any] = {**sample.SECOND_DAY}
BOTH_DAYS: dict[str, Any] = {**sample.BOTH_DAYS}
NOTHING: dict[str, Any] = {**sample.NOTHING}

HOSTILE = "=cmd|' /C calc'!A0 Пётр Ёлкин #import \"x\" $x^2$ \\ <b>"
PUBLISHED_AT = datetime(2026, 7, 3, 4, 5, 6, 789, tzinfo=UTC)
PUBLICATION = Publication(
    id="9123456789012345678", as_of="9123456789012345678", published_at=PUBLISHED_AT, run_id="run-2026-07-02"
)
FRESHNESS = Freshness(watermark=datetime(2026, 7, 2, 20, tzinfo=UTC), state=State.FRESH)
USER = User(user_id=ADA, user_uuid=ADA_UUID, name=HOSTILE)
PROSTHESES = [
    ProsthesisReport("arm-1", "@B", "arm", "Arc", **FIRST_DAY),
    ProsthesisReport("hand-1", "-A", "hand", "\t+Grip", **SECOND_DAY),
]
REPORTS = UserReports(
    user=USER,
    period=Period(since=FIRST, until=SECOND),
    reports=[
        ReportDay(SECOND, prostheses=PROSTHESES[1:], **SECOND_DAY),
        ReportDay(FIRST, prostheses=PROSTHESES, **FIRST_DAY),
    ],
    summary=Metrics(**BOTH_DAYS),
    publication=PUBLICATION,
    freshness=FRESHNESS,
)
EMPTY = msgspec.structs.replace(
    REPORTS,
    reports=[],
    summary=Metrics(**NOTHING),
    freshness=Freshness(watermark=None, state=State.STALE),
)
DAY = DayReport(
    date=FIRST,
    user=USER,
    prosthesis_model="Arc, Grip 2",
    summary=Metrics(**FIRST_DAY),
    hourly_data=[
        Hour(
            hour=datetime(2026, 7, 1, hour, tzinfo=UTC),
            movements_count=hour,
            avg_response_time=None if hour == 8 else 100 / 7,
            battery_level=58.5,
            error_count=1,
        )
        for hour in (8, 9, 13)
    ],
    publication=PUBLICATION,
    freshness=FRESHNESS,
)
DATES = ReportDates(
    user=USER,
    reports=[ReportDate(date=SECOND, prosthesis_model="=Arc", movements=1)],
    next=None,
    publication=PUBLICATION,
    freshness=FRESHNESS,
)


def long(days: int) -> UserReports:
    """Reports of so many days, newest first."""
    last = date(2026, 11, 21)
    reports = [
        ReportDay(last - timedelta(days=number), prostheses=PROSTHESES, **FIRST_DAY | {"movements": number + 1})
        for number in range(days)
    ]
    period = Period(since=last - timedelta(days=days - 1), until=last)
    return msgspec.structs.replace(REPORTS, reports=reports, period=period)


def test_columns_of_metrics_are_the_metrics() -> None:
    assert tuple(column.name for column in METRICS) == Metrics.__struct_fields__


def test_columns_of_hours_and_dates_are_those_of_the_answers() -> None:
    hours, dates = of_day_report(DAY).sheet("hours"), of_report_dates(DATES).sheet("days")

    assert tuple(column.name for column in hours.columns) == Hour.__struct_fields__
    assert {column.name for column in dates.columns} == set(ReportDate.__struct_fields__)


def test_a_report_has_sheets_of_days_of_prostheses_and_of_all_in_one() -> None:
    document = of_user_reports(REPORTS)

    assert [sheet.name for sheet in document.sheets] == ["days", "prostheses", "summary"]
    assert list(document.sheet().rows) == [(SECOND, *SECOND_DAY.values()), (FIRST, *FIRST_DAY.values())]
    assert list(document.sheet("summary").rows) == [tuple(BOTH_DAYS.values())]
    assert list(document.sheet("prostheses").rows)[1] == (FIRST, "arm-1", "@B", "arm", "Arc", *FIRST_DAY.values())


def test_an_unknown_sheet_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        of_user_reports(REPORTS).sheet("weeks")

    assert [(problem.field, problem.message) for problem in refused.value.errors] == [
        ("sheet", "Is none of days, prostheses, summary")
    ]


@pytest.mark.parametrize(
    ("document", "sheet", "form", "expected"),
    [
        (of_user_reports(long(30)), None, Format.CSV, "report-2026-10-23--2026-11-21.csv"),
        (of_user_reports(long(30)), "prostheses", Format.PARQUET, "report-prostheses-2026-10-23--2026-11-21.parquet"),
        (of_user_reports(EMPTY), None, Format.PDF, "report-2026-07-01--2026-07-02.pdf"),
        (of_day_report(DAY), None, Format.XLSX, "report-2026-07-01.xlsx"),
        (of_report_dates(DATES), None, Format.CSV, "report-days.csv"),
        (Document(name='Сделки "x"\r\n/..', title="", sheets=()), None, Format.CSV, "-x-...csv"),
    ],
)
def test_file_names_are_plain_and_say_nothing_about_a_person(
    document: Document, sheet: str | None, form: Format, expected: str
) -> None:
    assert file_name(document, form, sheet) == expected


@pytest.mark.parametrize(("days", "name", "rows"), [(32, "weeks", 5), (216, "weeks", 31), (217, "months", 8)])
def test_a_page_shows_a_long_period_by_week_or_month(days: int, name: str, rows: int) -> None:
    short = of_user_reports(long(days)).short

    assert short is not None
    table = [dict(zip((column.name for column in short.columns), row, strict=True)) for row in short.rows]
    assert (short.name, len(table)) == (name, rows)
    assert sum(row["days"] for row in table) == days
    assert sum(row["movements"] for row in table) == days * (days + 1) // 2
    assert sum(row["errors"] for row in table) == 2 * days
    assert {round(row["amplitude_mean"], 9) for row in table} == {FIRST_DAY["amplitude_mean"]}
    assert "response_ms_mean" not in table[0]


def test_days_taken_together_count_as_often_as_they_had_events() -> None:
    few = ReportDay(date(2026, 6, 30), prostheses=[], **FIRST_DAY | {"movements": 1, "amplitude_mean": 4.0})
    many = ReportDay(date(2026, 6, 29), prostheses=[], **FIRST_DAY | {"movements": 3, "amplitude_mean": 8.0})
    none = ReportDay(date(2026, 6, 28), prostheses=[], **NOTHING)
    body = msgspec.structs.replace(long(30), reports=[*long(30).reports, few, many, none])

    short = of_user_reports(body).short

    assert short is not None
    amplitude = [column.name for column in short.columns].index("amplitude_mean")
    assert [row[amplitude] for row in short.rows][-2:] == [7.0, None]


def test_a_short_period_is_shown_by_day() -> None:
    assert of_user_reports(long(31)).short is None
    assert len(page(of_user_reports(long(31))).table.rows) == 31


def test_a_page_says_what_it_leaves_out_and_counts_an_iterator_to_its_end() -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    event = (1, moment, "hand", "biceps", 50, 20, 1.25, None, 55.5, 0, "Grip", "hand-1", "A", None, None, moment)
    events = of_events(USER, REPORTS.period, PUBLICATION, (event for _ in range(2_031)))

    table = page(events).table

    assert [head.title for head in table.columns][-1] == "Error code"
    assert len(table.rows) == 31
    assert table.note == (
        "Left out here: 2\u202f000 more rows and 6 more columns; CSV, XLSX and Parquet have all of them."
    )
    assert len(event) == len(EVENTS)


def test_a_page_without_reports_says_so() -> None:
    empty = page(of_user_reports(EMPTY))

    assert (empty.table.note, empty.chart) == ("There is nothing in this period.", None)
    assert [figure.value for figure in empty.figures][:4] == ["0", "0", "0.00", "\u2013"]


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        (Kind.COUNT, 1234567, "1\u202f234\u202f567"),
        (Kind.REAL, -1234.567, "\u22121\u202f234.57"),
        (Kind.REAL, 0.012345, "0.0123"),
        (Kind.REAL, 1e300, "1e+300"),
        (Kind.REAL, float("inf"), "\u2013"),
        (Kind.REAL, 0.0, "0.00"),
        (Kind.SHARE, 4 / 11, "36.36"),
        (Kind.NUMBER, 1234567, "1234567"),
        (Kind.DAY, FIRST, "2026-07-01"),
        (Kind.INSTANT, PUBLISHED_AT, "2026-07-03 04:05"),
        (Kind.TEXT, "a\n\nb" + "c" * 99, "a b" + "c" * 24 + "…"),
        (Kind.TEXT, None, "\u2013"),
    ],
)
def test_a_page_shows_cells_as_people_read_them(kind: Kind, cell: Any, expected: str) -> None:
    assert shown(Column("cell", kind), cell) == expected


def test_a_chart_has_a_slot_for_each_day_and_round_ticks() -> None:
    chart = page(of_user_reports(long(30))).chart

    assert chart is not None
    assert (chart.slots, chart.top, len(chart.bars)) == (30, 30, 30)
    assert [tick.label for tick in chart.ticks] == ["0", "10", "20", "30"]
    assert [mark.label for mark in chart.labels] == ["23 Oct", "30 Oct", "6 Nov", "13 Nov", "20 Nov"]
    assert (chart.bars[0].slot, chart.bars[0].height) == (29, 1.0)


def test_a_chart_of_a_day_goes_through_all_hours() -> None:
    chart = page(of_day_report(DAY)).chart

    assert chart is not None
    assert (chart.slots, [(bar.slot, bar.height) for bar in chart.bars]) == (24, [(8, 8.0), (9, 9.0), (13, 13.0)])
    assert [mark.label for mark in chart.labels][:2] == ["00:00", "03:00"]


def test_a_chart_of_words_has_a_bar_for_each() -> None:
    chart = bars("Deals", "", Kind.TEXT, {"won": 0.0, "lost": 0.0}, None)

    assert chart is not None
    assert (chart.slots, chart.top, [mark.label for mark in chart.labels]) == (2, 1, ["won", "lost"])


@pytest.mark.parametrize(("highest", "step"), [(0, 1), (5, 1), (6, 2), (99, 20), (101, 50), (1e6, 200_000)])
def test_ticks_are_round_and_few(highest: float, step: int) -> None:
    assert tick_step(highest) == step


def test_a_sheet_of_a_document_may_be_named() -> None:
    sheet = Sheet("a", (Column("x", Kind.TEXT),), [])

    assert Document(name="n", title="t", sheets=(sheet,)).sheet("a") is sheet
