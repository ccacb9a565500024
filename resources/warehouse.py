"""The warehouse: ClickHouse over its native protocol, one named statement of `sql/` at a time."""

from __future__ import annotations

import logging
import queue
import select
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import clickhouse_driver
from clickhouse_driver import errors
from clickhouse_driver.block import ColumnOrientedBlock
from clickhouse_driver.protocol import ServerPacketTypes

from resources.errors import ShardUnavailable, WarehouseError, WarehouseUnavailable
from resources.settings import Settings
from resources.sql import statement

# It logs each failed connect with the address and a stack; the errors here say what a reader needs.
logging.getLogger("clickhouse_driver.connection").setLevel(logging.ERROR)

PINGED_AFTER_SECONDS = 30.0
"""An idle connection is asked whether it lives after this long: a network may have dropped it without a word."""

_AWAY = (errors.NetworkError, errors.SocketTimeoutError, errors.PartiallyConsumedQueryError, EOFError, OSError)

_BUSY = {
    errors.ErrorCodes.TIMEOUT_EXCEEDED,
    errors.ErrorCodes.TOO_SLOW,
    errors.ErrorCodes.MEMORY_LIMIT_EXCEEDED,
    errors.ErrorCodes.TOO_MANY_SIMULTANEOUS_QUERIES,
}

_SHARD_AWAY = {
    errors.ErrorCodes.ALL_CONNECTION_TRIES_FAILED,
    errors.ErrorCodes.ATTEMPT_TO_READ_AFTER_EOF,
    errors.ErrorCodes.CANNOT_READ_ALL_DATA,
    errors.ErrorCodes.NETWORK_ERROR,
    errors.ErrorCodes.NO_FREE_CONNECTION,
    errors.ErrorCodes.SOCKET_TIMEOUT,
}
"""What a server says of another that it asked."""

SPREAD: Mapping[str, int] = {
    "optimize_skip_unused_shards": 1,
    "prefer_global_in_and_join": 1,
    "distributed_foreground_insert": 1,
    "parallel_distributed_insert_select": 0,
}
"""What statements need where wearers' rows are spread over a cluster: a wearer's are asked of one shard; what is looked
up in other tables is looked up once, by whoever was asked; an insert ends once every server has its rows; and no server
fills itself past the others.
"""


