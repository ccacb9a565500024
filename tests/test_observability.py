"""What is told of the marts is what is in the warehouse; rules, dashboard and runbook speak of what is told."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from assets.comparisons import Scope, reconcile_telemetry
from resources import arrivals
from resources.freshness import WINDOWS, complete
from resources.migrations import migrate
from resources.noticed import notice
from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse
from stack import questions
from tests.api.conftest import serving
from tests.api.test_metrics_endpoint import asked
from tests.api.world import ISSUER, Issuer
from tests.assets.conftest import Marts, window
from tests.engines import wait_until

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy/observability"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
ALERTS = {rule["alert"]: rule for group in RULES for rule in group["rules"] if "alert" in rule}
RECORDED = {rule["record"] for group in RULES for rule in group["rules"] if "record" in rule}
DASHBOARD = json.loads((FOLDER / "grafana/dashboards/reports.json").read_text("utf-8"))
DAY, NEXT = date(2026, 2, 1), date(2026, 2, 3)

Told = dict[str, dict[tuple[str, ...], float]]
"""Values by metric and the values of its labels."""


@pytest.fixture(scope="module")
def marts(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """Two days built. Then an hour was lost in the warehouse, which was found, and an event arrived in another hour."""
    settings = fresh_settings()
    migrate(settings)
    with Warehouse(settings) as warehouse:
        marts = Marts(settings, warehouse)
        marts.add_wearer(1, "chip-1")
        for hour in ("2026-02-01T10:10:00", "2026-02-01T11:10:00", "2026-02-02T10:10:00"):
            marts.add_event(hour)
        marts.add_event("2026-02-01T10:20:00", battery_level=200)
        marts.add_event("2026-02-02T10:20:00", chip="chip-of-nobody")
        marts.add_event("2026-02-02T10:30:00", chip="chip-of-nobody")
        marts.build_customers()
        marts.build_all(DAY, NEXT)
        marts.build_deals()
        now = datetime.now(UTC)
        complete(warehouse, ["telemetry_events", "user_daily_reports"], now - timedelta(minutes=20))
        complete(warehouse, ["deal_pipeline"], now)
        marts.query("DELETE FROM telemetry_events_builds WHERE event_time < '2026-02-01 11:00:00'")
        with arrivals.connect(settings) as source:
            arrivals.tick(source, warehouse, settings)
        days = window(DAY, NEXT)
        open_source = partial(snapshot, settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL")
        reconcile_telemetry(warehouse, open_source, settings, Scope(days, [days.since]))
        marts.add_event("2026-02-02T12:10:00")
        with arrivals.connect(settings) as source:
            arrivals.tick(source, warehouse, settings)
        # Of a day to come, which cannot be built yet.
        notice(warehouse, "telemetry_events", 1, {datetime(2099, 1, 1, tzinfo=UTC): [1, 1, 1]})
        yield marts
        warehouse._reader.execute(f"DROP DATABASE {settings.clickhouse_database}")


def scraped(settings: Settings, keys: Path, until: Callable[[Told], object]) -> Told:
    """What the API tells the operator of this machine once the condition holds."""
    found: Told = {}
    issuer = Issuer()
    keys.write_bytes(issuer.key_set())
    with serving(settings, {"reports_jwks": str(keys), "reports_token_issuer": ISSUER}) as client:
        client.get("/api/reports", headers=issuer.authorization())

        def enough() -> object:
            found.clear()
            families: Iterable[Metric] = text_string_to_metric_families(asked(client).text)
            for sample in (sample for family in families for sample in family.samples):
                found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
            return until(found)

        wait_until(enough, "the metrics are as they are waited for")
    return found


@pytest.fixture(scope="module")
def metrics(marts: Marts, tmp_path_factory: pytest.TempPathFactory) -> Told:
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    return scraped(marts.settings, keys, lambda found: "reports_dirty_days" in found)


def test_what_is_told_of_the_marts_is_what_is_in_the_warehouse(marts: Marts, metrics: Told) -> None:
    waiting = {labels: value for labels, value in metrics["reports_mart_waiting_segments"].items() if value}
    derived = marts.query("SELECT mart, reason, count() FROM dirty_segments WHERE segment < now() GROUP BY ALL")
    assert waiting == {(str(mart), str(reason)): count for mart, reason, count in derived}
    # The hour that was lost, and the one that has an event that is new.
    assert waiting == {("telemetry_events", "faulty"): 1, ("telemetry_events", "arrived"): 1}
    assert metrics["reports_dirty_days"] == {(): 2}
    assert len(metrics["reports_mart_waiting_segments"]) == 3 * len(WINDOWS)
    [(found_at,)] = marts.query("SELECT toFloat64(min(found_at)) FROM faulty_builds")
    [(verified_at,)] = marts.query("SELECT toFloat64(max(verified_at)) FROM verified_days")
    assert metrics["reports_mart_waiting_since_timestamp_seconds"] == {
        ("telemetry_events",): pytest.approx(found_at, abs=1e-3)
    }
    assert metrics["reports_mart_differences"] == {("telemetry_events", "rows_differ"): 1}
    assert metrics["reports_mart_verified_timestamp_seconds"] == {
        ("telemetry_events",): pytest.approx(verified_at, abs=1e-3)
    }
    reasons = marts.query("SELECT reason, count() FROM quarantine GROUP BY reason")
    assert metrics["reports_quarantined_rows"] == {(str(reason),): count for reason, count in reasons}
    assert metrics["reports_quarantined_rows"] == {("out_of_range",): 1, ("unowned_chip",): 2}
    assert metrics["reports_mart_rows"] == {
        ("crm_customers",): 1,
        ("telemetry_events",): 3,
        ("user_prosthesis_stats",): 3,
        ("user_daily_reports",): 2,
        ("deal_pipeline",): 0,
        ("audit_activity",): 0,
    }


def test_the_questions_of_the_runbook_find_the_same(marts: Marts) -> None:
    def rows(name: str, *columns: str) -> list[tuple[Any, ...]]:
        answer = questions.ask(marts.warehouse, questions.find(name), {})
        return [tuple(dict(zip(answer.columns, row, strict=True))[column] for column in columns) for row in answer.rows]

    hours = [datetime(2026, 2, 1, 10, tzinfo=UTC), datetime(2026, 2, 2, 12, tzinfo=UTC)]
    waiting = [(hours[0], "faulty"), (hours[1], "arrived"), (datetime(2099, 1, 1, tzinfo=UTC), "arrived")]
    assert rows("waiting", "segment", "reason") == waiting
    assert rows("differing", "mart", "segment", "reason") == [("telemetry_events", hours[0], "rows_differ")]
    second, first = date(2026, 2, 2), date(2026, 2, 1)
    apart = [(second, "unowned_chip", 2, 1), (first, "out_of_range", 1, 1)]
    assert rows("set_apart", "day", "reason", "events", "chips") == apart


def test_how_late_a_mart_is_follows_from_what_is_told(metrics: Told) -> None:
    now, complete_at = time.time(), metrics["reports_mart_complete_timestamp_seconds"]
    late_after, stale_after = metrics["reports_mart_late_after_seconds"], metrics["reports_mart_stale_after_seconds"]
    assert late_after == {(mart,): window.late_after.total_seconds() for mart, window in WINDOWS.items()}
    assert stale_after == {(mart,): window.stale_after.total_seconds() for mart, window in WINDOWS.items()}
    late = {mart for (mart,), at in complete_at.items() if now - at > late_after[mart,]}
    assert late == {"telemetry_events", "user_daily_reports"}
    assert {mart for (mart,), at in complete_at.items() if now - at > stale_after[mart,]} == set()
    watermark = datetime(2026, 2, 2, 10, 10, tzinfo=UTC).timestamp()
    assert metrics["reports_mart_watermark_timestamp_seconds"]["telemetry_events",] == watermark
    assert metrics["reports_warehouse_up"] == {(): 1}


def test_without_a_warehouse_no_figure_of_it_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = Settings(clickhouse_port=taken.getsockname()[1])
        found = scraped(away, tmp_path / "keys.json", lambda found: found["reports_warehouse_up"] == {(): 0})
    figures = re.compile("reports_(mart_(waiting|rows|differences|verified)|dirty|quarantined)")
    assert [name for name in found if figures.match(name)] == []


def test_what_may_not_be_asked_is_left_out_and_said_once(
    marts: Marts, metrics: Told, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marts.query("DROP VIEW waiting_segments")
    found = scraped(marts.settings, tmp_path / "keys.json", lambda found: "reports_mart_rows" in found)
    assert set(metrics) - set(found) == {
        "reports_dirty_days",
        "reports_mart_waiting_segments",
        "reports_mart_waiting_since_timestamp_seconds",
    }
    assert [record.getMessage() for record in caplog.records if "metrics" in record.msg] == [
        "metrics are missing (waiting), see docs/reader.md: "
        "ClickHouse refused sql/reads/waiting_by_mart.sql with error 60."
    ]


def test_every_alert_says_how_bad_it_is_and_names_its_section_of_the_runbook() -> None:
    page = (ROOT / "docs/runbook.md").read_text("utf-8")
    sections = set(re.findall(r"^### (Reports\w+)$", page, re.MULTILINE))
    assert sections == set(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"


def test_rules_and_dashboard_speak_of_what_is_told(metrics: Told) -> None:
    # The last one is told once an answer broke off.
    known = set(metrics) | RECORDED | {"up", "ALERTS", "reports_http_responses_broken_off_total"}
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    shown += [layer["expr"] for layer in DASHBOARD["annotations"]["list"]]
    rules = [rule["expr"] for group in RULES for rule in group["rules"]]
    assert len(shown) > 20
    for expression in [*rules, *shown]:
        names = set(selected(promql_parser.parse(expression.replace("$__rate_interval", "5m"))))
        assert names, expression
        assert names - known == set(), expression


def selected(expression: Any) -> Iterator[str]:
    """The metrics that an expression names."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name or "a selector without a name"
    for part in ("expr", "lhs", "rhs", "vector_selector"):
        if (inner := getattr(expression, part, None)) is not None:
            yield from selected(inner)
    for argument in getattr(expression, "args", []):
        yield from selected(argument)
