"""What one user did over a period that is given to the second, by type of prosthesis."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from api.asking import ASKING, DataOperation, in_form, known_parameters
from api.bodies import JsonBody
from api.customers import customer_key
from api.edition import Answer, Asked, edition
from api.errors import FieldProblem, Invalid, NotFound, documented
from api.pieces import pieces
from api.published import DAILY, EVENTS, Published
from api.reads import Reads
from api.schemas import TypeTotals, User, UserTotals
from resources.publications import DAY, EPOCH, Publication, naive

_END = datetime(2149, 6, 6, tzinfo=UTC)
"""The last day that the warehouse can count is the one before."""

_Instant = Annotated[datetime, Meta(tz=True)]


class TotalsForm(msgspec.Struct, frozen=True, kw_only=True):
    """Whose totals, and of which instants."""

    user_id: Annotated[int | str, Meta(description="The customer's number in the CRM, or UUID at Keycloak")]
    start_ts: Annotated[
        _Instant | None, Meta(description="First instant (ISO 8601 with a zone, whole seconds); else all kept history")
    ] = None
    end_ts: Annotated[_Instant | None, Meta(description="First instant after the period, in the same form")] = None

    def key(self) -> int | UUID:
        """Who is asked about. Raises `Invalid`, also for a period that cannot be used."""
        for name, moment in (("end_ts", self.end_ts), ("start_ts", self.start_ts)):
            if moment and moment.microsecond:
                raise Invalid(FieldProblem(name, "Is given more exactly than to the second"))
        if self.start_ts and self.end_ts and self.start_ts > self.end_ts:
            raise Invalid(FieldProblem("start_ts", "Is after `end_ts`"))
        return customer_key(str(self.user_id))


@post(
    "/report",
    status_code=200,
    dto=JsonBody[TotalsForm],
    return_dto=None,
    summary="Totals of a user over a period, to the second",
    description=(
        "One's own totals, or with the role `reports-reader` anyone's, by type of prosthesis, of the events in"
        " `[start_ts, end_ts)`. A bound that is left out is the beginning or the end of all kept history."
    ),
    operation_class=DataOperation,
    response_description="The totals",
    responses=documented(401, 403, 404, 406, 410, 415, 422, 503),
)
async def totals_of_user(
    asking: NamedDependency[Asked],
    reads: NamedDependency[Reads],
    data: JSONBody[TotalsForm],
) -> Response[UserTotals]:
    """Totals of a period."""
    # A POST is no cached GET: it is always answered in full.
    asking = msgspec.structs.replace(asking, held="")
    return await in_form(asking, await reads.answer(user_totals, asking, data.key(), data.start_ts, data.end_ts))


def user_totals(
    reads: Reads, asked: Asked, wanted: int | UUID, since: datetime | None, until: datetime | None
) -> Answer[UserTotals]:
    """Totals of the events of one user in `[since, until)`, or of all kept history."""
    published, user = reads.readable(asked, wanted)
    since, until = _countable(since or EPOCH), _countable(until or _END)
    # Up to the day of the last instant: the first one after the period may be another day's.
    parts = published.between(since.date(), (until - datetime.resolution).date())
    state = reads.state(asked, published, DAILY, EVENTS)
    current = edition(asked, state, [published.customers], [*parts.values()], "totals", user.user_id, since, until)
    if (known := reads.known(asked, current)) is not None:
        return known
    found = _by_type(reads, parts, user, since, until) if parts else []
    body = UserTotals(
        user_name=user.name,
        user_email=_email(reads, published, user),
        total_events=sum(totals.events_count for totals in found),
        total_duration=sum(totals.total_duration for totals in found),
        prosthesis_stats=found,
        publication=current.publication,
        freshness=current.freshness,
    )
    return reads.kept(asked, current, body)


def _by_type(
    reads: Reads, parts: dict[date, Publication], user: User, since: datetime, until: datetime
) -> list[TypeTotals]:
    days = {datetime.combine(day, time(), UTC): part for day, part in parts.items()}
    since, until = max(since, min(days)), min(until, max(days) + DAY)
    cut = pieces(since, until)
    whole = [at for at in cut.days if at in days]
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows(
            "reads/period_of_user",
            user_id=user.user_id,
            since=naive(since),
            until=naive(until),
            first_day=min(whole, default=since).date(),
            last_day=max(whole, default=since).date(),
            day_builds=[days[at].build_id for at in whole],
            cut_days=[at.date() for at in cut.cut_days],
            hours=[naive(hour) for hour in cut.hours],
            cut_hours=[naive(hour) for hour in cut.cut_hours],
            hour_builds=[build for at in cut.cut_days if at in days for build in days[at].inputs],
        )
    return [_totals(*row) for row in rows]


def _email(reads: Reads, published: Published, user: User) -> str:
    with reads.pool.connection() as warehouse:
        rows = warehouse.rows("reads/email_of_customer", build_id=published.customers.build_id, user_id=user.user_id)
    if not rows:
        raise NotFound("There is no such customer.")
    email: str = rows[0][0]
    return email


def _totals(prosthesis_type: str, events: int, duration_ms: int, frequency_hz: int, amplitude: float) -> TypeTotals:
    return TypeTotals(
        prosthesis_type=prosthesis_type,
        events_count=events,
        total_duration=duration_ms,
        avg_amplitude=amplitude / events,
        avg_frequency=frequency_hz / events,
    )


def _countable(moment: datetime) -> datetime:
    """The nearest instant of those that the warehouse has days for, in UTC."""
    return min(max(moment, EPOCH), _END).astimezone(UTC)


routes = Router("/", route_handlers=[totals_of_user], dependencies=ASKING, guards=[known_parameters], tags=["Reports"])
