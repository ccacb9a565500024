"""The deal pipeline equals an aggregate that PostgreSQL makes itself, to the last digit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from resources.errors import BuildRejected
from resources.publications import EPOCH, current
from stack.seed import seed
from tests.assets.conftest import Marts, at

_EXPECTED = """
SELECT status, currency::text, count(*), count(amount), count(*) - count(amount), sum(amount),
       round(avg(amount), 6), min(updated_at), max(updated_at)
FROM crm.deals GROUP BY 1, 2 ORDER BY 1, 2
"""
_ACTUAL = """
SELECT status, currency, deals, deals_with_amount, deals_without_amount, amount_total, amount_mean, oldest_updated_at,
       newest_updated_at
FROM deal_pipeline ORDER BY status, currency
"""


@pytest.fixture
def crm(marts: Marts) -> Marts:
    """A CRM with one customer, who has no deal yet."""
    marts.add_wearer(1)
    return marts


def add_deal(marts: Marts, status: str, amount: object, currency: str = "EUR", updated_at: str = "2026-02-01") -> None:
    marts.crm(
        "INSERT INTO crm.deals (customer_id, status, amount, currency, created_at, updated_at) "
        "VALUES (1, %s, %s, %s, '2026-01-01Z', %s)",
        status,
        amount,
        currency,
        at(updated_at),
    )


def in_postgres(marts: Marts) -> list[tuple[Any, ...]]:
    with psycopg.connect(marts.settings.crm_database_url) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(_EXPECTED.encode()).fetchall()
    return rows


def test_seeded_deals_equal_an_aggregate_made_in_postgresql(marts: Marts) -> None:
    seed(
        marts.settings.crm_database_url,
        marts.settings.telemetry_database_url,
        customers=200,
        days=2,
        events_per_day=10,
        seed=7,
        last_day=date(2026, 2, 28),
        now=datetime(2026, 4, 1, tzinfo=UTC),
    )
    outcome = marts.build_deals()
    expected = in_postgres(marts)
    assert marts.query(_ACTUAL) == expected
    assert (outcome.rows, outcome.source_rows) == (len(expected), sum(row[2] for row in expected))
    assert sum(row[4] for row in expected) > 20
    assert len({row[1] for row in expected}) == 4


def test_huge_and_negative_amounts_stay_exact(crm: Marts) -> None:
    for amount in ("9999999999999999.99", "9999999999999999.98", "0.01"):
        add_deal(crm, "won", amount)
    for amount in ("-1.00", "-0.50", "0.25"):
        add_deal(crm, "lost", amount)
    crm.build_deals()
    assert crm.query(_ACTUAL) == in_postgres(crm)
    assert crm.query("SELECT amount_total FROM deal_pipeline WHERE status = 'won'") == [
        (Decimal("19999999999999999.98"),)
    ]


def test_a_deal_without_an_amount_is_counted_apart_and_never_taken_for_zero(crm: Marts) -> None:
    add_deal(crm, "new", None)
    add_deal(crm, "won", None)
    add_deal(crm, "won", "NaN")
    add_deal(crm, "won", "10.00")
    add_deal(crm, "won", "0.00")
    crm.build_deals()
    counts = "SELECT status, deals, deals_with_amount, deals_without_amount, amount_total, amount_mean"
    assert crm.query(f"{counts} FROM deal_pipeline ORDER BY status") == [
        ("new", 1, 0, 1, None, None),
        ("won", 4, 2, 2, Decimal(10), Decimal(5)),
    ]


def test_currencies_are_never_added_up(crm: Marts) -> None:
    for currency in ("EUR", "USD", "KZT"):
        add_deal(crm, "won", "1.10", currency)
    crm.build_deals()
    assert crm.query("SELECT currency, amount_total FROM deal_pipeline ORDER BY currency") == [
        (currency, Decimal("1.10")) for currency in ("EUR", "KZT", "USD")
    ]


def test_the_watermark_is_the_newest_change(crm: Marts) -> None:
    add_deal(crm, "won", 1, updated_at="2026-02-03T04:05:06.789012")
    add_deal(crm, "lost", 1, updated_at="2026-02-02")
    crm.build_deals()
    assert current(crm.warehouse, "deal_pipeline")[EPOCH].watermark == at("2026-02-03T04:05:06.789012")


def test_a_crm_without_deals_is_published_empty_and_replaces_what_was_there(crm: Marts) -> None:
    add_deal(crm, "won", 1)
    crm.build_deals()
    crm.crm("DELETE FROM crm.deals")
    assert crm.build_deals().rows == 0
    assert crm.query("SELECT * FROM deal_pipeline") == []
    assert current(crm.warehouse, "deal_pipeline")[EPOCH].rows == 0


def test_a_build_that_lost_a_row_is_rejected(crm: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.build_deals()
    add_deal(crm, "won", 1)
    monkeypatch.setattr(crm.warehouse, "insert_rows", lambda *_: None)
    with pytest.raises(BuildRejected, match="1 deals were read and 0 are in what was written"):
        crm.build_deals()
    assert crm.query("SELECT * FROM deal_pipeline") == []
