"""What the tests of the API stand on: an issuer of tokens, and marts filled by hand."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from uuid import UUID

import clickhouse_driver
import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from resources import freshness, publications
from resources.publications import EPOCH, Build, Publication
from resources.settings import Settings
from resources.warehouse import Warehouse

ISSUER = "https://issuer.example/realms/reports"
AUDIENCE = "bionicpro-reports"
CLIENT = "bionicpro-auth"

ADA, ADA_UUID = 7, UUID("11111111-1111-4111-8111-111111111111")
BOB, BOB_UUID = 8, UUID("22222222-2222-4222-8222-222222222222")
NOBODY_UUID = UUID("99999999-9999-4999-8999-999999999999")
CUSTOMERS = [(ADA, ADA_UUID, "Ada"), (BOB, BOB_UUID, "Bob")]


class Issuer:
    """Signs tokens, good ones unless told otherwise."""

    def __init__(self, kid: str = "first") -> None:
        self.kid = kid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def key_set(self) -> bytes:
        entry = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**entry, "kid": self.kid, "use": "sig", "alg": "RS256"}]}).encode()

    def pem(self) -> str:
        public = self.key.public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def claims(
        self, user_uuid: UUID | str = ADA_UUID, *, roles: tuple[str, ...] = (), **changes: Any
    ) -> dict[str, Any]:
        """Claims of a good token; a change to `None` leaves the claim out."""
        now = int(time.time())
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "azp": CLIENT,
            "sub": str(user_uuid),
            "iat": now,
            "exp": now + 300,
            "typ": "Bearer",
            "realm_access": {"roles": list(roles)},
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def sign(self, claims: dict[str, Any] | str, **header: Any) -> str:
        payload = claims if isinstance(claims, str) else json.dumps(claims)
        return jwt.PyJWS().encode(payload.encode(), self.key, "RS256", {"kid": self.kid, "typ": "JWT", **header})

    def authorization(self, user_uuid: UUID = ADA_UUID, *roles: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.sign(self.claims(user_uuid, roles=roles))}"}


def worn(prosthesis_id: str, chip_id: str, hours: list[int], movements: int, **figures: Any) -> dict[str, Any]:
    """What one prosthesis of Ada's did in a day or an hour."""
    plain: dict[str, Any] = {
        "user_id": ADA,
        "prosthesis_id": prosthesis_id,
        "prosthesis_type": "hand",
        "prosthesis_model": "Grip 2",
        "chip_id": chip_id,
        "movements": movements,
        "active_hours": sum(1 << hour for hour in hours),
        "signal_duration_ms_sum": 0,
        "signal_frequency_hz_sum": 0,
        "amplitude_sum": 0.0,
        "response_ms_sum": 0.0,
        "responses": 0,
        "battery_pct_sum": 0.0,
        "battery_used_pct": 0.0,
        "battery_first_pct": 0.0,
        "battery_last_pct": 0.0,
        "errors": 0,
        "efficient_movements": 0,
        "hours": hours,
    }
    return plain | figures


