"""The command `reports-api`: the read API alone, for the servers that the settings name."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from api.app import build_app
from api.watch import exposition, logs
from resources.settings import Settings, read_settings
from stack.errors import PortTaken
from stack.terminal import commands, run

_HEADERS_S = 10
"""How long a client may take to send the headers of a request; an idle connection is closed after as long."""
_HEADERS_BYTES = 64 << 10
"""More of a request's headers is refused unread; api/limits.py refuses less, with a document that says why."""
_MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"

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
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that answer; REPORTS_SERVICE_WORKERS by default.")
    ] = None,
) -> None:
    """Serve the API until SIGTERM or SIGINT; requests that are being answered then are answered first."""
    settings = read_settings(os.environ)
    # It opens nothing, but finds what is wrong with the settings before a worker does.
    build_app(settings)
    port = port or settings.reports_service_port
    workers = workers or settings.reports_service_workers
    address = _free_address(host or settings.reports_service_host, port)
    with _shared_metrics(settings, workers):
        _serve(settings, address, port, workers)


def _serve(settings: Settings, address: str, port: int, workers: int) -> None:
    """granian: HTTP/1.1 only, which is all that is spoken here, and a log in our form."""
    Granian(
        "api.app:create_app",
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_S * 1000, max_buffer_size=_HEADERS_BYTES),
        websockets=False,
        factory=True,
        workers=workers,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.reports_service_stop_seconds,
        log_dictconfig=logs.configuration(logs.chosen(settings.reports_log_format, sys.stderr)),
    ).serve()


@contextmanager
def _shared_metrics(settings: Settings, workers: int) -> Iterator[None]:
    """Give several workers a folder where each sees what the others count, and leave it to them for the block."""
    if settings.prometheus_multiproc_dir:
        exposition.clear(Path(settings.prometheus_multiproc_dir))
        yield
    elif workers > 1:
        with TemporaryDirectory(prefix="reports-metrics-") as folder:
            os.environ[_MULTIPROC] = folder
            yield
    else:
        yield


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
