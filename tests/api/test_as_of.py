"""A report that was read is read again byte for byte by the publication that it names, or not at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from api.auth import MANAGER, READER
from api.follower import Follower
from assets import orphans
from assets.collection import collect
from resources.freshness import WINDOWS
from resources.publications import first_build_id_at, new_build_ids
from resources.retention import expire
from resources.warehouse import Warehouse
from tests.api.conftest import Client
from tests.api.telemetry import Event, publish
from tests.api.world import ADA, ADA_UUID, BOB, BOB_UUID, CUSTOMERS, NOBODY_UUID, Issuer, Marts, worn

FIRST, SECOND, THIRD = (datetime(2026, 7, day, tzinfo=UTC) for day in (1, 2, 3))
DAILY = "user_daily_reports"


@dataclass(frozen=True, eq=False)
class Reading:
    """A question, as `GET path` or as a body sent to `POST /report`."""

    path: str
    body: dict[str, Any] | None = None

    def ask(self, client: Client, caller: dict[str, str], **given: str) -> httpx.Response:
        """The answer, with these parameters besides."""
        path, _, query = self.path.partition("?")
        params = dict(httpx.QueryParams(query)) | given
        if self.body is not None:
            return client.post(path, params=params, json=self.body, headers=caller)
        return client.get(path, params=params, headers=caller)


REPORTS = [
    Reading(f"/reports/{ADA}"),
    Reading(f"/reports/{ADA_UUID}?from=2026-07-01&to=2026-07-02"),
    Reading(f"/reports/{ADA}?from=2020-01-01&to=2020-01-31"),
    Reading(f"/reports/{ADA}?from=2026-07-02"),
    Reading("/api/reports"),
    Reading("/api/reports?limit=1"),
    Reading("/api/reports?before=2026-07-02"),
    Reading("/api/reports?before=2026-01-01"),
    Reading("/api/reports/summary"),
    Reading("/api/reports/2026-07-01"),
    Reading("/report", {"user_id": ADA}),
    Reading("/report", {"user_id": ADA, "start_ts": "2026-07-01T09:15:01Z", "end_ts": "2026-07-02T09:30:00Z"}),
    Reading("/report", {"user_id": str(ADA_UUID), "end_ts": "2026-01-01T00:00:00Z"}),
]
AGGREGATES = [
    Reading("/api/v1/aggregates/deal-pipeline"),
    Reading("/api/v1/aggregates/audit-activity"),
    Reading("/api/v1/aggregates/audit-activity?from=2020-01-01&to=2020-01-31"),
]
READINGS = REPORTS + AGGREGATES
OWN = [reading for reading in REPORTS if reading.path.startswith("/api/")]
"""Those that name nobody: they are of whoever asks."""
FILES = [Reading("/api/reports/events?format=csv"), Reading("/api/reports/events?format=parquet")]
FILES += [
    Reading(f"{reading.path}{'&' if '?' in reading.path else '?'}format=csv", reading.body) for reading in READINGS
]
FILES += [Reading(f"/reports/{ADA}?format={form}") for form in ("xlsx", "parquet", "pdf")]


MALFORMED = ["", "0", "-1", "+1", "01", "1.0", "1e5", " 1", "1 ", "x", "²", "null", "1 OR 1=1", "7529909311732422035\n"]
MALFORMED += ["18446744073709551616", "9" * 1_000, "1.fresh", "1.LATE", "1.late.late"]


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 3, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def look(client: Client) -> None:
    client.app.state.reads.follower.look()


def events(midnight: datetime, amplitude: float) -> list[Event]:
    return [
        Event(midnight + timedelta(hours=9, minutes=minute), "hand-1", 100 + minute, 40, amplitude + minute)
        for minute in range(0, 60, 7)
    ]


def deal(count: int) -> dict[str, Any]:
    at = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    total = Decimal(count) / 3
    figures = {"deals": count, "deals_with_amount": count, "amount_total": total.quantize(Decimal("0.01"))}
    return {"status": "won", "currency": "EUR", **figures, "oldest_updated_at": at, "newest_updated_at": at}


def acted(count: int) -> dict[str, Any]:
    return {"action": "view", "entity_type": "deal", "events": count, "actors": 1}


def fill(marts: Marts) -> None:
    """Two days of Ada's, deals, and what the staff did."""
    marts.customers(CUSTOMERS)
    for midnight in (FIRST, SECOND):
        publish(marts, events(midnight, 0.5), midnight)
        marts.audit(midnight.date(), [acted(3)])
    marts.deals([deal(3)])


