"""Who a caller is at the CRM, and whose reports a caller may read."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from uuid import UUID

from api.auth import Caller
from api.errors import FieldProblem, Forbidden, Invalid, NotFound
from api.schemas import User
from resources.warehouse import WarehousePool

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class Customers:
    """Customers by number or UUID. A build never changes, so what was found in one (or not) is remembered."""

    def __init__(self, pool: WarehousePool, *, remembered_s: int, remembered: int = 10_000) -> None:
        """Remember at most `remembered` look-ups, none for longer than `remembered_s`."""
        self._pool = pool
        self._remembered_s = remembered_s
        self._remembered = lru_cache(remembered)(self._look_up)

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

    def _find(self, build_id: int, wanted: int | UUID) -> User | None:
        if not self._remembered_s:
            return self._look_up(build_id, wanted, 0)
        return self._remembered(build_id, wanted, int(time.monotonic() / self._remembered_s))

    def _look_up(self, build_id: int, wanted: int | UUID, _period: int) -> User | None:
        """Ask the warehouse's memory, then the build itself; another `_period` is another look-up to remember."""
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
