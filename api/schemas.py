"""The bodies of answers. Every name carries its unit; days and hours are UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Whose report it is."""

    user_id: Annotated[int, Meta(description="The customer's number in the CRM")]
    user_uuid: Annotated[UUID, Meta(description="The customer's subject (`sub`) at Keycloak")]
    name: str


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Days, both included."""

    since: date = msgspec.field(name="from")
    until: date = msgspec.field(name="to")


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """The newest publication that an answer was made from."""

    id: Annotated[str, Meta(description="The build that it made current; a string, since it exceeds 2^53")]
    published_at: datetime
    run_id: Annotated[str, Meta(description="The Dagster run that made it")]


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How far the answer reaches."""

    watermark: Annotated[datetime | None, Meta(description="Newest source time in the builds of the answer")]


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, over all events of its level; a mean is null where it has nothing to be taken over."""

    movements: Annotated[int, Meta(description="Events")]
    uptime_hours: Annotated[int, Meta(description="Distinct hours (UTC) with an event")]
    usage_minutes: Annotated[float, Meta(description="Sum of the signals' durations")]
    response_ms_mean: Annotated[float | None, Meta(description="Over the events that have a response")]
    amplitude_mean: float | None
    frequency_hz_mean: float | None
    battery_pct_mean: float | None
    battery_used_pct: Annotated[
        float, Meta(description="Sum of the drops between consecutive readings of a chip within a day")
    ]
    errors: Annotated[int, Meta(description="Events with an error code above 0")]
    error_rate: Annotated[float | None, Meta(description="errors / movements")]
    myosignal_efficiency: Annotated[
        float | None, Meta(description="Share of events without an error that were answered in time")
    ]


# Fields that may be given by position come first, so a body begins with what it is of, and then has its figures.
class ProsthesisReport(Metrics, frozen=True):
    """What one prosthesis did in one day."""

    prosthesis_id: str
    chip_id: str
    prosthesis_type: Annotated[str, Meta(description="arm, hand or leg")]
    prosthesis_model: str


class _DayMetrics(Metrics, frozen=True, kw_only=True):
    prostheses: list[ProsthesisReport]


class ReportDay(_DayMetrics, frozen=True):
    """What one user did in one day, over all prostheses and by prosthesis."""

    date: date


class UserReports(msgspec.Struct, frozen=True, kw_only=True):
    """The reports of one user over a period, newest first, and their summary."""

    user: User
    period: Period
    reports: list[ReportDay]
    summary: Metrics
    publication: Publication | None
    freshness: Freshness


class ReportDate(msgspec.Struct, frozen=True, kw_only=True):
    """A day that has a report."""

    date: date
    prosthesis_model: Annotated[str, Meta(description="Several models are joined by a comma")]
    movements: int


class ReportDates(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the days that have a report, newest first."""

    user: User
    reports: list[ReportDate]
    next: Annotated[str | None, Meta(description="Where the next page is; null on the last one")]
    publication: Publication | None
    freshness: Freshness


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of a day, over all prostheses."""

    hour: Annotated[datetime, Meta(description="First instant of the hour, UTC")]
    movements_count: int
    avg_response_time: Annotated[float | None, Meta(description="Milliseconds, over the events that have a response")]
    battery_level: Annotated[float | None, Meta(description="Mean, per cent")]
    error_count: int


class DayReport(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one user, and its hours."""

    date: date
    user: User
    prosthesis_model: Annotated[str, Meta(description="Several models are joined by a comma")]
    summary: Metrics
    hourly_data: list[Hour]
    publication: Publication | None
    freshness: Freshness


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All is well."""

    status: str = "ok"


class MartHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One mart as this process holds it."""

    mart: str
    segments: Annotated[int, Meta(description="Segments (days, or a snapshot) that are published")]
    published_at: Annotated[datetime, Meta(description="When the newest of them was published")]
    watermark: Annotated[datetime | None, Meta(description="Newest source time")]
    age_seconds: Annotated[float | None, Meta(description="Now less the watermark")]


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The marts are loaded."""

    status: str = "ok"
    marts: list[MartHealth]
