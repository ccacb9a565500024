"""The hourly job as the importers before this one were written: seven days aggregated in PostgreSQL, merged in pandas.

It knows nothing of what arrived, so each hour it does all seven days again.
"""

from __future__ import annotations

import time
from datetime import datetime

import pandas as pd
import psycopg2
from psycopg2.extensions import connection

from bench import stacks
from resources.settings import Settings

_TABLE = """
CREATE TABLE IF NOT EXISTS peer_hours
(
    user_id UInt64, name String, prosthesis_id String, chip_id String, day Date, hour UInt8, movements UInt64,
    signal_duration_ms_sum Int64, amplitude_mean Float64, response_ms_mean Float64, battery_pct_mean Float64,
    errors UInt64
)
ENGINE = MergeTree ORDER BY (user_id, day, hour)"""
_AGGREGATED = """
SELECT chip_id, event_time::date AS day, extract(hour FROM event_time)::int AS hour, count(*) AS movements,
    sum(signal_duration) AS signal_duration_ms_sum, avg(signal_amplitude) AS amplitude_mean,
    coalesce(avg(response_time_ms), 0) AS response_ms_mean, avg(battery_level) AS battery_pct_mean,
    count(*) FILTER (WHERE error_code > 0) AS errors
FROM telemetry.raw_telemetry
WHERE event_time >= %(until)s::timestamptz - interval '7 days' AND event_time < %(until)s
GROUP BY 1, 2, 3"""
_CUSTOMERS = """
SELECT customers.user_id, customers.name, prostheses.id::text AS prosthesis_id, prostheses.chip_id
FROM crm.customers JOIN crm.prostheses ON prostheses.customer_id = customers.user_id"""
_READ = """
SELECT count(*) FROM telemetry.raw_telemetry
WHERE event_time >= %s::timestamptz - interval '7 days' AND event_time < %s"""
_COLUMNS = [
    "user_id", "name", "prosthesis_id", "chip_id", "day", "hour", "movements", "signal_duration_ms_sum",
    "amplitude_mean", "response_ms_mean", "battery_pct_mean", "errors",
]  # fmt: skip


def tick(settings: Settings, until: datetime) -> float:
    """Seconds of one tick; connections are made before."""
    with (
        psycopg2.connect(settings.telemetry_database_url) as telemetry,
        psycopg2.connect(settings.crm_database_url) as crm,
        stacks.client(settings) as client,
    ):
        client.execute(_TABLE)
        began = time.perf_counter()
        sums = _frame(telemetry, _AGGREGATED, {"until": until})
        merged = sums.merge(_frame(crm, _CUSTOMERS), on="chip_id", how="inner")
        client.execute("TRUNCATE TABLE peer_hours")
        rows = list(merged[_COLUMNS].itertuples(index=False, name=None))
        client.execute(f"INSERT INTO peer_hours ({', '.join(_COLUMNS)}) VALUES", rows)
        return time.perf_counter() - began


def rows_read(settings: Settings, until: datetime) -> int:
    """How many events a tick aggregates."""
    with psycopg2.connect(settings.telemetry_database_url) as telemetry, telemetry.cursor() as cursor:
        cursor.execute(_READ, (until, until))
        [(count,)] = cursor.fetchall()
        return int(count)


def _frame(database: connection, question: str, parameters: dict[str, datetime] | None = None) -> pd.DataFrame:
    with database.cursor() as cursor:
        cursor.execute(question, parameters)
        return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])
