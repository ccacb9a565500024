"""Figures of a report, derived last and from sums only: a mean of means would be wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from functools import reduce
from itertools import pairwise
from operator import or_

import msgspec

from api.schemas import Metrics


class ProsthesisDay(msgspec.Struct, frozen=True):
    """A row of `sql/reads/days_of_user.sql`: what one prosthesis of one user did in one day."""

    day: date
    prosthesis_id: str
    chip_id: str
    prosthesis_type: str
    prosthesis_model: str
    first_event_us: int
    battery_first_pct: float
    battery_last_pct: float
    active_hours: int
    movements: int
    signal_duration_ms_sum: int
    signal_frequency_hz_sum: int
    amplitude_sum: float
    response_ms_sum: float
    responses: int
    battery_pct_sum: float
    battery_used_pct: float
    errors: int
    efficient_movements: int


class Sums(msgspec.Struct, frozen=True):
    """What adds up. `uptime_hours` and `battery_used_pct` add up over days, not within one: see `of_day`."""

    movements: int = 0
    uptime_hours: int = 0
    signal_duration_ms: int = 0
    signal_frequency_hz: int = 0
    amplitude: float = 0.0
    response_ms: float = 0.0
    responses: int = 0
    battery_pct: float = 0.0
    battery_used_pct: float = 0.0
    errors: int = 0
    efficient_movements: int = 0


def of_prosthesis(row: ProsthesisDay) -> Sums:
    """Sums of one prosthesis in one day."""
    return Sums(
        movements=row.movements,
        uptime_hours=row.active_hours.bit_count(),
        signal_duration_ms=row.signal_duration_ms_sum,
        signal_frequency_hz=row.signal_frequency_hz_sum,
        amplitude=row.amplitude_sum,
        response_ms=row.response_ms_sum,
        responses=row.responses,
        battery_pct=row.battery_pct_sum,
        battery_used_pct=row.battery_used_pct,
        errors=row.errors,
        efficient_movements=row.efficient_movements,
    )


def of_day(rows: Sequence[ProsthesisDay]) -> Sums:
    """Sums of one user in one day, over the prostheses: an hour that several were active in counts once."""
    total = of_period(map(of_prosthesis, rows))
    return msgspec.structs.replace(
        total,
        uptime_hours=reduce(or_, (row.active_hours for row in rows), 0).bit_count(),
        battery_used_pct=total.battery_used_pct + _used_between(rows),
    )


def of_period(days: Iterable[Sums]) -> Sums:
    """Sums over days."""
    columns = zip(*map(msgspec.structs.astuple, days), strict=True)
    return Sums(*map(sum, columns))


def metrics(sums: Sums) -> Metrics:
    """The figures that a reader sees."""
    return Metrics(
        movements=sums.movements,
        uptime_hours=sums.uptime_hours,
        usage_minutes=sums.signal_duration_ms / 60_000,
        response_ms_mean=mean(sums.response_ms, sums.responses),
        amplitude_mean=mean(sums.amplitude, sums.movements),
        frequency_hz_mean=mean(sums.signal_frequency_hz, sums.movements),
        battery_pct_mean=mean(sums.battery_pct, sums.movements),
        battery_used_pct=sums.battery_used_pct,
        errors=sums.errors,
        error_rate=mean(sums.errors, sums.movements),
        myosignal_efficiency=mean(sums.efficient_movements, sums.movements),
    )


def mean(total: float, count: int) -> float | None:
    """`total / count`, or `None` where there is nothing to take a mean over."""
    return total / count if count else None


def _used_between(rows: Sequence[ProsthesisDay]) -> float:
    """Drops between the last reading of a chip in one prosthesis and its first in the next one of the same wearer."""
    chips: defaultdict[str, list[ProsthesisDay]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.first_event_us):
        chips[row.chip_id].append(row)
    return sum(
        max(0.0, earlier.battery_last_pct - later.battery_first_pct)
        for worn in chips.values()
        for earlier, later in pairwise(worn)
    )
