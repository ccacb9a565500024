"""compose.yaml holds together, and every command of our image in it does what it is there for: run outside of
containers, on real engines, with the accounts, settings and files that the containers get.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copyfile
from threading import Thread
from xml.etree import ElementTree

import httpx
import psycopg
import pytest

from resources.secret_files import FILES
from stack import clickhouse, ports, secrets_command
from stack.child import ROOT
from stack.home import Home
from stack.postgres import binaries
from tests.api.world import Issuer
from tests.engines import PostgresServer, clickhouse_server, home_folder, postgres_server, wait_until
from tests.stack.containers import COMPOSE, HERE, OURS, SERVICES, Machine

STEPS = {"grants", "migrate", "seed", "backup", "doctor"}
TOOLS = {"seed", "backup", "doctor"}
"""Run by hand."""
STAND_INS = {"crm", "telemetry", "grants", "keycloak", "keycloak-db"}
PUBLISHED = {"api", "keycloak", "proxy", "proxy-guest"}
REALM = (ROOT / "deploy/keycloak/reports-realm-realm.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `reports secrets` makes."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    secrets_command.make(folder)
    return folder


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+[\d.]*(-alpine)?$", service["image"])
    assert int(service["user"].split(":")[0]) > 0
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["read_only"] is (name != "keycloak")
    assert service["restart"] == ("on-failure:3" if name in STEPS else "unless-stopped")
    assert ("healthcheck" in service) is (name not in STEPS)
    for other, wait in service.get("depends_on", {}).items():
        done = "service_completed_successfully" if other in STEPS else "service_healthy"
        may_be_absent = {"required": False} if other in {"grants", "keycloak"} else {}
        assert (other in SERVICES, wait) == (True, {"condition": done, **may_be_absent})


def test_only_the_api_keycloak_and_the_proxies_are_reached_from_outside() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == PUBLISHED
    assert all(port.startswith("127.0.0.1:") for given in published.values() for port in given)
    outward = {name for name, network in COMPOSE["networks"].items() if not network.get("internal")}
    assert {name for name, service in SERVICES.items() if outward & set(service["networks"])} == PUBLISHED


@pytest.mark.parametrize(
    ("network", "members"),
    [
        ("operators", {"webserver", "proxy", "grafana", "api", "doctor"}),
        ("guests", {"webserver-guest", "proxy-guest"}),
        ("orchestration", {"dagster-db", "code", "daemon", "webserver", "webserver-guest", "doctor"}),
        ("sources", {"crm", "telemetry", "grants", "seed", "code", "backup", "doctor"}),
        ("warehouse", {"clickhouse", "migrate", "backup", "code", "api", "doctor"}),
        ("keycloak", {"keycloak-db", "keycloak"}),
    ],
)
def test_who_may_reach_what_has_no_login_of_its_own_or_keeps_data(network: str, members: set[str]) -> None:
    assert {name for name, service in SERVICES.items() if network in service["networks"]} == members


def test_every_secret_is_made_declared_given_and_read(secrets: Path) -> None:
    declared = {name: {"file": f"./deploy/secrets/{name}"} for name in COMPOSE["secrets"]}
    assert COMPOSE["secrets"] == declared
    assert {path.name for path in secrets.iterdir()} == {
        *declared,
        "clickhouse_users.xml",
        "clickhouse_analyst_password",
    }
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == set(declared)
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            is_secret = re.search(r"PASSWORD|SECRET|_DATABASE_URL|METRICS_TOKEN", variable)
            assert not is_secret or value.removeprefix("/run/secrets/") in service["secrets"], variable
    told = {variable for name in OURS for variable in SERVICES[name].get("environment", {})}
    assert told & FILES.keys() == FILES.keys() - {"REPORTS_DATABASE_URL_FILE"}


def test_secrets_that_are_there_stay_and_nobody_else_may_look_into_their_folder(secrets: Path) -> None:
    before = {path.name: path.read_text(encoding="utf-8") for path in secrets.iterdir()}
    (secrets / "crm_database_url").unlink()
    secrets_command.make(secrets)
    assert {path.name: path.read_text(encoding="utf-8") for path in secrets.iterdir()} == before
    assert len(set(before.values())) == len(before)
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {len(before[f"{name}_cookie_secret"]) for name in ("proxy", "guest_proxy")} == {32}


def test_the_server_gets_every_account_by_the_digest_of_its_password_and_none_besides(secrets: Path) -> None:
    users = ElementTree.fromstring((secrets / "clickhouse_users.xml").read_text(encoding="utf-8")).find("users")  # noqa: S314 - ours
    assert users is not None
    assert {each.tag: each.get("remove") or each.findtext("password_sha256_hex") for each in users} == {
        "default": "remove",
        **{user: sha256((secrets / name).read_bytes()).hexdigest() for user, name in secrets_command.ACCOUNTS.items()},
    }
    assert [each.tag for each in users if each.find("grants") is None] == ["default", "reports"]


def test_what_is_mounted_is_there() -> None:
    mounts = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    made = {mount for mount in mounts if mount.startswith("./deploy/secrets/")}
    assert {mount for mount in mounts if not mount.startswith("./")} == set(COMPOSE["volumes"])
    assert [mount for mount in mounts - made if mount.startswith("./") and not (ROOT / mount).exists()] == []


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        ("deploy/tls.yaml", SERVICES.keys() - TOOLS),
        ("deploy/own-servers.yaml", SERVICES.keys() - TOOLS - STAND_INS),
    ],
)
def test_a_compose_implementation_makes_containers_of_it(tmp_path: Path, behind: str, expected: set[str]) -> None:
    # It asks for the engine's version and for containers that are there; all else is printed, and not done.
    engine = tmp_path / "podman"
    engine.write_text('#!/bin/sh\ncase "$1" in --version) echo "podman version 5.4.0";; ps) echo "[]";; esac\n')
    engine.chmod(0o755)
    options = ["--podman-path", str(engine), "--verbose", "--dry-run", "--file", "compose.yaml", "--file", behind]
    done = subprocess.run(
        [sys.executable, "-m", "podman_compose", *options, "up", "--detach", "--no-build"],
        cwd=ROOT,
        env={**os.environ, "KEYCLOAK_URL": "https://login.example"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"podman create --name=bionicpro-reports_([\w-]+)_1 ", done.stderr)) == expected
    created = [line for line in done.stderr.splitlines() if "podman create" in line]
    assert any("//keycloak:8080" in line for line in created) is ("keycloak" in expected)


def test_accounts_are_restricted_by_the_containers_server_as_by_the_local_one(home: Home) -> None:
    prepare = clickhouse.part(home, 19999, ["reports"]).prepare
    assert prepare is not None
    prepare()
    local, container = (
        ElementTree.fromstring(path.read_text(encoding="utf-8")).find("access_control_improvements")  # noqa: S314 - ours
        for path in (home.clickhouse / "config.xml", ROOT / "deploy/clickhouse/reports.xml")
    )
    assert local is not None
    assert container is not None
    assert {each.tag: each.text for each in container} == {each.tag: each.text for each in local}


def test_the_image_is_of_what_it_copies_and_runs_the_api_by_itself() -> None:
    containerfile = (ROOT / "Containerfile").read_text(encoding="utf-8")

    def said(instruction: str) -> list[str]:
        return re.findall(rf"^{instruction}$", containerfile, re.MULTILINE)

    assert [["CMD", *json.loads(words)] for words in said(r"HEALTHCHECK .*CMD (\[.*\])")] == [
        SERVICES["api"]["healthcheck"]["test"]
    ]
    assert [json.loads(words) for words in said(r"CMD (\[.*\])")] == [SERVICES["api"]["command"]]
    assert {SERVICES[name]["user"] for name in OURS} == set(said("USER (.+)"))
    copied = {path.split("/")[0] for paths in said(r"COPY (?!--from)(.+) \S+") for path in paths.split()}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert copied == set(re.findall(r"^!(.+)$", ignored, re.MULTILINE))


def test_nothing_is_compiled_for_the_image_whose_base_has_no_compiler() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    assert [each["name"] for each in packages if "wheels" not in each] == ["bionicpro-reports"]


def test_keycloak_is_told_all_that_the_realm_leaves_open(secrets: Path, tmp_path: Path) -> None:
    program = tmp_path / "kc.sh"
    program.write_text('#!/bin/sh\necho "$@"; env\n')
    program.chmod(0o755)
    script = (ROOT / "deploy/keycloak/start.sh").read_text(encoding="utf-8")
    known = {**SERVICES["keycloak"]["environment"], "KEYCLOAK": str(program)}

    def started(folder: Path) -> subprocess.CompletedProcess[str]:
        here = script.replace("/run/secrets", str(folder))
        return subprocess.run(["/bin/bash", "-c", here], env=known, capture_output=True, text=True, check=False)

    command, *told = started(secrets).stdout.splitlines()
    assert command == "start --import-realm"
    variables = dict(line.split("=", 1) for line in told)
    assert set(re.findall(r"\$\{(\w+)\}", REALM)) <= variables.keys()
    assert variables["KC_DB_PASSWORD"] == (secrets / "keycloak_database_password").read_text(encoding="utf-8")
    assert started(tmp_path).returncode == 1


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_keycloaks_health_check_reads_the_status(status: int, code: int) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    _, *words = SERVICES["keycloak"]["healthcheck"]["test"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        here = [word.replace("/9000", f"/{server.server_port}") for word in words]
        assert subprocess.run(here, check=False).returncode == code
        server.shutdown()


def lay(path: Path, content: str) -> None:
    """Have a secret hold something else, as where somebody names servers of theirs."""
    path.unlink()
    path.write_text(content, encoding="utf-8")


def carry_out(server: PostgresServer, service: str, database: str, secrets: Path) -> None:
    """What the container of a PostgreSQL carries out in its database when it starts first."""
    for volume in SERVICES[service]["volumes"]:
        script, _, place = volume.partition(":")
        if place.startswith("/docker-entrypoint-initdb.d/"):
            text = (ROOT / script).read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
            command = [str(binaries() / "psql"), "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"]
            subprocess.run([*command, server.url(database)], input=text, text=True, check=True)


@contextmanager
def source(name: str, secrets: Path) -> Iterator[PostgresServer]:
    """A source as its container makes it."""
    with home_folder() as folder, postgres_server(folder) as server:
        lay(secrets / f"{name}_owner_url", server.create_database(name))
        carry_out(server, name, name, secrets)
        move(secrets / f"{name}_database_url", server.port)
        yield server


def move(url: Path, port: int) -> None:
    """Have an address lead to this machine."""
    lay(url, re.sub(r"@[\w-]+:5432/", f"@127.0.0.1:{port}/", url.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Engines with the roles and accounts of the containers'. The CRM has a customer, so that nothing is seeded."""
    folder = tmp_path_factory.mktemp("machine")
    secrets = folder / "secrets"
    secrets_command.make(secrets)
    with (
        source("crm", secrets) as crm,
        source("telemetry", secrets),
        home_folder() as place,
        clickhouse_server(place, ["reports"]) as warehouse,
    ):
        carry_out(crm, "dagster-db", "postgres", secrets)
        # Its container's name says which database it is.
        move(secrets / "dagster_database_url", crm.port)
        with psycopg.connect(crm.url("crm")) as connection:
            connection.execute(
                "INSERT INTO crm.customers (user_id, user_uuid, ldap_username, name, email, registration_ts,"
                " updated_at) VALUES (1, gen_random_uuid(), 'demo', 'Demo', 'demo@example.test', now(), now())"
            )
        for user, name in secrets_command.ACCOUNTS.items():
            login = (
                clickhouse.account(Home(place))
                if user == clickhouse.USER
                else clickhouse.other_account(Home(place), user)
            )
            lay(secrets / name, login.password)
        issuer = Issuer()
        (folder / "keys.json").write_bytes(issuer.key_set())
        copyfile(ROOT / "stack/dagster.yaml", folder / "dagster.yaml")
        free = ports.choose(dict.fromkeys(("code", "webserver", "webserver-guest", "api"), 0))
        keys = "http://keycloak:8080/realms/reports-realm/protocol/openid-connect/certs"
        yield Machine(
            folder=folder,
            issuer=issuer,
            moved={
                "/run/secrets": str(secrets),
                "/app/": f"{ROOT}/",
                "0.0.0.0": HERE,  # noqa: S104 - replaced
                keys: str(folder / "keys.json"),
                "http://webserver:3000": f"http://{HERE}:{free['webserver']}",
            },
            ports={
                "code": {"4000": free["code"]},
                "daemon": {"4000": free["code"]},
                "webserver": {"4000": free["code"], "3000": free["webserver"]},
                "webserver-guest": {"4000": free["code"], "3000": free["webserver-guest"]},
                "api": {"8087": free["api"]},
            },
            known={
                "DAGSTER_HOME": str(folder),
                "CLICKHOUSE_PORT": str(warehouse.port),
                "REPORTS_SERVICE_PORT": str(free["api"]),
            },
        )


