"""The page that a wearer hands to a clinician."""

from __future__ import annotations

import io
import threading
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from api.export.document import Document
from api.export.pdf import pdf_chunks
from api.export.reports import of_day_report, of_events, of_report_dates, of_user_reports
from api.schemas import ProsthesisReport, ReportDay, User
from tests.api.test_export_reports import (
    DATES,
    DAY,
    EMPTY,
    FIRST_DAY,
    HOSTILE,
    PROSTHESES,
    PUBLICATION,
    REPORTS,
    USER,
    long,
)


def opened(document: Document) -> PdfReader:
    return PdfReader(io.BytesIO(b"".join(pdf_chunks(document))), strict=True)


def words(document: Document) -> str:
    """The text of the one page, spaces as plain ones."""
    (page,) = opened(document).pages
    return " ".join(page.extract_text().split())


def test_a_page_says_of_whom_of_when_and_where_it_came_from() -> None:
    text = words(of_user_reports(REPORTS))

    assert f"Name {HOSTILE}" in text
    assert "User number 7" in text
    assert "Period 2026-07-01 to 2026-07-02, 2 days (UTC)" in text
    assert "Prostheses arm Arc, hand +Grip" in text
    assert f"Publication {PUBLICATION.id}" in text
    assert "Published at 2026-07-03 04:05 UTC" in text


def test_a_page_has_the_figures_with_their_units() -> None:
    text = words(of_user_reports(REPORTS))

    for figure in (
        "Movements 11",
        "Uptime 5 h",
        "Usage 3.10 min",
        "Response, mean 100.00 ms",
        "Amplitude, mean 2.09",
        "Frequency, mean 50.00 Hz",
        "Battery, mean 66.73 %",
        "Battery used 16.00 %",
        "Errors 2",
        "Error rate 18.18 %",
        "Myosignal efficiency 36.36 %",
    ):
        assert figure in text, figure
    assert "2026-07-01 10 4 3.00 100.00 2.10 51.00 66.40 16.00 2 20.00 40.00" in text
    assert "2026-07-02 1 1 0.10 \u2013 2.00 40.00 70.00 0.00 0 0.00 0.00" in text


def test_a_page_of_a_day_has_its_hours() -> None:
    text = words(of_day_report(DAY))

    assert "Movements by hour" in text
    assert "2026-07-01 13:00 13 14.29 58.50 1" in text


def test_a_page_without_reports_says_so() -> None:
    assert "There is nothing in this period." in words(of_user_reports(EMPTY))


@pytest.mark.parametrize(
    "name",
    [
        'Пётр #import "@preview/cetz:0.3.0": *',
        "$x^2$ \\ #sys.version *bold* _it_ = head `raw` <label> @ref // no /* no */",
        '"); panic("out") //',
        '#read("/etc/passwd") #{1+1} \\u{41} ~ -- ...',
        "Қайрат Ўткір Ґалаґан Ђорђе",
    ],
)
def test_a_name_is_never_markup(name: str) -> None:
    body = msgspec.structs.replace(REPORTS, user=msgspec.structs.replace(USER, name=name))

    assert f"Name {name} User number" in words(of_user_reports(body))


@pytest.mark.parametrize("days", [1, 31, 32, 217, 218, 400])
def test_whatever_the_period_there_is_one_page(days: int) -> None:
    assert len(opened(of_user_reports(long(days))).pages) == 1


@pytest.mark.parametrize("character", ["Ж", "W ", "a\n", "\x00", "\u0301", "我"])
def test_whatever_the_names_there_is_one_page(character: str) -> None:
    worn = [ProsthesisReport("p", "c", "hand", character * 300, **FIRST_DAY), *PROSTHESES]
    body = long(31)
    body = msgspec.structs.replace(
        body,
        user=User(user_id=2**63, user_uuid=USER.user_uuid, name=character * 300),
        reports=[ReportDay(day.date, prostheses=worn, **FIRST_DAY | {"movements": 10**9}) for day in body.reports],
    )

    assert len(opened(of_user_reports(body)).pages) == 1


def test_pages_of_other_answers_are_one_page_too() -> None:
    moment = REPORTS.freshness.watermark
    event = (1, moment, "hand", "biceps", 50, 20, 1.25, None, 55.5, 0, "Grip", "hand-1", "A", None, None, moment)

    assert len(opened(of_report_dates(DATES)).pages) == 1
    assert len(opened(of_events(USER, REPORTS.period, None, [event] * 100)).pages) == 1


def test_fonts_travel_with_the_page_and_nothing_in_it_leads_outside() -> None:
    reader = opened(of_user_reports(REPORTS))
    numbers = {*reader.xref[0], *reader.xref_objStm}
    objects = [reader.get_object(number) for number in numbers]
    found = [entry for entry in objects if isinstance(entry, DictionaryObject)]

    assert [entry for entry in found if "/FontFile2" in entry or "/FontFile3" in entry] != []
    assert [entry for entry in found if "/URI" in entry or "/JS" in entry or "/Launch" in entry] == []


def test_threads_take_turns() -> None:
    made: list[Any] = []
    threads = [threading.Thread(target=lambda: made.append(words(of_user_reports(REPORTS)))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [words(of_user_reports(REPORTS))] * 4
