"""What callers ask, answered from the marts. These block: handlers run them through `Reads.answer`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from msgspec import structs

from api.customers import Customers
from api.deadline import Deadline
from api.edition import Answer, Asked, Edition, edition
from api.errors import NotFound
from api.freshness import Clock, Judge, utc_now
from api.metrics import ProsthesisDay, Sums, mean, metrics, of_day, of_period, of_prosthesis
from api.published import DAILY, Aggregates, Follower, Published
from api.schemas import (
    DayReport,
    Hour,
    Period,
    PeriodSummary,
    ProsthesisReport,
    ReportDate,
    ReportDates,
    ReportDay,
    User,
    UserReports,
)
from resources.errors import WarehouseUnavailable
from resources.freshness import State
from resources.publications import Publication
from resources.settings import Settings
from resources.warehouse import Warehouse, WarehousePool

CONNECTIONS = 8
STREAMS = 4
"""Files that are read while they are sent, at a time; each has a connection of its own while its reader takes it."""

_SMALL_FILE_S = 0.5
"""How long a file waits for its turn: long enough for small ones, which are read before their first byte is sent."""

_Parameters = ParamSpec("_Parameters")
_Found = TypeVar("_Found")


class Reads:
    """What it takes to answer: the warehouse, what is published in it, and how long a caller may wait."""

    def __init__(self, settings: Settings, deadline: Deadline, now: Clock = utc_now) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self.deadline = deadline
        self.pool = WarehousePool(settings, size=CONNECTIONS, timeout_s=deadline.seconds)
        self.follower = Follower(settings, timeout_s=deadline.seconds)
        self.customers = Customers(self.pool, remembered_s=settings.reports_cache_ttl)
        self.judge = Judge(settings, now)
        self._streams = threading.BoundedSemaphore(STREAMS)

    def state(self, held: Published | Aggregates, *marts: str) -> State:
        """How fresh an answer is that is made from `marts` as they are `held`: as the one that is least so."""
        return self.judge.state(held.complete, *marts)

    def stream(self, name: str, /, **parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Rows that `sql/{name}.sql` answers with, read as they are taken, beside the pool and without a deadline.

        Raises `WarehouseUnavailable`, also where too many are being read, `WarehouseError`.
        """
        if not self._streams.acquire(timeout=_SMALL_FILE_S):
            raise WarehouseUnavailable("Too many files are being read at the moment; try again in a while.")
        try:
            with Warehouse(self._settings) as warehouse:
                yield from warehouse.stream(name, **parameters)
        finally:
            self._streams.release()

    async def answer(
        self,
        question: Callable[Concatenate[Reads, _Parameters], _Found],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Found:
        """The answer to `question`, in time. Raises `ReportsError`."""
        return await self.deadline.run(question, self, *args, **kwargs)

    def close(self) -> None:
        """Follow no more, and disconnect."""
        self.follower.stop()
        self.deadline.close()
        self.pool.close()


def user_reports(
    reads: Reads, asked: Asked, wanted: int | UUID, since: date | None, until: date | None
) -> Answer[UserReports]:
    """Reports of a period of one user, newest first."""
    published = reads.follower.published()
    period = published.period(since, until)
    user = reads.customers.readable(published.customers.build_id, asked.caller, wanted)
    parts = published.between(*period)
    current = edition(
        asked, reads.state(published, DAILY), [published.customers], [*parts.values()], "reports", user.user_id, *period
    )
    if current.held_by(asked):
        return Answer(current, None)
    days = [(day, list(rows)) for day, rows in groupby(_days(reads, user, parts), key=lambda row: row.day)]
    sums = [of_day(rows) for _, rows in days]
    body = UserReports(
        user=user,
        period=Period(since=period[0], until=period[1]),
        reports=[_report(day, rows, total) for (day, rows), total in zip(days, sums, strict=True)],
        summary=metrics(of_period(sums)),
        publication=current.publication,
        freshness=current.freshness,
    )
    return Answer(current, body)


def period_summary(reads: Reads, asked: Asked, since: date | None, until: date | None) -> Answer[PeriodSummary]:
    """Totals and means of the caller over a period, by prosthesis and over all."""
    published = reads.follower.published()
    period = published.period(since, until)
    user = reads.customers.own(published.customers.build_id, asked.caller)
    parts = published.between(*period)
    current = edition(
        asked, reads.state(published, DAILY), [published.customers], [*parts.values()], "summary", *period
    )
    if current.held_by(asked):
        return Answer(current, None)
    rows = list(_days(reads, user, parts))
    by_prosthesis = sorted(rows, key=lambda row: row.prosthesis_id)
    body = PeriodSummary(
        user=user,
        period=Period(since=period[0], until=period[1]),
        summary=metrics(of_period(of_day(list(day)) for _, day in groupby(rows, key=lambda row: row.day))),
        prostheses=[_prosthesis(list(worn)) for _, worn in groupby(by_prosthesis, key=lambda row: row.prosthesis_id)],
        publication=current.publication,
        freshness=current.freshness,
    )
    return Answer(current, body)


def report_dates(reads: Reads, asked: Asked, limit: int, before: date | None) -> Answer[ReportDates]:
    """A page of the days on which the caller has a report, newest first."""
    published = reads.follower.published()
    user = reads.customers.own(published.customers.build_id, asked.caller)
    parts = {day: part for day, part in published.days.items() if before is None or day < before}
    current = edition(
        asked, reads.state(published, DAILY), [published.customers], [*parts.values()], "dates", limit, before
    )
    if current.held_by(asked):
        return Answer(current, None)
    found = _dates(reads, user, parts, limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    body = ReportDates(
        user=user,
        reports=shown,
        next="/api/reports?" + urlencode({"limit": limit, "before": shown[-1].date}) if more else None,
        publication=current.publication,
        freshness=current.freshness,
    )
    return Answer(current, body)


def day_report(reads: Reads, asked: Asked, day: date) -> Answer[DayReport]:
    """One day of the caller, and the hours that this day's report was made from."""
    published = reads.follower.published()
    user = reads.customers.own(published.customers.build_id, asked.caller)
    parts = published.between(day, day)
    current = _edition(reads, asked, published, parts, "day", day)
    if current.held_by(asked) and parts:
        return Answer(current, None)
    rows = list(_days(reads, user, parts))
    if not rows:
        raise NotFound("You have no report for this day.")
    body = DayReport(
        date=day,
        user=user,
        prosthesis_model=_models(row.prosthesis_model for row in rows),
        summary=metrics(of_day(rows)),
        hourly_data=_hours(reads, user, day, parts[day]),
        publication=current.publication,
        freshness=current.freshness,
    )
    return Answer(current, body)


def _edition(
    reads: Reads, asked: Asked, published: Published, parts: dict[date, Publication], question: str, *given: Any
) -> Edition:
    return edition(asked, reads.state(published, DAILY), [published.customers], [*parts.values()], question, *given)


def _days(reads: Reads, user: User, parts: dict[date, Publication]) -> Iterable[ProsthesisDay]:
    if not parts:
        return []
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows(
            "reads/days_of_user", user_id=user.user_id, since=min(parts), until=max(parts), builds=_builds(parts)
        )
    return (ProsthesisDay(*row) for row in rows)


def _dates(reads: Reads, user: User, parts: dict[date, Publication], days: int) -> list[ReportDate]:
    if not parts:
        return []
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows(
            "reads/report_days_of_user", user_id=user.user_id, until=max(parts), builds=_builds(parts), days=days
        )
    return [ReportDate(date=day, movements=count, prosthesis_model=_models(models)) for day, count, models in rows]


def _hours(reads: Reads, user: User, day: date, part: Publication) -> list[Hour]:
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows("reads/hours_of_user", user_id=user.user_id, day=day, builds=list(part.inputs))
    return [
        Hour(
            hour=hour,
            movements_count=movements,
            avg_response_time=mean(response_ms, responses),
            battery_level=mean(battery_pct, movements),
            error_count=errors,
        )
        for hour, movements, response_ms, responses, battery_pct, errors in rows
    ]


def _report(day: date, rows: Sequence[ProsthesisDay], total: Sums) -> ReportDay:
    return ReportDay(day, prostheses=[_prosthesis([row]) for row in rows], **structs.asdict(metrics(total)))


def _prosthesis(rows: Sequence[ProsthesisDay]) -> ProsthesisReport:
    """What one prosthesis did in `rows`, newest first: it is named as it was last."""
    last = rows[0]
    figures = structs.asdict(metrics(of_period(map(of_prosthesis, rows))))
    return ProsthesisReport(last.prosthesis_id, last.chip_id, last.prosthesis_type, last.prosthesis_model, **figures)


def _builds(parts: dict[date, Publication]) -> list[int]:
    return [part.build_id for part in parts.values()]


def _models(models: Iterable[str]) -> str:
    return ", ".join(sorted(set(models)))
