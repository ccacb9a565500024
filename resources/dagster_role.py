"""Dagster's own role: it owns the database that Dagster keeps its history in, and reaches no source.

docs/least-privilege.md says how Dagster is let in as this role.
"""

from __future__ import annotations

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources.errors import SourceError

ROLE = "reports_dagster"
_DATABASE = "dagster"
"""Where no address names another."""
_EVERY_SERVER_HAS = "postgres"
_OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"

_CREATE_ROLE = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
END $$"""
_CREATE_DATABASE = "CREATE DATABASE {database} OWNER {role}"
# Else whoever may log in to the server may look in. Only here: of somebody else's database others may have to.
_CLOSE = """DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_database WHERE datname = {called} AND pg_get_userbyid(datdba) = {name}) THEN
        REVOKE ALL ON DATABASE {database} FROM PUBLIC;
    END IF;
END $$"""


def database_of(url: str) -> str:
    """The database that an address names, `dagster` where it names none. Raises `SourceError`."""
    try:
        return str(conninfo_to_dict(url).get("dbname") or _DATABASE)
    except psycopg.ProgrammingError:
        raise SourceError(
            "DAGSTER_DATABASE_URL is no address of a PostgreSQL database: postgresql://user@host/db."
        ) from None


def statements(database: str) -> list[str]:
    """What makes the role and its database, each in a transaction of its own."""
    return [_filled(text, database) for text in (_CREATE_ROLE, _CREATE_DATABASE, _CLOSE)]


def apply(url: str) -> None:
    """Make the role and the database that `url` names, which need not be there yet; done again, it changes nothing.

    Raises `psycopg.Error`, and `SourceError` where that database is somebody else's: a source's, for example.
    """
    database = database_of(url)
    with psycopg.connect(make_conninfo(url, dbname=_EVERY_SERVER_HAS), autocommit=True) as connection:
        connection.execute(_filled(_CREATE_ROLE, database).encode())
        match connection.execute(_OWNER, [database]).fetchone():
            case None:
                connection.execute(_filled(_CREATE_DATABASE, database).encode())
            case (owner,) if owner != ROLE:
                raise SourceError(
                    f"The database of DAGSTER_DATABASE_URL is {owner}'s, and stays so. Name one that is not there yet, "
                    f"or, where it holds nothing but Dagster's history, ALTER it and its tables to OWNER TO {ROLE}."
                )
        connection.execute(_filled(_CLOSE, database).encode())


def _filled(text: str, database: str) -> str:
    names = {"name": ROLE, "role": sql.Identifier(ROLE), "called": database, "database": sql.Identifier(database)}
    return sql.SQL(text).format(**names).as_string()
