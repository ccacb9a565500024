"""Two embedded ClickHouse servers that are a cluster: the head, which is a shard as well, and another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from resources.settings import Settings
from stack import clickhouse, ports
from stack.home import Home, write_secret
from tests.engines import Sources, running

SHARDED, MIRRORED, COPYING = "sharded", "mirrored", "copying"
"""Clusters of the same servers: a shard each; one shard that both have whole; the same, each to copy from the other."""

_CONFIG = """<clickhouse><remote_servers>
  <sharded><shard>{head}</shard><shard>{other}</shard></sharded>
  <mirrored><shard>{head}{other}</shard></mirrored>
  <copying><shard><internal_replication>true</internal_replication>{head}{other}</shard></copying>
</remote_servers></clickhouse>
"""
_SERVER = """<replica>
  <host>127.0.0.1</host><port>{port}</port><user>{user}</user><password>{password}</password>
</replica>"""


class Member:
    """A server, which can be killed and started again."""

    def __init__(self, home: Home, port: int, databases: Sequence[str]) -> None:
        self.home = home
        self.port = port
        self._part = clickhouse.part(home, port, databases)
        self._running = ExitStack()

    def start(self) -> None:
        self._process = self._running.enter_context(running(self._part, self.home))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._running.close()


class Cluster:
    """The servers; settings name the head."""

    def __init__(self, head: Member, other: Member) -> None:
        self.head = head
        self.other = other

    def settings(self, sources: Sources, database: str, cluster: str) -> Settings:
        login, reader = clickhouse.account(self.head.home), clickhouse.reader_account(self.head.home)
        return Settings(
            crm_database_url=sources.crm_url,
            telemetry_database_url=sources.telemetry_url,
            clickhouse_port=self.head.port,
            clickhouse_user=login.user,
            clickhouse_password=login.password,
            clickhouse_reader_user=reader.user,
            clickhouse_reader_password=reader.password,
            clickhouse_database=database,
            clickhouse_cluster=cluster,
            reports_retention_days=0,
        )


@contextmanager
def two_servers(folder: Path, databases: Sequence[str]) -> Iterator[Cluster]:
    """Both running, with the same password; the head's reader may read in `databases`."""
    taken = ports.choose({"clickhouse": 0, "postgres": 0})
    homes = [Home(folder / name) for name in ("head", "other")]
    for home in homes:
        home.prepare()
    login = clickhouse.account(homes[0])
    write_secret(homes[1].keys / "clickhouse", login.password)
    head, other = (_SERVER.format(port=port, user=login.user, password=login.password) for port in taken.values())
    more = homes[0].clickhouse / "config.d"
    more.mkdir()
    write_secret(more / "cluster.xml", _CONFIG.format(head=head, other=other))
    members = [Member(home, port, databases) for home, port in zip(homes, taken.values(), strict=True)]
    try:
        for member in members:
            member.start()
        yield Cluster(*members)
    finally:
        for member in members:
            member.close()