def change(marts: Marts) -> None:
    """Everything becomes another: figures, a name, and there is a day more."""
    marts.customers([(ADA, ADA_UUID, "Ada Lovelace"), *CUSTOMERS[1:]])
    for midnight in (FIRST, SECOND, THIRD):
        publish(marts, events(midnight, 7.25)[:5], midnight)
        marts.audit(midnight.date(), [acted(5)])
    marts.deals([deal(4)])


@pytest.fixture
def filled(marts: Marts) -> Marts:
    """The marts with two days."""
    fill(marts)
    return marts


@pytest.fixture
def caller(issuer: Issuer) -> dict[str, str]:
    """Ada, who is a manager, too."""
    return issuer.authorization(ADA_UUID, MANAGER)


@pytest.fixture
def start(serve: Callable[..., Client]) -> Callable[..., Client]:
    """Starts the API without any memory: whatever it answers, it has read."""
    return lambda marts, *now: serve(marts.settings, *now, reports_cache_ttl=0, reports_rate_limit=0)


def test_what_was_read_is_read_again_byte_for_byte_after_everything_changed(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)
    before = [reading.ask(client, caller) for reading in READINGS + FILES]
    change(filled)
    look(client)
    other = start(filled)

    for reading, first in zip(READINGS + FILES, before, strict=True):
        assert first.status_code == 200, (reading, first.text)
        as_of = first.headers["As-Of"]
        for again in (reading.ask(client, caller, as_of=as_of), reading.ask(other, caller, as_of=as_of)):
            assert again.content == first.content, reading
            assert again.headers["ETag"] == first.headers["ETag"], reading
            assert again.headers["Last-Modified"] == first.headers["Last-Modified"]
        if reading in READINGS:
            assert first.json()["publication"]["as_of"] == as_of
    for reading, first in zip(READINGS, before[: len(READINGS)], strict=True):
        assert reading.ask(client, caller).content != first.content


def test_what_is_current_is_read_again_as_of_itself(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)

    for reading in READINGS:
        first = reading.ask(client, caller)
        assert reading.ask(client, caller, as_of=first.headers["As-Of"]).content == first.content


def test_who_holds_the_edition_is_told_so(filled: Marts, start: Callable[..., Client], caller: dict[str, str]) -> None:
    client = start(filled)
    before = [(reading, reading.ask(client, caller)) for reading in READINGS if reading.body is None]
    change(filled)
    look(client)

    for reading, first in before:
        held = caller | {"If-None-Match": first.headers["ETag"]}
        assert reading.ask(client, held, as_of=first.headers["As-Of"]).status_code == 304
        assert reading.ask(client, held).status_code == 200


