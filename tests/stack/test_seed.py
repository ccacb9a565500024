"""Demo data: deterministic, sound but for what is planted, and with every turn that life takes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, LiteralString, Protocol

import psycopg
import pytest

from stack.demo.people import MODELS
from stack.seed import SeedCounts, seed
from stack.sources import SourcesNotEmpty, create, is_empty

LAST_DAY = date(2026, 3, 31)
LONG_AFTER = datetime(2026, 5, 1, tzinfo=UTC)
IN_THE_AFTERNOON = datetime(2026, 3, 31, 14, 30, tzinfo=UTC)


class Sources(Protocol):
    crm_url: str
    telemetry_url: str


def sow(sources: Sources, **changes: Any) -> SeedCounts:
    asked: dict[str, Any] = {
        "customers": 30,
        "days": 4,
        "events_per_day": 5000,
        "seed": 1,
        "last_day": LAST_DAY,
        "now": LONG_AFTER,
    }
    return seed(sources.crm_url, sources.telemetry_url, **(asked | changes))


def rows(url: str, question: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchall()


def one(url: str, question: LiteralString) -> Any:
    [(answer,)] = rows(url, question)
    return answer


def fingerprints(sources: Sources) -> list[str]:
    crm = sources.crm_url
    return [
        one(crm, "SELECT md5(string_agg(t::text, ';' ORDER BY user_id)) FROM crm.customers t"),
        one(crm, "SELECT md5(string_agg(t::text, ';' ORDER BY id)) FROM crm.prosthesis_models t"),
        one(crm, "SELECT md5(string_agg(t::text, ';' ORDER BY id)) FROM crm.prostheses t"),
        one(crm, "SELECT md5(string_agg(t::text, ';' ORDER BY id)) FROM crm.deals t"),
        one(crm, "SELECT md5(string_agg(t::text, ';' ORDER BY id)) FROM audit.events t"),
        one(sources.telemetry_url, "SELECT md5(string_agg(t::text, ';' ORDER BY id)) FROM telemetry.raw_telemetry t"),
    ]


def clear(sources: Sources) -> None:
    with psycopg.connect(sources.crm_url) as crm:
        crm.execute(
            "TRUNCATE crm.customers, crm.prosthesis_models, crm.prostheses, crm.deals, audit.events RESTART IDENTITY"
        )
    with psycopg.connect(sources.telemetry_url) as telemetry:
        telemetry.execute("TRUNCATE telemetry.raw_telemetry RESTART IDENTITY")


def test_creating_the_tables_twice_changes_nothing(empty_sources: Sources) -> None:
    create(empty_sources.crm_url, empty_sources.telemetry_url)
    sow(empty_sources, days=1, events_per_day=10)
    before = fingerprints(empty_sources)

    create(empty_sources.crm_url, empty_sources.telemetry_url)

    assert before == fingerprints(empty_sources)


def test_new_tables_are_empty_and_seeded_ones_are_not(empty_sources: Sources) -> None:
    create(empty_sources.crm_url, empty_sources.telemetry_url)
    assert is_empty(empty_sources.crm_url, empty_sources.telemetry_url)

    sow(empty_sources, days=1, events_per_day=10)

    assert not is_empty(empty_sources.crm_url, empty_sources.telemetry_url)


def test_the_same_seed_gives_the_same_rows(empty_sources: Sources) -> None:
    sow(empty_sources)
    first = fingerprints(empty_sources)
    clear(empty_sources)

    sow(empty_sources)

    assert first == fingerprints(empty_sources)


def test_another_seed_gives_other_rows_in_every_table_but_the_models(empty_sources: Sources) -> None:
    sow(empty_sources)
    first = fingerprints(empty_sources)
    clear(empty_sources)

    sow(empty_sources, seed=2)

    expected = [False, True, False, False, False, False]
    assert expected == [before == after for before, after in zip(first, fingerprints(empty_sources), strict=True)]


def test_the_counts_are_those_of_the_tables_and_every_day_has_its_events(empty_sources: Sources) -> None:
    counts = sow(empty_sources)

    crm = empty_sources.crm_url
    expected = SeedCounts(
        customers=one(crm, "SELECT count(*) FROM crm.customers"),
        prostheses=one(crm, "SELECT count(*) FROM crm.prostheses"),
        deals=one(crm, "SELECT count(*) FROM crm.deals"),
        audit_events=one(crm, "SELECT count(*) FROM audit.events"),
        telemetry_rows=one(empty_sources.telemetry_url, "SELECT count(*) FROM telemetry.raw_telemetry"),
    )
    days = rows(
        empty_sources.telemetry_url,
        "SELECT (event_time AT TIME ZONE 'UTC')::date, count(*) FROM telemetry.raw_telemetry GROUP BY 1 ORDER BY 1",
    )
    assert expected == counts
    assert [(date(2026, 3, day), 5000) for day in (28, 29, 30, 31)] == days


def test_nothing_happens_or_is_saved_after_now(empty_sources: Sources) -> None:
    counts = sow(empty_sources, now=IN_THE_AFTERNOON)

    [(latest_event, latest_saved, backwards)] = rows(
        empty_sources.telemetry_url,
        "SELECT max(event_time), max(saved_ts), count(*) FILTER (WHERE saved_ts < event_time)"
        " FROM telemetry.raw_telemetry",
    )
    [(latest_in_crm,)] = rows(
        empty_sources.crm_url,
        "SELECT greatest((SELECT max(updated_at) FROM crm.customers), (SELECT max(valid_from) FROM crm.prostheses),"
        " (SELECT max(valid_to) FROM crm.prostheses), (SELECT max(updated_at) FROM crm.deals),"
        " (SELECT max(occurred_at) FROM audit.events))",
    )
    assert max(latest_event, latest_saved, latest_in_crm) <= IN_THE_AFTERNOON
    assert latest_event > datetime(2026, 3, 31, 14, tzinfo=UTC)
    assert backwards == 0
    assert 15_000 < counts.telemetry_rows < 20_000


def test_ids_follow_saving_and_not_happening(empty_sources: Sources) -> None:
    sow(empty_sources)

    [(ids_saved_late, ids_happened_late)] = rows(
        empty_sources.telemetry_url,
        "SELECT count(*) FILTER (WHERE saved_ts < saved_before), count(*) FILTER (WHERE event_time < happened_before)"
        " FROM (SELECT saved_ts, event_time, lag(saved_ts) OVER by_id AS saved_before,"
        " lag(event_time) OVER by_id AS happened_before FROM telemetry.raw_telemetry WINDOW by_id AS (ORDER BY id)) t",
    )
    assert ids_saved_late == 0
    assert ids_happened_late > 100


def test_one_or_two_events_in_a_hundred_come_hours_or_days_late(empty_sources: Sources) -> None:
    sow(empty_sources)

    [(late, days_late)] = rows(
        empty_sources.telemetry_url,
        "SELECT count(*) FILTER (WHERE saved_ts - event_time > '10 minutes'),"
        " count(*) FILTER (WHERE saved_ts - event_time > '1 day') FROM telemetry.raw_telemetry",
    )
    assert 0.01 <= late / 20_000 <= 0.02
    assert days_late > 0


def test_nights_are_quiet(empty_sources: Sources) -> None:
    sow(empty_sources)

    at_night = one(
        empty_sources.telemetry_url,
        "SELECT count(*) FROM telemetry.raw_telemetry WHERE extract(hour FROM event_time AT TIME ZONE 'UTC') < 4",
    )
    assert 0 < at_night < 20_000 * 0.02


def test_batteries_drain_by_day_and_are_charged(empty_sources: Sources) -> None:
    sow(empty_sources)

    [(drops, rises)] = rows(
        empty_sources.telemetry_url,
        "SELECT count(*) FILTER (WHERE battery_level < before), count(*) FILTER (WHERE battery_level > before + 20)"
        " FROM (SELECT battery_level, lag(battery_level) OVER (PARTITION BY chip_id ORDER BY event_time, id) AS before"
        " FROM telemetry.raw_telemetry WHERE battery_level <= 100) t",
    )
    assert drops > 10_000
    assert 30 < rises < 500


def test_errors_come_in_runs(empty_sources: Sources) -> None:
    sow(empty_sources)

    [(errors, longest)] = rows(
        empty_sources.telemetry_url,
        "SELECT sum(length), max(length) FROM (SELECT count(*) AS length FROM (SELECT chip_id, error_code,"
        " row_number() OVER (PARTITION BY chip_id ORDER BY event_time, id)"
        " - row_number() OVER (PARTITION BY chip_id, error_code > 0 ORDER BY event_time, id) AS run"
        " FROM telemetry.raw_telemetry) t WHERE error_code > 0 GROUP BY chip_id, run) runs",
    )
    assert 0.002 < errors / 20_000 < 0.1
    assert longest >= 5


def test_some_responses_are_missing_and_some_devices_never_tell_their_place(empty_sources: Sources) -> None:
    sow(empty_sources)

    [(no_response, half_a_place)] = rows(
        empty_sources.telemetry_url,
        "SELECT count(*) FILTER (WHERE response_time_ms IS NULL),"
        " count(*) FILTER (WHERE (latitude IS NULL) <> (longitude IS NULL)) FROM telemetry.raw_telemetry",
    )
    located = rows(
        empty_sources.telemetry_url, "SELECT count(latitude) > 0 FROM telemetry.raw_telemetry GROUP BY chip_id"
    )
    assert 0.02 < no_response / 20_000 < 0.06
    assert half_a_place == 0
    assert {(True,), (False,)} == set(located)


def test_a_tenth_have_no_prosthesis_some_have_two_and_some_begin_in_the_period(empty_sources: Sources) -> None:
    sow(empty_sources)

    [(none, two)] = rows(
        empty_sources.crm_url,
        "SELECT count(*) FILTER (WHERE worn = 0), count(*) FILTER (WHERE worn = 2) FROM (SELECT count(p.id) AS worn"
        " FROM crm.customers c LEFT JOIN crm.prostheses p ON p.customer_id = c.user_id GROUP BY c.user_id) t",
    )
    beginners = one(
        empty_sources.crm_url,
        "SELECT count(*) FROM crm.prostheses p WHERE valid_from > '2026-03-28Z'"
        " AND NOT EXISTS (SELECT FROM crm.prostheses q WHERE q.chip_id = p.chip_id AND q.id <> p.id)",
    )
    assert none == 3
    assert 1 <= two <= 10
    assert 1 <= beginners <= 5


def test_customer_one_always_wears_something(empty_sources: Sources) -> None:
    sow(empty_sources, customers=1, days=2, events_per_day=50)

    assert one(empty_sources.crm_url, "SELECT count(*) FROM crm.prostheses WHERE customer_id = 1") > 0


def test_a_chip_is_handed_on_at_once_and_another_after_a_pause(empty_sources: Sources) -> None:
    sow(empty_sources)

    pauses = rows(
        empty_sources.crm_url,
        "SELECT b.valid_from - a.valid_to > '0', a.customer_id <> b.customer_id, a.valid_to > '2026-03-28Z'"
        " FROM crm.prostheses a JOIN crm.prostheses b ON a.chip_id = b.chip_id AND a.valid_from < b.valid_from"
        " ORDER BY 1",
    )
    expected = [(False, True, True), (True, True, True)]
    assert expected == pauses


def test_chips_send_only_while_held_but_for_a_pause_and_one_that_nobody_owns(empty_sources: Sources) -> None:
    sow(empty_sources)

    held = rows(empty_sources.crm_url, "SELECT chip_id, valid_from, valid_to FROM crm.prostheses")
    paused = {chip for chip, _, valid_to in held if valid_to}
    sent = rows(empty_sources.telemetry_url, "SELECT chip_id, event_time FROM telemetry.raw_telemetry")
    unheld = [
        chip
        for chip, at in sent
        if not any(chip == mine and since <= at and (until is None or at < until) for mine, since, until in held)
    ]
    lost = unheld.count("CHIP-LOST")
    assert 5 <= lost <= 50
    assert 0 < len(unheld) - lost < 200
    assert len(set(unheld) - {"CHIP-LOST"}) == 1
    assert set(unheld) - {"CHIP-LOST"} <= paused


def test_one_row_in_two_thousand_is_spoiled_and_all_others_are_sound(empty_sources: Sources) -> None:
    sow(empty_sources, days=2)

    kinds = rows(
        empty_sources.telemetry_url,
        "SELECT count(*) FILTER (WHERE battery_level = 130), count(*) FILTER (WHERE signal_duration = -5),"
        " count(*) FILTER (WHERE signal_amplitude = 'NaN'), count(*) FILTER (WHERE NOT ("
        " signal_amplitude < 'Infinity' AND signal_amplitude > '-Infinity' AND battery_level BETWEEN 0 AND 100"
        " AND signal_duration >= 0 AND signal_frequency >= 0 AND error_code >= 0"
        " AND coalesce(response_time_ms, 0) BETWEEN 0 AND 100000 AND coalesce(latitude, 0) BETWEEN -90 AND 90"
        " AND coalesce(longitude, 0) BETWEEN -180 AND 180 AND event_time <= saved_ts))"
        " FROM telemetry.raw_telemetry",
    )
    # Full batteries, negative durations, amplitudes that are no number; all rows that are unsound in any way.
    expected = [(2, 2, 1, 5)]
    assert expected == kinds


def test_people_are_visibly_made_up(empty_sources: Sources) -> None:
    sow(empty_sources, days=1, events_per_day=10)

    people = rows(empty_sources.crm_url, "SELECT user_id, ldap_username, name, email FROM crm.customers ORDER BY 1")
    assert [
        (number, f"user{number:06d}", f"Demo Person {number}", f"user{number:06d}@example.test")
        for number in range(1, 31)
    ] == people


def test_deals_close_only_when_won_or_lost(empty_sources: Sources) -> None:
    sow(empty_sources, customers=100, days=1, events_per_day=10)

    statuses = rows(
        empty_sources.crm_url,
        "SELECT status, bool_and((closed_at IS NOT NULL) = (status IN ('won', 'lost'))), bool_or(amount IS NULL)"
        " FROM crm.deals GROUP BY 1 ORDER BY 1",
    )
    assert [(status, True, True) for status in ("contract", "lost", "negotiation", "new", "won")] == statuses


def test_a_second_seed_is_refused_and_changes_nothing(empty_sources: Sources) -> None:
    sow(empty_sources, days=1, events_per_day=10)
    before = fingerprints(empty_sources)

    with pytest.raises(SourcesNotEmpty, match="nothing was changed"):
        sow(empty_sources, seed=2)

    assert before == fingerprints(empty_sources)


def test_telemetry_alone_is_enough_to_refuse_a_seed(empty_sources: Sources) -> None:
    sow(empty_sources, days=1, events_per_day=10)
    with psycopg.connect(empty_sources.crm_url) as crm:
        crm.execute("TRUNCATE crm.customers CASCADE")

    with pytest.raises(SourcesNotEmpty):
        sow(empty_sources)


def test_a_seed_that_is_broken_off_leaves_nothing(empty_sources: Sources) -> None:
    def break_off(written: int, _total: int) -> None:
        if written > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sow(empty_sources, progress=break_off)

    assert is_empty(empty_sources.crm_url, empty_sources.telemetry_url)


def test_rows_inserted_after_a_seed_get_the_next_ids(empty_sources: Sources) -> None:
    counts = sow(empty_sources, days=1, events_per_day=500)

    with psycopg.connect(empty_sources.telemetry_url) as telemetry:
        event = telemetry.execute(
            "INSERT INTO telemetry.raw_telemetry (chip_id, event_time, muscle_group, signal_frequency,"
            " signal_duration, signal_amplitude, battery_level, error_code)"
            " VALUES ('CHIP-000001', now(), 'calf', 100, 200, 1.5, 80, 0) RETURNING id"
        ).fetchone()
    with psycopg.connect(empty_sources.crm_url) as crm:
        person = crm.execute(
            "INSERT INTO crm.customers (user_uuid, ldap_username, name, email, registration_ts, updated_at)"
            " VALUES (gen_random_uuid(), 'newcomer', 'Demo', 'newcomer@example.test', now(), now()) RETURNING user_id"
        ).fetchone()
        deal = crm.execute(
            "INSERT INTO crm.deals (customer_id, status, currency, created_at, updated_at)"
            " VALUES (1, 'new', 'EUR', now(), now()) RETURNING id"
        ).fetchone()
        action = crm.execute(
            "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id)"
            " VALUES (now(), 'clerk01', 'view', 'customer', '1') RETURNING id"
        ).fetchone()
        model = crm.execute(
            "INSERT INTO crm.prosthesis_models (name, prosthesis_type) VALUES ('New', 'leg') RETURNING id"
        ).fetchone()
    assert (counts.telemetry_rows + 1,) == event
    assert (counts.customers + 1,) == person
    assert (counts.deals + 1,) == deal
    assert (counts.audit_events + 1,) == action
    assert (len(MODELS) + 1,) == model


def test_progress_grows_and_ends_complete(empty_sources: Sources) -> None:
    heard: list[tuple[int, int]] = []

    counts = sow(empty_sources, now=IN_THE_AFTERNOON, progress=lambda written, total: heard.append((written, total)))

    assert sorted(heard[:-1]) == heard[:-1]
    assert (counts.telemetry_rows, counts.telemetry_rows) == heard[-1]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"customers": 0}, "at least one customer"),
        ({"days": 0}, "at least one customer, one day"),
        ({"events_per_day": 0}, "one event a day"),
        ({"seed": -1}, "0 or greater"),
        ({"now": datetime(2026, 4, 1)}, "zone"),  # noqa: DTZ001 - the missing zone is the point
        ({"now": datetime(2026, 3, 31, tzinfo=UTC)}, "has not begun"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_touched(
    changes: dict[str, Any], complaint: str
) -> None:
    class Nowhere:
        crm_url = telemetry_url = "postgresql://nowhere.invalid/none"

    with pytest.raises(ValueError, match=re.escape(complaint)):
        sow(Nowhere(), **changes)
