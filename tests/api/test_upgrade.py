"""The schema is brought up to date while the API serves: every request is answered, and all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api.auth import MANAGER, READER
from resources.migrations import differences, migrate
from tests.api.conftest import Client
from tests.api.sample import fill
from tests.api.world import ADA, ADA_UUID, BOB_UUID, Issuer, Marts

QUESTIONS = (
    f"/reports/{ADA}?from=2026-07-01&to=2026-07-02",
    f"/reports/{ADA_UUID}?from=2026-07-01&to=2026-07-02&format=csv",
    "/api/reports/2026-07-01",
    "/api/v1/aggregates/deal-pipeline",
    "/health/ready",
)
OLD = (
    "ALTER TABLE user_daily_reports_builds DROP COLUMN last_event_at",
    "ALTER TABLE user_prosthesis_stats_builds DROP COLUMN battery_last_pct",
    "ALTER TABLE quarantine_builds DROP COLUMN longitude",
    "CREATE OR REPLACE VIEW user_daily_reports AS SELECT * FROM user_daily_reports_builds",
    "CREATE OR REPLACE VIEW dirty_segments AS SELECT mart, segment FROM publications",
    "DROP VIEW quarantine",
    "DROP TABLE verified_days",
)
"""What an older release may have left; the API reads none of these columns, as the account of its own shows."""
ROUNDS = 3


@pytest.fixture
def asked_of(marts: Marts, serve: Callable[..., Client], issuer: Issuer) -> Iterator[Callable[[], list[bytes]]]:
    """Puts every question to an API that remembers nothing; its answers, which must all be answers."""
    fill(marts)
    marts.deals([])
    client = serve(marts.settings, reports_cache_ttl=0)
    callers = [issuer.authorization(ADA_UUID, READER, MANAGER), issuer.authorization(BOB_UUID, READER, MANAGER)]

    def ask() -> list[bytes]:
        found = [client.get(question, headers=caller) for caller in callers for question in QUESTIONS[:-1]]
        found.append(client.get(QUESTIONS[-1]))
        assert [answer.status_code for answer in found] == [200] * len(found)
        return [answer.content for answer in found[:-1]]

    yield ask


def test_every_request_is_answered_while_columns_are_added_and_views_replaced(
    marts: Marts, asked_of: Callable[[], list[bytes]]
) -> None:
    for change in OLD:
        marts.query(change)
    assert len(differences(marts.settings)) == len(OLD)
    before, asked = asked_of(), 0
    with ThreadPoolExecutor(1) as operator:
        for _ in range(ROUNDS):
            upgrade: Future[list[str]] = operator.submit(migrate, marts.settings)
            while not upgrade.done():
                assert asked_of() == before
                asked += 1
            assert len(upgrade.result()) == len(OLD)
            for change in OLD:
                marts.query(change)
    assert asked >= ROUNDS
    migrate(marts.settings)
    assert differences(marts.settings) == []
    assert asked_of() == before
