"""When Dagster builds marts by itself because they are about to be stale: policy by selection, in one place.

Arrivals have a sensor of their own, which is faster; this is what remains where that stands still, and all there is for
the marts of the CRM.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.requests import pause_ends
from resources.errors import ReportsError
from resources.freshness import WINDOWS, State, completeness, state
from resources.settings import Settings, read_settings
from resources.warehouse import Warehouse

_TARGETS = {
    "customers_freshness": ("crm_customers",),
    "telemetry_freshness": ("telemetry_events", "user_prosthesis_stats", "user_daily_reports"),
    "deals_freshness": ("deal_pipeline",),
    "audit_freshness": ("audit_activity",),
}
"""One run of Dagster takes all that one sensor asks for, so marts that do not need each other have sensors apart."""

_OWNERS = "crm_customers"

_BEGINNING = timedelta(minutes=5)
"""How long after its tables were made a warehouse is left to whoever made them."""

_SHORTEST = timedelta(minutes=1)
"""Dagster takes no shorter windows; what is built goes by the ones that are declared."""

Found = dg.AssetsDefinition | dg.AssetSpec


class NotFresh(dg.AutomationCondition[dg.AssetKey]):
    """True of a mart that is late or stale by its declared window, unless it was tried a moment ago.

    So it is level-triggered, and remembers nothing: what holds it back are runs under way and, after failures, pauses.

    Dagster's own freshness is that of the last materialization of any partition, so that a backfill of old days would
    hide a mart that stands still; this is the data's.
    """

    @property
    def name(self) -> str:
        """What the UI shows."""
        return "not_fresh"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """All candidates where the mart is not fresh; none where the warehouse does not answer."""
        mart, now = context.key.to_user_string(), context.evaluation_time.astimezone(UTC)
        due = not context.candidate_subset.is_empty and _is_due(mart, now) and _may_be_tried(context, mart, now)
        return dg.AutomationResult(context, context.candidate_subset if due else context.get_empty_subset())


def with_policies(assets: Iterable[Found], settings: Settings) -> list[Found]:
    """`assets`, the marts among them with the freshness that is declared for them, and built when they lack it."""

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key.to_user_string() not in WINDOWS:
            return spec
        window = WINDOWS[spec.key.to_user_string()].times(settings.reports_freshness_factor)
        late_after, stale_after = max(window.late_after, _SHORTEST), max(window.stale_after, 2 * _SHORTEST)
        policy = dg.FreshnessPolicy.time_window(warn_window=late_after, fail_window=stale_after)
        return spec.replace_attributes(freshness_policy=policy, automation_condition=_condition())

    return list(dg.map_asset_specs(with_policy, assets))


def sensors(settings: Settings) -> list[dg.AutomationConditionSensorDefinition]:
    """What evaluates the conditions, running from the start; shorter windows more often."""
    every_s = round(max(5, min(30, 30 * settings.reports_freshness_factor)))
    with warnings.catch_warnings():
        # Conditions of our own can only be evaluated by the code server, which is still marked beta.
        warnings.filterwarnings("ignore", message="Parameter `use_user_code_server`", category=dg.BetaWarning)
        return [_sensor(name, marts, every_s) for name, marts in _TARGETS.items()]


def _sensor(name: str, marts: tuple[str, ...], every_s: int) -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        name=name,
        target=dg.AssetSelection.assets(*marts),
        minimum_interval_seconds=every_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        use_user_code_server=True,
        description=f"Builds the latest partition of {', '.join(marts)} when it is about to be stale.",
    )


def _condition() -> dg.AutomationCondition[dg.AssetKey]:
    """The latest partition, where it is not fresh and no run is about to make it so."""
    condition = dg.AutomationCondition[dg.AssetKey]
    return condition.in_latest_time_window() & NotFresh() & ~condition.in_progress()


def _is_due(mart: str, now: datetime) -> bool:
    """Whether the warehouse says that `mart` is late, or was never complete, and it can be built."""
    settings = read_settings(os.environ)
    window = WINDOWS[mart].times(settings.reports_freshness_factor)
    try:
        with Warehouse(settings) as warehouse:
            complete_at = completeness(warehouse)
            [(since,)] = warehouse.rows("reads/complete_marts_since")
    except ReportsError:
        return False
    # Whoever starts a stack is about to fill its sources and to build everything.
    if mart not in complete_at and now.timestamp() - since < _BEGINNING.total_seconds():
        return False
    # Before anybody is known to own a chip a run of telemetry can only fail.
    can_be_built = _OWNERS in complete_at or mart not in _TARGETS["telemetry_freshness"]
    return can_be_built and state(window, complete_at.get(mart), now) is not State.FRESH


def _may_be_tried(context: dg.AutomationContext[dg.AssetKey], mart: str, now: datetime) -> bool:
    """Whether the pause after its last run is over, if there is one; of marts by day runs of today count."""
    day = now.date() if context.partitions_def else None
    return pause_ends(context.asset_graph_view.instance, mart, day, now) <= now
