"""A warehouse of reports for `bench api`: hours that the server makes up, days that the product makes from them."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock

from assets.partitions import Window
from assets.user_daily_reports import DailyBuild
from bench import stacks
from resources.migrations import migrate
from resources.publications import DAY, EPOCH, HOUR, Build, new_build_ids, publish
from resources.settings import Settings, read_settings
from resources.warehouse import Warehouse

WEARERS = 1_000
DAYS = 60
LAST_DAY = date(2026, 6, 30)
SINCE = datetime.combine(LAST_DAY - timedelta(days=DAYS - 1), clock(), UTC)
WINDOW = Window(SINCE, SINCE + DAYS * DAY)
REBUILT_DAYS = 7

_CUSTOMERS = """
INSERT INTO crm_customers_builds (user_id, user_uuid, name, build_id)
SELECT number + 1, generateUUIDv4(number), concat('Wearer ', toString(number + 1)), %(build)s
FROM numbers(%(wearers)s)"""
# One prosthesis each, every fifth wearer two; eight hours a day.
_STATS = """
INSERT INTO user_prosthesis_stats_builds
SELECT intDiv(number, 2) %% %(wearers)s + 1 AS user_id,
    concat('prosthesis-', toString(user_id), '-', toString(number %% 2)),
    'hand', 'Протез «Хват 2»', concat('CHIP-', toString(user_id), '-', toString(number %% 2)),
    toDateTime(%(since)s, 'UTC') + 3600 * (24 * intDiv(slot, 8) + 8 + slot %% 8) AS hour,
    1 + cityHash64(number) %% 40 AS movements, movements * 612, movements * 47,
    movements * (cityHash64(number) %% 1000 / 911), movements * 87.5, movements, movements * 71.25, 1.5, 72, 70.5,
    hour, hour + 3000, number %% 3 = 0, movements - number %% 2,
    %(build)s + 24 * intDiv(slot, 8) + 8 + slot %% 8
FROM (SELECT number, intDiv(number, 2 * %(wearers)s) AS slot FROM numbers(%(rows)s))
WHERE number %% 2 = 0 OR user_id %% 5 = 0"""
_PEERS = """
CREATE TABLE peer_reports ENGINE = MergeTree ORDER BY (user_id, day, prosthesis_id) AS
SELECT user_id, day, prosthesis_id, chip_id, prosthesis_type, prosthesis_model, movements, active_hours,
    signal_duration_ms_sum, signal_frequency_hz_sum, amplitude_sum, response_ms_sum, responses, battery_pct_sum,
    battery_used_pct, errors, efficient_movements
FROM user_daily_reports"""
_MERGED = ("peer_reports", "user_daily_reports_builds")


def fill(settings: Settings) -> None:
    """Publish customers, hours and days, and copy the mart for the peers; both are merged, as they are in time."""
    migrate(settings)
    customers, stats = new_build_ids(1)[0], new_build_ids(24 * DAYS)
    with Warehouse(settings) as warehouse, stacks.client(settings) as client:
        client.execute(_CUSTOMERS, {"build": customers, "wearers": WEARERS})
        rows = {"build": stats[0], "wearers": WEARERS, "rows": 2 * WEARERS * DAYS * 8, "since": f"{SINCE:%F %T}"}
        client.execute(_STATS, rows)
        hours = [_build("user_prosthesis_stats", SINCE + number * HOUR, build) for number, build in enumerate(stats)]
        publish(warehouse, [_build("crm_customers", EPOCH, customers, WEARERS), *hours], "bench")
        for lookup in ("0019_crm_customers_by_number", "0020_crm_customers_by_uuid"):
            warehouse.run(f"tables/{lookup}")
        DailyBuild(warehouse, "bench", lambda _: None).materialize(WINDOW)
        client.execute(_PEERS)
        for table in _MERGED:
            client.execute(f"OPTIMIZE TABLE {table} FINAL")


def rebuild_for_ever(settings: Settings) -> None:
    """Backfill: build the same old days again and again, as a run of Dagster builds them."""
    window = Window(SINCE, SINCE + REBUILT_DAYS * DAY)
    with Warehouse(settings) as warehouse:
        while True:
            DailyBuild(warehouse, "bench", lambda _: None).materialize(window, full_refresh=True)
            sys.stdout.write(f"{time.time()}\n")
            sys.stdout.flush()


def queries_of(settings: Settings) -> int:
    """How many queries the server has begun since it started, this one among them."""
    with stacks.client(settings) as client:
        found: int = client.execute("SELECT value FROM system.events WHERE event = 'Query'")[0][0]
        return found


def _build(mart: str, segment: datetime, build_id: int, rows: int = 1) -> Build:
    return Build(
        mart=mart, segment=segment, build_id=build_id, source_seq=1, rows=rows, checksum=0, watermark=segment, inputs=()
    )


if __name__ == "__main__":
    rebuild_for_ever(read_settings(os.environ))
