"""The settings of `deploy/dagster/`, loaded by Dagster itself, up to the engine that is not here to run anything."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_docker import DockerRunLauncher
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job
from docker.errors import DockerException
from kubernetes.client import ApiClient

from resources.settings import SYNONYMS, VARIABLES
from stack import pooled_storage
from stack.child import ROOT
from tests.engines import PostgresServer

SHARED = (ROOT / "stack" / "dagster.yaml").read_text(encoding="utf-8")
OWN = {name: (ROOT / "deploy" / "dagster" / f"{name}.yaml").read_text(encoding="utf-8") for name in ("docker", "k8s")}
IMAGE = "reports/code:1"
NOWHERE = "127.0.0.1:1"
KUBECONFIG = f"""
apiVersion: v1
kind: Config
clusters: [{{name: nowhere, cluster: {{server: "http://{NOWHERE}"}}}}]
contexts: [{{name: nowhere, context: {{cluster: nowhere, user: nobody}}}}]
users: [{{name: nobody, user: {{}}}}]
current-context: nowhere
"""
# Outside of a cluster a launcher is told where one is.
INSIDE, OUTSIDE = "\n  config:\n", "\n  config:\n    load_incluster_config: false\n    kubeconfig_file: {}\n"


@pytest.fixture(scope="module")
def history(postgres: PostgresServer) -> str:
    """A database for Dagster's history."""
    return postgres.create_database("launchers_dagster")


Load = Callable[[str], AbstractContextManager[dg.DagsterInstance]]


@pytest.fixture
def instance_of(history: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads an instance with the shared settings and those of a launcher."""
    for variable in (*VARIABLES, *SYNONYMS):
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("DAGSTER_DATABASE_URL", history)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{NOWHERE}")
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)

    @contextmanager
    def load(name: str) -> Iterator[dg.DagsterInstance]:
        outside = OUTSIDE.format(tmp_path / "kubeconfig")
        own = OWN[name].replace(INSIDE, outside) if name == "k8s" else OWN[name]
        (tmp_path / "dagster.yaml").write_text(SHARED + own)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            yield instance

    yield load
    pooled_storage._engine.cache_clear()


@dg.job
def nothing() -> None:
    """A job without a step."""


def recorded(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run of a code location that names its image."""
    code = RepositoryPythonOrigin(sys.executable, ModuleCodePointer("assets.definitions", "reports", None), IMAGE)
    return instance.create_run_for_job(nothing, job_code_origin=JobPythonOrigin("nothing", code))


@pytest.mark.parametrize("name", OWN)
def test_a_launcher_s_settings_only_add_to_the_shared_ones(name: str) -> None:
    sections = [set(re.findall(r"^\w+(?=:)", text, re.MULTILINE)) for text in (SHARED, OWN[name])]
    assert sections[0] & sections[1] == set()
    assert sections[1] == {"run_launcher", "compute_logs"}


def test_docker_runs_the_image_of_the_code_location_with_all_that_assets_read(instance_of: Load) -> None:
    with instance_of("docker") as instance:
        launcher, run = instance.run_launcher, recorded(instance)
        assert isinstance(launcher, DockerRunLauncher)
        assert launcher._get_docker_image(run.job_code_origin) == IMAGE  # type: ignore[no-untyped-call]
        assert set(launcher.get_container_context(run).env_vars) == {*read_by_assets(), *SYNONYMS}


def test_a_run_that_docker_cannot_take_has_failed_and_says_why(instance_of: Load) -> None:
    nowhere: Any = None
    with instance_of("docker") as instance:
        run = recorded(instance)
        with pytest.raises(DockerException, match="Connection refused"):
            instance.launch_run(run.run_id, nowhere)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is dg.DagsterRunStatus.FAILURE
        told = [entry.dagster_event.message for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    assert "Connection refused" in " ".join(map(str, told))


def read_by_assets() -> set[str]:
    """The variables of the settings that a run reads."""
    files = [path for folder in ("assets", "resources") for path in (ROOT / folder).rglob("*.py")]
    not_in_runs = {"settings.py", "reader.py", "backup_servers.py"}
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.name not in not_in_runs)
    fields = set(re.findall(r"\bsettings(?:\(\))?\.(\w+)", text)) | {"dagster_database_url"}
    return {name for name, field in VARIABLES.items() if field in fields}


def test_kubernetes_runs_a_job_with_the_image_the_settings_and_the_secret(instance_of: Load) -> None:
    with instance_of("k8s") as instance:
        launcher, run = instance.run_launcher, recorded(instance)
        assert isinstance(launcher, K8sRunLauncher)
        context = launcher.get_container_context_for_run(run)
        job = construct_dagster_k8s_job(
            context.get_k8s_job_config(IMAGE, launcher), [], "run", user_defined_k8s_config=context.run_k8s_config
        )
    pod = ApiClient().sanitize_for_serialization(job)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert (context.namespace, pod["serviceAccountName"], container["image"]) == ("reports", "reports-dagster", IMAGE)
    assert container["envFrom"] == [{"secretRef": {"name": "reports"}}]
    assert [volume["configMap"] for volume in pod["volumes"]] == [{"name": "reports-dagster"}]
    assert container["volumeMounts"][0]["mountPath"].startswith(container["env"][0]["value"])
    assert container["resources"]["limits"] == {"memory": "2Gi"}