def test_every_command_of_the_image_does_what_it_is_for(machine: Machine) -> None:
    for step in ("grants", "migrate", "seed"):
        machine.succeed(step)
    served = [name for name in OURS if name not in STEPS]
    with machine.running(*served):
        build_a_mart(machine)
        look_as_a_guest(machine)
        said = machine.succeed("doctor")
        assert "failed" not in said
        assert "warning" not in said
    machine.succeed("backup")


def build_a_mart(machine: Machine) -> None:
    """Through the API, Dagster's web server, its daemon, and a run of the code location; Prometheus may read of it."""
    issuer = SERVICES["api"]["environment"]["REPORTS_TOKEN_ISSUER"]
    token = machine.issuer.sign(machine.issuer.claims(iss=issuer, roles=("reports-admin",)))
    address = f"http://{HERE}:{machine.ports['api']['8087']}"
    admin = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=admin, trust_env=False, timeout=30) as client:
        asked = client.post("/api/v1/refresh", json={"marts": ["crm_customers"]})
        assert asked.status_code == 202, asked.text
        location = asked.headers["Location"]
        # Without a state where it is asked too often.
        wait_until(lambda: client.get(location).json().get("state") in {"succeeded", "failed"}, "the run is over")
        assert client.get(location).json()["state"] == "succeeded", client.get(location).text
        metrics_token = (machine.folder / "secrets/metrics_token").read_text(encoding="utf-8")
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {metrics_token}"})
        assert (metrics.status_code, client.get("/metrics").status_code) == (200, 404)


def look_as_a_guest(machine: Machine) -> None:
    """Guests see what there is, and may launch nothing."""
    address = f"http://{HERE}:{machine.ports['webserver-guest']['3000']}/graphql"
    question = "{ permissions { permission value } runsOrError { ... on Runs { results { id } } } }"
    answer = httpx.post(address, json={"query": question}, trust_env=False, timeout=30).json()["data"]
    assert [each["permission"] for each in answer["permissions"] if each["value"]] == []
    assert len(answer["runsOrError"]["results"]) == 1
