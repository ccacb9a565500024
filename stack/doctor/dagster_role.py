"""The check of the role that Dagster keeps its history as: it owns that, and reaches no source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from psycopg.conninfo import make_conninfo

from resources import source_roles
from resources.errors import SourceError
from resources.settings import Settings
from stack.doctor.sources import UNREACHED, Connection, connected, powers, rows
from stack.doctor.verdicts import Finding, Findings, Result, judged, ok, skipped, warning

_VARIABLE = "DAGSTER_DATABASE_URL"
_ADVICE = "Give Dagster a database and a role of its own as `reports grants` prints them (docs/least-privilege.md)."


def role(settings: Settings, *, is_ours: bool) -> Iterator[Result]:
    """Whether Dagster's role may do more than own its database."""
    if is_ours:
        yield judged("Dagster: role", lambda: [ok("the stack's own server, and its owner")])
    elif not settings.dagster_database_url:
        yield from skipped("Dagster", ("role",), f"{_VARIABLE} is not set here.")
    else:
        yield judged("Dagster: role", lambda: _too_much(settings))


def _too_much(settings: Settings) -> Findings:
    try:
        with connected(settings.dagster_database_url, _VARIABLE) as connection:
            found, here = powers(connection), rows(connection, "doctor/postgres_place")[0]
    except SourceError:
        yield Finding("skipped", UNREACHED)
        return
    if found:
        yield warning(f"The role of {_VARIABLE} is more than the owner of its database: {', '.join(found)}. {_ADVICE}")
    for variable in dict.fromkeys(each.variable for each in source_roles.ROLES):
        with suppress(SourceError):  # said by the checks of that source
            yield from _of(settings, variable, here)


def _of(settings: Settings, variable: source_roles.Variable, here: Sequence[object]) -> Findings:
    with connected(getattr(settings, variable.lower()), variable) as connection:
        there = rows(connection, "doctor/postgres_place")[0]
    if there == here:
        yield warning(f"{_VARIABLE} names the database of {variable}. {_ADVICE}")
    elif there[0] == here[0]:
        # The same server, so that its password goes to nobody who does not have it.
        with connected(make_conninfo(settings.dagster_database_url, dbname=there[1]), _VARIABLE) as connection:
            if names := list(_readable(connection, settings, variable)):
                yield warning(f"The role of {_VARIABLE} may read {', '.join(names)} of {variable}. {_ADVICE}")


def _readable(connection: Connection, settings: Settings, variable: source_roles.Variable) -> Iterator[str]:
    for each in source_roles.ROLES:
        if each.variable == variable:
            schema, tables = getattr(settings, each.schema), list(each.tables)
            yield from (name for (name,) in rows(connection, "doctor/postgres_readable", schema, tables))
