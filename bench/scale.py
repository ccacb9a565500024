"""what 1 000 000 wearers and 100 000 000 events a day would take: slopes measured small, the rest is arithmetic"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import psycopg

from assets.partitions import Window, midnight
from bench import history, stacks
from resources.publications import DAY
from resources.settings import Settings

WEARERS = 1_000_000
EVENTS_A_DAY = 100_000_000

_MARTS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
_TICKS_AN_HOUR = 60
"""A day of ticks, one a minute, each in the hour that is not over."""

_OWN_WAL = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
_ON_DISK = "SELECT pg_total_relation_size('telemetry.raw_telemetry'), pg_database_size(current_database())"
_BYTES = """
SELECT sum(bytes_on_disk), sum(rows) FROM system.parts
WHERE active AND database = currentDatabase() AND table = %(table)s"""


class Day(msgspec.Struct):
    """One day that was loaded: how large it is, what it took and what it takes."""

    events: int
    wearers: int
    hours_of_wearers: int
    seconds: dict[str, float]
    source_bytes: int
    wal_bytes: int
    bytes_of: dict[str, tuple[int, int]]


def measure() -> dict[str, float]:
    """Figures of small days, and what they come to at the size that is asked about."""
    with stacks.running("postgres", "clickhouse", "prepare") as settings:
        few, many = _day(settings, "few", 20_000, 1_000), _day(settings, "many", 100_000, 1_000)
        crowd = _day(settings, "crowd", 20_000, 20_000)
    measured = _measured(few, many, crowd)
    return {**measured, **at_scale(measured)}


def _day(running: Settings, name: str, of_an_hour: int, wearers: int) -> Day:
    """Yesterday with 24 equal hours of these wearers, loaded."""
    until = midnight(datetime.now(UTC).date())
    before = _wal(running)
    settings = history.filled(running, f"scale_{name}", history.before(until, 24, of_an_hour), wearers)
    written = _wal(running) - before
    seconds = history.load(settings, Window(until - DAY, until))
    with psycopg.connect(settings.telemetry_database_url) as source:
        [(held, _)] = source.execute(_ON_DISK).fetchall()
    with stacks.client(settings) as client:
        taken = {mart: client.execute(_BYTES, {"table": f"{mart}_builds"})[0] for mart in _MARTS}
    return Day(
        events=24 * of_an_hour,
        wearers=wearers,
        hours_of_wearers=taken["user_prosthesis_stats"][1],
        seconds=seconds,
        source_bytes=held,
        wal_bytes=written,
        bytes_of=taken,
    )


def _measured(few: Day, many: Day, crowd: Day) -> dict[str, float]:
    """Slopes: what one more event, hour of a wearer and wearer costs, with what any run costs left out."""
    events = many.events - few.events
    hours = crowd.hours_of_wearers - few.hours_of_wearers
    of_events = [many.seconds[mart] - few.seconds[mart] for mart in _MARTS[:2]]
    of_hours = crowd.seconds["user_daily_reports"] - few.seconds["user_daily_reports"]
    people = crowd.wearers - few.wearers
    of_people = crowd.seconds["crm_customers"] - few.seconds["crm_customers"]
    # The same events of more people: what more it takes to know them.
    of_owners = max(crowd.seconds["telemetry_events"] - few.seconds["telemetry_events"], 0)
    figures = {
        "load_us_an_event": of_events[0] / events * 1e6,
        "hourly_us_an_event": of_events[1] / events * 1e6,
        "daily_us_an_hour_of_a_wearer": of_hours / hours * 1e6,
        "customers_us_a_wearer": of_people / people * 1e6,
        "owners_us_a_wearer": of_owners / people * 1e6,
        "postgresql_bytes_an_event": many.source_bytes / many.events,
        "postgresql_wal_bytes_an_event": (many.wal_bytes - few.wal_bytes) / events,
        **{f"{mart}_bytes_a_row": many.bytes_of[mart][0] / many.bytes_of[mart][1] for mart in _MARTS},
    }
    return {name: round(figure, 2) for name, figure in figures.items()}


def at_scale(measured: dict[str, float], wearers: int = WEARERS, events: int = EVENTS_A_DAY) -> dict[str, float]:
    """The same at another size, on the same two cores: multiplied, and nothing else."""
    of_an_hour = events / 24
    hours_of_wearers = wearers * 24
    # In the mean half of the hour is there; each tick makes all of it again.
    tick_events_s = of_an_hour / 2 * (measured["load_us_an_event"] + measured["hourly_us_an_event"]) / 1e6
    tick_owners_s = wearers * measured["owners_us_a_wearer"] / 1e6
    tick_days_s = hours_of_wearers / 2 * measured["daily_us_an_hour_of_a_wearer"] / 1e6
    telemetry_gb = events * measured["telemetry_events_bytes_a_row"] / 1e9
    sums_gb = (
        hours_of_wearers * measured["user_prosthesis_stats_bytes_a_row"]
        + wearers * measured["user_daily_reports_bytes_a_row"]
    ) / 1e9
    once_s = events * (measured["load_us_an_event"] + measured["hourly_us_an_event"]) / 1e6
    figures = {
        "at_scale_wearers": wearers,
        "at_scale_events_a_day": events,
        "at_scale_events_a_second": events / 86_400,
        "at_scale_day_read_once_s": once_s + hours_of_wearers * measured["daily_us_an_hour_of_a_wearer"] / 1e6,
        "at_scale_tick_events_s": tick_events_s,
        "at_scale_tick_daily_s": tick_days_s,
        "at_scale_tick_owners_s": tick_owners_s,
        "at_scale_tick_s": tick_events_s + tick_owners_s + tick_days_s,
        "at_scale_tick_at_the_end_of_the_day_s": 2 * tick_events_s + tick_owners_s + 2 * tick_days_s,
        "at_scale_events_read_for_each_at_a_tick_a_minute": _TICKS_AN_HOUR / 2,
        "at_scale_customers_s": wearers * measured["customers_us_a_wearer"] / 1e6,
        "at_scale_postgresql_gb_a_day": events * measured["postgresql_bytes_an_event"] / 1e9,
        "at_scale_postgresql_wal_gb_a_day": events * measured["postgresql_wal_bytes_an_event"] / 1e9,
        "at_scale_clickhouse_gb_a_day": telemetry_gb + sums_gb,
        "at_scale_clickhouse_tb_a_year": (telemetry_gb + sums_gb) * 365 / 1e3,
        "at_scale_superseded_gb_a_day_at_a_tick_a_minute": telemetry_gb * _TICKS_AN_HOUR / 2,
        "at_scale_publications_kept_a_year": 365 * (24 * 2 + 1),
        "at_scale_publications_a_day_at_a_tick_a_minute": 24 * _TICKS_AN_HOUR * len(_MARTS),
    }
    return {name: round(figure, 1) for name, figure in figures.items()}


def _wal(settings: Settings) -> int:
    with psycopg.connect(settings.telemetry_database_url) as source:
        [(position,)] = source.execute(_OWN_WAL).fetchall()
        return int(position)
