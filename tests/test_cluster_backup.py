"""Backup and restore where wearers' rows are spread over two servers: one moment of both, and all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import msgspec
import pytest

from assets import erasure
from assets.collection import collect
from assets.restoration import restore
from resources import backups, cluster, migrations
from resources.backup_servers import BackupFailed
from resources.errors import ShardUnavailable, WarehouseUnavailable
from resources.settings import Settings
from resources.warehouse import Warehouse
from tests.api.conftest import serving
from tests.api.world import ISSUER, Issuer
from tests.assets.conftest import Marts
from tests.clusters import MIRRORED, SHARDED, Cluster, two_servers
from tests.engines import Sources, home_folder
from tests.test_cluster import LAST, SINCE, UNTIL, assert_exact, built, held, seeded, wearers

DATABASES = ["reports", "elsewhere"]


def silent(_done: int, _total: int, _note: str) -> None:
    """Nobody is told how far it is."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    with home_folder() as folder, two_servers(folder, DATABASES) as running:
        yield running


@pytest.fixture(scope="module")
def sources(fresh_sources: Callable[[], Sources]) -> Sources:
    """Two days of a dozen people."""
    return seeded(fresh_sources())


@pytest.fixture(scope="module")
def kept(servers: Cluster, sources: Sources) -> str:
    """A backup of a warehouse that is gone."""
    settings = servers.settings(sources, "gone", SHARDED)
    with built(settings):
        backups.back_up(settings, "kept", silent)
    lose(servers, settings)
    return "kept"


@pytest.fixture
def elsewhere(servers: Cluster, sources: Sources) -> Iterator[Settings]:
    """An empty warehouse."""
    settings = servers.settings(sources, "elsewhere", SHARDED)
    yield settings
    lose(servers, settings)


def ask(servers: Cluster, settings: Settings, question: str) -> list[Any]:
    """What each server answers."""
    answers = []
    for member in (servers.head, servers.other):
        alone = {"clickhouse_port": member.port, "clickhouse_database": "default", "clickhouse_cluster": ""}
        with Warehouse(msgspec.structs.replace(settings, **alone)) as server:
            answers.append(server._reader.execute(question))
    return answers


def databases(servers: Cluster, settings: Settings) -> list[set[str]]:
    """The databases of each server that are, or were made of, that of `settings`, and those of backups."""
    question = (
        "SELECT name FROM system.databases WHERE match(name, '^(backup|restore)_of_') "  # noqa: S608
        f"OR startsWith(name, '{settings.clickhouse_database}') AND NOT position(name, '_scratch_')"
    )
    return [{name for (name,) in rows} for rows in ask(servers, settings, question)]


def lose(servers: Cluster, settings: Settings) -> None:
    for end in ("", "_shard", "_being_restored", "_being_restored_shard"):
        ask(servers, settings, f"DROP DATABASE IF EXISTS {settings.clickhouse_database}{end} SYNC")


def answers(settings: Settings, folder: Any, users: dict[int, UUID], as_of: dict[int, str]) -> dict[int, Any]:
    """The report of each of `users`, as of an instant where one is given."""
    issuer, keys = Issuer(), folder / "keys.json"
    keys.write_bytes(issuer.key_set())
    with serving(settings, {"reports_jwks": str(keys), "reports_token_issuer": ISSUER}) as client:
        return {
            user: client.get(
                f"/reports/{user}",
                params={"from": str(SINCE), "to": str(LAST)} | ({"as_of": as_of[user]} if as_of else {}),
                headers=issuer.authorization(uuid),
            )
            for user, uuid in users.items()
        }


