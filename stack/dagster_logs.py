"""Lines of runs, sensors and schedules as JSON, each with the id of its run, or whose it is.

Dagster can be told so for its servers (`--log-format`), but for a run only by that run's own configuration, which
whoever launches one would have to remember, and for sensors and schedules not at all.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from api.watch import logs

_NAMES = {"run_id": "run_id", "job": "job_name", "step": "step_key", "instigator": "name"}
"""What a line calls what Dagster knows of it."""
_MADE_BY = ("dagster._loggers", "dagster._core.definitions.instigation_logger")
"""The modules that make colored loggers: for runs, and for sensors and schedules."""


class Lines(logs.JsonLines):
    """What the API's lines say, and whose they are. Of an error they name the type: its message may quote anything."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: Mapping[str, Any] = getattr(record, "dagster_meta", {})
        line = copy.copy(record)
        line.msg, line.args = said.get("orig_message") or record.msg, record.args if not said else ()
        line.known = {name: said[key] for name, key in _NAMES.items() if said.get(key)} | _error(said)
        return super().format(line)


class RunContext(ForkServerContext):
    """Starts processes of runs, which leave such lines as well."""

    class Process(ForkServerProcess):
        """Such a process."""

        def run(self) -> None:
            """Execute the run."""
            write_lines(os.environ)
            super().run()


def write_lines(environ: Mapping[str, str]) -> None:
    """Have this process leave such lines instead of Dagster's colored ones, where the settings say so."""
    # Not with all settings: one that is wrong is named by assets.definitions, where Dagster's pages show it.
    if logs.chosen(environ.get("REPORTS_LOG_FORMAT") or logs.AUTO, sys.stderr) == logs.JSON:
        for name in _MADE_BY:
            module: Any = import_module(name)
            module.create_console_logger = _logger


def _logger(name: str, level: str | int) -> logging.Logger:
    made = logging.Logger(name, level)
    lines = logging.StreamHandler()
    # Of sensors and schedules it is handed lines of any level.
    lines.setLevel(level)
    lines.setFormatter(Lines())
    made.addHandler(lines)
    return made


def _error(said: Mapping[str, Any]) -> dict[str, str]:
    """The type of the first cause of an error that Dagster tells of."""
    found = getattr(getattr(said.get("dagster_event"), "event_specific_data", None), "error", None)
    while found is not None and found.cause is not None:
        found = found.cause
    return {"error": found.cls_name} if found is not None and found.cls_name else {}
