"""One materialization of every mart in this process, as a run of Dagster does it; prints its figures as JSON."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import dagster as dg

from assets.definitions import reports

TELEMETRY = ["telemetry_events", "user_prosthesis_stats", "user_daily_reports"]


def main() -> None:
    """Build the days from the first argument to the second, both included; all of them again with `--full-refresh`."""
    first_day, last_day, *rest = sys.argv[1:]
    logging.disable(logging.INFO)
    days = {"dagster/asset_partition_range_start": first_day, "dagster/asset_partition_range_end": last_day}
    job = reports().resolve_implicit_global_asset_job_def()
    seconds: dict[str, float] = {}
    config = {"config": {"full_refresh": "--full-refresh" in rest}}
    again = {"ops": dict.fromkeys(TELEMETRY, config)}
    for marts, tags, asked in ((["crm_customers"], {}, {}), (TELEMETRY, days, again)):
        selected = [dg.AssetKey(mart) for mart in marts]
        result = job.execute_in_process(
            run_config=asked, instance=dg.DagsterInstance.ephemeral(), asset_selection=selected, tags=tags
        )
        done = result.filter_events(lambda event: event.is_step_success)
        seconds |= {event.step_key or "": event.step_success_data.duration_ms / 1000 for event in done}
    print(json.dumps({"seconds": seconds, "resident_mb": most_resident_mb()}))


def most_resident_mb() -> float:
    """The most that this process has held resident."""
    # Not getrusage: its figure is never below what the process that started this one held.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
