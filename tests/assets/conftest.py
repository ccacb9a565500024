"""Marts built from sources, without Dagster around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import msgspec
import psycopg
import pytest

from assets.audit_activity import AuditBuild
from assets.crm_customers import build_customers
from assets.deal_pipeline import build_deals
from assets.outcome import Outcome
from assets.partitions import Window, early_window, midnight
from assets.telemetry_events import EventsBuild
from assets.user_daily_reports import DailyBuild
from assets.user_prosthesis_stats import StatsBuild
from resources.migrations import migrate
from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse


class Marts(msgspec.Struct):
    """The whole path from PostgreSQL rows to published marts."""

    settings: Settings
    warehouse: Warehouse

    def build_customers(self) -> Outcome:
        with snapshot(self.settings.crm_database_url, "crm", "CRM_DATABASE_URL") as source:
            return build_customers(self.warehouse, source, "run-of-the-test")

    def build_events(self, since: date, until: date, *, full_refresh: bool = False) -> Outcome:
        with snapshot(self.settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL") as source:
            build = EventsBuild(self.warehouse, source, early_window(self.settings), "run-of-the-test", lambda _: None)
            return build.materialize(window(since, until), full_refresh=full_refresh)

    def build_stats(self, since: date, until: date, *, full_refresh: bool = False) -> Outcome:
        build = StatsBuild(self.warehouse, self.settings.reports_response_limit_ms, "run-of-the-test", lambda _: None)
        return build.materialize(window(since, until), full_refresh=full_refresh)

    def build_reports(self, since: date, until: date, *, full_refresh: bool = False) -> Outcome:
        build = DailyBuild(self.warehouse, "run-of-the-test", lambda _: None)
        return build.materialize(window(since, until), full_refresh=full_refresh)

    def build_all(self, since: date, until: date, *, full_refresh: bool = False) -> tuple[Outcome, Outcome, Outcome]:
        return (
            self.build_events(since, until, full_refresh=full_refresh),
            self.build_stats(since, until, full_refresh=full_refresh),
            self.build_reports(since, until, full_refresh=full_refresh),
        )

    def build_deals(self) -> Outcome:
        with snapshot(self.settings.crm_database_url, "crm", "CRM_DATABASE_URL") as source:
            return build_deals(self.warehouse, source, "run-of-the-test")

    def build_audit(self, since: date, until: date, *, full_refresh: bool = False) -> Outcome:
        with snapshot(self.settings.crm_database_url, "audit", "CRM_DATABASE_URL") as source:
            build = AuditBuild(self.warehouse, source, "run-of-the-test", lambda _: None)
            return build.materialize(window(since, until), full_refresh=full_refresh)

    def crm(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.settings.crm_database_url) as connection:
            connection.execute(statement.encode(), parameters)

    def telemetry(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.settings.telemetry_database_url) as connection:
            connection.execute(statement.encode(), parameters)

    def add_wearer(self, user_id: int, *chips: str) -> None:
        """A customer and, for each chip, a prosthesis of theirs that is valid from 2020 on."""
        self.crm(
            "INSERT INTO crm.customers (user_id, user_uuid, ldap_username, name, email, registration_ts, updated_at) "
            "VALUES (%s, gen_random_uuid(), %s, 'Demo', 'demo@example.test', '2020-01-01Z', '2020-01-01Z')",
            user_id,
            f"user{user_id}",
        )
        self.crm("INSERT INTO crm.prosthesis_models VALUES (1, 'Model A', 'arm') ON CONFLICT DO NOTHING")
        for chip in chips:
            self.hand_over(chip, user_id, at("2020-01-01"))

    def hand_over(self, chip: str, user_id: int, since: datetime) -> None:
        """Give the chip to a customer at `since`; whoever had it loses it then."""
        self.crm("UPDATE crm.prostheses SET valid_to = %s WHERE chip_id = %s AND valid_to IS NULL", since, chip)
        self.crm(
            "INSERT INTO crm.prostheses (id, chip_id, customer_id, model_id, valid_from) "
            "VALUES (gen_random_uuid(), %s, %s, 1, %s)",
            chip,
            user_id,
            since,
        )

    def remove_wearer(self, user_id: int) -> None:
        """The customer leaves the CRM, and with them what they wore."""
        self.crm("DELETE FROM crm.prostheses WHERE customer_id = %s", user_id)
        self.crm("DELETE FROM crm.customers WHERE user_id = %s", user_id)

    def add_event(self, event_time: str, chip: str = "chip-1", **columns: object) -> int:
        """A sound event, but for what `columns` say otherwise; returns its id."""
        given: dict[str, object] = {
            "chip_id": chip,
            "event_time": at(event_time),
            "saved_ts": at(event_time),
            "muscle_group": "biceps",
            "signal_frequency": 40,
            "signal_duration": 600,
            "signal_amplitude": 0.5,
            "battery_level": 90,
            "error_code": 0,
        } | columns
        names, places = ", ".join(given), ", ".join(["%s"] * len(given))
        insert = f"INSERT INTO telemetry.raw_telemetry ({names}) VALUES ({places}) RETURNING id"  # noqa: S608
        with psycopg.connect(self.settings.telemetry_database_url) as connection:
            found = connection.execute(insert.encode(), list(given.values())).fetchone()
        assert found is not None
        return int(found[0])

    def published_ids(self) -> list[int]:
        """Ids of the events that analysts see."""
        return [int(str(row[0])) for row in self.query("SELECT id FROM telemetry_events ORDER BY id")]

    def quarantined(self) -> dict[int, str]:
        """Reason by id of what is set apart."""
        return {int(str(row[0])): str(row[1]) for row in self.query("SELECT id, reason FROM quarantine")}

    def query(self, sql: str) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = self.warehouse._reader.execute(sql)
        return rows


def window(since: date, until: date) -> Window:
    """The days from `since` up to and without `until`."""
    return Window(midnight(since), midnight(until))


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def marts(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """Empty sources with their tables, and an empty warehouse with its own."""
    settings = fresh_settings()
    migrate(settings)
    with Warehouse(settings) as warehouse:
        yield Marts(settings, warehouse)
        # Thousands of idle tables would keep the engine busy for the rest of the session.
        warehouse._reader.execute(f"DROP DATABASE {settings.clickhouse_database}")


@pytest.fixture
def environment(marts: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that name the sources and the warehouse of this test, as Dagster's resources read them."""
    for field in (
        "clickhouse_host",
        "clickhouse_port",
        "clickhouse_user",
        "clickhouse_password",
        "clickhouse_database",
        "reports_retention_days",
        "crm_database_url",
        "telemetry_database_url",
    ):
        monkeypatch.setenv(field.upper(), str(getattr(marts.settings, field)))
