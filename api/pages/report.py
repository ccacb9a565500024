"""The page of one user's report: what `GET /reports/{user_id}` answers, as tables and charts."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from api.answers import user_reports
from api.edition import Asked
from api.pages.charts import Chart, bars_by_day, line_by_day
from api.pages.language import Language
from api.pages.rendering import Shown, figures_of, render
from api.reads import Reads
from api.schemas import ReportDay, UserReports

FIGURES = {
    "movements": "count",
    "uptime_hours": "count",
    "usage_minutes": "real",
    "response_ms_mean": "real",
    "amplitude_mean": "real",
    "frequency_hz_mean": "real",
    "battery_pct_mean": "real",
    "battery_used_pct": "real",
    "errors": "count",
    "error_rate": "share",
    "myosignal_efficiency": "share",
}
"""How each of `schemas.Metrics` is written: a method of `Language`."""


def report_page(  # noqa: PLR0913, PLR0917 - what the report depends on, and how it is shown
    reads: Reads, asked: Asked, shown: Shown, wanted: int | UUID, since: date | None, until: date | None
) -> str:
    """The page. Raises what `user_reports` does."""
    found = figures_of(user_reports(reads, asked, wanted, since, until), UserReports)
    charts = _charts(shown.language, found.reports)
    return render("report", shown, report=found, charts=charts, figures=FIGURES, root="../../")


def _charts(language: Language, days: list[ReportDay]) -> list[Chart]:
    drawn = [
        bars_by_day(language, "movements", {day.date: day.movements for day in days}),
        line_by_day(language, "response_ms_mean", {day.date: day.response_ms_mean for day in days}),
        line_by_day(language, "battery_pct_mean", {day.date: day.battery_pct_mean for day in days}, reach=(0, 100)),
    ]
    return [chart for chart in drawn if chart is not None]
