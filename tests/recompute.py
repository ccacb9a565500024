"""The marts once more, in polars, straight from the PostgreSQL rows: another way to the same figures.

It shares no code with the system. Times are UTC without a zone.
"""

from __future__ import annotations

import polars as pl

_FIRST_DAY = pl.datetime(2024, 1, 1)

_EXACT = {
    "movements",
    "movements_count",
    "uptime_hours",
    "signal_duration_ms_sum",
    "errors",
    "error_count",
    "events_count",
    "total_duration",
}

_METRICS = {
    "movements": pl.len(),
    "signal_duration_ms_sum": pl.col("signal_duration").cast(pl.Int64).sum(),
    "usage_minutes": pl.col("signal_duration").cast(pl.Int64).sum() / 60_000,
    "response_ms_mean": pl.col("response_time_ms").cast(pl.Float64).mean(),
    "amplitude_mean": pl.col("signal_amplitude").mean(),
    "frequency_hz_mean": pl.col("signal_frequency").cast(pl.Int64).mean(),
    "battery_pct_mean": pl.col("battery_level").cast(pl.Float64).mean(),
    "errors": (pl.col("error_code") > 0).sum(),
    "error_rate": (pl.col("error_code") > 0).mean(),
    "myosignal_efficiency": (
        (pl.col("error_code") == 0) & pl.col("response_time_ms").is_not_null() & (pl.col("response_time_ms") <= 100)
    ).mean(),
}


def rows(url: str, query: str) -> pl.DataFrame:
    """Rows of `query`, instants without their zone."""
    frame = pl.read_database_uri(query, url, engine="adbc")
    return frame.with_columns(pl.selectors.datetime().dt.replace_time_zone(None))


def events(crm_url: str, telemetry_url: str) -> pl.DataFrame:
    """Every source event with its wearer and `sound`: whether it is to be published."""
    raw = rows(telemetry_url, "SELECT * FROM telemetry.raw_telemetry")
    claims = rows(
        crm_url,
        "SELECT p.chip_id, p.customer_id AS user_id, p.id::text AS prosthesis_id, m.prosthesis_type, "
        "m.name AS prosthesis_model, p.valid_from, p.valid_to "
        "FROM crm.prostheses p JOIN crm.prosthesis_models m ON m.id = p.model_id",
    )
    held = raw.select("id", "chip_id", "event_time").join(claims, on="chip_id")
    held = held.filter(
        (pl.col("valid_from") <= pl.col("event_time"))
        & (pl.col("valid_to").is_null() | (pl.col("event_time") < pl.col("valid_to")))
    )
    owned = held.filter(pl.len().over("id") == 1)
    columns = ["id", "user_id", "prosthesis_id", "prosthesis_type", "prosthesis_model"]
    joined = raw.join(owned.select(columns), on="id", how="left")
    return joined.with_columns(sound=_sound() & pl.col("user_id").is_not_null()).sort("event_time", "id")


def _sound() -> pl.Expr:
    finite = [pl.col(name).is_finite() for name in ("signal_amplitude", "battery_level")]
    finite += [pl.col(name).is_finite().fill_null(True) for name in ("response_time_ms", "latitude", "longitude")]
    return pl.all_horizontal(
        *finite,
        pl.col("battery_level") >= 0,
        pl.col("battery_level") <= 100,
        pl.col("signal_duration") >= 0,
        pl.col("signal_frequency") >= 0,
        (pl.col("response_time_ms") >= 0).fill_null(True),
        (pl.col("latitude").abs() <= 90).fill_null(True),
        (pl.col("longitude").abs() <= 180).fill_null(True),
        pl.col("event_time") <= pl.col("saved_ts") + pl.duration(hours=24),
        pl.col("event_time") >= _FIRST_DAY,
    )


