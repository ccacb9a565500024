"""what it costs that every insert is synced: small and large inserts, and a day of 1 000 000 events, both ways"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import stacks
from bench.day import seeded_day
from bench.run import TELEMETRY
from resources.settings import Settings
from resources.warehouse import Warehouse

WAYS = {
    "synced": "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1",
    "unsynced": "fsync_after_insert = 0, fsync_part_directory = 0, min_rows_to_fsync_after_merge = 0",
}
ROUNDS = 3


def measure() -> dict[str, float]:
    """Median milliseconds of an insert of 100 and of 30 000 rows, seconds from rows to reports of the day."""
    figures: dict[str, float] = {}
    with stacks.running("postgres", "clickhouse", "prepare") as settings:
        day, _ = seeded_day(settings)
        # In turns, and the best of each, so that whatever else the machine does counts on neither side.
        for _ in range(ROUNDS):
            for way, setting in WAYS.items():
                _start_anew(settings, setting)
                for figure, measured in _round(settings, day):
                    name = f"{way}_{figure}"
                    figures[name] = min(measured, figures.get(name, measured))
    return figures


def _round(settings: Settings, day: str) -> Iterator[tuple[str, float]]:
    for rows, times in ((100, 100), (30_000, 10)):
        yield f"{rows}_rows_ms", _insert_ms(settings, rows, times)
    run = json.loads(stacks.materialize(settings, day, day))
    yield "day_s", round(sum(run["seconds"][mart] for mart in TELEMETRY), 2)


def _start_anew(settings: Settings, setting: str) -> None:
    """Empty tables, because what is published already would be kept, with this setting."""
    with Warehouse(settings) as warehouse:
        for table in _tables(warehouse):
            warehouse._reader.execute(f"TRUNCATE TABLE {table}")
            warehouse._reader.execute(f"ALTER TABLE {table} MODIFY SETTING {setting}")


def _tables(warehouse: Warehouse) -> list[str]:
    found = warehouse._reader.execute(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    return [name for (name,) in found]


def _insert_ms(settings: Settings, rows: int, times: int) -> float:
    """The median of inserts into the table of events, each a block of its own."""
    took_ms = []
    with Warehouse(settings) as warehouse:
        columns = _columns(warehouse, rows)
        for _ in range(times):
            began = time.perf_counter()
            warehouse.insert("builds/telemetry_events", [columns])
            took_ms.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took_ms), 1)


def _columns(warehouse: Warehouse, rows: int) -> dict[str, Any]:
    """Events of one hour, alike but for their ids."""
    described = warehouse._reader.execute("SELECT * FROM telemetry_events_builds LIMIT 0", with_column_types=True)
    columns = {name: _column(type_, rows) for name, type_ in described[1]}
    return columns | {"id": np.arange(rows)}


def _column(type_: str, rows: int) -> Any:
    if "String" in type_:
        return np.full(rows, "some", dtype=object)
    if type_.startswith("DateTime64"):
        return np.full(rows, np.datetime64("2026-02-01T12:00:00", "us"))
    return np.ones(rows, dtype=type_.lower())
