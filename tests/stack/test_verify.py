"""`reports verify`, run as a person would run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest

from resources.settings import Settings
from stack import refresh_views
from stack.seed import seed
from tests.engines import home_folder
from tests.stack.deployment import Deployment

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def deployment(fresh_settings: Callable[[], Settings]) -> Iterator[Deployment]:
    """Seeded sources, and every mart built from them."""
    settings = fresh_settings()
    urls = settings.crm_database_url, settings.telemetry_database_url
    seed(*urls, customers=4, days=3, events_per_day=100, seed=1, last_day=date(2026, 2, 3), now=NOW)
    with home_folder() as folder:
        made = Deployment(settings, folder)
        made.succeed("migrate")
        made.succeed("import")
        made.succeed(entry=refresh_views.main)
        yield made


def test_where_nothing_differs_it_says_what_was_compared_and_succeeds(deployment: Deployment) -> None:
    [bar, verdict] = deployment.succeed("verify", "--from=2026-02-01", "--to=2026-02-03")
    assert " ".join(bar) == "verify: 2026-02-03, 6 of 6 days"
    assert " ".join(verdict).startswith("3 days, 153 segments and ")
    assert " ".join(verdict).endswith(" s; nothing differs.")
    assert deployment.warehouse("SELECT count() FROM faulty_builds") == [(0,)]
    [whole] = deployment.warehouse("SELECT count() FROM verified_days FINAL")
    assert whole == (6,)


def test_what_differs_is_a_table_and_exit_code_1(deployment: Deployment) -> None:
    hour = deployment.warehouse("SELECT min(toStartOfHour(event_time)) FROM telemetry_events")[0][0]
    assert isinstance(hour, datetime)
    with psycopg.connect(deployment.settings.telemetry_database_url) as source:
        source.execute(
            "UPDATE telemetry.raw_telemetry SET signal_amplitude = 1000 WHERE date_trunc('hour', event_time) = %s",
            [hour],
        )
    done = deployment("verify", "--from=2026-02-01", "--to=2026-02-03")
    assert done.code == 1
    [_, columns, line, verdict] = [printed.split() for printed in done.said.splitlines()]
    assert columns == ["mart", "first", "last", "segments", "reason"]
    shown = f"{hour:%Y-%m-%d %H:%M}".split()
    assert line == ["telemetry_events", *shown, *shown, "1", "differs_from_source"]
    assert verdict[-3:] == ["1", "segments", "differ."]
    assert deployment.warehouse("SELECT reason FROM faulty_builds") == [("differs_from_source",)]

    assert deployment("verify", "--from=2026-02-02").code == int(hour.date() >= date(2026, 2, 2))
    deployment.succeed("import")
    deployment.succeed("verify")


def test_days_that_are_not_there_are_a_sentence(deployment: Deployment) -> None:
    said = deployment.refused("verify", "--to=2023-12-31")
    assert said.startswith(
        "There are days from 2024-01-01 (REPORTS_FIRST_DAY) to today, UTC; none of them was asked for."
    )
