"""Fetching the engine library."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stack import home, library
from stack.errors import EngineUnavailable
from tests.engines import wait_until

ENGINE = Path(library.__file__).parent / "engine"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty per-user cache, and npm without one of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    assert home.cache().is_relative_to(tmp_path)
    return home.cache() / "engine"


def test_where_there_is_no_way_to_the_engine_a_sentence_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(EngineUnavailable) as missing:
        library.find_library()
    assert str(missing.value).startswith("The ClickHouse engine could not be fetched: ")
    assert str(missing.value).endswith("Put a `clickhouse` binary on PATH, or name a server with CLICKHOUSE_HOST.")
    assert list(cache.iterdir()) == []


def test_a_fetch_that_is_broken_off_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{silent.getsockname()[1]}")
        program = "from stack.library import find_library; find_library()"
        with subprocess.Popen(
            [sys.executable, "-c", program], stderr=subprocess.DEVNULL, start_new_session=True
        ) as fetching:
            connection, _ = silent.accept()
            connection.close()
            os.killpg(fetching.pid, signal.SIGINT)
    wait_until(lambda: list(cache.iterdir()) == [], "nothing is left")


def test_whoever_comes_second_uses_what_the_first_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(draft: str) -> None:
        """Pretend to fetch, while another process has just done so."""
        for place in (Path(draft), cache / "26.7.3-stable.1"):
            library_ = place / "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"
            library_.parent.mkdir(parents=True)
            library_.write_text(place.name)

    monkeypatch.setattr(library, "_install", install)
    assert library.find_library().read_text() == "26.7.3-stable.1"
    assert [path.name for path in cache.iterdir()] == ["26.7.3-stable.1"]


def test_another_platform_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(EngineUnavailable, match=r"for linux on riscv64\. Put a `clickhouse` binary"):
        library.find_library()


def test_the_lock_pins_the_engine_by_digest_and_names_no_registry() -> None:
    lock = json.loads((ENGINE / "package-lock.json").read_text())
    wanted = json.loads((ENGINE / "package.json").read_text())["dependencies"]
    packages = {name.removeprefix("node_modules/"): entry for name, entry in lock["packages"].items() if name}
    assert {name: entry["version"] for name, entry in packages.items()} == wanted
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "http" not in json.dumps(lock)
