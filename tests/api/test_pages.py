"""Pages for people: they show the figures of the other routes to the same callers, and fetch and run nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from api.pages import dashboard as dashboard_module
from api.pages.language import LANGUAGES, NOTHING
from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.pages import Page, as_shown, number
from tests.api.sample import FIRST, HAND, SECOND, fill
from tests.api.test_aggregates import done, stage
from tests.api.test_aggregates import fill as fill_aggregates
from tests.api.world import ADA, ADA_UUID, BOB, BOB_UUID, CUSTOMERS, NOBODY_UUID, Issuer, Marts, worn

DASHBOARD, VIEW = "/dashboard", f"/reports/{ADA}/view"
WORDS = Path(dashboard_module.__file__).parent / "words"
FIGURES = [
    *("movements", "uptime_hours", "usage_minutes", "response_ms_mean", "amplitude_mean", "frequency_hz_mean"),
    *("battery_pct_mean", "battery_used_pct", "errors", "error_rate", "myosignal_efficiency"),
]
HOSTILE = """<script>alert(1)</script>"'></svg><img src=x onerror=alert(1)>{{ 7*7 }}&amp;\x1b"""


@pytest.fixture(scope="module")
def filled(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    with empty_marts(fresh_settings()) as marts:
        fill(marts)
        fill_aggregates(marts)
        yield marts


@pytest.fixture(scope="module")
def client(filled: Marts, trusted: dict[str, Any]) -> Iterator[Client]:
    with serving(filled.settings, trusted) as client:
        yield client


@pytest.fixture(params=["en", "ru"])
def words(request: pytest.FixtureRequest) -> dict[str, str]:
    """What one of the languages says."""
    return tomllib.loads((WORDS / f"{request.param}.toml").read_text(encoding="utf-8")) | {"code": request.param}


def shown(client: Client, path: str, headers: dict[str, str], words: dict[str, str], query: str = "") -> Page:
    """A page in the language of `words`."""
    answer = client.get(f"{path}?lang={words['code']}{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


@pytest.mark.parametrize("period", ["", "&from=2026-07-01&to=2026-07-01", "&from=2026-06-01&to=2026-12-31"])
def test_a_report_has_the_figures_of_the_json(
    client: Client, ada: dict[str, str], words: dict[str, str], period: str
) -> None:
    body = client.get(f"/reports/{ADA}?{period.removeprefix('&')}", headers=ada).json()
    page = shown(client, VIEW, ada, words, period)

    def figures(row: dict[str, Any]) -> list[Any]:
        return [as_shown(name, row[name]) for name in FIGURES]

    def read(cells: list[str]) -> list[Any]:
        return [number(cell, words["code"]) for cell in cells]

    assert read(page.texts["dd"]) == pytest.approx(figures(body["summary"]))
    days = page.tables[words["days_table"]]
    assert days[0] == [words["date"], *(words[name] for name in FIGURES)]
    assert [read(row[1:]) for row in days[1:]] == [pytest.approx(figures(day)) for day in body["reports"]]
    worn = [(day, prosthesis) for day in body["reports"] for prosthesis in day["prostheses"]]
    by_prosthesis = page.tables[words["prostheses_table"]][1:]
    assert [row[1:5] for row in by_prosthesis] == [
        [prosthesis[name] for name in ("prosthesis_model", "prosthesis_type", "prosthesis_id", "chip_id")]
        for _, prosthesis in worn
    ]
    assert [read(row[5:]) for row in by_prosthesis] == [pytest.approx(figures(prosthesis)) for _, prosthesis in worn]
    times = [attributes["datetime"] for attributes in page.attributes("time")]
    assert [day for day in times if len(day) == 10] == [row["date"] for row in body["reports"]] + [
        day["date"] for day, _ in worn
    ]


def test_the_dashboard_has_the_figures_of_the_aggregates(
    client: Client, manager: dict[str, str], words: dict[str, str]
) -> None:
    page = shown(client, DASHBOARD, manager, words)

    assert [row[:5] for row in rows(page, words["deals_table"])] == [
        ["lost", "EUR", "3", "3", "0"],
        ["lost", "USD", "7", "3", "4"],
        ["new", "EUR", "2", "0", "2"],
        ["won", "RUB", "3", "3", "0"],
    ]
    events = [number(row[1], words["code"]) for row in rows(page, words["events_table"])]
    assert events == [9, 8]
    assert rows(page, words["kinds_table"]) == [
        ["view", "deal", "14"],
        ["create", "deal", "2"],
        ["create", "customer", "1"],
    ]


def rows(page: Page, caption: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    return page.tables[caption][1:]


def test_amounts_are_exact_however_large(client: Client, manager: dict[str, str], words: dict[str, str]) -> None:
    page = shown(client, DASHBOARD, manager, words)

    written = [[re.sub(r"[\s,]", "", cell) for cell in row[5:7]] for row in rows(page, words["deals_table"])]
    point = "" if words["code"] == "ru" else "."
    assert written == [
        [f"2{point}00", f"0{point}67"],
        [f"-0{point}02", f"-0{point}01"],
        [NOTHING, NOTHING],
        [f"1{'0' * 33}{point}01", f"{'3' * 33}{point}34"],
    ]


def test_the_dashboard_tells_of_every_mart_what_readiness_tells(
    client: Client, manager: dict[str, str], words: dict[str, str]
) -> None:
    marts = client.get("/health/ready").json()["marts"]
    page = shown(client, DASHBOARD, manager, words)

    found = rows(page, words["marts_table"])
    assert [(row[0], row[1], row[5]) for row in found] == [
        (mart["mart"], words[mart["state"]], str(mart["segments"])) for mart in marts
    ]
    instants = {attributes["datetime"] for attributes in page.attributes("time")}
    named = {mart[name] for mart in marts for name in ("watermark", "published_at", "complete_at") if mart[name]}
    assert {instant.replace("Z", "+00:00") for instant in named} <= instants


def told(client: Client, path: str, headers: dict[str, str]) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer."""
    answer = client.get(path, headers=headers | {"X-Request-Id": "same"})
    return answer.status_code, answer.content, sorted(answer.headers.items())


@pytest.mark.parametrize(
    ("wanted", "query", "status"),
    [
        *((wanted, "", 403) for wanted in (BOB, BOB_UUID, 99, NOBODY_UUID, "0")),
        *((wanted, "", 422) for wanted in ("x", "-7", "7%20", "%3Cscript%3E")),
        *((ADA, query, 422) for query in ("from=2026-02-30", "from=2026-07-02&to=2026-07-01", "from=2020-01-01")),
        *((ADA, query, 422) for query in ("from=", "to=null", "as_of=x", "user_id=8", "from=x&from=y")),
        (ADA, "as_of=1", 410),
    ],
)
def test_a_page_of_a_report_is_refused_as_the_report_is(
    client: Client, ada: dict[str, str], wanted: object, query: str, status: int
) -> None:
    report = told(client, f"/reports/{wanted}?{query}", ada)

    assert report[0] == status
    assert told(client, f"/reports/{wanted}/view?{query}", ada) == report


def test_a_page_is_refused_to_whom_the_figures_are(client: Client, issuer: Issuer) -> None:
    nobody, stranger = dict[str, str](), issuer.authorization(NOBODY_UUID)
    reader, admin = issuer.authorization(NOBODY_UUID, "reports-reader"), issuer.authorization(ADA_UUID, "reports-admin")
    for headers in (nobody, {"Authorization": "Bearer x.y.z"}, stranger, reader, admin):
        for wanted in (ADA, ADA_UUID, 99):
            page, report = (told(client, f"/reports/{wanted}{way}", headers) for way in ("/view", ""))
            assert page == report or (page[0] == report[0] == 200)
        dashboard, deals = (told(client, path, headers) for path in (DASHBOARD, "/api/v1/aggregates/deal-pipeline"))
        assert dashboard == deals
        assert dashboard[0] in (401, 403)


def test_a_reader_sees_another_s_page(client: Client, issuer: Issuer) -> None:
    reader = issuer.authorization(NOBODY_UUID, "reports-reader")

    for wanted, name in ((ADA, "Ada"), (BOB_UUID, "Bob")):
        page = Page(client.get(f"/reports/{wanted}/view", headers=reader).text)
        assert page.texts["h1"] == [f"Report: {name}"]
    assert client.get("/reports/99/view", headers=reader).status_code == 404


@pytest.mark.parametrize(
    "query", ["from=2026-07-02&to=2026-07-01", "from=x", "from=2020-01-01", "to=", "as_of=1", "q=1"]
)
def test_the_dashboard_refuses_what_it_cannot_use(client: Client, manager: dict[str, str], query: str) -> None:
    answer = client.get(f"{DASHBOARD}?{query}", headers=manager)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("query", "accepted", "expected"),
    [
        ("", "", "en"),
        ("", "ru", "ru"),
        ("", "ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"),
        ("", "en-GB,ru;q=0.9", "en"),
        ("", "de, ru;q=0.1", "ru"),
        ("", "de-DE, *;q=0.5", "en"),
        ("", "ru;q=0", "en"),
        ("", "ru;q=nine, ;;, \u00ff", "en"),
        ("", "ru" + ",xx" * 1000, "en"),
        ("?lang=ru", "en", "ru"),
        ("?lang=en", "ru", "en"),
    ],
)
def test_a_page_is_in_the_language_that_its_reader_likes_best(
    client: Client, ada: dict[str, str], query: str, accepted: str, expected: str
) -> None:
    header: Any = {"Accept-Language": accepted.encode("latin-1")}
    answer = client.get(f"{VIEW}{query}", headers=ada | header)

    assert (Page(answer.text).language, answer.headers["Content-Language"]) == (expected, expected)
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize("lang", ["de", "EN", "", "ru&lang=en"])
def test_a_language_that_there_is_none_of_is_named(client: Client, ada: dict[str, str], lang: str) -> None:
    answer = client.get(f"{VIEW}?lang={lang}", headers=ada)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["lang"])


def test_all_languages_say_the_same_words() -> None:
    said = {code: tomllib.loads((WORDS / f"{code}.toml").read_text(encoding="utf-8")) for code in LANGUAGES}

    assert sorted(path.stem for path in WORDS.iterdir()) == sorted(LANGUAGES)
    assert said["en"].keys() == said["ru"].keys()
    assert all(text.strip() for words in said.values() for text in words.values())


def test_a_page_runs_nothing_and_fetches_its_style_from_here_alone(
    client: Client, ada: dict[str, str], manager: dict[str, str]
) -> None:
    for path, headers in ((VIEW, ada), (DASHBOARD, manager)):
        answer = client.get(path, headers=headers)
        page = Page(answer.text)

        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        assert {tag for tag, _ in page.tags} & {"script", "style", "img", "iframe", "object", "embed", "use"} == set()
        names = {name for _, attributes in page.tags for name in attributes}
        assert [name for name in names if name in ("style", "src", "srcset") or name.startswith("on")] == []
        assert [urljoin(path, link["href"]) for link in page.attributes("link")] == ["/dashboard/page.css"]
        assert re.findall(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xlink)\")", answer.text) == []

    style = client.get("/dashboard/page.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert re.findall(r"//|url\(|@import|expression", style.text) == []


def test_what_it_leads_to_is_there(client: Client, ada: dict[str, str], manager: dict[str, str]) -> None:
    for path, headers in ((f"{VIEW}?to=2026-07-01", ada), (f"{DASHBOARD}?lang=ru", manager)):
        page = Page(client.get(path, headers=headers).text)
        # The amounts here have more digits than Parquet holds.
        links = [link for link in page.links() if not re.search("^#|deal-pipeline.*parquet", link)]

        answers = [client.get(urljoin(path, link), headers=headers) for link in links]
        assert len(links) >= 7
        assert [answer.status_code for answer in answers] == [200] * len(links), links


def test_a_page_is_kept_by_nobody_and_still_compressed(client: Client, ada: dict[str, str]) -> None:
    first = client.get(VIEW, headers=ada | {"Accept-Encoding": "gzip"})
    again = client.get(VIEW, headers=ada | {"If-None-Match": "*"})

    assert first.headers["Cache-Control"] == "private, no-store"
    assert first.headers["Content-Encoding"] == "gzip"
    assert {"authorization", "accept-encoding", "accept-language"} <= set(first.headers["Vary"].lower().split(", "))
    assert "ETag" not in first.headers
    assert (again.status_code, again.text) == (200, first.text)


def test_no_text_of_anybody_is_taken_for_a_part_of_the_page(
    marts: Marts, serve: Callable[..., Client], issuer: Issuer
) -> None:
    marts.customers([(ADA, ADA_UUID, HOSTILE)])
    marts.day(FIRST, [worn(HOSTILE, HOSTILE, [9], 1, prosthesis_type=HOSTILE, prosthesis_model=HOSTILE)])
    marts.deals([stage(HOSTILE, HOSTILE, 1, 1, "1.00")])
    marts.audit(FIRST, [done(HOSTILE, HOSTILE, 5, 2)])
    client = serve(marts.settings)
    headers = issuer.authorization(ADA_UUID, "reports-manager")

    pages = [Page(client.get(path, headers=headers).text) for path in (VIEW, DASHBOARD)]

    assert pages[0].texts["h1"] == [f"Report: {HOSTILE}"]
    assert rows(pages[0], "Figures by day and prosthesis, newest first")[0][1:5] == [HOSTILE] * 4
    assert rows(pages[1], "Deals by status and currency")[0][:2] == [HOSTILE] * 2
    assert rows(pages[1], "Events by action and kind of entity, most frequent first") == [[HOSTILE, HOSTILE, "5"]]
    assert any("<script>" in text for text in pages[1].texts["text"])  # in the chart
    for page in pages:
        assert {tag for tag, _ in page.tags} & {"script", "img"} == set()


@pytest.mark.parametrize("query", ["?from=2020-01-01&to=2020-12-31", "?to=0001-01-01", "?from=9999-12-31"])
def test_a_period_without_anything_says_so(
    client: Client, ada: dict[str, str], manager: dict[str, str], query: str
) -> None:
    report, dashboard = (client.get(path + query, headers=who) for path, who in ((VIEW, ada), (DASHBOARD, manager)))

    assert "There is no report in this period." in report.text
    assert "Nothing was done in this period." in dashboard.text
    assert Page(report.text).attributes("svg") == []
    assert len(Page(dashboard.text).attributes("svg")) == 1


def test_a_chart_has_a_name_and_the_figures_of_its_table(client: Client, ada: dict[str, str]) -> None:
    page = Page(client.get(VIEW, headers=ada).text)

    named = [attributes["aria-labelledby"] for attributes in page.attributes("svg")]
    assert named == [attributes["id"] for attributes in page.attributes("figcaption")]
    assert {attributes["role"] for attributes in page.attributes("svg")} == {"img"}
    bars = [float(attributes["height"]) for attributes in page.attributes("rect") if "reactive" in attributes["class"]]
    assert bars[0] / bars[1] == pytest.approx(10)  # movements: 10, then 1


def test_days_without_a_report_leave_a_gap(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    marts.customers(CUSTOMERS)
    for number_of_days in (0, 1, 10):
        marts.day(FIRST + timedelta(days=number_of_days), [HAND])

    page = Page(serve(marts.settings).get(VIEW, headers=ada).text)

    bars = [float(attributes["x"]) for attributes in page.attributes("rect") if "reactive" in attributes["class"]]
    assert len(bars) == 3
    assert (bars[2] - bars[1]) / (bars[1] - bars[0]) == pytest.approx(9)


def test_a_wearer_who_did_nothing_is_drawn_as_well(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    marts.customers(CUSTOMERS)
    marts.day(FIRST, [worn("a", "A", [9], 0)])

    assert serve(marts.settings).get(VIEW, headers=ada).status_code == 200


def test_before_anything_is_published_the_dashboard_says_so_and_a_report_is_not_there(
    marts: Marts, serve: Callable[..., Client], issuer: Issuer
) -> None:
    client = serve(marts.settings)
    headers = issuer.authorization(ADA_UUID, "reports-manager")

    dashboard, report = (client.get(path, headers=headers) for path in (DASHBOARD, VIEW))

    assert (dashboard.status_code, report.status_code) == (200, 503)
    assert dashboard.text.count("Nothing is published yet.") == 3


def test_a_page_is_read_again_as_of_a_publication(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    fill(marts)
    client = serve(marts.settings)
    path = f"{VIEW}?lang=en&as_of={client.get(f'/reports/{ADA}', headers=ada).json()['publication']['as_of']}"
    before = client.get(path, headers=ada)

    marts.day(SECOND, [worn("hand-1", "A", [3], 500)])
    client.app.state.reads.follower.look()

    assert client.get(path, headers=ada).text == before.text
    assert ">501<" not in before.text
    assert ">510<" in client.get(VIEW, headers=ada).text


def test_of_many_kinds_of_activity_the_most_frequent_are_listed(
    marts: Marts, serve: Callable[..., Client], manager: dict[str, str]
) -> None:
    marts.customers(CUSTOMERS)
    marts.day(FIRST, [HAND])
    marts.audit(FIRST, [done(f"a{kind:03}", "deal", kind + 1, 1) for kind in range(dashboard_module.MOST_KINDS + 7)])

    answer = serve(marts.settings).get(DASHBOARD, headers=manager)

    kinds = rows(Page(answer.text), "Events by action and kind of entity, most frequent first")
    assert [row[0] for row in kinds] == [f"a{kind:03}" for kind in range(dashboard_module.MOST_KINDS + 6, 6, -1)]
    assert "Further kinds, which the files hold: 7" in answer.text


def test_a_year_is_shown_in_time(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    marts.customers(CUSTOMERS)
    days = [date(2025, 7, 1) + timedelta(days=number) for number in range(0, 400, 20)]
    for day in days:
        marts.day(day, [HAND])

    page = Page(serve(marts.settings).get(f"{VIEW}?from=2025-07-01&to=2026-08-04", headers=ada).text)

    assert len(rows(page, "Figures by day, newest first")) == len(days)


def test_without_a_warehouse_a_page_is_away_as_the_figures_are(away: Client, issuer: Issuer) -> None:
    headers = issuer.authorization(ADA_UUID, "reports-manager")

    assert told(away, VIEW, headers) == told(away, f"/reports/{ADA}", headers)
    assert told(away, DASHBOARD, headers) == told(away, "/api/v1/aggregates/deal-pipeline", headers)
    assert away.get(DASHBOARD, headers=headers).status_code == 503
