"""The job `rebuild`: days of telemetry from one to another, asked for in one form, built a month a run."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Self

import dagster as dg
from pydantic import Field, model_validator

from assets.partitions import FIRST, LAST
from resources.dagster import WarehouseResource
from resources.retention import MARTS

_DAYS_AT_ONCE = 31


class RebuildConfig(dg.Config):
    """Which days, both included, UTC; and whether also what did not change."""

    first_day: str = Field(alias="from", description="The first day, as 2026-02-01.")
    last_day: str = Field(alias="to", description="The last day, included.")
    full_refresh: bool = Field(default=False, description="Build every hour again, also where nothing changed.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if _day("from", self.first_day) > _day("to", self.last_day):
            raise ValueError(f"from ({self.first_day}) is after to ({self.last_day})")
        return self

    def stretches(self) -> Iterator[tuple[date, date]]:
        """First and last day of each run, the oldest first."""
        first, last = _day("from", self.first_day), _day("to", self.last_day)
        while first <= last:
            end = min(first + timedelta(days=_DAYS_AT_ONCE - 1), last)
            yield first, end
            first = end + timedelta(days=1)


def rebuild(definitions: Callable[[], dg.Definitions]) -> dg.JobDefinition:
    """The job, for the marts of `definitions`."""

    @dg.op(description="Build the days of telemetry that the config names, a month a run.")
    def rebuild_days(context: dg.OpExecutionContext, config: RebuildConfig, warehouse: WarehouseResource) -> None:
        _check_days(config, warehouse.settings().reports_first_day)
        assets = definitions().resolve_implicit_global_asset_job_def()
        for days in config.stretches():
            _build(context, assets, days, full_refresh=config.full_refresh)

    @dg.job(
        name="rebuild",
        executor_def=dg.in_process_executor,
        description="Build days of telemetry again: from, to, full_refresh. Launched again, it goes on where it ended.",
    )
    def job() -> None:
        rebuild_days()

    return job


def _build(
    context: dg.OpExecutionContext, assets: dg.JobDefinition, days: tuple[date, date], *, full_refresh: bool
) -> None:
    """Have Dagster run the assets of some days as it would from its UI. Raises `dagster.Failure`."""
    first, last = days
    done = assets.execute_in_process(
        instance=context.instance,
        asset_selection=[dg.AssetKey(mart) for mart in MARTS],
        tags={FIRST: str(first), LAST: str(last), "reports/rebuild": context.run.run_id},
        run_config={"ops": {mart: {"config": {"full_refresh": full_refresh}} for mart in MARTS}},
        raise_on_error=False,
    )
    if not done.success:
        raise dg.Failure(
            f"The run {done.run_id} of {first} to {last} failed. What was published stays published; see why there, "
            "and launch this again: it goes on from where it ended.",
            allow_retries=False,
        )
    context.log.info(f"{first} to {last} built by the run {done.run_id}")


def _check_days(config: RebuildConfig, first_day: date) -> None:
    today = datetime.now(UTC).date()
    if _day("from", config.first_day) < first_day or _day("to", config.last_day) > today:
        raise dg.Failure(
            f"There are days from {first_day} (REPORTS_FIRST_DAY) to {today}, today in UTC.", allow_retries=False
        )


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} is no day: {text!r}; write it as 2026-02-01") from None
