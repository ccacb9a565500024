"""Embedded ClickHouse: its configuration, its one account with a password, and the process that serves it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from xml.sax.saxutils import escape

import psutil

from stack import probes
from stack.account import Account, write_account
from stack.home import Home, write_secret
from stack.library import find_library
from stack.parts import Part

USER = "reports"

_CONFIG = """<clickhouse>
  {own}<users_config>{folder}/users.xml</users_config>
  <mark_cache_size>67108864</mark_cache_size>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
  <max_connections>512</max_connections>
  <timezone>UTC</timezone>
</clickhouse>
"""
_SERVER_ONLY = """<path>{folder}/server/</path><tcp_port>{port}</tcp_port><listen_host>127.0.0.1</listen_host>
  <logger><level>warning</level><console>1</console></logger>
  """
# `default` has no password, because the engine's own session has none to give. It can read nothing.
_USERS = """<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
        <query>GRANT TABLE ENGINE ON Memory</query>
      </grants>
    </default>
    <{user}>
      <password_sha256_hex>{password_sha256}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </{user}>
  </users>
</clickhouse>
"""


def account(home: Home) -> Account:
    """The account of this state folder."""
    return Account(USER, home.secret("clickhouse"))


def installed() -> str | None:
    """The `clickhouse` on PATH, which is used instead of the engine library."""
    return shutil.which("clickhouse")


def part(home: Home, port: int) -> Part:
    """The server, listening on `port`: a `clickhouse` on PATH, else the engine library, fetched where it is missing.

    Raises `EngineUnavailable`.
    """
    if program := installed():
        command = [program, "server", f"--config-file={home.clickhouse / 'config.xml'}"]
        own = _SERVER_ONLY.format(folder=escape(str(home.clickhouse)), port=port)
    else:
        library = str(find_library())
        command = [sys.executable, "-m", "stack.chdb", "--library", library]
        command += ["--folder", str(home.clickhouse), "--port", str(port)]
        own = ""
    login = account(home)
    return Part(
        name="clickhouse",
        command=command,
        port=port,
        probe=probes.clickhouse(host="127.0.0.1", port=port, user=login.user, password=login.password),
        prepare=lambda: _configure(home, own, login),
    )


def _configure(home: Home, own: str, login: Account) -> None:
    folder = home.clickhouse
    # Half of what the machine has: PostgreSQL, Dagster and whoever owns the desk live here, too.
    memory_bytes = psutil.virtual_memory().total // 2
    write_secret(folder / "config.xml", _CONFIG.format(own=own, folder=escape(str(folder)), memory_bytes=memory_bytes))
    digest = hashlib.sha256(login.password.encode()).hexdigest()
    write_secret(folder / "users.xml", _USERS.format(user=login.user, password_sha256=digest))
    write_account(folder, login)
