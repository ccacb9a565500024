"""30 days of one user from the API, not remembered"""

from __future__ import annotations

import os
import statistics
import time
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
from rich.progress import track

from bench import stacks
from stack.seed import seed

CUSTOMERS = 1_000
DAYS = 30


def measure() -> dict[str, float]:
    """Milliseconds a request, one after the other, each for another user than the one before."""
    now = datetime.now(UTC)
    last_day = now.date() - timedelta(days=1)
    with stacks.running("postgres", "clickhouse", "prepare", "api") as settings:
        seed(
            settings.crm_database_url,
            settings.telemetry_database_url,
            customers=CUSTOMERS,
            days=DAYS,
            events_per_day=100_000,
            seed=1,
            last_day=last_day,
            now=now,
        )
        stacks.materialize(settings, str(last_day - timedelta(days=DAYS - 1)), str(last_day))
        wearers = _wearers(settings.crm_database_url)
        token = stacks.reports("token", "--user", str(wearers[0]), "--role", "reports-reader").strip()
        return _ask(f"http://127.0.0.1:{settings.reports_service_port}", token, wearers)


def _wearers(crm_url: str) -> list[int]:
    with psycopg.connect(crm_url) as crm:
        found = crm.execute("SELECT DISTINCT customer_id FROM crm.prostheses ORDER BY customer_id").fetchall()
    return [user_id for (user_id,) in found]


def _ask(address: str, token: str, wearers: list[int]) -> dict[str, float]:
    """Every wearer once, then every wearer again: who a wearer is is remembered then, the report is not."""
    sizes: list[int] = []
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as api:
        _wait_until_published(api, wearers[0])
        first_ms, again_ms = (_times_ms(api, wearers, sizes) for _ in range(2))
    return {
        "wearers": len(wearers),
        "bytes_of_a_report": round(statistics.mean(sizes)),
        "first_median_ms": round(statistics.median(first_ms), 2),
        "again_median_ms": round(statistics.median(again_ms), 2),
        "again_p99_ms": round(statistics.quantiles(again_ms, n=100)[98], 2),
    }


def _times_ms(api: httpx.Client, wearers: list[int], sizes: list[int]) -> list[float]:
    took_ms = []
    for user_id in track(wearers, "requests", transient=True, disable="CI" in os.environ):
        began = time.perf_counter()
        answer = api.get(f"/reports/{user_id}")
        took_ms.append((time.perf_counter() - began) * 1000)
        sizes.append(len(answer.raise_for_status().content))
    return took_ms


def _wait_until_published(api: httpx.Client, user_id: int) -> None:
    deadline = time.monotonic() + 30
    while api.get(f"/reports/{user_id}").status_code != 200:
        if time.monotonic() > deadline:
            raise TimeoutError("The API never saw the reports that were published.")
        time.sleep(0.1)
