"""Where points are carried out: engines, sources, readers and runs, one point after the other."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

from tests import recompute
from tests.killing.engines import Engine, Engines
from tests.killing.jobs import Ended, Job, Step, Stop
from tests.killing.nursery import Nursery, Run
from tests.killing.points import Point, Result
from tests.killing.readers import QUESTIONS, Analyst, Expected, Wearers
from tests.killing.states import State, recomputed
from tests.killing.world import SINCE, STAYING, UNTIL, World

ENGINES: tuple[Engine, ...] = ("postgres", "clickhouse")

_CHANGED = {
    "customers": ("customers",),
    "telemetry": ("events", "hours", "days"),
    "pieces": ("events", "hours", "days"),
    "deals": ("deals",),
    "audit": ("audit",),
}
_COUNTS = (
    "SELECT (SELECT count() FROM telemetry_events) + (SELECT count() FROM quarantine), "
    "(SELECT sum(rows) FROM current_builds WHERE mart = 'telemetry_events') - (SELECT count() FROM telemetry_events)"
)
_FIGURES = (
    "usage_minutes",
    "response_ms_mean",
    "amplitude_mean",
    "frequency_hz_mean",
    "battery_pct_mean",
    "battery_used_pct",
    "error_rate",
    "myosignal_efficiency",
)


class Ground:
    """Engines, sources, readers and runs: where points are carried out, one after the other."""

    def __init__(self, engines: Engines, nursery: Nursery, world: World) -> None:
        self._engines = engines
        self._nursery = nursery
        self._world = world
        self._state = recomputed(engines.settings)
        self._durations: dict[str, list[Step]] = {}
        self._run_again("everything")
        found = engines.query("SELECT user_id, user_uuid FROM crm_customers")
        uuids = {int(str(user)): UUID(str(uuid)) for user, uuid in found}
        self._readers = (Analyst(engines.login()), Wearers(engines.settings, uuids))
        for reader in self._readers:
            reader.start()

    def close(self) -> None:
        """Stop the readers."""
        for reader in self._readers:
            reader.stop()

    def steps(self, program: str) -> list[Step]:
        """The steps that a program takes when nothing is killed."""
        if program not in self._durations:
            self._prepare(program)
            ended = self._nursery.start(self._job(program)).told()
            assert isinstance(ended, Ended), ended
            assert not ended.error, ended.error
            self._durations[program] = ended.steps
            self._state = recomputed(self._engines.settings, self._state, program)
        return self._durations[program]

    def carry_out(self, point: Point) -> Result:
        """Change the sources, run the program, kill, start again what was killed, and run the program again."""
        self.steps(point.program)
        began = time.monotonic()
        for reader in self._readers:
            reader.sightings.wrong.clear()
            reader.sightings.answers = 0
        old = self._prepare(point.program)
        new = recomputed(self._engines.settings, old, point.program)
        self._expect(point, old, new)
        self._see()
        job = self._job(point.program, point.stop)
        step, ended = self._strike(point, self._nursery.start(job))
        lasting = self._run_again(point.program)
        self._state = new
        self._expect(point, new)
        self._see()
        lasting += self._amiss(new)
        for reader in self._readers:
            reader.expect(None)
        return Result(
            point=point,
            step=step,
            answers=sum(reader.sightings.answers for reader in self._readers),
            wrong=[wrong for reader in self._readers for wrong in reader.sightings.wrong],
            unclear="" if ended is None or _is_clear(point, ended) else ended.error,
            lasting=lasting,
            seconds=time.monotonic() - began,
        )

    def _prepare(self, program: str) -> State:
        """Change the sources; returns the state before, which for a departure has the person who then leaves."""
        if program == "departure":
            leaver = self._world.arrive()
            self._run_again("everything")
            self._state = recomputed(self._engines.settings)
            self._world.leave(leaver)
        self._world.change(program)
        return self._state

    def _job(self, program: str, stop: Stop | None = None) -> Job:
        return Job(
            settings=self._engines.settings,
            program=program,
            since=SINCE,
            until=UNTIL,
            superseded_before=datetime.now(UTC),
            stop=stop,
        )

    def _strike(self, point: Point, run: Run) -> tuple[Step | None, Ended | None]:
        """Kill at the stop, and start engines again; returns where it was, and how a run that lived on ended."""
        told = run.told()
        if isinstance(told, Ended) or told is None:
            return None, told
        if point.stop.moment == "during":
            usual = self._durations[point.program][point.stop.step].seconds
            threading.Event().wait(usual * point.share)
        else:
            self._see()
        ended: Ended | None = None
        if "run" in point.targets:
            run.signal(signal.SIGKILL)
        engines = [engine for engine in ENGINES if engine in point.targets]
        if engines:
            self._engines.kill(*engines)
        if point.revived_first:
            self._revive(engines)
        if "run" not in point.targets:
            ended = _end(run, waits=point.stop.moment != "during")
        if not point.revived_first:
            self._revive(engines)
        return told.step, ended

    def _revive(self, engines: list[Engine]) -> None:
        for engine in engines:
            self._engines.start(engine)

    def _run_again(self, program: str) -> list[str]:
        """Run the program to its end; what is wrong where it does not end well."""
        ended = self._nursery.start(self._job(program)).told()
        if isinstance(ended, Ended) and not ended.error:
            return []
        return [
            f"{program} did not end well when it was run again: {ended.error if isinstance(ended, Ended) else ended}"
        ]

    def _expect(self, point: Point, *states: State) -> None:
        leaving = point.program == "departure" and len(states) > 1
        expected = Expected(
            states=tuple(state.of(STAYING) if leaving else state for state in states),
            # Rows of somebody who left go from table after table; everyone else's stay whole.
            users=STAYING if leaving else None,
            marts=_CHANGED.get(point.program, tuple(QUESTIONS)),
            days_are_whole=point.program != "pieces" or len(states) == 1,
            warehouse_may_be_away="clickhouse" in point.targets and len(states) > 1,
        )
        for reader in self._readers:
            reader.expect(expected)

    def _see(self) -> None:
        for reader in self._readers:
            reader.see()

    def _amiss(self, state: State) -> list[str]:
        """How the marts differ from the recomputation, counts and every figure of a day."""
        amiss = []
        [(held, apart)] = self._engines.query(_COUNTS)
        if held != state.source_rows:
            amiss.append(f"{state.source_rows} events were read, {held} are published or set apart")
        if apart != 0:
            amiss.append(f"publications count {apart} events more than there are")
        grain = ("user_id", "prosthesis_id", "day")
        expected = recompute.metrics(state.sound, *grain).select(*grain, *_FIGURES)
        columns = ", ".join(expected.columns)
        rows = self._engines.query(f"SELECT {columns} FROM user_daily_reports")  # noqa: S608
        actual = expected.clear().vstack(type(expected)(rows, schema=expected.schema, orient="row"))
        try:
            recompute.assert_same_figures(expected, actual, *grain)
        except AssertionError as error:
            amiss.append(f"figures of days differ: {error}")
        return amiss


def _end(run: Run, *, waits: bool) -> Ended | None:
    if waits:
        run.go_on()
    told = run.told()
    return told if isinstance(told, Ended) else None


def _is_clear(point: Point, ended: Ended) -> bool:
    """Whether a run that was not killed itself ended well, or as one may whose engine was."""
    return not ended.error or (ended.clear and bool(point.targets))


@contextmanager
def ground(folder: Path, chance: Random) -> Iterator[Ground]:
    """Engines of their own, sources with something in them, and every mart built once."""
    with ExitStack() as open_, Engines(folder) as engines, Nursery() as nursery:
        world = World(engines.settings, chance)
        world.begin()
        made = Ground(engines, nursery, world)
        open_.callback(made.close)
        yield made
