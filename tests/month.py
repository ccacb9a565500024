"""Fixtures of the tests of figures: a seeded month, its recomputation, and the API that serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import polars as pl
import pytest
from litestar.testing import TestClient

from api.app import build_app
from resources.migrations import migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack.seed import seed
from tests import recompute
from tests.api.world import ISSUER, Issuer
from tests.assets.conftest import Marts
from tests.cells import Downloads
from tests.periods import LAST, SINCE, UNTIL


@pytest.fixture(scope="session")
def month(fresh_settings: Callable[[], Settings]) -> Iterator[Marts]:
    """A seeded month, every mart built; read only."""
    settings = fresh_settings()
    migrate(settings)
    seed(
        settings.crm_database_url,
        settings.telemetry_database_url,
        customers=40,
        days=28,
        events_per_day=2_000,
        seed=7,
        last_day=LAST,
        now=datetime(2026, 4, 1, tzinfo=UTC),
    )
    with Warehouse(settings) as warehouse:
        marts = Marts(settings, warehouse)
        marts.build_customers()
        marts.build_all(SINCE, UNTIL)
        marts.build_deals()
        marts.build_audit(SINCE, UNTIL)
        yield marts


@pytest.fixture(scope="session")
def events(month: Marts) -> pl.DataFrame:
    """Every source event of the month, attributed and judged by the recomputation."""
    return recompute.events(month.settings.crm_database_url, month.settings.telemetry_database_url)


@pytest.fixture(scope="session")
def wearers(month: Marts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Downloads]:
    """Everyone in the CRM, with or without a prosthesis."""
    issuer = Issuer()
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_bytes(issuer.key_set())
    trusting = msgspec.structs.replace(month.settings, reports_jwks=str(keys), reports_token_issuer=ISSUER)
    customers = {
        int(str(user_id)): UUID(str(uuid))
        for user_id, uuid in month.query("SELECT user_id, user_uuid FROM crm_customers")
    }
    with TestClient(build_app(trusting, wait_s=60)) as client:
        yield Downloads(client, issuer, customers)
