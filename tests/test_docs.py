"""The pages in docs/marts, the marts and the OpenAPI document agree: on names, columns, units, reasons, windows of
freshness, examples.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import clickhouse_driver
import pytest

from api.app import build_app
from api.export.reports import EVENTS
from resources.freshness import WINDOWS
from resources.migrations import migrate
from resources.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/marts").glob("*.md"))}
MARTS = sorted(
    path.stem for path in (ROOT / "assets").glob("*.py") if f'\nMART = "{path.stem}"\n' in path.read_text("utf-8")
)
SECTIONS = ["Grain and partitions", "Columns", "How it is computed", "In the API", "Freshness", "Example"]
OF_THE_ANSWER = {"Period", "Publication", "Freshness", "State", "ReportDates"}
"""Schemas whose own fields are about the answer itself, and not figures of a mart."""
WORDS_OF_UNITS = {"milliseconds": "ms", "hz": "Hz", "per cent": "%"}

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def ask(fresh_settings: Callable[[], Settings]) -> Iterator[Ask]:
    """Puts a question to a warehouse that is up to date and empty."""
    settings = fresh_settings()
    migrate(settings)
    client = clickhouse_driver.Client(
        settings.clickhouse_host,
        settings.clickhouse_port,
        settings.clickhouse_database,
        settings.clickhouse_user,
        settings.clickhouse_password,
    )
    yield client.execute
    client.disconnect()


def sections(page: str) -> dict[str, str]:
    """Text by heading of the second level."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(section: str) -> list[list[str]]:
    """Cells of the rows of the only table in a section, without the backticks of the first."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [[row[0].strip("`"), *row[1:]] for row in rows]


def test_every_mart_has_a_page_and_every_page_a_mart() -> None:
    assert len(MARTS) == 6
    assert sorted(PAGES) == sorted(WINDOWS) == MARTS


@pytest.mark.parametrize("mart", PAGES)
def test_a_page_says_what_a_reader_looks_for(mart: str) -> None:
    assert PAGES[mart].startswith(f"# {mart}\n")
    assert [heading for heading in sections(PAGES[mart]) if heading in SECTIONS] == SECTIONS


@pytest.mark.parametrize("mart", PAGES)
def test_a_page_has_the_columns_of_its_mart_in_their_order(mart: str, ask: Ask) -> None:
    for heading, section in sections(PAGES[mart]).items():
        if heading.startswith("Columns"):
            view = heading.partition(" of ")[2].strip("`") or mart
            described = [list(column[:2]) for column in ask(f"DESCRIBE TABLE {view}")]
            assert [row[:2] for row in table(section)] == described, view


@pytest.mark.parametrize("mart", PAGES)
def test_a_page_names_the_windows_of_freshness_that_are_declared(mart: str) -> None:
    named = re.findall(r"`(\w+)` after (\d+) minutes", sections(PAGES[mart])["Freshness"])
    declared = [("late", WINDOWS[mart].late_after), ("stale", WINDOWS[mart].stale_after)]
    assert [(state, timedelta(minutes=int(count))) for state, count in named] == declared


@pytest.mark.parametrize("mart", PAGES)
def test_the_example_of_a_page_runs(mart: str, ask: Ask) -> None:
    example = re.search(r"```sql\n(.+?)```", sections(PAGES[mart])["Example"], flags=re.DOTALL)
    assert example is not None
    assert f"FROM {mart}\n" in example[1]
    assert ask(example[1]) == []


@pytest.mark.parametrize("mart", PAGES)
def test_a_page_refers_to_files_that_are_there(mart: str) -> None:
    for target in re.findall(r"\]\((.+?)\)", PAGES[mart]):
        assert (ROOT / "docs/marts" / target).is_file(), target
    for named in re.findall(r"`(sql/[\w/.]+\.sql)`", PAGES[mart]):
        assert (ROOT / named).is_file(), named


def test_the_reasons_of_the_quarantine_are_those_of_the_code_in_their_order() -> None:
    tree = ast.parse((ROOT / "assets/soundness.py").read_text(encoding="utf-8"))
    reasons = next(
        [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict)
        and ast.unparse(node.targets[0]) == "reasons"
    )
    assert [row[0] for row in table(sections(PAGES["telemetry_events"])["Reasons"])] == reasons


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    app = build_app(Settings(reports_jwks="/keys.json", reports_token_issuer="https://issuer.example"))
    return app.openapi_schema.to_schema()


def routes(page: str) -> set[str]:
    """Routes that a page names, as in `GET /reports/{user_id}`."""
    return set(re.findall(r"`((?:GET|POST) /\S+)`", sections(page)["In the API"]))


def schemas(page: str) -> set[str]:
    """Schemas that a page names."""
    return set(re.findall(r"`([A-Z]\w+)[.`]", sections(page)["In the API"])) - {"GET", "POST"}


def renamed(page: str) -> dict[str, str]:
    """The column of each field that has another name, which begins with its schema."""
    return {field: column.strip("`") for field, column in table(sections(page)["In the API"])}


def columns(page: str) -> dict[str, str]:
    """The unit of each column of the mart itself."""
    return {row[0]: row[2] for row in table(sections(page)["Columns"])}


def served(openapi: dict[str, Any]) -> dict[str, Any]:
    """What each route that serves a mart answers."""
    return {
        f"{method.upper()} {path}": operation["responses"]["200"]["content"]
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if {"Reports", "Aggregates"} & set(operation["tags"])
    }


def reached(openapi: dict[str, Any], part: object) -> set[str]:
    """Names of the schemas that are in a part of the document, whatever the depth."""
    names, new = set[str](), named(part)
    while new:
        names |= new
        new = {name for known in new for name in named(openapi["components"]["schemas"][known])} - names
    return names


def named(part: object) -> set[str]:
    """Names of the schemas that a part of the document refers to."""
    return set(re.findall(r"#/components/schemas/(\w+)", str(part)))


def figures(openapi: dict[str, Any], schema: str) -> dict[str, Any]:
    """Fields of a schema that hold no other schema, by their name after that of the schema."""
    fields = openapi["components"]["schemas"][schema]["properties"]
    return {f"{schema}.{name}": field for name, field in fields.items() if not named(field)}


def test_every_route_to_a_mart_is_on_a_page_and_every_route_on_a_page_is_there(openapi: dict[str, Any]) -> None:
    assert set().union(*map(routes, PAGES.values())) == served(openapi).keys()


@pytest.mark.parametrize("mart", PAGES)
def test_the_schemas_of_a_page_are_those_of_its_routes(mart: str, openapi: dict[str, Any]) -> None:
    answers = [content for route, content in served(openapi).items() if route in routes(PAGES[mart])]
    assert schemas(PAGES[mart]) - reached(openapi, answers) == set()


def test_every_figure_of_the_api_is_a_column_of_a_page_or_named_beside_one(openapi: dict[str, Any]) -> None:
    answered = reached(openapi, served(openapi)) - OF_THE_ANSWER
    fields = {field for schema in answered for field in figures(openapi, schema)}
    explained = {
        f"{schema}.{column}" for page in PAGES.values() for schema in schemas(page) for column in columns(page)
    }
    assert fields - explained - {field for page in PAGES.values() for field in renamed(page)} == set()


@pytest.mark.parametrize("mart", PAGES)
def test_every_other_name_on_a_page_is_one_of_the_api_for_a_column(mart: str, openapi: dict[str, Any]) -> None:
    known = {field for schema in schemas(PAGES[mart]) for field in figures(openapi, schema)}
    for field, column in renamed(PAGES[mart]).items():
        assert field in known
        assert column in columns(PAGES[mart])
        assert field.partition(".")[2] not in columns(PAGES[mart])


def test_the_api_says_the_units_of_the_pages(openapi: dict[str, Any]) -> None:
    said = 0
    for page in PAGES.values():
        for schema in schemas(page):
            for field, found in figures(openapi, schema).items():
                column = renamed(page).get(field, field.partition(".")[2])
                text = found.get("description", "").lower()
                units = {unit for word, unit in WORDS_OF_UNITS.items() if word in text}
                if units and column in columns(page):
                    assert units == {columns(page)[column]}, field
                    said += 1
    assert said >= 5


@pytest.mark.parametrize("mart", PAGES)
def test_a_unit_in_the_name_of_a_column_is_its_unit(mart: str) -> None:
    words = {"ms": "ms", "hz": "Hz", "pct": "%", "minutes": "minutes"}
    for name, unit in columns(PAGES[mart]).items():
        assert {words[word] for word in name.split("_") if word in words} <= {unit}, name


def test_the_file_of_raw_events_has_the_columns_and_units_of_its_page() -> None:
    described = columns(PAGES["telemetry_events"])
    assert {column.name for column in EVENTS} == described.keys() - {"user_id"}
    for column in EVENTS:
        assert column.unit in {"", described[column.name]}, column.name
