"""`telemetry_events`: every sound event, attributed to whoever wore its chip at the time. A segment is an hour."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.derived import chunks
from assets.event_load import load, read_owners
from assets.outcome import Outcome, Report
from assets.partitions import Window, early_window, joined, kept_window, noticed_until, segment_window
from resources import noticed
from resources.dagster import BuildConfig, TelemetrySource, WarehouseResource
from resources.errors import BuildRejected, NotPublished
from resources.freshness import complete
from resources.publications import EPOCH, Build, Publication, current_of, naive, new_build_ids, publish
from resources.source import Snapshot
from resources.warehouse import Warehouse

MART = "telemetry_events"

Fingerprint = tuple[int, int, int, int]
"""What a segment was made from: events, sum of their ids, newest saved_ts in microseconds, checksum of the owners."""

_OF_SOURCE = 3
"""How many of these say what the source held."""

_NOTHING = (0, 0, 0)

_UINT64 = (1 << 64) - 1
_OLDEST = datetime(1900, 1, 1, tzinfo=UTC)


def telemetry_events(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, partitioned by `days`."""

    @dg.asset(
        name=MART,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=["crm_customers", "raw_telemetry"],
        pool="telemetry",
        group_name="telemetry",
        kinds={"postgres", "polars", "clickhouse"},
        description="Sound events, each attributed to whoever wore its chip then. One row an event.",
    )
    def asset(
        context: dg.AssetExecutionContext, config: BuildConfig, warehouse: WarehouseResource, telemetry: TelemetrySource
    ) -> dg.MaterializeResult[None]:
        with warehouse.connect() as connection, telemetry.snapshot() as source:
            settings = telemetry.settings()
            build = EventsBuild(connection, source, early_window(settings), context.run.run_id, context.log.info)
            window, noticed_at = kept_window(context, settings), noticed_until(context.run.tags)
            return build.materialize(window, full_refresh=config.full_refresh, noticed_at=noticed_at).result(
                context, connection, settings
            )

    return asset


