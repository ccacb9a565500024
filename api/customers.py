"""Who a caller is at the CRM, and whose reports a caller may read."""

from __future__ import annotations

import re
import sys
from uuid import UUID

from api.auth import Caller
from api.errors import FieldProblem, Forbidden, Invalid, NotFound
from api.memory import Memory
from api.schemas import User
from resources.warehouse import WarehousePool

MOST_BYTES = 8 << 20
"""What each process remembers of customers: some ten thousand of them."""
_CUSTOMER_BYTES = 500

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
KEY = r"^(0|[1-9][0-9]{0,18}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"
"""Both of them, for the OpenAPI document."""


class Customers:
    """Customers by number or UUID. A build never changes, so what was found in one (or not) is remembered."""

    def __init__(self, pool: WarehousePool, *, remembered_s: int) -> None:
        """Remember no look-up for longer than `remembered_s`."""
        self._pool = pool
        self._found: Memory[tuple[int, int | UUID], tuple[User | None]] = Memory(
            seconds=remembered_s, most_bytes=MOST_BYTES, largest_bytes=MOST_BYTES
        )

    def own(self, build_id: int, caller: Caller) -> User:
        """The caller as a customer. Raises `NotFound` where the caller is none."""
        customer = self._find(build_id, caller.user_uuid)
        if customer is None:
            raise NotFound("Your account does not belong to a customer, so it has no reports.")
        return customer

    def readable(self, build_id: int, caller: Caller, wanted: int | UUID) -> User:
        """The customer `wanted`, where the caller may read it.

        Raises `Forbidden` for another's, existing or not and without having looked; `NotFound` for a reader.
        """
        if caller.reads_all:
            customer = self._find(build_id, wanted)
            if customer is None:
                raise NotFound("There is no such customer.")
            return customer
        if wanted == caller.user_uuid:
            return self.own(build_id, caller)
        customer = self._find(build_id, caller.user_uuid)
        if customer is None or customer.user_id != wanted:
            raise Forbidden("You may read your own reports only.")
        return customer

    def then(self, build_id: int, customer: User) -> User:
        """The same person in an older build, perhaps by another name. Raises `NotFound` where it has nobody such."""
        found = self._find(build_id, customer.user_id)
        # A number that was somebody else's then leads to somebody else's reports.
        if found is None or found.user_uuid != customer.user_uuid:
            raise NotFound("There was no such customer then.")
        return found

    def _find(self, build_id: int, wanted: int | UUID) -> User | None:
        found = self._found.get((build_id, wanted))
        if found is None:
            found = (self._look_up(build_id, wanted),)
            name = found[0].name if found[0] else ""
            self._found.put((build_id, wanted), found, _CUSTOMER_BYTES + sys.getsizeof(name))
        return found[0]

    def _look_up(self, build_id: int, wanted: int | UUID) -> User | None:
        """Ask the warehouse's memory, then the build itself."""
        if isinstance(wanted, UUID):
            questions, key = ("reads/customer_in_memory_by_uuid", "reads/customer_by_uuid"), "user_uuid"
        else:
            questions, key = ("reads/customer_in_memory_by_number", "reads/customer_by_number"), "user_id"
        with self._pool.connection() as warehouse:
            for question in questions:
                for number, uuid, name, *_ in warehouse.rows(question, **{"build_id": build_id, key: wanted}):
                    return User(user_id=number, user_uuid=uuid, name=name)
        return None


def customer_key(user_id: str) -> int | UUID:
    """A `user_id` of a path: the CRM's number, or a UUID. Raises `Invalid`."""
    if _NUMBER.fullmatch(user_id):
        return int(user_id)
    if _UUID.fullmatch(user_id):
        return UUID(user_id)
    raise Invalid(FieldProblem("user_id", "Is neither a CRM number nor a UUID"))