def test_memory_answers_with_the_same_bytes(
    filled: Marts, serve: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = serve(filled.settings, reports_rate_limit=0)
    before = [reading.ask(client, caller) for reading in READINGS]
    change(filled)
    look(client)

    for _ in range(2):
        for reading, first in zip(READINGS, before, strict=True):
            assert reading.ask(client, caller, as_of=first.headers["As-Of"]).content == first.content


def test_what_was_superseded_is_gone_with_the_collection_and_never_half_there(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)
    before = [reading.ask(client, caller) for reading in READINGS + FILES]
    change(filled)
    look(client)
    now = [reading.ask(client, caller) for reading in READINGS + FILES]
    assert READINGS[0].ask(client, caller, as_of=before[0].headers["As-Of"]).status_code == 200
    collect(filled.warehouse, timedelta(0))

    for asked in (client, start(filled)):
        for reading, old, new in zip(READINGS + FILES, before, now, strict=True):
            gone = reading.ask(asked, caller, as_of=old.headers["As-Of"])
            assert (gone.status_code, gone.json()["type"]) == (410, "urn:bionicpro:problem:gone"), reading
            assert reading.ask(asked, caller, as_of=new.headers["As-Of"]).content == new.content


def test_what_was_never_replaced_is_read_again_however_old_it_is(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)
    untouched, touched = Reading("/api/reports/2026-07-02"), Reading("/api/reports/2026-07-01")
    both = Reading(f"/reports/{ADA}?from=2026-07-01&to=2026-07-02")
    before = {reading: reading.ask(client, caller) for reading in (untouched, touched, both)}
    publish(filled, events(FIRST, 9.0), FIRST)
    publish(filled, events(THIRD, 9.0), THIRD)
    look(client)
    collect(filled.warehouse, timedelta(0))

    found = {reading: reading.ask(client, caller, as_of=first.headers["As-Of"]) for reading, first in before.items()}

    assert found[untouched].content == before[untouched].content
    assert [found[reading].status_code for reading in (touched, both)] == [410, 410]
    # Whether the third day was there before cannot be told any more, so neither which days were the last.
    assert Reading(f"/reports/{ADA}").ask(client, caller, as_of=before[untouched].headers["As-Of"]).status_code == 410


def test_what_was_superseded_a_moment_ago_outlives_a_collection(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)
    before = [reading.ask(client, caller) for reading in READINGS]
    change(filled)
    look(client)
    collect(filled.warehouse, timedelta(hours=1))

    for reading, first in zip(READINGS, before, strict=True):
        assert reading.ask(client, caller, as_of=first.headers["As-Of"]).content == first.content


def test_days_that_are_no_longer_kept_are_gone_as_of_then_too(
    marts: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    marts.customers(CUSTOMERS)
    today = datetime.now(UTC).date()
    for age in (31, 10, 1):
        marts.day(today - timedelta(days=age), [worn("hand-1", "A", [9], age)])
    client = start(marts)
    recent = Reading(f"/reports/{ADA}?from={today - timedelta(days=10)}")
    longer = [Reading(f"/reports/{ADA}"), Reading("/api/reports"), Reading("/report", {"user_id": ADA})]
    longer.append(Reading(f"/api/reports/{today - timedelta(days=31)}"))
    before = {reading: reading.ask(client, caller) for reading in [recent, *longer]}
    expire(marts.warehouse, msgspec.structs.replace(marts.settings, reports_retention_days=30))
    look(client)

    found = {reading: reading.ask(client, caller, as_of=first.headers["As-Of"]) for reading, first in before.items()}

    assert found[recent].content == before[recent].content
    assert [found[reading].status_code for reading in longer] == [410] * 4
    _as_if_an_hour_ago(marts)
    later = {reading: reading.ask(client, caller) for reading in longer[:3]}
    for reading, first in later.items():
        assert reading.ask(start(marts), caller, as_of=first.headers["As-Of"]).content == first.content


def test_who_left_reads_nothing_as_of_before_and_others_read_what_they_read(
    marts: Marts, start: Callable[..., Client], issuer: Issuer, caller: dict[str, str]
) -> None:
    fill(marts)
    marts.day(SECOND.date(), [worn("hand-1", "A", [9], 3), worn("bobs", "C", [9], 4, user_id=BOB)])
    client = start(marts)
    bob, reader = issuer.authorization(BOB_UUID), issuer.authorization(BOB_UUID, READER)
    of_bob = Reading(f"/reports/{BOB}?from=2026-07-02")
    before = {reading: reading.ask(client, caller).headers["As-Of"] for reading in REPORTS}
    first = of_bob.ask(client, bob)
    for reading, as_of in before.items():
        assert reading.ask(client, caller, as_of=as_of).status_code == 200

    marts.customers(CUSTOMERS[1:])
    look(client)
    seen = {
        reading.ask(client, reader, as_of=as_of).status_code for reading, as_of in before.items() if reading not in OWN
    }
    own = {reading.ask(client, caller, as_of=as_of).status_code for reading, as_of in before.items()}
    assert orphans.remove(marts.warehouse)["user_daily_reports_builds"] > 0
    look(client)

    assert seen == {404}
    assert own == {403, 404}
    assert of_bob.ask(client, bob, as_of=first.headers["As-Of"]).content == first.content


def test_a_number_that_was_somebody_elses_leads_nowhere(
    filled: Marts, start: Callable[..., Client], issuer: Issuer, caller: dict[str, str]
) -> None:
    client = start(filled)
    as_of = REPORTS[0].ask(client, caller).headers["As-Of"]
    filled.customers([(ADA, NOBODY_UUID, "Newcomer"), *CUSTOMERS[1:]])
    look(client)
    newcomer = issuer.authorization(NOBODY_UUID)

    assert REPORTS[0].ask(client, newcomer).status_code == 200
    assert {reading.ask(client, newcomer, as_of=as_of).status_code for reading in OWN} == {404}
    assert REPORTS[0].ask(client, newcomer, as_of=as_of).status_code == 404


def test_anothers_reports_are_refused_before_anything_is_asked(
    filled: Marts, serve: Callable[..., Client], issuer: Issuer
) -> None:
    client = serve(filled.settings)
    bob = issuer.authorization(BOB_UUID)
    assert client.get(f"/reports/{BOB}", headers=bob).status_code == 200

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.app.state.reads.snapshots, "_pool", None)  # whoever asks the warehouse now fails
        found = [
            client.get(f"/reports/{who}?as_of={new_build_ids(1)[0]}", headers=bob).status_code for who in (ADA, 99)
        ]

    assert found == [403, 403]


def test_what_is_no_publication_is_named_as_what_is_wrong(
    filled: Marts, serve: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = serve(filled.settings, reports_rate_limit=0)

    for text in MALFORMED:
        for reading in (REPORTS[0], REPORTS[-1], AGGREGATES[0], FILES[0]):
            answer = reading.ask(client, caller, as_of=text)
            assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["as_of"]), text


def test_what_never_was_published_is_refused_and_what_may_have_been_is_gone(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)
    ages = {"new": 0, "of another day": 86_400, "of the future": -86_400}
    moment = datetime.now(UTC)
    asked = {name: first_build_id_at(moment - timedelta(seconds=age)) for name, age in ages.items()}
    asked["never published"] = new_build_ids(1)[0]
    filled.insert_day(SECOND.date(), [worn("hand-1", "A", [3], 9)], build_id=asked["never published"])

    found = {name: REPORTS[0].ask(client, caller, as_of=str(build)).status_code for name, build in asked.items()}

    assert found == {"new": 422, "of another day": 410, "of the future": 422, "never published": 422}
    assert REPORTS[0].ask(client, caller, as_of="18446744073709551615").status_code == 422


def test_before_there_was_anything_nothing_can_be_read(
    marts: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    day = marts.day(FIRST.date(), [worn("hand-1", "A", [9], 3)]).build_id
    customers = marts.customers(CUSTOMERS).build_id
    fill(marts)
    client = start(marts)

    statuses = {
        as_of: [reading.ask(client, caller, as_of=str(as_of)).status_code for reading in (REPORTS[0], *AGGREGATES)]
        for as_of in (day, customers)
    }

    assert statuses == {day: [422, 422, 422, 422], customers: [200, 422, 422, 422]}


def test_pages_are_of_one_moment(filled: Marts, start: Callable[..., Client], caller: dict[str, str]) -> None:
    client = start(filled)
    for number in range(5):
        filled.day(date(2026, 6, 1) + timedelta(days=number), [worn("hand-1", "A", [1], number + 1)])
    look(client)
    whole = client.get("/api/reports", headers=caller).json()["reports"]

    pages = [client.get("/api/reports?limit=2", headers=caller)]
    while following := pages[-1].json()["next"]:
        change(filled)
        for number in range(5):
            filled.day(
                date(2026, 6, 1) + timedelta(days=number), [worn("hand-1", "B", [1, 2], 100)] if number % 2 else []
            )
        look(client)
        pages.append(client.get(following, headers=caller))

    assert [day for page in pages for day in page.json()["reports"]] == whole
    assert len(pages) == 4
    for number, page in enumerate(pages[1:]):
        again = Reading(pages[number].json()["next"]).ask(client, caller, as_of=page.json()["publication"]["as_of"])
        assert again.content == page.content


@pytest.mark.parametrize(("minutes", "state"), [(0, "fresh"), (20, "late"), (90, "stale")])
def test_an_answer_is_as_fresh_as_it_was(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str], minutes: int, state: str
) -> None:
    clock = Clock()
    filled.complete(clock.now, *WINDOWS)
    client = start(filled, clock)
    clock.now += timedelta(minutes=minutes)
    before = [reading.ask(client, caller) for reading in REPORTS]
    change(filled)
    look(client)
    clock.now += timedelta(minutes=200)

    for reading, first in zip(REPORTS, before, strict=True):
        body = first.json()
        suffix = "" if state == "fresh" else f".{state}"
        assert body["freshness"]["state"] == state
        assert body["publication"]["as_of"] == body["publication"]["id"] + suffix
        assert reading.ask(client, caller, as_of=body["publication"]["as_of"]).content == first.content
        plain = reading.ask(client, caller, as_of=body["publication"]["id"]).json()
        assert plain["freshness"]["state"] == "fresh"


@pytest.mark.parametrize("reading", [REPORTS[0], REPORTS[9], REPORTS[10], Reading("/api/reports/events")])
def test_what_is_removed_while_it_is_read_is_gone_and_never_half_there(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str], reading: Reading
) -> None:
    client = start(filled)
    first = reading.ask(client, caller)
    change(filled)
    look(client)

    with pytest.MonkeyPatch.context() as patch:
        _before_the_next(patch, "_of_user", lambda: collect(filled.warehouse, timedelta(0)))
        found = reading.ask(client, caller, as_of=first.headers["As-Of"])

    assert found.status_code == 410


