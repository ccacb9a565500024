"""Routes for whoever watches over this process; none of them says anything about a person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from msgspec import Meta, structs

from api.auth import PUBLIC
from api.errors import documented
from api.follower import Mart
from api.reads import Reads
from resources.errors import WarehouseError, WarehouseUnavailable
from resources.freshness import State, reason


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All is well."""

    status: str = "ok"


class MartHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One mart as this process holds it."""

    mart: str
    segments: Annotated[int, Meta(description="Segments (hours, days, or a snapshot) that are published")]
    published_at: Annotated[datetime | None, Meta(description="When the newest of them was published")]
    watermark: Annotated[datetime | None, Meta(description="Newest source time")]
    age_seconds: Annotated[float | None, Meta(description="Now less the watermark")]
    complete_at: Annotated[datetime | None, Meta(description="When it last held all that its source had")]
    state: State
    reason: Annotated[str, Meta(description="Why: nothing new at the source, or a pipeline that does not keep up")]


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The marts are loaded."""

    status: Annotated[Literal["ok", "stale"], Meta(description="stale where a mart is")]
    marts: list[MartHealth]


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
    description=(
        "What is published of each mart, how old its newest source time is, and whether it keeps up with its source. A"
        " stale mart makes the status `stale`, still with a 200: what is published can be read, and ending this process"
        " would mend nothing."
    ),
    response_description="They are",
    responses=documented(503),
)
async def ready(reads: NamedDependency[Reads]) -> Readiness:
    """The marts are loaded."""
    return await reads.answer(readiness)


def alive(reads: Reads) -> None:
    """Raise `WarehouseUnavailable` where the warehouse does not answer, or lets nobody in."""
    try:
        with reads.pool.connection() as warehouse:
            warehouse.rows("reads/alive")
    except WarehouseError as error:
        raise WarehouseUnavailable("The warehouse does not let this process read.") from error


def readiness(reads: Reads) -> Readiness:
    """Raises `NotPublished`, `WarehouseUnavailable`."""
    reads.follower.published()
    marts = [_health(reads, name, mart) for name, mart in reads.follower.marts().items()]
    return Readiness(status="stale" if any(mart.state is State.STALE for mart in marts) else "ok", marts=marts)


def _health(reads: Reads, name: str, mart: Mart) -> MartHealth:
    state = reads.judge.state({name: mart.complete_at} if mart.complete_at else {}, name)
    return MartHealth(
        mart=name,
        **structs.asdict(mart),
        age_seconds=(reads.judge.now() - mart.watermark).total_seconds() if mart.watermark else None,
        state=state,
        reason=reason(state, mart.watermark, mart.complete_at),
    )


routes = Router("/health", route_handlers=[health, live, ready], opt={PUBLIC: True}, security=[{}], tags=["Health"])
