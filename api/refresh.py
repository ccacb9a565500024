"""Routes by which an operator has marts built: Dagster does it, this asks for it and tells how far it is."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from api import schemas
from api.asking import DataOperation, known_parameters
from api.auth import ADMIN, only_for
from api.bodies import JsonBody
from api.errors import FieldProblem, Invalid, NotFound, documented
from api.refreshes import TAG, Refreshes, Wanted
from resources.orchestrator import DAILY, MARTS, QUEUED, RUNNING, Run
from resources.retention import kept_since
from resources.settings import Settings

PATH = "/api/v1/refresh"

Mart = Literal[
    "crm_customers",
    "deal_pipeline",
    "telemetry_events",
    "user_prosthesis_stats",
    "user_daily_reports",
    "audit_activity",
]


class RefreshForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built."""

    marts: Annotated[Annotated[list[Mart], Meta(min_length=1)] | None, Meta(description="Else all of them")] = None
    since: Annotated[dt.date | None, Meta(description="First day (UTC), included; else the first that is kept")] = (
        msgspec.field(default=None, name="from")
    )
    until: Annotated[dt.date | None, Meta(description="Last day (UTC), included; else today")] = msgspec.field(
        default=None, name="to"
    )

    def wanted(self, settings: Settings, today: dt.date) -> Wanted:
        """The marts in their order, and the days of those that have any. Raises `Invalid`."""
        marts = tuple(mart for mart in MARTS if mart in (self.marts or MARTS))
        given = {"from": self.since, "to": self.until}
        if not set(marts) & set(DAILY):
            _refuse({name: "Is of no use: these marts have no days" for name, day in given.items() if day})
            return Wanted(marts, None)
        first = settings.reports_first_day
        span = f"Is no day from {first} (the first partition) to {today} (today, UTC)"
        _refuse({name: span for name, day in given.items() if day and not first <= day <= today})
        until = self.until or today
        since = self.since or min(max(first, kept_since(settings).date()), until)
        _refuse({"from": "Is after `to`"} if since > until else {})
        return Wanted(marts, (since, until))


@post(
    "/",
    status_code=202,
    dto=JsonBody[RefreshForm],
    return_dto=None,
    summary="Have marts built",
    description=(
        f"Asks Dagster to build marts, those by day for the days of a period. For the role `{ADMIN}`. `Location` names"
        " where to ask how far it is. The same request again, while one runs, is answered with that one. Only what"
        " changed at the source is built; readers see a day when it is whole."
    ),
    operation_class=DataOperation,
    response_description="It is asked for, or runs already",
    response_headers=[ResponseHeader(name="Location", description="Where its progress is", documentation_only=True)],
    responses=documented(401, 403, 415, 422, 503),
)
async def refresh(refreshes: NamedDependency[Refreshes], data: JSONBody[RefreshForm]) -> Response[schemas.Refresh]:
    """Have marts built."""
    run = await refreshes.start(data.wanted(refreshes.settings, dt.datetime.now(dt.UTC).date()))
    return _answer(run, 202, Location=f"{PATH}/{run.run_id}")


@get(
    "/{refresh_id:str}",
    summary="How far a refresh is",
    description=(
        f"State and progress of a refresh, or of the run by which Dagster retried it: `id` names that one then. For the"
        f" role `{ADMIN}`."
    ),
    operation_class=DataOperation,
    response_description="The refresh",
    responses=documented(401, 403, 404, 422, 503),
)
async def progress(
    refreshes: NamedDependency[Refreshes],
    refresh_id: Annotated[str, PathParameter(description="The `id` of the refresh")],
) -> Response[schemas.Refresh]:
    """How far a refresh is."""
    run = await refreshes.look(refresh_id)
    if run is None or TAG not in run.tags:
        raise NotFound("There is no such refresh.")
    return _answer(run, 200)


def _refuse(problems: dict[str, str]) -> None:
    if problems:
        raise Invalid(*(FieldProblem(field, message) for field, message in problems.items()))


def _answer(run: Run, status: int, **headers: str) -> Response[schemas.Refresh]:
    body = schemas.Refresh(
        id=run.run_id,
        state=_state(run),
        steps=schemas.RefreshSteps(done=run.steps_done, total=run.steps_total),
        marts=list(run.marts),
        period=schemas.Period(since=run.days[0], until=run.days[1]) if run.days else None,
    )
    return Response(body, status_code=status, headers={"Cache-Control": "no-store", **headers})


def _state(run: Run) -> Literal["queued", "running", "succeeded", "failed"]:
    if run.status in QUEUED or run.awaits_retry(dt.datetime.now(dt.UTC)):
        return "queued"
    if run.status in RUNNING:
        return "running"
    return "succeeded" if run.status == "SUCCESS" else "failed"


routes = Router(
    PATH, route_handlers=[refresh, progress], guards=[only_for(ADMIN), known_parameters], tags=["Operation"]
)
