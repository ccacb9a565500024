"""Checks of the sources and of Dagster's database: PostgreSQL, asked as our role, changing nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources import arrivals, contract
from resources.errors import SourceError, SourceUnavailable
from resources.settings import Settings
from resources.sql import statement
from stack.doctor.verdicts import Findings, Result, all_judged, clock, failed, judged, ok, skipped, warning
from stack.probes import PATIENCE_S

OLDEST, NEWEST = 14, 18
"""Of PostgreSQL: the first has the functions that snapshots are numbered by, the last is what the tests run on."""
_SILENT_AFTER_S = 120
"""Each of Dagster's daemons is to tell every 30 s that it lives."""
_DAEMONS = ("SENSOR", "SCHEDULER", "ASSET", "BACKFILL", "QUEUED_RUN_COORDINATOR", "MONITORING")
"""Those that marts are built by; stack/dagster.yaml turns them on."""

Connection = psycopg.Connection[tuple[Any, ...]]


class Schema(msgspec.Struct, frozen=True):
    """Tables that are read, where they are, and whether the stack keeps that server itself."""

    connection: Connection
    name: str
    tables: Sequence[str]
    is_ours: bool


class Server(msgspec.Struct, frozen=True):
    """A server that sources lie on."""

    connection: Connection
    variable: str
    is_ours: bool


def crm(settings: Settings, *, is_ours: bool) -> Iterator[Result]:
    """The CRM's database, and the audit trail in it."""
    tables = ("customers", "prostheses", "prosthesis_models", "deals")
    schemas = {"CRM": (settings.reports_crm_schema, tables), "audit": (settings.reports_audit_schema, ("events",))}
    yield from _database("CRM", settings.crm_database_url, schemas, is_ours=is_ours)


def telemetry(settings: Settings, *, is_ours: bool) -> Iterator[Result]:
    """The telemetry's database, and what noticing arrivals takes for granted of it."""
    schemas = {"telemetry": (settings.reports_telemetry_schema, ("raw_telemetry",))}
    yield from _database("telemetry", settings.telemetry_database_url, schemas, is_ours=is_ours)


def daemons(url: str) -> Iterator[Result]:
    """Dagster's own database, and whether its daemons live."""
    if not url:
        why = "DAGSTER_DATABASE_URL is not set here; ask the machine that Dagster runs on."
        yield from skipped("Dagster", ("database", "daemons"), why)
        return
    try:
        with connected(url, "DAGSTER_DATABASE_URL") as connection:
            yield Result("Dagster: database", "ok", "")
            yield judged("Dagster: daemons", lambda: _heartbeats(connection))
    except SourceError as error:
        yield Result("Dagster: database", "failed", str(error))
        yield from skipped("Dagster", ("daemons",), UNREACHED)


UNREACHED = "Not asked, because the server cannot be reached."


def _database(
    place: str, url: str, schemas: Mapping[str, tuple[str, Sequence[str]]], *, is_ours: bool
) -> Iterator[Result]:
    variable = f"{place.upper()}_DATABASE_URL"
    try:
        with connected(url, variable) as connection:
            yield Result(f"{place}: connection", "ok", "")
            yield from all_judged(place, _OF_A_SERVER, Server(connection, variable, is_ours))
            for name, (schema, tables) in schemas.items():
                yield from all_judged(name, _of(tables), Schema(connection, schema, tables, is_ours))
    except SourceError as error:
        yield Result(f"{place}: connection", "failed", str(error))
        yield from skipped(place, _OF_A_SERVER, UNREACHED)
        for name, (_, tables) in schemas.items():
            yield from skipped(name, _of(tables), UNREACHED)


@contextmanager
def connected(url: str, variable: str) -> Iterator[Connection]:
    """A connection that answers within seconds or not at all. Raises `SourceError`; the server's words name hosts."""
    try:
        given = conninfo_to_dict(url)
        patient = make_conninfo(url, connect_timeout=given.get("connect_timeout", PATIENCE_S))
    except psycopg.ProgrammingError:
        raise SourceError(f"{variable} is no address of a PostgreSQL database: postgresql://user@host/db.") from None
    if not url:
        raise SourceError(f"{variable} is not set; name the PostgreSQL database: postgresql://user@host/db.")
    try:
        connection = psycopg.connect(patient, autocommit=True, cursor_factory=psycopg.RawCursor)
    except psycopg.OperationalError as error:
        raise _unreachable(patient, variable) from error
    with connection:
        yield connection


def _unreachable(address: str, variable: str) -> SourceUnavailable:
    if pq.PGconn.ping(address.encode()) == pq.Ping.OK:
        return SourceUnavailable(
            f"The PostgreSQL of {variable} runs and does not let us in. Correct user, password and database in "
            f"{variable}, or admit this machine in the server's pg_hba.conf."
        )
    return SourceUnavailable(
        f"The PostgreSQL of {variable} does not answer. Start it, correct host and port in {variable}, or open the "
        "network between this machine and it."
    )


def _server(connection: Connection) -> tuple[int, datetime, bool, list[str]]:
    version, now, is_superuser, powers = rows(connection, "doctor/postgres_server")[0]
    return version, now, is_superuser, powers


