"""The pages in docs/marts and the marts agree: which there are, their columns, reasons of the quarantine, examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clickhouse_driver
import pytest

from resources.migrations import migrate
from resources.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/marts").glob("*.md"))}
MARTS = sorted(
    path.stem for path in (ROOT / "assets").glob("*.py") if f'\nMART = "{path.stem}"\n' in path.read_text("utf-8")
)
SECTIONS = ["Grain and partitions", "Columns", "How it is computed", "Freshness", "Example"]

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
    assert sorted(PAGES) == MARTS


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
