"""a day of 1 000 000 events from PostgreSQL into ClickHouse: this system beside the floor and three other ways"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import psycopg
from rich.console import Console
from rich.progress import Progress

from assets.event_load import load, read_owners
from assets.partitions import early_window
from bench import day, servers, stacks
from bench.run import TELEMETRY, most_resident_mb
from resources.migrations import migrate
from resources.publications import DAY, EPOCH, HOUR, current, new_build_ids
from resources.settings import Settings, read_settings
from resources.source import bounded, snapshot
from resources.warehouse import Warehouse
from stack import lineup

TURNS = 3
"""How often each of the fast ones is measured, in turns; the middle counts."""

_FLOOR = "COPY ({events}) TO '/dev/null' (FORMAT binary)"


def measure() -> dict[str, float]:
    """Seconds of each way, ratios to ours, and the most memory that ours held resident."""
    from bench.peers import loaders  # noqa: PLC0415 - it loads pandas

    with (
        Progress(transient=True, disable="CI" in os.environ) as progress,
        servers.world() as world,
        # Its warehouse stays idle: the old importer and dlt speak HTTP, which only the engine of `world` does.
        stacks.running("postgres", "clickhouse", "prepare") as sources,
    ):
        step = progress.add_task("fill", total=TURNS + 2)
        addresses = {name: getattr(sources, name) for name in ("crm_database_url", "telemetry_database_url")}
        settings = msgspec.structs.replace(world.settings, **addresses)
        migrate(settings)
        date, rows = day.seeded_day(settings)
        # The first run publishes the CRM, too; the ones measured build the same day again.
        stacks.materialize(settings, date, date)
        took = defaultdict[str, list[float]](list)
        resident_mb = []
        for turn in range(TURNS):
            progress.update(step, description=f"turn {turn + 1}", advance=1)
            loaders.make_table(settings)
            loaded = _apart(settings, date)
            whole = json.loads(stacks.materialize(settings, date, date, "--full-refresh"))
            resident_mb += [loaded["resident_mb"], whole["resident_mb"]]
            took["floor"].append(_seconds(lambda: _floor(settings, date)))
            took["extract_and_load"].append(loaded["seconds"])
            took["end_to_end"].append(sum(whole["seconds"][mart] for mart in TELEMETRY))
            took["postgresql_function"].append(_seconds(lambda: loaders.postgresql_function(settings)))
        progress.update(step, description="the old importer", advance=1)
        loaders.make_table(settings)
        took["old_importer"] = [_seconds(lambda: loaders.importer(settings, world.http_port))]
        progress.update(step, description="dlt", advance=1)
        try:
            took["dlt"] = [_seconds(lambda: loaders.dlt(settings, world.http_port))]
        except ImportError:
            Console(stderr=True).print("dlt is left out; `uv run --group ingest python -m bench ingest` brings it.")
    return {"events": rows, **_figures(took), "resident_mb": round(max(resident_mb))}


def _figures(took: dict[str, list[float]]) -> dict[str, float]:
    seconds = {name: statistics.median(turns) for name, turns in took.items()}
    ours, whole = seconds["extract_and_load"], seconds["end_to_end"]
    ratios = {"extract_and_load_to_floor": ours / seconds["floor"]}
    others = [name for name in ("postgresql_function", "dlt", "old_importer") if name in seconds]
    ratios |= {f"{name}_to_extract_and_load": seconds[name] / ours for name in others}
    ratios |= {"old_importer_to_end_to_end": seconds["old_importer"] / whole}
    return {f"{name}_s": round(took_s, 2) for name, took_s in seconds.items()} | {
        name: round(ratio, 2) for name, ratio in ratios.items()
    }


def _seconds(way: Callable[[], None]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _floor(settings: Settings, date: str) -> None:
    """What PostgreSQL needs to hand the day out, to nobody. The window is the one that a build reads."""
    since = datetime.fromisoformat(date).replace(tzinfo=UTC)
    events = bounded("sources/events", since=since, until=since + DAY)
    with psycopg.connect(settings.telemetry_database_url) as source:
        source.execute("SET search_path TO telemetry")
        source.execute(_FLOOR.format(events=events).encode())


def _apart(settings: Settings, date: str) -> dict[str, float]:
    """Extract and load alone, in a process of its own, as a run of Dagster is one."""
    command = [sys.executable, "-m", "bench.ingest", date]
    environ = os.environ | lineup.environment(settings)
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ).stdout
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


def _extract_and_load(settings: Settings, since: datetime) -> float:
    """Seconds to write the day that begins at `since` under builds that are never published."""
    hours = [since + number * HOUR for number in range(24)]
    build_ids = dict(zip(hours, new_build_ids(len(hours)), strict=True))
    url, schema = settings.telemetry_database_url, settings.reports_telemetry_schema
    first_day = early_window(settings).until
    with Warehouse(settings) as warehouse, snapshot(url, schema, "TELEMETRY_DATABASE_URL") as source:
        owners = read_owners(warehouse, current(warehouse, "prosthesis_owners")[EPOCH].build_id)
        source.window(since, since + DAY, first_day)
        return _seconds(lambda: load(warehouse, source.batches("sources/events"), build_ids, owners, first_day))


if __name__ == "__main__":
    begins = datetime.fromisoformat(sys.argv[1]).replace(tzinfo=UTC)
    middle = statistics.median(_extract_and_load(read_settings(os.environ), begins) for _ in range(TURNS))
    print(json.dumps({"seconds": middle, "resident_mb": most_resident_mb()}))
