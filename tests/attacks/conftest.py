"""Fixtures of the attacks: one crowd and one API on it, in this process and as a server, for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest

from resources.settings import Settings
from tests.api.conftest import Client, away, closed_port, empty_marts, issuer, serve, serving, trusted
from tests.api.dagster_server import fake_dagster
from tests.api.world import NOBODY_UUID, Issuer, Marts
from tests.attacks.crowd import Person, people, publish_all
from tests.attacks.wire import Server, server

__all__ = ["away", "closed_port", "issuer", "serve", "trusted"]


@pytest.fixture(scope="session")
def crowd() -> list[Person]:
    return people(5)


@pytest.fixture(scope="session")
def crowded(fresh_settings: Callable[[], Settings], crowd: list[Person], trusted: dict[str, Any]) -> Iterator[Marts]:
    """A warehouse with the crowd's figures, and settings by which the API takes their tokens."""
    settings = msgspec.structs.replace(fresh_settings(), **trusted | {"reports_rate_limit": 0})
    with empty_marts(settings) as marts:
        publish_all(marts, crowd, seed=1)
        yield marts


@pytest.fixture(scope="session")
def inside(crowded: Marts) -> Iterator[Client]:
    """The API on the crowd, in this process; nothing is published while it runs."""
    with serving(crowded.settings, {}) as client:
        yield client


@pytest.fixture(scope="session")
def served(crowded: Marts) -> Iterator[Server]:
    """The API on the crowd, as a process of its own; its Dagster takes whatever it is asked for."""
    with fake_dagster() as dagster:
        dagster.says("Active", "none_active")
        dagster.says("Launch", "launched")
        dagster.says("Look", "started")
        with server(msgspec.structs.replace(crowded.settings, dagster_webserver_url=dagster.address)) as running:
            yield running


@pytest.fixture(scope="session")
def bearer(issuer: Issuer) -> Callable[..., str]:
    """A person's `Authorization`, which lives as long as the session."""
    known: dict[tuple[UUID, tuple[str, ...]], str] = {}

    def line(person: Person | None, *roles: str) -> str:
        subject = person.uuid if person else NOBODY_UUID
        if (subject, roles) not in known:
            token = issuer.sign(issuer.claims(subject, roles=roles, exp=int(time.time()) + 43_200))
            known[subject, roles] = f"Authorization: Bearer {token}"
        return known[subject, roles]

    return line
