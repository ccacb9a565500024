"""The commands `reports backup` and `reports restore`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from resources import backups
from stack import display, tables, verify_command
from stack.terminal import OUT, commands, say
from stack.whereabouts import servers

app = commands()


@app.command()
def backup(
    name: Annotated[str | None, typer.Argument(help="By default the instant, as in 2026-02-10T08-30-00Z.")] = None,
) -> None:
    """Back up what the warehouse keeps, as it is at this moment, and tell what that was.

    Nothing need be stopped: builds go on, and readers notice nothing.
    """
    name = name or f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    settings, began = servers(os.environ), time.monotonic()
    with display.progress_bar(OUT, "backup") as bar:
        held = backups.back_up(settings, name, bar.move)
        bar.move(1, 1, f"{name} written in {time.monotonic() - began:.1f} s")
    _show(held)
    say(f"Restore it into an empty warehouse with `reports restore {name}`.")


@app.command()
def restore(
    name: Annotated[str, typer.Argument(help="As `reports backup` printed it.")],
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with the sources, as `reports verify`.")] = False,
) -> None:
    """Restore a backup into an empty warehouse; readers see nothing of it, or all.

    The CRM is read first, so that who left it since stays invisible. Stop Dagster before, and start it afterwards: it
    builds what has arrived since the backup. Until then that is what `--verify` finds.
    """
    from assets.restoration import restore as run  # noqa: PLC0415 - dagster takes a second, which the others need not wait

    settings, began = servers(os.environ), time.monotonic()
    with display.progress_bar(OUT, "restore") as bar:
        held = run(settings, name, bar.move)
        bar.move(1, 1, f"{name} restored in {time.monotonic() - began:.1f} s")
    _show(held)
    say("What has arrived since the backup is noticed and built once Dagster runs.")
    if verify:
        verify_command.verify()


def _show(held: Sequence[backups.Held]) -> None:
    rows: list[tuple[object, ...]] = [(each.table, each.rows, each.bytes_) for each in held]
    rows.append(("all", sum(each.rows for each in held), sum(each.bytes_ for each in held)))
    tables.show(OUT, ["table", "rows", "bytes"], rows)
