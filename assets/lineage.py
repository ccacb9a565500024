"""Which columns each column of a mart is made from: the values it is computed of, not what only selects or groups."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from resources.contract import CONTRACT

_PASSED_ON = ("user_id", "prosthesis_id", "prosthesis_type", "prosthesis_model", "chip_id")
_SUMS = ("signal_duration_ms_sum", "signal_frequency_hz_sum", "amplitude_sum", "response_ms_sum", "responses")
_COUNTS = ("movements", "battery_pct_sum", "first_event_at", "last_event_at", "errors", "efficient_movements")
_BATTERY = ("battery_used_pct", "battery_first_pct", "battery_last_pct")


def _same(upstream: str, *columns: str) -> dict[str, tuple[str, ...]]:
    """Columns that have the name of what they are made from."""
    return {column: (f"{upstream}.{column}",) for column in columns}


def _each(upstream: str, columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Columns by the names, separated by spaces, of those of `upstream` that they are made from."""
    return {column: tuple(f"{upstream}.{name}" for name in names.split()) for column, names in columns.items()}


LINEAGE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "crm_customers": _same("customers", *CONTRACT["customers"]),
    "telemetry_events": _same("raw_telemetry", *CONTRACT["raw_telemetry"])
    | {
        "user_id": ("prostheses.customer_id",),
        "prosthesis_id": ("prostheses.id",),
        "prosthesis_type": ("prosthesis_models.prosthesis_type",),
        "prosthesis_model": ("prosthesis_models.name",),
    },
    "user_prosthesis_stats": _same("telemetry_events", *_PASSED_ON)
    | _each(
        "telemetry_events",
        {
            "hour": "event_time",
            "movements": "id",
            "signal_duration_ms_sum": "signal_duration",
            "signal_frequency_hz_sum": "signal_frequency",
            "amplitude_sum": "signal_amplitude",
            "response_ms_sum": "response_time_ms",
            "responses": "response_time_ms",
            "battery_pct_sum": "battery_level",
            "battery_used_pct": "battery_level event_time id",
            "battery_first_pct": "battery_level event_time id",
            "battery_last_pct": "battery_level event_time id",
            "first_event_at": "event_time",
            "last_event_at": "event_time",
            "errors": "error_code",
            "efficient_movements": "error_code response_time_ms",
            "usage_minutes": "signal_duration",
            "response_ms_mean": "response_time_ms",
            "amplitude_mean": "signal_amplitude",
            "frequency_hz_mean": "signal_frequency",
            "battery_pct_mean": "battery_level",
            "error_rate": "error_code",
            "myosignal_efficiency": "error_code response_time_ms",
        },
    ),
    "user_daily_reports": _same("user_prosthesis_stats", *_PASSED_ON, *_SUMS, *_COUNTS)
    | _each(
        "user_prosthesis_stats",
        {
            "day": "hour",
            "active_hours": "hour",
            "uptime_hours": "hour",
            "battery_used_pct": " ".join(("hour", *_BATTERY)),
            "battery_first_pct": "hour battery_first_pct",
            "battery_last_pct": "hour battery_last_pct",
            "usage_minutes": "signal_duration_ms_sum",
            "response_ms_mean": "response_ms_sum responses",
            "amplitude_mean": "amplitude_sum movements",
            "frequency_hz_mean": "signal_frequency_hz_sum movements",
            "battery_pct_mean": "battery_pct_sum movements",
            "error_rate": "errors movements",
            "myosignal_efficiency": "efficient_movements movements",
        },
    ),
    "deal_pipeline": _same("deals", "status", "currency")
    | _each(
        "deals",
        {
            "deals": "status currency",
            "deals_with_amount": "amount",
            "deals_without_amount": "amount",
            "amount_total": "amount",
            "amount_mean": "amount",
            "oldest_updated_at": "updated_at",
            "newest_updated_at": "updated_at",
        },
    ),
    "audit_activity": _same("audit_events", "action", "entity_type")
    | _each("audit_events", {"day": "occurred_at", "events": "id", "actors": "actor", "last_event_at": "occurred_at"}),
}
"""By mart and column, as `asset.column`."""


def column_lineage(mart: str) -> dg.TableColumnLineage:
    """The lineage of `mart` as Dagster shows it."""
    return dg.TableColumnLineage(
        {column: [_dependency(name) for name in made_from] for column, made_from in LINEAGE[mart].items()}
    )


def _dependency(name: str) -> dg.TableColumnDep:
    upstream, _, column = name.partition(".")
    return dg.TableColumnDep(dg.AssetKey(upstream), column)
