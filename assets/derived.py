"""Marts made from marts in the warehouse: verify what a statement wrote, publish it, bound how much one takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from assets.partitions import Window
from resources.errors import BuildRejected
from resources.freshness import complete
from resources.publications import EPOCH, Build, naive, publish
from resources.warehouse import Warehouse

CHUNK_ROWS = 2_000_000
"""Rows that one step reads: memory stays bounded, and a run killed half-way has published what it finished."""

Item = TypeVar("Item")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A build that is to be made of one segment, and the `movements` that its sums must count in all."""

    segment: datetime
    build_id: int
    source_seq: int
    movements: int
    inputs: tuple[int, ...]


def publish_verified(warehouse: Warehouse, mart: str, plans: list[Plan], window: Window, run_id: str) -> list[Build]:
    """Publish the builds that `plans` asked for, as the warehouse holds them.

    Raises `BuildRejected`, and publishes nothing, where one of them does not count what it was made from.
    """
    found = warehouse.rows(
        f"reads/{mart}_totals",
        builds=[plan.build_id for plan in plans],
        since=naive(window.since),
        until=naive(window.until),
    )
    totals = {build_id: counts for build_id, *counts in found}
    builds = []
    for plan in plans:
        rows, movements, checksum, watermark = totals.get(plan.build_id, (0, 0, 0, naive(EPOCH)))
        if movements != plan.movements:
            raise BuildRejected(
                f"{mart}: the sums from {plan.segment:%Y-%m-%d %H:%M} UTC on count {movements} events where their "
                f"source has {plan.movements}. Nothing of it was published; materialize the day again."
            )
        builds.append(
            Build(
                mart=mart,
                segment=plan.segment,
                build_id=plan.build_id,
                source_seq=plan.source_seq,
                rows=rows,
                checksum=checksum,
                watermark=watermark.replace(tzinfo=UTC),
                inputs=plan.inputs,
            )
        )
    publish(warehouse, builds, run_id)
    return builds


def complete_like(warehouse: Warehouse, mart: str, complete_at: datetime | None, window: Window) -> None:
    """Write down that `mart` is as complete as what it was made from, unless `window` was only of days before that."""
    if complete_at is not None and window.reaches(complete_at):
        complete(warehouse, [mart], complete_at)


def chunks(items: Iterable[Item], rows: Callable[[Item], int]) -> Iterator[list[Item]]:
    """`items` in order, in lists of about `CHUNK_ROWS` rows or fewer, none split."""
    chunk: list[Item] = []
    total = 0
    for item in items:
        chunk.append(item)
        total += rows(item)
        if total >= CHUNK_ROWS:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk
