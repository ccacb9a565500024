"""What is read off the parts of the API whenever it is asked how they are."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from api.follower import Follower
from api.freshness import Judge
from api.keys import Keys
from api.memory import Stats
from api.watch.exposition import Source
from api.watch.meters import Reading


def build() -> Iterator[Reading]:
    """What runs."""
    yield Reading("reports_build_info", (_version(), platform.python_version()), (1.0,))


def keys(known: Keys) -> Source:
    """When the issuer's keys were last read."""
    return lambda: _instant("reports_keys_read_timestamp_seconds", (), known.read_at)


def publications(follower: Follower) -> Source:
    """What this process holds of the marts, and when it last looked."""

    def read() -> Iterator[Reading]:
        yield from _instant("reports_publications_looked_timestamp_seconds", (), follower.looked_at)
        if follower.looked_at is None:
            return
        for name, mart in follower.marts().items():
            yield from _instant("reports_mart_published_timestamp_seconds", (name,), mart.published_at)
            yield from _instant("reports_mart_watermark_timestamp_seconds", (name,), mart.watermark)
            yield from _instant("reports_mart_complete_timestamp_seconds", (name,), mart.complete_at)

    return read


def windows(judge: Judge) -> Source:
    """How fresh each mart is to be."""

    def read() -> Iterator[Reading]:
        for mart, window in judge.windows.items():
            yield Reading("reports_mart_late_after_seconds", (mart,), (window.late_after.total_seconds(),))
            yield Reading("reports_mart_stale_after_seconds", (mart,), (window.stale_after.total_seconds(),))

    return read


def memories(by_name: Mapping[str, Callable[[], Stats]]) -> Source:
    """What is remembered."""

    def read() -> Iterator[Reading]:
        for name, stats in by_name.items():
            now = stats()
            yield Reading("reports_remembered_hits_total", (name,), (float(now.hits),))
            yield Reading("reports_remembered_misses_total", (name,), (float(now.misses),))
            yield Reading("reports_remembered_entries", (name,), (float(now.values),))
            yield Reading("reports_remembered_bytes", (name,), (float(now.bytes),))

    return read


def numbers(by_meter: Mapping[str, Callable[[], float]]) -> Source:
    """Plain numbers of metrics without labels."""
    return lambda: (Reading(meter, (), (float(read()),)) for meter, read in by_meter.items())


def connections(counts: Callable[[], tuple[int, int]]) -> Source:
    """Connections of a pool: how many are in use, and how many idle."""

    def read() -> Iterator[Reading]:
        in_use, idle = counts()
        yield Reading("reports_warehouse_connections", ("in_use",), (float(in_use),))
        yield Reading("reports_warehouse_connections", ("idle",), (float(idle),))

    return read


def _instant(meter: str, labels: tuple[str, ...], at: datetime | None) -> Iterator[Reading]:
    if at is not None:
        yield Reading(meter, labels, (at.timestamp(),))


def _version() -> str:
    try:
        return version("bionicpro-reports")
    except PackageNotFoundError:
        return "unknown"
