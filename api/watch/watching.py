"""All that watches over one process of the API: counts, log lines and traces, around the layers that answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib import import_module

from litestar.types import ASGIApp

from api.watch import gauges
from api.watch.exposition import Exposition, Source
from api.watch.observed import Observed, Tracing
from api.watch.routes import Routes
from api.watch.scraping import PATH, Metrics
from api.watch.tally import Tally
from resources.settings import Settings

_log = logging.getLogger("api")


class Watching:
    """Watches `app`; what its parts know of themselves is read off `sources`."""

    def __init__(self, app: ASGIApp, settings: Settings, routes: Iterable[str], sources: Iterable[Source]) -> None:
        """Open nothing yet. `routes` are the templates of the paths that lead somewhere."""
        tally = Tally()
        self._settings = settings
        self._exposition = Exposition([tally.readings, gauges.build, *sources], settings.prometheus_multiproc_dir)
        self.layer = Observed(
            Metrics(app, self._exposition, settings.reports_metrics_token),
            routes=Routes([*routes, PATH]),
            tally=tally,
            log_all=settings.reports_log_requests,
        )

    def start(self) -> None:
        """Share what is counted with the processes beside this one, and trace, where the settings say so."""
        self._exposition.start()
        self.layer.tracing = _tracing(self._settings)

    def stop(self) -> None:
        """Send what is not sent yet."""
        self._exposition.stop()
        if self.layer.tracing is not None:
            self.layer.tracing.close()


def _tracing(settings: Settings) -> Tracing | None:
    if not (settings.otel_exporter_otlp_endpoint or settings.otel_exporter_otlp_traces_endpoint):
        return None
    try:
        tracing = import_module("api.watch.tracing")
    except ModuleNotFoundError as error:
        _log.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are sent, for %s is missing: install the extra otel, as"
            " in `pip install 'bionicpro-reports[otel]'` or `uv sync --extra otel`.",
            error.name,
        )
        return None
    made: Tracing = tracing.tracing(settings)
    return made
