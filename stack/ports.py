"""Which ports the parts listen on, and that nothing else listens there."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from stack.errors import PortTaken

DEFAULTS = {"api": 8087, "dagster": 3000, "postgres": 15432, "clickhouse": 19000, "code": 14000}
"""By the name of the option `--port-NAME`. There is none for `guests`: that part runs where its option is given."""

_LISTENERS = {
    "api": "the API",
    "dagster": "the Dagster UI",
    "postgres": "PostgreSQL",
    "clickhouse": "ClickHouse",
    "code": "Dagster's code server",
    "guests": "the Dagster UI for guests",
}


def choose(wanted: Mapping[str, int]) -> dict[str, int]:
    """The ports to use: those wanted, and any free one for 0. Raises `PortTaken`."""
    taken: list[str] = []
    listeners: dict[str, socket.socket] = {}
    try:
        # All are held until each is chosen, so that no two get the same.
        for name, port in wanted.items():
            try:
                listeners[name] = socket.create_server(("127.0.0.1", port))
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                taken.append(_complaint(name, port, error.errno))
        if taken:
            raise PortTaken(" ".join(taken))
        return {name: listener.getsockname()[1] for name, listener in listeners.items()}
    finally:
        for listener in listeners.values():
            listener.close()


def _complaint(name: str, port: int, why: int) -> str:
    trouble = "is taken" if why == errno.EADDRINUSE else "may not be used by this user"
    return (
        f"Port {port} for {_LISTENERS[name]} {trouble}: stop what listens there, or choose another "
        f"with --port-{name} (0 takes any free one)."
    )
