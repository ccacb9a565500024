"""Writing telemetry into the local stack's own source as devices would: now, in small transactions, some of it late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row

from resources.settings import Settings, read_settings
from stack import lineup, up
from stack.demo.now import Devices
from stack.demo.people import Prosthesis
from stack.errors import StackError

LATE = timedelta(minutes=10)
"""An event that is older when it is saved counts as late."""

_WORN = "SELECT id, chip_id, customer_id, model_id, valid_from, valid_to FROM crm.prostheses ORDER BY id"


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How devices send: events a second, the share of them that is late, and for how long."""

    rate: float
    late_share: float
    seconds: float


class Written(msgspec.Struct):
    """What was committed so far."""

    seconds: float = 0
    events: int = 0
    late: int = 0
    days: set[str] = msgspec.field(default_factory=set)

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.events:,} events, {self.late:,} of them late, of {len(self.days)} days"

    def add(self, events: pl.DataFrame, now: datetime) -> None:
        """Count events that were saved at `now`."""
        self.events += events.height
        self.late += events.filter(pl.col("event_time") < now - LATE).height
        self.days |= set(events["event_time"].dt.strftime("%Y-%m-%d"))


def own_source(environ: Mapping[str, str]) -> Settings:
    """Settings of the stack that runs now. Raises `NotRunning`, `StackError` where its source is somebody else's."""
    _, settings = up.current(environ)
    if not lineup.embedded(read_settings(environ), environ).sources:
        raise StackError(
            "The sources are named by CRM_DATABASE_URL and TELEMETRY_DATABASE_URL, so they are not this stack's own. "
            "Nothing was written; start a stack without them, with a REPORTS_HOME of its own."
        )
    return settings


def simulate(settings: Settings, habits: Habits, written: Written, sleep: Callable[[float], None]) -> Iterator[Written]:
    """Write for as long as `habits` say, about once a second, and yield `written` each time.

    Raises `StackError` where nobody wears a chip.
    """
    began, chance = time.monotonic(), np.random.default_rng()
    devices = Devices(_worn(settings), int(chance.integers(1 << 31)), datetime.now(UTC))
    with psycopg.connect(settings.telemetry_database_url, autocommit=True) as source:
        while (left := habits.seconds - written.seconds) > 0:
            sleep(min(1.0, left))
            passed = min(time.monotonic() - began, habits.seconds)
            now, number = datetime.now(UTC), chance.poisson(habits.rate * (passed - written.seconds))
            written.seconds = passed
            if number:
                events = devices.send(number, habits.late_share, now)
                _write(source, events)
                written.add(events, now)
            yield written


def _worn(settings: Settings) -> list[Prosthesis]:
    with psycopg.connect(settings.crm_database_url, row_factory=class_row(Prosthesis)) as crm:
        worn = crm.execute(_WORN).fetchall()
    if not worn:
        raise StackError("Nobody wears a chip that could send; `reports seed` makes somebody up.")
    return worn


def _write(source: psycopg.Connection, events: pl.DataFrame) -> None:
    """One transaction, which the source gives its own numbers and instants."""
    columns = sql.SQL(", ").join(map(sql.Identifier, events.columns))
    command = sql.SQL("COPY telemetry.raw_telemetry ({}) FROM STDIN").format(columns)
    with source.cursor() as cursor, cursor.copy(command) as copy:
        for event in events.iter_rows():
            copy.write_row(event)
