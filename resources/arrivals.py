"""Noticing arrivals: every committed event is read once, whatever the order in which transactions commit.

The number of an event is drawn before its transaction commits, so lower numbers may appear after higher ones. What is
missing below the highest one read is a gap. A fence is that highest number together with the transactions then
running: once those have ended, whatever is still missing below it will never come. docs/decisions/0013 says why this is
right, and what it takes for granted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from resources import source_servers
from resources.errors import SettingsError, SourceError, SourceUnavailable
from resources.noticed import fingerprint, notice
from resources.retention import kept_since
from resources.settings import Settings
from resources.sql import statement
from resources.warehouse import Warehouse

MART = "telemetry_events"
SOURCE = "raw_telemetry"

IDS_AT_ONCE = 1_000_000
"""How many events one tick reads at most, so that a long history is noticed in steps."""

LOWEST = -(1 << 63)
_CONNECT_S = 5
_EPOCH_BITS = 56

Source = psycopg.Connection[tuple[Any, ...]]
Gap = tuple[int, int]
"""Numbers that no event was seen to have yet, `[since, until)`, however many."""


class Fence(msgspec.Struct, frozen=True):
    """Numbers up to `upto` were drawn before `running` was asked for; of those transactions, which still run."""

    upto: int
    running: frozenset[str]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far the arrivals of one server (`epoch`) were noticed: all events up to `hi` but for the gaps."""

    epoch: int = 0
    hi: int = LOWEST
    gaps: tuple[Gap, ...] = ()
    fences: tuple[Fence, ...] = ()


