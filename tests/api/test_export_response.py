"""Files over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from litestar import Request, Response, get
from litestar.exceptions import LitestarException
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.testing import TestClient, create_test_client

from api.errors import exception_handlers
from api.export.document import Column, Document, Kind, Row, Sheet
from api.export.formats import Format, chosen
from api.export.reports import of_user_reports
from api.export.response import file_response
from tests.api.test_export_reports import REPORTS

FormatParameter = Annotated[str | None, QueryParameter(name="format")]
HEADERS = {"ETag": '"tag"', "Cache-Control": "private, no-cache"}


def broken(after: int, error: Exception) -> Iterator[Row]:
    for _ in range(after):
        yield ("x" * 1000,)
    raise error


@get("/reports")
async def reports(
    request: Request[Any, Any, Any], wanted: FormatParameter = None, sheet: FromQuery[str | None] = None
) -> Response[Any]:
    form = chosen(wanted, ", ".join(request.headers.getall("accept", [])))
    if form is Format.JSON:
        return Response(REPORTS, headers=HEADERS)
    return await file_response(of_user_reports(REPORTS), form, HEADERS, sheet)


ERRORS = {"runtime": RuntimeError("the warehouse went away"), "value": ValueError("that is no text")}


@get("/broken/{after:int}/{kind:str}")
async def breaking(after: FromPath[int], kind: FromPath[str]) -> Response[Any]:
    sheet = Sheet("x", (Column("x", Kind.TEXT),), broken(after, ERRORS[kind]))
    return await file_response(Document(name="x", title="X", sheets=(sheet,)), Format.CSV, HEADERS)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Any]]:
    with create_test_client(
        [reports, breaking], exception_handlers=exception_handlers(), logging_config=None
    ) as serving:
        yield serving


@pytest.mark.parametrize(
    ("form", "begin"), [(Format.CSV, b"date,"), (Format.XLSX, b"PK"), (Format.PARQUET, b"PAR1"), (Format.PDF, b"%PDF-")]
)
def test_a_file_has_a_type_and_a_name_and_the_headers_of_the_body(
    client: TestClient[Any], form: Format, begin: bytes
) -> None:
    by_word = client.get("/reports", params={"format": form.value})
    by_accept = client.get("/reports", headers={"Accept": form.media_type})

    assert by_word.content == by_accept.content
    assert (by_word.status_code, by_word.content[: len(begin)]) == (200, begin)
    assert by_word.headers["content-type"] == form.media_type + ("; charset=utf-8" if form is Format.CSV else "")
    assert by_word.headers["content-disposition"] == (
        f'attachment; filename="report-2026-07-01--2026-07-02.{form.value}"'
    )
    assert (by_word.headers["etag"], by_word.headers["cache-control"]) == ('"tag"', "private, no-cache")


def test_json_stays_json(client: TestClient[Any]) -> None:
    answer = client.get("/reports", headers={"Accept": "*/*"})

    assert (answer.status_code, answer.json()["period"]["from"]) == (200, "2026-07-01")


@pytest.mark.parametrize(
    ("query", "accept", "status", "fields"),
    [
        ("format=xls", "*/*", 422, ["format"]),
        ("format=csv&sheet=weeks", "*/*", 422, ["sheet"]),
        ("", "text/html", 406, []),
    ],
)
def test_what_cannot_be_had_is_a_problem(
    client: TestClient[Any], query: str, accept: str, status: int, fields: list[str]
) -> None:
    answer = client.get(f"/reports?{query}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [problem["field"] for problem in answer.json().get("errors", [])] == fields


def test_another_sheet_has_another_name(client: TestClient[Any]) -> None:
    answer = client.get("/reports?format=csv&sheet=prostheses")

    assert answer.text.startswith("date,prosthesis_id,chip_id,")
    assert 'filename="report-prostheses-2026-07-01--2026-07-02.csv"' in answer.headers["content-disposition"]


@pytest.mark.parametrize("kind", ERRORS)
def test_what_fails_before_the_first_piece_is_a_problem(client: TestClient[Any], kind: str) -> None:
    assert client.get(f"/broken/0/{kind}").status_code == 500


@pytest.mark.parametrize("kind", ERRORS)
def test_what_fails_later_is_never_taken_for_a_whole_file(client: TestClient[Any], kind: str) -> None:
    with pytest.raises(LitestarException, match="after response started"):
        client.get(f"/broken/1000/{kind}")
