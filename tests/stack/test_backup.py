"""`reports backup` and `reports restore`: the rehearsal, run as a person would, and what may go wrong on the way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest

from api.auth import MANAGER, READER
from assets import orphans
from assets.collection import collect
from assets.dirty import dirty_days
from assets.olap_import import run_import
from resources import arrivals, backups
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack import refresh_views
from stack.seed import seed
from tests.api.conftest import serving
from tests.api.world import ISSUER, Issuer
from tests.engines import ClickHouseServer, home_folder, wait_until
from tests.stack.deployment import Deployment

NOW = datetime(2026, 4, 1, tzinfo=UTC)
MARTS = (
    "crm_customers",
    "prosthesis_owners",
    "telemetry_events",
    "quarantine",
    "user_prosthesis_stats",
    "user_daily_reports",
    "deal_pipeline",
    "audit_activity",
)
QUESTIONS = (
    "/reports/{user}?from=2026-02-01&to=2026-02-03",
    "/reports/{user}?from=2026-02-01&to=2026-02-03&format=csv",
    "/api/v1/aggregates/deal-pipeline",
    "/api/v1/aggregates/audit-activity?from=2026-01-01&to=2026-02-28",
)


@pytest.fixture
def built(fresh_settings: Callable[[], Settings], clickhouse: ClickHouseServer) -> Iterator[Deployment]:
    """Seeded sources, and every mart built from them."""
    settings = fresh_settings()
    urls = settings.crm_database_url, settings.telemetry_database_url
    seed(*urls, customers=6, days=2, events_per_day=200, seed=1, last_day=date(2026, 2, 3), now=NOW)
    with home_folder() as folder:
        made = Deployment(settings, folder)
        made.succeed("migrate")
        build(made)
        yield made
    clickhouse.drop(settings.clickhouse_database)


@pytest.fixture(scope="module")
def migrated(fresh_settings: Callable[[], Settings], clickhouse: ClickHouseServer) -> Iterator[Deployment]:
    """Tables without rows."""
    with home_folder() as folder:
        made = Deployment(fresh_settings(), folder)
        made.succeed("migrate")
        yield made
    clickhouse.drop(made.settings.clickhouse_database)


def build(deployment: Deployment) -> None:
    """Every mart, from what the sources have."""
    deployment.succeed("import")
    deployment.succeed(entry=refresh_views.main)


def figures(deployment: Deployment) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all marts."""
    return {mart: deployment.warehouse(f"SELECT * FROM {mart} ORDER BY ALL") for mart in MARTS}  # noqa: S608


def name_of(deployment: Deployment) -> str:
    """A name of a backup that no other test has."""
    return f"of_{deployment.settings.clickhouse_database}"


def lose(deployment: Deployment, clickhouse: ClickHouseServer) -> None:
    clickhouse.drop(deployment.settings.clickhouse_database)


def answers(deployment: Deployment, as_of: list[str] | None = None) -> list[httpx.Response]:
    """What the API answers a manager who may read every report, as of the publications that are named."""
    issuer = Issuer()
    [(user, uuid)] = deployment.warehouse("SELECT user_id, user_uuid FROM crm_customers ORDER BY user_id LIMIT 1")
    keys = deployment.home.parent / "keys.json"
    keys.write_bytes(issuer.key_set())
    caller = issuer.authorization(UUID(str(uuid)), READER, MANAGER)
    trusted = {"reports_jwks": str(keys), "reports_token_issuer": ISSUER}
    with serving(deployment.settings, trusted) as client:
        found = []
        for number, question in enumerate(QUESTIONS):
            given = {"as_of": as_of[number]} if as_of else {}
            path, _, query = question.format(user=user).partition("?")
            found.append(client.get(path, params=dict(httpx.QueryParams(query)) | given, headers=caller))
        return found


def instant_of(answer: httpx.Response) -> str:
    return answer.headers.get("As-Of") or str(answer.json()["publication"]["as_of"])


