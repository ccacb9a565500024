"""The bodies of answers. Every name carries its unit; days and hours are UTC."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from resources.freshness import State


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
    as_of: Annotated[
        str, Meta(description="Given as the parameter of this name, it has the answer read again as it is")
    ]
    published_at: datetime
    run_id: Annotated[str, Meta(description="The Dagster run that made it")]


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How far the answer reaches; the state tells by how long ago its mart held all that its source had, so that a
    source with nothing new leaves it fresh.
    """

    watermark: Annotated[datetime | None, Meta(description="Newest source time in the builds of the answer")]
    state: State


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
    """What one prosthesis did in a day, or over a period."""

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
    publication: Publication
    freshness: Freshness


class PeriodSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one user did over a period: over all prostheses, and by prosthesis."""

    user: User
    period: Period
    summary: Metrics
    prostheses: list[ProsthesisReport]
    publication: Publication
    freshness: Freshness


class TypeTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What one user did with prostheses of one type."""

    prosthesis_type: Annotated[str, Meta(description="arm, hand or leg")]
    events_count: int
    total_duration: Annotated[int, Meta(description="Sum of the signals' durations, milliseconds")]
    avg_amplitude: Annotated[float, Meta(description="Over the events")]
    avg_frequency: Annotated[float, Meta(description="Hz, over the events")]


class UserTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What one user did over a period, exact to the second; the totals are the sums of their parts."""

    user_name: str
    user_email: str
    total_events: int
    total_duration: Annotated[int, Meta(description="Sum of the signals' durations, milliseconds")]
    prosthesis_stats: Annotated[list[TypeTotals], Meta(description="By type; a type without events is left out")]
    publication: Publication
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
    publication: Publication
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
    publication: Publication
    freshness: Freshness


class DealStage(msgspec.Struct, frozen=True, kw_only=True):
    """Deals of one status in one currency; money is a decimal number in a string, so that it stays exact."""

    status: Annotated[str, Meta(description="As the CRM names it")]
    currency: Annotated[str, Meta(description="ISO 4217")]
    deals: int
    deals_with_amount: int
    deals_without_amount: Annotated[int, Meta(description="Counted apart: no amount is not an amount of zero")]
    amount_total: Annotated[
        Decimal | None, Meta(description="Over the deals with an amount, exact to 2 digits; null where there is none")
    ]
    amount_mean: Annotated[
        Decimal | None, Meta(description="Over the deals with an amount, rounded half away from zero to 6 digits")
    ]
    oldest_updated_at: Annotated[datetime, Meta(description="When the deal left alone for longest was changed")]
    newest_updated_at: Annotated[datetime, Meta(description="When a deal was changed last")]


class DealPipeline(msgspec.Struct, frozen=True, kw_only=True):
    """The deals of the CRM by status and currency, in the order of these."""

    pipeline: list[DealStage]
    publication: Publication
    freshness: Freshness


class AuditCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often one thing was done to one kind of entity in one day."""

    date: date
    action: Annotated[str, Meta(description="What was done")]
    entity_type: Annotated[str, Meta(description="What kind of thing it was done to")]
    events: int
    actors: Annotated[int, Meta(description="Distinct ones: they cannot be added up over rows")]


class AuditActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What the staff did over a period, newest day first, then by action and kind of entity."""

    period: Period
    activity: list[AuditCount]
    publication: Publication
    freshness: Freshness


class RefreshSteps(msgspec.Struct, frozen=True, kw_only=True):
    """How far a refresh is; a step is a mart, or the checks of one."""

    done: int
    total: Annotated[int, Meta(description="0 where it is not known yet")]


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    """Marts that are built, and how far that is."""

    id: Annotated[str, Meta(description="The Dagster run that does it")]
    state: Literal["queued", "running", "succeeded", "failed"]
    steps: RefreshSteps
    marts: list[str]
    period: Annotated[Period | None, Meta(description="Days (UTC); null where all marts are snapshots")]
