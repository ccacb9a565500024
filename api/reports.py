"""Routes to reports: one's own by day, and a user's over a period."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from api.answers import day_report, period_summary, report_dates, user_reports
from api.asking import ASKING, DAY, CustomerWord, DataOperation, FirstDay, LastDay, in_form, known_parameters
from api.customers import customer_key
from api.edition import Asked
from api.errors import documented
from api.published import LONGEST_PERIOD_DAYS, SHOWN_DAYS
from api.reads import Reads
from api.schemas import DayReport, PeriodSummary, ReportDates, UserReports


@get(
    "/reports/{user_id:str}",
    summary="Reports of a user over a period",
    description=(
        "One's own reports, or with the role `reports-reader` anyone's, newest first, with their summary."
        f" Without a period: the last {SHOWN_DAYS} published days. A period has {LONGEST_PERIOD_DAYS} days at most."
    ),
    operation_class=DataOperation,
    response_description="The reports",
    responses=documented(304, 401, 403, 404, 406, 410, 422, 503),
)
async def reports_of_user(
    asking: NamedDependency[Asked],
    reads: NamedDependency[Reads],
    user_id: CustomerWord,
    since: FirstDay = None,
    until: LastDay = None,
) -> Response[UserReports]:
    """Reports of a period."""
    return await in_form(asking, await reads.answer(user_reports, asking, customer_key(user_id), since, until))


@get(
    "/api/reports",
    summary="Days with a report",
    description="Days on which the caller has a report, newest first, in pages: `next` names the following one.",
    operation_class=DataOperation,
    response_description="A page of days",
    responses=documented(304, 401, 404, 406, 410, 422, 503),
)
async def own_report_dates(
    asking: NamedDependency[Asked],
    reads: NamedDependency[Reads],
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Days on a page")] = 30,
    before: Annotated[
        dt.date | None, QueryParameter(description="Days before this one (UTC) only", schema_extra=DAY)
    ] = None,
) -> Response[ReportDates]:
    """Days with a report."""
    return await in_form(asking, await reads.answer(report_dates, asking, limit, before))


@get(
    "/api/reports/summary",
    summary="Summary of a period",
    description=(
        "The caller's totals and means over a period, by prosthesis and over all: an hour in which several prostheses"
        f" were active counts once over all. Without a period: the last {SHOWN_DAYS} published days. A period has"
        f" {LONGEST_PERIOD_DAYS} days at most."
    ),
    operation_class=DataOperation,
    response_description="The summary",
    responses=documented(304, 401, 404, 406, 410, 422, 503),
)
async def own_summary(
    asking: NamedDependency[Asked],
    reads: NamedDependency[Reads],
    since: FirstDay = None,
    until: LastDay = None,
) -> Response[PeriodSummary]:
    """Summary of a period."""
    return await in_form(asking, await reads.answer(period_summary, asking, since, until))


@get(
    "/api/reports/{date:str}",
    summary="One day by the hour",
    description="The caller's day (UTC): the summary over all prostheses, and the hours it was made from.",
    operation_class=DataOperation,
    response_description="The day",
    responses=documented(304, 401, 404, 406, 410, 422, 503),
)
async def own_report(
    asking: NamedDependency[Asked],
    reads: NamedDependency[Reads],
    date: Annotated[dt.date, PathParameter(description="The day (UTC), as in 2026-07-01")],
) -> Response[DayReport]:
    """One day."""
    return await in_form(asking, await reads.answer(day_report, asking, date))


routes = Router(
    "/",
    route_handlers=[reports_of_user, own_report_dates, own_summary, own_report],
    dependencies=ASKING,
    guards=[known_parameters],
    tags=["Reports"],
)
