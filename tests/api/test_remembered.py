"""What is remembered is what would be answered now: of the same caller, to the same request, from the same builds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resources.freshness import WINDOWS
from tests.api.conftest import Client
from tests.api.sample import FIRST, HAND, SECOND, fill
from tests.api.world import ADA, ADA_UUID, BOB, BOB_UUID, CUSTOMERS, Issuer, Marts, worn

PATHS = [f"/reports/{ADA}", f"/reports/{ADA_UUID}", "/api/reports", "/api/reports/summary", "/api/reports/2026-07-01"]
OF_THE_ANSWER = ["Content-Type", "Content-Length", "ETag", "Last-Modified", "Cache-Control", "Vary"]


class Hits:
    """How many answers came from memory since the last look."""

    def __init__(self, client: Client) -> None:
        self._stats = client.app.state["remembered"].stats
        self._before = self._stats().hits

    def new(self) -> int:
        before, self._before = self._before, self._stats().hits
        return int(self._before - before)


def reload(client: Client) -> None:
    client.app.state.reads.follower.look()


def get(client: Client, path: str, headers: dict[str, str]) -> Any:
    """An answer, the publications looked at just before, as the follower does each second."""
    reload(client)
    return client.get(path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_the_same_request_has_the_same_answer_from_memory(client: Client, ada: dict[str, str], path: str) -> None:
    hits = Hits(client)
    first = get(client, path, ada)
    assert hits.new() == 0

    again = get(client, path, ada)

    assert hits.new() == 1
    assert (again.status_code, again.content) == (200, first.content)
    assert [again.headers[name] for name in OF_THE_ANSWER] == [first.headers[name] for name in OF_THE_ANSWER]
    assert sorted(again.headers) == sorted(name for name in first.headers if not name.startswith("ratelimit"))
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]


@pytest.mark.parametrize("first", [200, 304])
@pytest.mark.parametrize("path", PATHS)
def test_a_304_comes_from_memory_whatever_was_answered_before(
    client: Client, ada: dict[str, str], path: str, first: int
) -> None:
    hits = Hits(client)
    whole = get(client, path, ada)
    held = ada | {"If-None-Match": f'"another", {whole.headers["ETag"]}'}
    if first == 304:
        client.app.state["remembered"]._answers._held.clear()
        assert get(client, path, held).status_code == 304
    assert hits.new() == 0

    again = get(client, path, held)

    assert (hits.new(), again.status_code, again.content) == (1, 304, b"")
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
        assert again.headers[name] == whole.headers[name]
    assert get(client, path, ada | {"If-None-Match": '"another"'}).content == whole.content


def test_callers_are_never_mixed(client: Client, issuer: Issuer, ada: dict[str, str]) -> None:
    bob = issuer.authorization(BOB_UUID)
    reader = issuer.authorization(BOB_UUID, "reports-reader")
    shared = ["/api/reports", "/api/reports/summary", "/api/reports/2026-07-01"]

    for _ in range(3):
        for path in shared:
            assert get(client, path, ada).json()["user"]["name"] == "Ada"
            assert get(client, path, bob).json()["user"]["name"] == "Bob"
            assert get(client, path, reader).json()["user"]["name"] == "Bob"
        assert get(client, f"/reports/{ADA}", reader).json()["user"]["name"] == "Ada"
        assert get(client, f"/reports/{ADA}", bob).status_code == 403
        assert get(client, f"/reports/{BOB}", ada).status_code == 403
        assert get(client, f"/reports/{ADA}", {}).status_code == 401


def test_a_renewed_token_of_the_same_caller_has_the_same_memory_and_one_with_other_roles_has_not(
    client: Client, issuer: Issuer
) -> None:
    hits = Hits(client)
    path = f"/reports/{ADA}"
    renewed = issuer.authorization(BOB_UUID, "reports-reader") | {"X-Request-Id": "renewed"}
    get(client, path, issuer.authorization(BOB_UUID, "reports-reader"))
    # Its first request verifies a token.
    get(client, "/api/reports", renewed)
    assert hits.new() == 0

    assert get(client, path, renewed).status_code == 200
    assert hits.new() == 1
    assert get(client, path, issuer.authorization(BOB_UUID)).status_code == 403
    assert hits.new() == 0


@pytest.mark.parametrize("path", PATHS[:4])
def test_a_publication_that_was_taken_over_leaves_nothing_of_the_one_before(
    client: Client, marts: Marts, ada: dict[str, str], path: str
) -> None:
    for _ in range(2):
        before = get(client, path, ada)
    build = marts.day(SECOND, [worn("hand-1", "A", [3], 5)])
    held = ada | {"If-None-Match": before.headers["ETag"]}

    for headers in (ada, held, ada):
        after = get(client, path, headers)
        assert (after.status_code, after.json()["publication"]["id"]) == (200, str(build.build_id))


def test_what_other_builds_were_made_from_is_not_read_again(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    before = get(client, "/api/reports/2026-07-01", ada)
    marts.day(SECOND, [worn("hand-1", "A", [3], 5)])
    reload(client)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.app.state.reads, "pool", None)  # whoever asks the warehouse now fails
        after = get(client, "/api/reports/2026-07-01", ada)

    assert (after.status_code, after.content) == (200, before.content)


def test_a_customer_who_was_renamed_or_left_is_not_answered_from_memory(
    client: Client, marts: Marts, ada: dict[str, str]
) -> None:
    for path in PATHS:
        assert get(client, path, ada).json()["user"]["name"] == "Ada"

    marts.customers([(ADA, ADA_UUID, "Ada Lovelace"), *CUSTOMERS[1:]])
    assert [get(client, path, ada).json()["user"]["name"] for path in PATHS] == ["Ada Lovelace"] * len(PATHS)

    marts.customers(CUSTOMERS[1:])
    assert [get(client, path, ada).status_code for path in PATHS] == [403, 404, 404, 404, 404]


def test_an_answer_that_grew_late_is_told_as_late(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    fill(marts)
    clock = [datetime(2026, 7, 3, tzinfo=UTC)]
    marts.complete(clock[0], "user_daily_reports")
    client = serve(marts.settings, now=lambda: clock[0])
    window = WINDOWS["user_daily_reports"]

    def states() -> list[str]:
        return [get(client, PATHS[0], ada).json()["freshness"]["state"] for _ in range(2)]

    assert states() == ["fresh", "fresh"]
    clock[0] += window.late_after
    assert states() == ["fresh", "fresh"]
    clock[0] += timedelta(microseconds=1)
    assert states() == ["late", "late"]
    clock[0] += window.stale_after - window.late_after
    assert states() == ["stale", "stale"]
    marts.complete(clock[0], "user_daily_reports")
    assert states() == ["fresh", "fresh"]


def test_nothing_is_remembered_where_the_setting_says_so(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    fill(marts)
    client = serve(marts.settings, reports_cache_ttl=0)

    for _ in range(2):
        assert [get(client, path, ada).status_code for path in PATHS] == [200] * len(PATHS)

    assert client.app.state["remembered"].stats().hits == 0
    assert (client.app.state["remembered"].stats().values, client.app.state.reads.bodies.stats().values) == (0, 0)


def test_the_aggregates_are_remembered_too(client: Client, marts: Marts, issuer: Issuer) -> None:
    manager = issuer.authorization(BOB_UUID, "reports-manager")
    marts.deals([])
    hits = Hits(client)
    path = "/api/v1/aggregates/deal-pipeline"
    before = get(client, path, manager)

    assert get(client, path, manager).content == before.content
    assert hits.new() == 1
    build = marts.deals([])
    assert get(client, path, manager).json()["publication"]["id"] == str(build.build_id)
    assert get(client, path, issuer.authorization(BOB_UUID)).status_code == 403


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/reports/{ADA}?from=2026-07-01&from=2026-07-02", {}, 422),
        (f"/reports/{ADA}?from=2026-07-02&to=2026-07-01", {}, 422),
        (f"/reports/{ADA}?colour=red", {}, 422),
        ("/api/reports/2026-07-09", {}, 404),
        (f"/reports/{ADA}", {"Accept": "image/png"}, 406),
        (f"/reports/{ADA}", {"Accept": "text/csv"}, 200),
        (f"/reports/{ADA}?format=csv", {}, 200),
        ("/api/reports/events", {}, 200),
        ("/health/live", {}, 200),
        (f"/reports/{ADA}", {"Content-Length": "0"}, 200),
        (f"/reports/{ADA}", {"Range": "bytes=0-1"}, 200),
    ],
)
def test_what_is_no_plain_answer_is_never_from_memory(
    client: Client, ada: dict[str, str], path: str, headers: dict[str, str], status: int
) -> None:
    get(client, f"/reports/{ADA}", ada)
    hits = Hits(client)

    assert [get(client, path, ada | headers).status_code for _ in range(3)] == [status] * 3
    assert hits.new() == 0


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_another_method_is_another_request(client: Client, ada: dict[str, str], method: str) -> None:
    path = f"/reports/{ADA}"
    before = client.request(method, path, headers=ada).status_code
    hits = Hits(client)
    get(client, path, ada)

    assert client.request(method, path, headers=ada).status_code == before
    assert hits.new() == 0


@pytest.mark.parametrize("name", ["Authorization", "Accept", "If-None-Match", "Accept-Encoding"])
def test_a_header_that_comes_twice_is_left_to_the_application(client: Client, ada: dict[str, str], name: str) -> None:
    path = f"/reports/{ADA}"
    etag = get(client, path, ada).headers["ETag"]
    hits = Hits(client)
    values = {"Authorization": ada["Authorization"], "Accept": "*/*", "If-None-Match": etag, "Accept-Encoding": "gzip"}
    given = [*(values | ada).items(), (name, values[name])]

    answer = client.get(path, headers=given)

    assert answer.status_code == (401 if name == "Authorization" else 304)
    assert hits.new() == 0


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "application/*;q=0.3, text/csv;q=0.1", "text/csv, */*;q=0.1"]
)
def test_a_form_is_remembered_by_what_the_caller_takes(client: Client, ada: dict[str, str], accept: str) -> None:
    path = f"/reports/{ADA}"
    plain = [get(client, path, ada | {"Accept": accept}).headers["Content-Type"] for _ in range(2)]
    csv = [get(client, path, ada | {"Accept": "text/csv"}).headers["Content-Type"] for _ in range(2)]

    assert plain == ["text/csv; charset=utf-8" if accept.startswith("text/csv") else "application/json"] * 2
    assert csv == ["text/csv; charset=utf-8"] * 2


def test_an_encoding_is_remembered_by_what_the_caller_takes(client: Client, ada: dict[str, str]) -> None:
    path = f"/reports/{ADA}"
    codings = ["gzip", "identity", "zstd", "gzip"]
    got = [get(client, path, ada | {"Accept-Encoding": coding}).headers.get("Content-Encoding") for coding in codings]

    assert got == ["gzip", None, "zstd", "gzip"]


def test_while_the_warehouse_is_away_nothing_is_said_from_memory(client: Client, ada: dict[str, str]) -> None:
    path = f"/reports/{ADA}"
    get(client, path, ada)
    hits = Hits(client)

    client.app.state.reads.follower.stop()
    client.app.state.reads.follower.seen_at = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.app.state.reads, "pool", None)  # whoever asks the warehouse now fails
        assert client.get(path, headers=ada).status_code == 500

    assert hits.new() == 0


def test_a_day_that_nobody_has_published_yet_is_found_once_it_is(
    client: Client, marts: Marts, ada: dict[str, str]
) -> None:
    path = "/api/reports/2026-07-03"
    assert [get(client, path, ada).status_code for _ in range(2)] == [404, 404]

    marts.day(FIRST + timedelta(days=2), [HAND])

    assert [get(client, path, ada).status_code for _ in range(2)] == [200, 200]
