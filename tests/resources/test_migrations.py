"""The warehouse is brought to what the files say and told where it is not; no row is ever dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from resources.errors import SchemaDiffers
from resources.migrations import differences, migrate
from resources.settings import Settings
from resources.sql import ROOT
from resources.warehouse import Warehouse

Run = Callable[[str], list[tuple[object, ...]]]

TABLES = [path.stem[5:] for path in sorted((ROOT / "tables").glob("*.sql"))]
KEPT = ["telemetry_events_builds", "quarantine_builds", "user_prosthesis_stats_builds", "user_daily_reports_builds"]


@pytest.fixture
def run(warehouse_settings: Settings) -> Iterator[Run]:
    """Carries out a statement in a warehouse that is up to date and holds a row."""
    migrate(warehouse_settings)
    with Warehouse(warehouse_settings) as warehouse:
        warehouse._reader.execute(
            "INSERT INTO user_daily_reports_builds (user_id, day, build_id) VALUES (7, today(), 1)"
        )
        yield warehouse._reader.execute


def kept(settings: Settings, days: int) -> Settings:
    return msgspec.structs.replace(settings, reports_retention_days=days)


def test_a_new_warehouse_gets_every_table(warehouse_settings: Settings) -> None:
    assert differences(warehouse_settings) == [f"{table} is missing." for table in TABLES]
    assert migrate(warehouse_settings) == [f"Created {table}." for table in TABLES]


def test_a_warehouse_that_is_up_to_date_is_left_alone(warehouse_settings: Settings, run: Run) -> None:
    made = run("SELECT name, uuid FROM system.tables WHERE database = currentDatabase() AND engine != 'Join'")
    assert differences(warehouse_settings) == []
    assert migrate(warehouse_settings) == []
    assert run("SELECT name, uuid FROM system.tables WHERE database = currentDatabase() AND engine != 'Join'") == made


def test_the_files_are_tried_out_where_nothing_stays(warehouse_settings: Settings, run: Run) -> None:
    migrate(warehouse_settings)
    differences(warehouse_settings)
    assert run("SELECT name FROM system.databases WHERE name LIKE '%scratch%'") == []


def test_telling_the_differences_changes_nothing(warehouse_settings: Settings, run: Run) -> None:
    run("DROP VIEW quarantine")
    assert differences(warehouse_settings) == ["quarantine is missing."] == differences(warehouse_settings)


def test_a_missing_column_is_added_in_its_place_and_rows_stay(warehouse_settings: Settings, run: Run) -> None:
    described = "DESCRIBE TABLE user_daily_reports_builds"
    before = run(described)
    run("ALTER TABLE user_daily_reports_builds DROP COLUMN responses, DROP COLUMN response_ms_sum")
    assert migrate(warehouse_settings) == [
        "Added the column response_ms_sum to user_daily_reports_builds.",
        "Added the column responses to user_daily_reports_builds.",
    ]
    assert run(described) == before
    assert run("SELECT user_id, responses FROM user_daily_reports_builds") == [(7, 0)]


def test_a_missing_column_is_added_with_its_default(warehouse_settings: Settings, run: Run) -> None:
    run("ALTER TABLE publications DROP COLUMN published_at")
    migrate(warehouse_settings)
    run("INSERT INTO publications (mart) VALUES ('crm_customers')")
    assert run("SELECT published_at > now() - 60 FROM publications") == [(1,)]


def test_a_view_that_is_not_what_its_file_says_is_replaced(warehouse_settings: Settings, run: Run) -> None:
    run("CREATE OR REPLACE VIEW current_builds AS SELECT * FROM publications")
    assert differences(warehouse_settings) == ["current_builds is not what its file says."]
    assert migrate(warehouse_settings) == ["Replaced current_builds."]
    assert differences(warehouse_settings) == []


def test_a_table_that_is_a_copy_is_replaced(warehouse_settings: Settings, run: Run) -> None:
    run("CREATE OR REPLACE TABLE crm_customers_by_uuid (x UInt8) ENGINE = Join(ANY, LEFT, x)")
    assert migrate(warehouse_settings) == ["Replaced crm_customers_by_uuid."]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "ALTER TABLE user_daily_reports_builds MODIFY COLUMN errors Int64",
            "The column errors of user_daily_reports_builds should be UInt64 and is Int64.",
        ),
        (
            "ALTER TABLE publications MODIFY COLUMN published_at DEFAULT now64(3)",
            "The column published_at of publications should be DateTime64(6, 'UTC') DEFAULT now64(6) "
            "and is DateTime64(6, 'UTC') DEFAULT now64(3).",
        ),
        (
            "ALTER TABLE user_daily_reports_builds ADD COLUMN mood String",
            "The column mood of user_daily_reports_builds is in no file of sql/tables.",
        ),
        (
            "CREATE OR REPLACE TABLE audit_activity_builds AS audit_activity_builds ENGINE = ReplacingMergeTree "
            "PARTITION BY toYYYYMM(day) ORDER BY (day, action, entity_type)",
            "The engine of audit_activity_builds should be MergeTree and is ReplacingMergeTree.",
        ),
        (
            "CREATE OR REPLACE TABLE audit_activity_builds ENGINE = MergeTree "
            "ORDER BY (day, action, entity_type) AS SELECT * FROM audit_activity_builds",
            "The partition key of audit_activity_builds should be toYYYYMM(day) and is none.",
        ),
        (
            "CREATE OR REPLACE TABLE audit_activity_builds AS audit_activity_builds ENGINE = MergeTree "
            "PARTITION BY toYYYYMM(day) ORDER BY day",
            "The sorting key of audit_activity_builds should be day, action, entity_type and is day.",
        ),
    ],
)
def test_a_table_that_only_a_person_can_mend_is_told_and_nothing_is_changed(
    warehouse_settings: Settings, run: Run, change: str, told: str
) -> None:
    run(change)
    run("DROP VIEW quarantine")
    assert sorted(differences(warehouse_settings)) == sorted([told, "quarantine is missing."])
    with pytest.raises(SchemaDiffers) as error:
        migrate(warehouse_settings)
    assert str(error.value).startswith(f"{told} Nothing was changed. Bring the tables to that form by hand")
    assert run("EXISTS TABLE quarantine") == [(0,)]
    assert run("SELECT user_id FROM user_daily_reports_builds") == [(7,)]


def test_rows_are_let_go_as_the_settings_say_and_a_change_is_applied_once(
    warehouse_settings: Settings, run: Run
) -> None:
    rules = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine_full LIKE '% TTL %'"
    for days, rule in ((365, "go 367 days after their day"), (30, "go 32 days after their day"), (0, "stay")):
        settings = kept(warehouse_settings, days)
        assert all(f"should {rule}" in difference for difference in differences(settings))
        assert migrate(settings) == [f"Rows of {table} now {rule}." for table in KEPT]
        assert migrate(settings) == []
        assert {name for (name,) in run(rules)} == (set(KEPT) if days else set())
    assert run("SELECT user_id FROM user_daily_reports_builds") == [(7,)]


def test_a_new_warehouse_lets_rows_go_from_the_beginning(warehouse_settings: Settings) -> None:
    settings = kept(warehouse_settings, 365)
    assert len(migrate(settings)) == len(TABLES)
    assert differences(settings) == []
