"""One process that is warm: ticks of the warehouse that the environment names, one for each hour on standard input.

A tick is what the sensor's look and the run that it asks for take in this process; prints its figures as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import datetime

import dagster as dg
import psycopg

from assets.definitions import reports
from bench import history, stacks
from resources.settings import Settings, read_settings

NEW_ROWS = 1_000
"""New events of one tick."""

_TOUCHED = """
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'raw_telemetry'"""
_READ = "SELECT sum(inputs[1]) FROM publications WHERE mart = 'telemetry_events' AND run_id = %(run)s"


class Ticker:
    """The graph as a code server holds it, and a Dagster without a past."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self._settings = settings
        self._instance = instance
        self._graph = reports()
        self._repository = self._graph.get_repository_def()
        self._sensor = self._repository.get_sensor_def("telemetry_arrival")

    def tick(self, hour: datetime) -> dict[str, float]:
        """What it took until `hour` had its new events in every mart, in seconds, and what was read for it, in rows."""
        history.add(self._settings.telemetry_database_url, [(hour, NEW_ROWS)])
        before, began = self._touched(), time.perf_counter()
        [request] = self._look()
        looked = time.perf_counter()
        run_id, steps = self._run(request)
        ended = time.perf_counter()
        return {
            "look_s": looked - began,
            "steps_s": sum(steps.values()),
            "start_s": ended - looked - sum(steps.values()),
            "tick_s": looked - began + sum(steps.values()),
            "rows_read_again": self._read(run_id),
            "rows_touched": self._touched() - before,
            **{f"{step}_s": seconds for step, seconds in steps.items()},
        }

    def look(self) -> float:
        """Seconds of a look that finds nothing, after one that has got to know what there is."""
        self._look()
        began = time.perf_counter()
        self._look()
        return time.perf_counter() - began

    def _look(self) -> list[dg.RunRequest]:
        with dg.build_sensor_context(
            self._instance, repository_def=self._repository, resources=self._graph.resources
        ) as context:
            return list(self._sensor.evaluate_tick(context).run_requests or [])

    def _run(self, request: dg.RunRequest) -> tuple[str, dict[str, float]]:
        """The run as Dagster would start it: its id, and the seconds of each step."""
        job = self._graph.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=set(request.asset_selection or ()),
            asset_check_selection=set(request.asset_check_keys or ()),
        )
        done = job.execute_in_process(instance=self._instance, tags=dict(request.tags))
        steps = done.filter_events(lambda event: event.is_step_success)
        return done.run_id, {event.step_key or "": event.step_success_data.duration_ms / 1000 for event in steps}

    def _read(self, run_id: str) -> int:
        """How many events of the source the run's builds were made from."""
        with stacks.client(self._settings) as client:
            return int(client.execute(_READ, {"run": run_id})[0][0])

    def _touched(self) -> int:
        """How many rows PostgreSQL has fetched of the events so far."""
        with psycopg.connect(self._settings.telemetry_database_url, autocommit=True) as telemetry:
            # A backend that has ended has told what it counted.
            time.sleep(0.05)
            [(count,)] = telemetry.execute(_TOUCHED).fetchall()
            return int(count)


def main() -> None:
    """Answer each line with one."""
    logging.disable(logging.WARNING)
    with dg.DagsterInstance.ephemeral() as instance:
        ticker = Ticker(read_settings(os.environ), instance)
        print(json.dumps({"look_s": ticker.look()}), flush=True)
        for line in sys.stdin:
            print(json.dumps(ticker.tick(datetime.fromisoformat(line.strip()))), flush=True)


if __name__ == "__main__":
    main()
