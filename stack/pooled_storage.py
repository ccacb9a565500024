"""Dagster's storage in PostgreSQL, over connections that stay open; `stack/dagster.yaml` names it.

Dagster's own opens a connection for each statement, some 5 ms every time: that was most of a sensor's look that finds
nothing.
"""

from __future__ import annotations

import os
from functools import cache

import sqlalchemy
from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config

from resources.errors import SettingsError
from resources.settings import read_settings

_prepared: set[str] = set()
"""Databases in which this process has looked for Dagster's tables already."""


class PooledPostgresStorage(DagsterPostgresStorage):
    """As its base, but that whatever a process stores in the same database goes over one pool of connections.

    It takes what its base takes but for tokens in place of a password. Without an address it is in the database that
    our settings name, which so may come from a file.
    """

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> PooledPostgresStorage:
        """The storage that Dagster's settings describe."""
        addressed = config_value.get("postgres_url") or config_value.get("postgres_db")
        url = pg_url_from_config(config_value) if addressed else _named()
        creates = bool(config_value.get("should_autocreate_tables", True))
        storage = cls(url, creates and url not in _prepared, inst_data)
        _prepared.add(url)
        for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            part._engine = _engine(url)
        return storage


def _named() -> str:
    url = read_settings(os.environ).dagster_database_url
    if not url:
        raise SettingsError("DAGSTER_DATABASE_URL is not set; set it to Dagster's own PostgreSQL.")
    return url


@cache
def _engine(url: str) -> sqlalchemy.Engine:
    # Asked before each use whether it lives: the database may have been started anew meanwhile.
    return sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", max_overflow=-1, pool_pre_ping=True)
