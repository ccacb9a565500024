"""1 000 events that arrive in one hour, with 1, 10 and 50 million events of history and in a day of 5 million"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from rich.console import Console

from assets.partitions import Window, midnight
from bench import history, stacks
from bench.peers import hourly_job
from bench.ticking import NEW_ROWS
from resources.publications import DAY, HOUR
from resources.settings import Settings
from stack import lineup

ROWS = 50_000_000
"""Events of the longest history, at least a million."""

_SIZES = (1_000_000, 10_000_000, 50_000_000)
_OF_AN_HOUR = 10_000
"""Events of an hour that a tick is measured in, whatever the size: what a tick reads again is the same everywhere."""
_FULL_DAY = 5_000_000
_TICKS = 9
_PEER_TICKS = 3
_FIRST_HOUR = 8

_SETTLED_S = 65
"""For a minute after a backfill, looks derive again whatever it published; a tick is measured when that is over."""

_SAY = Console(stderr=True)


def measure(rows: int = ROWS) -> dict[str, float]:
    """Seconds of a tick by size, of its parts, of the old job's, and rows that are read for it."""
    with stacks.running("postgres", "clickhouse", "prepare") as settings, ExitStack() as warm:
        today = midnight(datetime.now(UTC).date())
        sized = {name: _filled(settings, name, hours) for name, hours in _histories(today, rows)}
        time.sleep(_SETTLED_S)
        tickers = {name: warm.enter_context(_ticker(each)) for name, each in sized.items()}
        quiet = {name: json.loads(next(answers))["look_s"] for name, (_, answers) in tickers.items()}
        ticks: dict[str, list[dict[str, float]]] = {name: [] for name in tickers}
        # One of each size in turn, so that what else the machine does falls on all alike. The first warms up.
        for number in range(_TICKS + 1):
            for name, (ask, answers) in tickers.items():
                ask((today - DAY + (_FIRST_HOUR + number) * HOUR).isoformat())
                ticks[name].append(json.loads(next(answers)))
        longest = list(sized.values())[-2]
        peer = [hourly_job.tick(longest, today) for _ in range(_PEER_TICKS)]
        peer_rows = hourly_job.rows_read(longest, today)
    return _figures({name: found[1:] for name, found in ticks.items()}, quiet, peer, peer_rows)


def _histories(today: datetime, most: int) -> Iterator[tuple[str, list[tuple[datetime, int]]]]:
    """Name of each size, and the hours with their events."""
    most = max(most, _SIZES[0])
    for size in _SIZES:
        if size <= most:
            yield f"{size // 1_000_000}m", history.before(today, size // _OF_AN_HOUR, _OF_AN_HOUR)
    measured = range(_FIRST_HOUR, _FIRST_HOUR + _TICKS + 1)
    others = (min(_FULL_DAY, most) - len(measured) * _OF_AN_HOUR) // (24 - len(measured))
    yield (
        "full_day",
        [(today - DAY + hour * HOUR, _OF_AN_HOUR if hour in measured else others) for hour in range(24)],
    )


def _filled(running: Settings, name: str, hours: list[tuple[datetime, int]]) -> Settings:
    """Sources with these hours, and a warehouse with all marts of them, built by the system itself."""
    began, events = time.monotonic(), sum(events for _, events in hours)
    settings = history.filled(running, f"ticks_{name}", hours)
    _SAY.print(f"{name}: {events:,} events written after {time.monotonic() - began:.0f} s")
    history.load(settings, Window(midnight(hours[0][0].date()), hours[-1][0] + HOUR))
    _SAY.print(f"{name}: loaded after {time.monotonic() - began:.0f} s")
    return settings


@contextmanager
def _ticker(settings: Settings) -> Iterator[tuple[Callable[[str], None], Iterator[str]]]:
    """A warm process for this warehouse: what asks it for a tick, and its answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ticking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | lineup.environment(settings),
    )
    with process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None and answers is not None  # noqa: S101 - they are pipes

        def ask(line: str) -> None:
            questions.write(f"{line}\n")
            questions.flush()

        try:
            yield ask, iter(answers)
        finally:
            questions.close()


def _figures(
    ticks: dict[str, list[dict[str, float]]], quiet: dict[str, float], peer: list[float], peer_rows: int
) -> dict[str, float]:
    found: dict[str, float] = {"new_rows": NEW_ROWS, "rows_of_the_hour": _OF_AN_HOUR + NEW_ROWS}
    for name, taken in ticks.items():
        for part in ("tick_s", "look_s", "steps_s", "start_s"):
            found[f"{name}_{part}"] = round(_median(taken, part), 3)
        found[f"{name}_quiet_look_s"] = round(quiet[name], 4)
        found[f"{name}_rows_read_again"] = max(round(each["rows_read_again"]) for each in taken)
        found[f"{name}_rows_touched"] = max(round(each["rows_touched"]) for each in taken)
    medians = [_median(taken, "tick_s") for taken in ticks.values()]
    return {
        **found,
        "largest_by_smallest": round(max(medians) / min(medians), 2),
        "old_job_rows": peer_rows,
        "old_job_s": round(statistics.median(peer), 2),
        "times_the_old_job": round(statistics.median(peer) / max(medians), 1),
    }


def _median(taken: Sequence[dict[str, float]], part: str) -> float:
    return statistics.median(each[part] for each in taken)