def test_what_all_servers_lost_is_back_as_it_was_at_one_moment(
    servers: Cluster, fresh_sources: Callable[[], Sources], tmp_path: Any
) -> None:
    settings = servers.settings(seeded(fresh_sources()), "reports", SHARDED)
    notes: list[str] = []
    answered: dict[int, Any] = {}
    with built(settings) as marts:
        rows = marts.query("SELECT user_id, user_uuid FROM crm_customers")
        uuids = {int(str(user)): UUID(str(uuid)) for user, uuid in rows}
        remaining = {min(users): uuids[min(users)] for users in wearers(settings)}
        erased = max(wearers(settings)[1])

        def meanwhile(_done: int, _total: int, note: str) -> None:
            notes.append(note)
            for_the_last_time = notes.count(note) == 2
            if note == "copying publications" and for_the_last_time:
                answered.update(answers(settings, tmp_path, remaining, {}))
            if note == "copying user_daily_reports_builds on server 1 of the cluster":
                marts.build_all(SINCE, UNTIL, full_refresh=True)
                if not for_the_last_time:
                    collect(marts.warehouse, timedelta())

        backed_up = backups.back_up(settings, "moment", meanwhile)
        # What was removed in the first round is told of, so that there is a second.
        assert notes.count("copying publications") == 2
        assert databases(servers, settings) == [{"reports", "reports_shard"}, {"reports_shard"}]
        told = {each.table: each.rows for each in backed_up}
        assert told.keys() > {"publications", *cluster.TABLES}

        marts.crm("DELETE FROM crm.deals")
        marts.remove_wearer(erased)
        erasure.erase(settings, str(erased))
        lose(servers, settings)
        restored = {each.table: each.rows for each in restore(settings, "moment", silent)}
        assert databases(servers, settings) == [{"reports", "reports_shard"}, {"reports_shard"}]
        assert migrations.differences(settings) == []
        for table in cluster.TABLES:
            assert marts.query(f"SELECT count() FROM {table}") == [(restored[table],)]  # noqa: S608
            assert restored[table] < told[table]
            assert held(settings, f"SELECT count() FROM {table} WHERE user_id = {erased}") == [[(0,)], [(0,)]]  # noqa: S608
        assert_exact(marts)
        again = answers(settings, tmp_path, remaining, {user: instant_of(each) for user, each in answered.items()})
    assert len(answered) == 2
    assert {each.status_code for each in answered.values()} == {200}
    assert {user: each.content for user, each in again.items()} == {
        user: each.content for user, each in answered.items()
    }


def instant_of(answer: Any) -> str:
    return str(answer.json()["publication"]["as_of"])


@pytest.mark.soak
def test_servers_with_the_same_rows_are_each_restored_and_counted_once(servers: Cluster, sources: Sources) -> None:
    settings = servers.settings(sources, "elsewhere", MIRRORED)
    question = "SELECT count(), sum(cityHash64(*)) FROM telemetry_events_builds"
    with built(settings) as marts:
        [before, _] = held(settings, question)
        told = {each.table: each.rows for each in backups.back_up(settings, "mirrored", silent)}
        assert told["telemetry_events_builds"] == before[0][0]
        lose(servers, settings)
        restore(settings, "mirrored", silent)
        assert held(settings, question) == [before, before]
        assert_exact(marts)
    lose(servers, settings)


def test_a_backup_of_other_servers_is_refused(kept: str, servers: Cluster, elsewhere: Settings) -> None:
    alone = msgspec.structs.replace(elsewhere, clickhouse_cluster="")
    mirrored = msgspec.structs.replace(elsewhere, clickhouse_cluster=MIRRORED)
    of_shards = "kept is a backup of a cluster whose shards have 1, 1 servers, and this warehouse is on "
    refused(alone, kept, f"{of_shards}one server ")
    refused(mirrored, kept, f"{of_shards}a cluster whose shards have 2 servers ")
    migrations.migrate(alone)
    backups.back_up(alone, "alone", silent)
    lose(servers, alone)
    refused(elsewhere, "alone", "alone is a backup of one server, and this warehouse is on a cluster whose shards have")
    refused(elsewhere, "kept.server-1", "'kept.server-1' is no name of a backup")
    assert databases(servers, elsewhere) == [set(), set()]


def refused(settings: Settings, name: str, said: str) -> None:
    with pytest.raises(BackupFailed) as error, backups.restored(settings, name, silent):
        pass
    assert str(error.value).startswith(said)


def test_what_is_there_already_is_named_with_its_server(kept: str, servers: Cluster, elsewhere: Settings) -> None:
    [*_, other] = cluster.parts(elsewhere)
    with Warehouse(msgspec.structs.replace(other, clickhouse_database="default")) as server:
        server.run("database", database=other.clickhouse_database)
        server._reader.execute(f"CREATE TABLE {other.clickhouse_database}.somebody_elses (x UInt8) ENGINE = Memory")
    refused(elsewhere, kept, "Server 2 of the cluster: The database elsewhere_shard is not empty: it has somebody_else")
    lose(servers, elsewhere)
    migrations.migrate(elsewhere)
    with pytest.raises(BackupFailed, match=r"^Server 1 of the cluster: There is a backup kept.server-1 already on "):
        backups.back_up(elsewhere, kept, silent)


