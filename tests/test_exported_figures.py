"""Every cell of every export, for random users and periods of a seeded month, equals a recomputation from the rows of
PostgreSQL that shares no code with the system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import islice
from random import Random
from typing import Any

import polars as pl
import pytest

from tests import recompute
from tests.assets.conftest import Marts
from tests.cells import Downloads, Fetch, assert_shown, in_every_file, to_the_millisecond, typed, words
from tests.periods import of_days, to_the_second
from tests.recompute import assert_same_figures

pytest_plugins = ["tests.month"]

PROSTHESIS = ("prosthesis_id", "chip_id", "prosthesis_type", "prosthesis_model")
HOURLY = {
    "movements": "movements_count",
    "response_ms_mean": "avg_response_time",
    "battery_pct_mean": "battery_level",
    "errors": "error_count",
}
LABELS = {
    "movements": "Movements",
    "uptime_hours": "Uptime",
    "usage_minutes": "Usage",
    "response_ms_mean": "Response, mean",
    "amplitude_mean": "Amplitude, mean",
    "frequency_hz_mean": "Frequency, mean",
    "battery_pct_mean": "Battery, mean",
    "battery_used_pct": "Battery used",
    "errors": "Errors",
    "error_rate": "Error rate",
    "myosignal_efficiency": "Myosignal efficiency",
}
PER_CENT = {"error_rate", "myosignal_efficiency"}
SUMS = {"movements", "uptime_hours", "usage_minutes", "battery_used_pct", "errors"}
FLOATS = dict.fromkeys(LABELS, pl.Float64)
ROW = pl.lit(0).alias("row")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """The same choices whenever a test runs, and others in each test."""
    return Random(request.node.name)  # noqa: S311 - no secret


@pytest.fixture(scope="module")
def sound(events: pl.DataFrame) -> pl.DataFrame:
    """The events that are published."""
    return events.filter("sound").with_columns(
        at=pl.col("event_time").dt.replace_time_zone("UTC"), date=pl.col("event_time").dt.date()
    )


def questions(chance: Random, sound: pl.DataFrame, number: int) -> Iterator[tuple[int, str, pl.DataFrame]]:
    """A wearer, a period as parameters, and the wearer's events in it."""
    people = sound["user_id"].unique().sort().to_list()
    for since, until in islice(of_days(chance), number):
        user_id = chance.choice(people)
        inside = sound.filter(pl.col("user_id") == user_id, pl.col("date").is_between(since, until))
        yield user_id, f"from={since}&to={until}", inside


def assert_in_all_forms(expected: pl.DataFrame, fetch: Fetch, sheet: str, found: list[Any], *grain: str) -> None:
    """The rows of JSON, which are `found`, and those of each file are the expected ones, and the same in all."""
    in_json = typed(pl.DataFrame(found, infer_schema_length=None), expected.schema) if found else expected.clear()
    for form, table in {"json": in_json, **in_every_file(fetch, sheet, expected.schema)}.items():
        assert to_the_millisecond(table).equals(to_the_millisecond(in_json)), form
        assert_same_figures(expected.with_columns(ROW), table.with_columns(ROW), "row", *grain)


def summary(inside: pl.DataFrame) -> pl.DataFrame:
    """The one row of a summary: where there is no event, sums are 0 and means are none."""
    if inside.is_empty():
        return pl.DataFrame([{name: 0 if name in SUMS else None for name in LABELS}], schema_overrides=FLOATS)
    return recompute.metrics_of_period(inside, "user_id").select(*LABELS)


def as_shown(row: dict[str, Any], *names: str) -> list[float | None]:
    """Figures as a page has them: shares in per cent."""
    return [row[name] and row[name] * (100 if name in PER_CENT else 1) for name in names]


def assert_figures_shown(page: list[str], row: dict[str, Any]) -> None:
    """Each figure stands after its label."""
    for name, label in LABELS.items():
        assert_shown(page, label, *as_shown(row, name))


