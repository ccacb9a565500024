"""`uv run python -m bench NAME`: print one of the README's figures, measured now on this machine."""

from __future__ import annotations

import argparse
import json
import os
import platform

from rich.console import Console
from rich.table import Table

from bench import (
    api,
    automation,
    day,
    durable,
    exports,
    fuzz,
    ingest,
    kill,
    latency,
    leaks,
    rebuild,
    report,
    results,
    scale,
    seeding,
    start,
    tick,
)

BENCHES = {
    "start": start,
    "day": day,
    "ingest": ingest,
    "durable": durable,
    "report": report,
    "seed": seeding,
    "exports": exports,
    "fuzz": fuzz,
    "kill": kill,
    "latency": latency,
    "automation": automation,
    "leaks": leaks,
    "api": api,
    "tick": tick,
    "rebuild": rebuild,
    "scale": scale,
}

SIZED = {"exports": exports, "fuzz": fuzz, "tick": tick, "rebuild": rebuild}
"""Those that take `--rows`."""

KEPT = {"ingest", "tick", "rebuild", "scale"}
"""Those whose latest figures are kept in `bench/results/`, unless another size was asked for."""


def _measure(given: argparse.Namespace) -> dict[str, float]:
    match given.name:
        case "kill":
            return kill.measure(given.points)
        case "leaks":
            return leaks.measure(given.cases)
        case "latency":
            return latency.measure(given.arrivals)
        case "automation":
            return automation.measure(given.minutes)
        case "api":
            return api.measure(given.distinct)
    sized = SIZED.get(given.name)
    figures: dict[str, float] = sized.measure(given.rows or sized.ROWS) if sized else BENCHES[given.name].measure()
    return figures


def main() -> None:
    """Run the bench named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "name", choices=BENCHES, help="; ".join(f"{name}: {of.__doc__}" for name, of in BENCHES.items())
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument(
        "--rows",
        type=int,
        help="of each file of exports; that the writers of fuzz commit; of rebuild; of tick's longest",
    )
    parser.add_argument("--points", type=int, default=kill.POINTS, help="of kill")
    parser.add_argument("--cases", type=int, default=leaks.CASES, help="of leaks")
    parser.add_argument("--arrivals", type=int, default=latency.ARRIVALS, help="of latency")
    parser.add_argument("--minutes", type=float, default=automation.MINUTES, help="of automation, the last third quiet")
    parser.add_argument("--distinct", type=int, default=api.DISTINCT, help="requests of api whose memory is measured")
    given = parser.parse_args()
    figures = _measure(given)
    usual = parser.parse_args([given.name, *(["--json"] if given.json else [])])
    if given.name in KEPT and given == usual:
        results.keep(given.name, figures)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if given.json:
        print(json.dumps({"bench": given.name, "machine": machine, **figures}))
        return
    table = Table("figure", "measured", title=f"{given.name} on {machine}")
    for figure, measured in figures.items():
        table.add_row(figure.replace("_", " "), f"{measured:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
