"""Dagster's storage over connections that stay open."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from shutil import copyfile

import dagster as dg
import psycopg
import pytest

from resources.errors import SettingsError
from stack import pooled_storage
from tests.engines import PostgresServer

_SETTINGS = Path(pooled_storage.__file__).with_name("dagster.yaml")


@pytest.fixture
def home(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of Dagster with the stack's settings, and a database of its own that has no tables yet."""
    monkeypatch.setenv("DAGSTER_DATABASE_URL", postgres.create_database("pooled_dagster"))
    copyfile(_SETTINGS, tmp_path / "dagster.yaml")
    return tmp_path


def connections(postgres: PostgresServer) -> list[int]:
    """Processes of the server that hold a connection to the database."""
    with psycopg.connect(postgres.url()) as asking:
        found = asking.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'pooled_dagster'").fetchall()
    return [pid for (pid,) in found]


def end(postgres: PostgresServer, pids: list[int]) -> None:
    """Close these connections from the server's side, as its restart does."""
    with psycopg.connect(postgres.url()) as asking:
        asking.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [pids])


def test_instances_share_connections_that_outlive_the_servers_restart(home: Path, postgres: PostgresServer) -> None:
    with ExitStack() as opened:
        first, second = (opened.enter_context(dg.DagsterInstance.from_config(str(home))) for _ in range(2))
        first.add_dynamic_partitions("chips", ["one"])
        assert second.get_dynamic_partitions("chips") == ["one"]
        [held] = connections(postgres)
        for instance in (first, second):
            assert instance.get_run_records() == []
            assert instance.all_instigator_state() == []
        # A thread of Dagster's may have needed one at the same moment; both instances have the one pool.
        assert held in connections(postgres)
        assert pooled_storage._engine.cache_info().currsize == 1
        end(postgres, connections(postgres))
        assert first.get_dynamic_partitions("chips") == ["one"]
        assert second.get_run_records() == []
        assert held not in connections(postgres)
    pooled_storage._engine.cache_clear()


def test_without_an_address_it_says_which_setting_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_DATABASE_URL", raising=False)
    with pytest.raises(SettingsError, match="DAGSTER_DATABASE_URL is not set"):
        pooled_storage.PooledPostgresStorage.from_config_value(None, {})
