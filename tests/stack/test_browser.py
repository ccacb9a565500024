"""Dagster's UI as the data team sees it, in Chromium.

With PICTURES=docs/pictures the screenshots land there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from resources.orchestrator import MARTS
from tests.engines import wait_until
from tests.stack.conftest import Started

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_PATIENCE_MS = 120_000
_GROUPS = ("sources", "crm", "telemetry", "aggregates")
_SOURCES = ("customers", "prostheses", "prosthesis_models", "raw_telemetry", "deals", "audit_events")
_LONG_NAMES = {"user_prosthesis_stats": "user_prosth"}
"""As the graph shortens them."""

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium here: apt install chromium")


@pytest.fixture(scope="module")
def page(started: Started) -> Iterator[Page]:
    """A page of Dagster's UI."""
    address = f"http://127.0.0.1:{started.reports.state.ports['dagster']}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(base_url=address, viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(_PATIENCE_MS)
        expect.set_options(timeout=_PATIENCE_MS)
        yield opened
        browser.close()


def _picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def _is_shown_again(page: Page, text: str) -> bool:
    """Whether the page says so once it was loaded anew: it does not ask again by itself how fresh a mart is."""
    page.reload()
    with suppress(Error):
        page.get_by_text(text, exact=True).first.wait_for(timeout=10_000)
        return True
    return False


def test_the_graph_shows_the_sources_and_the_marts_in_their_groups(page: Page) -> None:
    page.goto("/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in _GROUPS))
    graph = page.locator("svg")
    for name in (*_GROUPS, *_SOURCES, *MARTS):
        expect(graph.get_by_text(_LONG_NAMES.get(name, name)).first).to_be_visible()
    expect(page.get_by_role("button", name=f"Materialize all ({len(MARTS)})")).to_be_enabled()
    _picture(page, "graph")


def test_the_page_of_a_mart_tells_what_it_is_and_how_it_is(page: Page) -> None:
    page.goto("/assets/user_daily_reports")
    for text in ("What a wearer reads. One row a wearer, prosthesis and day.", "reports.user_daily_reports"):
        expect(page.get_by_text(text).first).to_be_visible()
    for column in ("battery_used_pct", "efficient_movements"):
        expect(page.get_by_text(column, exact=True).first).to_be_visible()
    for tag in ("ClickHouse", "domain: telemetry", "pii: by-number"):
        expect(page.get_by_text(tag, exact=True).first).to_be_visible()
    expect(page.get_by_text("since last materialization").first).to_be_visible()
    wait_until(lambda: _is_shown_again(page, "Passing"), "the mart is called fresh", _PATIENCE_MS / 1000)
    _picture(page, "mart")


def test_the_button_materializes_a_mart(page: Page) -> None:
    page.goto("/assets/deal_pipeline")
    page.get_by_role("button", name="Materialize").first.click()
    expect(page.get_by_text("Launched run")).to_be_visible()
    run = page.locator("a[href^='/runs/']", has_text="View").first.get_attribute("href")
    assert run is not None
    page.goto(run)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    page.goto("/assets/deal_pipeline?view=events")
    expect(page.locator(f"a[href*='{run}']").first).to_be_visible()
    for figure in ("source_rows", "segments_rebuilt", "newest_build_ids", "preview"):
        expect(page.get_by_text(figure, exact=True).first).to_be_visible()
    _picture(page, "materialization")
