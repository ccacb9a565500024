"""The local stack's stand-ins for the sources: their tables, and whether they hold anything yet."""

from __future__ import annotations

from pathlib import Path

import psycopg

from resources.errors import SourceError

_HERE = Path(__file__).parent


class SourcesNotEmpty(SourceError):
    """The sources hold rows already, so demo data was not written over them."""

    def __init__(self) -> None:
        """Say what to do; the message names neither address nor row."""
        super().__init__(
            "The sources already hold customers or telemetry, so nothing was seeded and nothing was changed. "
            "Use the data that is there, or start with an empty REPORTS_HOME and seed again."
        )


def create(crm_url: str, telemetry_url: str) -> None:
    """Create the source tables that are missing; those that exist, and their rows, stay as they are.

    Raises `psycopg.OperationalError` where a database cannot be reached.
    """
    for url, name in ((crm_url, "crm.sql"), (telemetry_url, "telemetry.sql")):
        with psycopg.connect(url) as connection:
            connection.execute((_HERE / name).read_bytes())


def is_empty(crm_url: str, telemetry_url: str) -> bool:
    """Whether there is no customer and no telemetry; the tables must exist.

    Raises `psycopg.errors.UndefinedTable` before `create`.
    """
    with psycopg.connect(crm_url) as crm, psycopg.connect(telemetry_url) as telemetry:
        people = crm.execute("SELECT 1 FROM crm.customers LIMIT 1").fetchone()
        events = telemetry.execute("SELECT 1 FROM telemetry.raw_telemetry LIMIT 1").fetchone()
    return people is None and events is None
