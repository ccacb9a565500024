"""one day of 1 000 000 events, from PostgreSQL rows to published reports in one run"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from bench import stacks
from bench.run import TELEMETRY
from resources.settings import Settings
from stack.seed import seed

EVENTS = 1_000_000


def measure() -> dict[str, float]:
    """Seconds by mart, their sum, and the most memory that the run held resident."""
    with stacks.running("postgres", "clickhouse", "prepare") as settings:
        day, rows = seeded_day(settings)
        run = json.loads(stacks.materialize(settings, day, day))
    seconds = {mart: round(run["seconds"][mart], 2) for mart in TELEMETRY}
    return {
        "events": rows,
        **{f"{mart}_s": figure for mart, figure in seconds.items()},
        "rows_to_reports_s": round(sum(seconds.values()), 2),
        "resident_mb": round(run["resident_mb"]),
    }


def seeded_day(settings: Settings) -> tuple[str, int]:
    """Fill the sources with one day, which is yesterday (UTC); that day, and how many events it has."""
    now = datetime.now(UTC)
    yesterday = now.date() - timedelta(days=1)
    seeded = seed(
        settings.crm_database_url,
        settings.telemetry_database_url,
        customers=1_000,
        days=1,
        events_per_day=EVENTS,
        seed=1,
        last_day=yesterday,
        now=now,
    )
    return str(yesterday), seeded.telemetry_rows
