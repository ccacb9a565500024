"""Answers say how fresh they are, and are others as soon as that is; the clock is the tests'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api.follower import Follower
from api.memory import Memory
from resources.freshness import WINDOWS, Window
from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.sample import SECOND, fill
from tests.api.world import ADA, ADA_UUID, Issuer, Marts, worn

NOON = datetime(2026, 7, 3, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

REPORTS, EVENTS, DEALS, AUDIT = "user_daily_reports", "telemetry_events", "deal_pipeline", "audit_activity"
ROUTES = {
    f"/reports/{ADA}": REPORTS,
    "/api/reports": REPORTS,
    "/api/reports/summary": REPORTS,
    "/api/reports/2026-07-01": REPORTS,
    "/api/v1/aggregates/deal-pipeline": DEALS,
    "/api/v1/aggregates/audit-activity": AUDIT,
}


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def filled(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """The sample, complete at noon but for the CRM's customers."""
    with empty_marts(fresh_settings()) as marts:
        fill(marts)
        marts.deals([])
        marts.audit(SECOND, [])
        marts.complete(NOON, *WINDOWS.keys() - {"crm_customers"})
        yield marts


@pytest.fixture(scope="module")
def standing(filled: Marts, trusted: dict[str, Any], clock: Clock) -> Iterator[Client]:
    """The API on it; nothing is written while it runs."""
    with serving(filled.settings, trusted, clock) as client:
        yield client


@pytest.fixture
def manager(issuer: Issuer) -> dict[str, str]:
    return issuer.authorization(ADA_UUID, "reports-manager")


def minutes(number: int) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def look(client: Client) -> None:
    client.app.state.reads.follower.look()


def readiness(client: Client) -> dict[str, Any]:
    """What `/health/ready` says, by mart."""
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return {"status": body["status"], **{mart["mart"]: mart for mart in body["marts"]}}


def turns(window: Window) -> list[tuple[datetime, str]]:
    """Instants on both sides of each turn, and what is so then."""
    late, stale = NOON + window.late_after, NOON + window.stale_after
    return [(NOON, "fresh"), (late, "fresh"), (late + MOMENT, "late"), (stale, "late"), (stale + MOMENT, "stale")]


@pytest.mark.parametrize(("path", "mart"), ROUTES.items())
def test_an_answer_is_another_edition_exactly_when_its_mart_is_in_another_state(
    standing: Client, clock: Clock, manager: dict[str, str], path: str, mart: str
) -> None:
    tags: dict[str, set[str]] = {}
    for clock.now, state in turns(WINDOWS[mart]):
        answer = standing.get(path, headers=manager)
        assert answer.json()["freshness"]["state"] == state
        tags.setdefault(state, set()).add(answer.headers["ETag"])

    assert {state: len(found) for state, found in tags.items()} == {"fresh": 1, "late": 1, "stale": 1}
    assert len(set().union(*tags.values())) == 3


@pytest.mark.parametrize(("path", "mart"), ROUTES.items())
def test_a_state_that_holds_is_answered_from_memory_and_one_that_does_not_is_answered_in_full(
    standing: Client, clock: Clock, manager: dict[str, str], path: str, mart: str
) -> None:
    clock.now = NOON
    held = manager | {"If-None-Match": standing.get(path, headers=manager).headers["ETag"]}
    found = []

    with pytest.MonkeyPatch.context() as patch:
        # Whoever asks the warehouse now fails, and no body is remembered from the tests before.
        patch.setattr(standing.app.state.reads, "pool", None)
        patch.setattr(standing.app.state.reads, "bodies", Memory(seconds=0, most_bytes=0, largest_bytes=0))
        for clock.now, _ in turns(WINDOWS[mart]):
            found.append(standing.get(path, headers=held).status_code)

    assert found == [304, 304, 500, 500, 500]


def test_the_windows_are_as_long_as_the_settings_make_them(
    filled: Marts, serve: Callable[..., Client], clock: Clock, ada: dict[str, str]
) -> None:
    client = serve(filled.settings, clock, reports_freshness_factor=0.5)

    for clock.now, state in turns(WINDOWS[REPORTS].times(0.5)):
        assert client.get("/api/reports", headers=ada).json()["freshness"]["state"] == state


