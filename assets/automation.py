"""When Dagster builds marts by itself because they are about to be stale: policy by selection, in one place.

Arrivals have a sensor of their own, which is faster; this is what remains where that stands still, and all there is for
the marts of the CRM.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import dagster as dg

from resources.errors import ReportsError
from resources.freshness import WINDOWS, State, completeness, state
from resources.settings import Settings, read_settings
from resources.warehouse import Warehouse

_TRIED_EVERY = "*/5 * * * *"

_TARGETS = {
    "customers_freshness": ("crm_customers",),
    "telemetry_freshness": ("telemetry_events", "user_prosthesis_stats", "user_daily_reports"),
    "deals_freshness": ("deal_pipeline",),
    "audit_freshness": ("audit_activity",),
}
"""One run of Dagster takes all that one sensor asks for, so marts that do not need each other have sensors apart."""


class NotFresh(dg.AutomationCondition[dg.AssetKey]):
    """True of a mart that is late or stale by its declared window.

    Dagster's own freshness is that of the last materialization of any partition, so that a backfill of old days would
    hide a mart that stands still; this is the data's.
    """

    @property
    def name(self) -> str:
        """What the UI shows."""
        return "not_fresh"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """All candidates where the mart is not fresh; none where the warehouse does not answer."""
        due = _is_due(context.key.to_user_string())
        return dg.AutomationResult(context, context.candidate_subset if due else context.get_empty_subset())


def with_policies(definitions: dg.Definitions, settings: Settings) -> dg.Definitions:
    """`definitions` whose marts have the freshness that is declared for them, and are built when they lack it."""

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        window = WINDOWS[spec.key.to_user_string()].times(settings.reports_freshness_factor)
        policy = dg.FreshnessPolicy.time_window(warn_window=window.late_after, fail_window=window.stale_after)
        return spec.replace_attributes(freshness_policy=policy, automation_condition=_condition())

    return definitions.map_resolved_asset_specs(func=with_policy, selection=dg.AssetSelection.assets(*WINDOWS))


def sensors() -> list[dg.AutomationConditionSensorDefinition]:
    """What evaluates the conditions, running from the start."""
    return [
        dg.AutomationConditionSensorDefinition(
            name=name,
            target=dg.AssetSelection.assets(*marts),
            default_status=dg.DefaultSensorStatus.RUNNING,
            use_user_code_server=True,
            description=f"Builds the latest partition of {', '.join(marts)} when it is about to be stale.",
        )
        for name, marts in _TARGETS.items()
    ]


def _condition() -> dg.AutomationCondition[dg.AssetKey]:
    """The latest partition, where it is not fresh, and one attempt a while: a mart that fails does not run all day."""
    condition = dg.AutomationCondition[dg.AssetKey]
    # Dagster's own signature forgets that a tick is one of assets and of checks alike.
    attempt = dg.AutomationCondition.cron_tick_passed(_TRIED_EVERY).since_last_handled()  # type: ignore[misc]
    return condition.in_latest_time_window() & NotFresh() & ~condition.in_progress() & attempt


def _is_due(mart: str) -> bool:
    settings = read_settings(os.environ)
    window = WINDOWS[mart].times(settings.reports_freshness_factor)
    try:
        with Warehouse(settings) as warehouse:
            return state(window, completeness(warehouse).get(mart), datetime.now(UTC)) is not State.FRESH
    except ReportsError:
        return False
