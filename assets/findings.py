"""What reconciliation finds: segments that are not as they should be, each with a reason.

    not_published        the source has events there and nothing was ever published
    counts_differ        the source counts otherwise than when the segment was published: rows came, went, or moved
    owners_changed       the CRM says otherwise who wore what than when the segment was published
    behind               not made from what it should be made from by now: newer events, newer hours, a newer snapshot
    rows_differ          the table holds more or fewer rows of the build than were published
    damaged              the table's rows of the build are not those that were published
    differs_from_source  a row is not what the source makes it
    differs_from_inputs  the sums are not those of what the build was made from

The last four are faults of a build and go to `faulty_builds`; the first two go to `noticed_segments`; the others are
derived from publications by whoever asks what is dirty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from resources.publications import DAY, EPOCH, HOUR, Publication, naive
from resources.warehouse import Warehouse

_LENGTHS = {
    "telemetry_events": HOUR,
    "user_prosthesis_stats": HOUR,
    "user_daily_reports": DAY,
    "audit_activity": DAY,
}

COLUMNS = ("mart", "first", "last", "segments", "reason")


class Finding(msgspec.Struct, frozen=True):
    """A segment that is not as it should be; `build_id` is that of a build at fault, 0 where none is."""

    mart: str
    segment: datetime
    reason: str
    build_id: int = 0


class Compared(msgspec.Struct):
    """What was compared, and what was found."""

    findings: list[Finding] = msgspec.field(default_factory=list)
    days: int = 0
    segments: int = 0
    """Builds whose content was compared."""
    rows: int = 0
    """Rows of sources that were compared."""

    def add(self, other: Compared) -> None:
        """Count what `other` compared as well."""
        self.findings = list(dict.fromkeys([*self.findings, *other.findings]))
        self.days += other.days
        self.segments += other.segments
        self.rows += other.rows


def faults(builds: Iterable[Publication], reason: str) -> list[Finding]:
    """A finding for each of `builds`."""
    return [Finding(build.mart, build.segment, reason, build.build_id) for build in builds]


def record_faults(warehouse: Warehouse, findings: Sequence[Finding]) -> list[Finding]:
    """Record the builds at fault, each once for a reason; returns `findings` but for builds replaced meanwhile."""
    builds = sorted({finding.build_id for finding in findings if finding.build_id})
    if not builds:
        return list(findings)
    current = {build_id for (build_id,) in warehouse.rows("reads/still_current", builds=builds)}
    known = set(warehouse.rows("reads/faulty_builds", builds=builds))
    standing = [finding for finding in dict.fromkeys(findings) if not finding.build_id or finding.build_id in current]
    rows = [
        (finding.mart, naive(finding.segment), finding.build_id, finding.reason)
        for finding in standing
        if finding.build_id and (finding.build_id, finding.reason) not in known
    ]
    if rows:
        warehouse.insert_rows("builds/faulty_builds", rows)
    return standing


def table(findings: Iterable[Finding]) -> list[tuple[str, str, str, int, str]]:
    """`findings` for people, under `COLUMNS`: neighbours of one mart and reason are one line."""
    ordered = sorted(findings, key=lambda finding: (finding.mart, finding.reason, finding.segment))
    lines = []
    for (mart, reason), alike in groupby(ordered, key=lambda finding: (finding.mart, finding.reason)):
        runs = _runs([finding.segment for finding in alike], _LENGTHS.get(mart, HOUR))
        lines += [(mart, _named(mart, run[0]), _named(mart, run[-1]), len(run), reason) for run in runs]
    return lines


def _runs(segments: list[datetime], length: timedelta) -> Iterator[list[datetime]]:
    """`segments`, which are in order, in lists without a gap."""
    run: list[datetime] = []
    for segment in segments:
        if run and run[-1] + length != segment:
            yield run
            run = []
        run.append(segment)
    if run:
        yield run


def _named(mart: str, segment: datetime) -> str:
    if segment == EPOCH:
        return "before the first day" if mart in _LENGTHS else "whole"
    return f"{segment:%Y-%m-%d %H:%M}" if _LENGTHS[mart] == HOUR else f"{segment:%Y-%m-%d}"
