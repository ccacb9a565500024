"""Comparing events row by row: what the source makes of an hour against what the warehouse holds of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from assets.counts import EVENTS, events_published, owners_changed, telemetry_prints
from assets.event_load import read_departed, read_owners
from assets.findings import Compared, faults
from assets.partitions import Window, early_window, joined, segment_window
from assets.row_sums import OLDEST, SET_APART, SOUND, published, set_apart, sums
from assets.soundness import attribute, mark_departed, with_reason
from assets.sums_comparison import damaged
from resources.publications import DAY, EPOCH, Publication, current, naive
from resources.settings import Settings
from resources.source import Snapshot
from resources.warehouse import Warehouse

PIECE_EVENTS = 250_000
"""Events that are read from the warehouse at once."""

_MODULUS = 1 << 64


def compare_events(warehouse: Warehouse, source: Snapshot, settings: Settings, day: datetime) -> Compared:
    """Compare the hours of `day`, and with the first day what lies before it, with the source.

    Left out are hours whose counts or owners differ: they are built again anyway.
    """
    builds = _comparable(warehouse, source, settings, Window(day, day + DAY))
    broken = damaged(warehouse, EVENTS, builds)
    whole = [build for build in builds if build not in broken]
    differing = _Comparison(warehouse, source, settings).differing(whole) if whole else []
    return Compared(
        findings=[*faults(broken, "damaged"), *faults(differing, "differs_from_source")],
        segments=len(builds),
        rows=sum(build.inputs[0] for build in whole),
    )


def _comparable(warehouse: Warehouse, source: Snapshot, settings: Settings, window: Window) -> list[Publication]:
    """Builds of what the source and the CRM hold now, as far as counts tell, and of nothing newer."""
    seq = source.source_seq(warehouse, "telemetry")
    prints = telemetry_prints(source, settings, window)
    builds = events_published(warehouse, settings, window)
    moved = set(owners_changed(warehouse, builds, window))
    return [
        build
        for segment, build in sorted(builds.items())
        if segment not in moved and build.source_seq <= seq and build.inputs[:3] == prints.get(segment, (0, 0, 0))
    ]


class _Comparison:
    """One snapshot of the source beside the builds of the warehouse."""

    def __init__(self, warehouse: Warehouse, source: Snapshot, settings: Settings) -> None:
        self._warehouse = warehouse
        self._source = source
        self._early = early_window(settings)
        self._owners = read_owners(warehouse, current(warehouse, "prosthesis_owners")[EPOCH].build_id)
        self._departed = read_departed(warehouse)

    def differing(self, builds: list[Publication]) -> list[Publication]:
        """Those of `builds` whose rows are not what the source makes them."""
        expected: Counter[datetime] = Counter()
        for window in joined(segment_window(build.segment, self._early) for build in builds if build.inputs[0]):
            self._add_expected(window, expected)
        found: Counter[int] = Counter()
        for some in _in_pieces(builds):
            self._add_found(some, found)
        return [build for build in builds if (expected[naive(build.segment)] - found[build.build_id]) % _MODULUS]

    def _add_expected(self, window: Window, expected: Counter[datetime]) -> None:
        """Add up what the source makes of `window`, by segment."""
        first_day, happened = naive(self._early.until), pl.col("event_time")
        segment = pl.when(happened < first_day).then(pl.lit(naive(EPOCH))).otherwise(happened.dt.truncate("1h"))
        self._source.window(window.since, window.until, self._early.until)
        for batch in self._source.batches("sources/events"):
            attributed = mark_departed(attribute(batch, self._owners), self._departed)
            checked = with_reason(attributed, first_day).with_columns(segment=segment)
            expected.update(sums(published(checked), SOUND, "segment"))
            expected.update(sums(set_apart(checked), SET_APART, "segment"))

    def _add_found(self, builds: list[Publication], found: Counter[int]) -> None:
        """Add up what the warehouse holds of `builds`, by build."""
        windows = [segment_window(build.segment, self._early) for build in builds]
        asked: dict[str, Any] = {
            "builds": [build.build_id for build in builds],
            "since": max(naive(min(window.since for window in windows)), OLDEST),
            "until": naive(max(window.until for window in windows)),
            "pieces": max(1, -(-sum(build.inputs[0] for build in builds) // PIECE_EVENTS)),
        }
        for piece in range(asked["pieces"]):
            for name, types in (("events_of_builds", SOUND), ("quarantine_of_builds", SET_APART)):
                rows = pl.DataFrame(self._warehouse.arrow(f"reads/{name}", **asked, piece=piece))
                utc = pl.selectors.datetime().dt.replace_time_zone(None)
                found.update(sums(rows.with_columns(utc), types, "build_id"))


def _in_pieces(builds: list[Publication]) -> Iterator[list[Publication]]:
    """`builds` in order, in lists of `PIECE_EVENTS` events or fewer, but for one build that has more."""
    some: list[Publication] = []
    events = 0
    for build in builds:
        if some and events + build.inputs[0] > PIECE_EVENTS:
            yield some
            some, events = [], 0
        some.append(build)
        events += build.inputs[0]
    if some:
        yield some
