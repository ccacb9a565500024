"""1 000 000 events of demo telemetry written to PostgreSQL"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from bench import stacks
from stack.seed import seed


def measure() -> dict[str, float]:
    """Seconds to make up and write people, deals and one million events."""
    now = datetime.now(UTC)
    with stacks.running("postgres", "clickhouse", "prepare") as settings:
        began = time.monotonic()
        counts = seed(
            settings.crm_database_url,
            settings.telemetry_database_url,
            customers=1_000,
            days=10,
            events_per_day=100_000,
            seed=1,
            last_day=now.date() - timedelta(days=1),
            now=now,
        )
        return {"events": counts.telemetry_rows, "seconds": round(time.monotonic() - began, 2)}
