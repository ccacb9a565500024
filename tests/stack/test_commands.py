"""The commands that work on servers named by the settings, run as a person would run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest

from assets import orphans
from assets.crm_customers import build_customers
from resources.settings import Settings, read_settings
from resources.source import snapshot
from resources.warehouse import Warehouse
from stack import refresh_views
from stack.lineup import embedded, environment
from stack.seed import seed
from tests.engines import home_folder
from tests.stack.deployment import Deployment, Done

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def deployment(fresh_settings: Callable[[], Settings]) -> Iterator[Deployment]:
    """Seeded sources, and a warehouse whose tables are made by `reports migrate`."""
    settings = fresh_settings()
    urls = settings.crm_database_url, settings.telemetry_database_url
    seed(*urls, customers=6, days=3, events_per_day=100, seed=1, last_day=date(2026, 2, 3), now=NOW)
    with home_folder() as folder:
        made = Deployment(settings, folder)
        made.succeed("migrate")
        yield made


def test_migrating_says_what_was_done_and_checking_what_differs(deployment: Deployment) -> None:
    [*_, last] = deployment.succeed("migrate")
    assert last[:4] == ["The", "warehouse", "is", "what"]
    deployment.warehouse("DROP VIEW audit_activity")
    differs = deployment("migrate", "--check")
    assert differs == Done(1, "", "audit_activity is missing.\n")
    assert deployment.succeed("migrate")[0] == ["Created", "audit_activity."]
    assert deployment.succeed("migrate", "--check") == [last]


def test_an_import_prints_its_counts_and_both_spellings_mean_the_same(deployment: Deployment) -> None:
    windows = [
        ["--telemetry-start-ts=2026-02-01T10:15:00", "--telemetry-end-ts=2026-02-02T08:00:00Z"],
        ["--telemetry_start_ts", "2026-02-01T10:15:00", "--telemetry_end_ts", "2026-02-02T08:00:00Z"],
    ]
    printed = [deployment.succeed("import", *window) for window in windows]
    assert printed[0] == printed[1]
    assert ["2026-02-01", "10:00", "to", "2026-02-02", "08:00", "UTC,", "in", "whole", "hours"] in printed[0]
    assert " ".join(printed[0][-1]).startswith("Days without a report, because hours of theirs were never built: 2.")

    everything = deployment.succeed("import")
    figures = dict(zip(*everything[-2:], strict=True))
    assert figures["customers"] == "6"
    assert (figures["hours"], figures["days"], figures["orphans"]) == ("72", "3", "0")
    assert deployment.warehouse("SELECT count() FROM telemetry_events") == [(int(figures["events"]),)]
    assert deployment.warehouse("SELECT uniqExact(day) FROM user_daily_reports") == [(3,)]


def test_a_window_that_makes_no_sense_is_a_sentence(deployment: Deployment) -> None:
    assert deployment.refused("import", "--telemetry-start-ts=soon").startswith("'soon' is no instant; write it as ")


def test_questions_are_listed_and_answered_as_tables(deployment: Deployment) -> None:
    deployment.succeed("import")
    listed = deployment.succeed("ask")
    assert listed[0] == ["question", "parameters", "answers"]
    assert [line[0] for line in listed[1:]] == sorted(path.stem for path in Path("sql/examples").glob("*.sql"))

    active = deployment.succeed("ask", "most_active_users", "--limit=2")
    assert active[0] == ["user_id", "events", "report_days", "usage_minutes_total"]
    most = deployment.warehouse(
        "SELECT user_id, count() FROM telemetry_events GROUP BY user_id ORDER BY 2 DESC LIMIT 2"
    )
    assert [[int(word) for word in line[:2]] for line in active[1:]] == [list(row) for row in most]

    user = str(most[0][0])
    named = deployment.succeed("ask", "events_of_user", f"--user={user}", "--limit=3")
    assert named == deployment.succeed("ask", "events_of_user", "--set", f"user_id={user}", "--set=limit=3")
    assert len(named) == 4


def test_a_question_without_its_parameter_is_a_sentence(deployment: Deployment) -> None:
    assert deployment.refused("ask", "user_report") == (
        "The question user_report needs --user N (its parameter user_id)."
    )
    assert deployment.refused("ask", "users", "--set=limit").startswith("--set takes NAME=VALUE")


def test_orphans_are_counted_and_removed(deployment: Deployment) -> None:
    deployment.succeed("import")
    with psycopg.connect(deployment.settings.crm_database_url) as crm:
        crm.execute("DELETE FROM crm.deals WHERE customer_id = 6")
        crm.execute("DELETE FROM crm.prostheses WHERE customer_id = 6")
        crm.execute("DELETE FROM crm.customers WHERE user_id = 6")
    with Warehouse(deployment.settings) as warehouse:
        with snapshot(deployment.settings.crm_database_url, "crm", "CRM_DATABASE_URL") as source:
            build_customers(warehouse, source, "run-of-the-test")
        expected = [[table, str(rows)] for table, rows in orphans.count(warehouse).items()]
    assert deployment.succeed("orphans") == [["table", "orphans"], *expected]
    assert dict(expected)["user_daily_reports_builds"] != "0"
    assert deployment.succeed("orphans", "--remove") == [["table", "removed"], *expected]
    assert {rows for _, rows in deployment.succeed("orphans")[1:]} == {"0"}


def test_erasing_prints_a_receipt_and_refuses_a_customer(deployment: Deployment) -> None:
    deployment.succeed("import")
    assert deployment.refused("erase", "5").startswith("The CRM still has this customer, so nothing was removed")
    assert deployment.refused("erase", "five") == "'five' is neither a CRM number nor a UUID."
    [(name, email)] = deployment.warehouse("SELECT name, email FROM crm_customers WHERE user_id = 5")
    with psycopg.connect(deployment.settings.crm_database_url) as crm:
        crm.execute("DELETE FROM crm.deals WHERE customer_id = 5")
        crm.execute("DELETE FROM crm.prostheses WHERE customer_id = 5")
        crm.execute("DELETE FROM crm.customers WHERE user_id = 5")
    held = {
        table: deployment.warehouse(f"SELECT count() FROM {table} WHERE user_id = 5")[0][0]  # noqa: S608 - our own
        for table in orphans.TABLES
    }
    receipt = deployment("erase", "5")
    assert receipt.code == 0
    lines = [line.split() for line in receipt.said.splitlines()]
    assert lines[:6] == [["table", "removed"], *([table, str(rows)] for table, rows in held.items())]
    assert held["telemetry_events_builds"] != 0
    assert "the files that had them leave the disk by 2" in receipt.said
    assert "departed_chips the digests of " in receipt.said
    assert str(name) not in receipt.said
    assert str(email) not in receipt.said
    assert deployment("erase", "5") == Done(0, "Nothing was removed: the warehouse holds nothing of this person.\n", "")


def test_aggregates_are_built_at_once(deployment: Deployment) -> None:
    built = deployment.succeed(entry=refresh_views.main)
    assert built[0] == ["mart", "rows", "seconds"]
    for mart, rows, seconds in built[1:]:
        assert deployment.warehouse(f"SELECT count() FROM {mart}") == [(int(rows),)]  # noqa: S608 - our own names
        assert float(seconds) > 0
    assert [line[0] for line in built[1:]] == ["deal_pipeline", "audit_activity"]

    with psycopg.connect(deployment.settings.crm_database_url) as crm:
        total = crm.execute("SELECT count(*), sum(amount) FROM crm.deals").fetchone()
        crm.execute("DELETE FROM audit.events WHERE id = (SELECT max(id) FROM audit.events)")
        events = crm.execute("SELECT count(*) FROM audit.events WHERE occurred_at >= '2024-01-01Z'").fetchone()
    assert deployment.warehouse("SELECT sum(deals), sum(amount_total) FROM deal_pipeline") == [total]
    again = deployment.succeed("audit_activity", "audit_activity", entry=refresh_views.main)
    assert [line[0] for line in again[1:]] == ["audit_activity"]
    assert deployment.warehouse("SELECT sum(events) FROM audit_activity") == [events]
    assert deployment.refused("deals", entry=refresh_views.main) == (
        "There is no aggregate mart deals; there are deal_pipeline, audit_activity."
    )


def test_commands_say_which_servers_they_want(deployment: Deployment) -> None:
    nowhere = dict.fromkeys(["CLICKHOUSE_HOST", "REPORTS_DATABASE_URL"], "")
    said = deployment.refused("ask", "users", environ=nowhere)
    assert said.startswith("No stack runs in ")
    assert "name servers of your own: CLICKHOUSE_HOST" in said
    away = deployment.refused("import", environ={"CRM_DATABASE_URL": ""})
    assert away.startswith("CRM_DATABASE_URL is not set; ")


@pytest.mark.parametrize("variable", ["CLICKHOUSE_HOST", "REPORTS_DATABASE_URL"])
def test_no_clickhouse_is_brought_where_either_name_says_that_there_is_one(variable: str) -> None:
    environ = {variable: "clickhouse://warehouse.example" if variable.endswith("URL") else "warehouse.example"}
    assert not embedded(read_settings(environ), environ).clickhouse
    assert read_settings(environment(read_settings(environ)) | environ).clickhouse_host == "warehouse.example"
