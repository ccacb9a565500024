"""A full disk under ClickHouse: readers keep what they had, the error names it, and room is all that is needed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
import pytest

from resources.errors import WarehouseError
from resources.migrations import migrate
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack.home import Home
from tests.assets.conftest import Marts
from tests.engines import clickhouse_server, home_folder

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)


@pytest.fixture
def volume() -> Iterator[Path]:
    """The state folder of a ClickHouse whose data lies on a small volume of its own."""
    with home_folder() as folder:
        home = Home(folder)
        home.prepare()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(home.clickhouse)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("a small volume can only be mounted by root, where the system lets it")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(home.clickhouse)], check=True)  # noqa: S607


@pytest.fixture
def small(volume: Path, warehouse_settings: Settings) -> Iterator[Marts]:
    """Marts on that volume."""
    with clickhouse_server(volume) as server:
        settings = msgspec.structs.replace(
            warehouse_settings, clickhouse_port=server.port, clickhouse_password=server.password
        )
        migrate(settings)
        with Warehouse(settings) as warehouse:
            yield Marts(settings, warehouse)


def fill(ballast: Path) -> None:
    """Write until nothing more goes on the volume."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))


def test_a_full_disk_is_named_readers_keep_what_they_had_and_room_mends_it(small: Marts, volume: Path) -> None:
    small.add_wearer(1, "chip-1")
    small.build_customers()
    small.add_event("2026-02-01T12:00:00")
    small.build_all(DAY, NEXT)
    small.add_event("2026-02-01T13:00:00")
    ballast = Home(volume).clickhouse / "ballast"
    fill(ballast)
    for build in (small.build_customers, lambda: small.build_events(DAY, NEXT)):
        with pytest.raises(
            WarehouseError, match=r"ClickHouse's disk is full, so sql/\S+\.sql was refused\. .*make room"
        ):
            build()
    assert small.published_ids() == [1]
    assert small.query("SELECT movements FROM user_daily_reports") == [(1,)]
    ballast.unlink()
    small.build_all(DAY, NEXT)
    assert small.published_ids() == [1, 2]
    assert small.query("SELECT movements FROM user_daily_reports") == [(2,)]
