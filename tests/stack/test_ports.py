"""Ports."""

from __future__ import annotations

import socket

import pytest

from stack.errors import PortTaken
from stack.ports import DEFAULTS, choose


def test_any_free_ports_differ() -> None:
    chosen = choose(dict.fromkeys(DEFAULTS, 0))
    assert len(set(chosen.values())) == len(DEFAULTS)
    assert 0 not in chosen.values()


def test_every_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        first, second = one.getsockname()[1], other.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            choose({"api": first, "code": 0, "dagster": second})
    assert str(refused.value) == (
        f"Port {first} for the API is taken: stop what listens there, or choose another with --port-api "
        f"(0 takes any free one). Port {second} for the Dagster UI is taken: stop what listens there, or choose "
        "another with --port-dagster (0 takes any free one)."
    )
