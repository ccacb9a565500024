"""The tables and views of the warehouse, from the numbered files in `sql/tables/`."""

from __future__ import annotations

import msgspec

from resources.settings import Settings
from resources.sql import ROOT
from resources.warehouse import Warehouse


def migrate(settings: Settings) -> list[str]:
    """Create what is missing in the warehouse, never dropping anything; returns the names of the files applied."""
    with Warehouse(msgspec.structs.replace(settings, clickhouse_database="default")) as server:
        server.run("database", database=settings.clickhouse_database)
    names = [f"tables/{path.stem}" for path in sorted((ROOT / "tables").glob("*.sql"))]
    with Warehouse(settings) as warehouse:
        for name in names:
            warehouse.run(name)
    return names
