"""A source that is no longer what the marts read stops the mart concerned before it writes, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import dagster as dg
import pytest
from psycopg.conninfo import make_conninfo

from assets.definitions import reports
from assets.olap_import import run_import
from resources.contract import CONTRACT, check
from resources.errors import SourceChanged, SourceError
from resources.source import snapshot
from tests.assets.conftest import Marts

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
NOON = "2026-02-01T12:00:00"

BUILDS: dict[str, Callable[[Marts], object]] = {
    "crm_customers": lambda marts: marts.build_customers(),
    "telemetry_events": lambda marts: marts.build_events(DAY, NEXT, full_refresh=True),
    "deal_pipeline": lambda marts: marts.build_deals(),
    "audit_activity": lambda marts: marts.build_audit(DAY, NEXT, full_refresh=True),
}
# The mart that is stopped, the change, the way back, and what is said of it.
DRIFTS = [
    ("crm_customers", "crm.customers", "RENAME email TO mail", "RENAME mail TO email", "customers.email is missing"),
    ("crm_customers", "crm.customers", "ALTER age TYPE text", "ALTER age TYPE int USING age::int", "age is text"),
    ("crm_customers", "crm.prostheses", "RENAME valid_to TO ended", "RENAME ended TO valid_to", "prostheses.valid_to"),
    (
        "deal_pipeline",
        "crm.deals",
        "ALTER amount TYPE numeric(18, 4)",
        "ALTER amount TYPE numeric(18, 2)",
        "deals.amount is numeric(18,4); expected numeric(18,2).",
    ),
    (
        "telemetry_events",
        "telemetry.raw_telemetry",
        "ALTER saved_ts TYPE timestamp",
        "ALTER saved_ts TYPE timestamptz",
        "raw_telemetry.saved_ts is timestamp without time zone; expected timestamp with time zone.",
    ),
    (
        "audit_activity",
        "audit.events",
        "SET SCHEMA crm",
        "SET SCHEMA audit",
        "The source has no table events in the schema that is set for it",
    ),
]


@pytest.fixture
def published(marts: Marts) -> Marts:
    """Something published of every mart that reads a source."""
    marts.add_wearer(1, "chip-1")
    marts.add_event(NOON)
    for build in BUILDS.values():
        build(marts)
    return marts


def alter(marts: Marts, table: str, change: str) -> None:
    source = marts.telemetry if table.startswith("telemetry.") else marts.crm
    source(f"ALTER TABLE {table} {change}")


def moved(table: str, change: str) -> str:
    """What the table is called after the change."""
    return table.replace("audit.", "crm.") if "SET SCHEMA" in change else table


def written(marts: Marts) -> list[tuple[object, ...]]:
    """Rows of every table of the warehouse."""
    return marts.query(
        "SELECT name, total_rows FROM system.tables "
        "WHERE database = currentDatabase() AND engine != 'View' ORDER BY name"
    )


def test_a_drift_stops_the_mart_that_reads_it_before_it_writes_and_no_other(published: Marts) -> None:
    for stopped, table, change, back, said in DRIFTS:
        alter(published, table, change)
        before = written(published)
        with pytest.raises(SourceChanged, match=re.escape(said)):
            BUILDS[stopped](published)
        assert written(published) == before
        alter(published, moved(table, change), back)
    stopped, table, change, *_ = DRIFTS[-1]
    alter(published, table, change)
    for mart in BUILDS.keys() - {stopped}:
        BUILDS[mart](published)


def test_an_import_is_stopped_before_it_writes(published: Marts) -> None:
    alter(published, "crm.customers", "RENAME email TO mail")
    before = written(published)
    with pytest.raises(SourceChanged, match=r"customers\.email is missing; expected text"):
        run_import(published.settings, NOON, "2026-02-01T13:00:00", lambda *_: None)
    assert written(published) == before


@pytest.mark.usefixtures("environment")
def test_an_added_column_is_reported_and_ignored(published: Marts, capfd: pytest.CaptureFixture[str]) -> None:
    alter(published, "telemetry.raw_telemetry", "ADD firmware text")
    assert published.build_events(DAY, NEXT).unknown_columns == ["raw_telemetry.firmware"]
    alter(published, "crm.deals", "ADD margin numeric")
    job = reports().resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(asset_selection=[dg.AssetKey("deal_pipeline")])
    (materialization,) = result.asset_materializations_for_node("deal_pipeline")
    assert materialization.metadata["unknown_columns"].value == "deals.margin"
    assert "columns that are unknown here, and ignored: deals.margin" in capfd.readouterr().err


def test_views_varying_text_and_domains_are_as_good_as_the_tables(published: Marts) -> None:
    alter(published, "telemetry.raw_telemetry", "ALTER muscle_group TYPE character varying(40)")
    published.telemetry("CREATE DOMAIN telemetry.percent AS real CHECK (VALUE <= 1000)")
    alter(published, "telemetry.raw_telemetry", "ALTER battery_level TYPE telemetry.percent")
    alter(published, "telemetry.raw_telemetry", "RENAME TO everything")
    published.telemetry("CREATE VIEW telemetry.raw_telemetry AS SELECT * FROM telemetry.everything")
    assert published.build_events(DAY, NEXT, full_refresh=True).rows == 1


def test_a_column_that_our_role_may_not_read_is_named(published: Marts) -> None:
    published.crm("DROP ROLE IF EXISTS columns_only")
    published.crm("CREATE ROLE columns_only LOGIN PASSWORD 'columns'")
    published.crm("GRANT USAGE ON SCHEMA crm TO columns_only")
    published.crm("GRANT SELECT (status, amount, updated_at) ON crm.deals TO columns_only")
    try:
        url = make_conninfo(published.settings.crm_database_url, user="columns_only", password="columns")
        with (
            pytest.raises(SourceChanged, match=r"deals\.currency may not be read by our role; GRANT SELECT on it"),
            snapshot(url, "crm", "CRM_DATABASE_URL") as source,
        ):
            source.check("deals")
        with (
            pytest.raises(SourceError, match=r"does not let our role read what a mart needs \(SQLSTATE 42501\)"),
            snapshot(url, "crm", "CRM_DATABASE_URL") as source,
        ):
            source.frame("sources/deal_pipeline")
    finally:
        published.crm("DROP OWNED BY columns_only")
        published.crm("DROP ROLE columns_only")


def test_the_contract_names_every_column_that_a_statement_of_ours_could_read() -> None:
    for table, columns in CONTRACT.items():
        kept = [(column, type_, True) for column, type_ in columns.items()]
        assert check(table, kept) == []
        for column in columns:
            with pytest.raises(SourceChanged, match=f"{table}.{column} is missing"):
                check(table, [given for given in kept if given[0] != column])
