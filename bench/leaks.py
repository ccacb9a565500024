"""random questions of many people, and whether any answer held anything of anybody else's"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from resources.settings import Settings
from tests.api.conftest import empty_marts
from tests.api.world import ISSUER, Issuer
from tests.attacks.crowd import people, publish_all
from tests.attacks.door import opened
from tests.attacks.leaking import Found, ask_all
from tests.attacks.wishes import Askers
from tests.engines import clickhouse_server, home_folder

CASES = 100_000
SEED = 6
PEOPLE = 12
_WAREHOUSE = "warehouse_1"
_TELLS_AT_MOST = 20


def measure(cases: int = CASES) -> dict[str, float]:
    """Ask so many questions in this process; raises `SystemExit` where an answer held what it should not."""
    issuer = Issuer()
    with TemporaryDirectory(prefix="reports-keys-") as keys, home_folder() as folder:
        file = Path(keys) / "keys.json"
        file.write_bytes(issuer.key_set())
        with clickhouse_server(folder, [_WAREHOUSE]) as server:
            settings = Settings(
                clickhouse_port=server.port,
                clickhouse_user=server.user,
                clickhouse_password=server.password,
                clickhouse_reader_user=server.reader.user,
                clickhouse_reader_password=server.reader.password,
                clickhouse_database=_WAREHOUSE,
                reports_retention_days=0,
                reports_rate_limit=0,
                reports_jwks=str(file),
                reports_token_issuer=ISSUER,
            )
            began = time.monotonic()
            found = _asked(settings, issuer, cases)
            seconds = time.monotonic() - began
    if found.leaks:
        for leak in found.leaks[:_TELLS_AT_MOST]:
            Console().print(leak, markup=False)
        raise SystemExit(f"{len(found.leaks)} of {cases} answers held what they should not.")
    return {
        "cases": cases,
        "leaks": len(found.leaks),
        **{f"answered_{status}": count for status, count in sorted(found.statuses.items())},
        "cases_per_second": round(cases / seconds),
    }


def _asked(settings: Settings, issuer: Issuer, cases: int) -> Found:
    crowd = people(PEOPLE)
    columns = ("asked", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with empty_marts(settings) as marts, Progress(*columns, console=Console(stderr=True)) as progress:
        publish_all(marts, crowd, SEED)
        shown = progress.add_task("asked", total=cases)

        async def ask() -> Found:
            async with opened(settings) as door:
                askers = Askers(crowd, issuer, SEED)
                return await ask_all(
                    door, marts, crowd, askers, cases=cases, tell=lambda answered: progress.advance(shown, answered)
                )

        return asyncio.run(ask())
