"""Asset checks: what must hold of each mart, one file of `sql/checks/` for whatever SQL can tell.

A check in a run looks at the days of that run; one by itself, at what was published in the last two hours. So it costs
milliseconds however long the history; reconciliation compares all of it.
"""

from collections.abc import Iterator

import dagster as dg
import msgspec

from assets.checking import Checking, Looked, lately, of_run
from resources.dagster import WarehouseResource
from resources.freshness import WINDOWS
from resources.sql import ROOT

_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


class Kind(msgspec.Struct, frozen=True):
    """A check that several marts have: what must hold, and what to do where it does not."""

    holds: str
    mend: str
    blocking: bool = False
    severity: dg.AssetCheckSeverity = _ERROR

    @property
    def description(self) -> str:
        """What the UI shows beside its name."""
        return f"{self.holds} If it fails: {self.mend}"


KINDS = {
    "grain_unique": Kind(
        "No two rows name the same thing, so nothing is counted twice.",
        "materialize the partition again with full_refresh; fails it again, the source itself has rows twice.",
        blocking=True,
    ),
    "conserved": Kind(
        "All that was read is in what was published, or set apart with a reason, and nothing else.",
        "materialize the partition again with full_refresh; fails it again, report it with the run's id.",
        blocking=True,
    ),
    "in_range": Kind(
        "No figure is one that cannot be.",
        "look at the rows (sql/checks has the rule); mend them in the source, or the rule if they are right.",
    ),
    "no_orphans": Kind(
        "Everyone in it is known to the CRM. Views show nobody else in any case.",
        "materialize crm_customers; what remains, the job collect_builds removes.",
        severity=_WARN,
    ),
    "reconciled": Kind(
        "Nothing that was noticed or found to be wrong has waited for its build for over 15 minutes.",
        "see that the sensor telemetry_arrival runs and why its runs fail; then launch the job reconcile.",
    ),
    "fresh": Kind(
        "It held all that its source has within the time that resources/freshness.py declares.",
        "see why its last run failed or none began; materialize the latest partition.",
    ),
    "columns_as_documented": Kind(
        "Its table and view are what sql/tables says, which docs/marts describes.",
        "run `reports migrate`; it mends what can be mended and says what a person must.",
    ),
}
"""The checks by name."""


def kinds_of(mart: str) -> dict[str, Kind]:
    """The checks that `mart` has: those that SQL tells where there is a file, and the others."""
    told_otherwise = {"reconciled", "fresh", "columns_as_documented"}
    return {
        name: kind
        for name, kind in KINDS.items()
        if name in told_otherwise or (ROOT / f"checks/{mart}_{name}.sql").is_file()
    }


def blocking_keys(*marts: str) -> list[dg.AssetCheckKey]:
    """The checks of `marts` that a run of arrivals takes along: those that keep readers from harm."""
    return [
        dg.AssetCheckKey(dg.AssetKey(mart), name)
        for mart in marts
        for name, kind in kinds_of(mart).items()
        if kind.blocking
    ]


def mart_checks(mart: str) -> dg.AssetChecksDefinition:
    """All checks of `mart`, in one step, any of which can be asked for."""

    @dg.multi_asset_check(
        name=f"{mart}_checks",
        specs=[
            dg.AssetCheckSpec(name, asset=mart, description=kind.description, blocking=kind.blocking)
            for name, kind in kinds_of(mart).items()
        ],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        asked = {key.name for key in context.selected_asset_check_keys}
        builds_it = dg.AssetKey(mart) in context.job_def.asset_layer.selected_asset_keys
        scope = of_run(mart, context.run.tags) if builds_it else lately()
        with warehouse.connect() as connection:
            checking = Checking(mart, connection, warehouse.settings(), scope)
            for name in sorted(asked, key=list(KINDS).index):
                yield _result(mart, name, checking.look(name))

    return checks


CHECKS = [mart_checks(mart) for mart in WINDOWS]

check_marts = dg.define_asset_job(
    "check_marts",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Check every mart: what was published in the last two hours, what waits, freshness, columns.",
)

CHECKED_HOURLY = dg.ScheduleDefinition(
    name="check_marts_hourly",
    job=check_marts,
    # Long enough after reconciliation for what that found to have been built.
    cron_schedule="27 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _result(mart: str, name: str, looked: Looked) -> dg.AssetCheckResult:
    """What Dagster is told of one check."""
    kind = KINDS[name]
    why = looked.why or f"{looked.failing} of {looked.looked_at} are not as they should be."
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=mart,
        passed=not looked.failing,
        severity=_WARN if looked.is_warning else kind.severity,
        description=f"{why} What to do: {kind.mend}" if looked.failing else looked.why or None,
        metadata={"failing": looked.failing, "looked_at": looked.looked_at},
    )
