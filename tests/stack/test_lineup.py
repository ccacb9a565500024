"""Which parts run for which settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from resources.reader import as_reader
from resources.settings import Settings, read_settings
from stack import clickhouse
from stack.home import Home
from stack.lineup import api_environment, embedded, environment, parts, settle
from stack.parts import only
from stack.ports import choose

DATABASES = {
    "CRM_DATABASE_URL": "postgresql://crm.invalid/crm",
    "TELEMETRY_DATABASE_URL": "postgresql://telemetry.invalid/telemetry",
    "DAGSTER_DATABASE_URL": "postgresql://dagster.invalid/dagster",
}
CLICKHOUSE = {"CLICKHOUSE_HOST": "clickhouse.invalid", "CLICKHOUSE_PORT": "9440", "CLICKHOUSE_USER": "analyst"}
DAGSTER = {"DAGSTER_WEBSERVER_URL": "http://dagster.invalid"}
STEPS = ["prepare", "seed", "materialize"]


def lineup(home: Home, environ: dict[str, str]) -> tuple[list[str], Settings]:
    """Names of the parts for an environment, and the settings that they get."""
    settings = read_settings(environ)
    own = embedded(settings, environ)
    listening = choose(dict.fromkeys(own.wanted_ports({}, settings), 0))
    settled = settle(settings, home, own, listening)
    return [part.name for part in parts(settled, home, own, listening)], settled


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["postgres", "clickhouse", "code", "daemon", "webserver", "api", *STEPS]),
        (CLICKHOUSE, ["postgres", "code", "daemon", "webserver", "api", *STEPS]),
        (DATABASES, ["clickhouse", "prepare", "code", "daemon", "webserver", "api"]),
        (DAGSTER, ["postgres", "clickhouse", "prepare", "seed", "api"]),
        (DATABASES | CLICKHOUSE | DAGSTER, ["prepare", "api"]),
        (
            {"CRM_DATABASE_URL": DATABASES["CRM_DATABASE_URL"]},
            ["postgres", "clickhouse", "prepare", "code", "daemon", "webserver", "api"],
        ),
    ],
    ids=["nothing", "clickhouse", "databases", "dagster", "everything", "one source"],
)
def test_what_the_settings_name_is_not_embedded(home: Home, environ: dict[str, str], expected: list[str]) -> None:
    names, _ = lineup(home, environ)
    assert sorted(names) == sorted(expected)


def test_what_the_settings_name_is_what_the_parts_are_told(home: Home) -> None:
    _, settings = lineup(home, DATABASES | CLICKHOUSE | DAGSTER)
    told = environment(settings)
    given = DATABASES | CLICKHOUSE | DAGSTER
    assert {name: told[name] for name in given} == given


def test_the_parts_read_the_very_settings_that_were_settled(home: Home) -> None:
    _, settings = lineup(home, {"REPORTS_FIRST_DAY": "2025-02-03", "REPORTS_RESPONSE_LIMIT_MS": "80.5"})
    assert read_settings(environment(settings)) == settings


def test_what_came_from_files_is_told_and_the_files_are_not(home: Home, tmp_path: Path) -> None:
    for name, url in (DATABASES | {"REPORTS_DATABASE_URL": "clickhouse://u:p@clickhouse.invalid"}).items():
        (tmp_path / name).write_text(url)
    given = {f"{file.name}_FILE": str(file) for file in tmp_path.iterdir()}
    names, settings = lineup(home, given | {"CLICKHOUSE_READER_USER": "r"})
    assert sorted(names) == sorted(["prepare", "code", "daemon", "webserver", "api"])
    assert read_settings(given | environment(settings)) == settings
    told = read_settings(given | api_environment(settings))
    assert (told.clickhouse_password, told.crm_database_url, told.dagster_database_url) == ("", "", "")


@pytest.mark.parametrize(
    "given", [{}, DATABASES | CLICKHOUSE | {"CLICKHOUSE_READER_USER": "r"}], ids=["embedded", "given"]
)
def test_the_api_is_told_of_no_account_but_the_one_that_it_reads_with(home: Home, given: dict[str, str]) -> None:
    _, settings = lineup(home, given)
    told = api_environment(settings)
    untold = ("CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD", "REPORTS_DATABASE_URL", *DATABASES)
    # Empty, not left out: a process gets the variables of the one that starts it, too.
    assert [told[name] for name in untold] == [""] * len(untold)
    reading, known = as_reader(read_settings(told)), as_reader(settings)
    assert reading.clickhouse_user == known.clickhouse_user != settings.clickhouse_user
    assert reading.clickhouse_password == known.clickhouse_password
    assert reading.dagster_webserver_url == settings.dagster_webserver_url


def test_without_a_reader_the_api_reads_with_the_account_there_is(home: Home) -> None:
    _, settings = lineup(home, DATABASES | CLICKHOUSE)
    assert api_environment(settings)["CLICKHOUSE_USER"] == CLICKHOUSE["CLICKHOUSE_USER"]


def test_the_demo_data_is_made_once(home: Home) -> None:
    home.filled.touch()
    names, _ = lineup(home, {})
    assert set(names).isdisjoint({"seed", "materialize"})


def test_no_secret_stands_on_a_command_line(home: Home) -> None:
    settings = Settings()
    own = embedded(settings, {})
    listening = choose(dict.fromkeys(own.wanted_ports({}, settings), 0))
    settled = settle(settings, home, own, listening)
    words = [word for part in parts(settled, home, own, listening) for word in part.command]
    secrets = [home.secret(name) for name in ("postgres", "clickhouse", "clickhouse-reader")]
    assert not [word for word in words for secret in secrets if secret in word]


def test_chosen_parts_wait_only_for_each_other(home: Home) -> None:
    settings = Settings()
    own = embedded(settings, {})
    listening = choose(dict.fromkeys(own.wanted_ports({}, settings), 0))
    everything = parts(settle(settings, home, own, listening), home, own, listening)
    chosen: dict[str, Any] = {part.name: part.after for part in only(everything, ["api", "prepare", "clickhouse"])}
    assert chosen == {"clickhouse": frozenset(), "prepare": {"clickhouse"}, "api": {"prepare"}}


def test_the_ports_asked_for_win_over_settings_and_defaults() -> None:
    settings = msgspec.structs.replace(Settings(), reports_service_port=9999)
    wanted = embedded(settings, {}).wanted_ports({"dagster": 3333, "code": 0, "api": None}, settings)
    assert wanted == {"api": 9999, "dagster": 3333, "postgres": 15432, "clickhouse": 19000, "code": 0}


def test_a_clickhouse_on_path_is_used_instead_of_the_engine(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "clickhouse"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    part = clickhouse.part(home, 19999, ["reports"])
    assert part.prepare is not None
    part.prepare()

    config = ElementTree.parse(home.clickhouse / "config.xml").getroot()  # noqa: S314 - we wrote it
    assert list(part.command) == [str(program), "server", f"--config-file={home.clickhouse / 'config.xml'}"]
    assert (config.findtext("tcp_port"), config.findtext("listen_host")) == ("19999", "127.0.0.1")
    assert config.findtext("users_config") == str(home.clickhouse / "users.xml")
