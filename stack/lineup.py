"""The line-up: which parts run for given settings, where they listen, and what they are told of each other."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from resources.secret_files import FILES
from resources.settings import SYNONYMS, VARIABLES, Settings
from stack import clickhouse, issuer, ports, postgres, probes
from stack.child import ROOT
from stack.home import Home, write_secret
from stack.parts import Part, Probe

_HOST = "127.0.0.1"
_WORKSPACE = str(ROOT / "workspace.yaml")


_WAREHOUSE = ("CLICKHOUSE_HOST", "REPORTS_DATABASE_URL", "REPORTS_DATABASE_URL_FILE")
"""Whoever sets one of these names a warehouse."""


class Embedded(msgspec.Struct, frozen=True):
    """What the stack brings itself, because no setting names a server for it."""

    clickhouse: bool
    postgres: bool
    sources: bool
    """Whether both sources are ours: only then may they be filled with demo data."""
    dagster: bool

    def wanted_ports(self, given: Mapping[str, int | None], settings: Settings) -> dict[str, int]:
        """The ports that its parts want: those given, else the defaults."""
        defaults = {**ports.DEFAULTS, "api": settings.reports_service_port}
        needed = {"api": True, "dagster": self.dagster, "code": self.dagster}
        needed |= {"postgres": self.postgres, "clickhouse": self.clickhouse}
        needed |= {"guests": self.dagster and given.get("guests") is not None}
        chosen = {name: given.get(name) for name in needed if needed[name]}
        return {name: defaults[name] if port is None else port for name, port in chosen.items()}


def embedded(settings: Settings, environ: Mapping[str, str]) -> Embedded:
    """What these settings leave to the stack."""
    dagster = not settings.dagster_webserver_url
    missing = [not settings.crm_database_url, not settings.telemetry_database_url]
    return Embedded(
        # The setting has a default, so only the environment tells whether somebody named a server.
        clickhouse=not any(map(environ.get, _WAREHOUSE)),
        postgres=any(missing) or (dagster and not settings.dagster_database_url),
        sources=all(missing),
        dagster=dagster,
    )


def settle(settings: Settings, home: Home, own: Embedded, listening: Mapping[str, int]) -> Settings:
    """The settings with the addresses of what the stack brings itself filled in."""
    found: dict[str, str | int] = {"reports_home": str(home.folder), "reports_service_port": listening["api"]}
    if own.clickhouse:
        login = clickhouse.account(home)
        found |= {"clickhouse_host": _HOST, "clickhouse_port": listening["clickhouse"]}
        found |= {"clickhouse_user": login.user, "clickhouse_password": login.password}
        reading = clickhouse.reader_account(home)
        found |= {"clickhouse_reader_user": reading.user, "clickhouse_reader_password": reading.password}
    if own.postgres:
        for field, database in _DATABASES.items():
            if not getattr(settings, field):
                found[field] = postgres.url(home, listening["postgres"], database)
    if own.dagster:
        found["dagster_webserver_url"] = f"http://{_HOST}:{listening['dagster']}"
    return issuer.trusting(msgspec.structs.replace(settings, **found), home)


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make another process read the same settings, whatever files this one was told of."""
    values = {name: getattr(settings, field) for name, field in VARIABLES.items()}
    said = {name: value.isoformat() if isinstance(value, date) else str(value) for name, value in values.items()}
    return said | dict.fromkeys(FILES, "")


def api_environment(settings: Settings) -> dict[str, str]:
    """The variables of the API: of accounts only the one that it reads with, also where this process was told more."""
    untold = {"CRM_DATABASE_URL", "TELEMETRY_DATABASE_URL", "DAGSTER_DATABASE_URL", *SYNONYMS}
    if settings.clickhouse_reader_user:
        untold |= {"CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD"}
    return environment(settings) | dict.fromkeys(untold, "")


def api_address(settings: Settings) -> str:
    """Where this machine reaches the API."""
    host = settings.reports_service_host
    return f"http://{_HOST if host == '0.0.0.0' else host}:{settings.reports_service_port}"  # noqa: S104 - compared only


