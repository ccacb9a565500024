"""Routes for whoever watches over this process; none of them says anything about a person."""

from __future__ import annotations

from datetime import UTC, datetime

from litestar import Router, get
from litestar.di import NamedDependency

from api.answers import Reads, alive
from api.auth import PUBLIC
from api.errors import documented
from api.published import CUSTOMERS, DAILY, watermark
from api.schemas import Health, MartHealth, Readiness
from resources.publications import Publication


@get("/", summary="The warehouse answers", response_description="It does", responses=documented(503))
async def health(reads: NamedDependency[Reads]) -> Health:
    """ClickHouse is reachable now."""
    await reads.answer(alive)
    return Health()


@get("/live", summary="The process is up", description="Asks nothing of anything else.", response_description="It is")
async def live() -> Health:
    """The process answers."""
    return Health()


@get(
    "/ready",
    summary="The marts are loaded",
    description="What is published of each mart that reports are read from, and how old its newest source time is.",
    response_description="They are",
    responses=documented(503),
)
async def ready(reads: NamedDependency[Reads]) -> Readiness:
    """The marts are loaded."""
    return await reads.answer(readiness)


def readiness(reads: Reads) -> Readiness:
    """Raises `NotPublished`, `WarehouseUnavailable`."""
    published = reads.follower.published()
    marts = {CUSTOMERS: [published.customers], DAILY: [*published.days.values()]}
    return Readiness(marts=[_mart(name, parts) for name, parts in marts.items()])


def _mart(name: str, parts: list[Publication]) -> MartHealth:
    newest = watermark(parts)
    return MartHealth(
        mart=name,
        segments=len(parts),
        published_at=max(part.published_at for part in parts),
        watermark=newest,
        age_seconds=(datetime.now(UTC) - newest).total_seconds() if newest else None,
    )


routes = Router("/health", route_handlers=[health, live, ready], opt={PUBLIC: True}, security=[{}], tags=["Health"])
