"""The API's own account at the warehouse: what it may read, and how much of the server one question may take.

The embedded server gets it from stack/clickhouse.py; docs/reader.md has it for a server that somebody else keeps.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from resources.settings import Settings
from resources.warehouse import SPREAD

_CUSTOMER = ("user_id", "user_uuid", "name", "email", "build_id")
_PUBLICATION = (
    "mart",
    "segment",
    "build_id",
    "source_seq",
    "rows",
    "checksum",
    "watermark",
    "inputs",
    "run_id",
    "published_at",
)

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "publications": _PUBLICATION,
    "current_builds": _PUBLICATION,
    "complete_marts": ("mart", "complete_at"),
    "collections": ("begun_at", "superseded_before", "expired_until"),
    "waiting_segments": ("mart", "segment", "reason", "known_at"),
    "dirty_segments": ("mart", "segment", "reason"),
    "noticed_segments": ("mart", "segment", "source_seq", "fingerprint", "noticed_at"),
    "faulty_builds": ("mart", "segment", "build_id", "reason", "found_at"),
    "quarantine_builds": ("reason", "build_id"),
    "verified_days": ("mart", "verified_at"),
    "crm_customers_builds": _CUSTOMER,
    "crm_customers_by_number": _CUSTOMER,
    "crm_customers_by_uuid": _CUSTOMER,
    "user_daily_reports_builds": (
        "user_id",
        "prosthesis_id",
        "prosthesis_type",
        "prosthesis_model",
        "chip_id",
        "day",
        "movements",
        "active_hours",
        "signal_duration_ms_sum",
        "signal_frequency_hz_sum",
        "amplitude_sum",
        "response_ms_sum",
        "responses",
        "battery_pct_sum",
        "battery_used_pct",
        "battery_first_pct",
        "battery_last_pct",
        "first_event_at",
        "errors",
        "efficient_movements",
        "build_id",
    ),
    "user_prosthesis_stats_builds": (
        "user_id",
        "prosthesis_id",
        "prosthesis_type",
        "hour",
        "movements",
        "signal_duration_ms_sum",
        "signal_frequency_hz_sum",
        "amplitude_sum",
        "response_ms_sum",
        "responses",
        "battery_pct_sum",
        "errors",
        "build_id",
    ),
    "telemetry_events_builds": (
        "id",
        "user_id",
        "prosthesis_id",
        "prosthesis_type",
        "prosthesis_model",
        "chip_id",
        "event_time",
        "saved_ts",
        "muscle_group",
        "signal_frequency",
        "signal_duration",
        "signal_amplitude",
        "response_time_ms",
        "battery_level",
        "error_code",
        "latitude",
        "longitude",
        "build_id",
    ),
    "deal_pipeline_builds": (
        "status",
        "currency",
        "deals",
        "deals_with_amount",
        "amount_total",
        "oldest_updated_at",
        "newest_updated_at",
        "build_id",
    ),
    "audit_activity_builds": ("day", "action", "entity_type", "events", "actors", "build_id"),
}
"""Columns by table: all that statements of the API name, and nothing more."""

SYSTEM: Mapping[str, tuple[str, ...]] = {"system.disks": ("name", "free_space", "total_space")}
"""The same of the server's own: how full its disks are."""


class Limit(msgspec.Struct, frozen=True):
    """What a question may take unless it asks for more, and the most that it may ask for."""

    value: int
    most: int


LIMITS: Mapping[str, Limit] = {
    "max_execution_time": Limit(5, 900),
    "max_memory_usage": Limit(256 << 20, 1 << 30),
    "max_rows_to_read": Limit(10_000_000, 1_000_000_000),
    "max_result_rows": Limit(1_000_000, 50_000_000),
    "max_threads": Limit(2, 4),
}
"""By the server's own names: seconds, bytes, rows, rows, threads. A statement may ask for the most, and never for 0,
which would be no limit at all.
"""

FIXED: Mapping[str, int] = {"readonly": 1, "max_memory_usage_for_user": 4 << 30, "max_concurrent_queries_for_user": 256}
"""What no statement may change: over all that the account does at a time, whatever number of processes asks."""

FREE = ("optimize_move_to_prewhere", "max_block_size", "enable_analyzer", *SPREAD)
"""What statements of the API choose for themselves, because they are the quicker for it, or need it on a cluster."""

FILE_LIMITS: Mapping[str, int] = {
    name: LIMITS[name].most
    for name in ("max_execution_time", "max_memory_usage", "max_rows_to_read", "max_result_rows")
}
"""What a file asks for that is read while it is sent: a year of somebody's events, at the pace of whoever takes it."""


def as_reader(settings: Settings) -> Settings:
    """The same settings with the reader's account in place of the loader's, where there is one."""
    if not settings.clickhouse_reader_user:
        return settings
    return msgspec.structs.replace(
        settings,
        clickhouse_user=settings.clickhouse_reader_user,
        clickhouse_password=settings.clickhouse_reader_password,
    )


def grants(database: str) -> list[str]:
    """What the account may read, of tables those in `database`, each as a GRANT that names nobody."""
    tables = {**{f"`{database}`.{table}": names for table, names in COLUMNS.items()}, **SYSTEM}
    return [f"GRANT SELECT({', '.join(names)}) ON {table}" for table, names in tables.items()]
