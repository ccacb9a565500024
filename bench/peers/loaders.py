"""What `bench ingest` is measured against: three usual ways from rows of PostgreSQL to a table of ClickHouse.

Each only loads: nothing is checked, attributed or verified, and nothing is synced.
"""

from __future__ import annotations

import os

import clickhouse_connect
import pandas as pd
import psycopg2
from psycopg.conninfo import conninfo_to_dict

from bench import stacks
from resources.settings import Settings

COLUMNS = {
    "id": "Int64",
    "chip_id": "String",
    "event_time": "DateTime64(6, 'UTC')",
    "saved_ts": "DateTime64(6, 'UTC')",
    "muscle_group": "String",
    "signal_frequency": "Int32",
    "signal_duration": "Int32",
    "signal_amplitude": "Float64",
    "response_time_ms": "Nullable(Float32)",
    "battery_level": "Float32",
    "error_code": "Int32",
    "latitude": "Nullable(Float64)",
    "longitude": "Nullable(Float64)",
}
_NAMES = ", ".join(COLUMNS)


def make_table(settings: Settings) -> None:
    """An empty table of the source's columns for the peers."""
    declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with stacks.client(settings) as warehouse:
        warehouse.execute("DROP TABLE IF EXISTS peer_events")
        warehouse.execute(f"CREATE TABLE peer_events ({declared}) ENGINE = MergeTree ORDER BY (event_time, id)")


def postgresql_function(settings: Settings) -> None:
    """ClickHouse reads PostgreSQL itself."""
    at = conninfo_to_dict(settings.telemetry_database_url)
    source = [f"{at['host']}:{at['port']}", at["dbname"], "raw_telemetry", at["user"], at["password"], "telemetry"]
    named = {f"source_{number}": value for number, value in enumerate(source)}
    placeholders = ", ".join(f"%({name})s" for name in named)
    with stacks.client(settings) as warehouse:
        warehouse.execute(
            f"INSERT INTO peer_events ({_NAMES}) SELECT {_NAMES} FROM postgresql({placeholders})",  # noqa: S608 - ours
            named,
        )


def importer(settings: Settings, http_port: int) -> None:
    """The old importer's way: psycopg2's rows, a pandas frame, clickhouse-connect's lists."""
    with psycopg2.connect(settings.telemetry_database_url) as source, source.cursor() as cursor:
        cursor.execute(f"SELECT {_NAMES} FROM telemetry.raw_telemetry")  # noqa: S608 - ours
        frame = pd.DataFrame(cursor.fetchall(), columns=list(COLUMNS))
    warehouse = clickhouse_connect.get_client(
        host=settings.clickhouse_host,
        port=http_port,
        username=settings.clickhouse_user,
        password=settings.clickhouse_password,
        database=settings.clickhouse_database,
    )
    with warehouse:
        warehouse.insert("peer_events", frame.to_numpy().tolist(), column_names=list(COLUMNS))


def dlt(settings: Settings, http_port: int) -> None:
    """dlt's `sql_table` with the pyarrow backend, replacing what was there. Raises `ImportError` without dlt."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    import dlt as tool  # noqa: PLC0415 - an optional dependency group
    from dlt.sources.sql_database import sql_table  # noqa: PLC0415

    destination = tool.destinations.clickhouse(
        {
            "host": settings.clickhouse_host,
            "port": settings.clickhouse_port,
            "http_port": http_port,
            "database": settings.clickhouse_database,
            "username": settings.clickhouse_user,
            "password": settings.clickhouse_password,
            "secure": 0,
        }
    )
    url = settings.telemetry_database_url.replace("postgresql://", "postgresql+psycopg2://")
    table = sql_table(url, schema="telemetry", table="raw_telemetry", backend="pyarrow", chunk_size=100_000)
    home = f"{os.environ['REPORTS_HOME']}/dlt"
    pipeline = tool.pipeline("peer", destination=destination, dataset_name="peer", pipelines_dir=home)
    pipeline.run(table, write_disposition="replace")
