"""Asset checks: each passes on what is right, fails on what is not, and blocks what would pass the harm on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from assets.checks import KINDS, blocking_keys, kinds_of
from resources.freshness import complete
from resources.publications import EPOCH, naive
from resources.sql import ROOT
from tests.assets.conftest import Marts, at

TELEMETRY = ["telemetry_events", "user_prosthesis_stats", "user_daily_reports"]
MARTS = ["crm_customers", *TELEMETRY, "deal_pipeline", "audit_activity"]
DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
NOON = "2026-02-01T12:00:00"

Results = dict[tuple[str, str], dg.AssetCheckEvaluation]


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


@pytest.fixture
def built(marts: Marts) -> Marts:
    """Every mart built: one wearer with two events, a deal, an entry of the audit trail."""
    marts.add_wearer(1, "chip-1")
    marts.add_event(NOON)
    marts.add_event(NOON, battery_level=200)
    marts.crm(
        "INSERT INTO crm.deals (customer_id, status, amount, currency, created_at, updated_at) "
        "VALUES (1, 'won', 12.5, 'EUR', '2026-01-01Z', '2026-02-01Z')"
    )
    marts.crm(
        "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id) "
        "VALUES ('2026-02-01T12:00Z', 'ann', 'view', 'deal', '1')"
    )
    marts.build_customers()
    marts.build_all(DAY, NEXT)
    marts.build_deals()
    marts.build_audit(DAY, NEXT)
    complete(marts.warehouse, MARTS, datetime.now(UTC))
    return marts


def check(graph: dg.Definitions, instance: dg.DagsterInstance) -> Results:
    """What the hourly job finds."""
    done = graph.resolve_job_def("check_marts").execute_in_process(instance=instance, raise_on_error=False)
    return results(done)


def materialize(
    graph: dg.Definitions, instance: dg.DagsterInstance, *marts: str, day: str = "2026-02-01"
) -> dg.ExecuteInProcessResult:
    return graph.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(mart) for mart in marts],
        tags={"dagster/partition": day},
        raise_on_error=False,
    )


def results(done: dg.ExecuteInProcessResult) -> Results:
    found = done.get_asset_check_evaluations()
    return {(result.asset_key.to_user_string(), result.check_name): result for result in found}


def failed(found: Results) -> set[tuple[str, str]]:
    return {key for key, result in found.items() if not result.passed}


def test_every_mart_has_the_checks_that_it_can_have(graph: dg.Definitions) -> None:
    keys = graph.resolve_asset_graph().asset_check_keys
    assert {(key.asset_key.to_user_string(), key.name) for key in keys} == {
        (mart, name) for mart in MARTS for name in kinds_of(mart)
    }
    of_nobody = {"deal_pipeline", "audit_activity"}
    for mart in MARTS:
        assert KINDS.keys() - kinds_of(mart).keys() == ({"no_orphans"} if mart in of_nobody else set())


@pytest.mark.parametrize("mart", MARTS)
def test_the_page_of_a_mart_names_its_checks(mart: str) -> None:
    page = (ROOT.parent / f"docs/marts/{mart}.md").read_text(encoding="utf-8")
    section = page.partition("## Checks\n")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE) == list(kinds_of(mart))


def test_all_checks_pass_on_marts_that_are_right(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    assert built.query("SELECT uniqExact(mart) FROM current_builds") == [(len(MARTS) + 1,)]
    found = check(graph, instance)
    assert failed(found) == set()
    assert {key: found[key].metadata["looked_at"].value for key in found if key[1] == "conserved"} == {
        ("crm_customers", "conserved"): 1,
        ("telemetry_events", "conserved"): 2,
        ("user_prosthesis_stats", "conserved"): 1,
        ("user_daily_reports", "conserved"): 1,
        ("deal_pipeline", "conserved"): 1,
        ("audit_activity", "conserved"): 1,
    }


def test_rows_that_are_wrong_are_found_in_every_mart(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    wrong = {
        "crm_customers": "-1 AS age",
        "telemetry_events": "2 AS user_id, -1 AS battery_level",
        "user_prosthesis_stats": "2 AS user_id, 9 AS errors",
        "user_daily_reports": "2 AS user_id, 5 AS movements, 9 AS errors",
        "deal_pipeline": "9 AS deals_with_amount",
        "audit_activity": "9 AS actors",
    }
    for mart, columns in wrong.items():
        built.query(f"INSERT INTO {mart}_builds SELECT * REPLACE ({columns}) FROM {mart}_builds")  # noqa: S608
        built.query(f"INSERT INTO {mart}_builds SELECT * FROM {mart}_builds")  # noqa: S608 - of this test
    found = check(graph, instance)
    told_by_rows = {"grain_unique", "conserved", "in_range", "no_orphans"}
    expected = {(mart, name) for mart in MARTS for name in kinds_of(mart) if name in told_by_rows}
    assert failed(found) == expected - {("crm_customers", "no_orphans")}
    for mart, name in failed(found):
        assert str(found[mart, name].description).endswith(f"What to do: {KINDS[name].mend}")
    shown = found["telemetry_events", "no_orphans"]
    assert (shown.severity, shown.metadata["failing"].value, shown.metadata["looked_at"].value) == (
        dg.AssetCheckSeverity.WARN,
        2,
        4,
    )


def test_events_that_are_there_twice_stop_the_marts_that_would_count_them_twice(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    built.telemetry("ALTER TABLE telemetry.raw_telemetry DROP CONSTRAINT raw_telemetry_pkey")
    built.telemetry("INSERT INTO telemetry.raw_telemetry OVERRIDING SYSTEM VALUE SELECT * FROM telemetry.raw_telemetry")
    done = materialize(graph, instance, *TELEMETRY)
    assert not done.success
    assert failed(results(done)) == {("telemetry_events", "grain_unique")}
    made = {event.asset_key.to_user_string() for event in done.get_asset_materialization_events() if event.asset_key}
    assert made == {"telemetry_events"}
    assert built.query("SELECT movements FROM user_daily_reports") == [(1,)]


def test_a_run_looks_at_its_own_days_only_and_at_what_it_left_as_it_was(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    built.query("INSERT INTO telemetry_events_builds SELECT * FROM telemetry_events_builds")
    built.add_event("2026-02-02T15:00:00")
    for day, passed, looked_at in (("2026-02-02", True, 1), ("2026-02-01", False, 2)):
        found = results(materialize(graph, instance, "telemetry_events", day=day))
        shown = found["telemetry_events", "grain_unique"]
        assert (shown.passed, shown.metadata["looked_at"].value) == (passed, looked_at)


def test_a_mart_that_is_late_is_a_warning_and_one_that_is_stale_a_failure(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    now = datetime.now(UTC)
    built.query("TRUNCATE TABLE complete_marts")
    complete(built.warehouse, ["telemetry_events"], now - timedelta(minutes=20))
    complete(built.warehouse, ["crm_customers"], now - timedelta(hours=3))
    complete(built.warehouse, ["deal_pipeline"], now)
    found = check(graph, instance)
    shown = {mart: (found[mart, "fresh"].passed, found[mart, "fresh"].severity) for mart in MARTS}
    assert shown["telemetry_events"] == (False, dg.AssetCheckSeverity.WARN)
    assert shown["crm_customers"] == shown["audit_activity"] == (False, dg.AssetCheckSeverity.ERROR)
    assert shown["deal_pipeline"][0]
    assert str(found["crm_customers", "fresh"].description).startswith("stale: It last held all that its source had at")


def test_what_waits_for_its_build_for_too_long_is_not_reconciled(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    now = datetime.now(UTC)
    noticed = "INSERT INTO noticed_segments (mart, segment, source_seq, fingerprint, noticed_at) VALUES"
    found = "INSERT INTO faulty_builds (mart, segment, build_id, reason, found_at) VALUES"
    [(owners,)] = built.query("SELECT build_id FROM current_builds WHERE mart = 'prosthesis_owners'")
    execute = built.warehouse._reader.execute
    for mart, minutes in (("telemetry_events", 20), ("audit_activity", 5)):
        row = (mart, naive(at("2026-02-02")), 1 << 63, [7, 7, 7], naive(now - timedelta(minutes=minutes)))
        execute(noticed, [row])
    day_to_come = naive(now + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    execute(noticed, [("telemetry_events", day_to_come, 1 << 63, [7, 7, 7], naive(now - timedelta(hours=1)))])
    execute(found, [("prosthesis_owners", naive(EPOCH), owners, "damaged", naive(now - timedelta(hours=1)))])
    unreconciled = {mart for mart, name in failed(check(graph, instance)) if name == "reconciled"}
    assert unreconciled == {"telemetry_events", "crm_customers"}


def test_a_view_or_table_that_is_not_what_its_file_says_is_found_and_others_are_not(
    graph: dg.Definitions, instance: dg.DagsterInstance, built: Marts
) -> None:
    built.query("CREATE OR REPLACE VIEW deal_pipeline AS SELECT status FROM deal_pipeline_builds")
    built.query("ALTER TABLE audit_activity_builds ADD COLUMN stranger UInt8")
    found = check(graph, instance)
    differing = {mart for mart, name in failed(found) if name == "columns_as_documented"}
    assert differing == {"deal_pipeline", "audit_activity"}
    assert "deal_pipeline is not what its file says." in str(
        found["deal_pipeline", "columns_as_documented"].description
    )
    scratch = "SELECT count() FROM system.databases WHERE name LIKE concat(currentDatabase(), '_scratch%')"
    assert built.query(scratch) == [(0,)]


def test_arrivals_take_along_only_the_checks_that_keep_readers_from_harm() -> None:
    keys = [(key.asset_key.to_user_string(), key.name) for key in blocking_keys(*TELEMETRY)]
    assert keys == [(mart, name) for mart in TELEMETRY for name in ("grain_unique", "conserved")]
