"""Settings: read once, from the environment, by `read_settings`.

A field's name in capitals is its variable: `clickhouse_host` is `CLICKHOUSE_HOST`. `.env.example` lists them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import msgspec

from resources.errors import SettingsError

_OWN_PREFIXES = ("REPORTS_", "CLICKHOUSE_")
_OLDEST_DAY = date(1970, 1, 2)
"""ClickHouse counts hours from 1970, whose first instant stands for everything before the first day."""


Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a deployment may set; all have a default that suits the local stack or says "not set"."""

    clickhouse_host: str = "127.0.0.1"
    clickhouse_port: Port = 9000
    clickhouse_database: str = "reports"
    clickhouse_user: str = "default"
    clickhouse_password: str = ""

    crm_database_url: str = ""
    telemetry_database_url: str = ""
    reports_crm_schema: str = "crm"
    reports_telemetry_schema: str = "telemetry"

    reports_first_day: date = date(2024, 1, 1)
    """First partition (UTC). Earlier events are quarantined."""
    reports_response_limit_ms: Annotated[float, msgspec.Meta(ge=0)] = 100.0
    """An event answered within this many milliseconds, without an error, was efficient."""
    reports_collect_after_seconds: Annotated[int, msgspec.Meta(ge=0)] = 86_400
    """How long a superseded build is kept for queries that began before it was superseded."""

    reports_service_host: str = "127.0.0.1"
    reports_service_port: Port = 8087
    reports_jwks: str = ""
    """Where the issuer's public keys are: an http(s) address or a file."""
    keycloak_public_key: str = ""
    """The issuer's only public key, PEM or bare base64 as Keycloak shows it; used where `reports_jwks` is not set."""
    reports_token_issuer: str = ""
    """The `iss` a token must bear, exactly."""
    reports_token_audience: str = "bionicpro-reports"
    """The `aud` a token must bear."""
    reports_token_clients: str = "bionicpro-auth"
    """Clients (`azp`) whose tokens are taken, separated by commas."""

    reports_home: str = ".reports"
    """Where the local stack keeps its state."""
    dagster_database_url: str = ""
    """Dagster's own PostgreSQL."""
    dagster_webserver_url: str = ""
    """A Dagster that runs elsewhere; the local stack then starts none."""

    def __repr__(self) -> str:
        """Names only: a password that lands in a log or in a traceback is a password lost."""
        return "Settings(…)"


VARIABLES: dict[str, str] = {field.name.upper(): field.name for field in msgspec.structs.fields(Settings)}


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; an empty one counts as not set.

    Raises `SettingsError` that names every unknown or malformed variable at once.
    """
    given = {name: value for name, value in environ.items() if value != ""}
    unknown = sorted(name for name in given if name.startswith(_OWN_PREFIXES) and name not in VARIABLES)
    problems = [f"{name} is not a setting" for name in unknown]
    values: dict[str, Any] = {}
    for name, field in VARIABLES.items():
        if name in given:
            try:
                values[field] = _convert(field, given[name])
            except (msgspec.ValidationError, ValueError) as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise SettingsError("; ".join(problems) + ". See .env.example for every setting and its form.")
    return Settings(**values)


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def _convert(field: str, value: str) -> object:
    converted = msgspec.convert(value, _TYPES[field], strict=False)
    if field == "reports_first_day" and converted < _OLDEST_DAY:
        raise ValueError(f"Expected a day from {_OLDEST_DAY} on")
    if isinstance(converted, float) and not math.isfinite(converted):
        raise ValueError("Expected a finite number")
    return converted
