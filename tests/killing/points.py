"""Points: what is killed, at which step of which program, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Literal

import msgspec

from tests.killing.jobs import Moment, Step, Stop

Target = Literal["run", "postgres", "clickhouse"]


class Point(msgspec.Struct, frozen=True):
    """One kill. `share` is how far into a step that lasts as long as usual `during` strikes.

    Where the run itself lives on, `revived_first` says whether the engines are back before it goes on.
    """

    program: str
    stop: Stop
    targets: frozenset[Target]
    share: float = 0.5
    revived_first: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a point."""

    point: Point
    step: Step | None
    """Where the kill struck; nothing where the run ended before."""
    answers: int
    wrong: list[str]
    """Answers that were neither the old state nor the new one."""
    unclear: str
    """How the run ended, where that was neither well nor with an error of the system's own."""
    lasting: list[str]
    """What was not right after the same program had run again."""
    seconds: float

    @property
    def is_well(self) -> bool:
        """Whether every promise was kept."""
        return not (self.wrong or self.unclear or self.lasting)


def points(steps_of: Callable[[str], list[Step]], chance: Random, programs: list[str]) -> Iterator[Point]:
    """Random points over all steps of `programs`; they never end."""
    while True:
        program = chance.choice(programs)
        steps = steps_of(program)
        yield Point(
            program=program,
            stop=Stop(chance.randrange(len(steps)), chance.choice(_MOMENTS)),
            targets=chance.choices(_TARGETS, weights=_WEIGHTS)[0],
            share=chance.random() * 1.2,
            revived_first=chance.random() < 0.5,
        )


_MOMENTS: tuple[Moment, ...] = ("before", "during", "after")
_TARGETS: list[frozenset[Target]] = [
    frozenset({"run"}),
    frozenset({"postgres"}),
    frozenset({"clickhouse"}),
    frozenset({"run", "postgres"}),
    frozenset({"run", "clickhouse"}),
    frozenset({"postgres", "clickhouse"}),
]
_WEIGHTS = [70, 8, 8, 5, 5, 4]
