"""Checks of what is around the engines: Dagster's web server, the issuer's keys, the folder of the stack."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import httpx

from api.keys import parse_key_set, read_keys, reader_of
from resources.settings import Settings
from stack.doctor.verdicts import Findings, Result, failed, judged, ok, skipped, space
from stack.home import Home
from stack.probes import http


def web_server(settings: Settings) -> Iterator[Result]:
    """Dagster's web server, which refreshes and `reports materialize` are asked of."""
    if settings.dagster_webserver_url:
        yield judged("Dagster: web server", lambda: _answers(settings.dagster_webserver_url))
    else:
        why = "DAGSTER_WEBSERVER_URL is not set; POST /api/v1/refresh is refused without it."
        yield from skipped("Dagster", ("web server",), why)


def token_keys(settings: Settings) -> Iterator[Result]:
    """The keys that the API verifies tokens with."""
    yield judged("token keys", lambda: _usable(settings))


def home(home_: Home) -> Iterator[Result]:
    """The disk that the stack's own folder is on."""
    yield judged("state folder: disk", lambda: _room(home_))


def _answers(address: str) -> Findings:
    if http(address.rstrip("/") + "/server_info")(time.time()):
        yield failed(
            "Dagster's web server does not answer at DAGSTER_WEBSERVER_URL. Start `dagster-webserver`, or correct the "
            "setting."
        )


def _usable(settings: Settings) -> Findings:
    read_keys(settings)
    if not settings.reports_jwks:
        yield ok("KEYCLOAK_PUBLIC_KEY")
        return
    try:
        yield ok(f"usable keys: {len(parse_key_set(reader_of(settings.reports_jwks)()))}")
    except (OSError, httpx.HTTPError) as error:
        yield failed(
            f"REPORTS_JWKS cannot be read ({type(error).__name__}), so every token is refused. See that the issuer "
            "runs, and that this machine may reach it without a redirect or a proxy."
        )
    except (ValueError, RecursionError):
        yield failed(
            "REPORTS_JWKS has no RSA key of at least 2048 bits for RS256 with a `kid`. Name the address that the "
            "issuer publishes as `jwks_uri` (Keycloak: …/protocol/openid-connect/certs)."
        )


def _room(home_: Home) -> Findings:
    usage = shutil.disk_usage(home_.folder)
    yield space("the disk of REPORTS_HOME", usage.free, usage.total)
