"""What the sources were seen to hold of each segment, and which are dirty by that: derived, never remembered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from resources.publications import Build, naive
from resources.warehouse import Warehouse

ARRIVED, FAULTY, BEHIND = "arrived", "faulty", "behind"
"""Why a segment is dirty; `dirty_segments` says when."""

_UINT64 = (1 << 64) - 1


def fingerprint(events: int, ids: int, newest_saved_ts: datetime) -> tuple[int, int, int]:
    """What a segment holds as numbers of 64 bits, from a row of `sources/fingerprints`: the beginning of its inputs."""
    return events, ids & _UINT64, int(newest_saved_ts.replace(tzinfo=UTC).timestamp() * 1_000_000)


def notice(warehouse: Warehouse, mart: str, source_seq: int, prints: Mapping[datetime, Sequence[int]]) -> None:
    """Write down what one snapshot of the source of `mart` was seen to hold of segments, all at once."""
    rows = [(mart, naive(segment), source_seq, list(print_)) for segment, print_ in prints.items()]
    if rows:
        warehouse.insert_rows("builds/noticed_segments", rows)


def dirty(warehouse: Warehouse, mart: str, since: datetime, until: datetime) -> dict[datetime, set[str]]:
    """Why segments of `mart` that begin in `[since, until)`, UTC, are dirty; that of 1970 is always looked at."""
    reasons: dict[datetime, set[str]] = defaultdict(set)
    for segment, reason in warehouse.rows("reads/dirty_segments", mart=mart, since=naive(since), until=naive(until)):
        reasons[segment.replace(tzinfo=UTC)].add(reason)
    return reasons


def faulty(warehouse: Warehouse, builds: Iterable[Build]) -> set[int]:
    """The ids of those of `builds` that are known to be wrong."""
    found = warehouse.rows("reads/faulty_builds", builds=[build.build_id for build in builds])
    return {build_id for build_id, _ in found}
