"""What can be wrong around the marts, looked for by small checks that change nothing.

A check is a function that yields findings; its name is its key in the table of its module. `verdicts` says what a
finding is, `sources`, `dagster_role`, `warehouse` and `surroundings` have the checks, and `examine` has them made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from resources.errors import ReportsError, SettingsError
from resources.settings import read_settings
from stack import lineup
from stack.doctor import dagster_role, sources, surroundings, warehouse
from stack.doctor.verdicts import Result
from stack.home import Home
from stack.whereabouts import servers


def examine(environ: Mapping[str, str]) -> Iterator[Result]:
    """Every check of the stack that runs now, or of the servers that `environ` names; none raises."""
    try:
        given = read_settings(environ)
    except SettingsError as error:
        yield Result("settings", "failed", str(error))
        return
    yield Result("settings", "ok", "")
    try:
        settings = servers(environ)
    except ReportsError as error:
        yield Result("servers", "failed", str(error))
        return
    yield from sources.crm(settings, is_ours=not given.crm_database_url)
    yield from sources.telemetry(settings, is_ours=not given.telemetry_database_url)
    yield from warehouse.loader(settings)
    yield from warehouse.api_reader(settings)
    yield from sources.daemons(settings.dagster_database_url)
    is_ours = bool(settings.dagster_database_url) and not given.dagster_database_url
    yield from dagster_role.role(settings, is_ours=is_ours)
    yield from surroundings.web_server(settings)
    yield from surroundings.token_keys(settings)
    if lineup.embedded(given, environ).clickhouse:
        yield from surroundings.home(Home(settings.reports_home))
