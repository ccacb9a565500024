"""Migrator, loader and analyst at the warehouse: each can do what it is for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_driver
import msgspec
import psycopg
import pytest
from clickhouse_driver.errors import ErrorCodes, ServerException

from assets.collection import collect
from resources import accounts, arrivals
from resources.errors import WarehouseError
from resources.migrations import differences, migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import clickhouse, refresh_views
from stack.home import Home
from stack.seed import seed
from tests.engines import ClickHouseServer, Sources, clickhouse_server, home_folder
from tests.stack.deployment import Deployment

DATABASE = "reports"
ACCESS_DENIED = 497
"""The driver has no name for it."""
DENIED = {ACCESS_DENIED, ErrorCodes.READONLY}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with home_folder() as made:
        yield made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ClickHouseServer]:
    """A server as `reports up` starts it."""
    with clickhouse_server(folder, [DATABASE]) as started:
        yield started


@pytest.fixture(scope="module")
def sources(fresh_sources: Callable[[], Sources]) -> Sources:
    """Demo data of two days."""
    made = fresh_sources()
    now = datetime(2026, 4, 1, tzinfo=UTC)
    seed(
        made.crm_url,
        made.telemetry_url,
        customers=4,
        days=2,
        events_per_day=60,
        seed=1,
        last_day=date(2026, 2, 3),
        now=now,
    )
    return made


@pytest.fixture(scope="module")
def as_account(server: ClickHouseServer, folder: Path, sources: Sources) -> Callable[[str], Settings]:
    """Settings that name one of the accounts."""

    def settings(user: str) -> Settings:
        login = clickhouse.other_account(Home(folder), user)
        return Settings(
            crm_database_url=sources.crm_url,
            telemetry_database_url=sources.telemetry_url,
            clickhouse_host="127.0.0.1",
            clickhouse_port=server.port,
            clickhouse_user=login.user,
            clickhouse_password=login.password,
            clickhouse_database=DATABASE,
            reports_retention_days=0,
        )

    return settings


@pytest.fixture(scope="module")
def migrated(as_account: Callable[[str], Settings]) -> list[str]:
    """What the migrator did with an empty server, and with one whose rows are to go some day."""
    migrator = as_account("reports_migrator")
    done = migrate(migrator)
    done += migrate(msgspec.structs.replace(migrator, reports_retention_days=36_500))
    return done + migrate(migrator)


@pytest.fixture(scope="module")
def loaded(as_account: Callable[[str], Settings], migrated: list[str]) -> Deployment:  # noqa: ARG001 - the tables
    """The marts, built by the loader."""
    with home_folder() as home:
        deployment = Deployment(as_account("reports_loader"), home)
        deployment.succeed("import")
        deployment.succeed(entry=refresh_views.main)
    return deployment


def client(settings: Settings) -> clickhouse_driver.Client:
    return clickhouse_driver.Client(
        "127.0.0.1", settings.clickhouse_port, DATABASE, settings.clickhouse_user, settings.clickhouse_password
    )


def refused(settings: Settings, question: str, **limits: Any) -> int:
    """The number of the error with which the server refuses; 0 where it does not."""
    with client(settings) as connection:
        try:
            connection.execute(question, settings=limits or None)
        except ServerException as error:
            return int(error.code)
    return 0


def test_the_migrator_makes_and_changes_all_tables(migrated: list[str], as_account: Callable[[str], Settings]) -> None:
    assert "Created analyst_user_daily_reports." in migrated
    assert "Rows of user_daily_reports_builds now go 36502 days after their day." in migrated
    assert "Rows of user_daily_reports_builds now stay." in migrated
    assert differences(as_account("reports_migrator")) == []


def test_the_loader_builds_compares_and_removes(loaded: Deployment) -> None:
    settings = loaded.settings
    assert differences(settings) == []
    assert " ".join(loaded.succeed("verify", "--from=2026-02-02", "--to=2026-02-03")[-1]).endswith("nothing differs.")
    with arrivals.connect(settings) as source, Warehouse(settings) as warehouse:
        assert arrivals.tick(source, warehouse, settings).rows_read == 120
        collect(warehouse, timedelta())
    with psycopg.connect(settings.crm_database_url) as crm:
        crm.execute("DELETE FROM crm.deals WHERE customer_id = 4")
        crm.execute("DELETE FROM crm.prostheses WHERE customer_id = 4")
        crm.execute("DELETE FROM crm.customers WHERE user_id = 4")
    receipt = loaded("erase", "4")
    assert (receipt.code, receipt.trouble) == (0, "")
    assert "the files that had them leave the disk by 2" in receipt.said


EVERYWHERE = [
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM file('/etc/hostname', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', 'reports', 'publications')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
    "INSERT INTO FUNCTION file('/tmp/never', 'CSV', 'a String') SELECT 'x'",
    "SELECT query FROM system.processes",
    "SELECT * FROM system.users",
    "SELECT * FROM system.clusters",
    "CREATE DATABASE another",
    "CREATE TABLE default.another (a UInt8) ENGINE = Memory",
    "DROP DATABASE reports",
    "CREATE FUNCTION another AS (a) -> a",
    "CREATE USER another",
    "GRANT SELECT ON *.* TO reports_analyst",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE publications TO File('x')",
]
OF_THE_LOADER = [
    "DROP TABLE publications",
    "DROP TABLE user_daily_reports_builds",
    "DROP VIEW user_daily_reports",
    "TRUNCATE TABLE publications",
    "RENAME TABLE publications TO another",
    "CREATE TABLE another (a UInt8) ENGINE = Memory",
    "CREATE VIEW another AS SELECT 1",
    "CREATE OR REPLACE VIEW analyst_deal_pipeline AS SELECT * FROM crm_customers",
    "ALTER TABLE publications ADD COLUMN a UInt8",
    "ALTER TABLE publications DROP COLUMN run_id",
    "ALTER TABLE publications MODIFY TTL published_at",
    *EVERYWHERE,
]
OF_THE_ANALYST = [
    "SELECT latitude FROM analyst_telemetry_events",
    "SELECT chip_id FROM analyst_user_daily_reports",
    "SELECT name FROM crm_customers",
    "SELECT email FROM crm_customers_by_number",
    "SELECT * FROM crm_customers_builds",
    "SELECT user_id FROM user_daily_reports",
    "SELECT user_id FROM user_daily_reports_builds",
    "SELECT latitude FROM telemetry_events",
    "SELECT * FROM quarantine",
    "SELECT * FROM prosthesis_owners",
    "SELECT * FROM publications",
    "SELECT * FROM executable('id', 'CSV', 'a String')",
    "ALTER TABLE user_daily_reports_builds DROP PARTITION '202602'",
    "INSERT INTO publications (mart) SELECT 'x'",
    "ALTER TABLE publications DELETE WHERE 1",
    "CREATE TEMPORARY TABLE another (a UInt8)",
    "SHOW CREATE TABLE user_daily_reports",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.disks",
    *OF_THE_LOADER,
]


@pytest.mark.parametrize("question", EVERYWHERE)
def test_the_migrator_reaches_nothing_else(
    as_account: Callable[[str], Settings], loaded: Deployment, question: str
) -> None:
    assert loaded.settings.clickhouse_database == DATABASE
    assert refused(as_account("reports_migrator"), question) in DENIED


@pytest.mark.parametrize("question", OF_THE_LOADER)
def test_the_loader_drops_and_reshapes_nothing(loaded: Deployment, question: str) -> None:
    assert refused(loaded.settings, question) in DENIED


@pytest.mark.parametrize("question", OF_THE_ANALYST)
def test_the_analyst_reads_nothing_else(
    as_account: Callable[[str], Settings], loaded: Deployment, question: str
) -> None:
    assert loaded.settings.clickhouse_database == DATABASE
    unknown = {ErrorCodes.UNKNOWN_IDENTIFIER} if "FROM analyst_" in question and "VIEW" not in question else set()
    assert refused(as_account("reports_analyst"), question) in DENIED | unknown


@pytest.mark.parametrize("view", accounts.ANALYST_VIEWS)
def test_the_analyst_sees_what_is_current_without_people_and_places(
    as_account: Callable[[str], Settings], loaded: Deployment, view: str
) -> None:
    mart = view.removeprefix("analyst_")
    with client(as_account("reports_analyst")) as analyst:
        [(rows,)] = analyst.execute(f"SELECT count() FROM {view}")  # noqa: S608 - our own names
        columns = {name for name, *_ in analyst.execute(f"DESCRIBE TABLE {view}")}
    assert rows > 0
    assert loaded.warehouse(f"SELECT count() FROM {mart}") == [(rows,)]  # noqa: S608 - our own names
    people = {"name", "email", "phone", "address", "country", "ldap_username", "user_uuid"}
    assert columns & (people | {"latitude", "longitude", "chip_id"}) == set()


def test_the_analyst_sees_no_other_tables_in_the_server_s_own_lists(
    as_account: Callable[[str], Settings], loaded: Deployment
) -> None:
    assert loaded.settings.clickhouse_database == DATABASE
    with client(as_account("reports_analyst")) as analyst:
        assert {name for (name,) in analyst.execute("SHOW TABLES")} == set(accounts.ANALYST_VIEWS)
        merged = {name for (name,) in analyst.execute("SELECT DISTINCT _table FROM merge('reports', '.*')")}
        assert merged <= set(accounts.ANALYST_VIEWS)


@pytest.mark.parametrize("name", [*accounts.ANALYST_SETTINGS, "max_ast_depth", "log_queries"])
def test_the_analyst_lifts_no_limit(as_account: Callable[[str], Settings], server: ClickHouseServer, name: str) -> None:
    assert server.port
    # What a setting is already may be set; no number of threads is as many as there are processors.
    value = {"readonly": 2, "max_threads": 3}.get(name, 0)
    assert refused(as_account("reports_analyst"), f"SET {name} = {value}") == ErrorCodes.READONLY
    assert refused(as_account("reports_analyst"), "SELECT 1", **{name: value}) == ErrorCodes.READONLY


def test_what_takes_the_analyst_too_much_is_ended(as_account: Callable[[str], Settings]) -> None:
    analyst = as_account("reports_analyst")
    assert refused(analyst, "SELECT sum(number) FROM numbers(100000000000)") == ErrorCodes.TOO_MANY_ROWS
    assert refused(analyst, "SELECT number FROM numbers(2000000)") == ErrorCodes.TOO_MANY_ROWS_OR_BYTES


def test_the_loader_cannot_migrate(loaded: Deployment, server: ClickHouseServer) -> None:
    with clickhouse_driver.Client(**server.login(), database=DATABASE) as owner:
        owner.execute("DROP VIEW analyst_deal_pipeline")
    with pytest.raises(WarehouseError, match="error 497"):
        migrate(loaded.settings)


def test_the_roles_are_printed_in_the_server_s_grammar(server: ClickHouseServer) -> None:
    printed = accounts.statements(DATABASE)
    assert not [statement for statement in printed if "IDENTIFIED" in statement]
    with clickhouse_driver.Client(**server.login()) as owner:
        for statement in printed:
            # The embedded server takes accounts from its configuration only, but it knows the grammar.
            assert owner.execute("SELECT length(formatQuery(%(text)s)) > 0", {"text": statement}) == [(1,)]
