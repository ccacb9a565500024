"""The report service as the five before this one were written: FastAPI, a query by clickhouse-connect, PyJWT.

`PEER_CLIENT=request` makes a client for each request, as they did; `shared` one for all. It reads a plain table of
sums, ordered by user and day: nothing of publications, builds and people who left has to be looked up.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Any, cast

import clickhouse_connect
import jwt
from clickhouse_connect.driver.client import Client
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

_REPORT = """
SELECT day, prosthesis_id, chip_id, prosthesis_type, prosthesis_model, movements, active_hours, signal_duration_ms_sum,
    signal_frequency_hz_sum, amplitude_sum, response_ms_sum, responses, battery_pct_sum, battery_used_pct, errors,
    efficient_movements
FROM peer_reports
WHERE user_id = {user_id:UInt64} AND day BETWEEN {since:Date} AND {until:Date}
ORDER BY day DESC, prosthesis_id"""

_Row = tuple[Any, ...]


def _client() -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=int(os.environ["PEER_CLICKHOUSE_PORT"]),
        username=os.environ["CLICKHOUSE_USER"],
        password=os.environ["CLICKHOUSE_PASSWORD"],
        database=os.environ["CLICKHOUSE_DATABASE"],
        autogenerate_session_id=False,
    )


class Clients:
    """Where a request has its client from."""

    def __init__(self, kind: str) -> None:
        """`request` or `shared`."""
        self._shared = _client() if kind == "shared" else None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for one request."""
        if self._shared is not None:
            yield self._shared
            return
        client = _client()
        try:
            yield client
        finally:
            client.close()


def create_app() -> FastAPI:
    """The service as the environment sets it."""
    key = cast("RSAPublicKey", load_pem_public_key(os.environ["KEYCLOAK_PUBLIC_KEY"].encode()))
    clients = Clients(os.environ["PEER_CLIENT"])
    service = FastAPI()
    bearer = HTTPBearer()

    def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> dict[str, Any]:
        try:
            return jwt.decode(
                credentials.credentials,
                key,
                algorithms=["RS256"],
                audience=os.environ["REPORTS_TOKEN_AUDIENCE"],
                issuer=os.environ["REPORTS_TOKEN_ISSUER"],
            )
        except jwt.InvalidTokenError:
            raise HTTPException(401) from None

    @service.get("/reports/{user_id}")
    def reports(
        user_id: int,
        claims: Annotated[dict[str, Any], Depends(caller)],
        since: Annotated[date | None, Query(alias="from")] = None,
        until: Annotated[date | None, Query(alias="to")] = None,
    ) -> JSONResponse:
        if "reports-reader" not in claims["realm_access"]["roles"]:
            raise HTTPException(403)
        last = until or date.fromisoformat(os.environ["PEER_LAST_DAY"])
        first = since or last - timedelta(days=29)
        with clients.client() as client:
            rows = client.query(_REPORT, {"user_id": user_id, "since": first, "until": last}).result_rows
        return JSONResponse(_answer(user_id, first, last, rows))

    return service


def _answer(user_id: int, first: date, last: date, rows: Any) -> dict[str, Any]:
    days = [(day, list(worn)) for day, worn in groupby(rows, key=lambda row: row[0])]
    return {
        "user_id": user_id,
        "period": {"since": str(first), "until": str(last)},
        "reports": [{**_metrics(_sums(worn)), "date": str(day), "prostheses": _worn(worn)} for day, worn in days],
        "summary": _metrics(_added([_sums(worn) for _, worn in days])),
    }


def _worn(rows: list[_Row]) -> list[dict[str, Any]]:
    names = ("prosthesis_id", "chip_id", "prosthesis_type", "prosthesis_model")
    return [{**dict(zip(names, row[1:5], strict=True)), **_metrics(_sums([row]))} for row in rows]


def _sums(rows: list[_Row]) -> list[float]:
    """Sums of one day; an hour in which several prostheses were active counts once."""
    hours = 0
    for row in rows:
        hours |= row[6]
    movements, _, *others = _added([row[5:] for row in rows])
    return [movements, hours.bit_count(), *others]


def _added(rows: list[Any]) -> list[float]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _metrics(sums: list[float]) -> dict[str, float | None]:
    movements, hours, duration, frequency, amplitude, response, responses, battery, used, errors, efficient = sums
    return {
        "movements": movements,
        "uptime_hours": hours,
        "usage_minutes": duration / 60_000,
        "response_ms_mean": response / responses if responses else None,
        "amplitude_mean": amplitude / movements,
        "frequency_hz_mean": frequency / movements,
        "battery_pct_mean": battery / movements,
        "battery_used_pct": used,
        "errors": errors,
        "error_rate": errors / movements,
        "myosignal_efficiency": efficient / movements,
    }
