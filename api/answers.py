"""What callers ask, answered from the marts. These block: handlers run them through `Reads.answer`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from msgspec import structs

from api.edition import Answer, Asked, Edition, edition
from api.errors import NotFound
from api.metrics import ProsthesisDay, Sums, mean, metrics, of_day, of_period, of_prosthesis
from api.published import DAILY, Published
from api.reads import Reads
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
from resources.publications import Publication


def user_reports(
    reads: Reads, asked: Asked, wanted: int | UUID, since: date | None, until: date | None
) -> Answer[UserReports]:
    """Reports of a period of one user, newest first."""
    published, user = reads.readable(asked, wanted)
    period = published.period(since, until)
    parts = published.between(*period)
    current = _edition(reads, asked, published, parts, "reports", user.user_id, *period)
    if (known := reads.known(asked, current)) is not None:
        return known
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
    return reads.kept(asked, current, body)


def period_summary(reads: Reads, asked: Asked, since: date | None, until: date | None) -> Answer[PeriodSummary]:
    """Totals and means of the caller over a period, by prosthesis and over all."""
    published, user = reads.own(asked)
    period = published.period(since, until)
    parts = published.between(*period)
    current = _edition(reads, asked, published, parts, "summary", *period)
    if (known := reads.known(asked, current)) is not None:
        return known
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
    return reads.kept(asked, current, body)


def report_dates(reads: Reads, asked: Asked, limit: int, before: date | None) -> Answer[ReportDates]:
    """A page of the days on which the caller has a report, newest first."""
    published, user = reads.own(asked)
    parts = published.before(before)
    current = _edition(reads, asked, published, parts, "dates", limit, before)
    if (known := reads.known(asked, current)) is not None:
        return known
    found = _dates(reads, user, parts, limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    body = ReportDates(
        user=user,
        reports=shown,
        next=_next_page(limit, shown[-1].date, current) if more else None,
        publication=current.publication,
        freshness=current.freshness,
    )
    return reads.kept(asked, current, body)


def day_report(reads: Reads, asked: Asked, day: date) -> Answer[DayReport]:
    """One day of the caller, and the hours that this day's report was made from."""
    published, user = reads.own(asked)
    parts = published.between(day, day)
    current = _edition(reads, asked, published, parts, "day", day)
    if parts and (known := reads.known(asked, current)) is not None:
        return known
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
    return reads.kept(asked, current, body)


def _edition(
    reads: Reads, asked: Asked, published: Published, parts: dict[date, Publication], question: str, *given: Any
) -> Edition:
    state = reads.state(asked, published, DAILY)
    return edition(asked, state, [published.customers], [*parts.values()], question, *given)


def _next_page(limit: int, before: date, current: Edition) -> str:
    # As of the same publication, so that all pages are of one moment.
    return "/api/reports?" + urlencode({"limit": limit, "before": before, "as_of": current.publication.as_of})


def _days(reads: Reads, user: User, parts: dict[date, Publication]) -> Iterable[ProsthesisDay]:
    if not parts:
        return []
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows(
            "reads/days_of_user", user_id=user.user_id, since=min(parts), until=max(parts), builds=_builds(parts)
        )
    rows.sort(key=lambda row: row[1])
    rows.sort(key=lambda row: row[0], reverse=True)
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
