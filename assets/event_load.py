"""Loading events: batches are checked, attributed and sent while another thread reads those that come next."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import Any

import polars as pl

from assets.soundness import DEPARTED, attribute, mark_departed, with_reason
from resources.publications import EPOCH, naive
from resources.sql import statement
from resources.warehouse import Warehouse

_AHEAD = 4
"""Batches that are read before they are asked for, while the server is busy with what it got."""

_SET_APART_AT_ONCE = 10_000
"""Events that wait to be written to the quarantine: each insert is synced, which takes longer than a few rows do."""

_OPTIONAL = ("response_time_ms", "latitude", "longitude")

_KEPT_OF_DEPARTED = frozenset({"id", "event_time", "saved_ts", "reason", "build_id"})

_OLDEST = naive(datetime.fromisoformat("1900-01-01T00:00:00Z"))
"""The oldest instant that ClickHouse holds; older ones are set apart with this one in their place."""


def load(
    warehouse: Warehouse,
    batches: Iterable[pl.DataFrame],
    build_ids: dict[datetime, int],
    owners: pl.DataFrame,
    first_day: datetime,
) -> None:
    """Write `batches` of source rows under the build of their segment; what is not sound goes to quarantine.

    `build_ids` is by segment, `first_day` is UTC. Raises `WarehouseError`.
    """
    builds = pl.DataFrame(
        {"segment": [naive(segment) for segment in build_ids], "build_id": list(build_ids.values())},
        schema={"segment": pl.Datetime("us"), "build_id": pl.UInt64},
    )
    departed = read_departed(warehouse)
    with closing(_ahead(batches)) as coming:
        checked = _checked(coming, builds, owners, departed, naive(first_day))
        warehouse.insert("builds/telemetry_events", _sound(warehouse, checked))


def _ahead(batches: Iterable[pl.DataFrame]) -> Generator[pl.DataFrame]:
    """`batches`, some of which another thread reads before they are asked for; it is gone once this is closed."""
    coming = iter(batches)
    with ThreadPoolExecutor(max_workers=1) as reader:
        read = deque(reader.submit(next, coming, None) for _ in range(_AHEAD))
        try:
            while (batch := read.popleft().result()) is not None:
                read.append(reader.submit(next, coming, None))
                yield batch
        finally:
            reader.shutdown(cancel_futures=True)


def read_owners(warehouse: Warehouse, owners_build: int) -> pl.DataFrame:
    """Who wears which chip when, sorted by `valid_from`; instants are UTC, without a zone."""
    return _by_start(pl.DataFrame(warehouse.arrow("reads/owners", owners=owners_build)))


def read_departed(warehouse: Warehouse) -> pl.DataFrame:
    """When which chip, by its digest, belonged to people who have left, sorted by `valid_from`; instants as above."""
    return _by_start(pl.DataFrame(warehouse.arrow("reads/departed_chips")))


def _by_start(intervals: pl.DataFrame) -> pl.DataFrame:
    return intervals.with_columns(pl.col("valid_from", "valid_to").dt.replace_time_zone(None)).sort("valid_from")


def _checked(
    batches: Iterable[pl.DataFrame],
    builds: pl.DataFrame,
    owners: pl.DataFrame,
    departed: pl.DataFrame,
    first_day: datetime,
) -> Iterator[pl.DataFrame]:
    hour = pl.col("event_time").dt.truncate("1h")
    segment = pl.when(pl.col("event_time") < first_day).then(pl.lit(naive(EPOCH))).otherwise(hour)
    for batch in batches:
        reasoned = with_reason(mark_departed(attribute(batch, owners), departed), first_day)
        yield reasoned.with_columns(segment=segment).join(builds, on="segment", how="left")


def _sound(warehouse: Warehouse, checked: Iterable[pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """What goes to the mart; what does not is written to the quarantine on the way, many rows at a time."""
    set_apart: list[tuple[Any, ...]] = []
    for batch in checked:
        # As rows at once: what is filtered from a frame may keep all of its strings in memory.
        set_apart += _to_keep(batch.filter(pl.col("reason").is_not_null())).rows()
        if len(set_apart) >= _SET_APART_AT_ONCE:
            warehouse.insert_rows("builds/quarantine", set_apart)
            set_apart = []
        sound = batch.filter(pl.col("reason").is_null())
        if sound.height:
            yield _coded(sound)
    if set_apart:
        warehouse.insert_rows("builds/quarantine", set_apart)


def _to_keep(set_apart: pl.DataFrame) -> pl.DataFrame:
    """The columns of the quarantine: of people who have left only that there was an event, and when."""
    columns = statement("builds/quarantine").columns
    told = [name for name in columns if name not in _KEPT_OF_DEPARTED]
    return set_apart.select(columns).with_columns(
        pl.max_horizontal("event_time", pl.lit(_OLDEST)).alias("event_time"),
        pl.when(pl.col("reason") != DEPARTED).then(pl.col(*told)).name.keep(),
    )


def arrays(frame: pl.DataFrame) -> dict[str, Any]:
    """The columns as numpy arrays, strings as Python objects, as the driver wants them."""
    return {column.name: column.to_numpy() for column in frame}


def _coded(frame: pl.DataFrame) -> dict[str, Any]:
    """The columns as numpy arrays; strings coded, instants in microseconds: the driver only copies."""
    from resources.coded import coded  # noqa: PLC0415 - it loads pandas

    wanted = frame.select(statement("builds/telemetry_events").columns)
    plain = wanted.with_columns(_nan_for_null(), pl.selectors.datetime().to_physical())
    return {column.name: coded(column) if column.dtype == pl.String else column.to_numpy() for column in plain}


def _nan_for_null() -> pl.Expr:
    return pl.col(*_OPTIONAL).fill_null(float("nan"))
