"""`GET /metrics`: what this API counts, in the text form that Prometheus reads, of all its processes together.

Every process lays its readings into a folder that the others see, once a second and whenever it is asked. What a
process counted stays there when it ends, so that totals never fall; what it only held at the moment leaves with it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.watch.meters import BOUNDS_S, METERS, Meter, Reading, merged

PERIOD_S = 1.0
_GONE_S = 10.0
"""A process that laid nothing down for so long has ended."""
_LAID = "reports-*.msgpack"

_log = logging.getLogger("api")

Source = Callable[[], Iterable[Reading]]


class Exposition:
    """The readings of this process, and of those beside it where `folder` is one."""

    def __init__(self, sources: Iterable[Source], folder: str = "") -> None:
        """Open nothing yet."""
        self._sources = [*sources, _of_process]
        self._folder = Path(folder) if folder else None
        self._name = f"reports-{uuid4().hex}.msgpack"
        self._stopped = threading.Event()
        self._laying = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to lay readings down, where there is a folder for them."""
        if self._folder is not None:
            self._thread = threading.Thread(target=self._follow, args=[self._folder], name="metrics", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Lay the last of them down."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    async def text(self, accept: str) -> tuple[bytes, str]:
        """What Prometheus reads, and its content type."""
        encode, content_type = choose_encoder(accept)
        return await asyncio.to_thread(lambda: encode(_Families(self.readings()))), content_type

    def readings(self) -> list[Reading]:
        """What all processes have."""
        own = self._own()
        if self._folder is None:
            return own
        self._lay(own, self._folder)
        others = (laid for laid in self._folder.glob(_LAID) if laid.name != self._name)
        return merged([own, *(_laid(path) for path in others)])

    def _own(self) -> list[Reading]:
        return [reading for source in self._sources for reading in source()]

    def _lay(self, readings: list[Reading], folder: Path) -> None:
        with self._laying:
            new = folder / f".{self._name}"
            new.write_bytes(msgspec.msgpack.encode(readings))
            new.replace(folder / self._name)

    def _follow(self, folder: Path) -> None:
        going = True
        while going:
            going = not self._stopped.wait(PERIOD_S)
            try:
                self._lay(self._own(), folder)
            except OSError as error:
                _log.warning("metrics cannot be laid down for the other processes: %s", type(error).__name__)


def clear(folder: Path) -> None:
    """Make the folder where there is none, and remove what processes of an earlier start laid down in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(_LAID):
        path.unlink(missing_ok=True)


def _laid(path: Path) -> list[Reading]:
    """What another process laid down; only what it counted where it has ended."""
    readings = msgspec.msgpack.decode(path.read_bytes(), type=list[Reading])
    if time.time() - path.stat().st_mtime < _GONE_S:
        return readings
    return [reading for reading in readings if METERS[reading.meter].kind != "gauge"]


_process = ProcessCollector(registry=None)


def _of_process() -> Iterator[Reading]:
    yield Reading("reports_workers", (), (1.0,))
    for family in _process.collect():
        for sample in family.samples:
            if sample.name in METERS:
                yield Reading(sample.name, (), (sample.value,))


class _Families(Collector):
    """Readings as the library wants them, in the order of their declaration."""

    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        found: dict[str, list[Reading]] = {}
        for reading in self._readings:
            found.setdefault(reading.meter, []).append(reading)
        return (_family(METERS[name], found[name]) for name in METERS if name in found)


def _family(meter: Meter, readings: list[Reading]) -> Metric:
    if meter.kind == "histogram":
        classes = HistogramMetricFamily(meter.name, meter.text, labels=meter.labels)
        for reading in readings:
            classes.add_metric(reading.labels, _buckets(reading.values[1:]), reading.values[0])
        return classes
    family = CounterMetricFamily if meter.kind == "counter" else GaugeMetricFamily
    plain = family(meter.name, meter.text, labels=meter.labels)
    for reading in readings:
        plain.add_metric(reading.labels, reading.values[0])
    return plain


def _buckets(counts: tuple[float, ...]) -> list[tuple[str, float]]:
    """Counts up to each bound, as Prometheus adds them up."""
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    return [(bound, sum(counts[: place + 1])) for place, bound in enumerate(bounds)]
