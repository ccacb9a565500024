"""Embedded ClickHouse: its configuration, its accounts with passwords, and the process that serves it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

import psutil

from resources import accounts, reader
from stack import probes
from stack.account import Account, write_accounts
from stack.home import Home, write_secret
from stack.library import find_library
from stack.parts import Part

USER = "reports"
READER = "reports_reader"
OTHERS = {READER: ("reader", reader.grants)} | {
    name: ("analyst" if name == "reports_analyst" else "default", grants) for name, grants in accounts.GRANTS.items()
}
"""Accounts that may do what they are for only: their profile, and what makes their GRANTs in a database."""

_CONFIG = """<clickhouse>
  {own}<users_config>{folder}/users.xml</users_config>
  <mark_cache_size>67108864</mark_cache_size>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
  <max_connections>512</max_connections>
  <timezone>UTC</timezone>
  <backups><allowed_path>{backups}/</allowed_path></backups>
  <access_control_improvements>
    <settings_constraints_replace_previous>true</settings_constraints_replace_previous>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
  </access_control_improvements>
</clickhouse>
"""
_SERVER_ONLY = """<path>{folder}/server/</path><tcp_port>{port}</tcp_port><listen_host>127.0.0.1</listen_host>
  <logger><level>warning</level><console>1</console></logger>
  """
# `default` has no password, because the engine's own session has none to give. It can read nothing.
_USERS = """<clickhouse>
  <profiles>
    <default/>
{profiles}
  </profiles>
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
{accounts}
  </users>
</clickhouse>
"""
# To be laid into `users.d` of a server that has a profile and a quota `default` already.
_USERS_ELSEWHERE = """<clickhouse>
  <profiles>
{profiles}
  </profiles>
  <users>
    <default remove="remove"/>
{accounts}
  </users>
</clickhouse>
"""
_PROFILES = """    <reader>
{settings}
      <constraints>
{constraints}
      </constraints>
    </reader>
    <analyst>
{analyst_settings}
    </analyst>"""
_ACCOUNT = """    <{user}>
      <password_sha256_hex>{password_sha256}</password_sha256_hex>
      <networks><ip>{network}</ip></networks><profile>{profile}</profile><quota>default</quota>{grants}
    </{user}>"""
_GRANTS = """
      <grants>
{queries}
      </grants>"""


def account(home: Home) -> Account:
    """The account of this state folder that may do anything."""
    return Account(USER, home.secret("clickhouse"))


def reader_account(home: Home) -> Account:
    """The account of this state folder that the API reads with."""
    return other_account(home, READER)


def other_account(home: Home, user: str) -> Account:
    """One of the accounts that may do only what they are for."""
    return Account(user, home.secret(user.replace("reports_", "clickhouse-")))


def installed() -> str | None:
    """The `clickhouse` on PATH, which is used instead of the engine library."""
    return shutil.which("clickhouse")


def part(home: Home, port: int, databases: Sequence[str]) -> Part:
    """The server, listening on `port`: a `clickhouse` on PATH, else the engine library, fetched where it is missing.

    In `databases` the accounts may do what they are for, whether those are there yet or not.
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
        prepare=lambda: _configure(home, own, databases),
    )


def _configure(home: Home, own: str, databases: Sequence[str]) -> None:
    folder = home.clickhouse
    # Half of what the machine has: PostgreSQL, Dagster and whoever owns the desk live here, too.
    memory_bytes = psutil.virtual_memory().total // 2
    config = _CONFIG.format(
        own=own, folder=escape(str(folder)), backups=escape(str(home.backups)), memory_bytes=memory_bytes
    )
    write_secret(folder / "config.xml", config)
    logins = [account(home), *(other_account(home, user) for user in OTHERS)]
    write_secret(folder / "users.xml", _users(_USERS, logins, databases, "127.0.0.1"))
    write_accounts(folder, logins)


def users_elsewhere(logins: Iterable[Account], databases: Sequence[str]) -> str:
    """The same accounts as a file for `users.d` of another server: any network, digests in place of passwords."""
    return _users(_USERS_ELSEWHERE, logins, databases, "::/0")


def _users(template: str, logins: Iterable[Account], databases: Sequence[str], network: str) -> str:
    profiles = _PROFILES.format(
        settings=_settings(_READER_SETTINGS),
        constraints=_lines(_constraints()),
        analyst_settings=_settings(accounts.ANALYST_SETTINGS),
    )
    return template.format(profiles=profiles, accounts="\n".join(_account(each, databases, network) for each in logins))


def _account(login: Account, databases: Sequence[str], network: str) -> str:
    """`USER` has no list of GRANTs, which is to say that it may do anything."""
    profile, grants = OTHERS.get(login.user, ("default", None))
    queries = [f"<query>{escape(grant)}</query>" for name in databases for grant in grants(name)] if grants else []
    return _ACCOUNT.format(
        user=login.user,
        password_sha256=_sha256(login.password),
        network=network,
        profile=profile,
        grants=_GRANTS.format(queries=_lines(queries)) if grants else "",
    )


def _settings(values: Mapping[str, int]) -> str:
    return _lines(f"<{name}>{value}</{name}>" for name, value in values.items())


_READER_SETTINGS = {**reader.FIXED, **{name: limit.value for name, limit in reader.LIMITS.items()}}


def _constraints() -> Iterator[str]:
    for name, limit in reader.LIMITS.items():
        yield f"<{name}><min>1</min><max>{limit.most}</max><changeable_in_readonly/></{name}>"
    for name in reader.FREE:
        yield f"<{name}><changeable_in_readonly/></{name}>"


def _lines(elements: Iterable[str]) -> str:
    return "\n".join(f"        {element}" for element in elements)


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
