"""Which servers a command works on: those of the stack that runs now, or those that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from resources.settings import Settings, read_settings
from stack import lineup, up
from stack.errors import NotRunning


def servers(environ: Mapping[str, str]) -> Settings:
    """Settings with the addresses of the stack that runs now, or those of the environment where it names a warehouse.

    Raises `SettingsError`, `NotRunning`.
    """
    settings = read_settings(environ)
    try:
        return up.current(environ)[1]
    except NotRunning as error:
        if lineup.embedded(settings, environ).clickhouse:
            raise NotRunning(
                f"{error} Or name servers of your own: CLICKHOUSE_HOST (or REPORTS_DATABASE_URL), CRM_DATABASE_URL and "
                "TELEMETRY_DATABASE_URL."
            ) from error
        return settings
