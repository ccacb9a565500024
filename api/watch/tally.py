"""Requests counted where they are answered, in plain numbers: a library's counters cost ten times as much."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from api.watch.meters import BOUNDS_S, Reading

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REFUSALS = {"reports_refused_tokens_total": 401, "reports_limited_requests_total": 429}
"""Statuses that mean one thing whatever the route."""


class _Cell:
    """Requests of one method, route and status."""

    __slots__ = ("classes", "seconds", "sent")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sent = 0
        self.classes = [0] * (len(BOUNDS_S) + 1)


class Tally:
    """What one process answered; written by its event loop only, read by any thread."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.in_progress = 0
        self._cells: dict[tuple[str, str, int], _Cell] = {}
        self._broken: dict[str, int] = defaultdict(int)

    def add(self, method: str, route: str, status: int, seconds: float, sent: int) -> None:
        """A request that was answered."""
        try:
            cell = self._cells[method, route, status]
        except KeyError:
            # Anyone may make a method up, and each would be remembered for ever.
            key = (method if method in METHODS else "other", route, status)
            cell = self._cells.setdefault(key, _Cell())
        cell.seconds += seconds
        cell.sent += sent
        cell.classes[bisect_left(BOUNDS_S, seconds)] += 1

    def broke_off(self, route: str) -> None:
        """An answer that ended in its midst."""
        self._broken[route] += 1

    def readings(self) -> Iterator[Reading]:
        """What was counted until now."""
        by_route: dict[tuple[str, str], list[float]] = {}
        sent: dict[tuple[str, str], float] = defaultdict(float)
        for (method, route, status), cell in list(self._cells.items()):
            classes = list(cell.classes)
            yield Reading("reports_http_requests_total", (method, route, str(status)), (float(sum(classes)),))
            total = by_route.setdefault((method, route), [0.0] * (len(classes) + 1))
            by_route[method, route] = [a + b for a, b in zip(total, [cell.seconds, *classes], strict=True)]
            sent[method, route] += cell.sent
        for meter, status in _REFUSALS.items():
            refused = sum(sum(cell.classes) for key, cell in list(self._cells.items()) if key[2] == status)
            yield Reading(meter, (), (float(refused),))
        for labels, values in by_route.items():
            yield Reading("reports_http_request_duration_seconds", labels, tuple(values))
            yield Reading("reports_http_response_bytes_total", labels, (sent[labels],))
        for route, count in list(self._broken.items()):
            yield Reading("reports_http_responses_broken_off_total", (route,), (float(count),))
        yield Reading("reports_http_requests_in_progress", (), (float(self.in_progress),))
