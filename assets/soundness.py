"""Which events are sound, and whose they are. The others are set apart, each with the first reason that holds."""

from __future__ import annotations

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


def with_reason(events: pl.DataFrame, first_day: datetime) -> pl.DataFrame:
    """Attributed `events` with `reason`: null where an event is sound and owned. `first_day` is UTC, without a zone."""
    reasons = {
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
