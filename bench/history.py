"""Sources and warehouses for benches of size: hours with so many events each, made up inside PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg
from psycopg import conninfo

from assets.crm_customers import build_customers
from assets.partitions import Window, early_window
from assets.telemetry_events import EventsBuild
from assets.user_daily_reports import DailyBuild
from assets.user_prosthesis_stats import StatsBuild
from resources import arrivals
from resources.migrations import migrate
from resources.publications import HOUR
from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse
from stack import sources

WEARERS = 1_000

Hours = Sequence[tuple[datetime, int]]
"""Hours, in order, and how many events each has."""

_CUSTOMERS = """
INSERT INTO crm.customers (user_id, user_uuid, ldap_username, name, email, country, registration_ts, updated_at)
SELECT number, gen_random_uuid(), 'wearer' || number, 'Wearer ' || number, number || '@example.test', 'Demo',
    '2020-01-01Z', '2020-01-01Z'
FROM generate_series(1, %s) AS number"""
_MODEL = "INSERT INTO crm.prosthesis_models VALUES (1, 'Model A', 'arm')"
_PROSTHESES = """
INSERT INTO crm.prostheses (id, chip_id, customer_id, model_id, valid_from)
SELECT gen_random_uuid(), 'CHIP-' || number, number, 1, '2020-01-01Z' FROM generate_series(1, %s) AS number"""
# One after the other over the hour, and over all chips.
_PATTERN = """
CREATE TABLE telemetry.pattern AS
SELECT number, 'CHIP-' || 1 + number %% %(wearers)s AS chip_id,
    (ARRAY['biceps', 'triceps', 'forearm', 'hand', 'calf', 'thigh'])[1 + number %% 6] AS muscle_group,
    (20 + number %% 80)::int AS frequency, (200 + number * 7919 %% 1500)::int AS duration,
    ((number * 104729 %% 30011) / 10007.0)::float8 AS amplitude,
    CASE WHEN number %% 10 > 0 THEN 40 + number * 6007 %% 900 / 7.0 END::real AS response,
    (100 - number * 13 %% 9001 / 97.0)::real AS battery, CASE WHEN number %% 50 = 0 THEN 3 ELSE 0 END AS error,
    (41.5 + number %% 100 / 300.0)::float8 AS latitude, (44.5 + number %% 100 / 300.0)::float8 AS longitude
FROM generate_series(0::bigint, %(events)s - 1) AS number"""
_HOUR = """
INSERT INTO telemetry.raw_telemetry (
    chip_id, event_time, saved_ts, muscle_group, signal_frequency, signal_duration, signal_amplitude, response_time_ms,
    battery_level, error_code, latitude, longitude
)
SELECT chip_id, %(hour)s::timestamptz + (number + 1) * %(step)s * interval '1 microsecond',
    %(hour)s::timestamptz + (number + 1) * %(step)s * interval '1 microsecond' + interval '1 second', muscle_group,
    frequency, duration, amplitude, response, battery, error, latitude, longitude
FROM telemetry.pattern
WHERE number < %(events)s"""
_HOURS_AT_ONCE = 200


def filled(running: Settings, name: str, hours: Hours, wearers: int = WEARERS) -> Settings:
    """A new pair of sources with these hours and people, and an empty warehouse, on the servers of `running`."""
    with psycopg.connect(running.telemetry_database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    url = conninfo.make_conninfo(running.telemetry_database_url, dbname=name)
    sources.create(url, url)
    with psycopg.connect(url) as source:
        source.execute(_CUSTOMERS, (wearers,))
        source.execute(_MODEL)
        source.execute(_PROSTHESES, (wearers,))
        source.execute(_PATTERN, {"wearers": wearers, "events": max(events for _, events in hours)})
    for start in range(0, len(hours), _HOURS_AT_ONCE):
        add(url, hours[start : start + _HOURS_AT_ONCE])
    with psycopg.connect(url, autocommit=True) as source:
        source.execute("VACUUM ANALYZE")
    settings = msgspec.structs.replace(
        running, telemetry_database_url=url, crm_database_url=url, clickhouse_database=name
    )
    migrate(settings)
    return settings


def add(telemetry_url: str, hours: Hours) -> None:
    """Commit so many events in each of `hours`, all at once."""
    with psycopg.connect(telemetry_url) as telemetry:
        for hour, events in hours:
            step = 3_600_000_000 // (events + 1)
            telemetry.execute(_HOUR, {"hour": hour, "events": events, "step": step})


def load(settings: Settings, window: Window) -> dict[str, float]:
    """Have all that there is noticed and built, as a backfill does; seconds by mart."""
    seconds: dict[str, float] = {}
    with Warehouse(settings) as warehouse:
        began = time.perf_counter()
        with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as crm:
            build_customers(warehouse, crm, "bench")
        seconds["crm_customers"] = time.perf_counter() - began
        with arrivals.connect(settings) as source:
            while arrivals.tick(source, warehouse, settings).more:
                pass
        began = time.perf_counter()
        schema = settings.reports_telemetry_schema
        with snapshot(settings.telemetry_database_url, schema, "TELEMETRY_DATABASE_URL") as telemetry:
            EventsBuild(warehouse, telemetry, early_window(settings), "bench", silently).materialize(window)
        seconds["telemetry_events"] = time.perf_counter() - began
        began = time.perf_counter()
        StatsBuild(warehouse, settings.reports_response_limit_ms, "bench", silently).materialize(window)
        seconds["user_prosthesis_stats"] = time.perf_counter() - began
        began = time.perf_counter()
        DailyBuild(warehouse, "bench", silently).materialize(window)
        seconds["user_daily_reports"] = time.perf_counter() - began
    return seconds


def before(until: datetime, hours: int, events: int) -> list[tuple[datetime, int]]:
    """`events` in each of the `hours` before `until`."""
    return [(until - (hours - number) * HOUR, events) for number in range(hours)]


def silently(_: str) -> None:
    """Report that nobody hears."""