def metrics(sound: pl.DataFrame, *grain: str) -> pl.DataFrame:
    """The metrics of the sound events by `grain`, which holds `day` or `hour`."""
    stamped = sound.with_columns(day=pl.col("event_time").dt.date(), hour=pl.col("event_time").dt.truncate("1h"))
    grouped = stamped.group_by(grain).agg(**_METRICS, uptime_hours=pl.col("hour").n_unique())
    return grouped.join(_battery_used(stamped, *grain), on=grain, how="left").sort(grain)


def metrics_of_period(sound: pl.DataFrame, *grain: str) -> pl.DataFrame:
    """The metrics of the sound events by `grain`, which holds no time: hours and drops of the battery by day."""
    by_day = metrics(sound, *grain, "day").group_by(grain).agg(pl.col("uptime_hours", "battery_used_pct").sum())
    whole = metrics(sound.with_columns(period=pl.lit(0)), *grain, "period")
    return whole.drop("period", "uptime_hours", "battery_used_pct").join(by_day, on=grain).sort(grain)


def totals(sound: pl.DataFrame) -> pl.DataFrame:
    """What `POST /report` says of these events, by type of prosthesis."""
    return sound.group_by("prosthesis_type").agg(
        events_count=pl.len(),
        total_duration=pl.col("signal_duration").cast(pl.Int64).sum(),
        avg_amplitude=pl.col("signal_amplitude").mean(),
        avg_frequency=pl.col("signal_frequency").cast(pl.Int64).mean(),
    )


def deals(url: str) -> pl.DataFrame:
    """Deals by status and currency, counted and added up by PostgreSQL; money in words, so that it stays exact."""
    amount = "nullif(amount, 'NaN')"
    return rows(
        url,
        f"SELECT status, currency::text, count(*) AS deals, count({amount}) AS deals_with_amount, "  # noqa: S608
        f"count(*) - count({amount}) AS deals_without_amount, sum({amount})::text AS amount_total, "
        f"round(avg({amount}), 6)::text AS amount_mean, min(updated_at) AS oldest_updated_at, "
        "max(updated_at) AS newest_updated_at FROM crm.deals GROUP BY 1, 2 ORDER BY 1, 2",
    )


def audit(trail: pl.DataFrame) -> pl.DataFrame:
    """Events and distinct actors by day, action and kind of entity; newest day first."""
    stamped = trail.with_columns(date=pl.col("occurred_at").dt.date())
    counted = stamped.group_by("date", "action", "entity_type").agg(events=pl.len(), actors=pl.col("actor").n_unique())
    return counted.sort("date", "action", "entity_type", descending=[True, False, False])


def assert_same_figures(expected: pl.DataFrame, actual: pl.DataFrame, *grain: str) -> None:
    """Exact for counts and sums, 1e-9 relative for means, on the same grain rows."""
    both = expected.join(actual, on=grain, how="full", suffix="_actual", coalesce=True)
    assert both.height == expected.height == actual.height
    for name in expected.columns:
        if name in grain:
            continue
        wanted, got = both[name].cast(pl.Float64), both[f"{name}_actual"].cast(pl.Float64)
        assert wanted.is_null().equals(got.is_null()), name
        tolerance = 0.0 if name in _EXACT else 1e-9
        apart = both.filter((wanted - got).abs() > tolerance * wanted.abs().clip(lower_bound=1.0))
        assert apart.is_empty(), f"{name}: {apart.select(*grain, name, f'{name}_actual').head()}"


def _battery_used(stamped: pl.DataFrame, *grain: str) -> pl.DataFrame:
    """Drops between consecutive readings of one wearer and chip, within `grain`."""
    level = pl.col("battery_level").cast(pl.Float64)
    keys = list(dict.fromkeys([*grain, "user_id", "chip_id"]))
    drops = stamped.sort("event_time", "id").with_columns(drop=(-level.diff().over(keys)).clip(lower_bound=0))
    return drops.group_by(grain).agg(battery_used_pct=pl.col("drop").sum())
