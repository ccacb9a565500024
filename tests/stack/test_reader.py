"""The account that the API reads with can do that, within limits, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_driver
import msgspec
import pytest
from clickhouse_driver.errors import ErrorCodes, ServerException

from resources.errors import WarehouseError, WarehouseUnavailable
from resources.migrations import migrate
from resources.reader import COLUMNS, FILE_LIMITS, FIXED, FREE, LIMITS, as_reader, grants
from resources.settings import Settings
from resources.sql import statement
from resources.warehouse import Warehouse
from stack.child import ROOT
from stack.hello import AUTHENTICATION_FAILED
from tests.engines import ClickHouseServer, clickhouse_server, home_folder

DATABASE = "reports"
SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED = 452, 497
"""The driver has no names for these."""
DUMMIES = {
    "UInt64": 1,
    "UInt32": 1,
    "String": "x",
    "Date": "2026-03-01",
    "UUID": "11111111-1111-4111-8111-111111111111",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouseServer]:
    """A server as `reports up` starts it, with the tables that `reports up` makes."""
    with home_folder() as folder, clickhouse_server(folder, [DATABASE]) as started:
        migrate(settings_of(started))
        yield started


@pytest.fixture
def reader(server: ClickHouseServer) -> Iterator[clickhouse_driver.Client]:
    with client_of(server) as client:
        yield client


def settings_of(server: ClickHouseServer) -> Settings:
    return Settings(
        clickhouse_port=server.port,
        clickhouse_user=server.user,
        clickhouse_password=server.password,
        clickhouse_reader_user=server.reader.user,
        clickhouse_reader_password=server.reader.password,
        clickhouse_database=DATABASE,
        reports_retention_days=0,
    )


def client_of(server: ClickHouseServer, **changes: Any) -> clickhouse_driver.Client:
    login = server.login() | {"user": server.reader.user, "password": server.reader.password, "database": DATABASE}
    return clickhouse_driver.Client(**login | changes)


def refused(client: clickhouse_driver.Client, question: str, **settings: Any) -> int:
    """The number of the error with which the server refuses; 0 where it does not."""
    try:
        client.execute(question, settings=settings or None)
    except ServerException as error:
        return int(error.code)
    return 0


def questions() -> set[str]:
    """Statements that the API names, and those that modules name which it imports from resources."""
    sources = list((ROOT / "api").rglob("*.py"))
    found = {module for source in sources for module in _imported(source)}
    # The writer of the tables is imported by nobody here; the warehouse names no statement of its own.
    sources += [path for name in found if (path := ROOT / "resources" / f"{name}.py").exists()]
    return {name for source in sources for name in re.findall(r'"(reads/\w+)"', source.read_text(encoding="utf-8"))}


def _imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "resources":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resources."):
            yield str(node.module).partition(".")[2]


def statement_name(table: str) -> str:
    """The statement that makes a table or view."""
    [path] = (ROOT / "sql/tables").glob(f"[0-9][0-9][0-9][0-9]_{table}.sql")
    return f"tables/{path.stem}"


def dummies(text: str) -> dict[str, Any]:
    """Values that fit the parameters of a statement."""
    found: dict[str, Any] = {}
    for name, kind in re.findall(r"\{(\w+):([^}]+)\}", text):
        plain = kind.partition("(")[0]
        found[name] = [] if plain == "Array" else DUMMIES.get(plain, "2026-03-01 00:00:00")
    return found


@pytest.mark.parametrize("name", sorted(questions()))
def test_whatever_the_api_asks_the_reader_may_ask(server: ClickHouseServer, name: str) -> None:
    with Warehouse(as_reader(settings_of(server))) as warehouse:
        # It raises where it may not.
        assert isinstance(warehouse.rows(name, **dummies(statement(name).text)), list)


def test_the_reader_may_read_nothing_that_the_api_does_not_ask_for() -> None:
    views = [name for name in map(statement_name, COLUMNS) if "CREATE OR REPLACE VIEW" in statement(name).text]
    texts = [re.sub(r"--.*", "", statement(name).text) for name in (*questions(), *views)]
    words = [set(re.findall(r"\w+", text)) for text in texts]
    asked = {(table, column) for table in COLUMNS for known in words if table in known for column in known}
    # The view is made of all columns of its table.
    asked |= {("publications", column) for table, column in asked if table == "current_builds"}
    granted = {(table, column) for table, columns in COLUMNS.items() for column in columns}
    assert granted - asked == set()


@pytest.mark.parametrize(
    "question",
    [
        "INSERT INTO publications (mart) VALUES",
        "INSERT INTO publications (mart) SELECT 'x'",
        "ALTER TABLE publications DELETE WHERE 1",
        "ALTER TABLE publications ADD COLUMN x UInt8",
        "DELETE FROM publications WHERE 1",
        "TRUNCATE TABLE publications",
        "OPTIMIZE TABLE publications",
        "DROP TABLE publications",
        "DROP DATABASE reports",
        "RENAME TABLE publications TO x",
        "CREATE TABLE x (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE x (a UInt8)",
        "CREATE VIEW x AS SELECT 1",
        "CREATE DATABASE x",
        "CREATE FUNCTION x AS (a) -> a",
        "CREATE USER x",
        "GRANT SELECT ON *.* TO reports_reader",
        "SYSTEM FLUSH LOGS",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "BACKUP TABLE publications TO File('x')",
    ],
)
def test_it_changes_nothing(reader: clickhouse_driver.Client, question: str) -> None:
    assert refused(reader, question) in {ACCESS_DENIED, ErrorCodes.READONLY}


@pytest.mark.parametrize(
    "question",
    [
        "SELECT phone FROM crm_customers_builds",
        "SELECT * FROM crm_customers_builds",
        "SELECT user_id FROM crm_customers_builds WHERE address = 'x'",
        "SELECT email FROM crm_customers",
        "SELECT 1 FROM crm_customers_builds ORDER BY phone",
        "SELECT c.user_id FROM crm_customers_builds AS c INNER JOIN crm_customers_builds AS d ON c.phone = d.phone",
        "WITH (SELECT max(phone) FROM crm_customers_builds) AS found SELECT found",
        "SELECT * FROM prosthesis_owners",
        "SELECT * FROM prosthesis_owners_builds",
        "SELECT * FROM quarantine",
        "SELECT * FROM quarantine_builds",
        "SELECT * FROM departed_chips",
        "SELECT * FROM telemetry_events",
        "SELECT * FROM source_servers",
        "SELECT * FROM arrival_states",
        "SELECT * FROM merge('reports', '.*')",
        "SELECT query FROM system.processes",
        "SELECT query FROM system.query_log",
        "SELECT * FROM system.users",
        "SELECT * FROM system.parts",
        "SELECT * FROM system.disks",
        "SELECT path FROM system.disks",
        "SELECT * FROM system.clusters",
        "SELECT * FROM system.build_options",
        "SELECT * FROM information_schema.tables",
        "SHOW PROCESSLIST",
        "SHOW CREATE TABLE publications",
        "DESCRIBE TABLE crm_customers_builds",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT * FROM file('/etc/hostname', 'CSV', 'a String')",
        "SELECT * FROM remote('127.0.0.1:1', 'reports', 'publications')",
        "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
        "SELECT * FROM executable('id', 'CSV', 'a String')",
        "SELECT * FROM system.numbers",
    ],
)
@pytest.mark.parametrize("analyzer", [0, 1])
def test_it_reads_nothing_else_and_reaches_nobody_else(
    reader: clickhouse_driver.Client, question: str, analyzer: int
) -> None:
    unknown = {ErrorCodes.UNKNOWN_TABLE} if "query_log" in question else set()
    assert refused(reader, question, enable_analyzer=analyzer) in {ACCESS_DENIED, ErrorCodes.READONLY} | unknown


def test_it_sees_no_other_tables_in_the_server_s_own_lists(reader: clickhouse_driver.Client) -> None:
    assert reader.execute("SELECT DISTINCT database FROM system.tables WHERE database != 'system'") == [(DATABASE,)]
    assert {name for (name,) in reader.execute("SHOW TABLES")} == set(COLUMNS)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_limit_is_raised_only_as_far_as_files_need_it(reader: clickhouse_driver.Client, name: str) -> None:
    most = LIMITS[name].most
    # No number of threads is as many as there are processors, which is held against the limit as any other.
    values = (most, most + 1) if name == "max_threads" else (most, most + 1, 0)
    asked = {value: refused(reader, "SELECT 1", **{name: value}) for value in values}
    assert asked == {value: 0 if value == most else SETTING_CONSTRAINT_VIOLATION for value in values}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 2) for name in FIXED),
        ("allow_ddl", 0),
        ("log_queries", 0),
        ("max_bytes_to_read", 1),
        ("max_ast_depth", 1),
    ],
)
def test_other_settings_are_not_to_be_changed(reader: clickhouse_driver.Client, name: str, value: int) -> None:
    assert refused(reader, "SELECT 1", **{name: value}) == ErrorCodes.READONLY
    assert refused(reader, f"SET {name} = {value}") == ErrorCodes.READONLY


@pytest.mark.parametrize("name", FREE)
def test_what_statements_choose_for_themselves_they_may(reader: clickhouse_driver.Client, name: str) -> None:
    assert refused(reader, "SELECT 1", **{name: 1}) == 0


@pytest.mark.parametrize(
    ("question", "limits", "error"),
    [
        ("SELECT sleepEachRow(0.5) FROM numbers(1000)", {"max_execution_time": 1}, ErrorCodes.TOO_SLOW),
        ("SELECT sum(number) FROM numbers(100000000000)", {}, ErrorCodes.TOO_MANY_ROWS),
        ("SELECT number FROM numbers(2000000)", {}, ErrorCodes.TOO_MANY_ROWS_OR_BYTES),
        (
            "SELECT groupArray(repeat('x', 1000)) FROM numbers(1000000)",
            {},
            ErrorCodes.MEMORY_LIMIT_EXCEEDED,
        ),
    ],
    ids=["time", "rows read", "rows answered", "memory"],
)
def test_what_takes_too_much_is_ended(
    reader: clickhouse_driver.Client, question: str, limits: dict[str, int], error: int
) -> None:
    assert refused(reader, question, **limits) == error


@pytest.mark.parametrize(
    ("name", "limits", "raised"),
    [
        ("reads/slow", {"max_execution_time": 1}, WarehouseUnavailable),
        ("reads/hungry", {}, WarehouseUnavailable),
        ("reads/long", {}, WarehouseError),
    ],
)
def test_a_question_that_takes_too_much_is_an_error_that_a_caller_can_be_told_of(
    server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch, name: str, limits: dict[str, int], raised: type
) -> None:
    texts = {
        "reads/slow": "SELECT sleepEachRow(0.5) FROM numbers(1000)",
        "reads/hungry": "SELECT groupArray(repeat('x', 1000)) FROM numbers(1000000)",
        "reads/long": "SELECT sum(number) FROM numbers(100000000000)",
    }
    made = msgspec.structs.replace(statement("reads/alive"), name=name, text=texts[name])
    monkeypatch.setattr("resources.warehouse.statement", lambda _: made)
    with Warehouse(as_reader(settings_of(server)), limits=limits) as warehouse:
        with pytest.raises(WarehouseError) as error:
            warehouse.rows(name)
        assert type(error.value) is raised
        made = statement("reads/alive")
        assert warehouse.rows("reads/alive") == [(1,)]


def test_a_million_rows_stream_through_it(server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "SELECT number, toString(number) FROM numbers(3000000) ORDER BY number"
    made = msgspec.structs.replace(statement("reads/alive"), text=text)
    monkeypatch.setattr("resources.warehouse.statement", lambda _: made)
    with Warehouse(as_reader(settings_of(server)), limits=FILE_LIMITS) as warehouse:
        assert sum(1 for _ in warehouse.stream("reads/alive")) == 3_000_000


def test_a_wrong_password_of_the_reader_is_refused(server: ClickHouseServer) -> None:
    with client_of(server, password=server.password) as client:
        assert refused(client, "SELECT 1") == AUTHENTICATION_FAILED


def test_docs_have_the_account_as_it_is_made(server: ClickHouseServer) -> None:
    page = (ROOT / "docs" / "reader.md").read_text(encoding="utf-8")
    block = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)[0]
    statements = [" ".join(text.split()) for text in block.split(";") if text.strip()]
    settings = [f"{name} = {value}" for name, value in FIXED.items()]
    for name, limit in LIMITS.items():
        settings.append(f"{name} = {limit.value} MIN 1 MAX {limit.most} CHANGEABLE_IN_READONLY")
    settings += [f"{name} CHANGEABLE_IN_READONLY" for name in FREE]
    assert statements == [
        "CREATE SETTINGS PROFILE reports_reader SETTINGS " + ", ".join(settings),
        "CREATE USER reports_reader IDENTIFIED WITH sha256_password BY '…' SETTINGS PROFILE reports_reader",
        *(f"{grant} TO reports_reader" for grant in grants(DATABASE)),
    ]
    with clickhouse_driver.Client(**server.login()) as client:
        for text in statements:
            # The embedded server takes accounts from its configuration only, but it knows the grammar.
            assert client.execute("SELECT length(formatQuery(%(text)s)) > 0", {"text": text}) == [(1,)]
