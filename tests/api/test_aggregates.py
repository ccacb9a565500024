"""Aggregates for managers, against figures that were computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from api.reads import STREAMS
from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.world import ADA_UUID, CUSTOMERS, Issuer, Marts, worn

PIPELINE = "/api/v1/aggregates/deal-pipeline"
ACTIVITY = "/api/v1/aggregates/audit-activity"

EARLY, LATE = datetime(2026, 3, 1, 8, 30, tzinfo=UTC), datetime(2026, 7, 2, 20, 0, 0, 250_000, tzinfo=UTC)
FIRST, SECOND = date(2026, 7, 1), date(2026, 7, 2)


def stage(status: str, currency: str, deals: int, with_amount: int, total: str | None) -> dict[str, Any]:
    return {
        "status": status,
        "currency": currency,
        "deals": deals,
        "deals_with_amount": with_amount,
        "amount_total": None if total is None else Decimal(total),
        "oldest_updated_at": EARLY,
        "newest_updated_at": LATE,
    }


def done(action: str, entity_type: str, events: int, actors: int) -> dict[str, Any]:
    return {"action": action, "entity_type": entity_type, "events": events, "actors": actors}


def fill(marts: Marts) -> None:
    marts.deals(
        [
            stage("won", "RUB", 3, 3, "1000000000000000000000000000000000.01"),
            stage("new", "EUR", 2, 0, None),
            stage("lost", "USD", 7, 3, "-0.02"),
            stage("lost", "EUR", 3, 3, "2.00"),
        ]
    )
    marts.audit(FIRST, [done("view", "deal", 5, 2), done("create", "deal", 2, 1), done("create", "customer", 1, 1)])
    marts.audit(SECOND, [done("view", "deal", 9, 3)])


@pytest.fixture(scope="module")
def filled(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """Aggregates and nothing else: they need no report."""
    with empty_marts(fresh_settings()) as marts:
        fill(marts)
        yield marts


@pytest.fixture(scope="module")
def client(filled: Marts, trusted: dict[str, Any]) -> Iterator[Client]:
    with serving(filled.settings, trusted) as client:
        yield client


def test_deals_come_by_status_and_currency_with_exact_amounts(client: Client, manager: dict[str, str]) -> None:
    body = client.get(PIPELINE, headers=manager).json()

    times = {"oldest_updated_at": "2026-03-01T08:30:00Z", "newest_updated_at": "2026-07-02T20:00:00.250000Z"}
    assert list(body) == ["pipeline", "publication", "freshness"]
    assert body["pipeline"] == [
        expected("lost", "EUR", (3, 3, 0), "2.00", "0.666667") | times,
        expected("lost", "USD", (7, 3, 4), "-0.02", "-0.006667") | times,
        expected("new", "EUR", (2, 0, 2), None, None) | times,
        expected(
            "won", "RUB", (3, 3, 0), "1000000000000000000000000000000000.01", "333333333333333333333333333333333.336667"
        )
        | times,
    ]
    assert body["publication"]["run_id"] == "deals-run"


def expected(
    status: str, currency: str, counts: tuple[int, int, int], total: str | None, mean: str | None
) -> dict[str, Any]:
    names = ("deals", "deals_with_amount", "deals_without_amount")
    return {
        "status": status,
        "currency": currency,
        **dict(zip(names, counts, strict=True)),
        "amount_total": total,
        "amount_mean": mean,
    }


def test_a_mean_of_too_many_digits_for_parquet_loses_its_last_ones(client: Client, manager: dict[str, str]) -> None:
    answer = client.get(PIPELINE, params={"format": "parquet"}, headers=manager)

    table = pl.read_parquet(answer.content)
    assert table.schema["amount_mean"] == pl.Decimal(38, 4)
    assert table.select("amount_total", "amount_mean").rows() == [
        (Decimal("2.00"), Decimal("0.6667")),
        (Decimal("-0.02"), Decimal("-0.0067")),
        (None, None),
        (Decimal("1000000000000000000000000000000000.01"), Decimal("333333333333333333333333333333333.3367")),
    ]


def test_activity_comes_by_day_newest_first(client: Client, manager: dict[str, str]) -> None:
    body = client.get(ACTIVITY, headers=manager).json()

    assert list(body) == ["period", "activity", "publication", "freshness"]
    assert body["period"] == {"from": "2026-07-01", "to": "2026-07-02"}
    assert body["activity"] == [
        {"date": "2026-07-02"} | done("view", "deal", 9, 3),
        {"date": "2026-07-01"} | done("create", "customer", 1, 1),
        {"date": "2026-07-01"} | done("create", "deal", 2, 1),
        {"date": "2026-07-01"} | done("view", "deal", 5, 2),
    ]
    assert body["publication"]["run_id"] == "audit-2026-07-02"
    assert body["freshness"] == {"watermark": "2026-07-02T20:00:00Z", "state": "stale"}


def test_activity_is_of_the_period_that_is_asked_for(client: Client, manager: dict[str, str]) -> None:
    def events(query: str) -> list[int]:
        return [row["events"] for row in client.get(f"{ACTIVITY}?{query}", headers=manager).json()["activity"]]

    assert events("from=2026-07-02") == [9]
    assert events("to=2026-07-01") == [1, 2, 5]
    assert events("from=2026-06-01&to=2026-12-31") == [9, 1, 2, 5]
    assert events("from=2020-01-01&to=2020-12-31") == events("to=0001-01-01") == events("from=9999-12-31") == []


def test_a_file_of_activity_has_the_rows_of_the_json(client: Client, manager: dict[str, str]) -> None:
    def text(query: str) -> str:
        return client.get(f"{ACTIVITY}?format=csv{query}", headers=manager).text.replace("\r\n", "\n")

    header = "date,action,entity_type,events,actors\n"
    older = "2026-07-01,create,customer,1,1\n2026-07-01,create,deal,2,1\n2026-07-01,view,deal,5,2\n"
    assert text("") == header + "2026-07-02,view,deal,9,3\n" + older
    assert text("&to=2026-07-01") == header + older
    assert text("&from=2020-01-01&to=2020-12-31") == text("&to=0001-01-01") == text("&from=9999-12-31") == header


def test_more_files_than_can_be_read_at_a_time_are_refused_until_one_is_done(
    client: Client, manager: dict[str, str]
) -> None:
    builds = [part.build_id for part in client.app.state.reads.follower.aggregates().audit.values()]
    taken = [
        client.app.state.reads.stream("reads/audit_of_days", None, since=FIRST, until=SECOND, builds=builds)
        for _ in range(STREAMS)
    ]
    first_rows = [next(rows) for rows in taken]

    def statuses() -> list[int]:
        queries = ("", "?format=csv", "?format=parquet")
        return [client.get(ACTIVITY + query, headers=manager).status_code for query in queries]

    assert first_rows == [(SECOND, "view", "deal", 9, 3)] * STREAMS
    assert statuses() == [200, 503, 503]
    taken[0].close()  # its reader went away
    assert statuses() == [200, 200, 200]
    for rows in taken[1:]:
        assert len(list(rows)) == 3


@pytest.mark.parametrize("path", [PIPELINE, ACTIVITY])
@pytest.mark.parametrize("roles", [(), ("reports-reader",), ("reports-admin",), ("reports-Manager", "manager")])
def test_aggregates_are_for_managers_only(client: Client, issuer: Issuer, path: str, roles: tuple[str, ...]) -> None:
    answer = client.get(f"{path}?unknown=1", headers=issuer.authorization(ADA_UUID, *roles))

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:bionicpro:problem:forbidden")
    assert client.get(path).status_code == 401


@pytest.mark.parametrize(
    "path", [PIPELINE, ACTIVITY, f"{ACTIVITY}?from=2020-01-01&to=2020-01-02", f"{ACTIVITY}?format=csv"]
)
def test_an_edition_that_the_caller_holds_is_not_sent_again(client: Client, manager: dict[str, str], path: str) -> None:
    first = client.get(path, headers=manager)

    with pytest.MonkeyPatch.context() as patch:
        for way in ("pool", "stream"):
            patch.setattr(client.app.state.reads, way, None)  # whoever asks the warehouse now fails
        again = client.get(path, headers=manager | {"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Authorization, Accept, Accept-Encoding"
    assert first.headers["Last-Modified"] == again.headers["Last-Modified"]


def test_a_new_publication_is_a_new_edition(
    marts: Marts, serve: Callable[..., Client], manager: dict[str, str]
) -> None:
    fill(marts)
    client = serve(marts.settings)
    paths = (PIPELINE, ACTIVITY, f"{ACTIVITY}?to=2026-07-01")
    before = [client.get(path, headers=manager).headers["ETag"] for path in paths]

    marts.deals([stage("won", "EUR", 1, 1, "12.50")])
    marts.audit(SECOND, [])
    client.app.state.reads.follower.look()

    after = [client.get(path, headers=manager) for path in paths]
    assert [answer.headers["ETag"] != tag for answer, tag in zip(after, before, strict=True)] == [True, True, False]
    assert [row["amount_mean"] for row in after[0].json()["pipeline"]] == ["12.500000"]
    assert {row["date"] for row in after[1].json()["activity"]} == {"2026-07-01"}


def test_before_anything_is_published_aggregates_are_not_there_yet(
    marts: Marts, serve: Callable[..., Client], manager: dict[str, str]
) -> None:
    marts.customers(CUSTOMERS)
    marts.day(FIRST, [worn("a", "A", [9], 1)])
    client = serve(marts.settings)

    answers = [client.get(path, headers=manager) for path in (PIPELINE, ACTIVITY)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert {answer.json()["type"] for answer in answers} == {"urn:bionicpro:problem:not-published"}


def test_the_default_period_is_the_last_30_published_days(
    marts: Marts, serve: Callable[..., Client], manager: dict[str, str]
) -> None:
    days = [date(2026, 3, 1) + timedelta(days=2 * number) for number in range(32)]
    for day in days:
        marts.audit(day, [done("view", "deal", 1, 1)])

    body = serve(marts.settings).get(ACTIVITY, headers=manager).json()

    assert body["period"] == {"from": str(days[2]), "to": str(days[31])}
    assert len(body["activity"]) == 30


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (f"{PIPELINE}?from=2026-07-01", ["from"]),
        (f"{PIPELINE}?status=won", ["status"]),
        (f"{ACTIVITY}?from=2026-02-30", ["from"]),
        (f"{ACTIVITY}?from=2026-07-02&to=2026-07-01", ["from"]),
        (f"{ACTIVITY}?from=2020-01-01", ["from"]),
        (f"{ACTIVITY}?from=&to=null", ["from", "to"]),
        (f"{ACTIVITY}?action=view", ["action"]),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    client: Client, manager: dict[str, str], path: str, fields: list[str]
) -> None:
    answer = client.get(path, headers=manager)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, fields)
