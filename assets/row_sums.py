"""Rows as numbers: equal rows give equal ones, bit for bit, and equal sets of rows equal sums.

A sum needs neither an order nor all rows at once, so two sides can be compared that fit in no memory. That two
different sets agree by chance is as likely as guessing 64 bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from assets.soundness import DEPARTED
from resources.publications import naive

Types = Mapping[str, Any]

OLDEST = naive(datetime(1900, 1, 1, tzinfo=UTC))
"""What stands in quarantine for every older instant, because ClickHouse holds none."""

_BITS = {pl.Float64: pl.Int64, pl.Float32: pl.Int32}
"""What floats are taken for, so that NaN is the same as NaN, and 0 is not -0."""

_OPTIONAL = ("response_time_ms", "latitude", "longitude")
_MEASURED: Types = {
    "signal_frequency": pl.Int32,
    "signal_duration": pl.Int32,
    "signal_amplitude": pl.Float64,
    "response_time_ms": pl.Float32,
    "battery_level": pl.Float32,
    "error_code": pl.Int32,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
}
_EVENT: Types = {
    "id": pl.Int64,
    **dict.fromkeys(("event_time", "saved_ts"), pl.Datetime("us")),
    **dict.fromkeys(("chip_id", "muscle_group"), pl.String),
    **_MEASURED,
}
SOUND: Types = {
    **_EVENT,
    "user_id": pl.UInt64,
    **dict.fromkeys(("prosthesis_id", "prosthesis_type", "prosthesis_model"), pl.String),
}
"""The columns of an event that is published."""
SET_APART: Types = {**_EVENT, "reason": pl.String}
"""The columns of an event that is set apart."""

_STUB = ("id", "event_time", "saved_ts", "reason")
"""All that is kept of an event of somebody who left."""


def published(checked: pl.DataFrame) -> pl.DataFrame:
    """Those of `checked` events that are published, as they are then stored."""
    empty = [pl.col(name).fill_null(float("nan")) for name in _OPTIONAL]
    return checked.filter(pl.col("reason").is_null()).with_columns(empty)


def set_apart(checked: pl.DataFrame) -> pl.DataFrame:
    """Those of `checked` events that are set apart, as they are then stored."""
    departed = pl.col("reason") == DEPARTED
    kept = [pl.when(~departed).then(pl.col(name)).alias(name) for name in SET_APART if name not in _STUB]
    stored = pl.max_horizontal("event_time", pl.lit(OLDEST)).alias("event_time")
    return checked.filter(pl.col("reason").is_not_null()).with_columns(*kept, stored)


def sums(rows: pl.DataFrame, types: Types, by: str) -> Counter[Any]:
    """The sum of `rows`, of which the columns of `types` count, by the column `by`; to be taken modulo 2^64."""
    columns = [pl.col(name).cast(wanted) for name, wanted in types.items()]
    numbers = rows.select(columns).with_columns(
        pl.col(name).reinterpret(dtype=_BITS[wanted]) for name, wanted in types.items() if wanted in _BITS
    )
    hashed = pl.DataFrame({"by": rows[by], "sum": numbers.hash_rows(seed=len(types))})
    return Counter(dict(hashed.group_by("by").agg(pl.col("sum").sum()).iter_rows()))
