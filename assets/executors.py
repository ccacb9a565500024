"""How the steps of a run are carried out, by the setting `REPORTS_EXECUTOR`; docs/dagster.md says which when."""

from __future__ import annotations

import dagster as dg

from resources.errors import SettingsError
from resources.settings import Settings


def executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor of all runs but the jobs' that name their own. Raises `SettingsError` where its extra is missing."""
    name = settings.reports_executor
    try:
        match name:
            case "in_process":
                return dg.in_process_executor
            case "multiprocess":
                return dg.multiprocess_executor
            case "docker":
                from dagster_docker import docker_executor  # noqa: PLC0415 - an extra

                return docker_executor
            case "k8s":
                from dagster_k8s import k8s_job_executor  # noqa: PLC0415 - an extra

                return k8s_job_executor
    except ImportError as error:
        raise SettingsError(
            f"REPORTS_EXECUTOR={name} needs the extra `{name}`, which is not installed: `uv sync --extra {name}`."
        ) from error
