"""What a materialization did, in the words that the Dagster UI shows."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import dagster as dg
import msgspec

from resources.publications import Build

Report = Callable[[str], None]
"""Where a build says how far it is."""


class Outcome(msgspec.Struct, kw_only=True):
    """Counts over the segments that one materialization looked at; `watermark` is their newest source time, UTC."""

    rows: int = 0
    rows_by_day: Counter[str] = msgspec.field(default_factory=Counter)
    source_rows: int = 0
    quarantined: int = 0
    rebuilt: int = 0
    kept: int = 0
    watermark: datetime | None = None
    unknown_columns: list[str] = msgspec.field(default_factory=list)
    """Columns that the source has and nothing here reads."""
    started: float = msgspec.field(default_factory=time.monotonic)

    def keep(self, build: Build) -> None:
        """Count a segment whose published build stays."""
        self.kept += 1
        self._count(build)

    def rebuild(self, build: Build) -> None:
        """Count a segment that was published anew."""
        self.rebuilt += 1
        self._count(build)

    def result(self, context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """The same for Dagster: rows by partition, the rest for the run."""
        run: dict[str, dg.RawMetadataValue] = {
            "source_rows": self.source_rows,
            "quarantined": self.quarantined,
            "segments_rebuilt": self.rebuilt,
            "segments_kept": self.kept,
            "seconds": round(time.monotonic() - self.started, 3),
        }
        if self.unknown_columns:
            run["unknown_columns"] = ", ".join(self.unknown_columns)
            context.log.warning(f"The source has columns that are unknown here, and ignored: {run['unknown_columns']}")
        if self.watermark is not None:
            run["watermark"] = dg.MetadataValue.timestamp(self.watermark)
        if context.assets_def.partitions_def is None:
            return dg.MaterializeResult(metadata=run | {"dagster/row_count": self.rows})
        for day in context.partition_keys:
            context.add_asset_metadata({"dagster/partition_row_count": self.rows_by_day[day]}, partition_key=day)
        return dg.MaterializeResult(metadata=run)

    def _count(self, build: Build) -> None:
        self.rows += build.rows
        self.rows_by_day[f"{build.segment:%Y-%m-%d}"] += build.rows
        if build.rows:
            self.watermark = max(self.watermark or build.watermark, build.watermark)
