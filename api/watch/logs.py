"""Lines of the log: JSON for programs, or text for people. None of them holds a stack, and none quotes an error."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

JSON, TEXT, AUTO = "json", "text", "auto"


class JsonLines(logging.Formatter):
    """A JSON object a line: time (UTC), level, logger, message, and whatever the record's `known` says."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name.lstrip("_"),
            "message": _message(record),
            **_known(record),
        }
        return msgspec.json.encode(line).decode()


class TextLines(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        request = _known(record)
        error = f" [{request['error']}]" if "error" in request else ""
        name = f" request={request['request_id']}" if "request_id" in request else ""
        level, logger = record.levelname.lower(), record.name.lstrip("_")
        return f"{_time(record)} {level} {logger}: {_message(record)}{error}{name}"


def chosen(setting: str, stream: TextIO) -> str:
    """The form that a setting asks for: by itself text in a terminal, and JSON elsewhere."""
    if setting != AUTO:
        return setting
    return TEXT if stream.isatty() else JSON


def configuration(form: str) -> dict[str, Any]:
    """What `logging.config.dictConfig` takes, for a process of the API: everything goes to its standard error."""
    formatter = JsonLines if form == JSON else TextLines
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__qualname__}"}},
        "handlers": {"line": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        # Libraries say at the level of information which servers they talk to.
        "root": {"handlers": ["line"], "level": "WARNING"},
        "loggers": {"api": {"level": "INFO"}, "_granian": {"level": "INFO"}},
    }


def place_of(error: BaseException) -> str:
    """The type of an error, and where it was raised; its message may quote a person, a host or a statement."""
    places = traceback.extract_tb(error.__traceback__)
    where = f" at {places[-1].filename}:{places[-1].lineno}" if places else ""
    return f"{type(error).__module__}.{type(error).__qualname__}{where}"


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """The first line: granian writes a stack into the others."""
    return record.getMessage().partition("\n")[0]


def _known(record: logging.LogRecord) -> dict[str, Any]:
    known = dict(getattr(record, "known", {}))
    error = record.exc_info[1] if record.exc_info else None
    return known if error is None else known | {"error": place_of(error)}
