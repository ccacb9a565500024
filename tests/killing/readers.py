"""Readers that ask all the while, and hold each answer against what they may be shown: the old state or the new."""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import clickhouse_driver
import msgspec
from clickhouse_driver import errors

from api import answers
from api.auth import Caller
from api.deadline import Deadline
from api.edition import Asked
from api.errors import NotFound
from api.reads import Reads
from api.schemas import DayReport, UserReports
from resources.errors import WarehouseError, WarehouseUnavailable
from resources.settings import Settings
from tests.killing.states import NOTHING, Day, Rows, State, grouped, own
from tests.killing.world import DAYS, SINCE, UNTIL

_PAUSE_S = 0.05
_PATIENCE_S = 60
_EVENTS = f"event_time >= '{SINCE}' AND event_time < '{UNTIL}'"
_HOURS = f"hour >= '{SINCE}' AND hour < '{UNTIL}'"
_DAYS = f"day >= '{SINCE}' AND day < '{UNTIL}'"
QUESTIONS = {
    "events": f"SELECT toStartOfHour(event_time), user_id, id FROM telemetry_events WHERE {_EVENTS}",  # noqa: S608
    "hours": "SELECT toDateTime64(hour, 6), user_id, prosthesis_id, movements, errors, signal_duration_ms_sum "  # noqa: S608
    f"FROM user_prosthesis_stats WHERE {_HOURS}",
    "days": "SELECT day, user_id, prosthesis_id, uptime_hours, movements, errors, signal_duration_ms_sum "  # noqa: S608
    f"FROM user_daily_reports WHERE {_DAYS}",
    "customers": "SELECT 0, user_id, name FROM crm_customers",
    "deals": "SELECT 0, status, currency, deals FROM deal_pipeline",
    "audit": f"SELECT day, action, entity_type, events, actors FROM audit_activity WHERE {_DAYS}",  # noqa: S608
}

_Key = TypeVar("_Key")


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What readers may be shown, and of whom; `days_are_whole` where a run publishes all its hours at once."""

    states: tuple[State, ...]
    users: frozenset[int] | None = None
    marts: tuple[str, ...]
    """What analysts ask for."""
    days_are_whole: bool = True
    warehouse_may_be_away: bool = False


class Sightings(msgspec.Struct):
    """What the readers have seen of one point."""

    answers: int = 0
    refused: int = 0
    wrong: list[str] = msgspec.field(default_factory=list)


class Reader(ABC, threading.Thread):
    """Asks round after round, in a thread of its own, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.sightings = Sightings()
        self._expected: Expected | None = None
        self._turn = threading.Condition()
        self._begun = self._ended = 0
        self._wanted = threading.Event()
        self._over = threading.Event()

    def expect(self, expected: Expected | None) -> None:
        """From the next round on, hold answers against this; `None` for asking nothing."""
        with self._turn:
            self._expected = expected

    def see(self) -> None:
        """Return once a whole round was asked that began after this call."""
        with self._turn:
            wanted = self._begun + 1
            self._wanted.set()
            met = self._turn.wait_for(lambda: self._ended >= wanted or not self.is_alive(), timeout=_PATIENCE_S)
        assert met, "a reader hangs"
        assert self.is_alive(), "a reader died"

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self._wanted.set()
        self.join()

    def run(self) -> None:
        """Ask."""
        while not self._over.is_set():
            self._wanted.wait(_PAUSE_S)
            with self._turn:
                self._wanted.clear()
                expected = self._expected
                self._begun += 1
            if expected is not None:
                self._round(expected)
            with self._turn:
                self._ended += 1
                self._turn.notify_all()

    @abstractmethod
    def ask(self, expected: Expected) -> None:
        """Ask everything once, and hold it against what is expected."""

    def _round(self, expected: Expected) -> None:
        try:
            self.ask(expected)
        except (WarehouseUnavailable, WarehouseError, errors.Error, EOFError, OSError) as error:
            self.sightings.refused += 1
            if not expected.warehouse_may_be_away:
                self.sightings.wrong.append(f"{type(self).__name__} was refused: {error!r}")

    def hold(self, what: str, seen: object, allowed: list[Any]) -> None:
        """Note an answer that is none of those that are allowed."""
        self.sightings.answers += 1
        if seen not in allowed:
            self.sightings.wrong.append(f"{what}: saw {_differences(seen, allowed)}")


