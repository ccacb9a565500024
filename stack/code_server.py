"""Dagster's code server, whose runs begin in a process that has imported the assets already.

Dagster starts each run in a new interpreter, and importing Dagster, Polars and Arrow is two seconds of it. Here the new
process is forked from one that did nothing but import: it has no connections that a fork could break.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

from dagster._cli import cli

from stack.dagster_logs import RunContext, write_lines

_PRELOADED = ["dagster._cli", "dagster_postgres", "assets.definitions", "stack.dagster_logs"]

_given = multiprocessing.get_context


def _prepared(method: str | None = None) -> BaseContext:
    """What Dagster's server asks for, which is `spawn`, and gets this instead."""
    return RunContext() if method == "spawn" else _given(method)


def main() -> None:
    """Do what `dagster` does with the same arguments."""
    multiprocessing.set_forkserver_preload(_PRELOADED)
    multiprocessing.get_context = _prepared  # type: ignore[assignment]
    # Now, and not with the first run, which would wait for it.
    forkserver.ensure_running()
    write_lines(os.environ)
    cli(auto_envvar_prefix="DAGSTER_CLI")


if __name__ == "__main__":
    main()