def test_what_a_removal_does_not_touch_is_read_again_by_itself(
    filled: Marts, start: Callable[..., Client], caller: dict[str, str]
) -> None:
    client = start(filled)
    reading = Reading("/api/reports/2026-07-02")
    first = reading.ask(client, caller)
    publish(filled, events(FIRST, 9.0), FIRST)
    look(client)

    with pytest.MonkeyPatch.context() as patch:
        asked = _before_the_next(patch, "days_of_user", lambda: collect(filled.warehouse, timedelta(0)))
        found = reading.ask(client, caller, as_of=first.headers["As-Of"])

    assert found.content == first.content
    assert asked.count("reads/days_of_user") == 2


def test_a_publication_that_is_seen_after_a_later_one_is_not_left_out(marts: Marts) -> None:
    fill(marts)
    follower = Follower(marts.settings, timeout_s=60)
    asked = follower._warehouse.rows
    late: list[int] = []

    def answered(name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        rows = asked(name, **parameters)
        if name == "reads/publications_seen" and not late:
            build = marts.day(THIRD.date(), [worn("hand-1", "A", [9], 1)])
            late.append(build.build_id)
            # As if it had been inserted a moment before the newest one, and become visible after it.
            moment = rows[0][1] - timedelta(microseconds=1)
            marts.query(
                "ALTER TABLE publications UPDATE published_at = %(moment)s WHERE build_id = %(build)s"
                " SETTINGS mutations_sync = 2",
                moment=moment.replace(tzinfo=None).isoformat(sep=" "),
                build=build.build_id,
            )
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower._warehouse, "rows", answered)
        follower.look()
    held = follower._published
    follower._warehouse.close()

    assert held is not None
    assert THIRD.date() in held.days


