"""row committed in PostgreSQL to visible in the API, whole stack, devices sending one event every 6 to 12 s"""

from __future__ import annotations

import math
import os
import random
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import msgspec
import psycopg
from rich.progress import Progress

from bench import stacks
from resources.settings import Settings
from stack import lineup, up

ARRIVALS = 100

_PAUSES_S = (6.0, 12.0)
_LOOKED_EVERY_S = 0.1
_PATIENCE_S = 120.0
_IDLE_S = 60.0

_WEARER = """
SELECT customer_id, chip_id FROM crm.prostheses
WHERE valid_to IS NULL AND valid_from < now() ORDER BY customer_id LIMIT 1
"""
_ARRIVAL = """
INSERT INTO telemetry.raw_telemetry (
    chip_id, event_time, muscle_group, signal_frequency, signal_duration, signal_amplitude, battery_level, error_code
)
VALUES (%s, %s, 'biceps', 40, 600, 0.5, 90, 0)
"""
_RUNS = """
SELECT extract(epoch FROM create_timestamp AT TIME ZONE 'UTC')::float8, start_time, end_time
FROM runs WHERE status = 'SUCCESS' ORDER BY id
"""
_IDLE_TICKS = """
SELECT 1000 * ((tick_body::json->>'end_timestamp')::float8 - extract(epoch FROM timestamp AT TIME ZONE 'UTC')::float8)
FROM job_ticks
WHERE tick_body::json->>'job_name' = 'telemetry_arrival' AND status = 'SKIPPED' AND timestamp AT TIME ZONE 'UTC' > %s
"""


class Arrival(msgspec.Struct):
    """An event that was committed, and when the API had it, in seconds since 1970."""

    committed_at: float
    visible_at: float = math.inf


def measure(arrivals: int) -> dict[str, float]:
    """Seconds from commit to answer, and the medians of the stages on the way."""
    with stacks.home():
        stacks.reports("up", "--detach", *stacks.PORTS)
        try:
            settings = up.current(os.environ)[1]
            wait_until_quiet(settings)
            idle_ms = _idle_ticks_ms(settings)
            arrived = _arrive(settings, arrivals)
            return _figures(arrived, list(_runs(settings))) | {
                "ticks_with_nothing_to_do": len(idle_ms),
                "tick_with_nothing_to_do_median_ms": round(statistics.median(idle_ms)),
                "tick_with_nothing_to_do_most_ms": round(max(idle_ms)),
            }
        finally:
            stacks.reports("down")


def wait_until_quiet(settings: Settings) -> None:
    """Return once Dagster has nothing to do."""
    with psycopg.connect(settings.dagster_database_url, autocommit=True) as dagster:
        question = "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
        while dagster.execute(question).fetchone() != (0,):
            time.sleep(1)


def _idle_ticks_ms(settings: Settings) -> list[float]:
    """How long the daemon took for each tick of the sensor while nothing arrived, as it wrote down itself."""
    since = datetime.now(UTC)
    time.sleep(_IDLE_S)
    with psycopg.connect(settings.dagster_database_url) as dagster:
        return [took_ms for (took_ms,) in dagster.execute(_IDLE_TICKS, (since,))]


def _arrive(settings: Settings, count: int) -> list[Arrival]:
    with psycopg.connect(settings.crm_database_url) as crm:
        user_id, chip = crm.execute(_WEARER).fetchone() or (0, "")
    day = datetime.now(UTC).date()
    token = stacks.reports("token", "--user", str(user_id), "--expires", "86400").strip()
    report = f"/reports/{user_id}?from={day}&to={day}"
    arrived: list[Arrival] = []
    with (
        psycopg.connect(settings.telemetry_database_url, autocommit=True) as source,
        httpx.Client(base_url=lineup.api_address(settings), headers={"Authorization": f"Bearer {token}"}) as api,
        Progress(transient=True, disable="CI" in os.environ) as progress,
    ):
        bar = progress.add_task("arrivals", total=count)
        before, due = _movements(api, report), time.monotonic()
        while not arrived or arrived[-1].visible_at == math.inf or len(arrived) < count:
            if len(arrived) < count and time.monotonic() >= due:
                source.execute(_ARRIVAL, (chip, datetime.now(UTC)))
                arrived.append(Arrival(time.time()))
                due = time.monotonic() + random.uniform(*_PAUSES_S)  # noqa: S311 - nobody guesses these
            visible = _movements(api, report) - before
            for arrival in arrived[:visible]:
                arrival.visible_at = min(arrival.visible_at, time.time())
            progress.update(bar, completed=visible)
            if visible < len(arrived) and time.time() - arrived[visible].committed_at > _PATIENCE_S:
                raise TimeoutError(f"An event was not in the report {_PATIENCE_S:.0f} s after it was committed.")
            time.sleep(_LOOKED_EVERY_S)
    return arrived


def _movements(api: httpx.Client, report: str) -> int:
    answer = api.get(report)
    # The day's first event makes its report.
    return (
        0 if answer.status_code == 404 else sum(day["movements"] for day in answer.raise_for_status().json()["reports"])
    )


def _runs(settings: Settings) -> Iterator[tuple[float, float, float]]:
    """When each run that succeeded was asked for, began and ended."""
    with psycopg.connect(settings.dagster_database_url) as dagster:
        yield from dagster.execute(_RUNS).fetchall()


def _figures(arrived: list[Arrival], runs: list[tuple[float, float, float]]) -> dict[str, float]:
    seconds = [arrival.visible_at - arrival.committed_at for arrival in arrived]
    stages = [stage for arrival in arrived if (stage := _stages(arrival, runs))]
    names = ("until_asked_for_s", "until_begun_s", "until_ended_s", "until_visible_s")
    medians = {name: round(statistics.median(stage[place] for stage in stages), 2) for place, name in enumerate(names)}
    return {
        "arrivals": len(arrived),
        "p50_s": round(statistics.median(seconds), 2),
        "p95_s": round(statistics.quantiles(seconds, n=20)[18], 2),
        "most_s": round(max(seconds), 2),
        **medians,
    }


def _stages(arrival: Arrival, runs: list[tuple[float, float, float]]) -> tuple[float, ...] | None:
    """The seconds of each stage, if a run was asked for after the event was committed and ended before it was seen."""
    for asked, began, ended in runs:
        if asked >= arrival.committed_at and began <= arrival.visible_at:
            return asked - arrival.committed_at, began - asked, ended - began, arrival.visible_at - ended
    return None
