"""kills of runs and engines at random steps while readers ask, and whether everything was right all along"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.engines import home_folder
from tests.killing.ground import ground
from tests.killing.points import Result, points
from tests.killing.programs import PROGRAMS

POINTS = 1_000
SEED = 4
_TELLS_AT_MOST = 20


def measure(count: int = POINTS) -> dict[str, float]:
    """Carry out random points over all programs, steps and targets; raises `SystemExit` where a promise was broken."""
    results: list[Result] = []
    with suppress(KeyboardInterrupt):
        results.extend(_carried_out(count))
    console = Console()
    console.print(_summary(results))
    failed = [result for result in results if not result.is_well]
    for result in failed[:_TELLS_AT_MOST]:
        console.print(result)
    if failed:
        raise SystemExit(f"{len(failed)} of {len(results)} points broke a promise.")
    return {
        "points": len(results),
        "answers_held_against_the_source": sum(result.answers for result in results),
        "torn_doubled_or_missing": sum(len(result.wrong) for result in results),
        "unclear_failures": sum(bool(result.unclear) for result in results),
        "not_recovered": sum(bool(result.lasting) for result in results),
        "seconds_a_point": round(sum(result.seconds for result in results) / max(1, len(results)), 2),
    }


def _carried_out(count: int) -> Iterator[Result]:
    chance = Random(SEED)  # noqa: S311 - the same points each time
    with home_folder() as folder, ground(folder, chance) as made:
        for point in track(islice(points(made.steps, chance, list(PROGRAMS)), count), "points", total=count):
            yield made.carry_out(point)


def _summary(results: Iterable[Result]) -> Table:
    """How many points struck what, by the kind of step that it was doing."""
    struck = Counter(
        (" + ".join(sorted(result.point.targets)), result.step.kind if result.step else "ended before")
        for result in results
    )
    targets = sorted({target for target, _ in struck})
    kinds = sorted({kind for _, kind in struck})
    table = Table("killed", *kinds, title="points by what was killed and at which step")
    for target in targets:
        table.add_row(target, *(str(struck[target, kind]) for kind in kinds))
    return table
