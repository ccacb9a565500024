"""The command `reports doctor`: what is wrong around the marts, and what to do about it."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec
import typer

from stack import tables
from stack.terminal import OUT


def doctor(*, json: Annotated[bool, typer.Option("--json", help="One object instead of a table.")] = False) -> None:
    """Check settings, connections, privileges, versions, clocks, disks and the contract of the sources.

    Says of each check that is not ok what was wrong, where, and what to do; exit code 1 where one failed. Changes
    nothing, but for a scratch database in ClickHouse, which is dropped again.
    """
    from stack.doctor import examine  # noqa: PLC0415 - the other commands need not load the API's keys

    results = list(examine(os.environ))
    is_failed = any(result.state == "failed" for result in results)
    if json:
        typer.echo(msgspec.json.encode({"is_well": not is_failed, "checks": results}).decode())
    else:
        tables.show(OUT, ["check", "state", ""], [[result.check, result.state, result.said] for result in results])
    if is_failed:
        raise typer.Exit(1)