class Warehouse:
    """One connection, not for several threads at once. After an error it reconnects by itself on the next call."""

    def __init__(self, settings: Settings, *, timeout_s: float = 300, limits: Mapping[str, int] | None = None) -> None:
        """Connect lazily; `timeout_s` bounds the server's silence during one call, `limits` what a read may take."""
        self.settings = settings
        self._told = partial(_readable_errors, spread=bool(settings.clickhouse_cluster))
        self._spread = SPREAD if settings.clickhouse_cluster else {}
        self._options = {
            "host": settings.clickhouse_host,
            "port": settings.clickhouse_port,
            "database": settings.clickhouse_database,
            "user": settings.clickhouse_user,
            "password": settings.clickhouse_password,
            "client_name": "bionicpro-reports",
            "connect_timeout": min(2.0, timeout_s),
            "sync_request_timeout": min(2.0, timeout_s),
            "send_receive_timeout": timeout_s,
        }
        self._reader = clickhouse_driver.Client(
            **self._options, settings={"server_side_params": True, **self._spread, **(limits or {})}
        )
        # The driver sends a ping before every question, and waits for the answer: a way there and back each time.
        self._reader.connection.ping = _Glancing(self._reader.connection)

    @cached_property
    def _writer(self) -> clickhouse_driver.Client:
        """Sends numpy arrays, nine times as fast as Python lists; made late, because it loads pandas."""
        return _Writer(**self._options, settings={"use_numpy": True, **self._spread})

    def rows(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Rows that `sql/{name}.sql` answers with. Raises `WarehouseUnavailable`, `WarehouseError`."""
        question = statement(name)
        with self._told(name):
            answer: list[tuple[Any, ...]] = self._reader.execute(question.text, _sent(question.check(parameters)))
        return answer

    def stream(self, name: str, /, **parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Rows that `sql/{name}.sql` answers with, a block in memory at a time; no other call before the last.

        Raises `WarehouseUnavailable`, `WarehouseError`.
        """
        question = statement(name)
        sent = _sent(question.check(parameters))
        with self._told(name):
            try:
                yield from self._reader.execute_iter(question.text, sent, settings={"max_block_size": 8192})
            finally:
                # An answer that was not read to its end would be taken for that of the next question.
                if self._reader.connection.is_query_executing:
                    self._reader.disconnect()

    def arrow(self, name: str, /, **parameters: Any) -> Any:
        """What `sql/{name}.sql` answers with, as a `pyarrow.Table`. Raises `WarehouseUnavailable`, `WarehouseError`."""
        question = statement(name)
        with self._told(name):
            return self._reader.query_arrow(question.text, _sent(question.check(parameters)))

    def run(self, name: str, /, **parameters: Any) -> None:
        """Carry out `sql/{name}.sql`, which answers nothing. Raises `WarehouseUnavailable`, `WarehouseError`."""
        self.rows(name, **parameters)

    def declare(self, name: str, /, declaration: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Carry out `sql/{name}.sql` with `declaration`, a text that no server binds (a column, a name); its rows.

        It is the server's own or ours, never a caller's.
        """
        question = statement(name)
        sent = _sent(question.check(parameters | {"declaration": declaration}))
        text = question.text.replace("{declaration:Declaration}", declaration)
        with self._told(name):
            answer: list[tuple[Any, ...]] = self._reader.execute(text, sent)
        return answer

    def insert(self, name: str, /, blocks: Iterable[Mapping[str, Any]]) -> None:
        """Send `blocks` of numpy columns (instants UTC, without a zone), which the INSERT of `sql/{name}.sql` names.

        One INSERT takes all of them, and no more than one is held here. Raises `WarehouseUnavailable`,
        `WarehouseError`, and what `blocks` raises; some of them may then have been written.
        """
        wanted = statement(name)
        columns = ([block[column] for column in wanted.columns] for block in blocks)
        with self._told(name):
            self._writer.execute(wanted.text, columns, columnar=True)

    def insert_rows(self, name: str, /, rows: Sequence[Sequence[Any]]) -> None:
        """Send a few Python `rows` as one block of the INSERT in `sql/{name}.sql`; for many, see `insert`."""
        with self._told(name):
            self._reader.execute(statement(name).text, rows)

    def close(self) -> None:
        """Close both connections."""
        self._reader.disconnect()
        if "_writer" in self.__dict__:
            self._writer.disconnect()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WarehousePool:
    """A bounded number of connections shared by the threads of a server; one that was closed is opened anew."""

    def __init__(self, settings: Settings, *, size: int, timeout_s: float) -> None:
        """Hold at most `size` connections; `timeout_s` bounds the wait for one and the silence of the server."""
        self.size = size
        self._timeout_s = timeout_s
        self._idle: queue.LifoQueue[Warehouse] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(Warehouse(settings, timeout_s=timeout_s))

    @property
    def idle(self) -> int:
        """How many connections nobody uses at the moment."""
        return self._idle.qsize()

    @contextmanager
    def connection(self) -> Iterator[Warehouse]:
        """A connection for the length of the block. Raises `WarehouseUnavailable` where none becomes free in time."""
        try:
            warehouse = self._idle.get(timeout=self._timeout_s)
        except queue.Empty:
            raise WarehouseUnavailable("All connections to the warehouse are busy; try again in a moment.") from None
        try:
            yield warehouse
        finally:
            self._idle.put(warehouse)

    def close(self) -> None:
        """Close the connections that are idle."""
        while not self._idle.empty():
            self._idle.get_nowait().close()


class _Writer(clickhouse_driver.Client):  # type: ignore[misc] # the driver has no types
    """Sends the blocks of an INSERT as they come, where the driver's own client wants to have them all."""

    def send_data(self, sample_block: Any, data: Iterable[Any], **_: bool) -> int:
        """Send every block of `data`, and their end; how many rows they had."""
        rows = 0
        for columns in data:
            block = ColumnOrientedBlock(sample_block.columns_with_types, columns)
            self.connection.send_data(block)
            rows += block.num_rows
            # What the server says on the way is little, or that it gave up.
            while _readable(self.connection.socket.fileno()):
                packet = self.connection.receive_packet()
                if packet.type == ServerPacketTypes.EXCEPTION:
                    raise packet.exception
        self.connection.send_data(ColumnOrientedBlock())
        return rows


class _Glancing:
    """In place of the driver's ping: sees whether the server has closed, and only asks it after a long silence."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._ask = connection.ping
        self._used_at = time.monotonic()

    def __call__(self) -> bool:
        """Whether the connection can be used; where it cannot, the driver opens it anew."""
        now = time.monotonic()
        silent_s, self._used_at = now - self._used_at, now
        if not self._connection.socket or _readable(self._connection.socket.fileno()):
            return False
        return silent_s <= PINGED_AFTER_SECONDS or bool(self._ask())


def _readable(descriptor: int) -> bool:
    """Whether there is something to read, which between two questions can only be the end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _sent(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as they are, but for instants: the driver would cut their microseconds off."""
    return {
        name: str(value) if isinstance(value, datetime) and value.microsecond else value
        for name, value in parameters.items()
    }


@contextmanager
def _readable_errors(name: str, *, spread: bool) -> Iterator[None]:
    try:
        yield
    except errors.ServerException as error:
        if error.code == errors.ErrorCodes.NOT_ENOUGH_SPACE or "No space left on device" in error.message:
            raise WarehouseError(
                f"ClickHouse's disk is full, so sql/{name}.sql was refused. Readers keep what they had; make room, and "
                "the next run goes on from there."
            ) from error
        if spread and error.code in _SHARD_AWAY:
            raise ShardUnavailable(
                f"sql/{name}.sql needs a server of the cluster that does not answer. The wearers whose rows are on the "
                "others can be read; nothing is built before it is back."
            ) from error
        if error.code in _BUSY:
            raise WarehouseUnavailable(
                f"ClickHouse gave sql/{name}.sql up with error {error.code}: it took too long, or too much memory, or"
                " too much else was asked at the time. Trying again later may help."
            ) from error
        raise WarehouseError(f"ClickHouse refused sql/{name}.sql with error {error.code}.") from error
    except _AWAY as error:
        raise WarehouseUnavailable(
            "ClickHouse does not answer; see that it runs and that CLICKHOUSE_HOST and CLICKHOUSE_PORT name it."
        ) from error
    except errors.Error as error:
        raise WarehouseError(f"The answer of ClickHouse to sql/{name}.sql cannot be read.") from error
