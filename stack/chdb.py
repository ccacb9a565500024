"""One process that is a ClickHouse server: the engine library, and the front that it needs before it.

Serves until its standard input closes or SIGTERM comes. `python -m stack.chdb --help` says how it is called.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import clickhouse_driver
import clickhouse_driver.errors

from stack.account import Account, read_accounts
from stack.front import Front
from stack.hello import AUTHENTICATION_FAILED, UNKNOWN_DATABASE, Hello, refusal

# The engine's own session is the user `default`, who may do just this: listen, and wait for an end of file.
_QUERY = (
    "SYSTEM START LISTEN TCP; CREATE TEMPORARY TABLE life (line String) ENGINE = Memory; "
    "INSERT INTO life FROM INFILE '/dev/stdin' FORMAT LineAsString"
)
_READY_TIMEOUT_S = 60
_END_TIMEOUT_S = 8


class Engine(threading.Thread):
    """The engine, running its one long query; an end of file on `lifeline` ends it."""

    def __init__(self, library: Path, folder: Path) -> None:
        """Load the library; the thread starts serving on `port`, which only the front should know."""
        super().__init__(daemon=True)
        self.port = _free_port()
        self.reason = ""
        self._library = ctypes.CDLL(str(library))
        self._folder = folder
        # Ours must stay: SIGTERM is how the supervisor ends us.
        self._library.chdb_set_signal_handlers_enabled(ctypes.c_bool(False))
        self.lifeline = _replace_stdin()

    def run(self) -> None:
        """Serve until the lifeline is closed."""
        arguments = [
            "clickhouse",
            f"--path={self._folder / 'store'}",
            f"--config-file={self._folder / 'config.xml'}",
            f"--tcp_port={self.port}",
            "--listen_host=127.0.0.1",
            "--query",
            _QUERY,
        ]
        query, error = self._library.chdb_query_cmdline, self._library.chdb_result_error
        query.restype, error.restype = ctypes.c_void_p, ctypes.c_char_p
        result = query(len(arguments), (ctypes.c_char_p * len(arguments))(*map(os.fsencode, arguments)))
        self.reason = (error(ctypes.c_void_p(result)) or b"").decode(errors="replace")

    def wait_until_listening(self) -> None:
        """Return once the engine takes connections; raises `SystemExit` where it ended instead."""
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < deadline and self.is_alive():
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as probe:
                # A peaceful end: nothing was sent, nothing is unread.
                probe.shutdown(socket.SHUT_WR)
                probe.recv(1)
                return
            time.sleep(0.02)
        raise SystemExit(f"The engine did not start to listen. {self.reason}")


class Doorkeeper:
    """Refuses what would make the engine abort: a password that is no account's, a database that is not there."""

    def __init__(self, accounts: Sequence[Account], port: int) -> None:
        """Ask the engine on `port`, as the first of `accounts`, which databases there are."""
        self._accounts = accounts
        self._port = port
        self._lock = threading.Lock()
        self._client = self._connect()

    def __call__(self, hello: Hello) -> bytes:
        """The packet to refuse this hello with, or nothing."""
        # Every account is tried, so that it takes as long for any wrong password.
        if not sum(account.admits(hello.user, hello.password) for account in self._accounts):
            return refusal(AUTHENTICATION_FAILED, f"{hello.user}: Authentication failed.")
        if hello.database and not self._exists(hello.database):
            return refusal(UNKNOWN_DATABASE, f"Database {hello.database} does not exist.")
        return b""

    def close(self) -> None:
        """Leave the engine, which waits for its clients before it ends."""
        self._client.disconnect()

    def _exists(self, database: str) -> bool:
        question = "SELECT count() FROM system.databases WHERE name = %(name)s"
        with self._lock:
            try:
                answer = self._client.execute(question, {"name": database})
            except (clickhouse_driver.errors.Error, EOFError, OSError):
                self._client.disconnect()
                self._client = self._connect()
                answer = self._client.execute(question, {"name": database})
        return bool(answer[0][0])

    def _connect(self) -> clickhouse_driver.Client:
        own = self._accounts[0]
        return clickhouse_driver.Client("127.0.0.1", self._port, user=own.user, password=own.password)


def main() -> None:
    """Serve until standard input closes or SIGTERM comes."""
    parser = argparse.ArgumentParser(prog="python -m stack.chdb", description=__doc__)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    os.umask(0o077)
    stdin = os.dup(0)
    engine = Engine(given.library, given.folder)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    threading.Thread(target=_await_end, args=(stdin, over), daemon=True).start()
    engine.start()
    engine.wait_until_listening()
    doorkeeper = Doorkeeper(read_accounts(given.folder), engine.port)
    front = Front(given.port, engine.port, doorkeeper)
    threading.Thread(target=front.serve, daemon=True).start()
    while engine.is_alive() and not over.wait(0.2):
        pass
    front.close()
    doorkeeper.close()
    _end(engine, asked=over.is_set())


def _end(engine: Engine, *, asked: bool) -> None:
    os.close(engine.lifeline)
    engine.join(_END_TIMEOUT_S)
    if not asked:
        sys.stderr.write(f"The engine ended by itself. {engine.reason}\n")
    sys.stderr.flush()
    # The library's threads may still be about: running its destructors under them can crash.
    os._exit(0 if asked and not engine.is_alive() else 1)


def _await_end(descriptor: int, over: threading.Event) -> None:
    while os.read(descriptor, 4096):
        pass
    over.set()


def _replace_stdin() -> int:
    """Give the engine a standard input of ours, so that we, too, can end it; returns the end to close."""
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    return writing


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
