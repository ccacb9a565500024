"""The command `reports secrets`: random passwords for the containers of compose.yaml, each in a file of its own."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from resources.settings import Settings
from stack import clickhouse
from stack.account import Account
from stack.errors import StackError
from stack.home import write_secret
from stack.terminal import say

_RANDOM = (
    "crm_owner_password",
    "crm_reader_password",
    "telemetry_owner_password",
    "telemetry_reader_password",
    "dagster_owner_password",
    "dagster_password",
    "keycloak_database_password",
    "keycloak_admin_password",
    "bff_client_secret",
    "proxy_client_secret",
    "guest_proxy_client_secret",
    "demo_password",
    "grafana_admin_password",
    "metrics_token",
)
_COOKIES = ("proxy_cookie_secret", "guest_proxy_cookie_secret")
"""Keys of a cipher, which are 16, 24 or 32 bytes: 32 as they stand, 24 where they are taken for base64."""
ACCOUNTS = {user: f"{user.replace('reports', 'clickhouse')}_password" for user in (clickhouse.USER, *clickhouse.OTHERS)}
"""The accounts at the warehouse, and the files of their passwords."""
_URLS = {
    "crm_owner_url": ("postgres", "crm_owner_password", "crm"),
    "crm_database_url": ("reports_source", "crm_reader_password", "crm"),
    "telemetry_owner_url": ("postgres", "telemetry_owner_password", "telemetry"),
    "telemetry_database_url": ("reports_source", "telemetry_reader_password", "telemetry"),
    "dagster_database_url": ("reports_dagster", "dagster_password", "dagster"),
}
"""Addresses at PostgreSQL: role, file of its password, and the database."""
_HOSTS = {"crm": "crm", "telemetry": "telemetry", "dagster": "dagster-db"}
"""Services of compose.yaml by their database."""
_USERS = "clickhouse_users.xml"


def make(
    folder: Annotated[Path, typer.Argument(help="Where compose.yaml looks for them.")] = Path("deploy/secrets"),
) -> None:
    """Make the files of secrets that are missing; those that are there stay as they are.

    The accounts of ClickHouse are written again each time: a new version may need other rights.
    """
    try:
        made = _make(folder)
    except OSError as error:
        raise StackError(f"The secrets cannot be kept in {folder} ({error.strerror}); name another folder.") from error
    say(f"{made} secrets made in {folder}, and {_USERS} written.")


def _make(folder: Path) -> int:
    # Only its owner may pass through the folder. The files anybody may read: in the containers each has another user.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = [name for name in (*_RANDOM, *ACCOUNTS.values()) if _keep(folder / name, secrets.token_urlsafe(32))]
    made += [name for name in _COOKIES if _keep(folder / name, secrets.token_urlsafe(24))]
    for name, (role, password, database) in _URLS.items():
        url = f"postgresql://{role}:{_read(folder / password)}@{_HOSTS[database]}:5432/{database}"
        made += [name] if _keep(folder / name, url) else []
    logins = [Account(user, _read(folder / name)) for user, name in ACCOUNTS.items()]
    _write(folder / _USERS, clickhouse.users_elsewhere(logins, [Settings().clickhouse_database]))
    return len(made)


def _keep(path: Path, content: str) -> bool:
    """Write the file unless it is there; whether it was written."""
    if path.exists():
        return False
    _write(path, content)
    return True


def _write(path: Path, content: str) -> None:
    write_secret(path, content)
    path.chmod(0o444)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip("\r\n")
