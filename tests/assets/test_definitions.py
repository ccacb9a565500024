"""The asset graph as Dagster sees it: loaded without an environment, run for a day and for a range in one run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.executors import executor
from assets.lineage import LINEAGE
from resources.errors import SettingsError
from resources.settings import read_settings
from tests.assets.conftest import Marts

TELEMETRY = ["telemetry_events", "user_daily_reports", "user_prosthesis_stats"]
AGGREGATES = ["deal_pipeline", "audit_activity"]
MARTS = ["crm_customers", *TELEMETRY, *AGGREGATES]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def graph(environment: None) -> dg.Definitions:  # noqa: ARG001 - it is asked for what it sets
    """The definitions, their settings naming the sources and the warehouse of this test."""
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment that was just set

    return reports()


def run(
    graph: dg.Definitions, instance: dg.DagsterInstance, marts: list[str], **tags: str
) -> dg.ExecuteInProcessResult:
    return graph.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(mart) for mart in marts],
        tags={f"dagster/{name}": value for name, value in tags.items()},
        raise_on_error=False,
    )


def told(instance: dg.DagsterInstance, mart: str) -> dict[str, Any]:
    """The metadata of a mart's last materialization."""
    event = instance.get_latest_materialization_event(dg.AssetKey(mart))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_the_graph_loads_in_a_fresh_interpreter_without_an_environment() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "from assets.definitions import reports; print(*sorted(reports().get_repository_def().assets_defs_by_key))",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    for mart in MARTS:
        assert f"'{mart}'" in loaded.stdout


def test_the_definitions_validate_without_an_environment() -> None:
    validated = subprocess.run(
        [str(Path(sys.executable).parent / "dagster"), "definitions", "validate"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert validated.returncode == 0, validated.stderr
    assert "Validation successful for code location reports" in validated.stdout + validated.stderr


def test_every_asset_says_whose_it_is_where_it_lies_and_what_it_is(graph: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in graph.resolve_all_asset_specs()}
    assert specs.keys() - set(MARTS) == {
        "customers",
        "prostheses",
        "prosthesis_models",
        "deals",
        "audit_events",
        "raw_telemetry",
    }
    for name, spec in specs.items():
        assert spec.owners, name
        assert spec.kinds, name
        assert {"domain", "pii"} <= spec.tags.keys(), name
        assert "\n" not in (spec.description or "\n"), name
        assert str(spec.metadata["dagster/table_name"]).count(".") == 1, name
    assert specs["audit_events"].metadata["dagster/table_name"] == "audit.events"
    assert {specs[mart].group_name for mart in MARTS} == {"crm", "telemetry", "aggregates"}


def test_every_column_of_a_mart_has_a_lineage_of_columns_that_exist(graph: dg.Definitions, marts: Marts) -> None:
    columns = {mart: {str(row[0]) for row in marts.query(f"DESCRIBE TABLE {mart}")} for mart in MARTS}
    upstream = dict(columns)
    for spec in graph.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        if name not in MARTS:
            upstream[name] = {column.name for column in spec.metadata["dagster/column_schema"].columns}
    assert {mart: set(lineage) for mart, lineage in LINEAGE.items()} == columns
    for lineage in LINEAGE.values():
        for made_from in lineage.values():
            for name in made_from:
                asset, _, column = name.partition(".")
                assert column in upstream[asset], name


def test_a_materialization_tells_its_figures_columns_lineage_and_nobody(graph: dg.Definitions, marts: Marts) -> None:
    for number in range(5):
        marts.add_wearer(number + 1, f"chip-{number + 1}")
        marts.add_event("2026-02-01T12:00:00", f"chip-{number + 1}")
    marts.add_event("2026-02-01T12:00:00", battery_level=200)
    marts.add_event("2026-02-01T13:00:00", muscle_group="triceps")
    marts.crm("UPDATE crm.customers SET country = 'NL'")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph, instance, ["crm_customers"]).success
        assert run(graph, instance, TELEMETRY, partition="2026-02-01").success
        shown = {mart: told(instance, mart) for mart in ["crm_customers", *TELEMETRY]}
    events = shown["telemetry_events"]
    figures = ("source_rows", "quarantined", "segments_rebuilt", "segments_kept", "dagster/partition_row_count")
    assert [events[name] for name in figures] == [7, 1, 24, 0, 6]
    for name in (*figures, "seconds", "rows_per_second", "bytes_estimated"):
        assert type(events[name]) in {int, float}, name
    assert events["preview"] == (
        "| muscle_group | events | amplitude_mean | errors |\n| --- | --- | --- | --- |\n| biceps | 5 | 0.5 | 0 |"
    )
    assert shown["crm_customers"]["preview"] == "| country | customers |\n| --- | --- |\n| NL | 5 |"
    assert "| arm | 6 |" in str(shown["user_daily_reports"]["preview"])
    assert events["api"] == "http://127.0.0.1:8087/schema"
    assert len(str(events["newest_build_ids"]).split(", ")) == 24
    for mart, metadata in shown.items():
        described = marts.query(f"DESCRIBE TABLE {mart}")
        schema = metadata["dagster/column_schema"]
        assert [(column.name, column.type) for column in schema.columns] == [row[:2] for row in described]
        stored = {row[0] for row in marts.query(f"DESCRIBE TABLE {mart}_builds")}
        assert [column.name for column in schema.columns if column.name in stored and not column.description] == []
        assert "demo@example.test" not in str(metadata)
    assert (
        events["dagster/column_schema"].columns[0].description
        == "The number that the telemetry database gave the event"
    )
    lineage = events["dagster/column_lineage"].deps_by_column
    assert lineage["user_id"] == [dg.TableColumnDep(dg.AssetKey("prostheses"), "customer_id")]


def test_of_a_range_only_the_last_day_tells_what_is_the_same_for_all(graph: dg.Definitions, marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.add_event("2026-02-01T12:00:00")
    tags = {"asset_partition_range_start": "2026-02-01", "asset_partition_range_end": "2026-02-02"}
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph, instance, ["crm_customers"]).success
        assert run(graph, instance, ["telemetry_events"], **tags).success
        records = instance.fetch_materializations(dg.AssetKey("telemetry_events"), limit=10).records
    events = [record.asset_materialization for record in records]
    told_schema = {event.partition: "dagster/column_schema" in event.metadata for event in events if event is not None}
    assert told_schema == {"2026-02-01": False, "2026-02-02": True}


def test_a_mart_is_one_name_for_its_asset_module_view_and_table(graph: dg.Definitions) -> None:
    assets = {key.to_user_string() for key in graph.resolve_asset_graph().materializable_asset_keys}
    tables = {path.stem[5:] for path in (ROOT / "sql/tables").glob("*.sql")}
    assert assets == set(MARTS)
    for mart in MARTS:
        assert (ROOT / f"assets/{mart}.py").is_file()
        assert {mart, f"{mart}_builds"} <= tables


def test_one_day_is_materialized_from_dagster(graph: dg.Definitions, marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.add_event("2026-02-01T12:00:00")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph, instance, ["crm_customers"]).success
        assert run(graph, instance, TELEMETRY, partition="2026-02-01").success
        shown = instance.get_latest_materialization_event(dg.AssetKey("user_daily_reports"))
    assert shown is not None
    assert shown.asset_materialization is not None
    assert shown.asset_materialization.metadata["dagster/partition_row_count"].value == 1
    assert marts.query("SELECT user_id, day, movements FROM user_daily_reports")[0][2] == 1


def test_a_range_of_days_is_materialized_in_one_run(graph: dg.Definitions, marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    for day in (1, 2, 4):
        marts.add_event(f"2026-02-0{day}T12:00:00")
    tags = {"asset_partition_range_start": "2026-02-01", "asset_partition_range_end": "2026-02-04"}
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph, instance, ["crm_customers"]).success
        assert run(graph, instance, TELEMETRY, **tags).success
        records = instance.fetch_materializations(dg.AssetKey("user_daily_reports"), limit=10).records
    shown = [record.asset_materialization for record in records]
    counts = {
        event.partition: event.metadata["dagster/partition_row_count"].value for event in shown if event is not None
    }
    assert counts == {"2026-02-01": 1, "2026-02-02": 1, "2026-02-03": 0, "2026-02-04": 1}
    assert marts.query("SELECT toDayOfMonth(day) FROM user_daily_reports ORDER BY day") == [(1,), (2,), (4,)]


def test_all_marts_are_materialized_in_one_run(graph: dg.Definitions, marts: Marts) -> None:
    marts.add_wearer(1, "chip-1")
    marts.add_event("2026-02-02T12:00:00")
    days = {"asset_partition_range_start": "2026-02-01", "asset_partition_range_end": "2026-02-02"}
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph, instance, MARTS, **days).success
        assert run(graph, instance, MARTS, partition="2026-02-02").success
    assert marts.query("SELECT toDayOfMonth(day) FROM user_daily_reports") == [(2,)]