def test_a_warehouse_that_was_lost_is_back_with_every_figure_and_every_answer(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    before, answered = figures(built), answers(built)
    assert all(before[mart] for mart in MARTS if mart != "quarantine")
    assert [answer.status_code for answer in answered] == [200] * len(QUESTIONS)
    backed_up = built.succeed("backup", name_of(built))
    lose(built, clickhouse)
    restored = built.succeed("restore", name_of(built), "--verify")
    assert restored[-1][-2:] == ["nothing", "differs."]
    assert figures(built) == before
    assert built.succeed("migrate", "--check")

    again = answers(built, [instant_of(answer) for answer in answered])
    assert [answer.status_code for answer in again] == [200] * len(QUESTIONS)
    assert [answer.content for answer in again] == [answer.content for answer in answered]

    told = {line[0]: line[1:] for line in backed_up if len(line) == 3}
    held = built.warehouse("SELECT count() FROM user_daily_reports_builds")
    assert told["user_daily_reports_builds"][0] == str(held[0][0])
    assert {each.table for each in backups.held(built.settings)} | {"table", "all"} == told.keys()


@pytest.mark.soak
def test_what_arrived_after_the_backup_is_noticed_again_and_built(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    with Warehouse(built.settings) as warehouse, arrivals.connect(built.settings) as source:
        arrivals.tick(source, warehouse, built.settings)
        built.succeed("backup", name_of(built))
        repeat_events(built, "2026-02-02")
        assert arrivals.tick(source, warehouse, built.settings).rows_read == 200
    build(built)
    wanted, lost = figures(built), [instant_of(answer) for answer in answers(built)]
    lose(built, clickhouse)
    done = built("restore", name_of(built), "--verify")
    assert (done.code, done.said.split()[-1]) == (1, "differ.")
    assert answers(built, lost)[0].status_code == 410
    with Warehouse(built.settings) as warehouse, arrivals.connect(built.settings) as source:
        assert arrivals.tick(source, warehouse, built.settings).rows_read == 200
        assert set(dirty_days(warehouse, built.settings, datetime.now(UTC)).days) == {date(2026, 2, 2)}
    built.succeed("import", "--telemetry-start-ts=2026-02-02", "--telemetry-end-ts=2026-02-03")
    assert figures(built) == wanted
    built.succeed("verify")


def repeat_events(deployment: Deployment, day: str) -> None:
    """Have the source hold each event of the day once more, a millisecond later."""
    with psycopg.connect(deployment.settings.telemetry_database_url) as source:
        described = source.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'telemetry' "
            "AND table_name = 'raw_telemetry' AND column_name NOT IN ('id', 'event_time') ORDER BY 1"
        ).fetchall()
        names = ", ".join(name for (name,) in described)
        insert = (
            f"INSERT INTO telemetry.raw_telemetry (event_time, {names}) "  # noqa: S608 - the source's own names
            f"SELECT event_time + interval '1 ms', {names} FROM telemetry.raw_telemetry "
            "WHERE event_time >= %(day)s::date AND event_time < %(day)s::date + 1"
        )
        source.execute(insert.encode(), {"day": day})


def test_who_was_erased_after_the_backup_stays_erased(built: Deployment, clickhouse: ClickHouseServer) -> None:
    built.succeed("backup", name_of(built))
    assert built.warehouse("SELECT count() > 0 FROM telemetry_events WHERE user_id = 5") == [(1,)]
    forget_customer(built, 5)
    built.succeed("erase", "5")
    wanted = figures(built)
    lose(built, clickhouse)
    built.succeed("restore", name_of(built))
    for table in orphans.TABLES:
        assert built.warehouse(f"SELECT count() FROM {table} WHERE user_id = 5") == [(0,)], table  # noqa: S608
    assert figures(built) == wanted


def forget_customer(deployment: Deployment, user: int) -> None:
    with psycopg.connect(deployment.settings.crm_database_url) as crm:
        crm.execute("DELETE FROM crm.deals WHERE customer_id = %s", [user])
        crm.execute("DELETE FROM crm.prostheses WHERE customer_id = %s", [user])
        crm.execute("DELETE FROM crm.customers WHERE user_id = %s", [user])


def test_without_the_crm_nothing_is_restored_that_a_reader_could_see(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    built.succeed("backup", name_of(built))
    lose(built, clickhouse)
    with psycopg.connect(built.settings.crm_database_url) as crm:
        crm.execute("ALTER TABLE crm.customers RENAME TO nobody")
    assert "customers" in built.refused("restore", name_of(built))
    with psycopg.connect(built.settings.crm_database_url) as crm:
        crm.execute("ALTER TABLE crm.nobody RENAME TO customers")
        crm.execute("TRUNCATE crm.customers CASCADE")
    assert built.refused("restore", name_of(built)).startswith("The CRM knows nobody, which is taken for a broken CRM.")
    # Other tests' have numbers that go on where this one's ends.
    ours = re.compile(rf"{built.settings.clickhouse_database}(?!\d)")
    assert not {name for name in clickhouse.databases() if ours.match(name)}


@pytest.mark.soak
def test_a_backup_while_marts_are_built_superseded_and_collected_is_whole(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    over, names = Event(), [f"{name_of(built)}_{number}" for number in range(2)]
    writer = Thread(target=supersede, args=(built, over))
    writer.start()
    try:
        made = [built("backup", name) for name in names]
    finally:
        over.set()
        writer.join()
    assert [(done.code, done.trouble) for done in made] == [(0, "")] * len(names)
    for name in names:
        lose(built, clickhouse)
        built.succeed("restore", name)
        assert torn(built) == [], name
    build(built)
    built.succeed("verify")


def test_what_is_published_noticed_and_removed_between_two_tables_tears_nothing(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    copied: list[str] = []
    with Warehouse(built.settings) as warehouse, arrivals.connect(built.settings) as source:
        arrivals.tick(source, warehouse, built.settings)

        def meanwhile(_done: int, _total: int, note: str) -> None:
            copied.append(note)
            for_the_last_time = copied.count(note) == 2
            if note == "copying prosthesis_owners_builds" and for_the_last_time:
                repeat_events(built, "2026-02-02")
                arrivals.tick(source, warehouse, built.settings)
            if note == "copying user_daily_reports_builds":
                run_import(built.settings, None, None, lambda *_: None)
                if not for_the_last_time:
                    collect(warehouse, timedelta(0))

        backups.back_up(built.settings, name_of(built), meanwhile)
    # What was removed during the first round is told of, so that there is a second.
    assert copied.count("copying publications") == 2
    lose(built, clickhouse)
    built.succeed("restore", name_of(built))
    assert torn(built) == []
    with Warehouse(built.settings) as warehouse, arrivals.connect(built.settings) as source:
        assert arrivals.tick(source, warehouse, built.settings).rows_read == 200


def supersede(deployment: Deployment, over: Event) -> None:
    """Build everything again and again, and remove what was superseded each time, until it is over."""
    with Warehouse(deployment.settings) as warehouse:
        while not over.is_set():
            run_import(deployment.settings, None, None, lambda *_: None)
            collect(warehouse, timedelta(0))


def torn(deployment: Deployment) -> list[tuple[object, ...]]:
    """The current builds that have other rows than they were published with."""
    counted = " UNION ALL ".join(
        f"SELECT '{mart}' AS mart, build_id, count() AS found FROM {mart}_builds GROUP BY build_id"  # noqa: S608
        for mart in ("telemetry_events", "user_prosthesis_stats", "user_daily_reports", "crm_customers")
    )
    return deployment.warehouse(
        f"SELECT mart, segment, build_id, rows, found FROM current_builds LEFT JOIN ({counted}) AS counted "  # noqa: S608
        "USING (mart, build_id) WHERE rows != found AND mart NOT IN "
        "('prosthesis_owners', 'deal_pipeline', 'audit_activity')"
    )


KILLED_BEFORE = [
    ("backups/state", ""),
    ("backups/rename", ""),
    ("tables/0008_telemetry_events", ""),
    ("builds/crm_customers", ""),
    ("builds/collections", ""),
    ("backups/rename", "builds/collections"),
]


def test_a_restore_that_is_killed_leaves_nothing_that_is_seen_and_can_be_done_again(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    before = figures(built)
    built.succeed("backup", name_of(built))
    lose(built, clickhouse)
    with Warehouse(msgspec.structs.replace(built.settings, clickhouse_database="default")) as server:
        for statement, after in KILLED_BEFORE:
            killed_before(built, statement, after)
            assert built.settings.clickhouse_database not in clickhouse.databases()
            # The server goes on with what it was told.
            wait_until(lambda: server.rows("backups/under_way") == [(0,)], "the server has done what it was told")
    built.succeed("restore", name_of(built))
    assert figures(built) == before
    # Of a `migrate` that is killed an empty scratch database stays.
    assert not {name for name in clickhouse.databases() if "restore" in name and "scratch" not in name}


@pytest.mark.soak
def test_a_restore_that_is_killed_at_its_very_end_is_finished_by_migrating(
    built: Deployment, clickhouse: ClickHouseServer
) -> None:
    before = figures(built)
    built.succeed("backup", name_of(built))
    lose(built, clickhouse)
    killed_before(built, "reads/schema_tables", "builds/collections")
    built.succeed("migrate")
    assert figures(built) == before


def killed_before(deployment: Deployment, statement: str, after: str) -> None:
    """Run `reports restore`, whose process ends as if killed before it sends that statement, `after` another."""
    program = """
import os, sys
from resources.warehouse import Warehouse
from stack import cli

wanted, after = sys.argv.pop(1), sys.argv.pop(1)
seen = set()

def watched(send):
    def call(self, name, /, *arguments, **parameters):
        if name == wanted and (not after or after in seen):
            os._exit(9)
        seen.add(name)
        return send(self, name, *arguments, **parameters)
    return call

Warehouse.rows, Warehouse.insert_rows = watched(Warehouse.rows), watched(Warehouse.insert_rows)
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, statement, after, "restore", name_of(deployment)],
        env={**os.environ, **deployment.environ},
        check=False,
        capture_output=True,
    )
    assert done.returncode == 9, done.stderr.decode()


def test_only_an_empty_warehouse_is_restored(built: Deployment, clickhouse: ClickHouseServer) -> None:
    name, database = name_of(built), built.settings.clickhouse_database
    built.succeed("backup", name)
    before = figures(built)
    assert built.refused("restore", name).startswith(
        f"The database {database} is not empty: it has audit_activity_builds, "
    )
    assert figures(built) == before
    lose(built, clickhouse)
    built.succeed("migrate")
    built.warehouse("CREATE TABLE somebody_elses (x UInt8) ENGINE = Memory")
    assert built.refused("restore", name).startswith(f"The database {database} is not empty: it has somebody_elses.")
    built.warehouse("DROP TABLE somebody_elses")
    built.succeed("restore", name)
    assert figures(built) == before


def test_a_backup_is_rehearsed_beside_the_warehouse(built: Deployment, clickhouse: ClickHouseServer) -> None:
    built.succeed("backup", name_of(built))
    settings = msgspec.structs.replace(built.settings, clickhouse_database="rehearsal")
    rehearsal = Deployment(settings, built.home)
    try:
        assert rehearsal.succeed("restore", name_of(built), "--verify")[-1][-2:] == ["nothing", "differs."]
        assert figures(rehearsal) == figures(built)
    finally:
        clickhouse.drop("rehearsal")


def test_names_that_make_no_sense_are_sentences(migrated: Deployment) -> None:
    assert migrated.refused("backup", "../elsewhere").startswith("'../elsewhere' is no name of a backup")
    migrated.succeed("backup", name_of(migrated))
    taken = migrated.refused("backup", name_of(migrated))
    assert taken.startswith(f"There is a backup {name_of(migrated)} already on the folder for backups")
    empty = msgspec.structs.replace(migrated.settings, clickhouse_database="nothing_here")
    missing = Deployment(empty, migrated.home).refused("restore", "never_made")
    assert missing.startswith("There is no backup never_made on the folder for backups")
    assert Deployment(empty, migrated.home).refused("backup").startswith("The database nothing_here has no tables")


def test_a_disk_that_the_server_does_not_allow_is_named(migrated: Deployment) -> None:
    settings = msgspec.structs.replace(migrated.settings, reports_backup_disk="nowhere")
    said = Deployment(settings, migrated.home).refused("backup")
    assert said.startswith("ClickHouse does not allow backups on the disk nowhere (REPORTS_BACKUP_DISK)")


def test_a_backup_holds_every_table_that_keeps_something(migrated: Deployment) -> None:
    kept = migrated.warehouse(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    assert {each.table for each in backups.held(migrated.settings)} == {name for (name,) in kept} - {"retained_builds"}


def test_nothing_of_a_backup_stays_in_the_server(migrated: Deployment, clickhouse: ClickHouseServer) -> None:
    migrated.succeed("backup")
    assert "backup_of_reports" not in clickhouse.databases()
