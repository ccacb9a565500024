"""Figures of a report, from sums."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from api.metrics import ProsthesisDay, Sums, metrics, of_day, of_period, of_prosthesis
from api.schemas import Metrics

NOTHING = ProsthesisDay(date(2026, 7, 1), "p", "chip", "hand", "Grip 2", 0, *([0] * 13))


def worn(**figures: Any) -> ProsthesisDay:
    return msgspec.structs.replace(NOTHING, **figures)


def test_a_mean_over_prostheses_weighs_every_event_the_same() -> None:
    busy = worn(movements=99, amplitude_sum=99.0, response_ms_sum=990.0, responses=99, battery_pct_sum=9900.0)
    idle = worn(movements=1, amplitude_sum=2.0, battery_pct_sum=0.0)

    found = metrics(of_day([busy, idle]))

    assert (found.amplitude_mean, found.response_ms_mean, found.battery_pct_mean) == (1.01, 10.0, 99.0)


def test_an_hour_in_which_two_prostheses_were_active_counts_once_in_a_day_and_again_on_the_next_day() -> None:
    day = of_day([worn(active_hours=0b0111), worn(active_hours=0b1110)])

    assert (day.uptime_hours, of_period([day, day]).uptime_hours) == (4, 8)


@pytest.mark.parametrize(
    ("rows", "used"),
    [
        pytest.param([("a", 1, 90, 60, 5), ("a", 2, 50, 40, 7)], 22.0, id="a drop between prostheses counts"),
        pytest.param([("a", 2, 50, 40, 7), ("a", 1, 90, 60, 5)], 22.0, id="whatever order the rows come in"),
        pytest.param([("a", 1, 90, 60, 5), ("a", 2, 80, 40, 7)], 12.0, id="charging in between counts nothing"),
        pytest.param([("a", 1, 90, 60, 5), ("b", 2, 50, 40, 7)], 12.0, id="another chip has another battery"),
        pytest.param(
            [("a", 1, 90, 80, 1), ("b", 2, 30, 20, 1), ("a", 3, 70, 60, 1), ("a", 4, 50, 40, 1)],
            24.0,
            id="every handover of the chip counts, past other chips",
        ),
    ],
)
def test_battery_used_by_a_wearer_follows_each_chip_from_prosthesis_to_prosthesis(
    rows: list[tuple[str, int, float, float, float]], used: float
) -> None:
    days = [
        worn(chip_id=chip, first_event_us=at, battery_first_pct=first, battery_last_pct=last, battery_used_pct=within)
        for chip, at, first, last, within in rows
    ]

    assert of_day(days).battery_used_pct == used


def test_battery_used_over_a_period_is_the_sum_of_its_days_so_a_drop_over_midnight_counts_nothing() -> None:
    monday = of_day([worn(battery_first_pct=90, battery_last_pct=80, battery_used_pct=10)])
    tuesday = of_day([worn(battery_first_pct=20, battery_last_pct=15, battery_used_pct=5)])

    assert of_period([monday, tuesday]).battery_used_pct == 15


def test_an_empty_period_has_zeros_and_no_means() -> None:
    assert metrics(of_period([])) == Metrics(
        movements=0,
        uptime_hours=0,
        usage_minutes=0.0,
        response_ms_mean=None,
        amplitude_mean=None,
        frequency_hz_mean=None,
        battery_pct_mean=None,
        battery_used_pct=0.0,
        errors=0,
        error_rate=None,
        myosignal_efficiency=None,
    )


def test_one_prosthesis_has_the_sums_of_its_row() -> None:
    row = worn(movements=4, active_hours=0b11, signal_duration_ms_sum=90_000, errors=1, efficient_movements=2)

    assert of_prosthesis(row) == Sums(
        movements=4, uptime_hours=2, signal_duration_ms=90_000, errors=1, efficient_movements=2
    )
    found = metrics(of_prosthesis(row))
    assert (found.usage_minutes, found.error_rate, found.myosignal_efficiency) == (1.5, 0.25, 0.5)