class Contract(msgspec.Struct, frozen=True):
    """A row of `sources/arrivals_contract`."""

    is_follower: bool
    has_sequence: bool
    numbers_at_once: int
    may_fall: bool
    prepared: int
    last_id: int | None

    def breaches(self) -> Iterator[str]:
        """What does not hold of what noticing takes for granted, a sentence each."""
        if self.is_follower:
            yield "The telemetry is read from a follower, which may show commits in another order."
        if not self.has_sequence:
            yield "The numbers of raw_telemetry come from no sequence of its own, so a missing one says nothing."
        if self.numbers_at_once != 1 or self.may_fall:
            yield "The sequence of raw_telemetry does not hand out rising numbers one by one (CACHE 1, NO CYCLE)."
        if self.prepared:
            yield f"{self.prepared} prepared transactions are open in the telemetry database."


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the source found."""

    source_seq: int
    rows_read: int
    segments: int
    more: bool
    """Whether there is more to read at once."""
    started_anew: bool
    breaches: tuple[str, ...]


class _Found(msgspec.Struct):
    """What was read in one snapshot."""

    rows: int
    hi: int
    gaps: list[Gap]
    segments: set[datetime]
    more: bool


@contextmanager
def connect(settings: Settings) -> Iterator[Source]:
    """The telemetry database, for `tick`. Raises `SettingsError`, `SourceUnavailable`, `SourceError`."""
    if not settings.telemetry_database_url:
        raise SettingsError("TELEMETRY_DATABASE_URL is not set; name the PostgreSQL database of the telemetry.")
    try:
        with psycopg.connect(
            settings.telemetry_database_url,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            tcp_user_timeout=2 * _CONNECT_S * 1000,
            cursor_factory=psycopg.RawCursor,
        ) as connection:
            _rows(connection, "sources/session", settings.reports_telemetry_schema)
            yield connection
    except psycopg.OperationalError as error:
        raise SourceUnavailable(
            "The PostgreSQL of TELEMETRY_DATABASE_URL does not answer; see that it runs."
        ) from error
    except psycopg.Error as error:
        raise SourceError(
            f"The PostgreSQL of TELEMETRY_DATABASE_URL refused a read (SQLSTATE {error.sqlstate})."
        ) from error


def tick(source: Source, warehouse: Warehouse, settings: Settings, *, ids_at_once: int = IDS_AT_ONCE) -> Tick:
    """Notice what has arrived since the last tick: in `noticed_segments` first, and only then in the state.

    Raises `SourceReplaced` on an older server, `WarehouseError` and psycopg's errors where either engine fails.
    """
    saved = load(warehouse)
    contract = Contract(*_row(source, "sources/arrivals_contract"))
    newest = _row(source, "sources/arrivals_newest_id")[0]
    newest = LOWEST if newest is None else newest
    running = frozenset(name for (name,) in _rows(source, "sources/arrivals_running"))
    _rows(source, "sources/snapshot")
    source_seq = source_servers.source_seq(warehouse, "telemetry", *_row(source, "sources/source_seq"))
    state = _valid(saved, source_seq >> _EPOCH_BITS, newest, contract)
    fences, settled = fenced(state.fences, Fence(newest, running))
    found = _read(source, state, settings, ids_at_once)
    prints = _fingerprints(source, found.segments, settings)
    _rows(source, "sources/commit")
    # Gaps that were not all looked at may hold events that have come.
    gaps = found.gaps if found.more else given_up(found.gaps, settled)
    notice(warehouse, MART, source_seq, prints)
    save(warehouse, saved, State(epoch=state.epoch, hi=found.hi, gaps=tuple(gaps), fences=_needed(fences, gaps)))
    return Tick(
        source_seq=source_seq,
        rows_read=found.rows,
        segments=len(prints),
        more=found.more,
        started_anew=state is not saved and saved.hi != LOWEST,
        breaches=tuple(contract.breaches()),
    )


def load(warehouse: Warehouse) -> State:
    """How far arrivals were noticed; from the beginning where nothing says so."""
    found = warehouse.rows("reads/arrival_state", source=SOURCE)
    return msgspec.json.decode(found[0][0], type=State) if found else State()


def save(warehouse: Warehouse, before: State, state: State) -> None:
    """Remember `state` where it is not what it was `before`."""
    if state != before:
        warehouse.insert_rows("builds/arrival_states", [(SOURCE, msgspec.json.encode(state).decode())])


def fenced(fences: Sequence[Fence], newest: Fence) -> tuple[list[Fence], int]:
    """The fences behind which something still runs, and up to which number nothing does any more."""
    settled = LOWEST
    pending: dict[frozenset[str], int] = {}
    for fence in (*fences, newest):
        running = fence.running & newest.running
        if running:
            # Of fences that wait for the same transactions, the furthest says all.
            pending[running] = max(fence.upto, pending.get(running, LOWEST))
        else:
            settled = max(settled, fence.upto)
    return [Fence(upto, running) for running, upto in pending.items()], settled


def without(gaps: Sequence[Gap], ids: Sequence[int]) -> list[Gap]:
    """`gaps` but for the numbers `ids`, which are sorted."""
    left = []
    for since, until in gaps:
        for id_ in ids[bisect_left(ids, since) : bisect_left(ids, until)]:
            if since < id_:
                left.append((since, id_))
            since = id_ + 1  # noqa: PLW2901 - the gap goes on behind the number
        if since < until:
            left.append((since, until))
    return left


def given_up(gaps: Sequence[Gap], settled: int) -> list[Gap]:
    """`gaps` but for the numbers up to `settled`: what drew them has ended, and left nothing."""
    return [(max(since, settled + 1), until) for since, until in gaps if until - 1 > settled]


def _needed(fences: Sequence[Fence], gaps: Sequence[Gap]) -> tuple[Fence, ...]:
    """The fences that a gap lies before."""
    lowest = min((since for since, _ in gaps), default=None)
    return tuple(fence for fence in fences if lowest is not None and fence.upto >= lowest)


def _valid(state: State, epoch: int, newest: int, contract: Contract) -> State:
    """The state, or a new one where numbers are not what they were: another server, or a table begun anew."""
    only_deleted = contract.last_id is not None and contract.last_id >= state.hi
    if state.epoch != epoch or (newest < state.hi and not only_deleted):
        return State(epoch=epoch)
    return state


def _read(source: Source, state: State, settings: Settings, ids_at_once: int) -> _Found:
    """The events after `hi`, and those that have come in gaps."""
    first_day = settings.reports_first_day.isoformat() + "Z"
    rows, last_id, segments, since, until = _row(source, "sources/arrivals_new", state.hi, ids_at_once, first_day)
    late: list[tuple[int, datetime]] = []
    if state.gaps:
        bounds = [list(bound) for bound in zip(*state.gaps, strict=True)]
        late = sorted(_rows(source, "sources/arrivals_in_gaps", *bounds, ids_at_once, first_day))
    gaps = without(state.gaps, [id_ for id_, _ in late])
    return _Found(
        rows=rows + len(late),
        hi=state.hi if last_id is None else last_id,
        gaps=[*gaps, *zip(since or (), until or (), strict=True)],
        segments={*(segments or ()), *(segment for _, segment in late)},
        more=ids_at_once in (rows, len(late)),
    )


def _fingerprints(source: Source, segments: set[datetime], settings: Settings) -> dict[datetime, tuple[int, ...]]:
    if not segments:
        return {}
    first_day = datetime.combine(settings.reports_first_day, datetime.min.time(), UTC)
    early = min(kept_since(settings), first_day)
    wanted = [segment.isoformat() for segment in sorted(segments)]
    found = _rows(source, "sources/arrivals_fingerprints", wanted, early.isoformat(), first_day.isoformat())
    return {segment.astimezone(UTC): fingerprint(*held) for segment, *held in found}


def _row(source: Source, name: str, *parameters: object) -> tuple[Any, ...]:
    return _rows(source, name, *parameters)[0]


def _rows(source: Source, name: str, *parameters: object) -> list[tuple[Any, ...]]:
    cursor = source.execute(statement(name).text.encode(), parameters)
    return cursor.fetchall() if cursor.description else []
