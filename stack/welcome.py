"""What a reader needs once the stack is up: its addresses, and one request that is answered with a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import clickhouse_driver
import clickhouse_driver.errors
import psycopg

from resources.settings import Settings
from stack import issuer, lineup
from stack.home import Home

_WITH_REPORTS = "SELECT user_id FROM user_daily_reports GROUP BY user_id ORDER BY count() DESC, user_id LIMIT 1"
_WITH_PROSTHESIS = "SELECT min(customer_id) FROM prostheses WHERE valid_to IS NULL"


def lines(home: Home, settings: Settings, parts: Mapping[str, int | None]) -> Iterator[str]:
    """Addresses of what runs, then a `curl` line ready to be pasted, where there is somebody to ask for.

    `parts` are what was started, with their ports.
    """
    if "webserver" in parts:
        yield f"Dagster  {settings.dagster_webserver_url}"
    if "guests" in parts:
        yield f"Guests   http://127.0.0.1:{parts['guests']}"
    if "api" not in parts:
        return
    address = lineup.api_address(settings)
    yield f"API      {address}"
    yield f"API docs {address}/schema"
    user = None
    with suppress(psycopg.Error):
        user = _somebody(settings)
    if user is not None:
        yield ""
        yield f'curl -H "Authorization: Bearer {_token(home, settings, user)}" {address}/reports/{user}'


def _token(home: Home, settings: Settings, user: int) -> str:
    if issuer.is_foreign(settings, home):
        return "$TOKEN"
    return issuer.token(home, settings, issuer.subject(settings, str(user)))


def _somebody(settings: Settings) -> int | None:
    """A wearer who has the most report days, or any wearer where nobody has one."""
    client = clickhouse_driver.Client(
        settings.clickhouse_host,
        settings.clickhouse_port,
        settings.clickhouse_database,
        settings.clickhouse_user,
        settings.clickhouse_password,
        connect_timeout=2,
    )
    try:
        with suppress(clickhouse_driver.errors.Error, EOFError, OSError):
            for (user,) in client.execute(_WITH_REPORTS):
                return int(user)
    finally:
        client.disconnect()
    with psycopg.connect(settings.crm_database_url, options=f"-csearch_path={settings.reports_crm_schema}") as crm:
        row = crm.execute(_WITH_PROSTHESIS).fetchone()
    return row[0] if row else None