@pytest.mark.soak
@pytest.mark.parametrize("seed", [0])
def test_whatever_happens_what_was_read_is_read_again_or_gone(
    marts: Marts, start: Callable[..., Client], issuer: Issuer, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - which of many things happens, the same each time
    caller = issuer.authorization(ADA_UUID, MANAGER)
    clock = Clock()
    fill(marts)
    client = start(marts, clock)
    read: list[tuple[int, Reading, httpx.Response]] = []
    collected = 0
    for step in range(14):
        for _ in range(chance.randint(1, 4)):
            collected = step if _happens(chance, marts, clock) else collected
        look(client)
        readings = chance.sample(READINGS + FILES[:4], 6)
        read += [(step, reading, reading.ask(client, caller)) for reading in readings]
    other = start(marts, clock)

    again = [
        (step, reading, first, reading.ask(other, caller, as_of=first.headers["As-Of"]))
        for step, reading, first in read
        if first.status_code == 200
    ]

    assert len(again) > 40
    for step, reading, first, found in again:
        if found.status_code != 410:
            assert found.content == first.content, (step, reading)
        else:
            assert step < collected, (step, collected, reading)
    assert any(found.status_code == 200 and step < 13 for step, _, _, found in again)


def _happens(chance: random.Random, marts: Marts, clock: Clock) -> bool:
    """Something; returns whether it was a collection."""
    midnight = datetime(2026, 6, 28, tzinfo=UTC) + timedelta(days=chance.randrange(6))
    what = chance.randrange(14)
    if what < 5:
        publish(marts, events(midnight, chance.random())[: chance.randrange(9)], midnight)
    elif what < 7:
        marts.customers([(ADA, ADA_UUID, f"Ada {chance.randrange(99)}"), *CUSTOMERS[1:]])
    elif what < 9:
        marts.audit(midnight.date(), [acted(chance.randrange(99))])
    elif what < 10:
        marts.deals([deal(chance.randrange(99))])
    elif what < 11:
        marts.complete(clock.now, *WINDOWS)
    elif what < 13:
        clock.now += timedelta(minutes=chance.randrange(40))
    elif chance.random() < 0.5:
        collect(marts.warehouse, timedelta(0))
        return True
    return False


def _before_the_next(patch: pytest.MonkeyPatch, name: str, happens: Callable[[], None]) -> list[str]:
    """Have something happen just before the next statement whose name ends so; returns the statements asked."""
    asked: list[str] = []
    for method in ("rows", "stream"):
        original = getattr(Warehouse, method)

        def answered(self: Warehouse, statement: str, /, *args: Any, _original: Any = original, **given: Any) -> Any:
            first = not any(other.endswith(name) for other in asked)
            asked.append(statement)
            if statement.endswith(name) and first:
                happens()
            return _original(self, statement, *args, **given)

        patch.setattr(Warehouse, method, answered)
    return asked


def _as_if_an_hour_ago(marts: Marts) -> None:
    """Have every removal been written down an hour earlier than it was."""
    rows = marts.query("SELECT begun_at - INTERVAL 1 HOUR, superseded_before, expired_until FROM collections")
    marts.query("TRUNCATE TABLE collections")
    for begun_at, superseded_before, expired_until in rows:
        marts.query(
            "INSERT INTO collections SELECT %(begun_at)s, %(superseded_before)s, %(expired_until)s",
            begun_at=begun_at,
            superseded_before=superseded_before,
            expired_until=expired_until,
        )
