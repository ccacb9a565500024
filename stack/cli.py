"""The command `reports`: the local stack, from the first start to the last log line."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated

import typer

from resources.orchestrator import MARTS
from resources.settings import read_settings
from stack import (
    backup_commands,
    dagster_runs,
    display,
    doctor_command,
    filling,
    grants_command,
    issuer,
    logs,
    secrets_command,
    simulate_command,
    terminal,
    up,
    warehouse_commands,
    welcome,
)
from stack.errors import NotRunning
from stack.home import Home
from stack.library import find_library
from stack.state import StackState, read_state, running
from stack.terminal import OUT, say, trouble

app = terminal.commands(help=__doc__, no_args_is_help=True)
app.add_typer(warehouse_commands.app)
app.add_typer(backup_commands.app)
app.command()(simulate_command.simulate)
app.command()(doctor_command.doctor)
app.command()(grants_command.grants)
app.command("secrets")(secrets_command.make)

Port = Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes any free one.")]
_DAY = ["%Y-%m-%d"]


def main() -> None:
    """Entry point."""
    terminal.run(app)


@app.command("up")
def start(  # noqa: PLR0913 - every option is one
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return once it is ready, and leave it running.")] = False,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Fill empty sources with demo data.")] = True,
    part: Annotated[list[str] | None, typer.Option(help="Start only this part; may be repeated.")] = None,
    port_api: Port = None,
    port_dagster: Port = None,
    port_postgres: Port = None,
    port_clickhouse: Port = None,
    port_code: Port = None,
    port_guests: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Also start a Dagster UI there in which nothing can be changed."),
    ] = None,
) -> None:
    """Start the stack and say where it is; at the first start fill it with demo data."""
    ports = {"api": port_api, "dagster": port_dagster, "postgres": port_postgres}
    ports |= {"clickhouse": port_clickhouse, "code": port_code, "guests": port_guests}
    wishes = up.Wishes(ports=ports, parts=part or [], demo=demo)
    if up.must_fetch(os.environ):
        OUT.print("Fetching the ClickHouse engine, once: 180 MB.")
        find_library()
    follower = display.Follower(OUT)
    try:
        if detach:
            state = up.detach(os.environ, wishes, follower.show)
            follower.close()
            _welcome(state)
        else:
            up.run(os.environ, wishes, _Foreground(follower))
    finally:
        follower.close()


@app.command()
def down() -> None:
    """Stop the stack, and return once its last process is gone."""
    typer.echo("Stopped." if up.down(_home()) else "Nothing was running.")


@app.command()
def status() -> None:
    """Show every part; exit code 0 means that all is well."""
    home = _home()
    state = running(home)
    if state is None:
        last = read_state(home)
        why = f" It ended with: {last.message}" if last and last.phase == "failed" else ""
        raise NotRunning(f"No stack runs in {home.folder}.{why}")
    OUT.print(display.table(state))
    if state.message:
        say(state.message)
    if not state.is_well:
        raise typer.Exit(1)


@app.command("logs")
def show_log(
    part: str,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0)] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
) -> None:
    """Print the end of a part's log."""
    for chunk in logs.end_of(_home(), part, lines, follow=follow):
        typer.echo(chunk, nl=False)


@app.command()
def seed(
    *,
    customers: Annotated[int, typer.Option(min=1)] = filling.DEFAULT.customers,
    days: Annotated[int, typer.Option(min=1)] = filling.DEFAULT.days,
    events_per_day: Annotated[int, typer.Option(min=1)] = filling.DEFAULT.events_per_day,
    seed: Annotated[int, typer.Option(help="The same seed makes the same rows.")] = filling.DEFAULT.seed,
) -> None:
    """Fill the stack's empty sources with made-up people and their telemetry, up to today."""
    _, settings = up.current(os.environ)
    size = filling.Size(customers=customers, days=days, events_per_day=events_per_day, seed=seed)
    with display.progress_bar(OUT, "telemetry") as bar:
        filling.fill(settings, size, lambda done, total: bar.move(done, total, f"{done:,} of {total:,} events"))


@app.command()
def materialize(
    marts: Annotated[list[str] | None, typer.Argument(metavar="[MART]...", help=", ".join(MARTS))] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=_DAY)] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_DAY)] = None,
) -> None:
    """Have Dagster build marts, all by default, for the days that the source has or those named (both included)."""
    _, settings = up.current(os.environ)
    days = dagster_runs.days_of(settings, since and since.date(), until and until.date())
    with display.progress_bar(OUT, "materialize") as bar:
        for progress in dagster_runs.materialize(settings.dagster_webserver_url, marts or MARTS, *days):
            bar.move(progress.done, progress.total, str(progress))


@app.command()
def token(
    *,
    user: Annotated[str, typer.Option(help="The CRM's number of a customer, or a UUID.")],
    role: Annotated[list[str] | None, typer.Option(help="A role to grant; may be repeated.")] = None,
    expires: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = issuer.LIFETIME_S,
) -> None:
    """Print a token of the local issuer, and nothing else."""
    home, settings = up.current(os.environ)
    typer.echo(issuer.token(home, settings, issuer.subject(settings, user), role or [], expires))


class _Foreground:
    """Shows the start, welcomes once, and afterwards says only what changes."""

    def __init__(self, follower: display.Follower) -> None:
        self._follower = follower
        self._welcomed = False

    def __call__(self, state: StackState) -> None:
        self._follower.show(state)
        if state.phase == "ready" and not self._welcomed:
            self._welcomed = True
            self._follower.close()
            _welcome(state)


def _welcome(state: StackState) -> None:
    home, settings = up.current(os.environ)
    for line in welcome.lines(home, settings, {part.name: part.port for part in state.parts}):
        typer.echo(line)
    if state.message:
        trouble(state.message)


def _home() -> Home:
    return Home(read_settings(os.environ).reports_home)


if __name__ == "__main__":
    main()
