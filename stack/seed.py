"""Fill empty local sources with made-up people and the life of their prostheses; the same arguments, the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
import polars as pl
import psycopg
from adbc_driver_postgresql import dbapi
from psycopg import sql

from stack.demo.habits import senders
from stack.demo.life import telemetry
from stack.demo.office import AuditEvent, Deal, audit_events, deals
from stack.demo.people import MODELS, Customer, Prosthesis, customers, prostheses
from stack.demo.plan import Plan
from stack.sources import SourcesNotEmpty, create, is_empty

Progress = Callable[[int, int], None]
"""Told how many rows of telemetry are written and how many there will be; both agree in the last call."""

_CRM_SEQUENCES = (
    "SELECT setval(pg_get_serial_sequence('crm.customers', 'user_id'), max(user_id)) FROM crm.customers",
    "SELECT setval(pg_get_serial_sequence('crm.prosthesis_models', 'id'), max(id)) FROM crm.prosthesis_models",
    "SELECT setval(pg_get_serial_sequence('crm.deals', 'id'), max(id)) FROM crm.deals",
    "SELECT setval(pg_get_serial_sequence('audit.events', 'id'), max(id)) FROM audit.events",
)
_TELEMETRY_SEQUENCE = (
    "SELECT setval(pg_get_serial_sequence('telemetry.raw_telemetry', 'id'), max(id)) FROM telemetry.raw_telemetry"
)


class SeedCounts(msgspec.Struct, frozen=True):
    """How many rows of each kind were written."""

    customers: int
    prostheses: int
    deals: int
    audit_events: int
    telemetry_rows: int


class _Crm(NamedTuple):
    customers: list[Customer]
    prostheses: list[Prosthesis]
    deals: list[Deal]
    audit_events: list[AuditEvent]


def seed(  # noqa: PLR0913 - what `reports seed` takes, by name
    crm_url: str,
    telemetry_url: str,
    *,
    customers: int,
    days: int,
    events_per_day: int,
    seed: int,
    last_day: date,
    now: datetime,
    progress: Progress | None = None,
) -> SeedCounts:
    """Write `customers` people and `days` UTC days of telemetry up to and with `last_day`, creating missing tables.

    Every day has `events_per_day` events over all chips; where `now` falls into `last_day`, those after it are left
    out. Nothing happens or is saved after `now`. Both databases are committed at the end, so a seed that is broken off
    leaves nothing. Raises `SourcesNotEmpty` where there are rows already, `ValueError` where arguments make no sense.
    """
    plan = Plan(customers=customers, days=days, events_per_day=events_per_day, seed=seed, last_day=last_day, now=now)
    create(crm_url, telemetry_url)
    if not is_empty(crm_url, telemetry_url):
        raise SourcesNotEmpty
    crm = _invent(plan)
    rows = telemetry(plan, senders(plan, crm.prostheses))
    with psycopg.connect(crm_url) as connection:
        _write_crm(connection, crm)
        written = _write_telemetry(telemetry_url, rows, days * events_per_day, progress or _silently)
    return SeedCounts(
        customers=len(crm.customers),
        prostheses=len(crm.prostheses),
        deals=len(crm.deals),
        audit_events=len(crm.audit_events),
        telemetry_rows=written,
    )


def _silently(written: int, total: int) -> None:
    pass


def _invent(plan: Plan) -> _Crm:
    worn, sold = prostheses(plan), deals(plan)
    return _Crm(customers(plan), worn, sold, audit_events(plan, sold, worn))


def _write_crm(connection: psycopg.Connection, crm: _Crm) -> None:
    _copy(connection, ("crm", "customers"), crm.customers)
    _copy(connection, ("crm", "prosthesis_models"), MODELS)
    _copy(connection, ("crm", "prostheses"), crm.prostheses)
    _copy(connection, ("crm", "deals"), crm.deals)
    _copy(connection, ("audit", "events"), crm.audit_events)
    for statement in _CRM_SEQUENCES:
        connection.execute(statement)


def _copy(connection: psycopg.Connection, table: tuple[str, str], rows: Sequence[Any]) -> None:
    if not rows:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]._fields))
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(*table), columns)
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def _write_telemetry(url: str, frames: Iterable[pl.DataFrame], expected: int, progress: Progress) -> int:
    written = 0
    with closing(dbapi.connect(url)) as connection, connection.cursor() as cursor:
        for frame in frames:
            cursor.adbc_ingest("raw_telemetry", frame, mode="append", db_schema_name="telemetry")
            written += len(frame)
            progress(written, expected)
        cursor.execute(_TELEMETRY_SEQUENCE)
        cursor.execute("ANALYZE telemetry.raw_telemetry")
        connection.commit()
    progress(written, written)
    return written
