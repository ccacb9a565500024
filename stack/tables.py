"""Tables for people: numbers to the right, nothing cut off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNBOUNDED = 10_000
"""Columns of what is no terminal: whoever reads a pipe wants every row on one line."""


def show(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print `rows` under their `columns`."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        is_number = any(isinstance(row[number], int | float) for row in rows)
        table.add_column(column, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row))
    if console.is_terminal:
        console.print(table)
    else:
        Console(file=console.file, width=_UNBOUNDED).print(table)


def shown(value: Any) -> str:
    """One cell: instants in UTC, numbers with six significant digits, nothing for NULL."""
    match value:
        case None:
            return ""
        case float():
            return f"{value:.6g}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case _:
            return str(value)
