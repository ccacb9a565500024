"""The table of what the services before had names what there is, and all of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

from api.app import build_app
from resources.settings import SYNONYMS, VARIABLES, Settings
from stack import cli, questions
from tests.api.world import ISSUER, Issuer

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")


def named(pattern: str) -> set[str]:
    """What stands in backquotes on the page and looks like this."""
    return set(re.findall(rf"`({pattern})", PAGE))


def test_every_route_is_on_the_page_and_no_other() -> None:
    app = build_app(Settings(keycloak_public_key=Issuer().pem(), reports_token_issuer=ISSUER))
    paths = app.openapi_schema.to_schema()["paths"]
    served = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert named(r"(?:GET|POST) /[^`?]*") - {"GET /schema"} == served


def test_every_command_is_on_the_page_and_no_other() -> None:
    group = typer.main.get_command(cli.app)
    commands = {f"reports {name}" for name in getattr(group, "commands", {})}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert named(r"reports [a-z]+") == commands
    assert named(r"reports-(?:api|refresh-views)") == scripts.keys() - {"reports"}


def test_every_question_is_on_the_page() -> None:
    assert questions.questions().keys() <= named(r"[a-z_]+")


def test_the_variables_on_the_page_are_settings() -> None:
    prefixes = ("REPORTS", "CRM", "TELEMETRY", "CLICKHOUSE", "KEYCLOAK")
    variables = named(rf"(?:{'|'.join(prefixes)})_[A-Z_]+(?=`)")
    assert variables <= VARIABLES.keys() | SYNONYMS.keys()
    assert variables >= SYNONYMS.keys() | {name for name in VARIABLES if name.startswith("CLICKHOUSE_")}
