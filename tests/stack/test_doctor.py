"""`reports doctor`, run as a person would run it, on what is well and on what is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from resources.settings import Settings
from resources.sql import statement
from stack import doctor, issuer
from stack.doctor import verdicts
from stack.home import Home
from stack.seed import seed
from tests.engines import ClickHouseServer, home_folder
from tests.stack.deployment import Deployment

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SECRET = "never-to-be-seen"


@pytest.fixture
def deployment(fresh_settings: Callable[[], Settings], clickhouse: ClickHouseServer) -> Iterator[Deployment]:
    """Seeded sources, a warehouse whose tables are made, and the keys of an issuer."""
    settings = fresh_settings()
    urls = settings.crm_database_url, settings.telemetry_database_url
    seed(*urls, customers=3, days=1, events_per_day=20, seed=1, last_day=date(2026, 2, 3), now=NOW)
    with home_folder() as folder:
        home = Home(folder)
        home.prepare()
        issuer.prepare(home)
        made = Deployment(issuer.trusting(settings, home), folder)
        made.succeed("migrate")
        yield made
    clickhouse.drop(settings.clickhouse_database)


@pytest.fixture
def as_role(deployment: Deployment) -> Iterator[Callable[[str], Deployment]]:
    """The same deployment, its telemetry read as a role that may read it, after statements that name it `%r`."""
    url = deployment.settings.telemetry_database_url
    role = "doctor_" + url.rpartition("_")[2]

    def make(statements: str) -> Deployment:
        with psycopg.connect(url) as owner:
            made = f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'; {READS} {statements}".replace("%r", role)
            owner.execute(made.encode())
        mine = msgspec.structs.replace(deployment.settings, telemetry_database_url=_as(url, role))
        return Deployment(mine, deployment.home)

    yield make
    with psycopg.connect(url) as owner:
        owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


READS = (
    "GRANT USAGE ON SCHEMA telemetry TO %r; GRANT SELECT ON telemetry.raw_telemetry TO %r;"
    "GRANT SELECT ON ALL SEQUENCES IN SCHEMA telemetry TO %r;"
)


def _as(url: str, role: str) -> str:
    return psycopg.conninfo.make_conninfo(url, user=role, password=SECRET)


def checks(deployment: Deployment, **environ: str) -> dict[str, tuple[str, str]]:
    """State and sentence of each check."""
    done = deployment("doctor", "--json", environ=environ)
    found = json.loads(done.said)
    assert found["is_well"] == (done.code == 0)
    assert done.trouble == ""
    for url in (deployment.settings.telemetry_database_url, deployment.settings.crm_database_url):
        assert str(psycopg.conninfo.conninfo_to_dict(url)["password"]) not in done.said
    assert deployment.settings.clickhouse_password not in done.said
    return {check["check"]: (check["state"], check["said"]) for check in found["checks"]}


def not_ok(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: state for name, (state, _) in found.items() if state not in {"ok", "skipped"}}


def owner(url: str, statements: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statements.encode())


def test_servers_of_ones_own_are_checked_and_nothing_fails(deployment: Deployment) -> None:
    found = checks(deployment)
    # The tests read the sources as their owner.
    assert not_ok(found) == dict.fromkeys(
        ["CRM: role", "CRM: writes nothing", "audit: writes nothing", "telemetry: role", "telemetry: writes nothing"],
        "warning",
    )
    assert {name for name, (state, _) in found.items() if state == "skipped"} == {
        "Dagster: database",
        "Dagster: daemons",
        "Dagster: role",
        "Dagster: web server",
    }
    assert {"reader: writes nothing", "ClickHouse: tables", "telemetry: arrivals", "token keys"} <= found.keys()


def test_the_table_has_a_line_a_check_and_a_sentence_where_one_is_not_ok(deployment: Deployment) -> None:
    lines = deployment.succeed("doctor")
    assert lines[0] == ["check", "state"]
    assert ["settings", "ok"] in lines
    [role] = [line for line in lines if line[:2] == ["CRM:", "role"]]
    assert " ".join(role[2:]).startswith(
        "warning The role of CRM_DATABASE_URL is more than a reader: SUPERUSER. Give it "
    )


def test_a_role_that_only_reads_is_not_warned_of(as_role: Callable[[str], Deployment]) -> None:
    assert [name for name in not_ok(checks(as_role(""))) if name.startswith("telemetry")] == []


@pytest.mark.parametrize(
    ("statements", "check", "state", "said"),
    [
        (
            "REVOKE USAGE ON SCHEMA telemetry FROM %r",
            "telemetry: contract",
            "failed",
            "no table raw_telemetry in the schema",
        ),
        ("REVOKE SELECT ON telemetry.raw_telemetry FROM %r", "telemetry: contract", "failed", "GRANT SELECT"),
        ("GRANT DELETE ON telemetry.raw_telemetry TO %r", "telemetry: writes nothing", "warning", "REVOKE"),
        (
            "GRANT UPDATE (id) ON telemetry.raw_telemetry TO %r",
            "telemetry: writes nothing",
            "warning",
            "REVOKE",
        ),
        ("GRANT CREATE ON SCHEMA telemetry TO %r", "telemetry: writes nothing", "warning", "telemetry"),
        ("ALTER ROLE %r CREATEROLE", "telemetry: role", "warning", "more than a reader: CREATEROLE."),
        ("GRANT pg_read_server_files TO %r", "telemetry: role", "warning", "pg_read_server_files"),
        (
            "REVOKE SELECT ON ALL SEQUENCES IN SCHEMA telemetry FROM %r",
            "telemetry: arrivals",
            "warning",
            "GRANT SELECT on the sequence",
        ),
        ("DROP INDEX telemetry.raw_telemetry_event_time", "telemetry: index", "warning", "CREATE INDEX"),
        (
            "ALTER TABLE telemetry.raw_telemetry ALTER COLUMN id SET CACHE 10",
            "telemetry: arrivals",
            "warning",
            "CACHE 1",
        ),
        (
            "ALTER TABLE telemetry.raw_telemetry ALTER COLUMN error_code TYPE bigint",
            "telemetry: contract",
            "failed",
            "raw_telemetry.error_code is bigint; expected integer.",
        ),
    ],
)
def test_what_is_wrong_with_a_source_is_said(
    as_role: Callable[[str], Deployment], statements: str, check: str, state: str, said: str
) -> None:
    found = checks(as_role(statements))
    assert found[check][0] == state
    assert said in found[check][1]


def test_a_server_that_is_away_leaves_the_others_to_be_checked(deployment: Deployment) -> None:
    found = checks(deployment, CRM_DATABASE_URL=f"postgresql://somebody:{SECRET}@127.0.0.1:1/crm")
    assert found["CRM: connection"][0] == "failed"
    assert "does not answer. Start it" in found["CRM: connection"][1]
    assert found["CRM: version"] == found["audit: contract"] == ("skipped", found["CRM: version"][1])
    assert found["telemetry: contract"][0] == found["ClickHouse: tables"][0] == "ok"
    wrong = psycopg.conninfo.make_conninfo(deployment.settings.crm_database_url, password=SECRET)
    assert "runs and does not let us in" in checks(deployment, CRM_DATABASE_URL=wrong)["CRM: connection"][1]
    assert "no address" in checks(deployment, CRM_DATABASE_URL=f"{SECRET}://")["CRM: connection"][1]


def test_a_warehouse_that_is_away_or_does_not_know_us_is_told_apart(deployment: Deployment) -> None:
    away = checks(deployment, CLICKHOUSE_PORT="1")
    assert away["ClickHouse: connection"][0] == away["reader: connection"][0] == "failed"
    assert away["telemetry: contract"][0] == "ok"
    unknown = checks(deployment, CLICKHOUSE_READER_PASSWORD=SECRET)
    assert unknown["ClickHouse: connection"][0] == "ok"
    assert "correct CLICKHOUSE_READER_USER and CLICKHOUSE_READER_PASSWORD" in unknown["reader: connection"][1]
    assert SECRET not in str(unknown)


def test_tables_that_differ_and_a_reader_without_its_grants_fail(deployment: Deployment) -> None:
    deployment.warehouse("DROP VIEW audit_activity")
    found = checks(deployment)
    assert found["ClickHouse: tables"] == ("failed", "audit_activity is missing. Run `reports migrate`.")
    elsewhere = checks(deployment, CLICKHOUSE_DATABASE="default")
    assert elsewhere["reader: reads what the API asks"][0] == "failed"
    assert "publications" in elsewhere["reader: reads what the API asks"][1]


def test_a_reader_that_may_write_is_warned_of_and_one_that_is_missing(deployment: Deployment) -> None:
    settings = deployment.settings
    account = {"CLICKHOUSE_READER_USER": settings.clickhouse_user}
    account["CLICKHOUSE_READER_PASSWORD"] = settings.clickhouse_password
    found = checks(deployment, **account)
    assert found["reader: writes nothing"][0] == found["reader: limits"][0] == "warning"
    assert "INSERT" in found["reader: writes nothing"][1]
    none = checks(deployment, CLICKHOUSE_READER_USER="", CLICKHOUSE_READER_PASSWORD="")
    assert none["reader: connection"][0] == "warning"


def test_dagster_is_asked_where_it_is_named(deployment: Deployment) -> None:
    url = deployment.settings.crm_database_url
    asked = {"DAGSTER_DATABASE_URL": url, "DAGSTER_WEBSERVER_URL": "http://127.0.0.1:1"}
    found = checks(deployment, **asked)
    assert "no tables of Dagster's yet" in found["Dagster: daemons"][1]
    assert "correct the setting" in found["Dagster: web server"][1]
    owner(url, "CREATE TABLE daemon_heartbeats (daemon_type text, timestamp timestamp)")
    types = "{SENSOR,SCHEDULER,ASSET,BACKFILL,QUEUED_RUN_COORDINATOR,MONITORING}"
    owner(url, f"INSERT INTO daemon_heartbeats SELECT unnest('{types}'::text[]), now() AT TIME ZONE 'UTC'")
    assert checks(deployment, **asked)["Dagster: daemons"][0] == "ok"
    owner(url, "UPDATE daemon_heartbeats SET timestamp = timestamp - interval '3 minutes' WHERE daemon_type = 'SENSOR'")
    silent = checks(deployment, **asked)["Dagster: daemons"]
    assert silent[0] == "failed"
    assert "daemons SENSOR, so nothing" in silent[1]


def test_keys_that_cannot_be_used_are_told_from_those_that_cannot_be_read(deployment: Deployment) -> None:
    folder = deployment.home
    (folder / "empty.json").write_text('{"keys": []}')
    assert "no RSA key" in checks(deployment, REPORTS_JWKS=str(folder / "empty.json"))["token keys"][1]
    assert "(FileNotFoundError)" in checks(deployment, REPORTS_JWKS=str(folder / "none.json"))["token keys"][1]
    assert "(ConnectError)" in checks(deployment, REPORTS_JWKS="http://127.0.0.1:1/keys")["token keys"][1]
    assert "set REPORTS_JWKS" in checks(deployment, REPORTS_JWKS="")["token keys"][1]


def test_settings_that_are_wrong_are_all_that_is_said(deployment: Deployment) -> None:
    [(name, (state, said))] = checks(deployment, CLICKHOUSE_PORT="nine", REPORTS_COLOUR="blue").items()
    assert (name, state) == ("settings", "failed")
    assert "CLICKHOUSE_PORT" in said
    assert "REPORTS_COLOUR is not a setting" in said


def test_without_a_stack_or_servers_it_says_so(deployment: Deployment) -> None:
    found = checks(deployment, CLICKHOUSE_HOST="", REPORTS_DATABASE_URL="")
    assert found["servers"][0] == "failed"
    assert found["servers"][1].startswith("No stack runs in ")


def test_a_check_that_breaks_off_is_a_finding(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise KeyError(SECRET)

    monkeypatch.setitem(doctor.sources._OF_A_SERVER, "version", broken)
    monkeypatch.setattr("stack.doctor.sources._index", broken)
    found = checks(deployment)
    for name in ("CRM: version", "telemetry: index"):
        assert found[name] == (
            "failed",
            "The check itself broke off (KeyError), which is a defect of this program.",
        )
    assert found["CRM: clock"][0] == found["ClickHouse: version"][0] == "ok"


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "ok"), (4.9, "ok"), (5, "warning"), (-5, "warning"), (600, "warning")]
)
def test_clocks_are_told_apart_by_more_than_the_question_took(seconds: float, state: str) -> None:
    before = datetime(2026, 2, 3, tzinfo=UTC)
    after = before + timedelta(seconds=3)
    ours = after if seconds > 0 else before
    found = verdicts.clock("the server", before, ours + timedelta(seconds=seconds), after)
    assert found.state == state
    if state == "warning":
        assert ("ahead of" if seconds > 0 else "behind") in found.said


@pytest.mark.parametrize(("free", "state"), [(100, "ok"), (10, "ok"), (9, "warning"), (2, "warning"), (1, "failed")])
def test_a_disk_is_judged_by_the_share_that_is_free(free: int, state: str) -> None:
    assert verdicts.space("a disk", free, 100).state == state


@pytest.mark.parametrize(("version", "state"), [(13, "failed"), (14, "ok"), (18, "ok"), (19, "warning")])
def test_versions_of_postgresql(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, version: int, state: str
) -> None:
    made = statement("doctor/postgres_server")
    text = made.text.replace("current_setting('server_version_num')::integer", f"{version}0004")
    other = msgspec.structs.replace(made, text=text)
    monkeypatch.setattr("stack.doctor.sources.statement", lambda name: other if name == made.name else statement(name))
    assert checks(deployment)["CRM: version"][0] == state
