"""Demo telemetry of this moment: what chips that are worn now send, most of it at once, some of it late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from stack.demo.day import DAY_US, HOUR_US, Day, Moments, begin_day
from stack.demo.habits import Floats, Ints, microseconds, senders
from stack.demo.life import rows
from stack.demo.people import MODELS, Prosthesis
from stack.demo.plan import Plan

_SECOND_US = 1_000_000


class Devices:
    """The chips of `worn`, which send as `seed` has them; the same seed and moments, the same events."""

    def __init__(self, worn: Sequence[Prosthesis], seed: int, now: datetime) -> None:
        self._plan = Plan(customers=1, days=1, events_per_day=1, seed=seed, last_day=now.date(), now=now)
        self._chance = np.random.default_rng([seed, 3])
        self._senders = senders(self._plan, [_known(prosthesis) for prosthesis in worn])
        self._day = self._begin(microseconds(self._plan.first))

    def send(self, number: int, late_share: float, now: datetime) -> pl.DataFrame:
        """`number` events as the database receives them at `now`, `late_share` of them hours or days old."""
        now_us = microseconds(now.astimezone(UTC))
        if now_us >= self._day.since_us + DAY_US:
            self._day = self._begin(now_us // DAY_US * DAY_US)
        sender = self._chance.choice(len(self._senders.since_us), number, p=self._shares(now_us))
        time_us = np.maximum(now_us - self._ages(number, late_share), self._senders.since_us[sender])
        # A late event is like those of its hour today: days that are over are not remembered here.
        alike_us = self._day.since_us + (time_us - self._day.since_us) % DAY_US
        like = rows(self._chance, self._senders, self._day, Moments(sender, alike_us, now_us), now_us)
        return like.drop("saved_us").with_columns(
            pl.Series("event_time", time_us // 1000 * 1000).cast(pl.Datetime("us", "UTC"))
        )

    def _begin(self, midnight_us: int) -> Day:
        battery_pct = self._chance.uniform(50, 95, len(self._senders.since_us))
        return begin_day(self._chance, self._senders, midnight_us, battery_pct)

    def _shares(self, now_us: int) -> Floats:
        """How likely an event of now is each sender's."""
        there = (self._senders.since_us <= now_us) & (now_us < self._senders.until_us)
        hour = (now_us - self._day.since_us) // HOUR_US
        eager: Floats = there * self._day.eagerness * self._senders.rhythm[:, hour]
        shares: Floats = eager / eager.sum()
        return shares

    def _ages(self, number: int, late_share: float) -> Ints:
        """How old each event is when it is saved, in microseconds: seconds, or where it is late hours or days."""
        seconds = self._chance.lognormal(0.5, 0.8, number) * _SECOND_US
        hours = (0.2 + self._chance.exponential(3, number)) * HOUR_US
        days = self._chance.uniform(1, 6, number) * DAY_US
        late = np.where(self._chance.random(number) < 0.6, hours, days)
        ages: Ints = np.where(self._chance.random(number) < late_share, late, seconds).astype(np.int64)
        return ages


def _known(prosthesis: Prosthesis) -> Prosthesis:
    """The prosthesis as if of a demo model, which any other is taken for."""
    return prosthesis._replace(model_id=1 + (prosthesis.model_id - 1) % len(MODELS))
