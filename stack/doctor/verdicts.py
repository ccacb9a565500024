"""What a check finds, and how its findings become one line of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import clickhouse_driver.errors
import msgspec
import psycopg

from resources.errors import ReportsError

State = Literal["ok", "warning", "failed", "skipped"]
_SEVERITY: Mapping[State, int] = {"skipped": 0, "ok": 0, "warning": 1, "failed": 2}

CLOCK_S = 5
"""Machines that keep time by NTP agree within a fraction of a second. Five seconds apart means that one of them does
not, and what drifts goes on drifting: to the 30 s that tokens are given, and to the minutes of freshness.
"""
_SPACE_WARNING, _SPACE_FAILED = 0.10, 0.02
"""Shares of a disk. A merge writes its parts anew beside the old ones, so the last tenth goes at once; with a fiftieth
left, the next merges are refused, and then inserts.
"""


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check found; where it is not ok, what was wrong, where, and what to do."""

    state: State
    said: str = ""


class Result(msgspec.Struct, frozen=True):
    """A check and its worst findings."""

    check: str
    state: State
    said: str


Findings = Iterable[Finding]


def ok(said: str) -> Finding:
    """All is well; `said` is what is there."""
    return Finding("ok", said)


def warning(said: str) -> Finding:
    """It works, and it had better be mended."""
    return Finding("warning", said)


def failed(said: str) -> Finding:
    """It does not work."""
    return Finding("failed", said)


def judged(check: str, look: Callable[[], Findings]) -> Result:
    """What `look` finds; an error of its own is a finding as well, so that the checks after it are made."""
    try:
        found = list(look())
    except ReportsError as error:
        found = [failed(str(error))]
    except psycopg.Error as error:
        found = [failed(f"PostgreSQL refused what this check asks (SQLSTATE {error.sqlstate}).")]
    except clickhouse_driver.errors.Error as error:
        found = [failed(f"ClickHouse refused what this check asks (error {error.code}).")]
    except Exception as error:  # noqa: BLE001 - a defect of one check must not hide what the others find
        found = [failed(f"The check itself broke off ({type(error).__name__}), which is a defect of this program.")]
    state: State = max((finding.state for finding in found), key=_SEVERITY.__getitem__, default="ok")
    wanted = [finding for finding in found if finding.state != "ok"] or found
    return Result(check, state, " ".join(finding.said for finding in wanted if finding.said))


def all_judged(place: str, checks: Mapping[str, Callable[[Any], Findings]], subject: object) -> Iterator[Result]:
    """Each of `checks` of a `place`, made one after another on `subject`."""
    for name, check in checks.items():
        yield judged(f"{place}: {name}", partial(check, subject))


def skipped(place: str, names: Iterable[str], why: str) -> Iterator[Result]:
    """Checks that cannot be made."""
    for name in names:
        yield Result(f"{place}: {name}", "skipped", why)


def clock(where: str, before: datetime, there: datetime, after: datetime) -> Finding:
    """The clock of `where`, which said `there` between `before` and `after` by ours; all with a zone."""
    apart = max(there - after, before - there, timedelta())
    if apart.total_seconds() < CLOCK_S:
        return ok(f"less than {CLOCK_S} s apart")
    direction = "ahead of" if there > after else "behind"
    return warning(
        f"The clock of {where} is {apart.total_seconds():.0f} s {direction} this machine's. Have both keep time by NTP "
        "(`timedatectl set-ntp true`): from 30 s on tokens are refused, and freshness is wrong by as much."
    )


def space(where: str, free: int, total: int) -> Finding:
    """The room that is left of a disk, in bytes."""
    said = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB are free on {where}"
    if free / total >= _SPACE_WARNING:
        return ok(said)
    advice = "Free some, enlarge it, or keep less telemetry (REPORTS_RETENTION_DAYS)."
    judge = warning if free / total >= _SPACE_FAILED else failed
    return judge(f"Only {said}; what is full takes no builds, and readers keep what they had. {advice}")
