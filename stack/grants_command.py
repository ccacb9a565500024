"""The command `reports grants`: roles and accounts that may do what the system does, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import psycopg
import typer

from resources import accounts, dagster_role, source_roles
from resources.errors import SourceError
from resources.settings import Settings, read_settings
from stack.terminal import say
from stack.whereabouts import servers


def grants(
    *,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Carry out those of PostgreSQL, as the accounts that the settings name: the tables' owners, and for "
            "Dagster one that makes roles and databases.",
        ),
    ] = False,
) -> None:
    """Print roles that may do what the system does, and nothing else; or apply those of PostgreSQL.

    No password is made or shown. docs/least-privilege.md says how somebody is given a role.
    """
    settings = servers(os.environ)
    for variable, statements in source_roles.statements(settings).items():
        if apply:
            _apply(settings, variable, statements)
        else:
            say(f"-- PostgreSQL of {variable}, as the owner of its tables:")
            _print(statements)
    _for_dagster(read_settings(os.environ).dagster_database_url, apply=apply)
    if not apply:
        say("-- ClickHouse, as somebody who may create roles; docs/reader.md has the account of the API:")
        _print(accounts.statements(settings.clickhouse_database))


def _print(statements: Sequence[str]) -> None:
    for statement in statements:
        say(f"{statement};")


def _for_dagster(url: str, *, apply: bool) -> None:
    variable, database = "DAGSTER_DATABASE_URL", dagster_role.database_of(url)
    if not apply:
        say(f"-- PostgreSQL of {variable}, as somebody who may make roles and databases, if there is none yet:")
        _print(dagster_role.statements(database))
    elif url:
        with _explained(variable, f". Run this once with a {variable} whose role may CREATE ROLE and CREATE DATABASE."):
            dagster_role.apply(url)
        say(f"{variable}: {dagster_role.ROLE} owns the database {database}, and no other role is let in.")


def _apply(settings: Settings, variable: source_roles.Variable, statements: list[str]) -> None:
    needed = f"a {variable} whose role owns the tables and may CREATE ROLE."
    with _explained(variable, f", and nothing of them was done there. Run this once with {needed}"):
        source_roles.apply(getattr(settings, variable.lower()), statements)
    names = ", ".join(role.name for role in source_roles.ROLES if role.variable == variable)
    say(f"{variable}: {names} may read what the contract names, and nothing else.")


@contextmanager
def _explained(variable: str, advice: str) -> Iterator[None]:
    """What PostgreSQL refuses becomes a sentence. Raises `SourceError`."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise SourceError(f"The PostgreSQL of {variable} does not answer; `reports doctor` says more.") from error
    except psycopg.Error as error:
        raise SourceError(
            f"The PostgreSQL of {variable} refused a statement (SQLSTATE {error.sqlstate}){advice}"
        ) from error
