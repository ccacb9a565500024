"""The only composition root: every asset, job, schedule and resource that Dagster sees."""

import os

import dagster as dg

from assets.audit_activity import audit_activity
from assets.automation import Found, sensors, with_policies
from assets.catalogue import with_catalogue
from assets.checks import CHECKED_HOURLY, CHECKS, check_marts
from assets.collection import NIGHTLY, collect_builds
from assets.crm_customers import crm_customers
from assets.deal_pipeline import deal_pipeline
from assets.executors import executor
from assets.partitions import daily
from assets.rebuild import rebuild
from assets.reconciliation import HOURLY, reconcile
from assets.sensors import telemetry_arrival, telemetry_fallback
from assets.sources import sources
from assets.telemetry_events import telemetry_events
from assets.user_daily_reports import user_daily_reports
from assets.user_prosthesis_stats import user_prosthesis_stats
from resources.dagster import CrmSource, TelemetrySource, WarehouseResource
from resources.settings import read_settings


@dg.definitions
def reports() -> dg.Definitions:
    """Everything, for the settings of this environment. Raises `SettingsError`."""
    settings = read_settings(os.environ)
    days = daily(settings.reports_first_day)
    assets: list[Found] = [
        *sources(settings),
        crm_customers,
        telemetry_events(days),
        user_prosthesis_stats(days),
        user_daily_reports(days),
        deal_pipeline,
        audit_activity(days),
    ]
    return dg.Definitions(
        assets=with_catalogue(with_policies(assets, settings), settings),
        asset_checks=CHECKS,
        jobs=[collect_builds, reconcile, check_marts, rebuild(reports)],
        schedules=[NIGHTLY, HOURLY, CHECKED_HOURLY, telemetry_fallback],
        sensors=[telemetry_arrival, *sensors(settings)],
        resources={"warehouse": WarehouseResource(), "crm": CrmSource(), "telemetry": TelemetrySource()},
        executor=executor(settings),
    )
