"""The accounts of the embedded ClickHouse, as the server's process and whoever configures it share them."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stack.home import write_secret

_FILE = "accounts.json"


class Account(msgspec.Struct, frozen=True):
    """Who may use the server."""

    user: str
    password: str

    def admits(self, user: str, password: str) -> bool:
        """Whether these are the account's; takes as long for any wrong password."""
        return hmac.compare_digest(f"{self.user}\0{self.password}".encode(), f"{user}\0{password}".encode())


def write_accounts(folder: Path, accounts: Sequence[Account]) -> None:
    """Put the accounts where the server's process finds them, for its owner's eyes only."""
    write_secret(folder / _FILE, msgspec.json.encode(accounts).decode())


def read_accounts(folder: Path) -> list[Account]:
    """The accounts that the server in this folder was configured with."""
    return msgspec.json.decode((folder / _FILE).read_bytes(), type=list[Account])
