"""Days (UTC): the partitions of the telemetry marts, and the windows that a run is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import msgspec

from resources.publications import DAY, EPOCH, HOUR
from resources.retention import kept_since
from resources.settings import Settings

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Tags of a run of several days: the first and the last, both included."""
ONLY = "dagster/partition"
"""Tag of a run of one day."""
NOTICED_UNTIL = "reports/noticed_until"
"""Tag of a run that follows arrivals: the instant up to which all that was committed had been noticed."""


class Window(msgspec.Struct, frozen=True):
    """A half-open stretch of time, `[since, until)`, UTC."""

    since: datetime
    until: datetime

    def reaches(self, moment: datetime) -> bool:
        """Whether `moment` is in the window: then what is built of it is up to date, and not only of old days."""
        return self.since <= moment < self.until

    def hours(self) -> list[datetime]:
        """The hours that begin in the window."""
        return list(_steps(self, HOUR))

    def days(self) -> list[datetime]:
        """The days that begin in the window, as their first instants."""
        return list(_steps(self, DAY))


def daily(first_day: date) -> dg.DailyPartitionsDefinition:
    """Days from `first_day` to today, today included although it is not over."""
    return dg.DailyPartitionsDefinition(start_date=midnight(first_day), timezone="UTC", end_offset=1)


def window_of(context: dg.AssetExecutionContext) -> Window:
    """The days that this run is to build: one partition, or a range of them in one run."""
    asked = context.partition_time_window
    return Window(asked.start.astimezone(UTC), asked.end.astimezone(UTC))


def noticed_until(tags: Mapping[str, str]) -> datetime | None:
    """The instant (UTC) up to which a run with these tags may take for known what has arrived; none of most runs."""
    told = tags.get(NOTICED_UNTIL)
    return datetime.fromisoformat(told) if told else None


def kept_window(context: dg.AssetExecutionContext, settings: Settings) -> Window:
    """The days that this run is to build and that are still kept; the others are left alone, and it says so."""
    asked, since = window_of(context), kept_since(settings)
    kept = Window(min(max(asked.since, since), asked.until), asked.until)
    if kept != asked:
        context.log.info(
            f"{(kept.since - asked.since).days} of {len(asked.days())} days are left alone: telemetry from before "
            f"{since:%Y-%m-%d} is no longer kept (REPORTS_RETENTION_DAYS)."
        )
    return kept


def midnight(day: date) -> datetime:
    """The first instant of `day`, UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def early_window(settings: Settings) -> Window:
    """What is kept of before the first day, which is one segment."""
    first_day = midnight(settings.reports_first_day)
    return Window(min(kept_since(settings), first_day), first_day)


def segment_window(segment: datetime, early: Window) -> Window:
    """What a segment of events covers: its hour, or `early` for the segment of 1970."""
    if segment == EPOCH:
        return early
    return Window(segment, segment + HOUR)


def joined(windows: Iterable[Window]) -> list[Window]:
    """`windows`, in order of time, with neighbours that touch made one."""
    merged: list[Window] = []
    for window in windows:
        if merged and merged[-1].until == window.since:
            merged[-1] = Window(merged[-1].since, window.until)
        else:
            merged.append(window)
    return merged


def _steps(window: Window, length: timedelta) -> Iterator[datetime]:
    step = window.since
    while step < window.until:
        yield step
        step += length
