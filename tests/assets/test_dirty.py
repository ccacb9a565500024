"""What is dirty is derived: what arrives, goes, is corrected or found wrong moves just the days that it is of."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from assets.dirty import Dirt, DirtFollower, dirty_days
from resources import arrivals
from resources.publications import current, naive
from resources.warehouse import Warehouse
from tests.assets.conftest import Marts, at

DAY, NEXT, AFTER = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)
NOON = "2026-02-01T12:00:00"
NOW = at("2026-02-02T12:00:00")


def tick(marts: Marts) -> None:
    with arrivals.connect(marts.settings) as source:
        arrivals.tick(source, marts.warehouse, marts.settings)


def dirt(marts: Marts, now: datetime = NOW) -> Dirt:
    return dirty_days(marts.warehouse, marts.settings, now)


def reasons(marts: Marts, now: datetime = NOW) -> dict[date, set[str]]:
    """Reasons by dirty day."""
    return {day: set(causes) for day, causes in dirt(marts, now).days.items()}


@pytest.fixture
def built(marts: Marts) -> Iterator[Marts]:
    """Two days with an event each, noticed and built."""
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    for day in ("2026-02-01", "2026-02-02"):
        marts.add_event(f"{day}T12:00:00")
    tick(marts)
    assert reasons(marts) == {DAY: {"arrived"}, NEXT: {"arrived"}}
    marts.build_all(DAY, AFTER)
    assert reasons(marts) == {}
    yield marts


def test_a_late_event_moves_its_day_only(built: Marts) -> None:
    built.add_event("2026-02-01T03:00:00")
    tick(built)
    assert reasons(built) == {DAY: {"arrived"}}
    built.build_all(DAY, NEXT)
    assert reasons(built) == {}


def test_what_was_noticed_after_a_run_that_contained_it_moves_nothing(built: Marts) -> None:
    built.add_event(NOON)
    built.build_all(DAY, NEXT)
    tick(built)
    assert reasons(built) == {}


def test_an_event_that_is_gone_again_when_the_run_looks_leaves_a_clean_day(built: Marts) -> None:
    gone = built.add_event(NOON)
    tick(built)
    built.telemetry("DELETE FROM telemetry.raw_telemetry WHERE id = %s", gone)
    assert reasons(built) == {DAY: {"arrived"}}
    assert built.build_events(DAY, NEXT).rebuilt == 0
    assert reasons(built) == {}


def test_a_correction_of_who_wore_a_chip_moves_the_days_of_the_hours_that_it_reaches(built: Marts) -> None:
    built.add_wearer(2)
    built.hand_over("chip-1", 2, at("2026-02-02T18:00:00"))
    built.build_customers()
    assert reasons(built) == {NEXT: {"owners"}}
    built.build_all(NEXT, AFTER)
    assert reasons(built) == {}


def test_a_chip_that_the_crm_learns_of_has_its_day_built_again(built: Marts) -> None:
    event = built.add_event(NOON, chip="chip-2")
    built.build_all(DAY, NEXT)
    assert built.quarantined() == {event: "unowned_chip"}
    built.add_wearer(2)
    built.hand_over("chip-2", 2, at("2026-02-01T00:00:00"))
    built.crm("UPDATE crm.prostheses SET valid_to = '2026-02-02Z' WHERE chip_id = 'chip-2'")
    built.build_customers()
    assert reasons(built) == {DAY: {"owners"}}
    built.build_all(DAY, NEXT)
    assert (built.quarantined(), reasons(built)) == ({}, {})


def test_a_run_that_dies_between_two_marts_leaves_a_day_behind(built: Marts) -> None:
    built.add_event(NOON)
    tick(built)
    built.build_events(DAY, NEXT)
    assert reasons(built) == {DAY: {"behind"}}
    built.build_stats(DAY, NEXT)
    assert reasons(built) == {DAY: {"behind"}}
    built.build_reports(DAY, NEXT)
    assert reasons(built) == {}


@pytest.mark.parametrize("mart", ["telemetry_events", "user_prosthesis_stats", "user_daily_reports"])
def test_a_build_that_was_found_wrong_is_made_again(built: Marts, mart: str) -> None:
    wrong = max(current(built.warehouse, mart).values(), key=lambda build: (build.rows, build.segment))
    faulty = (mart, naive(wrong.segment), wrong.build_id, "rows_differ")
    built.warehouse._reader.execute("INSERT INTO faulty_builds (mart, segment, build_id, reason) VALUES", [faulty])
    assert reasons(built) == {NEXT: {"faulty"}}
    built.build_all(DAY, AFTER)
    assert reasons(built) == {}
    assert current(built.warehouse, mart)[wrong.segment].build_id > wrong.build_id


def test_an_event_of_a_day_to_come_waits_for_it(built: Marts) -> None:
    built.add_event("2026-02-04T12:00:00", saved_ts=at("2026-02-04T11:59:00"))
    built.add_event("2150-01-01T00:00:00")
    tick(built)
    assert (reasons(built), dirt(built).waiting) == ({}, 2)
    its_day = NOW + timedelta(days=2)
    assert (reasons(built, its_day), dirt(built, its_day).waiting) == ({its_day.date(): {"arrived"}}, 1)


def test_an_event_from_before_the_first_day_moves_the_first_day(marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    early = marts.add_event("1969-07-20T20:17:00")
    tick(marts)
    first_day = marts.settings.reports_first_day
    assert reasons(marts) == {first_day: {"arrived"}}
    marts.build_all(first_day, first_day + timedelta(days=1))
    assert (marts.quarantined(), reasons(marts)) == ({early: "before_first_day"}, {})


def test_days_that_are_no_longer_kept_are_left_alone(built: Marts) -> None:
    built.add_event(NOON)
    built.add_event("2026-02-02T12:00:00")
    built.add_event("1999-01-01T00:00:00")
    tick(built)
    built.settings = msgspec.structs.replace(built.settings, reports_retention_days=1)
    assert reasons(built, NOW + timedelta(days=1)) == {NEXT: {"arrived"}}


def test_without_the_crm_that_is_said(marts: Marts) -> None:
    assert dirt(marts).without_owners is True


def test_whoever_follows_what_is_dirty_sees_every_change(built: Marts) -> None:
    follower = DirtFollower()

    def followed(now: datetime = NOW) -> bool:
        return follower.dirty_days(built.warehouse, built.settings, now) == dirt(built, now)

    assert (followed(), followed()) == (True, True)
    built.add_event("2026-02-03T12:00:00")
    built.add_event(NOON)
    tick(built)
    assert (reasons(built), followed()) == ({DAY: {"arrived"}}, True)
    assert followed(NOW + timedelta(days=1))
    built.build_events(DAY, NEXT)
    assert (reasons(built), followed()) == ({DAY: {"behind"}}, True)


def test_whoever_follows_what_is_dirty_knows_what_all_history_says(built: Marts) -> None:
    chance, follower, seen = random.Random(3), DirtFollower(), set[str]()  # noqa: S311 - a test repeats its chances
    wearer = 2
    for _ in range(30):
        step = chance.choice(("event", "tick", "tick", "events", "stats", "reports", "owners", "faulty", "expire"))
        day = DAY + timedelta(days=chance.randrange(2))
        match step:
            case "event":
                built.add_event(f"{day}T{chance.randrange(24):02d}:00:00")
            case "tick":
                tick(built)
            case "events":
                built.build_events(day, day + timedelta(days=1))
            case "stats":
                built.build_stats(day, day + timedelta(days=1))
            case "reports":
                built.build_reports(day, day + timedelta(days=1))
            case "owners":
                built.add_wearer(wearer, f"chip-{wearer}")
                built.build_customers()
                wearer += 1
            case "faulty":
                wrong = chance.choice(list(current(built.warehouse, "telemetry_events").values()))
                row = (wrong.mart, naive(wrong.segment), wrong.build_id, "rows_differ")
                built.warehouse.insert_rows("builds/faulty_builds", [row])
            case "expire":
                built.query("DELETE FROM publications WHERE mart = 'user_daily_reports'")
        expected = dirt(built)
        assert follower.dirty_days(built.warehouse, built.settings, NOW) == expected, step
        seen |= {reason for causes in expected.days.values() for reason in causes}
    assert seen == {"arrived", "behind", "faulty", "owners"}


def test_more_dirt_is_other_dirt(built: Marts) -> None:
    built.add_event(NOON)
    tick(built)
    before = dirt(built).days
    assert dirt(built).days == before
    built.add_event(NOON)
    tick(built)
    assert dirt(built).days != before


Piece = tuple[str, datetime, datetime, int]
"""A chip, since when and until when, and its owner."""


def test_hours_have_the_same_checksum_exactly_where_they_have_the_same_owners(marts: Marts) -> None:
    chance = random.Random(1)  # noqa: S311 - a test repeats its chances
    tables = [_pieces(chance, change) for change in (0.0, 0.1, 0.3, 1.0)]
    since = datetime(2026, 2, 1, tzinfo=UTC)
    hours = [since + timedelta(hours=hour) for hour in range(48)]
    checksums = []
    for build_id, pieces in enumerate(tables, start=1):
        _write_owners(marts.warehouse, build_id, pieces)
        bounds = {"since": naive(since), "until": naive(since + timedelta(days=2))}
        checksums.append(dict(marts.warehouse.rows("reads/owner_checksums", owners=build_id, **bounds)))
    compared = [
        (_clipped(tables[one], hour) == _clipped(tables[two], hour), checksums[one][hour] == checksums[two][hour])
        for one in range(len(tables))
        for two in range(one)
        for hour in hours
    ]
    assert [same for same, _ in compared] == [equal for _, equal in compared]
    assert {same for same, _ in compared} == {True, False}


def _pieces(chance: random.Random, change: float) -> list[Piece]:
    """Stretches that begin and end at, within and around hours; those of some chips are other ones by `change`."""
    pieces = []
    for number in range(30):
        fixed = random.Random(number if random.Random(number + 99).random() >= change else chance.random())  # noqa: S311
        bound = datetime(2026, 1, 31, 20, tzinfo=UTC)
        for _ in range(4):
            length = timedelta(minutes=fixed.choice((20, 30, 60, 60, 90, 300, 1440)))
            pieces.append((f"chip-{number}", bound, bound + length, fixed.randint(1, 3)))
            bound += length + timedelta(minutes=fixed.choice((0, 0, 30, 60)))
    # One that is older than ClickHouse's hours, and open.
    return [*pieces, ("chip-old", datetime(1950, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), 1)]


def _clipped(pieces: list[Piece], hour: datetime) -> set[Piece]:
    """What reaches into the hour, as far as it does."""
    end = hour + timedelta(hours=1)
    reaching = ((chip, max(since, hour), min(until, end), owner) for chip, since, until, owner in pieces)
    return {piece for piece in reaching if piece[1] < piece[2]}


def _write_owners(warehouse: Warehouse, build_id: int, pieces: list[Piece]) -> None:
    rows = [
        (chip, naive(since), naive(until), 1, owner, f"prosthesis-{owner}", "arm", "Model A", build_id)
        for chip, since, until, owner in pieces
    ]
    warehouse.insert_rows("builds/prosthesis_owners", rows)
