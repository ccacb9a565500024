"""Every figure of every mart and route, for every wearer and day of a seeded month, equals a recomputation from the
rows of PostgreSQL that shares no code with the system."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random

import polars as pl
import pytest

from tests import recompute
from tests.api.wearers import FIGURES, Wearers
from tests.assets.conftest import Marts
from tests.periods import LAST, SINCE, to_the_second
from tests.recompute import assert_same_figures

pytest_plugins = ["tests.month"]


def mart(marts: Marts, query: str) -> pl.DataFrame:
    """Rows of the warehouse, instants without their zone."""
    frame = pl.DataFrame(marts.warehouse._reader.query_arrow(query))
    return frame.with_columns(pl.selectors.datetime().dt.replace_time_zone(None).dt.cast_time_unit("us"))


def test_the_month_holds_what_makes_it_hard(events: pl.DataFrame) -> None:
    sound = events.filter("sound")
    assert sound.height > 50_000
    assert events.filter(~pl.col("sound")).height > 20
    assert sound.group_by("chip_id").agg(pl.col("user_id").n_unique())["user_id"].max() == 2
    assert sound.filter(pl.col("saved_ts") > pl.col("event_time") + pl.duration(hours=12)).height > 100


def test_every_sound_event_is_published_once_with_its_wearer(month: Marts, events: pl.DataFrame) -> None:
    columns = [
        "id", "user_id", "prosthesis_id", "prosthesis_type", "prosthesis_model", "chip_id", "event_time", "saved_ts",
        "muscle_group", "signal_frequency", "signal_duration", "signal_amplitude", "response_time_ms", "battery_level",
        "error_code", "latitude", "longitude",
    ]  # fmt: skip
    published = mart(month, f"SELECT {', '.join(columns)} FROM telemetry_events ORDER BY id")  # noqa: S608
    expected = events.filter("sound").select(columns).sort("id")
    assert published.cast(expected.schema).equals(expected)


def test_every_other_event_is_set_apart_once(month: Marts, events: pl.DataFrame) -> None:
    set_apart = mart(month, "SELECT id FROM quarantine ORDER BY id")
    assert set_apart["id"].to_list() == events.filter(~pl.col("sound"))["id"].sort().to_list()


def test_hours_of_each_prosthesis_are_exact(month: Marts, events: pl.DataFrame) -> None:
    grain = ("user_id", "prosthesis_id", "hour")
    expected = recompute.metrics(events.filter("sound"), *grain).drop("uptime_hours")
    actual = mart(month, "SELECT * FROM user_prosthesis_stats")
    assert_same_figures(expected, actual.select(expected.columns).cast({"user_id": pl.Int64}), *grain)


def test_days_of_each_prosthesis_are_exact(month: Marts, events: pl.DataFrame) -> None:
    grain = ("user_id", "prosthesis_id", "day")
    expected = recompute.metrics(events.filter("sound"), *grain)
    actual = mart(month, "SELECT * FROM user_daily_reports")
    assert_same_figures(expected, actual.select(expected.columns).cast({"user_id": pl.Int64}), *grain)


def test_customers_are_those_of_the_crm(month: Marts) -> None:
    columns = (
        "user_id, ldap_username, name, email, age, gender, country, address, phone, contract, "
        "registration_ts, updated_at"
    )
    expected = recompute.rows(
        month.settings.crm_database_url,
        f"SELECT {columns}, user_uuid::text FROM crm.customers ORDER BY user_id",  # noqa: S608
    )
    actual = mart(month, f"SELECT {columns}, toString(user_uuid) AS user_uuid FROM crm_customers ORDER BY user_id")  # noqa: S608
    assert actual.cast(expected.schema).equals(expected)


def test_every_day_of_every_wearer_is_exact_in_the_api(wearers: Wearers, events: pl.DataFrame) -> None:
    rows = [
        {"user_id": user_id, "day": date.fromisoformat(report["date"]), **{name: report[name] for name in FIGURES}}
        for user_id in wearers.customers
        for report in wearers.get(user_id, f"/reports/{user_id}?from={SINCE}&to={LAST}")["reports"]
    ]
    expected = recompute.metrics(events.filter("sound"), "user_id", "day").drop("signal_duration_ms_sum")
    assert_same_figures(expected, pl.DataFrame(rows, infer_schema_length=None), "user_id", "day")


def test_every_prosthesis_of_every_day_is_exact_in_the_api(wearers: Wearers, events: pl.DataFrame) -> None:
    grain = ("user_id", "prosthesis_id", "day")
    rows = [
        {
            "user_id": user_id,
            "prosthesis_id": prosthesis["prosthesis_id"],
            "day": date.fromisoformat(report["date"]),
            **{name: prosthesis[name] for name in FIGURES},
        }
        for user_id in wearers.customers
        for report in wearers.get(user_id, f"/reports/{user_id}?from={SINCE}&to={LAST}")["reports"]
        for prosthesis in report["prostheses"]
    ]
    expected = recompute.metrics(events.filter("sound"), *grain).drop("signal_duration_ms_sum")
    assert_same_figures(expected, pl.DataFrame(rows, infer_schema_length=None), *grain)


@pytest.mark.parametrize("grain", [("user_id",), ("user_id", "prosthesis_id")])
def test_every_summary_is_exact_in_the_api(wearers: Wearers, events: pl.DataFrame, grain: tuple[str, ...]) -> None:
    since, until = date(2026, 2, 5), date(2026, 2, 18)
    period = events.filter("sound", pl.col("event_time").dt.date().is_between(since, until))
    rows = []
    for user_id in wearers.customers:
        body = wearers.get(user_id, f"/api/reports/summary?from={since}&to={until}")
        assert body["summary"] == wearers.get(user_id, f"/reports/{user_id}?from={since}&to={until}")["summary"]
        found = body["prostheses"] if "prosthesis_id" in grain else [body["summary"]] if body["prostheses"] else []
        rows += [{"user_id": user_id} | {name: each[name] for name in (*grain[1:], *FIGURES)} for each in found]
    expected = recompute.metrics_of_period(period, *grain).drop("signal_duration_ms_sum")
    assert_same_figures(expected, pl.DataFrame(rows, infer_schema_length=None), *grain)


def test_totals_to_the_second_are_exact_in_the_api(wearers: Wearers, events: pl.DataFrame) -> None:
    chance = Random(11)  # noqa: S311 - no secret
    sound = events.filter("sound").with_columns(at=pl.col("event_time").dt.replace_time_zone("UTC"))
    people = sound["user_id"].unique().sort().to_list()
    rows, expected = [], []
    for number, (since, until) in zip(range(200), to_the_second(chance), strict=False):
        user_id = chance.choice(people)
        inside = sound.filter(pl.col("user_id") == user_id, pl.col("at").is_between(since, until, closed="left"))
        body = wearers.totals(user_id, start_ts=since.isoformat(), end_ts=until.isoformat())
        assert body["total_events"] == inside.height == sum(each["events_count"] for each in body["prosthesis_stats"])
        assert body["total_duration"] == inside["signal_duration"].sum()
        rows += [{"question": number, **each} for each in body["prosthesis_stats"]]
        expected.append(recompute.totals(inside).with_columns(question=pl.lit(number)))
    assert len(rows) > 150
    assert_same_figures(
        pl.concat(expected), pl.DataFrame(rows, infer_schema_length=None), "question", "prosthesis_type"
    )


def test_totals_of_all_history_are_exact_in_the_api(wearers: Wearers, events: pl.DataFrame, month: Marts) -> None:
    people = {user_id: named for user_id, *named in month.query("SELECT user_id, name, email FROM crm_customers")}
    for user_id in wearers.customers:
        body = wearers.totals(user_id)
        own = events.filter("sound", pl.col("user_id") == user_id)
        assert [body["user_name"], body["user_email"]] == people[user_id]
        assert (body["total_events"], body["total_duration"]) == (own.height, own["signal_duration"].sum())
        assert body == wearers.totals(user_id)


def test_every_hour_of_every_wearer_is_exact_in_the_api(wearers: Wearers, events: pl.DataFrame) -> None:
    names = {
        "movements_count": "movements",
        "avg_response_time": "response_ms_mean",
        "battery_level": "battery_pct_mean",
        "error_count": "errors",
    }
    day = date(2026, 2, 14)
    rows = []
    for user_id in wearers.customers:
        report = wearers.get(user_id, f"/api/reports/{day}")
        for hour in report["hourly_data"] if report else []:
            at = datetime.fromisoformat(hour["hour"]).astimezone(UTC).replace(tzinfo=None)
            rows.append({"user_id": user_id, "hour": at, **{names[name]: hour[name] for name in names}})
    of_day = events.filter("sound", pl.col("event_time").dt.date() == day)
    expected = recompute.metrics(of_day, "user_id", "hour").select("user_id", "hour", *names.values())
    assert_same_figures(expected, pl.DataFrame(rows, infer_schema_length=None), "user_id", "hour")


def test_the_days_that_the_api_lists_are_those_with_an_event(wearers: Wearers, events: pl.DataFrame) -> None:
    sound = events.filter("sound").select("user_id", pl.col("event_time").dt.date().alias("day")).unique()
    for user_id in wearers.customers:
        expected = sound.filter(pl.col("user_id") == user_id)["day"].sort(descending=True).to_list()
        listed = wearers.get(user_id, "/api/reports?limit=100")["reports"]
        assert [date.fromisoformat(report["date"]) for report in listed] == expected


def test_deals_are_those_that_postgresql_counts(wearers: Wearers, month: Marts) -> None:
    expected = recompute.deals(month.settings.crm_database_url)
    pipeline = pl.DataFrame(wearers.aggregate("deal-pipeline")["pipeline"], infer_schema_length=None)
    times = pl.col("oldest_updated_at", "newest_updated_at").str.to_datetime(time_zone="UTC", time_unit="us")
    assert pipeline.with_columns(times.dt.replace_time_zone(None)).equals(expected)
    assert expected["deals_without_amount"].sum() > 0


def test_audit_activity_is_exact_in_the_api(wearers: Wearers, month: Marts) -> None:
    since, until = date(2026, 2, 3), date(2026, 2, 20)
    trail = recompute.rows(month.settings.crm_database_url, "SELECT * FROM audit.events")
    expected = recompute.audit(trail).filter(pl.col("date").is_between(since, until))
    found = wearers.aggregate(f"audit-activity?from={since}&to={until}")["activity"]
    actual = pl.DataFrame(found, infer_schema_length=None).with_columns(pl.col("date").str.to_date())
    assert actual.height > 50
    assert actual.cast(expected.schema).equals(expected)


def test_the_raw_events_of_every_wearer_are_those_of_the_source(wearers: Wearers, events: pl.DataFrame) -> None:
    since, until = date(2026, 2, 10), date(2026, 2, 14)
    columns = ["id", "event_time", "signal_duration", "signal_amplitude", "response_time_ms", "latitude"]
    of_period = events.filter("sound", pl.col("event_time").dt.date().is_between(since, until))
    for user_id in wearers.customers:
        path = f"/api/reports/events?from={since}&to={until}&format=parquet"
        found = pl.read_parquet(wearers.download(user_id, path)).select(columns)
        expected = of_period.filter(pl.col("user_id") == user_id).sort("event_time", "id").select(columns)
        actual = found.with_columns(pl.col("event_time").dt.replace_time_zone(None)).cast(expected.schema)
        assert actual.equals(expected)