def test_a_server_that_is_away_is_named_and_nothing_stays(kept: str, servers: Cluster, elsewhere: Settings) -> None:
    migrations.migrate(elsewhere)

    def meanwhile(_done: int, _total: int, note: str) -> None:
        if note.endswith("on server 2 of the cluster"):
            servers.other.kill()

    try:
        with pytest.raises(ShardUnavailable, match="Server 2 of the cluster does not answer"):
            backups.back_up(elsewhere, "never", meanwhile)
        with (
            pytest.raises(ShardUnavailable, match="Server 2 of the cluster does not answer"),
            backups.restored(elsewhere, kept, silent),
        ):
            pass
    finally:
        servers.other.start()
    head, other = databases(servers, elsewhere)
    assert head == {"elsewhere", "elsewhere_shard"}
    assert other == {"elsewhere_shard", "backup_of_reports_shard"}
    backups.back_up(elsewhere, "at_last", silent)
    assert databases(servers, elsewhere) == [head, other - {"backup_of_reports_shard"}]


class Killed(BaseException):
    """The process is no more."""


@contextmanager
def struck(name: str, nth: int, error: BaseException, *, is_answer_lost: bool = False) -> Iterator[None]:
    """Have `error` come of the `nth` statement `name`, which was not sent or whose answer was lost.

    Of a process that was killed no statement comes after it.
    """
    left, is_over, rows = nth, False, Warehouse.rows

    def sent(warehouse: Warehouse, wanted: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        nonlocal left, is_over
        left -= wanted == name
        if is_over or (wanted == name and left == 0):
            is_over = isinstance(error, Killed)
            if is_answer_lost:
                rows(warehouse, wanted, **parameters)
            raise error
        return rows(warehouse, wanted, **parameters)

    with patch.object(Warehouse, "rows", sent):
        yield


def test_a_restore_that_fails_while_names_are_changed_can_be_done_again(
    kept: str, servers: Cluster, elsewhere: Settings
) -> None:
    with struck("backups/rename", 5, WarehouseUnavailable("Away.")), pytest.raises(ShardUnavailable, match="Server 2"):
        restore(elsewhere, kept, silent)
    assert databases(servers, elsewhere) == [set(), set()]
    lost = WarehouseUnavailable("Its answer was lost.")
    with struck("backups/rename", 6, lost, is_answer_lost=True), pytest.raises(WarehouseUnavailable, match="was lost"):
        restore(elsewhere, kept, silent)
    migrations.migrate(elsewhere)
    with Warehouse(elsewhere) as warehouse:
        assert_exact(Marts(elsewhere, warehouse))


KILLED_BEFORE = [("backups/drop_table", 3), ("backups/rename", 6)]
"""The second table is spread anew; the head is given its name."""


def test_a_restore_that_is_killed_while_names_are_changed_is_not_seen(
    kept: str, servers: Cluster, elsewhere: Settings
) -> None:
    migrations.migrate(elsewhere)
    for name, nth in KILLED_BEFORE:
        with struck(name, nth, Killed()), pytest.raises(Killed):
            restore(elsewhere, kept, silent)
        head, _ = databases(servers, elsewhere)
        assert "elsewhere_being_restored" in head
        if name == "backups/drop_table":
            assert ask_head(elsewhere, "SELECT count() > 0 FROM telemetry_events_builds") == [(1,)]
            assert ask_head(elsewhere, "SELECT count() FROM publications") == [(0,)]
            assert ask_head(elsewhere, "SELECT count() FROM telemetry_events") == [(0,)]
        else:
            assert "elsewhere" not in head
        refused(elsewhere, kept, "Server 1 of the cluster: The database elsewhere_shard is not empty")
        ask(servers, elsewhere, "DROP DATABASE IF EXISTS elsewhere_shard SYNC")


def ask_head(settings: Settings, question: str) -> Any:
    with Warehouse(settings) as warehouse:
        return warehouse._reader.execute(question)
