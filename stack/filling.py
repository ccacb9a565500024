"""Demo data: how much of it the stack fills its sources with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from resources.settings import Settings


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows, and which ones."""

    customers: int = 200
    days: int = 30
    events_per_day: int = 10_000
    seed: int = 1


DEFAULT = Size()


def fill(settings: Settings, size: Size, progress: Callable[[int, int], None]) -> str:
    """Fill both sources up to now, and say with what. Raises `SourcesNotEmpty`, `ValueError` for a senseless size."""
    from stack.seed import seed  # noqa: PLC0415 - polars and ADBC, which nothing else here needs

    now = datetime.now(UTC)
    written = seed(
        settings.crm_database_url,
        settings.telemetry_database_url,
        **msgspec.structs.asdict(size),
        last_day=now.date(),
        now=now,
        progress=progress,
    )
    return f"{written.customers:,} customers, {written.telemetry_rows:,} events"
