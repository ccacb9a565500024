"""The command `reports simulate`: devices that send, so that the sensor, the runs and the API can be watched."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import Annotated

import typer

from stack import display
from stack.terminal import OUT

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}


def simulate(
    *,
    rate: Annotated[float, typer.Option(min=0.001, max=10_000, help="Events a second, over all chips.")] = 5,
    late: Annotated[float, typer.Option(min=0, max=1, help="Share of them that comes hours or days late.")] = 0.02,
    seconds: Annotated[str, typer.Option("--for", metavar="TIME", help="90s, 10m, 2h; Ctrl-C ends it sooner.")] = "10m",
) -> None:
    """Write telemetry into the local stack's own source, as devices would; it stays there."""
    from stack import simulate as simulation  # noqa: PLC0415 - polars, which the other commands need not load

    habits = simulation.Habits(rate=rate, late_share=late, seconds=_seconds(seconds))
    settings, written = simulation.own_source(os.environ), simulation.Written()
    # However it ends, what is committed is told.
    with display.progress_bar(OUT, "simulate") as bar, suppress(KeyboardInterrupt):
        bar.move(0, 0, str(written))
        for _ in simulation.simulate(settings, habits, written, time.sleep):
            bar.move(round(written.seconds), round(habits.seconds), str(written))


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or not float(found[1]):
        raise typer.BadParameter("a time is for example 90s, 10m or 2h", param_hint="--for")
    return float(found[1]) * _UNITS_S[found[2]]
