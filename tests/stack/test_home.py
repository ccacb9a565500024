"""The state folder."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from stack.errors import AlreadyRunning, HomeError
from stack.home import Home, is_locked, locked
from stack.state import PartState, new_state, read_state, running, write_state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_others_cannot_look_into_it(home: Home) -> None:
    assert {mode(path) for path in (home.folder, home.keys, home.logs, home.run, home.clickhouse)} == {0o700}


def test_a_secret_is_made_once_and_is_its_owner_s_alone(home: Home) -> None:
    secret = home.secret("postgres")
    assert len(secret) >= 32
    assert home.secret("postgres") == secret
    assert home.secret("clickhouse") != secret
    assert mode(home.keys / "postgres") == 0o600


def test_a_folder_of_another_version_is_refused_and_left_alone(home: Home) -> None:
    (home.folder / "VERSION").write_text("0\n")
    with pytest.raises(HomeError, match=r"layout 0, this version needs 1\. Name another .* REPORTS_HOME, or remove"):
        home.prepare()
    assert (home.folder / "VERSION").read_text() == "0\n"


def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("…")
    with pytest.raises(HomeError, match="has layout unknown"):
        Home(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))(10 << 30, (10 << 30) - (5 << 20), 5 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(HomeError, match=r"Only 5 MiB are free .* needs 1024\. Free some space, or .* REPORTS_HOME"):
        Home(tmp_path / "home").prepare()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match=r"cannot be used \(Not a directory\)\. Name another with REPORTS_HOME"):
        Home(tmp_path / "file" / "home").prepare()


def test_only_one_holds_the_lock(home: Home) -> None:
    with locked(home):
        assert is_locked(home)
        with pytest.raises(AlreadyRunning), locked(home):
            pass
    assert not is_locked(home)


def test_a_state_is_read_as_it_was_written_and_counts_only_while_its_process_runs(home: Home) -> None:
    state = new_state({"api": 1}, [PartState(name="api", port=1, health="healthy")])
    write_state(home, state)
    assert read_state(home) == state
    assert running(home) == state

    state.born -= 1  # another process had this pid before
    write_state(home, state)
    assert running(home) is None


def test_a_log_that_grew_long_is_put_aside(home: Home) -> None:
    home.log("api").write_bytes(b"x" * ((10 << 20) + 1))
    assert home.fresh_log("api").stat().st_size == 0
    assert [path.name for path in sorted(home.logs.iterdir())] == ["api.log", "api.log.1"]
