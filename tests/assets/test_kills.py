"""Whatever is killed at whatever step: no reader sees a torn, doubled or missing day, and the same run again mends all.

`python -m bench kill` carries out as many more points as one likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random

import pytest

from tests.engines import home_folder
from tests.killing.ground import Ground, ground
from tests.killing.jobs import Moment, Step, Stop
from tests.killing.points import Point, Result, Target

_SEED = 4
_RUN: frozenset[Target] = frozenset({"run"})
_CLICKHOUSE: frozenset[Target] = frozenset({"clickhouse"})
_POSTGRES: frozenset[Target] = frozenset({"postgres"})
_EACH: dict[str, Moment] = {"insert": "during", "publication": "during"}


@pytest.fixture(scope="module")
def killing_ground() -> Iterator[Ground]:
    """Engines of its own: the session's must not die."""
    chance = Random(_SEED)  # noqa: S311 - the same changes each time
    with home_folder() as folder, ground(folder, chance) as made:
        yield made


def test_a_run_may_be_killed_about_each_insert_and_each_publication(killing_ground: Ground) -> None:
    chosen = [
        Point("telemetry", Stop(number, _EACH[step.kind]), _RUN)
        for number, step in enumerate(killing_ground.steps("telemetry"))
        if step.kind in _EACH
    ]
    assert failures(killing_ground, [Point("telemetry", Stop(0, "after"), _RUN), *chosen]) == []


@pytest.mark.soak
def test_a_run_of_any_other_program_may_be_killed(killing_ground: Ground) -> None:
    chosen = [
        *each_of("pieces", killing_ground, {"publication": 1}),
        *each_of("customers", killing_ground, {"publication": 1, "swap": 1}),
        *each_of("audit", killing_ground, {"publication": 1}),
        *each_of("collection", killing_ground, {"removal": 1}),
        *each_of("departure", killing_ground, {"removal": 1}),
    ]
    assert failures(killing_ground, chosen) == []


def test_clickhouse_may_be_killed_alone_and_with_others(killing_ground: Ground) -> None:
    steps = killing_ground.steps("telemetry")
    inserts = [number for number, step in enumerate(steps) if step.kind == "insert"]
    published = [number for number, step in enumerate(steps) if step.kind == "publication"]
    chosen = [
        Point("telemetry", Stop(inserts[-1], "during"), _CLICKHOUSE, revived_first=True),
        Point("telemetry", Stop(published[-1], "during"), _RUN | _CLICKHOUSE, 0.4),
        Point("telemetry", Stop(published[-1], "before"), _POSTGRES | _CLICKHOUSE, revived_first=True),
        *each_of("collection", killing_ground, {"removal": 1}, _CLICKHOUSE),
    ]
    assert failures(killing_ground, chosen) == []


def test_postgresql_may_be_killed_alone_and_with_the_run(killing_ground: Ground) -> None:
    steps = killing_ground.steps("telemetry")
    read = [number for number, step in enumerate(steps) if step.kind == "source"]
    chosen = [
        Point("telemetry", Stop(read[1], "before"), _POSTGRES),
        Point("telemetry", Stop(read[-1], "before"), _POSTGRES, revived_first=True),
        Point("telemetry", Stop(read[-1], "after"), _RUN | _POSTGRES),
        *each_of("audit", killing_ground, {"source": 1}, _POSTGRES),
    ]
    assert failures(killing_ground, chosen) == []


def each_of(program: str, made: Ground, kinds: dict[str, int], targets: frozenset[Target] = _RUN) -> Iterable[Point]:
    """Points in the middle of the last so many steps of each kind."""
    steps: list[Step] = made.steps(program)
    for kind, count in kinds.items():
        of_kind = (number for number in reversed(range(len(steps))) if steps[number].kind == kind)
        for number in islice(of_kind, count):
            yield Point(program, Stop(number, "during"), targets)


def failures(made: Ground, chosen: Iterable[Point]) -> list[Result]:
    """What became of the points that broke a promise."""
    results = [made.carry_out(point) for point in chosen]
    assert results
    return [result for result in results if not result.is_well]
