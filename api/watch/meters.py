"""What the API counts and measures, declared once: the exposition, `docs/metrics.md` and its test are made from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

BOUNDS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0)
"""Upper bounds of the classes of durations: closest where the promises are (3 ms remembered, 30 ms read)."""


class Meter(msgspec.Struct, frozen=True):
    """One metric. `over_workers` says what several processes that answer together have."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()
    over_workers: Literal["sum", "max", "min"] = "sum"


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What a process has of one metric with these labels: a value, or a histogram's sum and the count of each class."""

    meter: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


METERS = {
    meter.name: meter
    for meter in (
        Meter("reports_build_info", "gauge", "1, with what runs.", ("version", "python"), over_workers="max"),
        Meter("reports_workers", "gauge", "Processes that answer."),
        Meter("reports_http_requests_total", "counter", "Requests that were answered.", ("method", "route", "status")),
        Meter(
            "reports_http_request_duration_seconds",
            "histogram",
            "From a request to the last byte of its answer.",
            ("method", "route"),
        ),
        Meter("reports_http_response_bytes_total", "counter", "Bytes of bodies, as sent.", ("method", "route")),
        Meter("reports_http_requests_in_progress", "gauge", "Requests that are being answered."),
        Meter("reports_http_responses_broken_off_total", "counter", "Answers that ended in their midst.", ("route",)),
        Meter("reports_remembered_hits_total", "counter", "Answers that were remembered.", ("memory",)),
        Meter("reports_remembered_misses_total", "counter", "Answers that were not.", ("memory",)),
        Meter("reports_remembered_entries", "gauge", "What is remembered now.", ("memory",)),
        Meter("reports_remembered_bytes", "gauge", "Memory that this takes.", ("memory",)),
        Meter("reports_warehouse_connections", "gauge", "Connections of the pool: in_use or idle.", ("state",)),
        Meter("reports_waiting_requests", "gauge", "Requests that wait for a thread."),
        Meter("reports_shed_requests_total", "counter", "Requests refused because there were too many at once."),
        Meter("reports_limited_requests_total", "counter", "Requests refused because their caller sent too many."),
        Meter("reports_refused_tokens_total", "counter", "Requests refused for want of a token that is taken."),
        Meter(
            "reports_keys_read_timestamp_seconds",
            "gauge",
            "When the issuer's keys were last read.",
            over_workers="min",
        ),
        Meter(
            "reports_publications_looked_timestamp_seconds",
            "gauge",
            "When the warehouse last told what is published; every second, while it answers.",
            over_workers="min",
        ),
        Meter("reports_warehouse_up", "gauge", "1 while the warehouse answers, else 0.", over_workers="min"),
        Meter(
            "reports_mart_published_timestamp_seconds",
            "gauge",
            "When the newest build of a mart was published.",
            ("mart",),
            over_workers="min",
        ),
        Meter(
            "reports_mart_watermark_timestamp_seconds",
            "gauge",
            "Newest source time in a mart.",
            ("mart",),
            over_workers="min",
        ),
        Meter(
            "reports_mart_complete_timestamp_seconds",
            "gauge",
            "When a mart last held all that its source had.",
            ("mart",),
            over_workers="min",
        ),
        Meter(
            "reports_mart_late_after_seconds",
            "gauge",
            "How long after it was complete a mart is late.",
            ("mart",),
            over_workers="max",
        ),
        Meter(
            "reports_mart_stale_after_seconds",
            "gauge",
            "How long after it was complete a mart is stale.",
            ("mart",),
            over_workers="max",
        ),
        Meter(
            "reports_mart_waiting_segments",
            "gauge",
            "Hours, days or snapshots of a mart that wait to be built.",
            ("mart", "reason"),
            over_workers="max",
        ),
        Meter(
            "reports_mart_waiting_since_timestamp_seconds",
            "gauge",
            "Since when it is known that the oldest of these must be built.",
            ("mart",),
            over_workers="min",
        ),
        Meter("reports_dirty_days", "gauge", "Days of telemetry of which anything waits.", over_workers="max"),
        Meter("reports_mart_rows", "gauge", "Rows that are published.", ("mart",), over_workers="max"),
        Meter(
            "reports_quarantined_rows",
            "gauge",
            "Events that are set apart instead of published.",
            ("reason",),
            over_workers="max",
        ),
        Meter(
            "reports_mart_differences",
            "gauge",
            "Builds that reconciliation found to differ, and that are not built again yet.",
            ("mart", "reason"),
            over_workers="max",
        ),
        Meter(
            "reports_mart_verified_timestamp_seconds",
            "gauge",
            "When days of a mart were last compared with its source row by row.",
            ("mart",),
            over_workers="min",
        ),
        Meter(
            "reports_warehouse_disk_free_bytes",
            "gauge",
            "What is free on a disk of the warehouse.",
            ("disk",),
            over_workers="min",
        ),
        Meter("reports_warehouse_disk_size_bytes", "gauge", "How large that disk is.", ("disk",), over_workers="max"),
        Meter("process_cpu_seconds_total", "counter", "Processor time of the processes that answer."),
        Meter("process_resident_memory_bytes", "gauge", "Memory of the processes that answer."),
        Meter("process_open_fds", "gauge", "Open files and sockets of the processes that answer."),
        Meter("process_start_time_seconds", "gauge", "When the oldest of these processes began.", over_workers="min"),
    )
}


def merged(processes: Iterable[Iterable[Reading]]) -> list[Reading]:
    """The readings of several processes as one."""
    found: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}
    for readings in processes:
        for reading in readings:
            key = (reading.meter, reading.labels)
            known = found.get(key)
            found[key] = reading.values if known is None else _together(reading.meter, known, reading.values)
    return [Reading(meter, labels, values) for (meter, labels), values in found.items()]


def _together(meter: str, one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    pairs = zip(one, other, strict=True)
    match METERS[meter].over_workers:
        case "sum":
            return tuple(sum(pair) for pair in pairs)
        case "max":
            return tuple(max(pair) for pair in pairs)
        case "min":
            return tuple(min(pair) for pair in pairs)
