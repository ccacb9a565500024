"""The habits behind demo telemetry: which chips send, from when to when, and the person and the device behind each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stack.demo.people import MODELS, Prosthesis
from stack.demo.plan import Plan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNOWNED_CHIP = "CHIP-LOST"
"""Sends, but never was anybody's."""

_UNOWNED_SHARE = 0.001
_NOBODY = 0
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_LIMBS = ("arm", "hand", "leg")
_LIMB_OF_MODEL = {model.id: _LIMBS.index(model.prosthesis_type) for model in MODELS}


@dataclass(frozen=True, eq=False)
class Senders:
    """One entry a chip and stretch of time in which it sends alike; times are microseconds since 1970, UTC."""

    chip_ids: pl.Series
    limb: Ints
    since_us: Ints
    until_us: Ints
    eagerness: Floats
    """Relative number of events."""
    rhythm: Floats
    """Share of the day's events in each UTC hour: (senders, 24)."""
    asleep: NDArray[np.bool_]
    """Whether the person sleeps in each UTC hour: (senders, 24)."""
    response_ms: Floats
    amplitude_mv: Floats
    drain_pct_a_day: Floats
    latitude: Floats
    """NaN for a device that does not tell its place."""
    longitude: Floats


class _Stint(NamedTuple):
    chip_id: str
    customer_id: int
    limb: int
    since: datetime
    until: datetime


def senders(plan: Plan, worn: Sequence[Prosthesis]) -> Senders:
    """All that send: chips while worn, a little while between two wearers, and one that nobody owns."""
    stints = [*map(_wearing, worn), *_pauses(worn), _Stint(UNOWNED_CHIP, _NOBODY, 0, _NEVER, _EVER)]
    chance = np.random.default_rng([plan.seed, 1])
    number = len(stints)
    # Both devices of one person share that person's hours and home.
    ids, person = np.unique([stint.customer_id for stint in stints], return_inverse=True)
    rhythm, asleep = _hours(chance, len(ids))
    places = _homes(chance, len(ids))[person]
    places[chance.random(number) < 0.3] = np.nan
    return Senders(
        chip_ids=pl.Series([stint.chip_id for stint in stints], dtype=pl.String),
        limb=np.array([stint.limb for stint in stints]),
        since_us=np.array([microseconds(stint.since) for stint in stints]),
        until_us=np.array([microseconds(stint.until) for stint in stints]),
        eagerness=_eagerness(chance, np.array([stint.customer_id == _NOBODY for stint in stints])),
        rhythm=rhythm[person],
        asleep=asleep[person],
        response_ms=chance.uniform(45, 95, number),
        amplitude_mv=chance.uniform(0.6, 2.4, number),
        drain_pct_a_day=chance.uniform(40, 120, number),
        latitude=places[:, 0],
        longitude=places[:, 1],
    )


def _wearing(prosthesis: Prosthesis) -> _Stint:
    limb = _LIMB_OF_MODEL[prosthesis.model_id]
    until = prosthesis.valid_to or _EVER
    return _Stint(prosthesis.chip_id, prosthesis.customer_id, limb, prosthesis.valid_from, until)


def _pauses(worn: Sequence[Prosthesis]) -> Iterator[_Stint]:
    """The workshop tries a chip out between its two wearers, so it sends while nobody holds it."""
    in_turn = sorted(map(_wearing, worn), key=lambda stint: (stint.chip_id, stint.since))
    for before, after in pairwise(in_turn):
        if before.chip_id == after.chip_id and before.until < after.since:
            yield before._replace(customer_id=_NOBODY, since=before.until, until=after.since)


def _eagerness(chance: np.random.Generator, unheld: NDArray[np.bool_]) -> Floats:
    eagerness = chance.lognormal(0, 0.5, len(unheld))
    eagerness[unheld] *= 0.3
    eagerness[-1] = _UNOWNED_SHARE * eagerness[:-1].sum()
    return eagerness


def _hours(chance: np.random.Generator, people: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Rhythm and sleep of each person: (people, 24) each; all wake from 4 to 7 UTC and are up for 15 to 17 hours."""
    wakes = chance.uniform(4, 7, (people, 1))
    awake_hours = chance.uniform(15, 17, (people, 1))
    through_the_day = (np.arange(24) + 0.5 - wakes) / awake_hours
    asleep = (through_the_day < 0) | (through_the_day > 1)
    activity = 0.3 + np.sin(np.pi * through_the_day.clip(0, 1)) * chance.lognormal(0, 0.35, (people, 24))
    activity[asleep] = 0.01
    return activity / activity.sum(axis=1, keepdims=True), asleep


def _homes(chance: np.random.Generator, people: int) -> Floats:
    """Latitude and longitude of a made-up home for each person: (people, 2)."""
    return np.column_stack([chance.uniform(42, 60, people), chance.uniform(10, 80, people)])


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC of an instant that knows its zone."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
