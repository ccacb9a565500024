"""The Dagster shells of the resources; the only file here that imports dagster."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from resources.errors import SourceUnavailable, WarehouseUnavailable
from resources.settings import Settings, read_settings
from resources.source import Snapshot, snapshot
from resources.warehouse import Warehouse

_TRIES, _PAUSE_S = 3, 300

_ASKED_AGAIN = {"reports/attempt", "dagster/sensor_name"}
"""Tags of runs that whoever asked for them asks for again, so that none need wait in its place in the queue."""


class SettingsResource(dg.ConfigurableResource[None]):
    """Settings of the process that runs; nothing of them, secrets least of all, is shown in the UI."""

    def settings(self) -> Settings:
        """Read the environment. Raises `SettingsError`."""
        return read_settings(os.environ)

    @contextmanager
    def _outages_outlasted(self) -> Iterator[None]:
        """In a run that nobody else repeats, have Dagster try the step again where an engine did not answer."""
        run = self.get_resource_context().run
        try:
            yield
        except (SourceUnavailable, WarehouseUnavailable) as error:
            if run is None or _ASKED_AGAIN & run.tags.keys():
                raise
            raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_PAUSE_S) from error


class WarehouseResource(SettingsResource):
    """ClickHouse, where the marts are."""

    @contextmanager
    def connect(self) -> Iterator[Warehouse]:
        """A connection for the length of the block. Raises `SettingsError`."""
        with self._outages_outlasted(), Warehouse(self.settings()) as warehouse:
            yield warehouse


class CrmSource(SettingsResource):
    """The CRM's PostgreSQL, read only."""

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of it. Raises `SettingsError`, `SourceUnavailable`, `SourceError`."""
        settings = self.settings()
        url, schema = settings.crm_database_url, settings.reports_crm_schema
        with self._outages_outlasted(), snapshot(url, schema, "CRM_DATABASE_URL") as view:
            yield view

    @contextmanager
    def audit_snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of the audit trail, which lies in the same database. Raises as `snapshot` does."""
        settings = self.settings()
        url, schema = settings.crm_database_url, settings.reports_audit_schema
        with self._outages_outlasted(), snapshot(url, schema, "CRM_DATABASE_URL") as view:
            yield view


class TelemetrySource(SettingsResource):
    """The telemetry PostgreSQL, read only."""

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of it. Raises `SettingsError`, `SourceUnavailable`, `SourceError`."""
        settings = self.settings()
        url, schema = settings.telemetry_database_url, settings.reports_telemetry_schema
        with self._outages_outlasted(), snapshot(url, schema, "TELEMETRY_DATABASE_URL") as view:
            yield view


class BuildConfig(dg.Config):
    """How a materialization is asked for."""

    full_refresh: bool = False
    """Build every segment again, also where nothing changed."""
