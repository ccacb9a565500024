"""The terminal that a command runs in: where its output goes, and how its failure reads."""

from __future__ import annotations

import sys
from typing import Any

import psycopg
import typer
from rich.console import Console

from resources.errors import ReportsError

OUT = Console()
TROUBLE = Console(stderr=True)


def commands(**options: Any) -> typer.Typer:
    """Commands that read like all of ours: plain text, and exceptions left to `run`."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options)


def run(app: typer.Typer) -> None:
    """Run what the command line asks for; an error of ours is a sentence and exit code 1, never a traceback."""
    try:
        app()
    except (ReportsError, psycopg.Error) as error:
        trouble(str(error).strip())
        sys.exit(1)


def say(message: str) -> None:
    """Print a sentence as it is."""
    OUT.print(message, markup=False, highlight=False, soft_wrap=True)


def trouble(message: str) -> None:
    """Print a sentence about what went wrong."""
    TROUBLE.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
