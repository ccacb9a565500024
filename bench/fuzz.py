"""arrivals noticed while twelve writers commit out of order, roll back and date events wrongly"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import msgspec
import psycopg

from bench import stacks
from bench.writers import Habits, Written, writing
from resources import arrivals
from resources.publications import EPOCH, naive
from resources.settings import Settings
from resources.warehouse import Warehouse

ROWS = 20_000

NAIVE = {
    "id_above_the_highest": "SELECT id, saved_ts FROM telemetry.raw_telemetry WHERE id > %(id)s",
    "saved_ts_above_the_newest": "SELECT id, saved_ts FROM telemetry.raw_telemetry WHERE saved_ts > %(saved_ts)s",
    "saved_ts_with_5_s_overlap": (
        "SELECT id, saved_ts FROM telemetry.raw_telemetry WHERE saved_ts > %(saved_ts)s::timestamptz - interval '5 s'"
    ),
}
"""Followers as others write them, by what they ask for."""


class Killed(Exception):
    """The process that noticed is gone, at this very moment."""


class Followed(msgspec.Struct):
    """What was read while writers wrote, and how long each tick took."""

    rows_read: int = 0
    ticks_ms: list[float] = msgspec.field(default_factory=list)
    killed: int = 0


class MortalWarehouse(Warehouse):
    """One in whose inserts the process dies at times: before the rows are written, or after."""

    def __init__(self, settings: Settings, chance: random.Random) -> None:
        super().__init__(settings)
        self._chance = chance

    def insert_rows(self, name: str, /, rows: Any) -> None:
        """Write the rows, or die."""
        if self._chance.random() < 0.15:
            raise Killed
        super().insert_rows(name, rows)
        if self._chance.random() < 0.15:
            raise Killed


def follow(settings: Settings, warehouse: Warehouse, habits: Habits, rows: int, seed: int) -> tuple[Written, Followed]:
    """Notice what writers write until they have committed about `rows` and all of it is noticed."""
    followed = Followed()
    with writing(settings.telemetry_database_url, habits, rows, seed) as (written, writers):
        while any(writer.is_alive() for writer in writers):
            _tick(settings, warehouse, followed)
    while _tick(settings, warehouse, followed):
        pass
    return written, followed


def measure(rows: int = ROWS) -> dict[str, float]:
    """Rows lost, here and by followers as others write them, and what a tick reads and takes."""
    with stacks.running("postgres", "clickhouse", "prepare") as running:
        # Events years old are written too, and are to be counted.
        settings = msgspec.structs.replace(running, reports_retention_days=0)
        habits = Habits(rows_most=max(20, rows // 5_000))
        with Warehouse(settings) as warehouse, _naive_followers(settings) as followers:
            written, followed = follow(settings, warehouse, habits, rows, seed=1)
            [(noticed,)] = warehouse.rows("reads/waiting_events", mart=arrivals.MART, since=naive(EPOCH))
        lost = {f"lost_by_{name}": len(written.ids - seen) for name, seen in followers.items()}
    centiles = quantiles(followed.ticks_ms, n=20)
    return {
        "committed_rows": len(written.ids),
        "rolled_back_rows": written.rolled_back,
        "lost": len(written.ids) - noticed,
        **lost,
        "rows_read_by_row": round(followed.rows_read / len(written.ids), 4),
        "ticks": len(followed.ticks_ms),
        "tick_p50_ms": round(centiles[9], 1),
        "tick_p95_ms": round(centiles[18], 1),
    }


def _tick(settings: Settings, warehouse: Warehouse, followed: Followed) -> int:
    """One tick, and a moment of rest; whether it read anything, or died of it."""
    try:
        with arrivals.connect(settings) as source:
            began = time.perf_counter()
            tick = arrivals.tick(source, warehouse, settings)
            followed.ticks_ms.append((time.perf_counter() - began) * 1000)
    except Killed:
        followed.killed += 1
        return 1
    followed.rows_read += tick.rows_read
    return tick.rows_read


@contextmanager
def _naive_followers(settings: Settings) -> Iterator[dict[str, set[int]]]:
    """Numbers of the events that each naive follower has seen so far, all of them once the block has ended."""
    seen: dict[str, set[int]] = {name: set() for name in NAIVE}
    stop = threading.Event()
    threads = [threading.Thread(target=_poll, args=(settings, NAIVE[name], seen[name], stop)) for name in NAIVE]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _poll(settings: Settings, question: str, seen: set[int], stop: threading.Event) -> None:
    last: dict[str, Any] = {"id": 0, "saved_ts": datetime(1970, 1, 1, tzinfo=UTC)}
    with psycopg.connect(settings.telemetry_database_url, autocommit=True) as connection:
        while not stop.wait(0.05):
            for id_, saved_ts in connection.execute(question.encode(), last).fetchall():
                seen.add(id_)
                last = {"id": max(last["id"], id_), "saved_ts": max(last["saved_ts"], saved_ts)}