def parts(settings: Settings, home: Home, own: Embedded, listening: Mapping[str, int]) -> list[Part]:
    """Everything that is to run, for settled settings. Raises `EngineUnavailable`."""
    known = environment(settings) | {"PYTHONUNBUFFERED": "1"}
    servers = []
    if own.postgres:
        servers.append(postgres.part(home, listening["postgres"]))
    if own.clickhouse:
        servers.append(clickhouse.part(home, listening["clickhouse"], [settings.clickhouse_database]))
    arguments = ["--postgres-port", str(listening["postgres"])] if own.postgres else []
    prepare = _step("prepare", known, {server.name for server in servers}, *arguments)
    dagster = _dagster(settings, home, listening) if own.dagster else []
    told = api_environment(settings) | {"PYTHONUNBUFFERED": "1"}
    return [*servers, prepare, *dagster, _api(settings, told), *_first_steps(home, own, known, dagster)]


_DATABASES = {"crm_database_url": "crm", "telemetry_database_url": "telemetry", "dagster_database_url": "dagster"}


def _first_steps(home: Home, own: Embedded, known: dict[str, str], dagster: list[Part]) -> list[Part]:
    if not own.sources or home.filled.exists():
        return []
    fill = _step("seed", known, {"prepare"})
    if not dagster:
        return [fill]
    first = _step("materialize", known, {"seed", *(part.name for part in dagster)})
    # Where it fails, Dagster's UI tells why: keep it up.
    return [fill, msgspec.structs.replace(first, vital=False)]


def _step(name: str, known: dict[str, str], after: set[str], *arguments: str) -> Part:
    command = [sys.executable, "-m", "stack.bootstrap", name, *arguments]
    return Part(name=name, command=command, environment=known, after=frozenset(after), once=True)


def _api(settings: Settings, known: dict[str, str]) -> Part:
    return Part(
        name="api",
        # It finds all that it needs in the environment, as `reports-api` does anywhere else.
        command=[sys.executable, "-m", "stack.serve_api"],
        environment=known,
        port=settings.reports_service_port,
        after=frozenset({"prepare"}),
        probe=probes.http(f"{api_address(settings)}/health/live"),
    )


def _dagster(settings: Settings, home: Home, listening: Mapping[str, int]) -> list[Part]:
    known = _dagster_environment(settings, home, listening["code"])
    # They write into files, so by themselves JSON, as the API does.
    lines = ["--log-format", "colored" if settings.reports_log_format == "text" else "json"]

    def part(name: str, arguments: list[str], probe: Probe, port: int | None = None) -> Part:
        command = [sys.executable, "-m", *arguments, *lines]
        after = frozenset({"prepare", "code"})
        return Part(name=name, command=command, environment=known, port=port, after=after, probe=probe)

    def web(name: str, port: int, *options: str) -> Part:
        arguments = ["dagster_webserver", "-w", _WORKSPACE, "-h", _HOST, "-p", str(port), *options]
        return part(name, arguments, probes.http(f"http://{_HOST}:{port}/server_info"), port)

    serve = ["stack.code_server", "api", "grpc", "-m", "assets.definitions", "--location-name", "reports"]
    serve += ["-h", _HOST, "-p", str(listening["code"]), "--use-python-environment-entry-point"]
    code = part("code", serve, probes.code_server(listening["code"]), listening["code"])
    daemon = ["dagster._daemon", "run", "-w", _WORKSPACE]
    return [
        # It opens nothing while it loads, so it need not wait for the databases.
        msgspec.structs.replace(code, after=frozenset(), prepare=lambda: _configure(home)),
        part("daemon", daemon, probes.daemon(settings.dagster_database_url)),
        web("webserver", listening["dagster"]),
        *([web("guests", listening["guests"], "--read-only")] if "guests" in listening else []),
    ]


def _dagster_environment(settings: Settings, home: Home, code_port: int) -> dict[str, str]:
    return environment(settings) | {
        "PYTHONUNBUFFERED": "1",
        "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_CODE_HOST": _HOST,
        "DAGSTER_CODE_PORT": str(code_port),
        # gRPC would ask a proxy of the environment for the code server otherwise.
        "NO_PROXY": _HOST,
        "no_proxy": _HOST,
    }


def _configure(home: Home) -> None:
    template = Path(__file__).parent / "dagster.yaml"
    write_secret(home.dagster / "dagster.yaml", template.read_text(encoding="utf-8"))
