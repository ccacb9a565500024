"""Dagster's role owns its history, and reaches nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import dagster as dg
import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from resources import dagster_role
from resources.errors import SourceError
from resources.settings import Settings
from stack import pooled_storage
from stack.child import ROOT
from tests.engines import PostgresServer, home_folder
from tests.stack.deployment import Deployment

PASSWORD = "made-up-for-this-test"


@pytest.fixture(scope="module")
def administered(fresh_settings: Callable[[], Settings], postgres: PostgresServer) -> Settings:
    """Sources, and the address of a database for Dagster on the same server, after the grants were applied twice."""
    settings = msgspec.structs.replace(fresh_settings(), dagster_database_url=postgres.url("history"))
    with home_folder() as folder:
        for _ in range(2):
            said = Deployment(settings, folder).succeed("grants", "--apply")
    assert said[-1][:6] == ["DAGSTER_DATABASE_URL:", "reports_dagster", "owns", "the", "database", "history,"]
    with psycopg.connect(postgres.url()) as owner:
        owner.execute(f"ALTER ROLE {dagster_role.ROLE} LOGIN PASSWORD '{PASSWORD}'".encode())
    return settings


@pytest.fixture(scope="module")
def as_dagster(administered: Settings, postgres: PostgresServer) -> Settings:
    """The same settings, with Dagster's role."""
    url = f"postgresql://{dagster_role.ROLE}:{PASSWORD}@127.0.0.1:{postgres.port}/history"
    return msgspec.structs.replace(administered, dagster_database_url=url)


def test_dagster_keeps_its_history_as_the_role(
    as_dagster: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_DATABASE_URL", as_dagster.dagster_database_url)
    copyfile(ROOT / "stack" / "dagster.yaml", tmp_path / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("chips", ["one"])
        assert instance.get_dynamic_partitions("chips") == ["one"]
    pooled_storage._engine.cache_clear()


@pytest.mark.parametrize(
    ("source", "attempt"),
    [
        ("crm_database_url", "SELECT name FROM crm.customers"),
        ("crm_database_url", "SELECT action FROM audit.events"),
        ("telemetry_database_url", "SELECT count(*) FROM telemetry.raw_telemetry"),
        ("telemetry_database_url", "DELETE FROM telemetry.raw_telemetry"),
        ("", "CREATE DATABASE another"),
        ("", "CREATE ROLE another"),
        ("", "DROP DATABASE crm_1"),
        ("", "GRANT reports_crm TO reports_dagster"),
        ("", "SELECT pg_read_file('PG_VERSION')"),
        ("", "COPY (SELECT 1) TO PROGRAM 'true'"),
    ],
)
def test_the_role_reaches_nothing_else(as_dagster: Settings, source: str, attempt: str) -> None:
    url = as_dagster.dagster_database_url
    if source:
        there = psycopg.conninfo.conninfo_to_dict(getattr(as_dagster, source))["dbname"]
        url = make_conninfo(url, dbname=there)
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(attempt.encode())


def test_nobody_else_is_let_into_the_history(administered: Settings, postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url()) as owner:
        owner.execute(f"CREATE ROLE history_visitor LOGIN PASSWORD '{PASSWORD}'".encode())
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(make_conninfo(administered.dagster_database_url, user="history_visitor", password=PASSWORD))
    finally:
        with psycopg.connect(postgres.url()) as owner:
            owner.execute("DROP ROLE history_visitor")


def test_the_command_prints_what_it_applies_and_no_password(administered: Settings) -> None:
    with home_folder() as folder:
        printed = Deployment(administered, folder)("grants").said
    assert all(f"{statement};\n" in printed for statement in dagster_role.statements("history"))
    assert "PASSWORD" not in printed.upper()


def test_somebody_else_s_database_is_not_given_away(administered: Settings) -> None:
    settings = msgspec.structs.replace(administered, dagster_database_url=administered.crm_database_url)
    with home_folder() as folder:
        refused = Deployment(settings, folder)("grants", "--apply")
    assert (refused.code, refused.trouble[:50]) == (1, "The database of DAGSTER_DATABASE_URL is postgres's")
    with pytest.raises(SourceError, match="is no address"):
        dagster_role.database_of("nonsense")


def judged(settings: Settings) -> tuple[str, str]:
    with home_folder() as folder:
        checks = json.loads(Deployment(settings, folder)("doctor", "--json").said)["checks"]
    return next((each["state"], each["said"]) for each in checks if each["check"] == "Dagster: role")


def test_the_doctor_warns_of_a_role_that_reaches_a_source(as_dagster: Settings, administered: Settings) -> None:
    assert judged(as_dagster) == ("ok", "")
    assert "more than the owner of its database: SUPERUSER." in judged(administered)[1]
    shared = msgspec.structs.replace(administered, dagster_database_url=administered.crm_database_url)
    assert judged(shared)[1].count("names the database of CRM_DATABASE_URL.") == 1
    with psycopg.connect(administered.crm_database_url) as owner:
        owner.execute(f"GRANT USAGE ON SCHEMA crm TO {dagster_role.ROLE}".encode())
        owner.execute(f"GRANT SELECT (name) ON crm.customers TO {dagster_role.ROLE}".encode())
    state, said = judged(as_dagster)
    assert (state, said.partition(" Give ")[0]) == (
        "warning",
        "The role of DAGSTER_DATABASE_URL may read customers of CRM_DATABASE_URL.",
    )
