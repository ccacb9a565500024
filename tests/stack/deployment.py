"""Servers that no local stack runs, and the commands as a person runs them there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import clickhouse_driver
import msgspec

from resources.settings import Settings
from stack import cli
from stack.lineup import environment

NO_CHANGE: Mapping[str, str] = {}


class Done(msgspec.Struct):
    """A command that ended."""

    code: int
    said: str
    trouble: str


class Deployment(msgspec.Struct):
    """Servers that no local stack runs, and commands that are told of them."""

    settings: Settings
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        return environment(self.settings) | {"REPORTS_HOME": str(self.home), "COLUMNS": "80"}

    def __call__(
        self, *arguments: str, entry: Callable[[], None] = cli.main, environ: Mapping[str, str] = NO_CHANGE
    ) -> Done:
        """Run a command in this process: starting one for each would take most of the time."""
        said, trouble, code = StringIO(), StringIO(), 0
        with (
            patch.dict(os.environ, self.environ | dict(environ)),
            patch.object(sys, "argv", ["command", *arguments]),
            redirect_stdout(said),
            redirect_stderr(trouble),
        ):
            try:
                entry()
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, said.getvalue(), trouble.getvalue())

    def succeed(self, *arguments: str, entry: Callable[[], None] = cli.main) -> list[list[str]]:
        """The words of each line that it prints."""
        done = self(*arguments, entry=entry)
        assert done.code == 0, done
        return [line.split() for line in done.said.splitlines()]

    def refused(
        self, *arguments: str, entry: Callable[[], None] = cli.main, environ: Mapping[str, str] = NO_CHANGE
    ) -> str:
        """The only line of what it says is wrong."""
        done = self(*arguments, entry=entry, environ=environ)
        assert (done.code, done.said) == (1, "")
        [line] = done.trouble.splitlines()
        return line

    def warehouse(self, query: str) -> list[tuple[object, ...]]:
        login = {name: getattr(self.settings, f"clickhouse_{name}") for name in ("host", "port", "user", "password")}
        client = clickhouse_driver.Client(**login, database=self.settings.clickhouse_database)
        rows: list[tuple[object, ...]] = client.execute(query)
        client.disconnect()
        return rows
