"""The embedded ClickHouse behind its front: nothing that a client does ends it."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import clickhouse_driver
import psutil
import pytest
from clickhouse_driver import errors

from tests.engines import ClickHouseServer, clickhouse_server, home_folder, wait_until

_MANY_ROWS = "SELECT number, toString(number) FROM numbers(50_000_000)"
_RESET_AT_ONCE = struct.pack("ii", 1, 0)


Connect = Callable[..., clickhouse_driver.Client]


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouseServer]:
    """An engine of its own: the session's must not die with a failed test."""
    with home_folder() as folder, clickhouse_server(folder) as started:
        client = clickhouse_driver.Client(**started.login())
        client.execute("CREATE TABLE default.numbers (number UInt64) ENGINE = MergeTree ORDER BY number")
        client.disconnect()
        yield started


@pytest.fixture
def connect(server: ClickHouseServer) -> Iterator[Connect]:
    """Makes clients, and asks at the end whether the server is still the same process and answers."""
    made = []

    def make(**changes: Any) -> clickhouse_driver.Client:
        made.append(clickhouse_driver.Client(**{**server.login(), "connect_timeout": 10, **changes}))
        return made[-1]

    yield make
    answer = make().execute("SELECT 1")
    for client in made:
        client.disconnect()
    assert answer == [(1,)]
    assert psutil.Process(server.pid).status() != psutil.STATUS_ZOMBIE


def reset(connected: clickhouse_driver.Client) -> None:
    """Close as a killed client's kernel does when bytes are unread: with a reset."""
    connection = connected.connection.socket
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    connection.close()


def queries_of_others(connect: Connect) -> int:
    [(count,)] = connect().execute("SELECT count() FROM system.processes WHERE query LIKE '%50_000_000%'")
    return int(count) - 1  # the one that asks


def test_an_idle_client_may_reset(connect: Connect) -> None:
    for _ in range(20):
        idle = connect()
        idle.execute("SELECT 1")
        reset(idle)


def test_a_client_may_reset_in_the_middle_of_an_answer_and_its_query_ends(connect: Connect) -> None:
    for _ in range(5):
        reading = connect(settings={"max_block_size": 1000})
        next(iter(reading.execute_iter(_MANY_ROWS)))
        reset(reading)
    wait_until(lambda: queries_of_others(connect) == 0, "the abandoned queries have ended")


def test_a_client_may_reset_in_the_middle_of_an_insert(connect: Connect) -> None:
    for _ in range(10):
        writing = connect()
        writing.connection.force_connect()
        writing.connection.send_query("INSERT INTO default.numbers VALUES")
        reset(writing)


@pytest.mark.usefixtures("connect")
def test_a_client_may_be_killed_in_the_middle_of_an_insert(server: ClickHouseServer) -> None:
    program = (
        "import sys, clickhouse_driver\n"
        "client = clickhouse_driver.Client('127.0.0.1', int(sys.argv[1]), user=sys.argv[2], password=sys.argv[3])\n"
        "def rows():\n"
        "    for number in range(100_000_000):\n"
        "        if number == 200_000: print('underway', flush=True)\n"
        "        yield (number,)\n"
        "client.execute('INSERT INTO default.numbers VALUES', rows(), settings={'insert_block_size': 1000})\n"
    )
    for _ in range(3):
        arguments = [sys.executable, "-c", program, str(server.port), server.user, server.password]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "underway\n"
            os.kill(writer.pid, signal.SIGKILL)


def test_many_clients_may_reset_at_once(connect: Connect) -> None:
    def load() -> None:
        for _ in range(5):
            busy = connect()
            next(iter(busy.execute_iter(_MANY_ROWS)))
            reset(busy)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("change", "code"), [({"password": "guess"}, 516), ({"user": "default", "password": ""}, 516)])
def test_who_may_not_is_refused(connect: Connect, change: dict[str, str], code: int) -> None:
    with pytest.raises(errors.ServerException) as refused:
        connect(**change).execute("SELECT 1")
    assert refused.value.code == code


def test_a_database_that_is_not_there_is_refused_until_it_is(connect: Connect) -> None:
    with pytest.raises(errors.ServerException) as refused:
        connect(database="later").execute("SELECT 1")
    assert refused.value.code == errors.ErrorCodes.UNKNOWN_DATABASE

    connect().execute("CREATE DATABASE later")

    assert connect(database="later").execute("SELECT currentDatabase()") == [("later",)]


@pytest.mark.usefixtures("connect")
@pytest.mark.parametrize(
    "bytes_sent",
    [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00\x05hel", b"\x00" + b"\xff" * 64, os.urandom(4096)],
    ids=["nothing", "http", "half a hello", "an endless number", "noise"],
)
def test_other_protocols_are_hung_up_on(server: ClickHouseServer, bytes_sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(bytes_sent)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(20)
        with suppress(ConnectionResetError):  # it may hang up with bytes unread
            assert connection.recv(1) == b""


def test_the_engine_s_own_account_reads_nothing(server: ClickHouseServer, connect: Connect) -> None:
    ours = {server.port}
    listening = psutil.Process(server.pid).net_connections("tcp4")
    [inner] = {c.laddr.port for c in listening if c.status == psutil.CONN_LISTEN} - ours
    past_the_front = connect(port=inner, user="default", password="")
    for question in ("SELECT * FROM default.numbers", "SELECT * FROM file('/etc/hostname', LineAsString)"):
        with pytest.raises(errors.ServerException) as refused:
            past_the_front.execute(question)
        assert refused.value.code == 497  # not enough privileges
