"""Whether a part answers: each probe is a question that only a working part can answer."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import clickhouse_driver
import clickhouse_driver.errors
import httpx
import psycopg

from stack.parts import Probe

PATIENCE_S = 3
"""How long a probe waits for its answer; psycopg takes whole seconds only."""

# grpc.health.v1: asked for the service "DagsterApi", the answer SERVING is field 1 = 1. Spelled out, because the
# generated classes come with dagster's imports.
_HEALTH_QUESTION = b"\n\nDagsterApi"
_SERVING = b"\x08\x01"


def postgres(url: str) -> Probe:
    """PostgreSQL takes a connection and a query."""

    def ask(_started: float) -> str:
        try:
            with psycopg.connect(url, connect_timeout=PATIENCE_S) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return _first_line(error)
        return ""

    return ask


def clickhouse(**where: Any) -> Probe:
    """ClickHouse takes a login and a query; `where` is what `clickhouse_driver.Client` takes."""
    # It would write a traceback for every try.
    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)

    def ask(_started: float) -> str:
        client = clickhouse_driver.Client(
            **where, connect_timeout=PATIENCE_S, send_receive_timeout=PATIENCE_S, sync_request_timeout=PATIENCE_S
        )
        try:
            client.execute("SELECT 1")
        except (clickhouse_driver.errors.Error, EOFError, OSError) as error:
            return _first_line(error)
        finally:
            client.disconnect()
        return ""

    return ask


def http(url: str) -> Probe:
    """A GET of this address is answered with 200."""

    def ask(_started: float) -> str:
        try:
            # A proxy of the environment cannot know this machine's loopback.
            answer = httpx.get(url, timeout=PATIENCE_S, trust_env=False)
        except httpx.HTTPError as error:
            return _first_line(error)
        return "" if answer.status_code == httpx.codes.OK else f"answers {answer.status_code}"

    return ask


def code_server(port: int) -> Probe:
    """Dagster's code server says that it serves."""

    def ask(_started: float) -> str:
        import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 - 0.1 s that only this probe needs

        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            try:
                return "" if check(_HEALTH_QUESTION, timeout=PATIENCE_S) == _SERVING else "does not serve yet"
            except grpc.RpcError as error:
                return str(error.code())

    return ask


def daemon(url: str) -> Probe:
    """Dagster's daemon has written a heartbeat to its database since it was started.

    Its web server would call it healthy for half an hour after its last heartbeat, whichever process wrote that.
    """

    def ask(started: float) -> str:
        since = datetime.fromtimestamp(started, UTC).replace(tzinfo=None)
        try:
            with psycopg.connect(url, connect_timeout=PATIENCE_S) as connection:
                beats = connection.execute("SELECT 1 FROM daemon_heartbeats WHERE timestamp >= %s LIMIT 1", (since,))
                return "" if beats.fetchone() else "no heartbeat yet"
        except psycopg.Error as error:
            return _first_line(error)

    return ask


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