class Analyst(Reader):
    """Reads the views that bear the marts' names."""

    def __init__(self, login: Mapping[str, Any]) -> None:
        super().__init__()
        self._client = clickhouse_driver.Client(
            **login, connect_timeout=2, send_receive_timeout=30, settings={"max_threads": 1}
        )

    def stop(self) -> None:
        """Ask no more, and disconnect."""
        super().stop()
        self._client.disconnect()

    def ask(self, expected: Expected) -> None:
        """Marts by segment."""
        for what in expected.marts:
            seen = seen_rows(what, self._client.execute(QUESTIONS[what]))
            if expected.users is not None and what in ("events", "hours", "days"):
                seen = {segment: own(rows, expected.users) for segment, rows in seen.items()}
            allowed = [_of(state, what) for state in expected.states]
            if expected.days_are_whole:
                self._hold_segments(what, _by_day(seen), [_by_day(each) for each in allowed])
            else:
                self._hold_segments(what, seen, allowed)

    def _hold_segments(self, what: str, seen: dict[Any, Any], allowed: list[dict[Any, Any]]) -> None:
        for segment in seen.keys() | {segment for each in allowed for segment in each}:
            possible = [each.get(segment, NOTHING) for each in allowed]
            self.hold(f"{what} of {segment}", seen.get(segment, NOTHING), possible)


def seen_rows(what: str, rows: list[tuple[Any, ...]]) -> dict[Any, Rows]:
    """What a question was answered with, in the form of a `State`."""
    naive: Callable[[Any], Any] = lambda moment: moment.replace(tzinfo=None)  # noqa: E731
    return grouped(rows, naive if what in ("events", "hours") else lambda first: first)


def _of(state: State, what: str) -> dict[Any, Rows]:
    found = getattr(state, what)
    return found if isinstance(found, dict) else {0: found}


def _by_day(segments: dict[Any, Rows]) -> dict[Any, Any]:
    """The same by day: of each, what its segments hold."""
    days: dict[Any, dict[Any, Rows]] = {}
    for segment, rows in segments.items():
        if rows:
            days.setdefault(segment.date() if hasattr(segment, "date") else segment, {})[segment] = rows
    return days


class Wearers(Reader):
    """Read their own reports as the API answers them: by the build ids that it holds."""

    def __init__(self, settings: Settings, uuids: dict[int, UUID]) -> None:
        super().__init__()
        # Nothing is remembered: it is ClickHouse that is watched.
        forgetful = msgspec.structs.replace(settings, reports_cache_ttl=0)
        self._reads = Reads(forgetful, Deadline(seconds=30, threads=1))
        self._reads.follower.start()
        callers = [(user, Asked(caller=Caller(user_uuid=uuid))) for user, uuid in uuids.items()]
        self._callers = itertools.cycle(callers)

    def stop(self) -> None:
        """Ask no more, and disconnect."""
        super().stop()
        self._reads.close()

    def ask(self, expected: Expected) -> None:
        """Each day of one user with its hours, and both days at once; next time of the next user."""
        self._reads.follower.look()
        user, asked = next(self._callers)
        for day in DAYS:
            allowed = [state.answers.get((user, day)) for state in expected.states]
            self.hold(f"the API's {day} of {user}", self._day(asked, day), allowed)
        seen = self._period(user, asked)
        for day in DAYS:
            possible = [_summary(state.answers.get((user, day))) for state in expected.states]
            self.hold(f"the API's {day} of {user} in a period", seen.get(day), possible)

    def _day(self, asked: Asked, day: date) -> object:
        try:
            answer: Any = answers.day_report(self._reads, asked, day)
        except NotFound:
            return None
        report = msgspec.json.decode(answer.content, type=DayReport)
        hours = tuple(
            (hour.hour.replace(tzinfo=None), hour.movements_count, hour.error_count) for hour in report.hourly_data
        )
        return ((report.summary.movements, report.summary.uptime_hours, report.summary.errors), hours)

    def _period(self, user: int, asked: Asked) -> dict[date, tuple[int, int, int]]:
        answer: Any = answers.user_reports(self._reads, asked, user, DAYS[0], DAYS[-1])
        report = msgspec.json.decode(answer.content, type=UserReports)
        return {each.date: (each.movements, each.uptime_hours, each.errors) for each in report.reports}


def _summary(day: Day | None) -> tuple[int, int, int] | None:
    return day[0] if day else None


def _differences(seen: object, allowed: list[Any]) -> str:
    if isinstance(seen, frozenset):
        apart = [
            f"{len(seen - each)} more and {len(each - seen)} fewer rows than state {n}"
            for n, each in enumerate(allowed)
        ]
        return f"{len(seen)} rows: {'; '.join(apart)}"
    return f"{seen}, allowed was {allowed}"[:1500]
