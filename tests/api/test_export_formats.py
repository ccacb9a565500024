"""Which format a caller gets."""

from __future__ import annotations

import pytest

from api.errors import Invalid
from api.export.formats import Format, NotAcceptable, chosen

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.JSON),
        ("  ", Format.JSON),
        ("*/*", Format.JSON),
        ("application/json", Format.JSON),
        ("application/*", Format.JSON),
        ("text/*", Format.CSV),
        ("text/csv", Format.CSV),
        ("TEXT/CSV; charset=utf-8", Format.CSV),
        ("application/pdf", Format.PDF),
        ("application/vnd.apache.parquet", Format.PARQUET),
        (XLSX, Format.XLSX),
        ("text/csv;q=0.5, application/pdf", Format.PDF),
        ("text/csv;q=0.5, application/pdf;q=0.4", Format.CSV),
        ("application/pdf, text/csv", Format.CSV),
        ("text/csv; Q=0.5, application/pdf ; q=0.501", Format.PDF),
        ("*/*;q=0.1, text/csv;q=0.2", Format.CSV),
        ("*/*, application/json;q=0", Format.CSV),
        ("application/*;q=0.9, application/json;q=0.1, application/pdf;q=0.95", Format.PDF),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.JSON),
        ("text/csv;q=high, application/pdf;q=0.1", Format.PDF),
        ("text/csv;q=1.5, application/pdf;q=0.1", Format.PDF),
        (",, text/csv,", Format.CSV),
    ],
)
def test_accept_chooses_what_the_caller_likes_best(accept: str, expected: Format) -> None:
    assert chosen(None, accept) is expected


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "application/json;q=0", "*/*;q=0", "json", "text/csv;q=x", "*/csv", ";"]
)
def test_nothing_that_the_caller_takes_is_a_406(accept: str) -> None:
    with pytest.raises(NotAcceptable) as refused:
        chosen(None, accept)

    assert (refused.value.status, refused.value.kind) == (406, "not-acceptable")
    assert str(refused.value) == "Ask for one of these with `format=`: json, csv, xlsx, parquet, pdf."


@pytest.mark.parametrize("form", Format)
def test_a_format_by_its_word_goes_before_accept(form: Format) -> None:
    assert chosen(form.value, "text/html") is form


@pytest.mark.parametrize("word", ["", "CSV", "xls", "csv ", "../pdf"])
def test_an_unknown_word_is_a_422_that_names_the_parameter(word: str) -> None:
    with pytest.raises(Invalid) as refused:
        chosen(word, "text/csv")

    assert [(problem.field, problem.message) for problem in refused.value.errors] == [
        ("format", "Is none of json, csv, xlsx, parquet, pdf")
    ]
