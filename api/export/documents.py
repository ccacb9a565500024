"""Which document each answer makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api import schemas
from api.export import aggregates, reports
from api.export.document import Document

_DOCUMENTS: dict[type[Any], Callable[[Any], Document]] = {
    schemas.UserReports: reports.of_user_reports,
    schemas.DayReport: reports.of_day_report,
    schemas.ReportDates: reports.of_report_dates,
    schemas.PeriodSummary: reports.of_period_summary,
    schemas.UserTotals: reports.of_user_totals,
    schemas.DealPipeline: aggregates.of_deal_pipeline,
}


def document_of(body: Any) -> Document:
    """The document of an answer, which may be one already."""
    return body if isinstance(body, Document) else _DOCUMENTS[type(body)](body)
