"""The job `rebuild`: a form that refuses nonsense, months one after another, and what was published stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest
from pydantic import ValidationError

from assets.rebuild import RebuildConfig
from tests.assets.conftest import Marts


@pytest.fixture
def graph(environment: None) -> dg.Definitions:  # noqa: ARG001 - it is asked for what it sets
    """The definitions, their settings naming the sources and the warehouse of this test."""
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment that was just set

    return reports()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster that remembers nothing."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def rebuild(graph: dg.Definitions, instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return graph.resolve_job_def("rebuild").execute_in_process(
        instance=instance, run_config={"ops": {"rebuild_days": {"config": config}}}, raise_on_error=False
    )


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"from": "2026-02-30", "to": "2026-03-01"}, "from is no day: '2026-02-30'; write it as 2026-02-01"),
        ({"from": "2026-02-01", "to": "soon"}, "to is no day: 'soon'"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, r"from \(2026-02-02\) is after to \(2026-02-01\)"),
    ],
)
def test_days_that_make_no_sense_are_refused_in_words(config: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RebuildConfig.model_validate(config)


def test_a_year_is_built_in_runs_of_a_month() -> None:
    config = RebuildConfig.model_validate({"from": "2025-01-01", "to": "2025-12-31"})
    stretches = list(config.stretches())
    assert (stretches[0], stretches[-1]) == (
        (date(2025, 1, 1), date(2025, 1, 31)),
        (date(2025, 12, 8), date(2025, 12, 31)),
    )
    assert len(stretches) == 12


@pytest.mark.parametrize(
    "config", [{"from": "2026-02-01"}, {"from": "2026-02-01", "to": "2026-02-01", "ful_refresh": True}]
)
def test_a_field_that_is_missing_or_unknown_is_refused_before_anything_runs(
    config: dict[str, object], graph: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        rebuild(graph, instance, **config)


def test_days_without_partitions_are_refused(graph: dg.Definitions, instance: dg.DagsterInstance) -> None:
    done = rebuild(graph, instance, **{"from": "2020-01-01", "to": "2020-01-02"})
    error = done.failure_data_for_node("rebuild_days")
    assert error is not None
    assert error.error is not None
    assert "There are days from 2024-01-01 (REPORTS_FIRST_DAY) to " in error.error.to_string()


def test_what_was_published_before_a_failure_stays_and_the_next_launch_goes_on(
    graph: dg.Definitions, instance: dg.DagsterInstance, marts: Marts
) -> None:
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.add_event("2026-01-01T12:00:00")
    twice = marts.add_event("2026-02-05T12:00:00")
    marts.telemetry("ALTER TABLE telemetry.raw_telemetry DROP CONSTRAINT raw_telemetry_pkey")
    marts.telemetry(
        "INSERT INTO telemetry.raw_telemetry OVERRIDING SYSTEM VALUE "
        "SELECT * FROM telemetry.raw_telemetry WHERE id = %s",
        twice,
    )
    days = {"from": "2026-01-01", "to": "2026-02-05"}
    assert not rebuild(graph, instance, **days).success
    assert marts.query("SELECT toMonth(day) FROM user_daily_reports") == [(1,)]
    kept = marts.query("SELECT build_id FROM current_builds WHERE segment < '2026-02-01' ORDER BY build_id")
    marts.telemetry(
        "DELETE FROM telemetry.raw_telemetry WHERE ctid IN "
        "(SELECT max(ctid) FROM telemetry.raw_telemetry WHERE id = %s)",
        twice,
    )
    assert rebuild(graph, instance, **days).success
    assert marts.query("SELECT toMonth(day) FROM user_daily_reports ORDER BY day") == [(1,), (2,)]
    assert marts.query("SELECT build_id FROM current_builds WHERE segment < '2026-02-01' ORDER BY build_id") == kept
    assert rebuild(graph, instance, **days, full_refresh=True).success
    anew = marts.query("SELECT build_id FROM current_builds WHERE segment < '2026-02-01' ORDER BY build_id")
    assert len(anew) == len(kept)
    assert len(set(anew) & set(kept)) == 2  # the CRM's, which is no telemetry
