"""Late telemetry for a running stack, and what becomes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import clickhouse_driver
import psycopg

from stack import up
from tests.stack.conftest import Reports


class Arrivals:
    """Telemetry that comes late, and what the marts say of its day."""

    def __init__(self, reports: Reports, day: date) -> None:
        self._settings = up.current(reports.environment)[1]
        self._day = day

    def send(self, count: int) -> None:
        """As many events of the day again as if others like them had come only now."""
        (ids,) = self._ask("SELECT groupArray(id) FROM telemetry_events WHERE toDate(event_time) = %(day)s")
        columns = (
            "chip_id, event_time, muscle_group, signal_frequency, signal_duration, signal_amplitude, battery_level, "
            "error_code"
        )
        with psycopg.connect(self._settings.telemetry_database_url) as connection:
            connection.execute(
                f"INSERT INTO telemetry.raw_telemetry ({columns}) "  # noqa: S608
                f"SELECT {columns} FROM telemetry.raw_telemetry WHERE id = ANY(%s)".encode(),
                (ids[:count],),
            )

    def movements(self) -> int:
        """What the day's reports count."""
        return int(self._ask("SELECT sum(movements) FROM user_daily_reports WHERE day = %(day)s")[0])

    def failed_runs(self) -> int:
        """Runs that Dagster says have failed."""
        with psycopg.connect(self._settings.dagster_database_url) as connection:
            found = connection.execute("SELECT count(*) FROM runs WHERE status = 'FAILURE'").fetchone()
        assert found is not None
        return int(found[0])

    def _ask(self, question: str) -> tuple[Any, ...]:
        login = {name: getattr(self._settings, f"clickhouse_{name}") for name in ("host", "port", "user", "password")}
        client = clickhouse_driver.Client(**login, database=self._settings.clickhouse_database)
        [row] = client.execute(question, {"day": self._day})
        client.disconnect()
        return tuple(row)
