"""Days (UTC): the partitions of the telemetry marts, and the windows that a run is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import msgspec

from resources.publications import DAY, EPOCH, HOUR


class Window(msgspec.Struct, frozen=True):
    """A half-open stretch of time, `[since, until)`, UTC."""

    since: datetime
    until: datetime

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


def midnight(day: date) -> datetime:
    """The first instant of `day`, UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def segment_window(segment: datetime, first_day: datetime) -> Window:
    """What a segment of events covers: its hour, or everything before `first_day` for the segment of 1970."""
    if segment == EPOCH:
        return Window(datetime.min.replace(tzinfo=UTC), first_day)
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
