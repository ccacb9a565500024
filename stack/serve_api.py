"""The command `reports-api`: the read API alone, for the servers that the settings name."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer
from granian import Granian
from granian.constants import Interfaces

from api.app import build_app
from resources.settings import read_settings
from stack.errors import PortTaken
from stack.terminal import commands, run

_STOPPING_S = 10
"""How long requests that are being answered may take once the API is told to stop."""

app = commands()


def main() -> None:
    """Entry point."""
    run(app)


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; REPORTS_SERVICE_HOST by default.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; REPORTS_SERVICE_PORT by default.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer.")] = 1,
) -> None:
    """Serve the API until SIGTERM or SIGINT; requests that are being answered then are answered first."""
    settings = read_settings(os.environ)
    # It opens nothing, but finds what is wrong with the settings before a worker does.
    build_app(settings)
    port = port or settings.reports_service_port
    Granian(
        "api.app:create_app",
        address=_free_address(host or settings.reports_service_host, port),
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=workers,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOPPING_S,
    ).serve()


def _free_address(host: str, port: int) -> str:
    """The address of `host`, where this process can listen on `port`. Raises `PortTaken`."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As the server does: connections of one that ended just now are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise PortTaken(
            f"The API cannot listen on port {port} of {host} ({error.strerror}). Stop what does, or choose others with "
            "--host and --port (REPORTS_SERVICE_HOST, REPORTS_SERVICE_PORT)."
        ) from error
    return str(where[0])


if __name__ == "__main__":
    main()
