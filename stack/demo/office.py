"""What the demo company does around its customers: deals, and the audit trail of its staff."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import NamedTuple

from stack.demo.people import Prosthesis
from stack.demo.plan import Plan

_CLOSED = ("won", "lost")
_STATUSES = ("new", "negotiation", "contract", *_CLOSED)
_CURRENCIES = ("RUB", "RUB", "EUR", "USD", "KZT")
_ACTIONS = ("create", "update", "update", "view", "view", "view", "export")


class Deal(NamedTuple):
    """A row of `crm.deals`."""

    id: int
    customer_id: int
    status: str
    amount: Decimal | None
    currency: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


class AuditEvent(NamedTuple):
    """A row of `audit.events`; `payload` is JSON text."""

    id: int
    occurred_at: datetime
    actor: str
    action: str
    entity_type: str
    entity_id: str
    payload: str


def deals(plan: Plan) -> list[Deal]:
    """About two deals a customer, some of them older than the period by up to its own length."""
    chance = plan.dice("deals")
    buyers = sorted(
        (plan.at(chance.uniform(-1, 0.95)), customer)
        for customer in range(1, plan.customers + 1)
        for _ in range(chance.randint(0, 4))
    )
    return [_deal(chance, number, buyer, created, plan) for number, (created, buyer) in enumerate(buyers, start=1)]


def _deal(chance: Random, number: int, customer: int, created: datetime, plan: Plan) -> Deal:
    status = chance.choice(_STATUSES)
    changed = created + chance.random() * (plan.end - created)
    return Deal(
        id=number,
        customer_id=customer,
        status=status,
        amount=Decimal(chance.randint(50_000, 300_000_000)) / 100 if chance.random() < 0.85 else None,
        currency=chance.choice(_CURRENCIES),
        created_at=created,
        updated_at=changed,
        closed_at=changed if status in _CLOSED else None,
    )


def audit_events(plan: Plan, deals: Sequence[Deal], worn: Sequence[Prosthesis]) -> list[AuditEvent]:
    """About four events a customer over the period, numbered in the order in which they happened."""
    chance = plan.dice("audit")
    touched = sorted(
        (plan.at(chance.random()), *entity)
        for entity in _entities(plan.customers, deals, worn)
        for _ in range(chance.randint(0, 2))
    )
    return [_audit_event(chance, number, *touch) for number, touch in enumerate(touched, start=1)]


def _entities(customers: int, deals: Sequence[Deal], worn: Sequence[Prosthesis]) -> Iterator[tuple[str, str]]:
    yield from (("customer", str(user_id)) for user_id in range(1, customers + 1))
    yield from (("deal", str(deal.id)) for deal in deals)
    yield from (("prosthesis", str(prosthesis.id)) for prosthesis in worn)


def _audit_event(chance: Random, number: int, occurred: datetime, entity_type: str, entity_id: str) -> AuditEvent:
    action = chance.choice(_ACTIONS)
    return AuditEvent(
        id=number,
        occurred_at=occurred,
        actor=f"clerk{chance.randint(1, 5):02d}",
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        payload=json.dumps({"demo": True, "channel": chance.choice(("web", "phone", "visit"))}),
    )
