"""What readers may be shown, whole: computed from the source rows by `tests.recompute`, with figures that are exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import msgspec
import polars as pl

from resources.settings import Settings
from tests import recompute

Rows = frozenset[tuple[Any, ...]]
NOTHING: Rows = frozenset()

Day = tuple[tuple[int, int, int], tuple[tuple[datetime, int, int], ...]]
"""What the API says of a day of one user: movements, uptime and errors, and movements and errors of each hour."""


_EXACT = ("movements", "errors", "signal_duration_ms_sum")
_CUSTOMERS = "SELECT user_id, name FROM crm.customers"
_AUDIT = "SELECT * FROM audit.events"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The marts at one moment; rows of telemetry begin with the user."""

    events: dict[datetime, Rows]
    hours: dict[datetime, Rows]
    days: dict[date, Rows]
    answers: dict[tuple[int, date], Day]
    customers: Rows
    deals: Rows
    audit: dict[date, Rows]
    sound: pl.DataFrame
    """The events that are published, for figures that are not exact."""
    source_rows: int

    def of(self, users: frozenset[int]) -> State:
        """The same without the telemetry of anyone else."""
        return msgspec.structs.replace(
            self,
            events={hour: own(rows, users) for hour, rows in self.events.items()},
            hours={hour: own(rows, users) for hour, rows in self.hours.items()},
            days={day: own(rows, users) for day, rows in self.days.items()},
        )


def own(rows: Rows, users: frozenset[int]) -> Rows:
    """The rows of some users."""
    return frozenset(row for row in rows if row[0] in users)


def recomputed(settings: Settings, before: State | None = None, program: str = "everything") -> State:
    """What the marts are to hold once `program` has built them from the sources as these are now.

    What the program does not touch is as it was `before`.
    """
    changed: dict[str, Any] = {}
    for part in _TOUCHED.get(program, _EVERYTHING):
        changed |= part(settings)
    return msgspec.structs.replace(before, **changed) if before else State(**changed)


def _telemetry(settings: Settings) -> dict[str, Any]:
    everything = recompute.events(settings.crm_database_url, settings.telemetry_database_url)
    sound = everything.filter("sound").with_columns(hour=pl.col("event_time").dt.truncate("1h"))
    hours = recompute.metrics(sound, "user_id", "prosthesis_id", "hour")
    days = recompute.metrics(sound, "user_id", "prosthesis_id", "day")
    return {
        "events": grouped(sound.select("hour", "user_id", "id").rows()),
        "hours": grouped(hours.select("hour", "user_id", "prosthesis_id", *_EXACT).rows()),
        "days": grouped(days.select("day", "user_id", "prosthesis_id", "uptime_hours", *_EXACT).rows()),
        "answers": _answers(sound),
        "sound": sound,
        "source_rows": everything.height,
    }


def _customers(settings: Settings) -> dict[str, Any]:
    return {"customers": frozenset(recompute.rows(settings.crm_database_url, _CUSTOMERS).rows())}


def _deals(settings: Settings) -> dict[str, Any]:
    deals = recompute.deals(settings.crm_database_url).select("status", "currency", "deals")
    return {"deals": frozenset(deals.rows())}


def _audit(settings: Settings) -> dict[str, Any]:
    return {"audit": grouped(recompute.audit(recompute.rows(settings.crm_database_url, _AUDIT)).rows())}


def grouped(rows: Iterable[tuple[Any, ...]], key: Callable[[Any], Any] = lambda first: first) -> dict[Any, Rows]:
    """Rows by what they begin with."""
    found: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for first, *rest in rows:
        found[key(first)].append(tuple(rest))
    together = {first: frozenset(rest) for first, rest in found.items()}
    for first, rest in found.items():
        # A doubled row must not hide in a set.
        if len(rest) != len(together[first]):
            together[first] |= {("doubled", len(rest))}
    return together


def _answers(sound: pl.DataFrame) -> dict[tuple[int, date], Day]:
    days = recompute.metrics(sound, "user_id", "day").select("user_id", "day", "movements", "uptime_hours", "errors")
    hours = recompute.metrics(sound, "user_id", "hour").select("user_id", "hour", "movements", "errors")
    by_hour = defaultdict(list)
    for user, hour, movements, errors in hours.rows():
        by_hour[user, hour.date()].append((hour, movements, errors))
    return {(user, day): (tuple(figures), tuple(by_hour[user, day])) for user, day, *figures in days.rows()}


_EVERYTHING = (_customers, _telemetry, _deals, _audit)
_TOUCHED = {
    "customers": (_customers,),
    "telemetry": (_telemetry,),
    "pieces": (_telemetry,),
    "deals": (_deals,),
    "audit": (_audit,),
    "collection": (),
}
