"""The Dagster shells of the resources; the only file here that imports dagster."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from resources.settings import Settings, read_settings
from resources.source import Snapshot, snapshot
from resources.warehouse import Warehouse


class SettingsResource(dg.ConfigurableResource[None]):
    """Settings of the process that runs; nothing of them, secrets least of all, is shown in the UI."""

    def settings(self) -> Settings:
        """Read the environment. Raises `SettingsError`."""
        return read_settings(os.environ)


class WarehouseResource(SettingsResource):
    """ClickHouse, where the marts are."""

    @contextmanager
    def connect(self) -> Iterator[Warehouse]:
        """A connection for the length of the block. Raises `SettingsError`."""
        with Warehouse(self.settings()) as warehouse:
            yield warehouse


class CrmSource(SettingsResource):
    """The CRM's PostgreSQL, read only."""

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of it. Raises `SettingsError`, `SourceUnavailable`, `SourceError`."""
        settings = self.settings()
        with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as view:
            yield view

    @contextmanager
    def audit_snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of the audit trail, which lies in the same database. Raises as `snapshot` does."""
        settings = self.settings()
        with snapshot(settings.crm_database_url, settings.reports_audit_schema, "CRM_DATABASE_URL") as view:
            yield view


class TelemetrySource(SettingsResource):
    """The telemetry PostgreSQL, read only."""

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of it. Raises `SettingsError`, `SourceUnavailable`, `SourceError`."""
        settings = self.settings()
        schema = settings.reports_telemetry_schema
        with snapshot(settings.telemetry_database_url, schema, "TELEMETRY_DATABASE_URL") as view:
            yield view


class BuildConfig(dg.Config):
    """How a materialization is asked for."""

    full_refresh: bool = False
    """Build every segment again, also where nothing changed."""
