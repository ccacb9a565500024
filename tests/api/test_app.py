"""The application as a whole: what it imports, opens and documents."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from api import schemas
from api.app import build_app, create_app
from api.errors import Problem
from api.examples import EXAMPLES
from api.refresh import RefreshForm
from api.totals import TotalsForm
from resources.errors import SettingsError
from resources.settings import Settings
from tests.api.conftest import Client
from tests.api.world import ISSUER, Issuer


def test_the_api_never_imports_dagster_nor_the_assets() -> None:
    code = "import sys, api.app; print(sorted({name.split('.')[0] for name in sys.modules} & {'dagster', 'assets'}))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_building_the_api_opens_nothing(tmp_path: Path) -> None:
    before = threading.enumerate()

    build_app(Settings(reports_jwks=str(tmp_path / "none.json"), reports_token_issuer=ISSUER))

    assert threading.enumerate() == before


def test_the_server_s_factory_reads_the_environment(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> None:
    monkeypatch.setenv("KEYCLOAK_PUBLIC_KEY", issuer.pem())
    monkeypatch.setenv("REPORTS_TOKEN_ISSUER", ISSUER)
    assert isinstance(create_app(), Litestar)

    monkeypatch.delenv("KEYCLOAK_PUBLIC_KEY")
    with pytest.raises(SettingsError, match="REPORTS_JWKS"):
        create_app()


class Page(HTMLParser):
    """Everything on a page that a browser would fetch or run, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [tag for name, _ in attrs if name in ("src", "srcset", "data", "action", "style")]
        self.fetched += [tag] if tag in ("script", "link", "iframe", "img", "object", "embed", "form") else []
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.places |= {f"#{value}" for name, value in attrs if name == "id"}


def test_the_documentation_needs_no_outside_address(away: Client) -> None:
    answer = away.get("/schema")

    page = Page(answer.text)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert page.fetched == []
    assert re.findall(r"https?:|//|url\(|@import", answer.text) == []
    assert {link for link in page.links if not link.startswith("#")} == {"/schema/openapi.json"}
    assert {link for link in page.links if link.startswith("#")} <= page.places


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of every route."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_documentation_shows_every_route_parameter_and_answer(away: Client) -> None:
    document = away.get("/schema/openapi.json").json()
    page = away.get("/schema").text

    assert sorted((path, method) for path, method, _ in operations(document)) == [
        ("/api/reports", "get"),
        ("/api/reports/events", "get"),
        ("/api/reports/summary", "get"),
        ("/api/reports/{date}", "get"),
        ("/api/v1/aggregates/audit-activity", "get"),
        ("/api/v1/aggregates/deal-pipeline", "get"),
        ("/api/v1/refresh", "post"),
        ("/api/v1/refresh/{refresh_id}", "get"),
        ("/dashboard", "get"),
        ("/health", "get"),
        ("/health/live", "get"),
        ("/health/ready", "get"),
        ("/report", "post"),
        ("/reports/{user_id}", "get"),
        ("/reports/{user_id}/view", "get"),
    ]
    for path, _, operation in operations(document):
        assert f"<code>{path}</code>" in page
        assert operation["summary"] in page
        for parameter in operation.get("parameters", []):
            assert f"<td>{parameter['name']}</td>" in page
    assert set(document["paths"]["/reports/{user_id}"]["get"]["responses"]) == {
        *("200", "304", "401", "403", "404", "406", "410", "414", "422", "429", "431", "503")
    }


def test_every_body_has_an_example_that_is_one(away: Client) -> None:
    document = away.get("/schema/openapi.json").json()
    structs = {**vars(schemas), "Problem": Problem, "TotalsForm": TotalsForm, "RefreshForm": RefreshForm}
    shown = set()
    for path, _, operation in operations(document):
        if not path.startswith("/health"):
            parts = [operation.get("requestBody", {}), *operation["responses"].values()]
            found = [
                media["examples"] for part in parts for media in part.get("content", {}).values() if "examples" in media
            ]
            # One for the problem, one for the answer if it is JSON, and one for the question if it has a body.
            no_json = path == "/api/reports/events" or "Pages" in operation["tags"]
            assert len(found) == 1 + (not no_json) + ("requestBody" in operation), path
            for name, example in ((name, example["value"]) for examples in found for name, example in examples.items()):
                assert msgspec.to_builtins(msgspec.convert(example, structs[name])).items() >= example.items()
                shown.add(name)
    assert shown == EXAMPLES.keys()


def test_the_document_says_which_routes_need_a_token(away: Client) -> None:
    document = away.get("/schema/openapi.json").json()

    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["security"] == [{"bearer": []}]
    open_to_all = {path for path, _, operation in operations(document) if operation.get("security") == [{}]}
    assert open_to_all == {"/health", "/health/live", "/health/ready"}
