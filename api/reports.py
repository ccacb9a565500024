"""Routes to reports: one's own by day, and a user's over a period."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Operation
from litestar.params import PathParameter, QueryParameter

from api.answers import Reads, day_report, report_dates, user_reports
from api.auth import Caller
from api.customers import customer_key
from api.edition import Answer, Asked
from api.errors import FieldProblem, Invalid, documented
from api.published import LONGEST_PERIOD_DAYS, SHOWN_DAYS
from api.schemas import DayReport, ReportDates, UserReports

AskedBy = Request[Caller, None, Any]

_DAY = {"one_of": None, "type": "string", "format": "date"}
"""In the OpenAPI document: a parameter that may be left out is not one that may be null."""


@dataclass
class DataOperation(Operation):
    """A route whose mistaken parameters are a 422, where the framework documents a 400."""

    def __post_init__(self) -> None:
        """Take the 400 out."""
        if self.responses:
            self.responses.pop("400", None)


def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: nothing in a query string is silently ignored. Raises `Invalid`."""
    definitions = handler.parsed_fn_signature.parameters.items()
    kwargs = {name: definition.kwarg_definition for name, definition in definitions}
    known = {kwarg.name or name for name, kwarg in kwargs.items() if isinstance(kwarg, QueryParameter)}
    given = connection.query_params.dict()
    unknown = [FieldProblem(name, "Is no parameter of this route") for name in given.keys() - known]
    repeated = [FieldProblem(name, "Comes more than once") for name in given.keys() & known if len(given[name]) > 1]
    # The framework reads the word null as nothing given.
    null = [FieldProblem(name, "Is empty") for name in given.keys() & known if given[name][0].lower() in ("", "null")]
    if problems := unknown + repeated + null:
        raise Invalid(*sorted(problems, key=lambda problem: problem.field))


@get(
    "/reports/{user_id:str}",
    summary="Reports of a user over a period",
    description=(
        "One's own reports, or with the role `reports-reader` anyone's, newest first, with their summary."
        f" Without a period: the last {SHOWN_DAYS} published days. A period has {LONGEST_PERIOD_DAYS} days at most."
    ),
    operation_class=DataOperation,
    response_description="The reports",
    responses=documented(304, 401, 403, 404, 422, 503),
)
async def reports_of_user(
    request: AskedBy,
    reads: NamedDependency[Reads],
    user_id: Annotated[str, PathParameter(description="The customer's number in the CRM, or UUID at Keycloak")],
    since: Annotated[
        dt.date | None, QueryParameter(name="from", description="First day (UTC), included", schema_extra=_DAY)
    ] = None,
    until: Annotated[
        dt.date | None, QueryParameter(name="to", description="Last day (UTC), included", schema_extra=_DAY)
    ] = None,
) -> Answer[UserReports]:
    """Reports of a period."""
    return await reads.answer(user_reports, asked(request), customer_key(user_id), since, until)


@get(
    "/api/reports",
    summary="Days with a report",
    description="Days on which the caller has a report, newest first, in pages: `next` names the following one.",
    operation_class=DataOperation,
    response_description="A page of days",
    responses=documented(304, 401, 404, 422, 503),
)
async def own_report_dates(
    request: AskedBy,
    reads: NamedDependency[Reads],
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Days on a page")] = 30,
    before: Annotated[
        dt.date | None, QueryParameter(description="Days before this one (UTC) only", schema_extra=_DAY)
    ] = None,
) -> Answer[ReportDates]:
    """Days with a report."""
    return await reads.answer(report_dates, asked(request), limit, before)


@get(
    "/api/reports/{date:str}",
    summary="One day by the hour",
    description="The caller's day (UTC): the summary over all prostheses, and the hours it was made from.",
    operation_class=DataOperation,
    response_description="The day",
    responses=documented(304, 401, 404, 422, 503),
)
async def own_report(
    request: AskedBy,
    reads: NamedDependency[Reads],
    date: Annotated[dt.date, PathParameter(description="The day (UTC), as in 2026-07-01")],
) -> Answer[DayReport]:
    """One day."""
    return await reads.answer(day_report, asked(request), date)


def asked(request: AskedBy) -> Asked:
    """Who asks, and what that caller holds already."""
    return Asked(caller=request.user, held=request.headers.get("if-none-match", ""))


routes = Router(
    "/", route_handlers=[reports_of_user, own_report_dates, own_report], guards=[known_parameters], tags=["Reports"]
)
