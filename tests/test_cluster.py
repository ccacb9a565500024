"""The same marts where wearers' rows are spread over two servers: the same figures, and a server that is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import dagster as dg
import msgspec
import polars as pl
import pytest

from assets import erasure, orphans
from assets.collection import collect
from assets.partitions import midnight
from assets.verification import verify
from resources import cluster, migrations
from resources.errors import SchemaDiffers, ShardUnavailable, WarehouseError
from resources.freshness import WINDOWS, complete
from resources.publications import current, naive
from resources.settings import VARIABLES, Settings
from resources.warehouse import Warehouse
from stack.seed import seed
from tests import recompute
from tests.api.conftest import Client, serving
from tests.api.world import ISSUER, Issuer
from tests.assets.conftest import Marts
from tests.clusters import COPYING, MIRRORED, SHARDED, Cluster, two_servers
from tests.engines import Sources, home_folder
from tests.recompute import assert_same_figures

SINCE, LAST, UNTIL = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)
MARTS = ("telemetry_events", "user_prosthesis_stats", "user_daily_reports")
BOUNDS = {"since": naive(midnight(SINCE)), "until": naive(midnight(UNTIL))}
GRAINS = {"user_prosthesis_stats": "hour", "user_daily_reports": "day"}


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """Servers of its own: the session's must not die."""
    with home_folder() as folder, two_servers(folder, ["read"]) as running:
        yield running


@pytest.fixture(scope="module")
def sources(fresh_sources: Callable[[], Sources]) -> Sources:
    """Two days of a dozen people."""
    return seeded(fresh_sources())


@pytest.fixture(scope="module")
def read(servers: Cluster, sources: Sources) -> Iterator[Marts]:
    """Every mart, spread over both servers; no test changes them."""
    with built(servers.settings(sources, "read", SHARDED)) as marts:
        marts.build_deals()
        marts.build_audit(SINCE, UNTIL)
        yield marts


def seeded(sources: Sources) -> Sources:
    now = datetime(2026, 4, 1, tzinfo=UTC)
    urls = sources.crm_url, sources.telemetry_url
    seed(*urls, customers=12, days=2, events_per_day=400, seed=5, last_day=LAST, now=now)
    return sources


@contextmanager
def built(settings: Settings) -> Iterator[Marts]:
    migrations.migrate(settings)
    with Warehouse(settings) as warehouse:
        marts = Marts(settings, warehouse)
        marts.build_customers()
        marts.build_all(SINCE, UNTIL)
        yield marts


def assert_exact(marts: Marts) -> None:
    """Every figure of the marts is what the source's rows come to."""
    sources = marts.settings
    events = recompute.events(sources.crm_database_url, sources.telemetry_database_url)
    assert marts.published_ids() == events.filter("sound")["id"].sort().to_list()
    assert sorted(marts.quarantined()) == events.filter(~pl.col("sound"))["id"].sort().to_list()
    for mart, instant in GRAINS.items():
        grain = ("user_id", "prosthesis_id", instant)
        expected = recompute.metrics(events.filter("sound"), *grain)
        expected = expected if instant == "day" else expected.drop("uptime_hours")
        found = pl.DataFrame(marts.warehouse._reader.query_arrow(f"SELECT * FROM {mart}"))  # noqa: S608
        actual = found.with_columns(pl.selectors.datetime().dt.replace_time_zone(None).dt.cast_time_unit("us"))
        assert_same_figures(expected, actual.select(expected.columns).cast({"user_id": pl.Int64}), *grain)


def held(settings: Settings, question: str) -> list[Any]:
    """What each server answers of its own part."""
    answers = []
    for part in cluster.parts(settings):
        with Warehouse(part) as warehouse:
            answers.append(warehouse._reader.execute(question))
    return answers


def wearers(settings: Settings) -> list[set[int]]:
    """Who is on which server, in any table."""
    tables = " UNION DISTINCT ".join(f"SELECT user_id FROM {table}" for table in cluster.TABLES)  # noqa: S608
    return [{user for (user,) in rows} for rows in held(settings, tables)]


def test_every_wearer_is_on_one_server_and_every_figure_is_exact(read: Marts) -> None:
    head, other = wearers(read.settings)
    assert head
    assert other
    assert not head & other
    assert_exact(read)


