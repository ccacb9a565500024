"""The command `reports-refresh-views`: the aggregate marts built now, in this process, without Dagster."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import msgspec
import typer

from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse
from stack import tables
from stack.errors import StackError
from stack.terminal import OUT, commands, run
from stack.whereabouts import servers

MARTS = ("deal_pipeline", "audit_activity")


class Refreshed(msgspec.Struct, frozen=True):
    """A mart as it is now published, and how long building it took."""

    mart: str
    rows: int
    seconds: float


app = commands()


def main() -> None:
    """Entry point."""
    run(app)


@app.command()
def refresh_views(
    marts: Annotated[list[str] | None, typer.Argument(metavar="[MART]...", help=", ".join(MARTS))] = None,
) -> None:
    """Build aggregate marts now, and print their rows and seconds.

    A Dagster run of the same mart at the same time does no harm: whichever read the newer source stays published.
    """
    wanted = _known(marts or MARTS)
    refreshed = list(refresh(servers(os.environ), wanted))
    tables.show(OUT, Refreshed.__struct_fields__, [msgspec.structs.astuple(each) for each in refreshed])


def refresh(settings: Settings, marts: Sequence[str]) -> Iterator[Refreshed]:
    """Build each of `marts` and tell of it once it is published. Raises what the builds raise."""
    run_id = f"refresh-{uuid4()}"
    builds = {"deal_pipeline": _deals, "audit_activity": _audit}
    with Warehouse(settings) as warehouse:
        for mart in marts:
            began = time.monotonic()
            rows = builds[mart](settings, warehouse, run_id)
            yield Refreshed(mart, rows, round(time.monotonic() - began, 3))


def _known(marts: Sequence[str]) -> list[str]:
    """`marts`, each once. Raises `StackError` that names what there is."""
    if unknown := sorted(set(marts) - set(MARTS)):
        raise StackError(f"There is no aggregate mart {', '.join(unknown)}; there are {', '.join(MARTS)}.")
    return list(dict.fromkeys(marts))


def _deals(settings: Settings, warehouse: Warehouse, run_id: str) -> int:
    from assets.deal_pipeline import build_deals  # noqa: PLC0415 - dagster takes a second, and a mistake is told at once

    with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as source:
        return build_deals(warehouse, source, run_id).rows


def _audit(settings: Settings, warehouse: Warehouse, run_id: str) -> int:
    """Every day that Dagster has a partition for; only those that changed are read."""
    from assets.audit_activity import AuditBuild  # noqa: PLC0415 - as in `_deals`
    from assets.partitions import Window, midnight  # noqa: PLC0415 - as in `_deals`
    from resources.publications import DAY  # noqa: PLC0415 - as in `_deals`

    window = Window(midnight(settings.reports_first_day), midnight(datetime.now(UTC).date()) + DAY)
    with snapshot(settings.crm_database_url, settings.reports_audit_schema, "CRM_DATABASE_URL") as source:
        return AuditBuild(warehouse, source, run_id, lambda _: None).materialize(window).rows


if __name__ == "__main__":
    main()