class Marts:
    """The warehouse of one test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.warehouse = Warehouse(settings)
        self._client = clickhouse_driver.Client(
            settings.clickhouse_host,
            settings.clickhouse_port,
            settings.clickhouse_database,
            settings.clickhouse_user,
            settings.clickhouse_password,
        )
        self._source_seq = 0

    def customers(self, customers: list[tuple[int, UUID, str]]) -> Build:
        """Publish a snapshot of the CRM."""
        build = self._build("crm_customers", EPOCH, rows=len(customers))
        self._insert(
            "crm_customers_builds",
            [
                {
                    "user_id": number,
                    "user_uuid": uuid,
                    "name": name,
                    "email": f"{name.lower()}@example.test",
                    "build_id": build.build_id,
                }
                for number, uuid, name in customers
            ],
        )
        publications.publish(self.warehouse, [build], "customers-run")
        return build

    def day(self, day: date, rows: list[dict[str, Any]], inputs: tuple[int, ...] = (), **changes: Any) -> Build:
        """Publish a day of reports."""
        midnight = datetime.combine(day, clock_time(), UTC)
        build = self._build("user_daily_reports", midnight, rows=len(rows), inputs=inputs)
        build = msgspec.structs.replace(build, watermark=midnight + timedelta(hours=20), **changes)
        self.insert_day(day, rows, build.build_id)
        publications.publish(self.warehouse, [build], f"run-{day}")
        return build

    def insert_day(self, day: date, rows: list[dict[str, Any]], build_id: int) -> None:
        """Write a build of a day of reports without publishing it."""
        self._insert("user_daily_reports_builds", [_daily(row, day, build_id) for row in rows])

    def hour(self, hour: datetime, rows: list[dict[str, Any]], inputs: tuple[int, ...] = ()) -> int:
        """Publish an hour of stats; returns its build."""
        build = self._build("user_prosthesis_stats", hour, rows=len(rows), inputs=inputs)
        self._insert("user_prosthesis_stats_builds", [_hourly(row, hour, build.build_id) for row in rows])
        publications.publish(self.warehouse, [build], "stats-run")
        return build.build_id

    def events(self, hour: datetime, rows: list[dict[str, Any]]) -> int:
        """Publish an hour of events; returns its build."""
        build = self._build("telemetry_events", hour, rows=len(rows))
        self._insert("telemetry_events_builds", [row | {"build_id": build.build_id} for row in rows])
        publications.publish(self.warehouse, [build], "events-run")
        return build.build_id

    def deals(self, rows: list[dict[str, Any]]) -> Build:
        """Publish a snapshot of the deals."""
        build = self._build("deal_pipeline", EPOCH, rows=len(rows))
        self._insert("deal_pipeline_builds", [row | {"build_id": build.build_id} for row in rows])
        publications.publish(self.warehouse, [build], "deals-run")
        return build

    def audit(self, day: date, rows: list[dict[str, Any]]) -> Build:
        """Publish a day of the audit trail."""
        midnight = datetime.combine(day, clock_time(), UTC)
        build = self._build("audit_activity", midnight, rows=len(rows))
        build = msgspec.structs.replace(build, watermark=midnight + timedelta(hours=20) if rows else EPOCH)
        self._insert(
            "audit_activity_builds",
            [row | {"day": day, "last_event_at": build.watermark, "build_id": build.build_id} for row in rows],
        )
        publications.publish(self.warehouse, [build], f"audit-{day}")
        return build

    def complete(self, at: datetime, *marts: str) -> None:
        """Write down that `marts` held all that their source had."""
        freshness.complete(self.warehouse, marts, at)

    def published(self, day: date) -> Publication:
        """The current publication of a day of reports."""
        return publications.current(self.warehouse, "user_daily_reports")[datetime.combine(day, clock_time(), UTC)]

    def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What the warehouse answers."""
        found: list[tuple[Any, ...]] = self._client.execute(sql, parameters)
        return found

    def close(self) -> None:
        self.warehouse.close()
        self._client.disconnect()

    def _build(self, mart: str, segment: datetime, *, rows: int, inputs: tuple[int, ...] = ()) -> Build:
        self._source_seq += 1
        return Build(
            mart=mart,
            segment=segment,
            build_id=publications.new_build_ids(1)[0],
            source_seq=self._source_seq,
            rows=rows,
            checksum=0,
            watermark=EPOCH,
            inputs=inputs,
        )

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            names = ", ".join(rows[0])
            self._client.execute(f"INSERT INTO {table} ({names}) VALUES", [tuple(row.values()) for row in rows])


def _daily(row: dict[str, Any], day: date, build_id: int) -> dict[str, Any]:
    first = datetime.combine(day, clock_time(min(row["hours"])))
    last = datetime.combine(day, clock_time(max(row["hours"]), 59))
    plain = {name: value for name, value in row.items() if name != "hours"}
    return plain | {"day": day, "first_event_at": first, "last_event_at": last, "build_id": build_id}


def _hourly(row: dict[str, Any], hour: datetime, build_id: int) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in ("hours", "active_hours")}
    return plain | {"hour": hour.replace(tzinfo=None), "build_id": build_id}
