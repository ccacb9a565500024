"""How the stack looks in a terminal, and how it reads where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from stack.state import PartState, StackState

_COLOURS = {
    "healthy": "green",
    "done": "green",
    "starting": "yellow",
    "waiting": "dim",
    "restarting": "red",
    "unhealthy": "red",
    "failed": "red",
    "stopped": "dim",
}
_MESSAGE_WIDTH = 72


def table(state: StackState) -> Table:
    """Every part, where it listens, and whether it is well."""
    shown = Table("part", "pid", "port", "health", "restarts", "", box=None, header_style="bold", pad_edge=False)
    for part in state.parts:
        colour = _COLOURS[part.health]
        shown.add_row(
            part.name,
            str(part.pid or ""),
            str(part.port or ""),
            f"[{colour}]{part.health}[/]",
            "" if part.once else str(part.restarts),
            escape(_shorten(part.message)),
        )
    return shown


class Follower:
    """Shows each state it is given: a table that changes in a terminal, a line for each change elsewhere."""

    def __init__(self, console: Console) -> None:
        """Show on `console` until `close`."""
        self._console = console
        self._seen: dict[str, str] = {}
        self._began = time.monotonic()
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None
        if self._live:
            self._live.start()

    def show(self, state: StackState) -> None:
        """Show this state."""
        if self._live:
            self._live.update(table(state))
        for part in state.parts:
            if self._seen.get(part.name, "waiting") != part.health and not self._live:
                self._say(part)
            self._seen[part.name] = part.health

    def close(self) -> None:
        """Leave what was shown last standing."""
        if self._live:
            self._live.stop()
            self._live = None

    def _say(self, part: PartState) -> None:
        after = f"{time.monotonic() - self._began:5.1f} s"
        message = f": {part.message}" if part.message and part.health != "starting" else ""
        self._console.print(
            f"{after}  {part.name} {part.health}{message}", markup=False, highlight=False, soft_wrap=True
        )


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[ProgressBar]:
    """A bar to move in a terminal; elsewhere its last word only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = ProgressBar(progress, title)
        yield bar
    if not console.is_terminal:
        console.print(f"{title}: {bar.note}", markup=False, highlight=False, soft_wrap=True)


class ProgressBar:
    """One bar and the note beside it."""

    def __init__(self, progress: Progress, title: str) -> None:
        """Use `progress_bar` instead."""
        self.note = ""
        self._progress = progress
        self._task = progress.add_task(title, total=None, note="")

    def move(self, done: int, total: int, note: str) -> None:
        """Show how far it is; a total of 0 is one that nobody knows yet."""
        self.note = note
        self._progress.update(self._task, completed=done, total=total or None, note=escape(_shorten(note)))


def _shorten(message: str) -> str:
    line = message.splitlines()[0] if message else ""
    return line if len(line) <= _MESSAGE_WIDTH else line[: _MESSAGE_WIDTH - 1] + "…"
