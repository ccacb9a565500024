"""Every figure of every mart and route, for every wearer and day of a seeded month, equals a recomputation from the
rows of PostgreSQL that shares no code with the system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import polars as pl
import pytest
from litestar.testing import TestClient

from api.app import build_app
from resources.migrations import migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack.seed import seed
from tests import recompute
from tests.api.world import ISSUER, Issuer
from tests.assets.conftest import Marts

SINCE, LAST = date(2026, 2, 1), date(2026, 2, 28)
UNTIL = date(2026, 3, 1)

EXACT = {"movements", "uptime_hours", "signal_duration_ms_sum", "errors"}


@pytest.fixture(scope="module")
def month(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """A seeded month, every mart built; read only."""
    settings = fresh_settings()
    migrate(settings)
    seed(
        settings.crm_database_url,
        settings.telemetry_database_url,
        customers=40,
        days=28,
        events_per_day=2_000,
        seed=7,
        last_day=LAST,
        now=datetime(2026, 4, 1, tzinfo=UTC),
    )
    with Warehouse(settings) as warehouse:
        marts = Marts(settings, warehouse)
        marts.build_customers()
        marts.build_all(SINCE, UNTIL)
        yield marts


@pytest.fixture(scope="module")
def events(month: Marts) -> pl.DataFrame:
    """Every source event of the month, attributed and judged by the recomputation."""
    return recompute.events(month.settings.crm_database_url, month.settings.telemetry_database_url)


def mart(marts: Marts, query: str) -> pl.DataFrame:
    """Rows of the warehouse, instants without their zone."""
    frame = pl.DataFrame(marts.warehouse._reader.query_arrow(query))
    return frame.with_columns(pl.selectors.datetime().dt.replace_time_zone(None).dt.cast_time_unit("us"))


def assert_same_figures(expected: pl.DataFrame, actual: pl.DataFrame, *grain: str) -> None:
    """Exact for counts and sums, 1e-9 relative for means, on the same grain rows."""
    both = expected.join(actual, on=grain, how="full", suffix="_actual", coalesce=True)
    assert both.height == expected.height == actual.height
    for name in expected.columns:
        if name in grain:
            continue
        wanted, got = both[name].cast(pl.Float64), both[f"{name}_actual"].cast(pl.Float64)
        assert wanted.is_null().equals(got.is_null()), name
        tolerance = 0.0 if name in EXACT else 1e-9
        apart = both.filter((wanted - got).abs() > tolerance * wanted.abs().clip(lower_bound=1.0))
        assert apart.is_empty(), f"{name}: {apart.select(*grain, name, f'{name}_actual').head()}"


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


FIGURES = [
    "movements",
    "uptime_hours",
    "usage_minutes",
    "response_ms_mean",
    "amplitude_mean",
    "frequency_hz_mean",
    "battery_pct_mean",
    "battery_used_pct",
    "errors",
    "error_rate",
    "myosignal_efficiency",
]


class Wearers:
    """The API on the month's marts, asked by each customer with a token of their own."""

    def __init__(self, client: Any, issuer: Issuer, customers: dict[int, UUID]) -> None:
        self._client = client
        self._issuer = issuer
        self.customers = customers

    def get(self, user_id: int, path: str) -> Any:
        answer = self._client.get(path, headers=self._issuer.authorization(self.customers[user_id]))
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None


@pytest.fixture(scope="module")
def wearers(month: Marts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wearers]:
    """Everyone in the CRM, with or without a prosthesis."""
    issuer = Issuer()
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_bytes(issuer.key_set())
    trusting = msgspec.structs.replace(month.settings, reports_jwks=str(keys), reports_token_issuer=ISSUER)
    customers = {
        int(str(user_id)): UUID(str(uuid))
        for user_id, uuid in month.query("SELECT user_id, user_uuid FROM crm_customers")
    }
    with TestClient(build_app(trusting, wait_s=60)) as client:
        yield Wearers(client, issuer, customers)


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


def test_the_summary_of_every_wearer_is_exact_in_the_api(wearers: Wearers, events: pl.DataFrame) -> None:
    since, until = date(2026, 2, 5), date(2026, 2, 18)
    period = events.filter("sound", pl.col("event_time").dt.date().is_between(since, until))
    days = recompute.metrics(period, "user_id", "day")
    over_days = days.group_by("user_id").agg(pl.col("uptime_hours", "battery_used_pct").sum())
    whole = recompute.metrics(period.with_columns(period=pl.lit(0)), "user_id", "period")
    expected = whole.drop("period", "uptime_hours", "battery_used_pct", "signal_duration_ms_sum").join(
        over_days, on="user_id"
    )
    summaries = {
        user_id: wearers.get(user_id, f"/reports/{user_id}?from={since}&to={until}")["summary"]
        for user_id in wearers.customers
    }
    rows = [{"user_id": user_id, **figures} for user_id, figures in summaries.items() if figures["movements"]]
    assert_same_figures(expected, pl.DataFrame(rows, infer_schema_length=None), "user_id")


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
