"""Builds over a network that delays, cuts and stalls: a clear failure in bounded time, and nothing half-visible."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from typing import Any, cast

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.partitions import early_window
from assets.telemetry_events import EventsBuild
from assets.user_daily_reports import DailyBuild
from assets.user_prosthesis_stats import StatsBuild
from resources.errors import ReportsError, SourceUnavailable, WarehouseUnavailable
from resources.migrations import migrate
from resources.publications import EPOCH, naive
from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse, WarehousePool
from tests.assets.conftest import Marts, window
from tests.proxy import Fault, Proxy, proxy

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
EVENTS = 480
PATIENCE_S = 60.0
SILENCE_S = 0.5
PUBLISHING = b"INSERT INTO publications"

FAULTS = [*(Fault("cut", share) for share in (1, 97)), Fault("stall", 60)]
"""`after_bytes` here is in percent of what a whole build takes."""


class Network(msgspec.Struct):
    """Marts that are built through a proxy before each engine; every round changes all events of the day."""

    marts: Marts
    settings: Settings
    postgres: Proxy
    clickhouse: Proxy
    rounds: count[int] = msgspec.field(default_factory=lambda: count(1))

    def change(self) -> int:
        """Give every event another battery level, and return that."""
        level = next(self.rounds)
        self.marts.telemetry("UPDATE telemetry.raw_telemetry SET battery_level = %s, saved_ts = now()", level)
        return level

    def build(self, hasty: Proxy | None = None) -> None:
        """Build the day, with little patience for the engine behind `hasty`."""
        settings = self.settings
        silence_s = SILENCE_S if hasty is self.postgres else PATIENCE_S
        with (
            Warehouse(settings, timeout_s=SILENCE_S if hasty is self.clickhouse else PATIENCE_S) as warehouse,
            snapshot(
                settings.telemetry_database_url, "telemetry", "TELEMETRY_DATABASE_URL", silence_s=silence_s
            ) as source,
        ):
            day = window(DAY, NEXT)
            EventsBuild(warehouse, source, early_window(settings), "run", lambda _: None).materialize(day)
            StatsBuild(warehouse, settings.reports_response_limit_ms, "run", lambda _: None).materialize(day)
            DailyBuild(warehouse, "run", lambda _: None).materialize(day)

    def events_seen(self) -> list[tuple[object, ...]]:
        return self.marts.query("SELECT battery_level, count() FROM telemetry_events GROUP BY 1")

    def reports_seen(self) -> list[tuple[object, ...]]:
        return self.marts.query("SELECT battery_pct_mean, movements FROM user_daily_reports")

    def survives(self, engine: Proxy, fault: Fault, error: type[ReportsError]) -> None:
        """A faulty build fails as it should, readers see whole figures, and the next build mends all."""
        before, level = self.reports_seen(), self.change()
        engine.arm(fault)
        with pytest.raises(error, match=r"does not answer|said nothing"):
            self.build(hasty=engine if fault.kind == "stall" else None)
        # A machine with much else to do may be silent for as long before the stall comes.
        assert engine.struck or fault.kind == "stall"
        whole = [(float(level), EVENTS)]
        assert self.events_seen() in (before, whole)
        assert self.reports_seen() in (before, whole)
        engine.arm(None)
        self.marts.build_all(DAY, NEXT)
        assert (self.events_seen(), self.reports_seen()) == (whole, whole)


@pytest.fixture
def network(stage: Network) -> Network:
    """The same, and all well."""
    for engine in (stage.postgres, stage.clickhouse):
        engine.arm(None)
        engine.delay_s = 0.0
    return stage


@pytest.fixture(scope="module")
def stage(fresh_settings: Callable[[], Settings]) -> Iterator[Network]:
    """A published day of some hundred events, and both engines behind a proxy."""
    settings = fresh_settings()
    migrate(settings)
    with Warehouse(settings) as warehouse:
        yield from _network(Marts(settings, warehouse))


def _network(marts: Marts) -> Iterator[Network]:
    settings = marts.settings
    marts.add_wearer(1, "chip-1")
    marts.build_customers()
    marts.telemetry(
        "INSERT INTO telemetry.raw_telemetry (chip_id, event_time, muscle_group, signal_frequency, signal_duration, "
        "signal_amplitude, battery_level, error_code) SELECT 'chip-1', %s + number * interval '3 minutes', 'biceps', "
        "40, 600, 0.5, 90, 0 FROM generate_series(0, %s) AS number",
        window(DAY, NEXT).since,
        EVENTS - 1,
    )
    port = int(str(conninfo_to_dict(settings.telemetry_database_url)["port"]))
    with proxy(port) as postgres, proxy(settings.clickhouse_port) as clickhouse:
        proxied = msgspec.structs.replace(
            settings,
            telemetry_database_url=make_conninfo(settings.telemetry_database_url, port=postgres.port),
            clickhouse_port=clickhouse.port,
        )
        network = Network(marts, proxied, postgres, clickhouse)
        network.change()
        network.build()
        yield network


def test_a_build_that_breaks_off_anywhere_shows_nothing_half_and_is_mended_by_the_next(network: Network) -> None:
    for engine, error in ((network.postgres, SourceUnavailable), (network.clickhouse, WarehouseUnavailable)):
        network.change()
        engine.arm(None)
        network.build()
        whole_bytes = engine.passed_bytes
        for fault in FAULTS:
            at = msgspec.structs.replace(fault, after_bytes=whole_bytes * fault.after_bytes // 100)
            network.survives(engine, at, error)


def test_a_build_that_breaks_off_while_it_publishes_is_seen_whole_or_not_at_all(network: Network) -> None:
    for kind in ("cut", "stall"):
        for passes in (False, True):
            fault = Fault(cast(Any, kind), phrase=PUBLISHING, passes_phrase=passes)
            network.survives(network.clickhouse, fault, WarehouseUnavailable)


def test_a_slow_network_only_takes_longer(network: Network) -> None:
    level = network.change()
    network.postgres.delay_s = network.clickhouse.delay_s = 0.001
    network.build()
    assert (network.events_seen(), network.reports_seen()) == ([(float(level), EVENTS)],) * 2


def test_a_reader_is_told_in_bounded_time_and_served_again_afterwards(network: Network) -> None:
    pool = WarehousePool(network.settings, size=1, timeout_s=SILENCE_S)
    since, until = naive(EPOCH), naive(window(DAY, NEXT).until)
    for fault in (None, Fault("stall"), None, Fault("cut"), None):
        network.clickhouse.arm(fault)
        with pool.connection() as warehouse:
            if fault is None:
                found = warehouse.rows("reads/current_builds", marts=["user_daily_reports"], since=since, until=until)
                assert len(found) == 1
            else:
                with pytest.raises(WarehouseUnavailable):
                    warehouse.rows("reads/current_builds", marts=["user_daily_reports"], since=since, until=until)
    pool.close()


def test_each_batch_is_waited_for_anew_and_the_time_that_its_reader_takes_does_not_count(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[bool] = []

    class Timer(threading.Timer):
        def start(self) -> None:
            running.append(True)

        def cancel(self) -> None:
            running[-1] = False

    monkeypatch.setattr("resources.silence.threading.Timer", Timer)
    monkeypatch.setattr("resources.source.BATCH_BYTES", 4_096)
    url, day = network.settings.telemetry_database_url, window(DAY, NEXT)
    with snapshot(url, "telemetry", "TELEMETRY_DATABASE_URL") as source:
        source.window(day.since, day.until, day.since)
        before, events, batches = len(running), 0, 0
        for batch in source.batches("sources/events"):
            assert not any(running)
            events += batch.height
            batches += 1
        # One for the statement, one for each batch, one for the end.
        assert (events, len(running) - before) == (EVENTS, batches + 2)
        assert batches > 1


def test_a_postgresql_that_says_nothing_is_given_up(network: Network) -> None:
    with psycopg.connect(network.marts.settings.telemetry_database_url) as blocker:
        blocker.execute("LOCK TABLE telemetry.raw_telemetry IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceUnavailable, match=r"TELEMETRY_DATABASE_URL said nothing for 0\.5 seconds"):
            network.build(hasty=network.postgres)