class EventsBuild:
    """One run's work on this mart, over one snapshot of the source."""

    def __init__(self, warehouse: Warehouse, source: Snapshot, early: Window, run_id: str, report: Report) -> None:
        """`early` is what to set apart of before the first day."""
        self._warehouse = warehouse
        self._source = source
        self._source_seq = source.source_seq(warehouse, "telemetry")
        self._early = early
        self._first_day = early.until
        self._run_id = run_id
        self._report = report

    def materialize(self, window: Window, *, full_refresh: bool = False, noticed_at: datetime | None = None) -> Outcome:
        """Publish the hours of `window` whose source or owners changed since they were published, or all of them.

        Where all that was committed by `noticed_at` (UTC) had been noticed, only hours that are dirty by that, or that
        were never published, are looked at in the source: what a run costs is then what has arrived, not the day.
        Raises `NotPublished` before the CRM was loaded, and `BuildRejected` where what was written is not what was
        read; readers then keep what they had.
        """
        outcome = Outcome(unknown_columns=self._source.check("raw_telemetry"))
        follows = noticed_at is not None and not full_refresh
        segments = self._segments(window)
        found = current_of(self._warehouse, ["prosthesis_owners", MART], window.since, window.until)
        owners, published = _owners_build(found["prosthesis_owners"]), found[MART]
        arrived = noticed.arrived(self._warehouse, MART, published, window.since, window.until)
        checksums = self._owner_checksums(window, owners)
        looked_at = _suspect(segments, published, arrived, checksums) if follows else segments
        prints = self._fingerprints(looked_at, checksums)
        changed = segments if full_refresh else _changed(prints, published)
        kept = sorted(set(segments) - set(changed))
        for segment in kept:
            outcome.keep(published[segment])
        # Something was noticed of these that has gone again.
        seen = {segment: prints[segment][:_OF_SOURCE] for segment in kept if segment in arrived}
        noticed.notice(self._warehouse, MART, self._source_seq, seen)
        if changed:
            self._build_changed(changed, prints, owners, outcome)
        outcome.source_rows = sum((prints[at] if at in prints else published[at].inputs)[0] for at in segments)
        outcome.quarantined = outcome.source_rows - outcome.rows
        complete_at = noticed_at if noticed_at is not None and follows else self._source.begun_at
        if window.reaches(complete_at):
            complete(self._warehouse, [MART], complete_at)
        return outcome

    def _segments(self, window: Window) -> list[datetime]:
        """The segments of `window`, in order of time."""
        return [EPOCH, *window.hours()] if window.since == self._first_day else window.hours()

    def _owner_checksums(self, window: Window, owners: int) -> dict[datetime, int]:
        """A checksum of who owned which chip in each hour of `window`."""
        bounds = {"since": naive(window.since), "until": naive(window.until)}
        return dict(self._warehouse.rows("reads/owner_checksums", owners=owners, **bounds))

    def _fingerprints(
        self, segments: Iterable[datetime], checksums: dict[datetime, int]
    ) -> dict[datetime, Fingerprint]:
        """What each of `segments`, which are in order of time, would be made from now."""
        found: dict[datetime, tuple[int, int, int]] = {}
        for stretch in joined(segment_window(segment, self._early) for segment in segments):
            self._source.window(stretch.since, stretch.until, self._first_day)
            for segment, *held in self._source.frame("sources/fingerprints").iter_rows():
                found[segment.replace(tzinfo=UTC)] = noticed.fingerprint(*held)
        return {segment: (*found.get(segment, _NOTHING), checksums.get(segment, 0)) for segment in segments}

    def _build_changed(
        self, changed: list[datetime], prints: dict[datetime, Fingerprint], owners_build: int, outcome: Outcome
    ) -> None:
        """Publish the segments `changed`, some at a time, and say how far it is."""
        build_ids = dict(zip(changed, new_build_ids(len(changed)), strict=True))
        owners = read_owners(self._warehouse, owners_build)
        began, events = time.monotonic(), 0
        for chunk in chunks(changed, lambda segment: prints[segment][0]):
            for build in self._build({segment: build_ids[segment] for segment in chunk}, prints, owners):
                outcome.rebuild(build)
            events += sum(prints[segment][0] for segment in chunk)
            per_s = f"{events / (time.monotonic() - began):,.0f}".replace(",", " ")
            self._report(
                f"{outcome.rebuilt} of {len(changed)} changed hours published, {outcome.kept} hours unchanged, "
                f"{per_s} events/s"
            )

    def _build(
        self, build_ids: dict[datetime, int], prints: dict[datetime, Fingerprint], owners: pl.DataFrame
    ) -> list[Build]:
        windows = joined(segment_window(segment, self._early) for segment in build_ids if prints[segment][0])
        load(self._warehouse, self._batches(windows), build_ids, owners, self._first_day)
        builds = self._verified(build_ids, prints, windows)
        publish(self._warehouse, builds, self._run_id)
        return builds

    def _batches(self, windows: list[Window]) -> Iterator[pl.DataFrame]:
        for window in windows:
            self._source.window(window.since, window.until, self._first_day)
            yield from self._source.batches("sources/events")

    def _verified(
        self, build_ids: dict[datetime, int], prints: dict[datetime, Fingerprint], windows: list[Window]
    ) -> list[Build]:
        """The builds as the warehouse holds them, each compared with what the source said of its segment."""
        totals = {}
        if windows:
            since, until = max(windows[0].since, _OLDEST), windows[-1].until
            found = self._warehouse.rows(
                "reads/telemetry_events_totals", builds=list(build_ids.values()), since=naive(since), until=naive(until)
            )
            totals = {build_id: counts for build_id, *counts in found}
        builds = []
        for segment, build_id in build_ids.items():
            rows, set_apart, ids, checksum, watermark = totals.get(build_id, (0, 0, 0, 0, naive(EPOCH)))
            if (rows + set_apart, ids & _UINT64) != prints[segment][:2]:
                raise BuildRejected(
                    f"{MART}: the hour {segment:%Y-%m-%d %H:%M} UTC has {prints[segment][0]} events in the source and "
                    f"{rows + set_apart} were written, or others than were read. Nothing of it was published; "
                    "materialize the day again."
                )
            builds.append(
                Build(
                    mart=MART,
                    segment=segment,
                    build_id=build_id,
                    source_seq=self._source_seq,
                    rows=rows,
                    checksum=checksum,
                    watermark=watermark.replace(tzinfo=UTC),
                    inputs=prints[segment],
                )
            )
        return builds


def _owners_build(owners: dict[datetime, Publication]) -> int:
    if EPOCH not in owners:
        raise NotPublished("crm_customers was never published, so nobody owns a chip yet; materialize it first.")
    return owners[EPOCH].build_id


def _suspect(
    segments: list[datetime],
    published: dict[datetime, Publication],
    arrived: set[datetime],
    checksums: dict[datetime, int],
) -> list[datetime]:
    """Segments that may have to be built, as far as the warehouse can tell: the source has not been asked yet."""
    return [
        segment
        for segment in segments
        if segment in arrived
        or segment not in published
        or published[segment].is_faulty
        or published[segment].inputs[_OF_SOURCE] != checksums.get(segment, 0)
    ]


def _changed(prints: dict[datetime, Fingerprint], published: dict[datetime, Publication]) -> list[datetime]:
    """Segments whose source or owners are not what they were published from, or whose build is faulty."""
    return [
        segment
        for segment, fingerprint in prints.items()
        if segment not in published or published[segment].inputs != fingerprint or published[segment].is_faulty
    ]
