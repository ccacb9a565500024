"""The steps between empty servers and a stack that answers with reports; each runs as `python -m stack.bootstrap STEP`.

`prepare` runs at each start, `seed` and `materialize` until they have succeeded once.
"""

from __future__ import annotations

import argparse
import os
import sys

import psycopg

from resources.errors import ReportsError
from resources.settings import Settings, read_settings
from stack import filling, postgres, sources
from stack.home import Home


def prepare(settings: Settings, postgres_port: int | None) -> None:
    """Make databases and source tables on an embedded PostgreSQL, and bring the warehouse up to date."""
    from resources.migrations import migrate  # noqa: PLC0415 - the other steps need not load it

    if postgres_port is not None:
        home = Home(settings.reports_home)
        postgres.create_databases(postgres.url(home, postgres_port))
        named = {"crm": settings.crm_database_url, "telemetry": settings.telemetry_database_url}
        ours = [url for name, url in named.items() if url == postgres.url(home, postgres_port, name)]
        if ours:
            # Where only one is ours, it gets the other's tables as well, and nobody reads those.
            sources.create(ours[0], ours[-1])
    _say(f"the warehouse is up to date, {len(migrate(settings))} things were changed")


def seed(settings: Settings) -> None:
    """Fill empty sources with demo data; sources that hold anything stay as they are."""
    if sources.is_empty(settings.crm_database_url, settings.telemetry_database_url):
        _say(filling.fill(settings, filling.DEFAULT, lambda done, total: _say(f"{done:,} of {total:,} events")))
    else:
        _say("the sources hold rows already")


def materialize(settings: Settings) -> None:
    """Materialize every mart for the days that the source has, and remember that it is done."""
    # httpx, which the other steps need not load.
    from resources.orchestrator import MARTS  # noqa: PLC0415
    from stack import dagster_runs  # noqa: PLC0415

    since, until = dagster_runs.days_of(settings, None, None)
    for progress in dagster_runs.materialize(settings.dagster_webserver_url, MARTS, since, until):
        _say(str(progress))
    Home(settings.reports_home).filled.touch()


def main() -> None:
    """Do the step named on the command line; a failure is a sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m stack.bootstrap", description=__doc__)
    parser.add_argument("step", choices=["prepare", "seed", "materialize"])
    parser.add_argument("--postgres-port", type=int)
    given = parser.parse_args()
    try:
        settings = read_settings(os.environ)
        if given.step == "prepare":
            prepare(settings, given.postgres_port)
        else:
            {"seed": seed, "materialize": materialize}[given.step](settings)
    except (ReportsError, psycopg.Error) as error:
        raise SystemExit(str(error)) from error


def _say(message: str) -> None:
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
