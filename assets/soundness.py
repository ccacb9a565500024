"""Which events are sound, and whose they are. The others are set apart, each with the first reason that holds."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import polars as pl

_REQUIRED = (
    "chip_id",
    "saved_ts",
    "muscle_group",
    "signal_frequency",
    "signal_duration",
    "signal_amplitude",
    "battery_level",
    "error_code",
)
_MEASURED = ("signal_amplitude", "response_time_ms", "battery_level", "latitude", "longitude")
_CLOCK_AHEAD = timedelta(hours=24)

DEPARTED = "owner_departed"
"""The reason of events of people who have left: the quarantine keeps of them only that they happened, and when."""

OWNER_COLUMNS = ("user_id", "prosthesis_id", "prosthesis_type", "prosthesis_model")


def attribute(events: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """`events` with the columns of whoever held the chip at `event_time`, null where nobody did, and `holders`.

    `owners` is sorted by `valid_from`; its intervals are half-open and do not overlap within a chip.
    """
    return (
        events.sort("event_time", "id")
        .join_asof(
            owners,
            left_on="event_time",
            right_on="valid_from",
            by="chip_id",
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(
            pl.when(pl.col("event_time") < pl.col("valid_to")).then(pl.col(name)).alias(name)
            for name in (*OWNER_COLUMNS, "holders")
        )
    )


def mark_departed(events: pl.DataFrame, departed: pl.DataFrame) -> pl.DataFrame:
    """Attributed `events` with `departed`: that nobody holds the chip, and somebody who has left held it then.

    `departed` is sorted by `valid_from`; its intervals are half-open and do not overlap within a `chip_digest`.
    """
    if departed.is_empty():
        return events.with_columns(departed=pl.lit(value=False))
    unowned = events.filter(pl.col("user_id").is_null()).select("id", "chip_id", "event_time")
    held = unowned.join_asof(
        _named(unowned["chip_id"], departed),
        left_on="event_time",
        right_on="left_from",
        by="chip_id",
        strategy="backward",
        check_sortedness=False,
    ).filter(pl.col("event_time") < pl.col("left_to"))
    return events.with_columns(departed=pl.col("id").is_in(held["id"].implode()))


def digest(chip_id: str) -> str:
    """What a departed chip is named by: SHA-256, lower-case hexadecimal, as `sql/builds/departed_chips.sql` has it."""
    return hashlib.sha256(chip_id.encode()).hexdigest()


def _named(chips: pl.Series, departed: pl.DataFrame) -> pl.DataFrame:
    """Intervals of `departed` that are of one of `chips`, with the chip itself; each chip is digested once."""
    chips = chips.drop_nulls().unique()
    named = pl.DataFrame(
        {"chip_id": chips, "chip_digest": [digest(chip) for chip in chips]},
        schema={"chip_id": pl.String, "chip_digest": pl.String},
    )
    intervals = departed.rename({"valid_from": "left_from", "valid_to": "left_to"})
    return intervals.join(named, on="chip_digest").drop("chip_digest").sort("left_from")


def with_reason(events: pl.DataFrame, first_day: datetime) -> pl.DataFrame:
    """Marked `events` with `reason`: null where an event is sound and owned. `first_day` is UTC, without a zone."""
    reasons = {
        # Before all others: whatever else is wrong with such an event, nothing of it may be kept.
        "owner_departed": pl.col("departed"),
        "before_first_day": pl.col("event_time") < first_day,
        "missing_value": pl.any_horizontal(pl.col(name).is_null() for name in _REQUIRED),
        "not_finite": pl.any_horizontal(~pl.col(name).is_finite() for name in _MEASURED),
        "out_of_range": ~pl.all_horizontal(
            pl.col("battery_level").is_between(0, 100),
            pl.col("signal_duration") >= 0,
            pl.col("signal_frequency") >= 0,
            pl.col("response_time_ms").fill_null(0) >= 0,
            pl.col("latitude").fill_null(0).is_between(-90, 90),
            pl.col("longitude").fill_null(0).is_between(-180, 180),
        ),
        "far_future": pl.col("event_time") > pl.col("saved_ts") + _CLOCK_AHEAD,
        "contested_chip": pl.col("holders") > 1,
        "unowned_chip": pl.col("user_id").is_null(),
    }
    first_that_holds = pl.coalesce(pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items())
    return events.with_columns(reason=first_that_holds)
