"""Who a caller is: asked of memory first, then of the build, and remembered for a while at most."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.auth import Caller
from api.customers import Customers
from api.errors import NotFound
from resources.warehouse import WarehousePool
from tests.api.world import ADA, ADA_UUID, CUSTOMERS, Marts

ADA_CALLING = Caller(user_uuid=ADA_UUID, roles=frozenset())


@pytest.fixture
def pool(marts: Marts) -> Iterator[WarehousePool]:
    """Connections to the warehouse of the test."""
    connections = WarehousePool(marts.settings, size=1, timeout_s=60)
    yield connections
    connections.close()


def forget(marts: Marts, build_id: int) -> None:
    """Take a build's customers out of the warehouse."""
    marts._client.execute("DELETE FROM crm_customers_builds WHERE build_id = %(build)s", {"build": build_id})


def swap_lookups(marts: Marts) -> None:
    """Have memory hold the current build."""
    for lookup in ("0019_crm_customers_by_number", "0020_crm_customers_by_uuid"):
        marts.warehouse.run(f"tables/{lookup}")


def test_a_customer_is_remembered(marts: Marts, pool: WarehousePool) -> None:
    build_id = marts.customers(CUSTOMERS).build_id
    customers = Customers(pool, remembered_s=86_400)
    assert customers.own(build_id, ADA_CALLING).user_id == ADA
    forget(marts, build_id)
    assert customers.own(build_id, ADA_CALLING).user_id == ADA


def test_nobody_is_remembered_where_the_setting_says_so(marts: Marts, pool: WarehousePool) -> None:
    build_id = marts.customers(CUSTOMERS).build_id
    customers = Customers(pool, remembered_s=0)
    assert customers.own(build_id, ADA_CALLING).user_id == ADA
    forget(marts, build_id)
    with pytest.raises(NotFound):
        customers.own(build_id, ADA_CALLING)


def test_memory_answers_for_its_own_build_only(marts: Marts, pool: WarehousePool) -> None:
    older = marts.customers(CUSTOMERS).build_id
    swap_lookups(marts)
    newer = marts.customers([(ADA, ADA_UUID, "Ada by another name")]).build_id
    customers = Customers(pool, remembered_s=0)
    assert customers.own(older, ADA_CALLING).name == "Ada"
    assert customers.own(newer, ADA_CALLING).name == "Ada by another name"
    forget(marts, older)
    assert customers.own(older, ADA_CALLING).name == "Ada"