def test_the_reports_of_a_period_are_exact_in_every_form(
    wearers: Downloads, sound: pl.DataFrame, chance: Random
) -> None:
    prostheses = 0
    for user_id, period, inside in questions(chance, sound, 6):
        fetch = wearers.own(user_id, f"/reports/{user_id}?{period}")
        body = json.loads(fetch("format=json"))
        by_day = recompute.metrics(inside, "date").select("date", *LABELS)
        by_prosthesis = recompute.metrics(inside, "date", *PROSTHESIS).select("date", *PROSTHESIS, *LABELS)
        worn = [{"date": day["date"], **each} for day in body["reports"] for each in day["prostheses"]]

        assert_in_all_forms(by_day, fetch, "days", body["reports"], "date")
        assert_in_all_forms(by_prosthesis, fetch, "prostheses", worn, "date", *PROSTHESIS)
        assert_in_all_forms(summary(inside), fetch, "summary", [body["summary"]])
        prostheses += len(worn)
    assert prostheses > 50


def test_the_days_that_are_listed_are_exact_in_every_form(
    wearers: Downloads, sound: pl.DataFrame, chance: Random
) -> None:
    user_id = chance.choice(sound["user_id"].unique().sort().to_list())
    fetch = wearers.own(user_id, "/api/reports?limit=100")
    days = recompute.metrics(sound.filter(pl.col("user_id") == user_id), "date").select("date", "movements")
    assert_in_all_forms(days, fetch, "days", json.loads(fetch("format=json"))["reports"], "date")


def test_the_summary_of_a_period_is_exact_in_every_form(
    wearers: Downloads, sound: pl.DataFrame, chance: Random
) -> None:
    prostheses = 0
    for user_id, period, inside in questions(chance, sound, 8):
        fetch = wearers.own(user_id, f"/api/reports/summary?{period}")
        body = json.loads(fetch("format=json"))
        by_prosthesis = recompute.metrics_of_period(inside, *PROSTHESIS).select(*PROSTHESIS, *LABELS)

        assert_in_all_forms(by_prosthesis, fetch, "prostheses", body["prostheses"], *PROSTHESIS)
        assert_in_all_forms(summary(inside), fetch, "summary", [body["summary"]])
        prostheses += len(body["prostheses"])
    assert prostheses > 8


def of_day(chance: Random, wearers: Downloads, sound: pl.DataFrame) -> tuple[Fetch, pl.DataFrame, pl.DataFrame]:
    """The report of someone's day, what happened in it, and its hours."""
    user_id, day = chance.choice(sound.select("user_id", "date").unique(maintain_order=True).rows())
    inside = sound.filter(pl.col("user_id") == user_id, pl.col("date") == day)
    hours = recompute.metrics(inside, "hour").select("hour", *HOURLY).rename(HOURLY)
    return wearers.own(user_id, f"/api/reports/{day}"), inside, hours


def test_the_hours_of_a_day_are_exact_in_every_form(wearers: Downloads, sound: pl.DataFrame, chance: Random) -> None:
    for _ in range(6):
        fetch, inside, hours = of_day(chance, wearers, sound)
        body = json.loads(fetch("format=json"))

        assert_in_all_forms(hours, fetch, "hours", body["hourly_data"], "hour")
        assert_in_all_forms(summary(inside), fetch, "summary", [body["summary"]])


def test_totals_to_the_second_are_exact_in_every_form(wearers: Downloads, sound: pl.DataFrame, chance: Random) -> None:
    types = 0
    people = sound["user_id"].unique().sort().to_list()
    for (since, until), user_id in zip(to_the_second(chance), chance.sample(people, 12), strict=False):
        inside = sound.filter(pl.col("user_id") == user_id, pl.col("at").is_between(since, until, closed="left"))
        fetch = wearers.totals_of(user_id, start_ts=since.isoformat(), end_ts=until.isoformat())
        body = json.loads(fetch("format=json"))

        assert (body["total_events"], body["total_duration"]) == (inside.height, inside["signal_duration"].sum())
        assert_in_all_forms(recompute.totals(inside), fetch, "types", body["prosthesis_stats"], "prosthesis_type")
        types += len(body["prosthesis_stats"])
    assert types > 8


def test_the_raw_events_of_a_period_are_exact_in_every_file(
    wearers: Downloads, sound: pl.DataFrame, chance: Random
) -> None:
    for user_id, period, inside in questions(chance, sound, 8):
        fetch = wearers.own(user_id, f"/api/reports/events?{period}")
        in_parquet = pl.read_parquet(fetch("format=parquet"))
        expected = inside.sort("event_time", "id").select(in_parquet.columns)
        assert {*sound.columns} - {*in_parquet.columns} == {"user_id", "sound", "at", "date"}
        assert typed(in_parquet, expected.schema).equals(expected)
        in_csv = pl.read_csv(fetch("format=csv"), infer_schema=False)
        assert in_csv.columns == in_parquet.columns
        assert typed(in_csv, expected.schema).equals(expected)


