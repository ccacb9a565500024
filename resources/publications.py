"""Publications: which build of a segment readers see. A build becomes current by one row, after it was verified."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from resources.warehouse import Warehouse

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The segment of a mart that is one whole snapshot, and of telemetry from before the first day."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_BY_HOUR = {"telemetry_events", "user_prosthesis_stats"}

_RANDOM_BITS = 22


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One verified build of one segment; times in UTC. `inputs` names what it was made from."""

    mart: str
    segment: datetime
    build_id: int
    source_seq: int
    rows: int
    checksum: int
    watermark: datetime
    inputs: tuple[int, ...]


class Publication(Build, frozen=True, kw_only=True):
    """A build that readers see, the Dagster run that made it, and when it became visible (UTC)."""

    run_id: str
    published_at: datetime
    is_faulty: bool = False
    """Whether it was found to be wrong, so that it must be made again; not asked of builds of the past."""


def new_build_ids(count: int) -> list[int]:
    """Numbers for `count` builds that begin now: milliseconds in the upper 42 bits, so that later builds get more."""
    first = first_build_id_at(datetime.now(UTC)) | secrets.randbits(_RANDOM_BITS)
    return list(range(first, first + count))


def segment_end(mart: str, segment: datetime) -> datetime:
    """The first instant after a segment of `mart`: an hour later, or a day."""
    return segment + (HOUR if mart in _BY_HOUR else DAY)


def first_build_id_at(moment: datetime) -> int:
    """The lowest number that a build begun at `moment` can have."""
    return int(moment.timestamp() * 1000) << _RANDOM_BITS


def current(
    warehouse: Warehouse, mart: str, since: datetime = EPOCH, until: datetime = datetime(2100, 1, 1, tzinfo=UTC)
) -> dict[datetime, Publication]:
    """Current publications of `mart` by segment, of the segments that begin in `[since, until)`, UTC."""
    found = current_of(warehouse, [mart], since, until)[mart]
    return {segment: publication for segment, publication in found.items() if since <= segment < until}


def current_of(
    warehouse: Warehouse, marts: Iterable[str], since: datetime, until: datetime
) -> dict[str, dict[datetime, Publication]]:
    """The same of several marts at one moment, by mart, and with the segment of 1970, whatever the bounds."""
    found: dict[str, dict[datetime, Publication]] = {mart: {} for mart in marts}
    for row in warehouse.rows("reads/current_builds", marts=list(found), since=naive(since), until=naive(until)):
        publication = _publication(*row)
        found[publication.mart][publication.segment] = publication
    return found


def as_of(warehouse: Warehouse, marts: Iterable[str], moment: datetime) -> dict[str, dict[datetime, Publication]]:
    """The publications of `marts` that were current at `moment`, by mart and, ascending, by segment.

    Each is as it was published first. What was removed since is missing, and what it replaced may be in its place.
    """
    found: dict[str, dict[datetime, Publication]] = {mart: {} for mart in marts}
    for row in warehouse.rows("reads/builds_as_of", marts=list(found), until=naive(moment)):
        publication = _publication(*row)
        found[publication.mart][publication.segment] = publication
    return found


def _publication(  # noqa: PLR0913, PLR0917 - a row
    mart: str,
    segment: datetime,
    build_id: int,
    source_seq: int,
    rows: int,
    checksum: int,
    watermark: datetime,
    inputs: Iterable[int],
    run_id: str,
    published_at: datetime,
    is_faulty: int = 0,
) -> Publication:
    return Publication(
        mart=mart,
        segment=segment.replace(tzinfo=UTC),
        build_id=build_id,
        source_seq=source_seq,
        rows=rows,
        checksum=checksum,
        watermark=watermark.replace(tzinfo=UTC),
        inputs=tuple(inputs),
        run_id=run_id,
        published_at=published_at.replace(tzinfo=UTC),
        is_faulty=bool(is_faulty),
    )


def publish(warehouse: Warehouse, builds: Iterable[Build], run_id: str) -> None:
    """Make `builds` current, all at once."""
    rows = [
        (
            build.mart,
            naive(build.segment),
            build.build_id,
            build.source_seq,
            build.rows,
            build.checksum,
            naive(build.watermark),
            list(build.inputs),
            run_id,
        )
        for build in builds
    ]
    if rows:
        warehouse.insert_rows("builds/publications", rows)


def naive(moment: datetime) -> datetime:
    """`moment` in UTC without its zone, as the driver wants it."""
    return moment.astimezone(UTC).replace(tzinfo=None)
