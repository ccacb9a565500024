"""What a materialization did, in the words that the Dagster UI shows."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
import msgspec

from assets.catalogue import bytes_of, shown
from resources.publications import Build
from resources.settings import Settings
from resources.warehouse import Warehouse

Report = Callable[[str], None]
"""Where a build says how far it is."""


class Outcome(msgspec.Struct, kw_only=True):
    """Counts over the segments that one materialization looked at; `watermark` is their newest source time, UTC."""

    rows: int = 0
    rows_rebuilt: int = 0
    rows_by_day: Counter[str] = msgspec.field(default_factory=Counter)
    source_rows: int = 0
    quarantined: int = 0
    rebuilt: int = 0
    kept: int = 0
    watermark: datetime | None = None
    unknown_columns: list[str] = msgspec.field(default_factory=list)
    """Columns that the source has and nothing here reads."""
    builds: list[Build] = msgspec.field(default_factory=list)
    """Those that were published anew."""
    builds_kept: list[Build] = msgspec.field(default_factory=list)
    started: float = msgspec.field(default_factory=time.monotonic)

    def keep(self, build: Build) -> None:
        """Count a segment whose published build stays."""
        self.kept += 1
        self.builds_kept.append(build)
        self._count(build)

    def rebuild(self, build: Build) -> None:
        """Count a segment that was published anew."""
        self.rebuilt += 1
        self.rows_rebuilt += build.rows
        self.builds.append(build)
        self._count(build)

    def result(
        self, context: dg.AssetExecutionContext, warehouse: Warehouse, settings: Settings
    ) -> dg.MaterializeResult[None]:
        """The same for Dagster: rows by partition, numbers for the run, and what is long once a run."""
        mart = context.asset_key.to_user_string()
        numbers = self._numbers(warehouse, mart)
        if self.unknown_columns:
            numbers["unknown_columns"] = ", ".join(self.unknown_columns)
            context.log.warning(
                f"The source has columns that are unknown here, and ignored: {numbers['unknown_columns']}"
            )
        # Of what is new, where anything is: showing a day whole would take longer than building an hour of it.
        content = shown(warehouse, settings, mart, self.builds or self.builds_kept)
        if context.assets_def.partitions_def is None:
            return dg.MaterializeResult(metadata=numbers | content | {"dagster/row_count": self.rows})
        for day in context.partition_keys:
            context.add_asset_metadata({"dagster/partition_row_count": self.rows_by_day[day]}, partition_key=day)
        # A year's backfill is 365 events: the last tells what is the same for all.
        context.add_asset_metadata(content, partition_key=context.partition_keys[-1])
        return dg.MaterializeResult(metadata=numbers)

    def _numbers(self, warehouse: Warehouse, mart: str) -> dict[str, Any]:
        """Counts of the run, as numbers, so that Dagster plots them."""
        seconds = time.monotonic() - self.started
        found: dict[str, Any] = {
            "source_rows": self.source_rows,
            "quarantined": self.quarantined,
            "segments_rebuilt": self.rebuilt,
            "segments_kept": self.kept,
            "rows_per_second": round(self.rows_rebuilt / max(seconds, 0.001), 1),
            "bytes_estimated": bytes_of(warehouse, mart, self.rows),
            "seconds": round(seconds, 3),
        }
        if self.watermark is not None:
            found["watermark"] = dg.MetadataValue.timestamp(self.watermark)
        return found

    def _count(self, build: Build) -> None:
        self.rows += build.rows
        self.rows_by_day[f"{build.segment:%Y-%m-%d}"] += build.rows
        if build.rows:
            self.watermark = max(self.watermark or build.watermark, build.watermark)
