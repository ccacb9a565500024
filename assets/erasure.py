"""Erasure: everything that the warehouse holds of one person who has left the CRM, removed now, with a receipt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from assets import orphans
from assets.collection import purge
from assets.crm_customers import build_customers
from resources import cluster
from resources.errors import ReportsError
from resources.publications import EPOCH, current
from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse


class ErasureRefused(ReportsError):
    """The person is not gone from the CRM, or was not named."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed of a person, and what remains; it names nobody."""

    removed: dict[str, int]
    """Rows by table, in any build. Those of the quarantine are left as events that happened."""
    left: int
    """Rows that a run wrote meanwhile, from before the person left."""
    digests: int
    """Chips of theirs that are named, by digest, in departed_chips."""
    gone_by: datetime
    """When the last file that held a removed row has left the disk at the latest (UTC)."""


def erase(settings: Settings, user: str) -> Receipt:
    """Read the CRM, and remove all rows of whoever has left it; the receipt is of `user`, a CRM number or UUID.

    Done again, it finds nothing and removes nothing. Raises `ErasureRefused`, and removes nothing, where the CRM still
    knows the person, and `NotPublished` where it knows nobody at all.
    """
    named = _named(user)
    with Warehouse(settings) as warehouse:
        with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as crm:
            build_customers(warehouse, crm, f"erase-{uuid4()}")
        users = [named] if isinstance(named, int) else _numbers(warehouse, named)
        _refuse_customers(warehouse, users)
        before, digests = _held(warehouse, users)
        orphans.remove(warehouse)
        purge(warehouse)
        after, _ = _held(warehouse, users)
        seconds = max(part.rows("reads/parts_linger")[0][0] for part in cluster.everywhere(warehouse))
    return Receipt(
        removed={table: rows - after[table] for table, rows in before.items()},
        left=sum(after.values()),
        digests=digests,
        gone_by=datetime.now(UTC) + timedelta(seconds=seconds),
    )


def _named(user: str) -> int | UUID:
    """The CRM number or the UUID that `user` is. Raises `ErasureRefused`."""
    if user.isascii() and user.isdecimal() and int(user) < 1 << 64:
        return int(user)
    try:
        return UUID(user)
    except ValueError:
        raise ErasureRefused(f"{user!r} is neither a CRM number nor a UUID.") from None


def _numbers(warehouse: Warehouse, uuid: UUID) -> list[int]:
    return [user_id for (user_id,) in warehouse.rows("reads/users_of_uuid", user_uuid=uuid)]


def _refuse_customers(warehouse: Warehouse, users: list[int]) -> None:
    build_id = current(warehouse, "crm_customers")[EPOCH].build_id
    if any(warehouse.rows("reads/customer_by_number", build_id=build_id, user_id=user) for user in users):
        raise ErasureRefused(
            "The CRM still has this customer, so nothing was removed: the next builds would bring everything back. "
            "Delete the customer in the CRM first, then run this again."
        )


def _held(warehouse: Warehouse, users: list[int]) -> tuple[dict[str, int], int]:
    """How many rows each table has of `users`, and how many chips of theirs are marked as departed."""
    held = {table: warehouse.rows("reads/rows_of_users", table=table, users=users)[0][0] for table in orphans.TABLES}
    [[set_apart, digests]] = warehouse.rows("reads/quarantine_of_users", users=users)
    return held | {orphans.QUARANTINE: set_apart}, digests
