"""Settings: read once, from the environment, by `read_settings`.

A field's name in capitals is its variable: `clickhouse_host` is `CLICKHOUSE_HOST`. `.env.example` lists them all, and
the `SYNONYMS` that services before this one had. What is secret may come from a file (resources/secret_files.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from resources import secret_files
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
    clickhouse_reader_user: str = ""
    """The account that the API reads with, see docs/reader.md; where there is none, it reads with the loader's."""
    clickhouse_reader_password: str = ""
    clickhouse_cluster: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]*$")] = ""
    """The cluster, as that server names it, over which wearers' rows are spread, see docs/cluster.md; without one they
    are on the server itself.
    """
    reports_backup_disk: str = ""
    """A disk of the server that backups go to; by itself the folder for them that its configuration names."""

    crm_database_url: str = ""
    telemetry_database_url: str = ""
    reports_crm_schema: str = "crm"
    reports_audit_schema: str = "audit"
    """The schema of the audit trail, in the CRM's database."""
    reports_telemetry_schema: str = "telemetry"

    reports_first_day: date = date(2024, 1, 1)
    """First partition (UTC). Earlier events are quarantined."""
    reports_response_limit_ms: Annotated[float, msgspec.Meta(ge=0)] = 100.0
    """An event answered within this many milliseconds, without an error, was efficient."""
    reports_freshness_factor: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Makes the windows of resources/freshness.py longer or shorter, all by the same factor."""
    reports_retention_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 365
    """Telemetry of this many days before today (UTC) is kept, and today's; 0 keeps everything."""
    reports_collect_after_seconds: Annotated[int, msgspec.Meta(ge=0)] = 86_400
    """How long a superseded build is kept for queries that began before it was superseded."""

    reports_service_host: str = "127.0.0.1"
    reports_service_port: Port = 8087
    reports_service_workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Processes that answer. Each remembers for itself: more of them on few cores read more and answer no faster."""
    reports_service_stop_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 10
    """For how long requests that are being answered may still take once the API is told to stop."""
    reports_log_format: Literal["auto", "json", "text"] = "auto"
    """The form of the log, the API's and Dagster's: by itself text in a terminal, and JSON elsewhere."""
    reports_log_requests: bool = False
    """Whether every request leaves a line in it, or only those that are refused, fail, or take a second."""
    reports_metrics_token: str = ""
    """Whoever bears it may read `GET /metrics`; where it is not set, whoever asks from this very machine may."""
    prometheus_multiproc_dir: str = ""
    """Where several workers lay their metrics for each other; by itself a temporary folder."""
    otel_exporter_otlp_endpoint: str = ""
    """Where traces are sent; none are made where neither this nor the next is set."""
    otel_exporter_otlp_traces_endpoint: str = ""
    reports_cache_ttl: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 60
    """For how many seconds the API remembers an answer, a customer or a token, at most; 0 remembers nothing."""
    reports_rate_limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    """How many requests a minute each process of the API answers one caller; 0 counts none."""
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
    reports_executor: Literal["in_process", "multiprocess", "docker", "k8s"] = "in_process"
    """How Dagster carries out the steps of a run: all in the run's process, or each in one, a container or a pod."""
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

    Raises `SettingsError` that names every unknown, malformed or contradicting variable at once.
    """
    given = {name: value for name, value in environ.items() if value != ""}
    known = VARIABLES.keys() | SYNONYMS.keys() | secret_files.FILES.keys()
    unknown = sorted(name for name in given if name.startswith(_OWN_PREFIXES) and name not in known)
    problems = [f"{name} is not a setting" for name in unknown]
    given = _translated(secret_files.told(given, problems), problems)
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


def _translated(given: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """`given` with what its synonyms stand for; malformed and contradicting ones are added to `problems`."""
    translated = dict(given)
    named_by: dict[str, str] = {}
    for synonym, meaning in SYNONYMS.items():
        try:
            meant = meaning(given[synonym]) if synonym in given else {}
        except ValueError as error:
            problems.append(f"{synonym}: {error}")
            continue
        for variable, value in meant.items():
            if translated.setdefault(variable, value) != value:
                problems.append(
                    f"{named_by.get(variable, variable)} and {synonym} contradict each other; set one of them"
                )
            named_by.setdefault(variable, synonym)
    return translated


_ADDRESS = "Expected clickhouse://user:password@host:port/database, reserved characters percent-encoded"


def _warehouse_address(address: str) -> dict[str, str]:
    """What an address says of the warehouse; what it leaves out is not in it. Raises `ValueError`."""
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        # Its message would show a part of the address, which may be the password's.
        raise ValueError(_ADDRESS) from None
    database = url.path.removeprefix("/")
    if url.scheme != "clickhouse" or not url.hostname or "/" in database or url.query or url.fragment or port == 0:
        raise ValueError(_ADDRESS)
    said = {
        "CLICKHOUSE_HOST": url.hostname,
        "CLICKHOUSE_PORT": str(port or ""),
        "CLICKHOUSE_DATABASE": unquote(database),
        "CLICKHOUSE_USER": unquote(url.username or ""),
        "CLICKHOUSE_PASSWORD": unquote(url.password or ""),
    }
    return {variable: value for variable, value in said.items() if value}


SYNONYMS: dict[str, Callable[[str], dict[str, str]]] = {
    "REPORTS_DATABASE_URL": _warehouse_address,
    "REPORTS_SCHEMA": lambda database: {"CLICKHOUSE_DATABASE": database},
}
"""Variables that stand for others, and what they say of those. Both given, they must agree."""
