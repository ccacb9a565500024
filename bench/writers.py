"""Writers of telemetry that do what a source may: commit out of order, roll back, date events wrongly."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg

_INSERT = """
INSERT INTO telemetry.raw_telemetry (
    chip_id, event_time, saved_ts, muscle_group, signal_frequency, signal_duration, signal_amplitude, battery_level,
    error_code
)
SELECT 'chip-1', %s::timestamptz + number * interval '1 second', %s, 'biceps', 40, 600, 0.5, 90, 0
FROM generate_series(1, %s) AS number
RETURNING id"""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How writers write: how many at once, rows a transaction at most, and how long the longest transactions take."""

    writers: int = 12
    rows_most: int = 20
    longest_s: float = 2.0
    pause_s: float = 0.02


class Written(msgspec.Struct):
    """What was committed in all; each writer adds what it did."""

    ids: set[int] = msgspec.field(default_factory=set)
    rolled_back: int = 0


@contextmanager
def writing(url: str, habits: Habits, rows: int, seed: int) -> Iterator[tuple[Written, list[threading.Thread]]]:
    """Writers at work on the database at `url` until they have committed about `rows` in all, or the block ends."""
    written, stop = Written(), threading.Event()

    def write(number: int) -> None:
        chance = random.Random(seed * 1000 + number)  # noqa: S311 - a fuzz repeats its chances
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set() and len(written.ids) < rows:
                _transaction(connection, habits, chance, written)
                time.sleep(chance.random() * habits.pause_s)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(habits.writers)]
    for thread in threads:
        thread.start()
    try:
        yield written, threads
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _transaction(connection: psycopg.Connection, habits: Habits, chance: random.Random, written: Written) -> None:
    """Several inserts in one transaction, some behind savepoints that are rolled back, at times all of it."""
    ids: set[int] = set()
    with connection.transaction() as transaction:
        for _ in range(chance.randint(1, 4)):
            with connection.transaction() as savepoint:
                inserted = _insert(connection, habits, chance)
                if chance.random() < 0.2:
                    raise psycopg.Rollback(savepoint)
                ids |= inserted
            if chance.random() < 0.02:
                time.sleep(chance.random() * habits.longest_s)
        if chance.random() < 0.15:
            written.rolled_back += len(ids)
            ids = set()
            raise psycopg.Rollback(transaction)
    written.ids |= ids


def _insert(connection: psycopg.Connection, habits: Habits, chance: random.Random) -> set[int]:
    saved = datetime.now(UTC) + timedelta(hours=chance.choice((0, 0, 0, -5, 3)))
    happened = saved + timedelta(days=chance.choice((0, 0, 0, 0, -1, -700, -4000, 2, 30_000)))
    rows = connection.execute(_INSERT, (happened, saved, chance.randint(1, habits.rows_most)))
    return {id_ for (id_,) in rows}
