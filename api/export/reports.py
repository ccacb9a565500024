"""A document of each answer to a wearer: the names of columns are those of the JSON, their units stand beside them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from api.export.columns import DAY, METRICS, figures, values
from api.export.document import Chart, Column, Document, Figure, Kind, Row, Sheet
from api.export.periods import by_period
from api.schemas import (
    DayReport,
    Period,
    PeriodSummary,
    ProsthesisReport,
    ReportDates,
    ReportDay,
    User,
    UserReports,
    UserTotals,
)
from api.schemas import Publication as Published

_PROSTHESIS = (
    Column("prosthesis_id", Kind.TEXT),
    Column("chip_id", Kind.TEXT),
    Column("prosthesis_type", Kind.TEXT),
    Column("prosthesis_model", Kind.TEXT),
)
_HOURS = (
    Column("hour", Kind.INSTANT, "UTC"),
    Column("movements_count", Kind.COUNT, "", "Movements"),
    Column("avg_response_time", Kind.REAL, "ms", "Response, mean"),
    Column("battery_level", Kind.REAL, "%", "Battery, mean"),
    Column("error_count", Kind.COUNT, "", "Errors"),
)
_NOTES = (
    "Uptime: hours in which there was a movement. Usage: durations of all signals. Battery used: sum of the drops of"
    " charge. Error rate: share of the movements with an error. Myosignal efficiency: share of those without an error"
    " that were answered in time."
)
_TYPES = (
    Column("prosthesis_type", Kind.TEXT),
    Column("events_count", Kind.COUNT, "", "Events"),
    Column("total_duration", Kind.COUNT, "ms", "Duration"),
    Column("avg_amplitude", Kind.REAL, "", "Amplitude, mean"),
    Column("avg_frequency", Kind.REAL, "Hz", "Frequency, mean"),
)
_DATES = (DAY, Column("prosthesis_model", Kind.TEXT), Column("movements", Kind.COUNT))
EVENTS = (
    Column("id", Kind.NUMBER),
    Column("event_time", Kind.INSTANT, "UTC"),
    Column("prosthesis_type", Kind.TEXT),
    Column("muscle_group", Kind.TEXT),
    Column("signal_frequency", Kind.COUNT, "Hz", "Frequency"),
    Column("signal_duration", Kind.COUNT, "ms", "Duration"),
    Column("signal_amplitude", Kind.REAL, "", "Amplitude"),
    Column("response_time_ms", Kind.REAL, "ms", "Response"),
    Column("battery_level", Kind.REAL, "%", "Battery"),
    Column("error_code", Kind.NUMBER),
    Column("prosthesis_model", Kind.TEXT),
    Column("prosthesis_id", Kind.TEXT),
    Column("chip_id", Kind.TEXT),
    Column("latitude", Kind.REAL, "degrees"),
    Column("longitude", Kind.REAL, "degrees"),
    Column("saved_ts", Kind.INSTANT, "UTC"),
)
"""Of raw events: their rows have these cells in this order, the ones that fit on a page first."""


def of_user_reports(body: UserReports) -> Document:
    """Days, newest first, each over all prostheses; then by prosthesis; then all days in one."""
    return Document(
        name="report",
        title="Prosthesis report",
        user=body.user,
        period=body.period,
        publication=body.publication,
        watermark=body.freshness.watermark,
        facts=_worn(body.reports),
        figures=figures(body.summary),
        notes=_NOTES,
        sheets=(
            Sheet("days", (DAY, *METRICS), [(day.date, *values(day)) for day in body.reports]),
            Sheet("prostheses", (DAY, *_PROSTHESIS, *METRICS), list(_prostheses(body.reports))),
            Sheet("summary", METRICS, [values(body.summary)]),
        ),
        chart=Chart("Movements by day", "date", "movements"),
        short=by_period(body.reports),
    )


def of_day_report(body: DayReport) -> Document:
    """The hours of a day, ascending; then the day in one."""
    return Document(
        name="report",
        title="Prosthesis report of a day",
        user=body.user,
        period=Period(since=body.date, until=body.date),
        publication=body.publication,
        watermark=body.freshness.watermark,
        facts=(("Prosthesis", body.prosthesis_model),),
        figures=figures(body.summary),
        notes=_NOTES,
        sheets=(
            Sheet("hours", _HOURS, [msgspec.structs.astuple(hour) for hour in body.hourly_data]),
            Sheet("summary", METRICS, [values(body.summary)]),
        ),
        chart=Chart("Movements by hour", "hour", "movements_count"),
    )


def of_report_dates(body: ReportDates) -> Document:
    """The days of one page that have a report."""
    return Document(
        name="report-days",
        title="Days with a report",
        user=body.user,
        publication=body.publication,
        watermark=body.freshness.watermark,
        sheets=(Sheet("days", _DATES, [(day.date, day.prosthesis_model, day.movements) for day in body.reports]),),
    )


def of_period_summary(body: PeriodSummary) -> Document:
    """Each prosthesis over the period; then all of them in one."""
    return Document(
        name="summary",
        title="Prosthesis report of a period",
        user=body.user,
        period=body.period,
        publication=body.publication,
        watermark=body.freshness.watermark,
        figures=figures(body.summary),
        notes=_NOTES,
        sheets=(
            Sheet("prostheses", (*_PROSTHESIS, *METRICS), [(*_named(part), *values(part)) for part in body.prostheses]),
            Sheet("summary", METRICS, [values(body.summary)]),
        ),
        chart=Chart("Movements by prosthesis", "prosthesis_model", "movements"),
    )


def of_user_totals(body: UserTotals) -> Document:
    """Each type of prosthesis; the totals stand above."""
    total_events, total_duration = Column("total_events", Kind.COUNT), Column("total_duration", Kind.COUNT, "ms")
    return Document(
        name="totals",
        title="Totals of a period",
        publication=body.publication,
        watermark=body.freshness.watermark,
        facts=(("Name", body.user_name), ("E-mail", body.user_email)),
        figures=(Figure(total_events, body.total_events), Figure(total_duration, body.total_duration)),
        sheets=(Sheet("types", _TYPES, [msgspec.structs.astuple(part) for part in body.prosthesis_stats]),),
        chart=Chart("Events by type of prosthesis", "prosthesis_type", "events_count"),
    )


def of_events(user: User, period: Period, publication: Published | None, rows: Iterable[Row]) -> Document:
    """Raw events of one user; `rows` may be an iterator."""
    return Document(
        name="events",
        title="Events of a prosthesis wearer",
        user=user,
        period=period,
        publication=publication,
        sheets=(Sheet("events", EVENTS, rows),),
    )


def _prostheses(reports: Iterable[ReportDay]) -> Iterable[Row]:
    for day in reports:
        for worn in day.prostheses:
            yield day.date, *_named(worn), *values(worn)


def _named(worn: ProsthesisReport) -> Row:
    return tuple(getattr(worn, column.name) for column in _PROSTHESIS)


def _worn(reports: Iterable[ReportDay]) -> tuple[tuple[str, str], ...]:
    """What was worn, as in `hand Grip 2`, each model once."""
    worn = {f"{part.prosthesis_type} {part.prosthesis_model}" for day in reports for part in day.prostheses}
    return (("Prostheses", ", ".join(sorted(worn))),) if worn else ()
