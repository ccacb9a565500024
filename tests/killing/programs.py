"""What runs do, by name. Each is what one run of Dagster would do, without Dagster around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from assets import derived, orphans
from assets.collection import collect
from resources import source
from resources.retention import expire
from tests.assets.conftest import Marts
from tests.killing.jobs import Job


def customers(marts: Marts, _: Job) -> None:
    """The CRM's people, and who wears what."""
    marts.build_customers()


def telemetry(marts: Marts, job: Job) -> None:
    """Events, stats and daily reports of some days."""
    marts.build_all(job.since, job.until)


def pieces(marts: Marts, job: Job) -> None:
    """The same in many small batches, published in several pieces, as a long backfill is."""
    source.BATCH_BYTES = 2_048
    derived.CHUNK_ROWS = 8
    marts.build_all(job.since, job.until)


def audit(marts: Marts, job: Job) -> None:
    """Some days of the audit trail."""
    marts.build_audit(job.since, job.until)


def deals(marts: Marts, _: Job) -> None:
    """The deals."""
    marts.build_deals()


def everything(marts: Marts, job: Job) -> None:
    """All six marts."""
    customers(marts, job)
    telemetry(marts, job)
    deals(marts, job)
    audit(marts, job)


def collection(marts: Marts, job: Job) -> None:
    """What the nightly collection removes."""
    expire(marts.warehouse, marts.settings)
    orphans.remove(marts.warehouse)
    collect(marts.warehouse, datetime.now(UTC) - job.superseded_before)


def departure(marts: Marts, job: Job) -> None:
    """Somebody left: load the CRM, remove their rows, build their days again."""
    customers(marts, job)
    orphans.remove(marts.warehouse)
    telemetry(marts, job)


PROGRAMS: dict[str, Callable[[Marts, Job], None]] = {
    program.__name__: program
    for program in (customers, telemetry, pieces, audit, deals, everything, collection, departure)
}
