"""The steps between empty servers and a stack that answers with reports; each is a process, `python -m stack.bootstrap STEP`.

`prepare` runs at each start, `seed` and `materialize` until they have succeeded once.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from resources.errors import ReportsError
from resources.settings import Settings, read_settings
from stack import sources
from stack.home import Home

CUSTOMERS, DAYS, EVENTS_PER_DAY, SEED = 200, 30, 10_000, 1


def prepare(settings: Settings) -> None:
    """Databases, source tables and warehouse tables, where they are missing and ours to make."""
    from resources.migrations import migrate  # noqa: PLC0415 - the other steps need not load it
    from stack import lineup, postgres  # noqa: PLC0415

    own = lineup.embedded(_outside(settings), {})
    _ = own, postgres
    sources.create(settings.crm_database_url, settings.telemetry_database_url)
    _say(f"{len(migrate(settings))} tables and views are there")
