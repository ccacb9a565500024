"""The seeded month, and random periods about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

SINCE, LAST = date(2026, 2, 1), date(2026, 2, 28)
UNTIL = date(2026, 3, 1)


def to_the_second(chance: Random) -> Iterator[tuple[datetime, datetime]]:
    """Half-open periods, every other one from a full hour to a full hour; they never end."""
    first = datetime(2026, 1, 31, 20, tzinfo=UTC)
    while True:
        since = first + timedelta(seconds=chance.randrange(29 * 86_400))
        yield since, since + timedelta(seconds=chance.choice([60, 3_599, 3_600, 86_400, chance.randrange(29 * 86_400)]))
        yield (
            since.replace(minute=0, second=0),
            since.replace(minute=0, second=0) + timedelta(hours=chance.randrange(60)),
        )


def of_days(chance: Random) -> Iterator[tuple[date, date]]:
    """Periods within the month, both days included; they never end."""
    while True:
        since = SINCE + timedelta(days=chance.randrange(28))
        yield since, since + timedelta(days=chance.randrange((LAST - since).days + 1))
