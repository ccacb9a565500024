"""Demo telemetry: rows as the database would have received them, portion by portion, in order of `saved_ts`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from stack.demo.day import DAY_US, HOUR_US, Day, Moments, begin_day, moments
from stack.demo.habits import Floats, Ints, Senders, microseconds
from stack.demo.plan import Plan

_MINUTE_US = 60_000_000
_MUSCLES = pl.Series(
    ["biceps", "triceps", "deltoid", "flexor", "extensor", "thenar", "quadriceps", "hamstring", "calf"], dtype=pl.String
)
_INSTANT = pl.Datetime("us", "UTC")
_SPOILED_EVERY = 2000


def telemetry(plan: Plan, senders: Senders) -> Iterator[pl.DataFrame]:
    """Rows of `telemetry.raw_telemetry`, ids from 1 in order of `saved_ts`, a few hundred thousand at a time.

    Each day has `events_per_day`; of the last one, those that come after the plan's now are missing, and none is saved
    after it.
    """
    saved = 0
    waiting = pl.DataFrame()
    for portion, until_us in _days(plan, senders):
        # Whatever comes later happens, and so is saved, no earlier than `until_us`.
        unsaved = pl.concat([waiting, portion], how="diagonal").sort("saved_us", maintain_order=True)
        settled = unsaved["saved_us"].search_sorted(until_us)
        yield _numbered(unsaved[:settled], saved)
        saved += settled
        waiting = unsaved[settled:]
    yield _numbered(waiting, saved)


def _days(plan: Plan, senders: Senders) -> Iterator[tuple[pl.DataFrame, int]]:
    chance = np.random.default_rng([plan.seed, 2])
    battery_pct = chance.uniform(50, 95, len(senders.eagerness))
    end_us, now_us = microseconds(plan.end), microseconds(plan.now)
    for number in range(plan.days):
        day = begin_day(chance, senders, microseconds(plan.first) + number * DAY_US, battery_pct)
        battery_pct = day.battery_pct[-1]
        for portion in moments(chance, senders, day, plan.events_per_day):
            lived = portion.time_us < end_us
            seen = Moments(portion.sender[lived], portion.time_us[lived], portion.until_us)
            yield rows(chance, senders, day, seen, now_us), portion.until_us


def rows(chance: np.random.Generator, senders: Senders, day: Day, seen: Moments, now_us: int) -> pl.DataFrame:
    """What is sent at these moments of the day; `saved_us` is when the database has it."""
    number = len(seen.time_us)
    sender = seen.sender
    errors, response_ms = _faults(chance, senders, day, seen)
    return pl.DataFrame(
        {
            "chip_id": senders.chip_ids.gather(sender),
            "event_time": pl.Series(seen.time_us).cast(_INSTANT),
            "saved_us": _saved(chance, seen.time_us, now_us),
            "muscle_group": _MUSCLES.gather(3 * senders.limb[sender] + chance.integers(3, size=number)),
            "signal_frequency": chance.normal(120, 30, number).clip(20, 450).astype(np.int32),
            "signal_duration": chance.lognormal(5.7, 0.6, number).clip(20, 5000).astype(np.int32),
            "signal_amplitude": senders.amplitude_mv[sender] * chance.lognormal(0, 0.25, number),
            "response_time_ms": _null_for_nan(response_ms).cast(pl.Float32),
            "battery_level": _battery(day, seen),
            "error_code": errors.astype(np.int32),
            **_places(chance, senders, sender),
        }
    )


def _saved(chance: np.random.Generator, time_us: Ints, now_us: int) -> Ints:
    """When each event reached the database: mostly within seconds, one or two in a hundred after hours or days."""
    number = len(time_us)
    lag_us = chance.lognormal(0.5, 0.8, number) * 1_000_000
    late = np.flatnonzero(chance.random(number) < 0.015)
    hours = 10 * _MINUTE_US + chance.exponential(3 * HOUR_US, len(late))
    days = chance.uniform(1, 6, len(late)) * DAY_US
    lag_us[late] = np.where(chance.random(len(late)) < 0.6, hours, days)
    # What would still be under way has come at some time between the event and now.
    age_us = now_us - time_us
    lag_us = np.where(lag_us > age_us, age_us * chance.random(number), lag_us)
    saved_us: Ints = time_us + lag_us.astype(np.int64)
    return saved_us


def _faults(chance: np.random.Generator, senders: Senders, day: Day, seen: Moments) -> tuple[Ints, Floats]:
    """Error codes, 0 for none, and response times, NaN for none: a faulty device errs in runs and answers slowly."""
    number, sender = len(seen.sender), seen.sender
    faulty = (day.fault_since_us[sender] <= seen.time_us) & (seen.time_us < day.fault_until_us[sender])
    errs = chance.random(number) < np.where(faulty, 0.9, 0.003)
    response_ms = senders.response_ms[sender] * chance.lognormal(0, 0.3, number) * np.where(faulty, 1.8, 1.0)
    response_ms[chance.random(number) < 0.04] = np.nan
    errors: Ints = np.where(errs, day.fault_code[sender], 0)
    return errors, response_ms


def _battery(day: Day, seen: Moments) -> pl.Series:
    """Charge in percent, in tenths as a device tells it, between the levels of the full hours."""
    hour, within_us = np.divmod(seen.time_us - day.since_us, HOUR_US)
    before, after = day.battery_pct[hour, seen.sender], day.battery_pct[hour + 1, seen.sender]
    return pl.Series((before + (after - before) * (within_us / HOUR_US)).round(1), dtype=pl.Float32)


def _places(chance: np.random.Generator, senders: Senders, sender: Ints) -> dict[str, pl.Series]:
    """A walk's distance around home; nothing from devices that do not tell, and now and then no fix."""
    no_fix = chance.random(len(sender)) < 0.03
    places = {"latitude": senders.latitude, "longitude": senders.longitude}
    around = {name: home[sender] + chance.normal(0, 0.02, len(sender)) for name, home in places.items()}
    return {name: _null_for_nan(np.where(no_fix, np.nan, place).round(5)) for name, place in around.items()}


def _null_for_nan(values: Floats) -> pl.Series:
    return pl.Series(values).fill_nan(None)


def _numbered(unsaved: pl.DataFrame, saved: int) -> pl.DataFrame:
    """Ids after the first `saved`, and one row in 2000 spoiled, by turns in each way, for quarantine to be seen."""
    spoiled = pl.col("id") % (3 * _SPOILED_EVERY)
    return (
        unsaved.with_columns(pl.col("saved_us").cast(_INSTANT))
        .rename({"saved_us": "saved_ts"})
        .with_columns(pl.int_range(saved + 1, saved + 1 + pl.len(), dtype=pl.Int64).alias("id"))
        .with_columns(
            pl.when(spoiled == 1000).then(pl.lit(130, pl.Float32)).otherwise("battery_level").alias("battery_level"),
            pl.when(spoiled == 3000).then(pl.lit(-5, pl.Int32)).otherwise("signal_duration").alias("signal_duration"),
            pl.when(spoiled == 5000).then(float("nan")).otherwise("signal_amplitude").alias("signal_amplitude"),
        )
    )