def test_every_check_and_every_comparison_with_the_sources_passes(read: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(read.warehouse, list(WINDOWS), datetime.now(UTC))
    for variable, field in VARIABLES.items():
        if variable.startswith("CLICKHOUSE_") or "_DATABASE_URL" in variable or field == "reports_retention_days":
            monkeypatch.setenv(variable, str(getattr(read.settings, field)))
    from assets.definitions import reports  # noqa: PLC0415 - it reads the environment that was just set

    with dg.DagsterInstance.ephemeral() as instance:
        done = reports().resolve_job_def("check_marts").execute_in_process(instance=instance, raise_on_error=False)
    checked = done.get_asset_check_evaluations()
    assert len(checked) > 20
    assert [each.check_name for each in checked if not each.passed] == []
    assert verify(read.settings, SINCE, LAST, lambda *_: None).differing == 0
    for mart in MARTS:
        builds = [each.build_id for each in current(read.warehouse, mart).values()]
        assert read.warehouse.rows(f"reads/{mart}_preview", builds=builds, **BOUNDS)


def test_only_what_differs_is_brought_to_the_files_on_every_server(read: Marts) -> None:
    assert migrations.differences(read.settings) == []
    for part in cluster.parts(read.settings):
        with Warehouse(part) as warehouse:
            warehouse._reader.execute("ALTER TABLE user_daily_reports_builds DROP COLUMN errors")
    keeping = msgspec.structs.replace(read.settings, reports_retention_days=20_000)
    found = migrations.migrate(keeping)
    assert len([sentence for sentence in found if "errors" in sentence]) == 2
    assert len([sentence for sentence in found if "now go" in sentence]) == 1 + 2 * len(cluster.TABLES)
    assert [rows for [(rows,)] in held(keeping, "SELECT count() FROM user_daily_reports_builds")]
    assert migrations.differences(keeping) == []
    migrations.migrate(read.settings)
    read.build_reports(SINCE, UNTIL, full_refresh=True)
    assert_exact(read)


@pytest.fixture
def client(read: Marts, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The API, which remembers nothing."""
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_bytes(issuer.key_set())
    trusting = {"reports_jwks": str(keys), "reports_token_issuer": ISSUER, "reports_rate_limit": 0}
    with serving(read.settings, trusting | {"reports_cache_ttl": 0}) as served:
        yield served


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def test_a_server_that_is_away_is_a_503_for_its_wearers_only(
    read: Marts, servers: Cluster, client: Client, issuer: Issuer
) -> None:
    uuids = {
        int(str(user)): UUID(str(uuid)) for user, uuid in read.query("SELECT user_id, user_uuid FROM crm_customers")
    }
    head, other = wearers(read.settings)
    period = f"from={SINCE}&to={LAST}"
    questions = (
        f"/reports/{{}}?{period}",
        "/api/reports",
        f"/api/reports/summary?{period}",
        f"/api/reports/{LAST}",
        f"/api/reports/events?{period}&format=csv",
    )

    def answered(user: int) -> list[Any]:
        token = issuer.authorization(uuids[user])
        answers = [client.get(question.format(user), headers=token) for question in questions]
        body = {"user_id": user, "start_ts": "2026-02-01T10:20:30Z", "end_ts": "2026-02-02T11:12:13Z"}
        return [*answers, client.post("/report", json=body, headers=token)]

    before = {user: answered(user) for user in head | other}
    # Not everybody was active on that one day.
    assert {each.status_code for answers in before.values() for each in answers} == {200, 404}
    servers.other.kill()
    try:
        for user in head:
            assert shown(answered(user)) == shown(before[user])
        for user in other:
            answers = answered(user)
            assert {each.status_code for each in answers} == {503}
            assert {each.json()["type"] for each in answers} == {"urn:bionicpro:problem:reports-away"}
            assert {each.json()["detail"] for each in answers} == {
                "The server that holds these reports is away; try again shortly."
            }
        manager = issuer.authorization(uuids[min(uuids)], "reports-manager")
        for question in ("deal-pipeline", f"audit-activity?{period}"):
            assert client.get(f"/api/v1/aggregates/{question}", headers=manager).status_code == 200
        assert client.get("/health").status_code == 200
        published = {mart: current(read.warehouse, mart) for mart in MARTS}
        with pytest.raises(ShardUnavailable, match="does not answer"):
            read.build_all(SINCE, UNTIL, full_refresh=True)
        assert {mart: current(read.warehouse, mart) for mart in MARTS} == published
    finally:
        servers.other.start()
    for user in head | other:
        assert shown(answered(user)) == shown(before[user])


def shown(answers: list[Any]) -> list[Any]:
    """Statuses, and what was asked for; a refusal has an id of its own."""
    return [(each.status_code, each.content if each.is_success else None) for each in answers]


class KilledAt(Warehouse):
    """Kills the other server before the statement `name` is sent, or while it is carried out."""

    def __init__(self, settings: Settings, servers: Cluster) -> None:
        super().__init__(settings)
        self.name = ""
        self._servers = servers

    def rows(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        with self._struck(name):
            return super().rows(name, **parameters)

    def insert(self, name: str, /, columns: Any) -> None:
        with self._struck(name):
            super().insert(name, columns)

    def insert_rows(self, name: str, /, rows: Any) -> None:
        with self._struck(name):
            super().insert_rows(name, rows)

    @contextmanager
    def _struck(self, name: str) -> Iterator[None]:
        if name != self.name:
            yield
            return
        self.name = ""
        killing = Thread(target=self._servers.other.kill)
        killing.start()
        if name.startswith("reads/"):
            killing.join()
        try:
            yield
        finally:
            killing.join()


def test_no_reader_sees_half_of_what_is_built_when_a_server_is_killed(
    servers: Cluster, fresh_sources: Callable[[], Sources]
) -> None:
    sources = seeded(fresh_sources())
    settings = servers.settings(sources, "torn", SHARDED)
    killing = KilledAt(settings, servers)
    with built(settings) as marts, killing:
        doomed = Marts(settings, killing)
        builders = (doomed.build_events, doomed.build_stats, doomed.build_reports)
        points = {
            "builds/telemetry_events": builders[0],
            "builds/user_prosthesis_stats": builders[1],
            "reads/user_daily_reports_totals": builders[2],
            "builds/publications": builders[2],
        }
        with watched(settings) as seen:
            for name, build in points.items():
                published = {mart: current(marts.warehouse, mart) for mart in MARTS}
                killing.name = name
                with suppress(ShardUnavailable):
                    build(SINCE, UNTIL, full_refresh=True)
                if name == "builds/publications":
                    # All rows are on both servers by then: what becomes current is whole once they are back.
                    assert {mart: current(marts.warehouse, mart) for mart in MARTS} != published
                else:
                    assert {mart: current(marts.warehouse, mart) for mart in MARTS} == published
                assert killing.name == ""
                servers.other.start()
                assert_exact(marts)
            marts.build_all(SINCE, UNTIL, full_refresh=True)
        assert seen.count("whole") > 10
        assert "away" in seen
        assert set(seen) == {"whole", "away"}
        assert_exact(marts)


@contextmanager
def watched(settings: Settings) -> Iterator[list[str]]:
    """What a reader finds of current days and hours, over and over: each whole, or their server away."""
    seen: list[str] = []
    over = Event()

    def look() -> None:
        with Warehouse(settings) as warehouse:
            while not over.wait(0.02):
                for mart in MARTS:
                    try:
                        wanted = {each.build_id: each.rows for each in current(warehouse, mart).values() if each.rows}
                        found = dict(warehouse.rows("reads/rows_by_build", table=f"{mart}_builds", mart=mart, **BOUNDS))
                        still = {each.build_id for each in current(warehouse, mart).values()}
                    except ShardUnavailable:
                        seen.append("away")
                    else:
                        # What another took the place of meanwhile is not compared.
                        both = wanted.keys() & still
                        torn = [each for each in both if found.get(each) != wanted[each]]
                        seen.append("torn" if torn else "whole")

    reader = Thread(target=look)
    reader.start()
    try:
        yield seen
    finally:
        over.set()
        reader.join()


def test_where_both_servers_have_all_rows_reading_goes_on_without_one(servers: Cluster, sources: Sources) -> None:
    with built(servers.settings(sources, "mirrored", MIRRORED)) as marts:
        question = "SELECT count(), sum(cityHash64(*)) FROM telemetry_events_builds"
        head, other = held(marts.settings, question)
        assert head == other != [(0, 0)]
        servers.other.kill()
        try:
            assert_exact(marts)
            with pytest.raises(ShardUnavailable):
                marts.build_events(SINCE, UNTIL, full_refresh=True)
            assert_exact(marts)
        finally:
            servers.other.start()
        marts.build_all(SINCE, UNTIL, full_refresh=True)
        assert_exact(marts)
        left_over = "INSERT INTO {} (user_id, build_id) VALUES (1, 1)"
        with Warehouse(cluster.parts(marts.settings)[1]) as warehouse:
            for table in cluster.TABLES:
                warehouse._reader.execute(left_over.format(table))
        collect(marts.warehouse, timedelta())
        for table in cluster.TABLES:
            assert held(marts.settings, f"SELECT min(build_id) > 1 FROM {table}") == [[(1,)], [(1,)]]  # noqa: S608
        published = ", ".join(str(each.build_id) for each in current(marts.warehouse, "telemetry_events").values())
        head, other = held(marts.settings, f"{question} WHERE build_id IN ({published})")
        assert head == other != [(0, 0)]


def test_what_is_superseded_and_who_left_goes_from_every_server(
    servers: Cluster, fresh_sources: Callable[[], Sources]
) -> None:
    with built(servers.settings(seeded(fresh_sources()), "left", SHARDED)) as marts:
        marts.build_all(SINCE, UNTIL, full_refresh=True)
        collect(marts.warehouse, timedelta())
        builds = held(marts.settings, "SELECT DISTINCT build_id FROM telemetry_events_builds")
        published = {(each.build_id,) for each in current(marts.warehouse, "telemetry_events").values()}
        assert all(found and set(found) <= published for found in builds)
        gone = [min(users) for users in wearers(marts.settings)]
        rows = "SELECT count() FROM {} WHERE user_id = {}"
        erased = gone[1]
        marts.crm("DELETE FROM crm.deals")
        marts.remove_wearer(gone[0])
        marts.build_customers()
        removed = orphans.remove(marts.warehouse)
        assert all(removed[table] for table in cluster.TABLES)
        marts.remove_wearer(erased)
        receipt = erasure.erase(marts.settings, str(erased))
        assert all(receipt.removed[table] for table in cluster.TABLES)
        assert receipt.left == 0
        for user in gone:
            for table in cluster.TABLES:
                assert held(marts.settings, rows.format(table, user)) == [[(0,)], [(0,)]]
        masked = "SELECT count() FROM system.parts WHERE active AND has_lightweight_delete AND database LIKE 'left%'"
        assert held(marts.settings, masked) == [[(0,)], [(0,)]]
        assert orphans.count(marts.warehouse) == dict.fromkeys((*orphans.TABLES, orphans.QUARANTINE), 0)
        assert_exact(marts)


def test_a_warehouse_of_one_server_is_moved_to_a_cluster(servers: Cluster, sources: Sources) -> None:
    spread = servers.settings(sources, "moved", SHARDED)
    with built(msgspec.structs.replace(spread, clickhouse_cluster="")) as alone:
        with pytest.raises(SchemaDiffers, match="engine of telemetry_events_builds should be Distributed"):
            migrations.migrate(spread)
        for table in cluster.TABLES:
            alone.query(f"RENAME TABLE {table} TO {table}_before")
    migrations.migrate(spread)
    with Warehouse(spread) as warehouse:
        for table in cluster.TABLES:
            settings = {"distributed_foreground_insert": 1}
            warehouse._reader.execute(f"INSERT INTO {table} SELECT * FROM {table}_before", settings=settings)  # noqa: S608
        assert all(wearers(spread))
        assert_exact(Marts(spread, warehouse))


def test_what_does_not_work_on_a_cluster_says_so(servers: Cluster, sources: Sources) -> None:
    with pytest.raises(WarehouseError, match="knows no cluster elsewhere"):
        migrations.migrate(servers.settings(sources, "read", "elsewhere"))
    with pytest.raises(WarehouseError, match="set it to false"):
        migrations.migrate(servers.settings(sources, "read", COPYING))
