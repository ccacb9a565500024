"""Every report and aggregate can be had in every form, with the figures that the JSON has."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import polars as pl
import pypdf
import pytest

from api.auth import MANAGER
from api.export.formats import Format
from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.world import ADA, ADA_UUID, CUSTOMERS, Issuer, worn

DAY = date(2026, 7, 1)

ROUTES = {
    f"/reports/{ADA}": "days",
    "/api/reports": "days",
    "/api/reports/summary": "prostheses",
    f"/api/reports/{DAY}": "hours",
    "/report": "types",
    "/api/v1/aggregates/deal-pipeline": "deals",
    "/api/v1/aggregates/audit-activity": "activity",
}
FILES = [form for form in Format if form is not Format.JSON]


@pytest.fixture(scope="module")
def client(fresh_settings: Callable[[], Settings], trusted: dict[str, Any]) -> Iterator[Client]:
    """Ada has worn two prostheses for a day; there are deals, and the staff did something."""
    with empty_marts(fresh_settings()) as marts:
        marts.customers(CUSTOMERS)
        nine = datetime(2026, 7, 1, 9, tzinfo=UTC)
        hour = marts.hour(nine, [worn("a", "A", [], 3), worn("b", "B", [], 4)])
        marts.day(DAY, [worn("a", "A", [9], 3), worn("b", "B", [9], 4)], inputs=(hour,))
        stage = {
            "status": "won",
            "currency": "RUB",
            "deals": 3,
            "deals_with_amount": 2,
            "amount_total": Decimal("0.30"),
        }
        marts.deals([stage | {"oldest_updated_at": nine, "newest_updated_at": nine}])
        marts.audit(DAY, [{"action": "=cmd()", "entity_type": "deal", "events": 5, "actors": 2, "last_event_at": nine}])
        with serving(marts.settings, trusted) as client:
            yield client


@pytest.fixture
def ask(client: Client, issuer: Issuer) -> Callable[..., Any]:
    """Ask a route as Ada, who is a manager, too."""
    caller = issuer.authorization(ADA_UUID, MANAGER)

    def answer(path: str, query: str = "", **headers: str) -> Any:
        if path == "/report":
            return client.post(path + query, json={"user_id": ADA}, headers=caller | headers)
        return client.get(path + query, headers=caller | headers)

    return answer


def cells(form: Format, content: bytes, sheet: str) -> list[dict[str, str]]:
    """Rows of a file, opened by another library, every cell as text."""
    if form is Format.CSV:
        return list(csv.DictReader(io.StringIO(content.decode())))
    if form is Format.PARQUET:
        return [{name: str(cell) for name, cell in row.items()} for row in pl.read_parquet(content).to_dicts()]
    header, *rows = openpyxl.load_workbook(io.BytesIO(content))[sheet].iter_rows(values_only=True)
    return [{str(name): str(cell) for name, cell in zip(header, row, strict=True)} for row in rows]


@pytest.mark.parametrize("form", FILES, ids=lambda form: form.value)
@pytest.mark.parametrize("path", ROUTES)
def test_every_route_answers_in_every_form(ask: Callable[..., Any], path: str, form: Format) -> None:
    by_word, by_accept = ask(path, f"?format={form.value}"), ask(path, Accept=form.media_type)
    assert (by_word.status_code, by_accept.status_code) == (200, 200), by_word.text
    assert by_word.content == by_accept.content
    assert by_word.headers["Content-Type"].startswith(form.media_type)
    assert by_word.headers["Content-Disposition"].endswith(f'.{form.value}"')
    assert by_word.headers["Vary"] == "Authorization, Accept, Accept-Encoding"
    if form is Format.PDF:
        assert len(pypdf.PdfReader(io.BytesIO(by_word.content)).pages) == 1
    else:
        assert len(cells(form, by_word.content, ROUTES[path])) in (1, 2)


@pytest.mark.parametrize("form", [Format.CSV, Format.PARQUET, Format.XLSX], ids=lambda form: form.value)
def test_a_file_has_the_figures_of_the_json(ask: Callable[..., Any], form: Format) -> None:
    day = ask(f"/reports/{ADA}").json()["reports"][0]
    found = cells(form, ask(f"/reports/{ADA}", f"?format={form.value}").content, "days")[0]
    for name in ("movements", "uptime_hours", "usage_minutes", "amplitude_mean", "battery_used_pct", "errors"):
        assert float(found[name]) == day[name]


def test_a_sheet_can_be_asked_for(ask: Callable[..., Any]) -> None:
    found = cells(Format.CSV, ask(f"/reports/{ADA}", "?format=csv&sheet=prostheses").content, "prostheses")
    assert [row["prosthesis_id"] for row in found] == ["a", "b"]


def test_money_stays_exact_and_a_formula_inert(ask: Callable[..., Any]) -> None:
    deals = cells(Format.CSV, ask("/api/v1/aggregates/deal-pipeline", "?format=csv").content, "deals")
    audit = cells(Format.CSV, ask("/api/v1/aggregates/audit-activity", "?format=csv").content, "activity")
    assert Decimal(deals[0]["amount_total"]) == Decimal("0.30")
    assert audit[0]["action"] == "'=cmd()"


def test_an_edition_is_one_form_of_an_answer(ask: Callable[..., Any]) -> None:
    path = f"/reports/{ADA}"
    tags = [ask(path, query).headers["ETag"] for query in ("", "?format=csv", "?format=csv&sheet=summary")]
    assert len(set(tags)) == 3
    again = ask(path, "?format=csv", **{"If-None-Match": tags[1]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask(path, "", **{"If-None-Match": tags[1]}).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_a_form_that_there_is_not_is_refused(ask: Callable[..., Any], path: str) -> None:
    assert ask(path, Accept="image/png").status_code == 406
    unknown = ask(path, "?format=doc")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "format")
