"""Logs of the parts, read from their end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from stack.errors import StackError
from stack.home import Home

_PERIOD_S = 0.2


def end_of(home: Home, part: str, lines: int, *, follow: bool) -> Iterator[str]:
    """The last lines of a part's log and, to follow, whatever is written afterwards. Raises `StackError`."""
    path = home.log(part)
    if not path.is_file():
        known = ", ".join(sorted(log.stem for log in home.logs.glob("*.log")))
        raise StackError(
            f"There is no log of {part!r}. " + (f"There are: {known}." if known else "Nothing ran here yet.")
        )
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from deque(file, maxlen=lines)
        while follow:
            if chunk := file.read():
                yield chunk
            else:
                time.sleep(_PERIOD_S)
