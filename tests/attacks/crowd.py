"""People whose every figure says whose it is, so that one in a wrong answer gives itself away.

A person's number in the CRM is a prime. Every count and sum of theirs is a multiple of it, every mean but that of the
battery is the prime itself, and that one is a fraction that nobody else has. A figure into which anything of somebody
else's was mixed is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from tests.api.world import Marts, worn

FIRST = date(2026, 7, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(3)]
HOURS = [8, 9]
ABSENT = 1117
"""A prime that is nobody's."""

_MARK = re.compile(r"of-(\d+)-owner", re.IGNORECASE)
_SMALL = 999
"""Hours, statuses and the like: below every prime, so that they are of nobody."""


class Person(msgspec.Struct, frozen=True):
    """A customer."""

    number: int
    place: int

    @property
    def uuid(self) -> UUID:
        """Their subject at the issuer."""
        return uuid_of(self.number)

    @property
    def name(self) -> str:
        """Their name in the CRM."""
        return f"Name-of-{self.number}-owner"

    @property
    def battery_pct(self) -> float:
        """Their charge at all times; exact in binary, and never whole."""
        return 20 + self.place / 64 + 1 / 128

    def owns(self, figure: float) -> bool:
        """Whether this may stand in an answer about them: a figure of theirs, a share, or some small number."""
        if 0 <= figure <= 1 or figure == self.battery_pct:
            return True
        return float(figure).is_integer() and (0 <= figure <= _SMALL or figure % self.number == 0)

    def day(self, chance: Random) -> list[dict[str, Any]]:
        """What they did in one day, with two prostheses."""
        return [self.worn(kind, HOURS, chance.randint(1, 9)) for kind in ("hand", "arm")]

    def worn(self, kind: str, hours: list[int], times: int) -> dict[str, Any]:
        """What one prosthesis did."""
        movements = self.number * times
        return worn(
            f"{kind}-of-{self.number}-owner",
            f"chip-of-{self.number}-owner",
            hours,
            movements,
            user_id=self.number,
            prosthesis_type=kind,
            prosthesis_model=f"Model-of-{self.number}-owner",
            signal_duration_ms_sum=60_000 * movements,
            signal_frequency_hz_sum=self.number * movements,
            amplitude_sum=float(self.number * movements),
            response_ms_sum=float(self.number * movements),
            responses=movements,
            battery_pct_sum=self.battery_pct * movements,
            battery_used_pct=float(self.number),
            battery_first_pct=self.battery_pct,
            battery_last_pct=self.battery_pct,
            errors=self.number,
            efficient_movements=movements // 2,
        )

    def event(self, at: datetime, times: int) -> dict[str, Any]:
        """One raw event."""
        return {
            "id": self.number * times,
            "user_id": self.number,
            "prosthesis_id": f"hand-of-{self.number}-owner",
            "prosthesis_type": "hand",
            "prosthesis_model": f"Model-of-{self.number}-owner",
            "chip_id": f"chip-of-{self.number}-owner",
            "event_time": at.replace(tzinfo=None),
            "saved_ts": at.replace(tzinfo=None),
            "muscle_group": f"muscle-of-{self.number}-owner",
            "signal_frequency": self.number,
            "signal_duration": self.number,
            "signal_amplitude": float(self.number),
            "response_time_ms": float(self.number),
            "battery_level": self.battery_pct,
            "error_code": self.number,
        }


def uuid_of(number: int) -> UUID:
    """The subject of whoever has this number."""
    return UUID(f"{number:08d}-0000-4000-8000-{number:012d}")


def people(how_many: int) -> list[Person]:
    """So many customers."""
    primes = (number for number in count(1009, 2) if all(number % divisor for divisor in range(3, 80, 2)))
    numbers = islice((prime for prime in primes if prime != ABSENT), how_many)
    return [Person(number, place) for place, number in enumerate(numbers, 1)]


def publish(marts: Marts, crowd: Iterable[Person], seed: int, days: Iterable[date] = DAYS) -> None:
    """Publish these days of everyone's, with their hours and events."""
    crowd, chance = list(crowd), Random(seed)  # noqa: S311 - the same figures each time
    for day in days:
        builds = [_hour(marts, crowd, chance, day, hour) for hour in HOURS]
        marts.day(day, [row for person in crowd for row in person.day(chance)], inputs=tuple(builds))


def publish_all(marts: Marts, crowd: list[Person], seed: int) -> None:
    """Publish everyone, their days, and what managers read."""
    marts.customers([(person.number, person.uuid, person.name) for person in crowd])
    publish(marts, crowd, seed)
    at = datetime.combine(FIRST, datetime.min.time(), UTC)
    stage = {"status": "won", "currency": "EUR", "deals": 3, "deals_with_amount": 2, "amount_total": 7}
    marts.deals([stage | {"oldest_updated_at": at, "newest_updated_at": at}])
    for day in DAYS:
        marts.audit(day, [{"action": "opened", "entity_type": "deal", "events": 5, "actors": 2}])


def is_somebodys(figure: float) -> bool:
    """Whether this may be a figure of anybody's."""
    return not 0 <= figure <= _SMALL


def owners_named(text: str) -> set[int]:
    """The numbers of those whose texts or subjects occur in it."""
    return {int(number) for number in _MARK.findall(text)} | {int(number) for number in _SUBJECT.findall(text)}


_SUBJECT = re.compile(r"\b0*(\d+)-0000-4000-8000-\d{12}\b")


def _hour(marts: Marts, crowd: list[Person], chance: Random, day: date, hour: int) -> int:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    times = chance.randint(1, 9)
    events = marts.events(at, [person.event(at + timedelta(minutes=times), times) for person in crowd])
    rows = [person.worn(kind, [hour], chance.randint(1, 9)) for person in crowd for kind in ("hand", "arm")]
    return marts.hour(at, rows, inputs=(events, 0))
