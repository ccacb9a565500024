"""Examples for the OpenAPI document: one of each body, by the name of its schema. Everybody in them is made up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from api import schemas
from api.errors import FieldProblem, Problem
from resources.freshness import State

_FIRST, _LAST = date(2026, 7, 1), date(2026, 7, 2)
_AT = datetime(2026, 7, 3, 0, 1, 30, tzinfo=UTC)
_NEWEST = datetime(2026, 7, 2, 23, 59, 58, tzinfo=UTC)
_RUN = "0c8f4f6e-5a0b-4f0e-9d0c-3f3f7a1e2b11"

_USER = schemas.User(user_id=7, user_uuid=UUID("11111111-1111-4111-8111-111111111111"), name="Ada Example")
_PERIOD = schemas.Period(since=_FIRST, until=_LAST)
_FIGURES: dict[str, Any] = {
    "movements": 1200,
    "uptime_hours": 14,
    "usage_minutes": 12.5,
    "response_ms_mean": 84.2,
    "amplitude_mean": 0.52,
    "frequency_hz_mean": 41.3,
    "battery_pct_mean": 63.8,
    "battery_used_pct": 31.5,
    "errors": 6,
    "error_rate": 0.005,
    "myosignal_efficiency": 0.91,
}
_SUMMARY = schemas.Metrics(**_FIGURES)
_PROSTHESIS = schemas.ProsthesisReport(
    "5f0c7a1e-0d6b-4c39-9d0e-8f5f8a0d2b6c", "CHIP-0042", "hand", "Grip 2", **_FIGURES
)
_MADE: dict[str, Any] = {
    "publication": schemas.Publication(
        id="7487251968819200001", as_of="7487251968819200001", published_at=_AT, run_id=_RUN
    ),
    "freshness": schemas.Freshness(watermark=_NEWEST, state=State.FRESH),
}

_BODIES: list[msgspec.Struct] = [
    schemas.UserReports(
        user=_USER,
        period=_PERIOD,
        reports=[schemas.ReportDay(_LAST, prostheses=[_PROSTHESIS], **_FIGURES)],
        summary=_SUMMARY,
        **_MADE,
    ),
    schemas.PeriodSummary(user=_USER, period=_PERIOD, summary=_SUMMARY, prostheses=[_PROSTHESIS], **_MADE),
    schemas.ReportDates(
        user=_USER,
        reports=[schemas.ReportDate(date=_LAST, prosthesis_model="Grip 2", movements=1200)],
        next="/api/reports?limit=1&before=2026-07-02&as_of=7487251968819200001",
        **_MADE,
    ),
    schemas.DayReport(
        date=_LAST,
        user=_USER,
        prosthesis_model="Grip 2",
        summary=_SUMMARY,
        hourly_data=[
            schemas.Hour(
                hour=datetime(2026, 7, 2, 9, tzinfo=UTC),
                movements_count=96,
                avg_response_time=81.0,
                battery_level=88.4,
                error_count=1,
            )
        ],
        **_MADE,
    ),
    schemas.UserTotals(
        user_name="Ada Example",
        user_email="ada@example.org",
        total_events=1200,
        total_duration=750_000,
        prosthesis_stats=[
            schemas.TypeTotals(
                prosthesis_type="hand",
                events_count=1200,
                total_duration=750_000,
                avg_amplitude=0.52,
                avg_frequency=41.3,
            )
        ],
        **_MADE,
    ),
    schemas.DealPipeline(
        pipeline=[
            schemas.DealStage(
                status="won",
                currency="EUR",
                deals=3,
                deals_with_amount=2,
                deals_without_amount=1,
                amount_total=Decimal("2500.50"),
                amount_mean=Decimal("1250.250000"),
                oldest_updated_at=datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
                newest_updated_at=_NEWEST,
            )
        ],
        **_MADE,
    ),
    schemas.AuditActivity(
        period=_PERIOD,
        activity=[schemas.AuditCount(date=_LAST, action="update", entity_type="deal", events=12, actors=4)],
        **_MADE,
    ),
    schemas.Refresh(
        id=_RUN,
        state="running",
        steps=schemas.RefreshSteps(done=1, total=8),
        marts=["crm_customers", "telemetry_events", "user_prosthesis_stats", "user_daily_reports"],
        period=_PERIOD,
    ),
    Problem(
        type="urn:bionicpro:problem:invalid-request",
        title="The request cannot be used",
        status=422,
        detail="Mend what is named in errors.",
        request_id="3f6f1d0b8a7e4f0c9a51b7d2c4e8f011",
        errors=[FieldProblem("from", "Is after `to`")],
    ),
]

EXAMPLES: dict[str, Any] = {type(body).__name__: msgspec.to_builtins(body) for body in _BODIES} | {
    "TotalsForm": {"user_id": 7, "start_ts": "2026-07-01T08:00:00Z", "end_ts": "2026-07-02T20:15:30+03:00"},
    "RefreshForm": {"marts": ["telemetry_events"], "from": "2026-07-01", "to": "2026-07-02"},
}
