"""The commands that work on the warehouse: of the running stack, or of the servers that the settings name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from resources import migrations
from resources.warehouse import Warehouse
from stack import display, questions, tables, verify_command
from stack.errors import StackError
from stack.terminal import OUT, commands, say, trouble
from stack.whereabouts import servers

if TYPE_CHECKING:
    from assets.erasure import Receipt

app = commands()
app.command()(verify_command.verify)

_BOUND = "ISO 8601, for example 2026-02-10T08:30:00Z; UTC where it names no zone."


@app.command("import")
def import_(
    start: Annotated[
        str | None,
        typer.Option(
            "--telemetry-start-ts",
            "--telemetry_start_ts",
            help=f"First instant; by default the first event's day. {_BOUND}",
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--telemetry-end-ts",
            "--telemetry_end_ts",
            help=f"First instant after it; by default after the last event's day. {_BOUND}",
        ),
    ] = None,
) -> None:
    """Publish the customers, and rebuild telemetry from the source.

    What is left of customers who are gone is removed at the end.
    Hours are published whole: each that the window touches is read again, the others stay as they are.
    """
    from assets.olap_import import run_import  # noqa: PLC0415 - dagster takes a second, which the others need not wait

    settings = servers(os.environ)
    with display.progress_bar(OUT, "import") as bar:
        counts = run_import(settings, start, end, bar.move)
    if counts.since and counts.until:
        say(f"{counts.since:%Y-%m-%d %H:%M} to {counts.until:%Y-%m-%d %H:%M} UTC, in whole hours")
    names = ("customers", "events", "quarantined", "hours", "days", "orphans")
    tables.show(OUT, names, [[getattr(counts, name) for name in names]])
    if counts.days_waiting:
        say(
            f"Days without a report, because hours of theirs were never built: {counts.days_waiting}. "
            "Import the whole days, or `reports materialize` them."
        )


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="One of those that are listed without it.")] = None,
    *,
    user: Annotated[str | None, typer.Option(help="The CRM's number of a customer: the parameter user_id.")] = None,
    limit: Annotated[str | None, typer.Option(help="How many rows at most; 20 by default.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any parameter.")] = None,
) -> None:
    """Ask the marts an example question, or list those there are."""
    if question is None:
        rows = [[each.name, ", ".join(each.parameters), each.description] for each in questions.questions().values()]
        tables.show(OUT, ["question", "parameters", "answers"], rows)
        return
    given = dict(map(_assignment, set_ or []))
    given |= {name: value for name, value in (("user_id", user), ("limit", limit)) if value is not None}
    asked = questions.find(question)
    with Warehouse(servers(os.environ)) as warehouse:
        answer = questions.ask(warehouse, asked, given)
    tables.show(OUT, answer.columns, answer.rows)


@app.command()
def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 where anything differs.")] = False,
) -> None:
    """Bring tables and views to what `sql/tables/` says, and tell what was done.

    No row is ever dropped; what cannot be mended without is told, and nothing is changed then.
    """
    settings = servers(os.environ)
    if check:
        differences = migrations.differences(settings)
        for difference in differences:
            trouble(difference)
        if differences:
            raise typer.Exit(1)
    else:
        for sentence in migrations.migrate(settings):
            say(sentence)
    say("The warehouse is what its files say.")


@app.command()
def orphans(
    *, remove: Annotated[bool, typer.Option("--remove", help="Remove them, superseded builds included.")] = False
) -> None:
    """Count the rows of people whom the CRM no longer knows."""
    from assets import orphans as found  # noqa: PLC0415 - as in `import_`

    with Warehouse(servers(os.environ)) as warehouse:
        counts = found.remove(warehouse) if remove else found.count(warehouse)
    tables.show(OUT, ["table", "removed" if remove else "orphans"], list(counts.items()))


@app.command()
def erase(user: Annotated[str, typer.Argument(help="The CRM's number of somebody who left it, or the UUID.")]) -> None:
    """Remove now what is left of somebody whom the CRM no longer has, and print a receipt.

    The CRM is read first: the customer must be deleted there. What is left of everybody else who is gone goes as well.
    """
    from assets import erasure  # noqa: PLC0415 - as in `import_`

    _show(erasure.erase(servers(os.environ), user))


def _show(receipt: Receipt) -> None:
    if not any(receipt.removed.values()) and not receipt.left:
        say("Nothing was removed: the warehouse holds nothing of this person.")
        return
    tables.show(OUT, ["table", "removed"], list(receipt.removed.items()))
    say(
        "Superseded builds are included; no part that ClickHouse reads has these rows any more, and the files that had "
        f"them leave the disk by {receipt.gone_by:%Y-%m-%d %H:%M:%S} UTC."
    )
    say(
        "What remains: in the quarantine that there were events, and when, without chip, measurements and place; in "
        f"departed_chips the digests of {receipt.digests} chips, so that none of their events is stored again."
    )
    say("Not removed by this: what the CRM and the telemetry database hold, and your backups. Logs name nobody.")
    if receipt.left:
        say(
            f"A run that began before wrote {receipt.left} more rows meanwhile, which nobody sees. Run this again once "
            "it has ended, or leave them to tonight's collection."
        )


def _assignment(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise StackError(f"--set takes NAME=VALUE, not {given!r}.")
    return name, value
