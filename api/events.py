"""The caller's raw events as a file, sent while they are read: memory does not grow with their number."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIResponse
from litestar.params import QueryParameter
from litestar.response import Stream

from api.asking import AskedBy, AsOfText, DataOperation, FirstDay, LastDay, known_parameters
from api.edition import Asked, Edition, edition
from api.errors import documented
from api.export.document import Document
from api.export.formats import Format
from api.export.reports import of_events
from api.export.response import file_response
from api.published import EVENTS, LONGEST_PERIOD_DAYS, SHOWN_DAYS
from api.reads import Reads
from api.schemas import Period
from api.snapshots import read_as_of
from resources.publications import naive

_FORMS = {Format.CSV, Format.PARQUET}
_NO_DAY = dt.date(1970, 1, 2)
"""Bounds of a period without any published day; nothing is between them that such an answer could hold."""


@dataclass
class FileOperation(DataOperation):
    """A route whose answer is a file and nothing else."""

    def __post_init__(self) -> None:
        """Take the forms out that it cannot be had in."""
        super().__post_init__()
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            for form in set(Format) - _FORMS:
                answer.content.pop(form.media_type)


@get(
    "/api/reports/events",
    summary="Raw events of a period as a file",
    description=(
        "The caller's events in the order of time, exactly those that the reports of the period were made from."
        f" Without a period: the last {SHOWN_DAYS} published days. A period has {LONGEST_PERIOD_DAYS} days at most."
    ),
    operation_class=FileOperation,
    response_description="The file",
    responses=documented(401, 404, 410, 422, 503),
)
async def own_events(  # noqa: PLR0913, PLR0917 - the parameters of the route
    request: AskedBy,
    reads: NamedDependency[Reads],
    since: FirstDay = None,
    until: LastDay = None,
    form: Annotated[Literal["csv", "parquet"], QueryParameter(name="format", description="csv or parquet")] = "csv",
    as_of: AsOfText = None,
) -> Stream:
    """Raw events."""
    asked = Asked(request.user, as_of=read_as_of(as_of) if as_of else None)
    document, current = await reads.answer(events_file, asked, since, until)
    return await file_response(document, Format(form), current.headers())


def events_file(reads: Reads, asked: Asked, since: dt.date | None, until: dt.date | None) -> tuple[Document, Edition]:
    """The document of the events; they are read while it is written."""
    published, user = reads.own(asked)
    first, last = published.period(since, until)
    parts = published.between(first, last)
    state = reads.state(asked, published, EVENTS)
    current = edition(asked, state, [published.customers], [*parts.values()], "events", first, last)
    rows = reads.stream(
        "reads/events_of_user",
        asked.as_of,
        user_id=user.user_id,
        # Of what there is: the days that are asked for may be none that the warehouse can count.
        since=naive(_midnight(min(parts, default=_NO_DAY))),
        until=naive(_midnight(max(parts, default=_NO_DAY)) + dt.timedelta(days=1)),
        day_builds=[part.build_id for part in parts.values()],
    )
    return of_events(user, Period(since=first, until=last), current.publication, rows), current


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


routes = Router("/", route_handlers=[own_events], guards=[known_parameters], tags=["Reports"])
