"""What was acknowledged survives power loss: every table that keeps something syncs it first."""

from __future__ import annotations

import re

from resources.migrations import migrate
from resources.settings import Settings
from resources.sql import ROOT
from resources.warehouse import Warehouse

IN_MEMORY = {"crm_customers_by_number", "crm_customers_by_uuid"}
"""Copies of a published build, made anew when the server starts and after each build."""

SYNCED = {"fsync_after_insert = 1", "fsync_part_directory = 1", "min_rows_to_fsync_after_merge = 1"}


def test_every_table_syncs_what_it_acknowledges_but_for_copies_in_memory(warehouse_settings: Settings) -> None:
    migrate(warehouse_settings)
    with Warehouse(warehouse_settings) as warehouse:
        tables = warehouse._reader.execute(
            "SELECT name, engine, create_table_query FROM system.tables "
            "WHERE database = currentDatabase() AND engine != 'View' ORDER BY name"
        )
    assert {name for name, engine, _ in tables if not engine.endswith("MergeTree")} == IN_MEMORY
    synced = {name for name, _, made in tables if settings(made) >= SYNCED}
    assert synced == {name for name, *_ in tables} - IN_MEMORY
    made_by_files = sum("ENGINE = " in path.read_text() for path in (ROOT / "tables").glob("*.sql"))
    assert len(synced) == made_by_files - len(IN_MEMORY)


def settings(create_table: str) -> set[str]:
    """The settings that a table was created with."""
    found = re.search(r"SETTINGS (.*?)(?: COMMENT|$)", create_table)
    return set(found[1].split(", ")) if found else set()
