"""Every figure of every mart, for every wearer of a seeded month, equals a recomputation from the PostgreSQL rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest

from resources.migrations import migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack.seed import seed
from tests import recompute
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
