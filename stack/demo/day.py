"""One day in the life of every sender: when it sends, how full its battery is, when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stack.demo.habits import Floats, Ints, Senders

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

_MOST_AT_ONCE = 250_000
_FAULT_CODES = np.array([11, 12, 21, 30, 42])
_CHARGING_PCT_AN_HOUR = 28.0
_IDLE_PCT_AN_HOUR = 0.15


class Moments(NamedTuple):
    """Who sends when: parallel arrays, in no order; no later moment comes before `until_us`."""

    sender: Ints
    time_us: Ints
    until_us: int


@dataclass(frozen=True, eq=False)
class Day:
    """What is drawn once a day for every sender; all arrays have one entry a sender."""

    since_us: int
    eagerness: Floats
    battery_pct: Floats
    """At each full hour: (25, senders)."""
    fault_since_us: Ints
    fault_until_us: Ints
    fault_code: NDArray[np.int64]


def begin_day(chance: np.random.Generator, senders: Senders, since_us: int, battery_pct: Floats) -> Day:
    """Draw a day that begins at `since_us` (UTC) with batteries as full as the day before left them."""
    number = len(senders.eagerness)
    mood = chance.lognormal(0, 0.35, number)
    mood[chance.random(number) < 0.04] = 0.02  # a day off, with the device in a drawer
    mood[-1] = 1.0  # the unowned chip keeps its share
    begins = since_us + (chance.uniform(5, 20, number) * HOUR_US).astype(np.int64)
    lasts = (chance.uniform(0.3, 2.5, number) * HOUR_US).astype(np.int64)
    faulty = chance.random(number) < 0.12
    return Day(
        since_us=since_us,
        eagerness=senders.eagerness * mood,
        battery_pct=_batteries(chance, senders, mood, battery_pct),
        fault_since_us=begins,
        fault_until_us=np.where(faulty, begins + lasts, begins),
        fault_code=chance.choice(_FAULT_CODES, number),
    )


def _batteries(chance: np.random.Generator, senders: Senders, mood: Floats, at_midnight: Floats) -> Floats:
    """Use drains, sleep charges (most nights), and a nearly empty one is sometimes charged in the day."""
    levels = np.empty((25, len(at_midnight)))
    levels[0] = at_midnight
    plugged_in = chance.random(len(at_midnight)) < 0.85
    impatience = chance.random((24, len(at_midnight)))
    for hour in range(24):
        charging = (senders.asleep[:, hour] & plugged_in) | ((levels[hour] < 20) & (impatience[hour] < 0.5))
        used = _IDLE_PCT_AN_HOUR + senders.drain_pct_a_day * mood.clip(max=1.5) * senders.rhythm[:, hour]
        levels[hour + 1] = (levels[hour] + np.where(charging, _CHARGING_PCT_AN_HOUR, -used)).clip(1, 100)
    return levels


def moments(chance: np.random.Generator, senders: Senders, day: Day, events: int) -> Iterator[Moments]:
    """Exactly `events` moments of the day, in portions of a few hundred thousand and in order of portions."""
    # The busiest hour has about a tenth of a day; a slice of it must fit into a portion.
    a_hour = 1 + events // (8 * _MOST_AT_ONCE)
    bounds = day.since_us + np.arange(24 * a_hour + 1) * HOUR_US // a_hour
    shares = _shares(senders, day, bounds, a_hour)
    totals = shares.sum(axis=1)
    counts = chance.multinomial(events, totals / totals.sum())
    drawn: list[Moments] = []
    waiting = 0
    for place, number in enumerate(counts):
        drawn.append(_within(chance, senders, shares[place], bounds[place : place + 2], number))
        waiting += number
        if waiting >= _MOST_AT_ONCE or place == len(counts) - 1:
            yield _joined(drawn)
            drawn, waiting = [], 0


def _shares(senders: Senders, day: Day, bounds: Ints, a_hour: int) -> Floats:
    """How likely an event is each sender's in each slice of the day: (slices, senders), not normalized."""
    begins = np.maximum(senders.since_us, bounds[:-1, None])
    ends = np.minimum(senders.until_us, bounds[1:, None])
    present: Floats = (ends - begins).clip(min=0) * (a_hour / HOUR_US)
    return present * day.eagerness * np.repeat(senders.rhythm.T, a_hour, axis=0)


def _within(chance: np.random.Generator, senders: Senders, share: Floats, bounds: Ints, number: int) -> Moments:
    ladder = share.cumsum()
    steps = ladder.searchsorted(chance.random(number) * ladder[-1], side="right")
    sender = steps.clip(max=len(share) - 1)  # rounding can reach the top of the ladder
    begins = np.maximum(senders.since_us, bounds[0])[sender]
    ends = np.minimum(senders.until_us, bounds[1])[sender]
    time_us = begins + (chance.random(number) * (ends - begins)).astype(np.int64)
    return Moments(sender, time_us // 1000 * 1000, int(bounds[1]))  # devices count milliseconds


def _joined(drawn: list[Moments]) -> Moments:
    sender = np.concatenate([moment.sender for moment in drawn])
    time_us = np.concatenate([moment.time_us for moment in drawn])
    return Moments(sender, time_us, drawn[-1].until_us)
