"""A period is cut into days, hours and what is left, so that every instant of it is in one piece."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from api.pieces import Pieces, pieces

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-07-{text}+00:00")


def test_a_period_is_whole_days_then_whole_hours_of_the_days_at_its_ends_then_the_hours_that_it_cuts() -> None:
    assert pieces(at("01T22:30:00"), at("04T01:00:01")) == Pieces(
        days=[at("02T00:00:00"), at("03T00:00:00")],
        hours=[at("01T23:00:00"), at("04T00:00:00")],
        cut_days=[at("01T00:00:00"), at("04T00:00:00")],
        cut_hours=[at("01T22:00:00"), at("04T01:00:00")],
    )


def test_a_period_within_an_hour_is_cut_out_of_that_hour_alone() -> None:
    assert pieces(at("01T09:10:00"), at("01T09:20:00")) == Pieces(
        days=[], hours=[], cut_days=[at("01T00:00:00")], cut_hours=[at("01T09:00:00")]
    )


@pytest.mark.parametrize("bound", ["01T00:00:00", "02T00:00:00"])
def test_an_empty_period_at_midnight_has_no_pieces(bound: str) -> None:
    assert pieces(at(bound), at(bound)) == Pieces([], [], [], [])


@pytest.mark.parametrize("seed", range(60))
def test_every_instant_of_a_period_is_in_one_piece_and_no_other_is_in_any(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - no secret
    since = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(3 * 86_400))
    until = since + timedelta(seconds=chance.choice([0, 1, 59, 3600, 86_400, chance.randrange(5 * 86_400)]))

    cut = pieces(since, until)

    spans = [(day, day + DAY) for day in cut.days] + [(hour, hour + HOUR) for hour in cut.hours]
    spans += [(max(hour, since), min(hour + HOUR, until)) for hour in cut.cut_hours]
    touching = sorted(span for span in spans if span[0] < span[1])
    assert [first for first, _ in touching] == [since, *(end for _, end in touching)][: len(touching)]
    assert touching[-1:] == [] or touching[-1][1] == until
    assert bool(touching) == (since < until)
    assert len(cut.cut_hours) <= 2
    assert {hour.replace(hour=0) for hour in cut.hours + cut.cut_hours} <= set(cut.cut_days)
