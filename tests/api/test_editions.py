"""What is published is what is seen, from then on and until it is superseded; and nothing is sent twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from resources.settings import Settings
from tests.api.conftest import Client
from tests.api.sample import BOTH_DAYS, FIRST, FIRST_DAY, HAND, NEXT_MORNING, SECOND, fill
from tests.api.world import ADA, ADA_UUID, CUSTOMERS, Issuer, Marts, worn

PATHS = [f"/reports/{ADA}", f"/reports/{ADA_UUID}", "/api/reports", "/api/reports/summary", "/api/reports/2026-07-01"]


def reload(client: Client) -> None:
    client.app.state.reads.follower.look()


def test_a_superseded_build_is_never_seen(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    older = marts.published(SECOND)
    marts.day(SECOND, [worn("hand-1", "A", [3], 5)])
    marts.day(SECOND, [worn("hand-1", "A", [3], 999)], source_seq=older.source_seq - 1)
    reload(client)

    newest = client.get(f"/reports/{ADA}", headers=ada).json()["reports"][0]
    dates = client.get("/api/reports", headers=ada).json()["reports"]

    assert (newest["date"], newest["movements"], len(newest["prostheses"])) == ("2026-07-02", 5, 1)
    assert [(day["date"], day["movements"]) for day in dates] == [("2026-07-02", 5), ("2026-07-01", 10)]


def test_a_build_that_was_not_published_is_never_seen(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.insert_day(SECOND, [worn("hand-1", "A", [3], 999)], build_id=5)
    reload(client)

    assert client.get(f"/reports/{ADA}", headers=ada).json()["summary"] == BOTH_DAYS


def test_a_day_that_was_emptied_has_no_report_any_more(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.day(SECOND, [])
    reload(client)

    assert client.get("/api/reports/2026-07-02", headers=ada).status_code == 404
    assert client.get(f"/reports/{ADA}", headers=ada).json()["summary"] == FIRST_DAY


def test_a_new_publication_is_noticed_without_being_told(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    before = client.get(f"/reports/{ADA}", headers=ada).json()["publication"]["id"]
    build = marts.day(SECOND, [worn("hand-1", "A", [3], 5)])

    patience = time.monotonic() + 60
    while (found := client.get(f"/reports/{ADA}", headers=ada).json()["publication"]["id"]) == before:
        assert time.monotonic() < patience

    assert found == str(build.build_id)


def test_a_customer_who_left_the_crm_reads_nothing(client: Client, marts: Marts, ada: dict[str, str]) -> None:
    marts.customers(CUSTOMERS[1:])
    reload(client)

    paths = [
        "/api/reports",
        "/api/reports/summary",
        "/api/reports/2026-07-01",
        f"/reports/{ADA_UUID}",
        f"/reports/{ADA}",
    ]
    assert [client.get(path, headers=ada).status_code for path in paths] == [404, 404, 404, 404, 403]
    asked = [client.post("/report", json={"user_id": who}, headers=ada) for who in (str(ADA_UUID), ADA)]
    assert [answer.status_code for answer in asked] == [404, 403]


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_says_how_it_may_be_kept(client: Client, marts: Marts, ada: dict[str, str], path: str) -> None:
    answer = client.get(path, headers=ada)

    published = marts.published(FIRST if path.endswith("01") else SECOND).published_at
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization, Accept, Accept-Encoding"
    assert answer.headers["Last-Modified"] == published.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert answer.headers["ETag"].startswith('W/"')
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("held", ["W/{}", '{}, "another"', '"x",  W/{}'])
def test_an_edition_that_the_caller_holds_is_not_sent_again(
    client: Client, ada: dict[str, str], path: str, held: str
) -> None:
    first = client.get(path, headers=ada)

    again = client.get(path, headers=ada | {"If-None-Match": held.format(first.headers["ETag"].removeprefix("W/"))})

    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
        assert again.headers[name] == first.headers[name]


def test_a_304_is_answered_from_memory(marts: Marts, serve: Callable[..., Client], ada: dict[str, str]) -> None:
    fill(marts)
    client = serve(marts.settings)
    paths = [f"/reports/{ADA}", "/api/reports", "/api/reports/summary", "/api/reports/2026-07-01"]
    others = [
        f"{paths[0]}?to=2026-07-01",
        f"{paths[1]}?limit=1",
        f"{paths[2]}?to=2026-07-01",
        "/api/reports/2026-07-02",
    ]
    tags = {path: client.get(path, headers=ada).headers["ETag"] for path in paths}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.app.state.reads, "pool", None)  # whoever asks the warehouse now fails
        found = [client.get(path, headers=ada | {"If-None-Match": tag}).status_code for path, tag in tags.items()]
        failed = [client.get(path, headers=ada).status_code for path in others]

    assert (found, failed) == ([304] * 4, [500] * 4)


def test_a_tag_changes_with_builds_caller_and_parameters(
    client: Client, marts: Marts, ada: dict[str, str], issuer: Issuer
) -> None:
    def tag(path: str, caller: dict[str, str] = ada) -> str:
        return client.get(path, headers=caller).headers["ETag"]

    reader = issuer.authorization(CUSTOMERS[1][1], "reports-reader")
    before = [
        tag(f"/reports/{ADA}"),
        tag(f"/reports/{ADA}", reader),
        tag(f"/reports/{ADA}?to=2026-07-01"),
        tag("/api/reports"),
        tag("/api/reports?limit=1"),
        tag("/api/reports/2026-07-01"),
        tag("/api/reports/2026-07-02"),
        tag("/api/reports/summary"),
        tag("/api/reports/summary?from=2026-07-02"),
    ]
    assert len(set(before)) == 9
    assert tag(f"/reports/{ADA}?from=2026-07-01&to=2026-07-02") == before[0]

    marts.day(SECOND, [NEXT_MORNING])
    reload(client)
    assert tag("/api/reports/2026-07-02") != before[6]
    assert tag("/api/reports/2026-07-01") == before[5]

    marts.customers([(ADA, ADA_UUID, "Ada Lovelace"), *CUSTOMERS[1:]])
    reload(client)
    assert tag("/api/reports/2026-07-01") != before[5]
    assert client.get("/api/reports", headers=ada).json()["user"]["name"] == "Ada Lovelace"


def test_before_anything_is_published_reports_are_not_there_yet(
    marts: Marts, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    client = serve(marts.settings)
    paths = ("/api/reports", "/api/reports/summary", f"/reports/{ADA}", "/health/ready")
    answers = [client.get(path, headers=ada) for path in paths]
    answers.append(client.post("/report", json={"user_id": ADA}, headers=ada))
    assert [answer.status_code for answer in answers] == [503] * 5
    assert answers[0].json()["type"] == "urn:bionicpro:problem:not-published"

    marts.customers(CUSTOMERS)
    marts.day(FIRST, [HAND])
    reload(client)

    assert client.get(f"/reports/{ADA}", headers=ada).status_code == 200


def test_a_warehouse_without_the_database_is_no_fault_of_the_caller(
    warehouse_settings: Settings, serve: Callable[..., Client], ada: dict[str, str]
) -> None:
    client = serve(warehouse_settings)

    paths = ("/api/reports", "/health", "/health/ready")
    assert [client.get(path, headers=ada).status_code for path in paths] == [503, 503, 503]
