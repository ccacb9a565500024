"""What a materialization did, in the words that the Dagster UI shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import dagster as dg
import msgspec

from resources.publications import Build

Report = Callable[[str], None]
"""Where a build says how far it is."""


class Outcome(msgspec.Struct, kw_only=True):
    """Counts over the segments that one materialization looked at; `watermark` is their newest source time, UTC."""

    rows: int = 0
    source_rows: int = 0
    quarantined: int = 0
    rebuilt: int = 0
    kept: int = 0
    watermark: datetime | None = None
    started: float = msgspec.field(default_factory=time.monotonic)

    def keep(self, build: Build) -> None:
        """Count a segment whose published build stays."""
        self.kept += 1
        self._count(build)

    def rebuild(self, build: Build) -> None:
        """Count a segment that was published anew."""
        self.rebuilt += 1
        self._count(build)

    def result(self) -> dg.MaterializeResult[None]:
        """The same for Dagster."""
        metadata: dict[str, Any] = {
            "dagster/row_count": self.rows,
            "source_rows": self.source_rows,
            "quarantined": self.quarantined,
            "segments_rebuilt": self.rebuilt,
            "segments_kept": self.kept,
            "seconds": round(time.monotonic() - self.started, 3),
        }
        if self.watermark is not None:
            metadata["watermark"] = dg.MetadataValue.timestamp(self.watermark)
        return dg.MaterializeResult(metadata=metadata)

    def _count(self, build: Build) -> None:
        self.rows += build.rows
        if build.rows:
            self.watermark = max(self.watermark or build.watermark, build.watermark)
