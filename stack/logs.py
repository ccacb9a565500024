"""Logs of the parts, read from their end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from stack.errors import StackError
from stack.home import Home

_PERIOD_S = 0.2


class _Line(msgspec.Struct, frozen=True):
    """What `api.watch.logs.JsonLines` writes."""

    time: str
    level: str
    logger: str
    message: str
    error: str = ""
    request_id: str = ""
    run_id: str = ""
    step: str = ""


class _DagsterLine(msgspec.Struct, frozen=True):
    """What Dagster's servers write."""

    timestamp: str
    level: str
    logger: str
    event: str
    exception: str = ""


def end_of(home: Home, part: str, lines: int, *, follow: bool) -> Iterator[str]:
    """The last lines of a part's log and, to follow, whatever is written afterwards. Raises `StackError`."""
    path = home.log(part)
    if not path.is_file():
        known = ", ".join(sorted(log.stem for log in home.logs.glob("*.log")))
        raise StackError(
            f"There is no log of {part!r}. " + (f"There are: {known}." if known else "Nothing ran here yet.")
        )
    with path.open(encoding="utf-8", errors="replace") as file:
        begun = ""
        for line in deque(file, maxlen=lines):
            begun = "" if line.endswith("\n") else line
            yield "" if begun and follow else readable(line)
        while follow:
            chunk = file.read()
            if not chunk:
                time.sleep(_PERIOD_S)
            # A line may be read while it is written.
            *whole, begun = (begun + chunk).splitlines(keepends=True) or [""]
            if begun.endswith("\n"):
                whole, begun = [*whole, begun], ""
            yield from map(readable, whole)


def readable(line: str) -> str:
    """A line for people: one that is written for programs becomes what it says, any other stays as it is."""
    with suppress(msgspec.DecodeError):
        return _text(msgspec.json.decode(line, type=_Line))
    with suppress(msgspec.DecodeError):
        said = msgspec.json.decode(line, type=_DagsterLine)
        return f"{said.timestamp} {said.level} {said.logger}: {said.event}\n{said.exception}".rstrip() + "\n"
    return line


def _text(said: _Line) -> str:
    error = f" [{said.error}]" if said.error else ""
    names = {"step": said.step, "request": said.request_id, "run": said.run_id}
    known = "".join(f" {name}={value}" for name, value in names.items() if value)
    return f"{said.time} {said.level} {said.logger}: {said.message}{error}{known}\n"
