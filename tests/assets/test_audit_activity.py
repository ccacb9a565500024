"""The audit trail by day equals a recomputation, follows its source day by day, and names nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from resources.errors import BuildRejected
from resources.publications import current
from stack.seed import seed
from tests import recompute
from tests.assets.conftest import Marts, at

DAY, NEXT, LATER = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 4)
_ROWS = "SELECT toString(day), action, entity_type, events, actors FROM audit_activity ORDER BY ALL"


def add(marts: Marts, occurred_at: str, actor: str = "ann", action: str = "view", entity_type: str = "deal") -> None:
    marts.crm(
        "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id) VALUES (%s, %s, %s, %s, '1')",
        at(occurred_at),
        actor,
        action,
        entity_type,
    )


def test_seeded_events_equal_a_recomputation(marts: Marts) -> None:
    seed(
        marts.settings.crm_database_url,
        marts.settings.telemetry_database_url,
        customers=100,
        days=10,
        events_per_day=10,
        seed=7,
        last_day=date(2026, 2, 10),
        now=datetime(2026, 4, 1, tzinfo=UTC),
    )
    outcome = marts.build_audit(DAY, date(2026, 2, 11))
    grain = ["day", "action", "entity_type"]
    events = recompute.rows(marts.settings.crm_database_url, "SELECT * FROM audit.events")
    expected = (
        events.with_columns(day=pl.col("occurred_at").dt.date())
        .group_by(grain)
        .agg(events=pl.len(), actors=pl.col("actor").n_unique(), last_event_at=pl.col("occurred_at").max())
        .sort(grain)
    )
    actual = pl.DataFrame(marts.warehouse._reader.query_arrow("SELECT * FROM audit_activity ORDER BY ALL"))
    actual = actual.with_columns(pl.col("last_event_at").dt.replace_time_zone(None))
    assert actual.cast(expected.schema).equals(expected)
    assert expected.height > 50
    assert (outcome.rows, outcome.source_rows) == (expected.height, events.height)


def test_an_actor_counts_once_in_each_row_and_is_not_named(marts: Marts) -> None:
    for actor, action in (("ann", "view"), ("ann", "view"), ("bob", "view"), ("ann", "export")):
        add(marts, "2026-02-01T12:00:00", actor, action)
    marts.build_audit(DAY, NEXT)
    assert marts.query(_ROWS) == [("2026-02-01", "export", "deal", 1, 1), ("2026-02-01", "view", "deal", 3, 2)]
    shown = marts.query("SELECT * FROM audit_activity_builds")
    assert not {"ann", "bob"} & {value for row in shown for value in row}


def test_an_event_belongs_to_the_utc_day_that_it_happened_on(marts: Marts) -> None:
    for moment in (
        "2026-01-31T23:59:59.999999",
        "2026-02-01T00:00:00",
        "2026-02-01T23:59:59.999999",
        "2026-02-02T00:00",
    ):
        add(marts, moment)
    marts.build_audit(DAY, NEXT)
    assert marts.query(_ROWS) == [("2026-02-01", "view", "deal", 2, 1)]


def test_every_day_of_a_range_is_published_empty_ones_too(marts: Marts) -> None:
    add(marts, "2026-02-01T12:00:00")
    add(marts, "2026-02-03T12:00:00")
    outcome = marts.build_audit(DAY, LATER)
    assert (outcome.rebuilt, outcome.kept) == (3, 0)
    rows = [publication.rows for publication in current(marts.warehouse, "audit_activity").values()]
    assert rows == [1, 0, 1]


def test_only_the_day_that_changed_is_read_again(marts: Marts) -> None:
    add(marts, "2026-02-01T12:00:00")
    add(marts, "2026-02-03T12:00:00")
    marts.build_audit(DAY, LATER)
    before = current(marts.warehouse, "audit_activity")
    add(marts, "2026-02-03T08:00:00")
    outcome = marts.build_audit(DAY, LATER)
    after = current(marts.warehouse, "audit_activity")
    assert [day for day in after if after[day] != before[day]] == [at("2026-02-03")]
    assert (outcome.rebuilt, outcome.kept) == (1, 2)
    assert marts.query("SELECT events FROM audit_activity ORDER BY day") == [(1,), (2,)]


def test_a_deleted_event_changes_its_day_and_an_emptied_day_is_published_empty(marts: Marts) -> None:
    add(marts, "2026-02-01T12:00:00")
    marts.build_audit(DAY, NEXT)
    marts.crm("DELETE FROM audit.events")
    assert marts.build_audit(DAY, NEXT).rebuilt == 1
    assert marts.query(_ROWS) == []


def test_a_rerun_changes_nothing_and_a_full_refresh_makes_the_same_again(marts: Marts) -> None:
    add(marts, "2026-02-01T12:00:00")
    marts.build_audit(DAY, NEXT)
    seen = "SELECT segment, rows, checksum, watermark, inputs FROM current_builds"
    before = marts.query(seen)
    assert marts.build_audit(DAY, NEXT).rebuilt == 0
    assert marts.build_audit(DAY, NEXT, full_refresh=True).rebuilt == 1
    assert marts.query(seen) == before
    assert marts.query("SELECT count() FROM publications") == [(2,)]


def test_a_build_that_lost_its_rows_is_rejected(marts: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    add(marts, "2026-02-01T12:00:00")
    monkeypatch.setattr(marts.warehouse, "insert", lambda *_: None)
    with pytest.raises(BuildRejected, match="audit_activity: the sums from 2026-02-01 00:00 UTC on count 0 events"):
        marts.build_audit(DAY, NEXT)
    assert marts.query("SELECT count() FROM publications") == [(0,)]