@pytest.fixture(scope="module")
def trail(month: Marts) -> pl.DataFrame:
    """What PostgreSQL says the staff did, counted."""
    return recompute.audit(recompute.rows(month.settings.crm_database_url, "SELECT * FROM audit.events"))


def test_audit_activity_is_exact_in_every_form(wearers: Downloads, trail: pl.DataFrame, chance: Random) -> None:
    for since, until in islice(of_days(chance), 8):
        fetch = wearers.aggregate_of(f"audit-activity?from={since}&to={until}")
        expected = trail.filter(pl.col("date").is_between(since, until))
        in_json = typed(pl.DataFrame(json.loads(fetch("format=json"))["activity"]), expected.schema)
        for form, table in {"json": in_json, **in_every_file(fetch, "activity", expected.schema)}.items():
            assert table.equals(expected), form


def test_deals_are_those_that_postgresql_counts_in_every_form(wearers: Downloads, month: Marts) -> None:
    expected = recompute.deals(month.settings.crm_database_url)
    expected = expected.with_columns(pl.col("amount_total", "amount_mean").cast(pl.Decimal(38, 6)))
    fetch = wearers.aggregate_of("deal-pipeline")
    in_json = typed(pl.DataFrame(json.loads(fetch("format=json"))["pipeline"]), expected.schema)
    files = in_every_file(fetch, "deals", expected.schema)

    assert in_json.equals(expected)
    assert files["csv"].equals(expected)
    assert files["parquet"].equals(expected)
    assert to_the_millisecond(files["xlsx"]).equals(to_the_millisecond(expected))


def test_the_pages_of_a_period_show_its_figures(wearers: Downloads, sound: pl.DataFrame, chance: Random) -> None:
    for user_id, period, inside in questions(chance, sound, 3):
        (whole,) = summary(inside).to_dicts()
        page = words(wearers.own(user_id, f"/reports/{user_id}?{period}")("format=pdf"))
        assert_figures_shown(page, whole)
        for day in recompute.metrics(inside, "date").to_dicts():
            assert_shown(page, str(day["date"]), *as_shown(day, *LABELS))
        assert_figures_shown(words(wearers.own(user_id, f"/api/reports/summary?{period}")("format=pdf")), whole)


def test_the_page_of_a_day_shows_its_figures(wearers: Downloads, sound: pl.DataFrame, chance: Random) -> None:
    fetch, inside, hours = of_day(chance, wearers, sound)
    page = words(fetch("format=pdf"))
    assert_figures_shown(page, summary(inside).to_dicts()[0])
    for hour, *figures in hours.rows():
        assert_shown(page, f"{hour:%Y-%m-%d %H:%M}", *figures)


def test_the_page_of_totals_shows_them(wearers: Downloads, sound: pl.DataFrame) -> None:
    user_id = sound["user_id"][0]
    inside = sound.filter(pl.col("user_id") == user_id)
    page = words(wearers.totals_of(user_id)("format=pdf"))
    assert_shown(page, "Total events", inside.height)
    assert_shown(page, "Total duration", int(inside["signal_duration"].sum()))
    for kind, *figures in recompute.totals(inside).rows():
        assert_shown(page, kind, *figures)


def test_the_pages_of_aggregates_show_their_figures(wearers: Downloads, month: Marts, trail: pl.DataFrame) -> None:
    page = words(wearers.aggregate_of("deal-pipeline")("format=pdf"))
    for deals in recompute.deals(month.settings.crm_database_url).to_dicts():
        money = [float(deals[name]) if deals[name] else None for name in ("amount_total", "amount_mean")]
        counts = [deals[name] for name in ("deals", "deals_with_amount", "deals_without_amount")]
        assert_shown(page, f"{deals['status']} {deals['currency']}", *counts, *money)
    since, until = date(2026, 2, 10), date(2026, 2, 12)
    page = words(wearers.aggregate_of(f"audit-activity?from={since}&to={until}")("format=pdf"))
    for day, action, entity, *counts in trail.filter(pl.col("date").is_between(since, until)).rows():
        assert_shown(page, f"{day} {action} {entity}", *counts)