def test_a_run_that_cannot_reach_its_source_fails_with_a_sentence_that_leaks_nothing(
    graph: dg.Definitions, marts: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.dagster._PAUSE_S", 0)
    monkeypatch.setenv("CRM_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/crm")
    with dg.DagsterInstance.ephemeral() as instance:
        failed = run(graph, instance, ["crm_customers"])
    error = failed.failure_data_for_node("crm_customers")
    assert error is not None
    assert error.error is not None
    assert "The PostgreSQL of CRM_DATABASE_URL does not answer" in str(error.error.cause or error.error)
    assert "hunter2" not in error.error.to_string()
    assert marts.query("SELECT count() FROM publications") == [(0,)]


def test_the_aggregates_are_materialized_from_dagster(graph: dg.Definitions, marts: Marts) -> None:
    marts.add_wearer(1)
    marts.crm(
        "INSERT INTO crm.deals (customer_id, status, amount, currency, created_at, updated_at) "
        "VALUES (1, 'won', 12.5, 'EUR', '2026-01-01Z', '2026-02-01Z')"
    )
    marts.crm(
        "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id) "
        "VALUES ('2026-02-01T12:00Z', 'ann', 'view', 'deal', '1')"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph, instance, ["deal_pipeline"]).success
        assert run(graph, instance, ["audit_activity"], partition="2026-02-01").success
    assert marts.query("SELECT status, deals FROM deal_pipeline") == [("won", 1)]
    assert marts.query("SELECT action, events, actors FROM audit_activity") == [("view", 1, 1)]


@pytest.mark.parametrize("name", ["", "in_process", "multiprocess", "docker", "k8s"])
def test_runs_have_the_executor_of_the_setting(
    environment: None,  # noqa: ARG001 - it is asked for what it sets
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment that was just set

    monkeypatch.setenv("REPORTS_EXECUTOR", name)
    chosen = reports().resolve_implicit_global_asset_job_def().executor_def
    assert chosen.name == (name or "in_process")


def test_an_executor_whose_extra_is_missing_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_docker", None)
    with pytest.raises(SettingsError, match="needs the extra `docker`"):
        executor(read_settings({"REPORTS_EXECUTOR": "docker"}))
