"""The roles at the sources: nobody logs in as one, and whoever is given it may read the columns that we read.

Made from resources/contract.py, so that a column that is read is granted, and no other. docs/least-privilege.md says
how somebody is given one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import psycopg
from psycopg import sql

from resources.contract import CONTRACT
from resources.settings import Settings

Variable = Literal["CRM_DATABASE_URL", "TELEMETRY_DATABASE_URL"]


class Role(msgspec.Struct, frozen=True):
    """A role, the tables it reads, and the settings that say where those are."""

    name: str
    tables: Sequence[str]
    schema: str
    """The field of `Settings` that names it."""
    variable: Variable


ROLES = (
    Role(
        "reports_crm",
        ("customers", "prostheses", "prosthesis_models", "deals"),
        "reports_crm_schema",
        "CRM_DATABASE_URL",
    ),
    Role("reports_audit", ("events",), "reports_audit_schema", "CRM_DATABASE_URL"),
    Role("reports_telemetry", ("raw_telemetry",), "reports_telemetry_schema", "TELEMETRY_DATABASE_URL"),
)

# Without the number that was handed out last, deleted events look like a table begun anew.
_SEQUENCE = """DO $$ BEGIN
    IF pg_get_serial_sequence({table}, 'id') IS NOT NULL THEN
        EXECUTE format('GRANT SELECT ON SEQUENCE %s TO %I', pg_get_serial_sequence({table}, 'id'), {role});
    END IF;
END $$"""
_CREATE = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
END $$"""


def statements(settings: Settings) -> Mapping[Variable, list[str]]:
    """What makes the roles, by the server that it is for; carried out again, it changes nothing."""
    made: dict[Variable, list[str]] = {"CRM_DATABASE_URL": [], "TELEMETRY_DATABASE_URL": []}
    for role in ROLES:
        made[role.variable] += _of(role, getattr(settings, role.schema))
    return made


def apply(url: str, wanted: Sequence[str]) -> None:
    """Carry the statements out, all or none: no reader meets a role without its rights. Raises `psycopg.Error`."""
    with psycopg.connect(url) as connection:
        for statement in wanted:
            connection.execute(statement.encode())


def _of(role: Role, schema: str) -> list[str]:
    name, place = sql.Identifier(role.name), sql.Identifier(schema)
    known = {"role": name, "schema": place}
    made = [
        sql.SQL(_CREATE).format(role=name, name=role.name),
        # What an earlier version was granted, and this one does not need.
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}").format(**known),
        sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role}").format(**known),
        sql.SQL("REVOKE ALL ON SCHEMA {schema} FROM {role}").format(**known),
        sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}").format(**known),
    ]
    for table in role.tables:
        columns = sql.SQL(", ").join(map(sql.Identifier, CONTRACT[table]))
        grant = sql.SQL("GRANT SELECT ({columns}) ON {table} TO {role}")
        made.append(grant.format(columns=columns, table=sql.Identifier(schema, table), role=name))
    if "raw_telemetry" in role.tables:
        table = sql.Identifier(schema, "raw_telemetry").as_string()
        made.append(sql.SQL(_SEQUENCE).format(table=table, role=role.name))
    return [each.as_string() for each in made]
