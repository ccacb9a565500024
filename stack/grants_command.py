"""The command `reports grants`: roles and accounts that may do what the system does, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import psycopg
import typer

from resources import accounts, source_roles
from resources.errors import SourceError
from resources.settings import Settings
from stack.terminal import say
from stack.whereabouts import servers


def grants(
    *,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Carry out those of the sources, as the accounts that the settings name: the tables' owners.",
        ),
    ] = False,
) -> None:
    """Print roles that may do what the system does, and nothing else; or apply those of the sources.

    No password is made or shown. docs/least-privilege.md says how somebody is given a role.
    """
    settings = servers(os.environ)
    for variable, statements in source_roles.statements(settings).items():
        if apply:
            _apply(settings, variable, statements)
        else:
            say(f"-- PostgreSQL of {variable}, as the owner of its tables:")
            _print(statements)
    if not apply:
        say("-- ClickHouse, as somebody who may create roles; docs/reader.md has the account of the API:")
        _print(accounts.statements(settings.clickhouse_database))


def _print(statements: Sequence[str]) -> None:
    for statement in statements:
        say(f"{statement};")


def _apply(settings: Settings, variable: source_roles.Variable, statements: list[str]) -> None:
    url = getattr(settings, variable.lower())
    try:
        source_roles.apply(url, statements)
    except psycopg.OperationalError as error:
        raise SourceError(f"The PostgreSQL of {variable} does not answer; `reports doctor` says more.") from error
    except psycopg.Error as error:
        raise SourceError(
            f"The PostgreSQL of {variable} refused a statement (SQLSTATE {error.sqlstate}), and nothing of them was "
            f"done there. Run this once with a {variable} whose role owns the tables and may CREATE ROLE."
        ) from error
    names = ", ".join(role.name for role in source_roles.ROLES if role.variable == variable)
    say(f"{variable}: {names} may read what the contract names, and nothing else.")
