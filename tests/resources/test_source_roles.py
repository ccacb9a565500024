"""Whoever is given the roles of the sources can do all that the system does there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from resources import accounts, arrivals, source_roles
from resources.contract import CONTRACT, check
from resources.settings import Settings
from resources.source import bounded
from resources.sql import ROOT, statement
from resources.warehouse import Warehouse
from stack import refresh_views
from stack.seed import seed
from tests.engines import ClickHouseServer, home_folder
from tests.stack.deployment import Deployment

CRM, TELEMETRY = "roles_crm_login", "roles_telemetry_login"
PASSWORD = "made-up-for-this-test"
GIVEN = {CRM: "reports_crm, reports_audit", TELEMETRY: "reports_telemetry"}
"""Who logs in as which, and the roles that they were given."""
EARLY, LATE = datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)
BOUNDS = {"since": EARLY, "until": LATE, "first_day": EARLY}
PARAMETERS: dict[str, tuple[object, ...]] = {
    "arrivals_fingerprints": ([EARLY], EARLY, LATE),
    "arrivals_in_gaps": ([1], [9], 9, EARLY),
    "arrivals_new": (0, 9, EARLY),
    "columns": ("raw_telemetry",),
    "session": ("telemetry",),
}
OF_THE_CRM = {"audit_activity", "audit_fingerprints", "customers", "deal_pipeline", "prosthesis_owners"}


@pytest.fixture(scope="module")
def owners(fresh_settings: Callable[[], Settings]) -> Iterator[Settings]:
    """Seeded sources and the settings of their owner, after the roles were applied and given to two logins."""
    settings = fresh_settings()
    urls = settings.crm_database_url, settings.telemetry_database_url
    now = datetime(2026, 4, 1, tzinfo=UTC)
    seed(*urls, customers=4, days=2, events_per_day=60, seed=1, last_day=date(2026, 2, 3), now=now)
    apply(settings)
    with psycopg.connect(settings.crm_database_url) as owner:
        owner.execute("CREATE TABLE crm.invoices (id bigint)")
        for login, roles in GIVEN.items():
            owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}' IN ROLE {roles}".encode())
    yield settings
    with psycopg.connect(settings.crm_database_url) as owner:
        for login in GIVEN:
            owner.execute(f"DROP ROLE {login}".encode())


@pytest.fixture(scope="module")
def given(owners: Settings) -> Settings:
    """The same settings, with the logins that were given the roles."""
    return msgspec.structs.replace(
        owners,
        crm_database_url=make_conninfo(owners.crm_database_url, user=CRM, password=PASSWORD),
        telemetry_database_url=make_conninfo(owners.telemetry_database_url, user=TELEMETRY, password=PASSWORD),
    )


def apply(settings: Settings) -> None:
    for variable, wanted in source_roles.statements(settings).items():
        source_roles.apply(getattr(settings, variable.lower()), wanted)


@contextmanager
def session(url: str, schema: str) -> Iterator[psycopg.Connection]:
    """A transaction in which names are looked up as they are when a mart is read; nothing of it stays."""
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute(statement("sources/session").text.encode(), (schema,))
        yield connection
        connection.rollback()


def rights(settings: Settings) -> list[tuple[object, ...]]:
    """Every column that a role of ours may read or change, in both databases."""
    found: list[tuple[object, ...]] = []
    for url in (settings.crm_database_url, settings.telemetry_database_url):
        with psycopg.connect(url) as owner:
            found += owner.execute(
                "SELECT grantee, table_schema, table_name, column_name, privilege_type"
                " FROM information_schema.column_privileges WHERE grantee LIKE 'reports\\_%' ORDER BY 1, 2, 3, 4, 5"
            ).fetchall()
    return found


def test_the_columns_of_the_contract_are_granted_and_no_others(owners: Settings) -> None:
    granted = {(table, column, right) for _, _, table, column, right in rights(owners)}
    assert granted == {(table, column, "SELECT") for table, columns in CONTRACT.items() for column in columns}


def test_applying_again_changes_nothing_and_takes_back_what_is_not_needed(owners: Settings) -> None:
    before = rights(owners)
    with psycopg.connect(owners.crm_database_url) as owner:
        owner.execute(
            "GRANT SELECT, INSERT ON crm.invoices TO reports_crm; GRANT UPDATE (age) ON crm.customers TO reports_crm"
        )
    assert rights(owners) != before
    apply(owners)
    assert rights(owners) == before
    apply(owners)
    assert rights(owners) == before


def test_nobody_logs_in_as_a_role(owners: Settings) -> None:
    with psycopg.connect(owners.crm_database_url) as owner:
        found = owner.execute(
            "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname = ANY(%s) ORDER BY rolname",
            [[role.name for role in source_roles.ROLES]],
        ).fetchall()
    assert found == [(name, False, False, False, False) for name in sorted(role.name for role in source_roles.ROLES)]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "sources").glob("*.sql")))
def test_every_statement_that_reads_a_source_may_be_asked(given: Settings, name: str) -> None:
    is_audit, is_crm = name.startswith("audit"), name in OF_THE_CRM
    url = given.crm_database_url if is_crm else given.telemetry_database_url
    with session(url, "audit" if is_audit else "crm" if is_crm else "telemetry") as connection:
        if name == "snapshot":
            connection.rollback()
        cursor = connection.execute(bounded(f"sources/{name}", **BOUNDS).encode(), PARAMETERS.get(name, ()))
        if name not in {"snapshot", "commit"}:
            # Demo data has something for each of them.
            assert cursor.fetchall() or name == "arrivals_running"


def test_the_contract_holds_for_the_roles(given: Settings) -> None:
    for role in source_roles.ROLES:
        url = getattr(given, role.variable.lower())
        with session(url, getattr(given, role.schema)) as connection:
            for table in role.tables:
                assert check(table, connection.execute(statement("sources/columns").text.encode(), (table,))) == []


def test_all_marts_are_built_noticed_and_compared_with_the_roles(given: Settings, clickhouse: ClickHouseServer) -> None:
    with home_folder() as folder:
        deployment = Deployment(given, folder)
        deployment.succeed("migrate")
        figures = dict(zip(*deployment.succeed("import")[-2:], strict=True))
        assert (figures["customers"], figures["days"]) == ("4", "2")
        deployment.succeed(entry=refresh_views.main)
        verified = deployment.succeed("verify", "--from=2026-02-02", "--to=2026-02-03")
        assert " ".join(verified[-1]).endswith("nothing differs.")
        with arrivals.connect(given) as source, Warehouse(given) as warehouse:
            tick = arrivals.tick(source, warehouse, given)
        assert (tick.rows_read, tick.breaches) == (120, ())
    clickhouse.drop(given.clickhouse_database)


EVERYWHERE = [
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT passwd FROM pg_shadow",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/never'",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "CREATE ROLE another",
    "CREATE SCHEMA another",
    "CREATE TABLE public.another (id bigint)",
    "CREATE DATABASE another",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET log_statement = 'none'",
    "ALTER ROLE reports_crm LOGIN",
    "GRANT reports_crm TO postgres",
]


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT * FROM crm.deals",
        "SELECT customer_id FROM crm.deals",
        "SELECT status FROM crm.deals WHERE customer_id = 1",
        "SELECT payload FROM audit.events",
        "SELECT entity_id FROM audit.events",
        "SELECT * FROM audit.events",
        "SELECT count(*) FROM crm.invoices",
        "SELECT count(*) FROM telemetry.raw_telemetry",
        "SELECT user_id FROM crm.customers FOR UPDATE",
        "INSERT INTO crm.customers (user_id) VALUES (99)",
        "INSERT INTO audit.events (actor) VALUES ('x')",
        "UPDATE crm.customers SET age = 1",
        "UPDATE crm.deals SET status = 'x'",
        "DELETE FROM crm.prostheses",
        "DELETE FROM audit.events",
        "TRUNCATE crm.deals",
        "BEGIN; LOCK TABLE crm.customers IN ACCESS EXCLUSIVE MODE",
        "DROP TABLE crm.customers",
        "ALTER TABLE crm.customers ADD COLUMN x bigint",
        "CREATE TABLE crm.another (id bigint)",
        "CREATE VIEW audit.another AS SELECT 1",
        "CREATE INDEX ON crm.customers (age)",
        "COPY crm.customers FROM PROGRAM 'id'",
        "COPY crm.deals TO STDOUT",
        "SELECT nextval('crm.deals_id_seq')",
        *EVERYWHERE,
    ],
)
def test_of_the_crm_and_the_audit_trail_nothing_else_may_be_done(given: Settings, attempt: str) -> None:
    refused(given.crm_database_url, attempt)


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT user_id FROM crm.customers",
        "SELECT actor FROM audit.events",
        "INSERT INTO telemetry.raw_telemetry (chip_id) VALUES ('x')",
        "UPDATE telemetry.raw_telemetry SET error_code = 0",
        "DELETE FROM telemetry.raw_telemetry",
        "TRUNCATE telemetry.raw_telemetry",
        "SELECT nextval('telemetry.raw_telemetry_id_seq')",
        "SELECT setval('telemetry.raw_telemetry_id_seq', 1)",
        "ALTER SEQUENCE telemetry.raw_telemetry_id_seq CACHE 10",
        "BEGIN; LOCK TABLE telemetry.raw_telemetry IN SHARE MODE",
        "DROP INDEX telemetry.raw_telemetry_event_time",
        "CREATE TABLE telemetry.another (id bigint)",
        *EVERYWHERE,
    ],
)
def test_of_the_telemetry_nothing_else_may_be_done(given: Settings, attempt: str) -> None:
    refused(given.telemetry_database_url, attempt)


def refused(url: str, attempt: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(attempt.encode())


def test_the_command_prints_what_it_applies_and_no_password(owners: Settings) -> None:
    with home_folder() as folder:
        deployment = Deployment(owners, folder)
        printed = deployment("grants")
        assert printed.code == 0
        for variable, wanted in source_roles.statements(owners).items():
            assert f"-- PostgreSQL of {variable}, as the owner of its tables:" in printed.said
            assert all(f"{each};\n" in printed.said for each in wanted)
        assert all(f"{each};\n" in printed.said for each in accounts.statements(owners.clickhouse_database))
        assert "PASSWORD" not in printed.said.upper()
        before = rights(owners)
        [crm, telemetry, *_] = deployment.succeed("grants", "--apply")
        assert (crm[0], telemetry[0]) == ("CRM_DATABASE_URL:", "TELEMETRY_DATABASE_URL:")
        assert rights(owners) == before


def test_what_may_not_be_applied_says_what_is_needed(given: Settings) -> None:
    with home_folder() as folder:
        said = Deployment(given, folder).refused("grants", "--apply")
    assert "refused a statement (SQLSTATE 42501), and nothing of them was done there." in said
