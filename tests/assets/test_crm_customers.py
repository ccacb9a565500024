"""Customers from memory: what a snapshot says, from the moment it is published, whoever publishes beside it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from assets.crm_customers import swap_lookups
from resources.publications import EPOCH, current
from tests.assets.conftest import Marts


def current_build(marts: Marts) -> int:
    return current(marts.warehouse, "crm_customers")[EPOCH].build_id


def known(marts: Marts, user_id: int, build_id: int | None = None) -> list[tuple[object, ...]]:
    build_id = build_id or current_build(marts)
    return marts.warehouse.rows("reads/customer_in_memory_by_number", build_id=build_id, user_id=user_id)


def test_memory_answers_as_the_published_build_does(marts: Marts) -> None:
    marts.add_wearer(1)
    marts.add_wearer(2)
    marts.build_customers()
    for user_id, user_uuid, name, email in marts.query("SELECT user_id, user_uuid, name, email FROM crm_customers"):
        given = {"build_id": current_build(marts), "user_uuid": user_uuid}
        expected = [(user_id, user_uuid, name, email)]
        assert marts.warehouse.rows("reads/customer_in_memory_by_uuid", **given) == expected
        assert known(marts, int(str(user_id))) == expected
        asked = marts.warehouse.rows("reads/customer_by_number", build_id=given["build_id"], user_id=user_id)
        assert asked == [expected[0][:3]]


def test_who_is_unknown_or_asked_of_another_build_is_not_found(marts: Marts) -> None:
    marts.add_wearer(1)
    marts.build_customers()
    assert known(marts, 2) == []
    assert known(marts, 1, current_build(marts) + 1) == []
    given = {"build_id": current_build(marts), "user_uuid": uuid4()}
    assert marts.warehouse.rows("reads/customer_in_memory_by_uuid", **given) == []


def test_a_new_snapshot_is_swapped_in_and_who_left_is_gone_from_memory(marts: Marts) -> None:
    marts.add_wearer(1)
    marts.add_wearer(2)
    marts.build_customers()
    marts.remove_wearer(2)
    marts.crm("UPDATE crm.customers SET name = 'Ada'")
    marts.build_customers()
    assert known(marts, 1)[0][2] == "Ada"
    assert known(marts, 2) == []
    assert marts.query("SELECT count() FROM crm_customers_by_uuid") == [(1,)]


def test_a_snapshot_published_during_the_swap_is_what_memory_holds_in_the_end(
    marts: Marts, monkeypatch: pytest.MonkeyPatch
) -> None:
    marts.add_wearer(1)
    marts.build_customers()
    run = marts.warehouse.run
    swapped: list[str] = []

    def run_and_interfere(name: str, /, **parameters: object) -> None:
        run(name, **parameters)
        swapped.append(name)
        if len(swapped) == 1:
            monkeypatch.setattr(marts.warehouse, "run", run)
            marts.add_wearer(2)
            marts.build_customers()
            monkeypatch.setattr(marts.warehouse, "run", run_and_interfere)
            run("tables/0019_crm_customers_by_number")

    monkeypatch.setattr(marts.warehouse, "run", run_and_interfere)
    swap_lookups(marts.warehouse)
    assert len(swapped) == 4
    assert len(known(marts, 2)) == 1
