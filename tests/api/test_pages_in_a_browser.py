"""The pages in Chromium, as people see, hear and walk through them: in both languages, in the light and in the dark.

With PICTURES=docs/pictures the screenshots land there.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from resources.freshness import WINDOWS
from resources.settings import Settings
from tests.api.conftest import empty_marts
from tests.api.test_aggregates import done, stage
from tests.api.world import ADA, ADA_UUID, Issuer, Marts, worn
from tests.attacks.wire import Server, server

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PAGES = {"dashboard": "/dashboard", "report": f"/reports/{ADA}/view"}
LAST = date(2026, 7, 30)
_PICTURED = {("light", "en"): "", ("dark", "ru"): "-dark"}
"""The ends of the names of pictures."""

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium here: apt install chromium")


def month(marts: Marts) -> None:
    """A month that looks like one, a day of which has no report."""
    marts.customers([(ADA, ADA_UUID, "Demo Person 1")])
    for number in range(30):
        day, movements = LAST - timedelta(days=29 - number), 90 + round(50 * math.sin(number / 3))
        rows = [_worn(kind, movements + 20 * place) for place, kind in enumerate(("hand", "arm"))]
        marts.day(day, rows if number != 12 else [])
        actions = {"create": 3 + number % 4, "update": 9 + number % 7, "view": 30 + 2 * (number % 5)}
        marts.audit(day, [done(action, "deal", events, 2) for action, events in actions.items()])
    statuses = {"new": 41, "in progress": 27, "won": 18, "lost": 12}
    marts.deals([*(_stage(status, "RUB", deals) for status, deals in statuses.items()), _stage("won", "EUR", 5)])
    marts.complete(datetime.now(UTC), *(mart for mart in WINDOWS if mart != "audit_activity"))


def _stage(status: str, currency: str, deals: int) -> dict[str, Any]:
    return stage(status, currency, deals, deals - 2, f"{deals * 120_000}.50")


def _worn(kind: str, movements: int) -> dict[str, Any]:
    return worn(
        f"{kind}-1",
        f"chip-{kind}",
        list(range(8, 20)),
        movements,
        prosthesis_type=kind,
        signal_duration_ms_sum=400 * movements,
        signal_frequency_hz_sum=110 * movements,
        amplitude_sum=1.7 * movements,
        response_ms_sum=(60.0 + movements / 5) * movements,
        responses=movements,
        battery_pct_sum=(95 - movements / 4) * movements,
        battery_used_pct=37.5,
        errors=movements // 30,
        efficient_movements=movements * 3 // 4,
    )


@pytest.fixture(scope="module")
def served(fresh_settings: Callable[[], Settings], trusted: dict[str, Any]) -> Iterator[Server]:
    with empty_marts(fresh_settings()) as marts:
        month(marts)
        with server(msgspec.structs.replace(marts.settings, **trusted)) as running:
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, served: Server, issuer: Issuer) -> Callable[..., Any]:
    """Opens a page as its reader, whose token a proxy would add."""

    @contextmanager
    def open_page(name: str, query: str = "", **changes: Any) -> Iterator[Page]:
        reader = issuer.authorization(ADA_UUID, "reports-manager")
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{served.port}",
            viewport={"width": 1200, "height": 900},
            extra_http_headers=reader,
            **changes,
        )
        page = context.new_page()
        page.goto(PAGES[name] + query)
        yield page
        context.close()

    return open_page


@pytest.mark.parametrize("locale", ["en", "ru"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_passes_the_audit_of_its_accessibility(
    opened: Callable[..., Any], name: str, scheme: str, locale: str
) -> None:
    said: list[str] = []
    with opened(name, color_scheme=scheme, locale=locale) as page:
        page.on("console", lambda message: said.append(message.text))
        page.reload()
        for closed in page.locator("details").all():
            closed.locator("summary").click()

        found = Axe().run(page)

        assert page.locator("html").get_attribute("lang") == locale
        assert found.violations_count == 0, found.generate_report()
        assert said == []  # of the policy of contents, for one
        if (folder := os.environ.get("PICTURES")) and (scheme, locale) in _PICTURED:
            page.reload()
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=Path(folder) / f"{name}{_PICTURED[scheme, locale]}.png")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_without_scripts(opened: Callable[..., Any], name: str) -> None:
    with opened(name, java_script_enabled=False) as page:
        for landmark in ("banner", "main", "contentinfo", "navigation"):
            expect(page.get_by_role(landmark)).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        charts, tables = page.locator("svg").count(), page.locator("table:visible").count()
        assert tables >= 1
        assert charts == {"dashboard": 2, "report": 3}[name]
        for chart in page.get_by_role("img").all():
            expect(chart).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_walked_with_the_keyboard(opened: Callable[..., Any], name: str) -> None:
    with opened(name) as page:
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        walked = 1
        while page.evaluate("document.activeElement !== document.body") and walked < 100:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", page.evaluate("document.activeElement.outerHTML")
            page.keyboard.press("Tab")
            walked += 1
        reachable = page.locator("a, button, input:not([type=hidden]), summary, [tabindex='0']").locator("visible=true")
        # A date has a part for the day, the month, the year and the calendar.
        assert 100 > walked > reachable.count()

        page.goto(page.url)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()


def test_a_period_is_asked_for_with_the_form_and_the_language_stays(opened: Callable[..., Any]) -> None:
    with opened("report", "?lang=ru") as page:
        page.locator("input[name=from]").fill("2026-07-29")
        page.get_by_role("button", name="Показать").click()

        expect(page).to_have_url(f"{page.url.partition('?')[0]}?from=2026-07-29&to=2026-07-30&lang=ru")
        expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(3)
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(3)
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_page_fits_a_narrow_screen(opened: Callable[..., Any]) -> None:
    for name in PAGES:
        with opened(name) as page:
            page.set_viewport_size({"width": 340, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= 340
