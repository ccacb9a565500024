"""The command `reports verify`: sources and marts compared in full, by counts and row by row."""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stack import display, tables
from stack.terminal import OUT, say
from stack.whereabouts import servers

if TYPE_CHECKING:
    from assets.verification import Verified

_DAY = ["%Y-%m-%d"]


def verify(
    since: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First day, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last day, UTC.")] = None,
) -> None:
    """Compare sources with marts, by counts and row by row; exit code 1 where anything differs.

    By default all days that are kept. What differs is recorded, so that a running stack builds it again. What arrived a
    moment ago and is not built yet differs too: leave today out with --to where devices are sending.
    """
    from assets.verification import verify as run  # noqa: PLC0415 - dagster takes a second, which the others need not wait

    settings, began = servers(os.environ), time.monotonic()
    with display.progress_bar(OUT, "verify") as bar:
        verified = run(settings, since and since.date(), until and until.date(), bar.move)
    _show(verified, time.monotonic() - began)


def _show(verified: Verified, seconds: float) -> None:
    if verified.differences:
        tables.show(OUT, verified.columns, verified.differences)
    verdict = f"{verified.differing} segments differ." if verified.differing else "nothing differs."
    compared = f"{verified.days} days, {verified.segments} segments and {verified.rows} source rows"
    say(f"{compared} compared in {seconds:.1f} s; {verdict}")
    if verified.differing:
        raise typer.Exit(1)
