"""hourly and daily marts of a year from 20 000 000 raw events inside ClickHouse, beside a bare GROUP BY of them"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from assets.partitions import Window, midnight
from assets.user_daily_reports import DailyBuild
from assets.user_prosthesis_stats import StatsBuild
from bench import history, stacks
from resources.migrations import migrate
from resources.publications import DAY, Build, new_build_ids, publish
from resources.settings import Settings
from resources.warehouse import Warehouse

ROWS = 20_000_000

_DAYS = 365
_OF_A_WEARER = 20
"""Events of a wearer in an hour, in the mean."""
_TIMES = 3

# Readings of a wearer follow one another within the hour. Each hour is a build of its own.
_EVENTS = """
INSERT INTO telemetry_events_builds
SELECT
    number AS id,
    intDiv(number, %(of_a_wearer)s) %% %(wearers)s + 1 AS user_id,
    concat('prosthesis-', toString(user_id)),
    'hand', 'Model A', concat('CHIP-', toString(user_id)),
    toDateTime64(%(since)s, 6, 'UTC') + 3600 * hour + 180 * (number %% %(of_a_wearer)s)
        + cityHash64(number) %% 179000000 / 1e6 AS event_time,
    event_time + 1,
    ['biceps', 'triceps', 'forearm', 'hand'][1 + number %% 4],
    20 + number %% 80, 200 + cityHash64(number, 1) %% 1500, cityHash64(number, 2) %% 1000003 / 300007,
    if(number %% 10 = 0, nan, 40 + cityHash64(number, 3) %% 9001 / 97), 100 - cityHash64(number, 4) %% 9001 / 97,
    number %% 50 = 0 ? 3 : 0, nan, nan,
    %(build)s + hour
FROM (SELECT number, intDiv(number, %(of_an_hour)s) AS hour FROM numbers(%(rows)s))"""
# The keys of the hours, and of each column that the mart has the plainest aggregate: nothing in order, nothing written.
_BARE = """
SELECT toStartOfHour(event_time) AS hour, user_id, prosthesis_id, any(prosthesis_type), any(prosthesis_model),
    any(chip_id), count(), sum(signal_duration), sum(signal_frequency), sum(signal_amplitude), sum(response_time_ms),
    countIf(NOT isNaN(response_time_ms)), sum(battery_level), min(battery_level), max(battery_level), min(event_time),
    max(event_time), countIf(error_code > 0), countIf(error_code = 0 AND response_time_ms <= 100)
FROM telemetry_events_builds
WHERE event_time >= %(since)s AND event_time < %(until)s
GROUP BY build_id, hour, user_id, prosthesis_id
FORMAT Null"""


def measure(rows: int = ROWS) -> dict[str, float]:
    """Rows a second and seconds of each, each the median of three in turn."""
    until = midnight(datetime.now(UTC).date())
    window = Window(until - _DAYS * DAY, until)
    with stacks.running("clickhouse") as settings, stacks.client(settings) as client:
        migrate(settings)
        held = fill(settings, client, window, rows)
        bounds = {"since": f"{window.since:%F %T}", "until": f"{window.until:%F %T}"}
        taken: dict[str, list[float]] = {"bare": [], "hours": [], "days": []}
        with Warehouse(settings) as warehouse:
            stats = StatsBuild(warehouse, settings.reports_response_limit_ms, "bench", history.silently)
            daily = DailyBuild(warehouse, "bench", history.silently)
            for _ in range(_TIMES):
                taken["bare"].append(_seconds(lambda: client.execute(_BARE, bounds)))
                taken["hours"].append(_seconds(lambda: stats.materialize(window, full_refresh=True)))
                taken["days"].append(_seconds(lambda: daily.materialize(window, full_refresh=True)))
    seconds = {name: statistics.median(each) for name, each in taken.items()}
    rebuilt = seconds["hours"] + seconds["days"]
    return {
        "rows": held,
        "bare_group_by_s": round(seconds["bare"], 2),
        "hours_s": round(seconds["hours"], 2),
        "days_s": round(seconds["days"], 2),
        "rebuild_s": round(rebuilt, 2),
        "rows_per_second": round(held / rebuilt),
        "by_the_bare_group_by": round(rebuilt / seconds["bare"], 2),
    }


def fill(settings: Settings, client: Any, window: Window, rows: int) -> int:
    """Publish so many events, or a few less, evenly over the hours of `window`, merged as they are in time."""
    hours = window.hours()
    wearers = rows // len(hours) // _OF_A_WEARER
    of_an_hour = wearers * _OF_A_WEARER
    builds = new_build_ids(len(hours))
    numbers = {"of_a_wearer": _OF_A_WEARER, "of_an_hour": of_an_hour, "wearers": wearers}
    given = {**numbers, "rows": of_an_hour * len(hours), "build": builds[0], "since": f"{window.since:%F %T}"}
    client.execute(_EVENTS, given)
    client.execute("OPTIMIZE TABLE telemetry_events_builds FINAL")
    published = [
        Build(
            mart="telemetry_events",
            segment=hour,
            build_id=build_id,
            source_seq=1,
            rows=of_an_hour,
            checksum=0,
            watermark=hour,
            inputs=(of_an_hour, 0, 0, 0),
        )
        for hour, build_id in zip(hours, builds, strict=True)
    ]
    with Warehouse(settings) as warehouse:
        publish(warehouse, published, "bench")
    return of_an_hour * len(hours)


def _seconds(carry_out: Callable[[], object]) -> float:
    began = time.perf_counter()
    carry_out()
    return time.perf_counter() - began
