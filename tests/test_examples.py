"""The example questions: each answers, and its figures equal a recomputation from the rows of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import polars as pl
import pytest

from assets.olap_import import run_import
from resources.migrations import migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import questions
from stack.errors import StackError
from stack.seed import seed
from tests import recompute

OF_THE_RUNBOOK = {"differing", "published", "set_apart", "waiting"}
CUSTOMERS = 10
LAST, NOW = date(2026, 2, 5), datetime(2026, 4, 1, tzinfo=UTC)


class Asked(msgspec.Struct):
    """A warehouse to ask, and every event of its source, attributed and judged by the recomputation."""

    warehouse: Warehouse
    events: pl.DataFrame

    @property
    def sound(self) -> pl.DataFrame:
        return self.events.filter("sound").with_columns(day=pl.col("event_time").dt.date())

    def __call__(self, name: str, **given: str) -> questions.Answer:
        return questions.ask(self.warehouse, questions.find(name), given)

    def rows(self, name: str, **given: str) -> list[dict[str, Any]]:
        answer = self(name, **given)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


@pytest.fixture(scope="module")
def asked(fresh_settings: Callable[[], Settings]) -> Iterator[Asked]:
    """Twelve seeded days of two months, every mart built; read only."""
    settings = fresh_settings()
    urls = settings.crm_database_url, settings.telemetry_database_url
    seed(*urls, customers=CUSTOMERS, days=12, events_per_day=300, seed=5, last_day=LAST, now=NOW)
    migrate(settings)
    run_import(settings, None, None, lambda *_: None)
    with Warehouse(settings) as warehouse:
        yield Asked(warehouse, recompute.events(*urls))


def assert_same(expected: list[dict[str, Any]], actual: list[dict[str, Any]]) -> None:
    """The same rows in the same order, on the columns that are expected; floats within 1e-9."""
    assert len(actual) == len(expected) > 0
    for wanted, got in zip(expected, actual, strict=True):
        assert {name: got[name] for name in wanted} == {name: _nearly(value) for name, value in wanted.items()}


def _nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


def test_the_questions_are_those_that_the_service_before_had_and_those_of_the_runbook() -> None:
    assert [name for name in questions.questions() if name not in OF_THE_RUNBOOK] == [
        "events",
        "events_by_month",
        "events_by_muscle_group",
        "events_of_user",
        "mean_amplitude_and_frequency_by_type",
        "most_active_users",
        "user_report",
        "users",
    ]


@pytest.mark.parametrize("name", questions.questions())
def test_every_question_says_what_it_answers_and_answers_it(asked: Asked, name: str) -> None:
    question = questions.find(name)
    assert question.description.endswith(".")
    assert question.parameters.keys() <= {"user_id", "limit"}
    given = {"user_id": "1"} if "user_id" in question.parameters else {}
    answer = asked(name, **given)
    # Here nothing waits, and nothing differs; tests/test_observability.py asks where something does.
    assert answer.rows or name in {"differing", "waiting"}
    assert len(set(answer.columns)) == len(answer.columns)


def test_users(asked: Asked) -> None:
    days = asked.sound.group_by("user_id").agg(
        report_days=pl.col("day").n_unique(), last_report_day=pl.col("day").max()
    )
    expected = days.sort("user_id").with_columns(pl.col("report_days"))
    assert_same(expected.to_dicts(), [row for row in asked.rows("users") if row["report_days"]])
    assert len(asked.rows("users")) == CUSTOMERS
    assert {"name", "email"}.isdisjoint(asked("users").columns)


def test_events(asked: Asked) -> None:
    expected = asked.sound.sort("event_time", "id", descending=True)
    columns = ["id", "user_id", "prosthesis_type", "muscle_group", "signal_amplitude", "error_code"]
    assert_same(expected.head(7).select(columns).to_dicts(), asked.rows("events", limit="7"))
    assert len(asked.rows("events")) == 20


def test_events_of_a_user(asked: Asked) -> None:
    expected = asked.sound.filter(user_id=2).sort("event_time", "id", descending=True)
    answer = asked.rows("events_of_user", user_id="2", limit="100000")
    assert_same(expected.select("id", "muscle_group", response_ms="response_time_ms").to_dicts(), answer)
    assert [row["event_time"].replace(tzinfo=None) for row in answer] == expected["event_time"].to_list()


def test_events_by_month(asked: Asked) -> None:
    monthly = asked.sound.group_by(month=pl.col("day").dt.month_start()).agg(
        events=pl.len(),
        users=pl.col("user_id").n_unique(),
        errors=(pl.col("error_code") > 0).sum(),
        error_rate=(pl.col("error_code") > 0).mean(),
    )
    assert monthly.height == 2
    assert_same(monthly.sort("month", descending=True).to_dicts(), asked.rows("events_by_month"))


def test_mean_amplitude_and_frequency_by_type(asked: Asked) -> None:
    by_type = asked.sound.group_by("prosthesis_type").agg(
        events=pl.len(),
        amplitude_mean=pl.col("signal_amplitude").mean(),
        frequency_hz_mean=pl.col("signal_frequency").mean(),
    )
    assert_same(by_type.sort("prosthesis_type").to_dicts(), asked.rows("mean_amplitude_and_frequency_by_type"))


def test_a_report_of_a_user(asked: Asked) -> None:
    grain = ["day", "user_id", "prosthesis_id", "prosthesis_type"]
    days = recompute.metrics(asked.sound, *grain).filter(user_id=1)
    expected = days.sort("prosthesis_id").sort("day", descending=True, maintain_order=True)
    columns = ["day", "prosthesis_type", "movements", "usage_minutes", "response_ms_mean", "amplitude_mean"]
    columns += [
        "frequency_hz_mean",
        "battery_pct_mean",
        "battery_used_pct",
        "errors",
        "error_rate",
        "myosignal_efficiency",
    ]
    answer = asked.rows("user_report", user_id="1", limit="1000")
    assert_same(expected.select(*columns, pl.col("uptime_hours")).to_dicts(), answer)


def test_most_active_users(asked: Asked) -> None:
    active = asked.sound.group_by("user_id").agg(
        events=pl.len(),
        report_days=pl.col("day").n_unique(),
        usage_minutes_total=pl.col("signal_duration").cast(pl.Int64).sum() / 60_000,
    )
    expected = active.sort(["events", "user_id"], descending=[True, False]).head(5)
    assert_same(expected.to_dicts(), asked.rows("most_active_users", limit="5"))


def test_events_by_muscle_group(asked: Asked) -> None:
    groups = asked.sound.group_by("muscle_group").agg(
        events=pl.len(),
        amplitude_mean=pl.col("signal_amplitude").mean(),
        errors=(pl.col("error_code") > 0).sum(),
        share=pl.len() / asked.sound.height,
    )
    expected = groups.sort(["events", "muscle_group"], descending=[True, False])
    assert_same(expected.to_dicts(), asked.rows("events_by_muscle_group"))


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("users_of_old", {}, "There is no question users_of_old; there are differing, events, events_by_month, "),
        ("user_report", {}, "The question user_report needs --user N"),
        ("events_by_month", {"user_id": "1"}, "The question events_by_month takes nothing, not user_id"),
        ("user_report", {"user_id": "Ada"}, "user_id is a whole number from 0 on .UInt64., not 'Ada'"),
        ("user_report", {"user_id": "-1"}, "user_id is a whole number"),
        ("users", {"limit": str(1 << 64)}, "limit is a whole number"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(
    asked: Asked, name: str, given: Mapping[str, str], why: str
) -> None:
    with pytest.raises(StackError, match=why):
        asked(name, **given)