def powers(connection: Connection) -> list[str]:
    """What the role may do beyond tables; a superuser is a member of everything."""
    _, _, is_superuser, found = _server(connection)
    return ["SUPERUSER"] if is_superuser else found


def _version(server: Server) -> Findings:
    version = _server(server.connection)[0] // 10_000
    if version < OLDEST:
        advice = f"Upgrade it to {OLDEST} or later; marts are not read from it."
        yield failed(f"{server.variable} is PostgreSQL {version}. {advice}")
    elif version > NEWEST:
        advice = f"Nothing was tried on a later one than {NEWEST}; run the tests against it."
        yield warning(f"{server.variable} is PostgreSQL {version}. {advice}")
    else:
        yield ok(f"PostgreSQL {version}")


def _clock(server: Server) -> Findings:
    before = datetime.now(UTC)
    there = _server(server.connection)[1]
    yield clock(f"the server of {server.variable}", before, there, datetime.now(UTC))


def _role(server: Server) -> Findings:
    if server.is_ours:
        yield ok("the stack's own server, and its owner")
    elif found := powers(server.connection):
        yield warning(
            f"The role of {server.variable} is more than a reader: {', '.join(found)}. "
            "Give it a role of its own as `reports grants` prints it (docs/least-privilege.md)."
        )


def _snapshot(server: Server) -> Findings:
    """The statements that begin every read of a source."""
    rows(server.connection, "sources/snapshot")
    try:
        rows(server.connection, "sources/source_seq")
    except psycopg.errors.InsufficientPrivilege:
        yield failed(
            f"The role of {server.variable} may not ask which server it reads from and how new that is. GRANT EXECUTE "
            "on pg_control_system(), pg_control_recovery(), pg_control_checkpoint() and pg_current_wal_lsn() to it."
        )
    finally:
        rows(server.connection, "sources/commit")


def _contract(schema: Schema) -> Findings:
    """Every table is tried, so that all that is wrong is told at once."""
    rows(schema.connection, "sources/session", schema.name)
    for table in schema.tables:
        try:
            unknown = contract.check(table, rows(schema.connection, "sources/columns", table))
        except SourceError as error:
            yield failed(str(error))
        else:
            yield ok(f"{table} has columns that are ignored: {', '.join(unknown)}." if unknown else "")


def _writable(schema: Schema) -> Findings:
    rows(schema.connection, "sources/session", schema.name)
    found = [name for (name,) in rows(schema.connection, "doctor/postgres_writable", list(schema.tables), schema.name)]
    if schema.is_ours:
        yield ok("the stack's own server, and its owner")
    elif found:
        yield warning(
            f"Our role may change {', '.join(found)} in the schema {schema.name}, and need not. REVOKE that, or "
            "give it a role of its own as `reports grants` prints it (docs/least-privilege.md)."
        )


def _arrivals(schema: Schema) -> Findings:
    rows(schema.connection, "sources/session", schema.name)
    found = arrivals.Contract(*rows(schema.connection, "sources/arrivals_contract")[0])
    for breach in found.breaches():
        yield warning(
            f"{breach} Marts then follow arrivals by comparing everything; docs/decisions/0013 says what to do."
        )
    newest = rows(schema.connection, "sources/arrivals_newest_id")[0][0]
    if found.has_sequence and found.last_id is None and newest is not None:
        yield warning(
            "Our role may not ask for the last number of raw_telemetry's sequence, so that deleted events look like a "
            "table begun anew, and all is read again. GRANT SELECT on the sequence to it."
        )


def _index(schema: Schema) -> Findings:
    rows(schema.connection, "sources/session", schema.name)
    [(has_index,)] = rows(schema.connection, "doctor/postgres_indexes", "raw_telemetry", "event_time")
    if not has_index:
        yield warning(
            "raw_telemetry has no index that begins with event_time, so every hour that is read is a scan of the whole "
            "table. Have its owner CREATE INDEX CONCURRENTLY ON raw_telemetry (event_time)."
        )


def _heartbeats(connection: Connection) -> Findings:
    try:
        seen = dict(rows(connection, "doctor/heartbeats"))
    except psycopg.errors.UndefinedTable:
        yield failed("Dagster's database has no tables of Dagster's yet. Start `dagster-daemon run` with it.")
        return
    silent = [name for name in _DAEMONS if seen.get(name, _SILENT_AFTER_S) >= _SILENT_AFTER_S]
    if silent:
        yield failed(
            f"For {_SILENT_AFTER_S} s nothing was heard of Dagster's daemons {', '.join(silent)}, so nothing is built "
            "by itself. Start `dagster-daemon run`, or see its log (`reports logs daemon`)."
        )


_OF_A_SERVER = {"version": _version, "clock": _clock, "role": _role, "snapshot": _snapshot}
_OF_TABLES = {"contract": _contract, "writes nothing": _writable}


def _of(tables: Sequence[str]) -> Mapping[str, Any]:
    more = {"arrivals": _arrivals, "index": _index} if "raw_telemetry" in tables else {}
    return {**_OF_TABLES, **more}


def rows(connection: Connection, name: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the statement of this name answers."""
    cursor = connection.execute(statement(name).text.encode(), parameters)
    return cursor.fetchall() if cursor.description else []
