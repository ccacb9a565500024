"""Big exports in little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from resources.settings import Settings
from stack.lineup import environment
from tests.api.conftest import empty_marts

ROOT = Path(__file__).parent.parent.parent

# In a fresh process, so that nothing but the export is measured; everything that it loads counts.
PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
import api.app
from api.export.files import file_chunks
from api.export.formats import Format
from api.export.reports import of_events
from api.schemas import Period, User
from uuid import UUID

def most_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

def events(count):
    return (
        (number, BEGIN + timedelta(seconds=31 * number), "hand", "biceps", 50, 20, number / 7, None, 55.5, 0, "Grip 2",
         "4b3a9d9c-1f7e-4f5b-a1f4-6f1c3c1e6a0e", f"CHIP-{number % 3}", 55.75, 37.61, BEGIN)
        for number in range(count)
    )

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
form, rows, times = Format(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
idle = most_kb()
largest = 0
for time in range(times):
    user = User(user_id=time, user_uuid=UUID(int=time), name=f"Ada {time}")
    document = of_events(user, Period(since=BEGIN.date(), until=BEGIN.date()), None, events(rows))
    size = 0
    for chunk in file_chunks(document, form):
        size += len(chunk)
        largest = max(largest, len(chunk))
print(size, largest, most_kb() - idle)
"""


# From the question to the last piece, as the route does it.
AGGREGATE = """
import asyncio
import os
import sys
from uuid import UUID
from api.aggregates import audit_activity
from api.reads import Reads
from api.asking import in_form
from api.auth import Caller
from api.deadline import Deadline
from api.edition import Asked
from api.export.formats import Format
from resources.settings import read_settings

def most_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

async def size_of(form):
    asked = Asked(Caller(UUID(int=1)), form=form)
    answer = await in_form(asked, await reads.answer(audit_activity, asked, None, None))
    return sum([len(piece) async for piece in answer.iterator])

reads = Reads(read_settings(os.environ), Deadline(seconds=60, threads=1))
reads.follower.start()
reads.follower.aggregates()
idle = most_kb()
size = asyncio.run(size_of(Format(sys.argv[1])))
print(size, most_kb() - idle)
reads.close()
"""
MEASURABLE = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@MEASURABLE
@pytest.mark.parametrize(("form", "most_kb"), [("csv", 20_000), ("parquet", 100_000)])
def test_an_aggregate_is_sent_while_it_is_read(fresh_settings: Callable[[], Settings], form: str, most_kb: int) -> None:
    settings = fresh_settings()
    rows = [{"action": f"customer.update.{n}", "entity_type": "deal", "events": n, "actors": 1} for n in range(40_000)]
    with empty_marts(settings) as marts:
        for number in range(5):
            marts.audit(date(2026, 7, 1) + timedelta(days=number), rows)
    program = [sys.executable, "-c", AGGREGATE, form]

    done = subprocess.run(
        program, cwd=ROOT, env=os.environ | environment(settings), capture_output=True, text=True, check=True
    )

    size, taken_kb = map(int, done.stdout.split())
    assert size > 200_000
    assert taken_kb < most_kb


@MEASURABLE
@pytest.mark.parametrize(
    ("form", "rows", "times"),
    [
        ("csv", 300_000, 1),
        ("parquet", 300_000, 1),
        ("xlsx", 50_000, 1),
        pytest.param("pdf", 100_000, 1, marks=pytest.mark.soak),
        pytest.param("pdf", 100, 60, marks=pytest.mark.soak),
    ],
)
def test_exports_stay_under_100_mb_above_idle(form: str, rows: int, times: int) -> None:
    program = [sys.executable, "-c", PROGRAM, form, str(rows), str(times)]

    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)

    size, largest, taken_kb = map(int, done.stdout.split())
    assert size > 10_000
    assert largest < 4_000_000
    assert taken_kb < 100_000


def test_an_api_that_exports_nothing_loads_nothing_for_it() -> None:
    program = "import sys, api.export.response; print({'pyarrow', 'xlsxwriter', 'typst', 'pandas'} & set(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout == "set()\n"
