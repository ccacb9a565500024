"""Columns that several documents have."""

from __future__ import annotations

from typing import Any

from api.export.document import Column, Figure, Kind
from api.schemas import Metrics

METRICS = (
    Column("movements", Kind.COUNT),
    Column("uptime_hours", Kind.COUNT, "h", "Uptime"),
    Column("usage_minutes", Kind.REAL, "min", "Usage"),
    Column("response_ms_mean", Kind.REAL, "ms", "Response, mean"),
    Column("amplitude_mean", Kind.REAL, "", "Amplitude, mean"),
    Column("frequency_hz_mean", Kind.REAL, "Hz", "Frequency, mean"),
    Column("battery_pct_mean", Kind.REAL, "%", "Battery, mean"),
    Column("battery_used_pct", Kind.REAL, "%", "Battery used"),
    Column("errors", Kind.COUNT),
    Column("error_rate", Kind.SHARE, "share of 1", "Error rate"),
    Column("myosignal_efficiency", Kind.SHARE, "share of 1", "Myosignal efficiency"),
)
"""As in `api.schemas.Metrics`, and in that order."""

DAY = Column("date", Kind.DAY, "UTC", "Day")


def figures(metrics: Metrics) -> tuple[Figure, ...]:
    """Each metric, to stand for itself."""
    return tuple(Figure(column, value) for column, value in zip(METRICS, values(metrics), strict=True))


def values(metrics: Metrics) -> tuple[Any, ...]:
    """The cells of `METRICS`."""
    return tuple(getattr(metrics, column.name) for column in METRICS)
