"""What demo data is asked for: how many people, which days, how many events, and which of all possible worlds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a seed; the same plan makes the same rows. Raises `ValueError` where it makes no sense."""

    customers: int
    days: int
    events_per_day: int
    seed: int
    last_day: date
    now: datetime

    def __post_init__(self) -> None:
        """Refuse what cannot be told as a story."""
        if min(self.customers, self.days, self.events_per_day) < 1:
            raise ValueError("A seed needs at least one customer, one day and one event a day.")
        if self.seed < 0:
            raise ValueError("The number that a seed starts from is 0 or greater.")
        if self.now.tzinfo is None:
            raise ValueError("The time that a seed takes for now must know its zone.")
        if self.now <= _midnight(self.last_day):
            raise ValueError(f"The last day, {self.last_day}, has not begun yet (UTC); choose today or an earlier one.")

    @property
    def first(self) -> datetime:
        """Midnight (UTC) at which the first day begins."""
        return _midnight(self.last_day - timedelta(days=self.days - 1))

    @property
    def end(self) -> datetime:
        """The end of the last day (UTC), or now where that is earlier; nothing happens from then on."""
        return min(_midnight(self.last_day + timedelta(days=1)), self.now.astimezone(UTC))

    def at(self, share: float) -> datetime:
        """The whole second at this share (0…1) of the time from `first` to `end`."""
        return (self.first + share * (self.end - self.first)).replace(microsecond=0)

    def dice(self, what: str) -> Random:
        """Chance for one kind of rows, the same on every machine."""
        return Random(f"{self.seed} {what}")  # noqa: S311 - demo data keeps no secret


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
