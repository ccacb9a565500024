"""What the sources were seen to hold of each segment, and which are dirty by that: derived, never remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from resources.publications import Build, naive
from resources.warehouse import Warehouse

_UINT64 = (1 << 64) - 1


def fingerprint(events: int, ids: int, newest_saved_ts: datetime) -> tuple[int, int, int]:
    """What a segment holds as numbers of 64 bits, from a row of `sources/fingerprints`: the beginning of its inputs."""
    return events, ids & _UINT64, int(newest_saved_ts.replace(tzinfo=UTC).timestamp() * 1_000_000)


def notice(warehouse: Warehouse, mart: str, source_seq: int, prints: Mapping[datetime, Sequence[int]]) -> None:
    """Write down what one snapshot of the source of `mart` was seen to hold of segments, all at once."""
    rows = [(mart, naive(segment), source_seq, list(print_)) for segment, print_ in prints.items()]
    if rows:
        warehouse.insert_rows("builds/noticed_segments", rows)


def arrived(
    warehouse: Warehouse, mart: str, published: Mapping[datetime, Build], since: datetime, until: datetime
) -> set[datetime]:
    """Those of `published`, in `[since, until)`, UTC, or of 1970, of which something newer was noticed, and other.

    `dirty_segments` says the same; to plan that view takes longer than everything here.
    """
    found = warehouse.rows("reads/noticed_segments", mart=mart, since=naive(since), until=naive(until))
    noticed = {segment.replace(tzinfo=UTC): (source_seq, tuple(held)) for segment, source_seq, held in found}
    return {
        segment
        for segment, (source_seq, held) in noticed.items()
        if segment in published
        and source_seq > published[segment].source_seq
        and held != published[segment].inputs[: len(held)]
    }
