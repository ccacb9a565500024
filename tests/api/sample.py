"""Two days of Ada's, and what reports of them must say, computed by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.api.world import ADA, ADA_UUID, BOB, CUSTOMERS, Marts, worn

FIRST, SECOND = date(2026, 7, 1), date(2026, 7, 2)
USER = {"user_id": ADA, "user_uuid": str(ADA_UUID), "name": "Ada"}

# The chip A is handed from one hand to the other at noon, at 85 and then 82 per cent; the arm overlaps at nine o'clock.
HAND = worn(
    "hand-1",
    "A",
    [8, 9],
    3,
    signal_duration_ms_sum=120_000,
    signal_frequency_hz_sum=150,
    amplitude_sum=6.0,
    response_ms_sum=200.0,
    responses=2,
    battery_pct_sum=255.0,
    battery_used_pct=10.0,
    battery_first_pct=90.0,
    battery_last_pct=85.0,
    errors=1,
    efficient_movements=1,
)
SPARE = worn(
    "hand-2",
    "A",
    [13],
    2,
    signal_duration_ms_sum=60_000,
    signal_frequency_hz_sum=110,
    amplitude_sum=5.0,
    battery_pct_sum=163.0,
    battery_used_pct=1.0,
    battery_first_pct=82.0,
    battery_last_pct=81.0,
)
ARM = worn(
    "arm-1",
    "B",
    [9, 10],
    5,
    prosthesis_type="arm",
    prosthesis_model="Arc",
    signal_frequency_hz_sum=250,
    amplitude_sum=10.0,
    response_ms_sum=500.0,
    responses=5,
    battery_pct_sum=246.0,
    battery_used_pct=2.0,
    battery_first_pct=50.0,
    battery_last_pct=48.0,
    errors=1,
    efficient_movements=3,
)
NEXT_MORNING = worn(
    "hand-1",
    "A",
    [0],
    1,
    signal_duration_ms_sum=6000,
    signal_frequency_hz_sum=40,
    amplitude_sum=2.0,
    battery_pct_sum=70.0,
    battery_first_pct=70.0,
    battery_last_pct=70.0,
)
OF_BOB = worn("bobs", "C", [9], 1000, user_id=BOB, amplitude_sum=9e9, battery_pct_sum=9e9)

FIRST_DAY = {
    "movements": 10,
    "uptime_hours": 4,
    "usage_minutes": 3.0,
    "response_ms_mean": 100.0,
    "amplitude_mean": 2.1,
    "frequency_hz_mean": 51.0,
    "battery_pct_mean": 66.4,
    "battery_used_pct": 16.0,
    "errors": 2,
    "error_rate": 0.2,
    "myosignal_efficiency": 0.4,
}
SECOND_DAY = {
    "movements": 1,
    "uptime_hours": 1,
    "usage_minutes": 0.1,
    "response_ms_mean": None,
    "amplitude_mean": 2.0,
    "frequency_hz_mean": 40.0,
    "battery_pct_mean": 70.0,
    "battery_used_pct": 0.0,
    "errors": 0,
    "error_rate": 0.0,
    "myosignal_efficiency": 0.0,
}
BOTH_DAYS = {
    "movements": 11,
    "uptime_hours": 5,
    "usage_minutes": 3.1,
    "response_ms_mean": 100.0,
    "amplitude_mean": 23 / 11,
    "frequency_hz_mean": 50.0,
    "battery_pct_mean": 734 / 11,
    "battery_used_pct": 16.0,
    "errors": 2,
    "error_rate": 2 / 11,
    "myosignal_efficiency": 4 / 11,
}
NOTHING = {
    "movements": 0,
    "uptime_hours": 0,
    "usage_minutes": 0.0,
    "response_ms_mean": None,
    "amplitude_mean": None,
    "frequency_hz_mean": None,
    "battery_pct_mean": None,
    "battery_used_pct": 0.0,
    "errors": 0,
    "error_rate": None,
    "myosignal_efficiency": None,
}


def at(hour: int) -> datetime:
    return datetime(2026, 7, 1, hour, tzinfo=UTC)


def fill(marts: Marts) -> None:
    """Two days of Ada's, with hours of the first; Bob is busy all along."""
    marts.customers(CUSTOMERS)
    hours = (
        marts.hour(at(8), [worn("hand-1", "A", [], 2, battery_pct_sum=170.0, errors=1)]),
        marts.hour(
            at(9),
            [
                worn("hand-1", "A", [], 1, battery_pct_sum=85.0, response_ms_sum=200.0, responses=1),
                worn("arm-1", "B", [], 3, battery_pct_sum=149.0, response_ms_sum=300.0, responses=3, errors=1),
                worn("bobs", "C", [], 1000, user_id=BOB, battery_pct_sum=9e9, errors=77),
            ],
        ),
        marts.hour(at(13), [worn("hand-2", "A", [], 2, battery_pct_sum=163.0)]),
    )
    marts.day(FIRST, [HAND, SPARE, ARM, OF_BOB], inputs=hours)
    marts.day(SECOND, [NEXT_MORNING, OF_BOB])
