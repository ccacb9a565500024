"""Demo people and what they wear; every name, address and number is visibly made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import NamedTuple
from uuid import UUID

from stack.demo.plan import Plan


class Model(NamedTuple):
    """A row of `crm.prosthesis_models`."""

    id: int
    name: str
    prosthesis_type: str


class Customer(NamedTuple):
    """A row of `crm.customers`."""

    user_id: int
    user_uuid: UUID
    ldap_username: str
    name: str
    email: str
    age: int | None
    gender: str | None
    country: str | None
    address: str | None
    phone: str | None
    contract: str | None
    registration_ts: datetime
    updated_at: datetime


class Prosthesis(NamedTuple):
    """A row of `crm.prostheses`: one person holds one chip over `[valid_from, valid_to)`."""

    id: UUID
    chip_id: str
    customer_id: int
    model_id: int
    valid_from: datetime
    valid_to: datetime | None


MODELS = (
    Model(1, "Arm Lift", "arm"),
    Model(2, "Arm Reach", "arm"),
    Model(3, "Hand Grip", "hand"),
    Model(4, "Hand Touch", "hand"),
    Model(5, "Leg Stride", "leg"),
    Model(6, "Leg Climb", "leg"),
)


def customers(plan: Plan) -> list[Customer]:
    """Customers numbered from 1, all registered one to six years before the period."""
    chance = plan.dice("customers")
    return [_customer(chance, user_id, plan) for user_id in range(1, plan.customers + 1)]


def _customer(chance: Random, user_id: int, plan: Plan) -> Customer:
    username = f"user{user_id:06d}"
    registered = _days_before(chance, plan.first, 365, 2190)
    return Customer(
        user_id=user_id,
        user_uuid=_uuid(chance),
        ldap_username=username,
        name=f"Demo Person {user_id}",
        email=f"{username}@example.test",
        age=chance.randint(18, 80) if chance.random() < 0.9 else None,
        gender=chance.choice(("female", "male", None)),
        country=chance.choice(("RU", "RU", "KZ", "DE", "US", None)),
        address=f"{user_id} Demo Street, Demo Town" if chance.random() < 0.8 else None,
        phone=f"+000{user_id:09d}" if chance.random() < 0.8 else None,
        contract=f"DEMO-{user_id:06d}" if chance.random() < 0.9 else None,
        registration_ts=registered,
        updated_at=registered + chance.random() * (plan.end - registered),
    )


def prostheses(plan: Plan) -> list[Prosthesis]:
    """Who wears what: from ten customers on there is somebody for every story, and customer 1 always wears two.

    A tenth have none. Two pairs, or one pair in fifty customers, pass a chip on during the period, every other pair
    with a pause in between. Of the rest a seventh have two prostheses and a twentieth get theirs during the period.
    """
    chance = plan.dice("prostheses")
    chips = (f"CHIP-{number:06d}" for number in count(1))
    others = chance.sample(range(2, plan.customers + 1), plan.customers - 1)[plan.customers // 10 :]
    pairs = min(max(2, plan.customers // 50), len(others) // 4)
    handing, keeping = others[: 2 * pairs], [1, *others[2 * pairs :]]
    return [
        *_handed_on(chance, chips, handing, plan),
        *_kept(chance, chips, keeping, plan),
    ]


def _handed_on(chance: Random, chips: Iterator[str], people: Sequence[int], plan: Plan) -> Iterator[Prosthesis]:
    for pair, (giver, taker) in enumerate(zip(people[::2], people[1::2], strict=True)):
        share = chance.uniform(0.35, 0.65)
        given = plan.at(share)
        taken = plan.at(share + 0.1) if pair % 2 else given
        before = _worn(chance, next(chips), giver, _days_before(chance, plan.first, 10, 360))._replace(valid_to=given)
        yield before
        yield before._replace(id=_uuid(chance), customer_id=taker, valid_from=taken, valid_to=None)


def _kept(chance: Random, chips: Iterator[str], people: Sequence[int], plan: Plan) -> Iterator[Prosthesis]:
    beginners = (len(people) + 15) // 20
    with_two = (len(people) + 6) // 7
    for place, person in enumerate(people):
        since = _days_before(chance, plan.first, 10, 360)
        if place >= len(people) - beginners:
            since = plan.at(chance.uniform(0.2, 0.8))
        yield _worn(chance, next(chips), person, since)
        if place < with_two:
            yield _worn(chance, next(chips), person, _days_before(chance, plan.first, 10, 360))


def _worn(chance: Random, chip_id: str, customer_id: int, since: datetime) -> Prosthesis:
    return Prosthesis(_uuid(chance), chip_id, customer_id, chance.choice(MODELS).id, since, None)


def _days_before(chance: Random, instant: datetime, fewest: int, most: int) -> datetime:
    return instant - timedelta(seconds=chance.randint(fewest * 86_400, most * 86_400))


def _uuid(chance: Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
