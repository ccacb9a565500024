"""Fixtures of the API's tests."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import build_app
from api.freshness import Clock, utc_now
from resources.migrations import migrate
from resources.settings import Settings
from tests.api.sample import fill
from tests.api.world import ADA_UUID, ISSUER, NOBODY_UUID, Issuer, Marts

Client = TestClient[Litestar]


@contextmanager
def empty_marts(settings: Settings) -> Iterator[Marts]:
    """The tables of a new warehouse."""
    migrate(settings)
    marts = Marts(settings)
    yield marts
    marts.close()


@contextmanager
def serving(settings: Settings, changes: dict[str, Any], now: Clock = utc_now) -> Iterator[Client]:
    """The API on changed settings; it waits long, so that a slow machine fails no test."""
    app = build_app(msgspec.structs.replace(settings, **changes), wait_s=60, dagster_wait_s=60, now=now)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def trusted(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings by which the API takes the issuer's tokens, as many as there are: tests ask more than anybody may."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_bytes(issuer.key_set())
    return {"reports_jwks": str(file), "reports_token_issuer": ISSUER, "reports_rate_limit": 0}


@pytest.fixture
def manager(issuer: Issuer) -> dict[str, str]:
    """A manager, who is no customer."""
    return issuer.authorization(NOBODY_UUID, "reports-manager")


@pytest.fixture
def marts(warehouse_settings: Settings) -> Iterator[Marts]:
    """An empty warehouse."""
    with empty_marts(warehouse_settings) as empty:
        yield empty


@pytest.fixture
def serve(trusted: dict[str, Any]) -> Iterator[Callable[..., Client]]:
    """Start the API on some settings."""
    with ExitStack() as running:

        def start(settings: Settings, now: Clock = utc_now, **changes: Any) -> Client:
            return running.enter_context(serving(settings, trusted | changes, now))

        yield start


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port that refuses connections: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def away(trusted: dict[str, Any], closed_port: int) -> Iterator[Client]:
    """The API without a warehouse: whoever gets as far as a read is told 503."""
    with serving(Settings(clickhouse_port=closed_port), trusted) as client:
        yield client


@pytest.fixture
def client(marts: Marts, serve: Callable[..., Client]) -> Client:
    """The API on the sample."""
    fill(marts)
    return serve(marts.settings)


@pytest.fixture
def ada(issuer: Issuer) -> dict[str, str]:
    """Ada's token."""
    return issuer.authorization(ADA_UUID)
