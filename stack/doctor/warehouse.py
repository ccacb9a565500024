"""Checks of the warehouse, as the account that builds and as the one that the API reads with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import clickhouse_driver
import msgspec
from clickhouse_driver import errors

from resources import migrations, reader
from resources.errors import WarehouseError
from resources.settings import Settings
from resources.warehouse import Warehouse
from stack.doctor.verdicts import Findings, Result, all_judged, clock, failed, ok, skipped, space, warning
from stack.hello import AUTHENTICATION_FAILED
from stack.probes import PATIENCE_S

TRIED = "26.7"
"""The ClickHouse that the tests run on."""
_DENIED = 497
_SHOWN = 3
_WRITES = ("INSERT", "ALTER", "CREATE TABLE", "DROP TABLE", "TRUNCATE")


class Account(msgspec.Struct, frozen=True):
    """A connection to the warehouse and the settings that it was made with, no database named."""

    warehouse: Warehouse
    settings: Settings
    variable: str


def loader(settings: Settings) -> Iterator[Result]:
    """The account that builds."""
    yield from _account("ClickHouse", settings, "CLICKHOUSE_USER", _OF_THE_LOADER)


def api_reader(settings: Settings) -> Iterator[Result]:
    """The account that the API reads with."""
    if settings.clickhouse_reader_user:
        yield from _account("reader", reader.as_reader(settings), "CLICKHOUSE_READER_USER", _OF_THE_READER)
        return
    advice = "Make an account for it as docs/reader.md says, and name it in CLICKHOUSE_READER_USER."
    yield Result("reader: connection", "warning", f"The API reads with the account that also writes. {advice}")
    yield from skipped("reader", _OF_THE_READER, "There is no such account.")


def _account(place: str, settings: Settings, variable: str, checks: Mapping[str, Any]) -> Iterator[Result]:
    anywhere = msgspec.structs.replace(settings, clickhouse_database="default")
    with Warehouse(anywhere, timeout_s=10 * PATIENCE_S) as warehouse:
        try:
            warehouse.rows("reads/alive")
        except WarehouseError as error:
            yield Result(f"{place}: connection", "failed", _unreachable(error, variable))
            yield from skipped(place, checks, "Not asked, because the server does not let us in.")
            return
        yield Result(f"{place}: connection", "ok", "")
        yield from all_judged(place, checks, Account(warehouse, settings, variable))


def _unreachable(error: WarehouseError, variable: str) -> str:
    if _code(error) == AUTHENTICATION_FAILED:
        password = variable.replace("USER", "PASSWORD")
        return f"ClickHouse does not know {variable} with this password; correct {variable} and {password}."
    return str(error)


def _version(account: Account) -> Findings:
    version = str(account.warehouse.rows("doctor/warehouse_server")[0][0])
    found = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if found < tuple(map(int, TRIED.split("."))):
        advice = f"Nothing was tried on one before {TRIED}: upgrade it, or run the tests against it."
        yield warning(f"This is ClickHouse {version}. {advice}")
    else:
        yield ok(f"ClickHouse {version}")


def _clock(account: Account) -> Findings:
    before = datetime.now(UTC)
    there = account.warehouse.rows("doctor/warehouse_server")[0][1]
    yield clock("ClickHouse", before, there, datetime.now(UTC))


def _tables(account: Account) -> Findings:
    try:
        found = migrations.differences(account.settings)
    except WarehouseError as error:
        if _code(error) != _DENIED:
            raise
        yield failed(
            f"{account.variable} may not make the database in which the tables are tried out. GRANT it what `reports "
            "grants` prints for the loader (docs/least-privilege.md)."
        )
        return
    if found:
        more = f" And {len(found) - _SHOWN} more." if len(found) > _SHOWN else ""
        yield failed(f"{' '.join(found[:_SHOWN])}{more} Run `reports migrate`.")


def _disks(account: Account) -> Findings:
    for name, free, total in account.warehouse.rows("reads/disks"):
        yield space(f"ClickHouse's disk {name}", free, total)


def _readonly(account: Account) -> Findings:
    [(readonly,)] = account.warehouse.rows("doctor/warehouse_readonly")
    if readonly != 1:
        yield warning(
            f"{account.variable} is not bound by readonly = 1, so that it could lift its own limits. Give it the "
            "profile of docs/reader.md."
        )


def _reads(account: Account) -> Findings:
    grants = zip([*reader.COLUMNS, *reader.SYSTEM], reader.grants(account.settings.clickhouse_database), strict=True)
    if missing := [table for table, grant in grants if not _may(account.settings, grant)]:
        yield failed(
            f"{account.variable} may not read columns that the API asks for of {', '.join(missing)}. GRANT them as "
            "docs/reader.md lists them; where the tables are missing, run `reports migrate`."
        )


def _writes(account: Account) -> Findings:
    database = account.settings.clickhouse_database
    if allowed := [right for right in _WRITES if _may(account.settings, f"GRANT {right} ON `{database}`.*")]:
        yield warning(
            f"{account.variable} was granted {', '.join(allowed)} on {database}, and needs to read only. REVOKE "
            "that, or make the account anew as docs/reader.md says."
        )


def _may(settings: Settings, grant: str) -> bool:
    """Whether the account has what a GRANT of ours would give it."""
    with clickhouse_driver.Client(
        host=settings.clickhouse_host,
        port=settings.clickhouse_port,
        user=settings.clickhouse_user,
        password=settings.clickhouse_password,
        connect_timeout=PATIENCE_S,
    ) as client:
        return bool(client.execute(f"CHECK {grant}")[0][0])


def _code(error: WarehouseError) -> int:
    return int(error.__cause__.code) if isinstance(error.__cause__, errors.ServerException) else 0


_OF_THE_LOADER = {"version": _version, "clock": _clock, "tables": _tables, "disks": _disks}
_OF_THE_READER = {"reads what the API asks": _reads, "writes nothing": _writes, "limits": _readonly}
