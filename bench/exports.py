"""big files from the API: a year of raw events of one user, and an aggregate, each of 1 000 000 rows"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import clickhouse_driver
import httpx
import psutil
from pyarrow.parquet import ParquetFile

from bench import stacks
from resources.publications import DAY, EPOCH, HOUR, Build, new_build_ids, publish
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import lineup, up
from stack.state import running

ROWS = 1_000_000
DAYS = 365
HOURS = 24 * DAYS
WEARER = "11111111-1111-4111-8111-111111111111"
FILES = {"events": "/api/reports/events", "aggregate": "/api/v1/aggregates/audit-activity"}

_CUSTOMER = """
INSERT INTO crm_customers_builds (user_id, user_uuid, name, build_id) SELECT 1, %(wearer)s, 'A wearer', %(build)s"""
_EVENTS = """
INSERT INTO telemetry_events_builds
SELECT number, 1, '4b3a9d9c-1f7e-4f5b-a1f4-6f1c3c1e6a0e', 'hand', 'Протез «Хват 2»',
    concat('CHIP-', toString(number %% 3)),
    fromUnixTimestamp64Micro(%(since_us)s + intDiv(%(hours)s * 3600000000 * number, %(rows)s), 'UTC') AS at, at,
    'biceps', 50, 20, number / 7, number %% 90, number %% 100, number %% 9, 55 + number / 1e7, 37 + number / 3e7,
    %(build)s + intDiv(%(hours)s * number, %(rows)s)
FROM numbers(%(rows)s)"""
_AUDIT = """
INSERT INTO audit_activity_builds
SELECT toDate(%(since)s) + intDiv(%(days)s * number, %(rows)s), concat('customer.update.', toString(number %% 100)),
    concat('entity-', toString(intDiv(number, 100) %% 1000)), number, number %% 50, now64(6),
    %(build)s + intDiv(%(days)s * number, %(rows)s)
FROM numbers(%(rows)s)"""


def measure(rows: int = ROWS) -> dict[str, float]:
    """Seconds of each file, and what the API held at most meanwhile above what it held before the first, in MB."""
    with stacks.running("postgres", "clickhouse", "prepare", "api") as settings:
        _fill(settings, rows)
        token = stacks.reports("token", "--user", WEARER, "--role", "reports-manager").strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=lineup.api_address(settings), headers=headers, timeout=600) as api:
            _wait_until_published(api)
            idle_mb = _memory_mb("VmRSS")
            figures: dict[str, float] = {"rows": rows, "idle_mb": round(idle_mb)}
            # CSV first, because what Parquet loads stays.
            for form in ("csv", "parquet"):
                for name, path in FILES.items():
                    took_s, above_mb = _download(api, path, form, rows, idle_mb)
                    figures |= {f"{name}_{form}_s": took_s, f"{name}_{form}_mb_above_idle": above_mb}
    return figures


def _fill(settings: Settings, rows: int) -> None:
    """Publish a year that ends today: `rows` events of one wearer, and as many rows of the aggregate."""
    first = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    since = datetime.combine(first, clock(), UTC)
    ids = iter(new_build_ids(1 + 2 * HOURS + 2 * DAYS))
    customers = [_build("crm_customers", EPOCH, next(ids))]
    events = [_build("telemetry_events", since + number * HOUR, next(ids)) for number in range(HOURS)]
    stats = [_build("user_prosthesis_stats", hour.segment, next(ids), hour.build_id) for hour in events]
    days = [
        _build(
            "user_daily_reports",
            since + number * DAY,
            next(ids),
            *(hour.build_id for hour in stats[24 * number : 24 * (number + 1)]),
        )
        for number in range(DAYS)
    ]
    audit = [_build("audit_activity", since + number * DAY, next(ids)) for number in range(DAYS)]
    _insert(settings, _CUSTOMER, wearer=WEARER, build=customers[0].build_id)
    _insert(settings, _EVENTS, rows=rows, hours=HOURS, since_us=_us(first), build=events[0].build_id)
    _insert(settings, _AUDIT, rows=rows, days=DAYS, since=first, build=audit[0].build_id)
    with Warehouse(settings) as warehouse:
        publish(warehouse, [*customers, *events, *stats, *days, *audit], "bench")


def _build(mart: str, segment: datetime, build_id: int, *inputs: int) -> Build:
    return Build(
        mart=mart,
        segment=segment,
        build_id=build_id,
        source_seq=1,
        rows=1,
        checksum=0,
        watermark=segment,
        inputs=inputs,
    )


def _insert(settings: Settings, statement: str, **parameters: Any) -> None:
    with clickhouse_driver.Client(
        settings.clickhouse_host,
        settings.clickhouse_port,
        settings.clickhouse_database,
        settings.clickhouse_user,
        settings.clickhouse_password,
    ) as client:
        client.execute(statement, parameters)


def _us(day: date) -> int:
    return int(datetime.combine(day, clock(), UTC).timestamp()) * 1_000_000


def _wait_until_published(api: httpx.Client) -> None:
    """Ask as a caller would, so that what any request loads is loaded."""
    deadline = time.monotonic() + 30
    while api.get("/api/reports").status_code != 200:
        if time.monotonic() > deadline:
            raise TimeoutError("The API never saw what was published.")
        time.sleep(0.1)


def _download(api: httpx.Client, path: str, form: str, rows: int, idle_mb: float) -> tuple[float, float]:
    """Seconds, and MB above idle; fails where the file has other than `rows` rows."""
    since = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    with tempfile.NamedTemporaryFile() as file:
        _forget_peaks()
        began = time.monotonic()
        with api.stream("GET", path, params={"format": form, "from": str(since)}) as answer:
            for piece in answer.raise_for_status().iter_bytes():
                file.write(piece)
        took_s = time.monotonic() - began
        above_mb = _memory_mb("VmHWM") - idle_mb
        file.flush()
        found = _rows(Path(file.name), form)
    if found != rows:
        raise ValueError(f"{path} as {form} has {found} rows in place of {rows}")
    return round(took_s, 1), round(above_mb)


def _rows(file: Path, form: str) -> int:
    if form == "parquet":
        rows: int = ParquetFile(file).metadata.num_rows
        return rows
    with file.open("rb") as lines:
        return sum(1 for _ in lines) - 1


def _forget_peaks() -> None:
    for pid in _api_pids():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _memory_mb(line: str) -> float:
    """Of `/proc/PID/status`, over the API's processes: VmRSS is what they hold now, VmHWM what they held at most."""
    statuses = [Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() for pid in _api_pids()]
    return sum(int(found.split()[1]) / 1024 for status in statuses for found in status if found.startswith(f"{line}:"))


def _api_pids() -> list[int]:
    """The server's process and its workers."""
    state = running(up.current(os.environ)[0])
    [pid] = [part.pid for part in (state.parts if state else ()) if part.name == "api" and part.pid]
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