def test_totals_and_raw_events_are_as_fresh_as_the_worst_of_what_they_are_from(
    marts: Marts, serve: Callable[..., Client], clock: Clock, ada: dict[str, str]
) -> None:
    fill(marts)
    client = serve(marts.settings, clock)

    def found(reports: int, events: int, now: int) -> tuple[str, str]:
        """The state of the totals and the tag of the file, by minutes after noon."""
        marts.complete(minutes(reports), REPORTS)
        marts.complete(minutes(events), EVENTS)
        clock.now = minutes(now)
        look(client)
        totals = client.post("/report", json={"user_id": ADA}, headers=ada).json()
        return totals["freshness"]["state"], client.get("/api/reports/events", headers=ada).headers["ETag"]

    (first, of_first), (second, of_second), (third, of_third) = found(0, 20, 20), found(51, 20, 51), found(51, 51, 51)

    assert [first, second, third] == ["late", "stale", "fresh"]
    assert of_first == of_third != of_second


def test_a_mart_that_catches_up_is_the_edition_that_it_was(
    marts: Marts, serve: Callable[..., Client], clock: Clock, ada: dict[str, str]
) -> None:
    def seen() -> tuple[str, str]:
        answer = client.get("/api/reports", headers=ada)
        return answer.json()["freshness"]["state"], answer.headers["ETag"]

    fill(marts)
    marts.complete(NOON, REPORTS)
    client = serve(marts.settings, clock)
    clock.now = NOON
    before = seen()
    clock.now = minutes(40)
    behind = seen()
    marts.complete(clock.now, REPORTS)
    look(client)

    assert (before[0], behind[0], seen()) == ("fresh", "stale", before)


def test_a_quiet_source_is_told_apart_from_a_stuck_pipeline(
    marts: Marts, serve: Callable[..., Client], clock: Clock, ada: dict[str, str]
) -> None:
    fill(marts)
    marts.complete(NOON, *WINDOWS)
    client = serve(marts.settings, clock)

    clock.now = minutes(1)
    quiet = readiness(client)
    clock.now = minutes(31)
    marts.day(date(2026, 6, 1), [worn("hand-1", "A", [9], 1)])
    look(client)
    stuck = readiness(client)

    assert (quiet["status"], quiet[REPORTS]["state"], quiet[REPORTS]["age_seconds"]) == ("ok", "fresh", 57_660.0)
    assert quiet[REPORTS]["reason"] == (
        "At 2026-07-03 12:00:00 UTC its source had nothing newer than 2026-07-02 20:00:00."
    )
    assert (stuck["status"], stuck[REPORTS]["state"], stuck["crm_customers"]["state"]) == ("stale", "stale", "fresh")
    assert stuck[REPORTS]["reason"] == "It last held all that its source had at 2026-07-03 12:00:00 UTC."
    assert (stuck[REPORTS]["segments"], quiet[REPORTS]["segments"]) == (3, 2)
    assert stuck[REPORTS]["watermark"] == quiet[REPORTS]["watermark"] == "2026-07-02T20:00:00Z"
    backfilled = client.get(f"/reports/{ADA}?from=2026-06-01&to=2026-06-01", headers=ada).json()
    assert backfilled["freshness"] == {"watermark": "2026-06-01T20:00:00Z", "state": "stale"}


def test_what_was_never_known_to_be_complete_is_stale_and_served(
    standing: Client, clock: Clock, marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    clock.now = NOON
    fill(marts)
    client = serve(marts.settings, clock)

    never, one = readiness(client), readiness(standing)

    assert {never[mart]["state"] for mart in WINDOWS} == {"stale"}
    assert never[REPORTS]["reason"] == "It was never known to hold all that its source has."
    assert client.get("/api/reports", headers=ada).json()["freshness"]["state"] == "stale"
    assert (one["status"], one["crm_customers"]["state"], one[REPORTS]["state"]) == ("stale", "stale", "fresh")


def test_what_is_published_while_somebody_looks_makes_nothing_fresh_that_is_not_held_yet(marts: Marts) -> None:
    fill(marts)
    follower = Follower(marts.settings, timeout_s=60)
    asked = follower._warehouse.rows

    def answered(name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        rows = asked(name, **parameters)
        if name == "reads/publications_seen":
            marts.day(date(2026, 7, 3), [worn("hand-1", "A", [9], 1)])
            marts.complete(NOON, REPORTS)
        return rows

    follower.look()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower._warehouse, "rows", answered)
        follower.look()
    between = follower._published
    follower.look()
    afterwards = follower._published
    follower._warehouse.close()

    assert between is not None
    assert afterwards is not None
    assert (len(between.days), dict(between.complete)) == (2, {})
    assert (len(afterwards.days), dict(afterwards.complete)) == (3, {REPORTS: NOON})
