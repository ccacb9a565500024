"""Settings come from the environment, once; what is wrong with them is said in one sentence that shows no secret."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from resources.errors import SettingsError
from resources.secret_files import FILES, SECRETS
from resources.settings import SYNONYMS, VARIABLES, Settings, read_settings

ROOT = Path(__file__).parent.parent.parent


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read_settings({"CLICKHOUSE_PORT": ""}) == Settings()


def test_values_are_converted_to_the_type_of_their_field() -> None:
    settings = read_settings(
        {"CLICKHOUSE_PORT": "9440", "REPORTS_FIRST_DAY": "2025-03-01", "CLICKHOUSE_PASSWORD": "007"}
    )
    assert settings.clickhouse_port == 9440
    assert settings.reports_first_day == date(2025, 3, 1)
    assert settings.clickhouse_password == "007"


def test_every_malformed_and_unknown_variable_is_named_at_once() -> None:
    environ = {"CLICKHOUSE_PORT": "many", "REPORTS_FIRST_DAY": "2025-02-30", "REPORTS_NO_SUCH": "1", "HOME": "/"}
    with pytest.raises(SettingsError) as error:
        read_settings(environ)
    assert "REPORTS_NO_SUCH is not a setting" in str(error.value)
    assert "CLICKHOUSE_PORT" in str(error.value)
    assert "REPORTS_FIRST_DAY" in str(error.value)
    assert "HOME" not in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CLICKHOUSE_PORT", "0"),
        ("CLICKHOUSE_PORT", "65536"),
        ("REPORTS_RESPONSE_LIMIT_MS", "-1"),
        ("REPORTS_RESPONSE_LIMIT_MS", "nan"),
        ("REPORTS_FIRST_DAY", "1969-12-31"),
        ("REPORTS_COLLECT_AFTER_SECONDS", "-1"),
        ("REPORTS_CACHE_TTL", "-1"),
        ("REPORTS_CACHE_TTL", "a minute"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        read_settings({variable: value})


def test_the_example_file_names_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {found[1]: found[2] for line in lines if (found := re.fullmatch(r"#?\s?([A-Z_]+)=(.*)", line))}
    defaults = {variable: str(getattr(Settings(), field)) for variable, field in VARIABLES.items()}
    assert named == defaults | dict.fromkeys(SYNONYMS, "")
    assert set(re.findall(r"[A-Z_]+_FILE", "\n".join(lines))) == set(FILES)


def test_one_address_stands_for_the_whole_warehouse() -> None:
    read = read_settings({"REPORTS_DATABASE_URL": "clickhouse://analyst:p%40ss@warehouse.example:9440/marts"})
    assert read == Settings(
        clickhouse_host="warehouse.example",
        clickhouse_port=9440,
        clickhouse_database="marts",
        clickhouse_user="analyst",
        clickhouse_password="p@ss",
    )


def test_what_an_address_leaves_out_is_said_by_the_other_variables() -> None:
    given = {"REPORTS_DATABASE_URL": "clickhouse://warehouse.example", "CLICKHOUSE_PASSWORD": "hunter2"}
    read = read_settings(given | {"REPORTS_SCHEMA": "marts"})
    assert read == Settings(
        clickhouse_host="warehouse.example", clickhouse_password="hunter2", clickhouse_database="marts"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"REPORTS_DATABASE_URL": "clickhouse://a.example"}, {"CLICKHOUSE_HOST": "b.example"}),
        ({"REPORTS_DATABASE_URL": "clickhouse://u:hunter2@a.example"}, {"CLICKHOUSE_PASSWORD": "hunter3"}),
        ({"REPORTS_DATABASE_URL": "clickhouse://a.example/marts"}, {"REPORTS_SCHEMA": "reports"}),
        ({"REPORTS_SCHEMA": "marts"}, {"CLICKHOUSE_DATABASE": "reports"}),
    ],
)
def test_names_that_contradict_each_other_are_both_named(one: dict[str, str], other: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(one | other)
    assert {*one, *other} <= set(re.findall(r"[A-Z_]{5,}", str(error.value)))
    assert "hunter" not in str(error.value)


def test_names_that_agree_are_one() -> None:
    given = {"REPORTS_DATABASE_URL": "clickhouse://a.example:9000/marts", "REPORTS_SCHEMA": "marts"}
    read = read_settings(given | {"CLICKHOUSE_HOST": "a.example", "CLICKHOUSE_PORT": "9000"})
    assert read == Settings(clickhouse_host="a.example", clickhouse_database="marts")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:hunter2@h/reports",
        "clickhouse://",
        "clickhouse://u:hunter2/x@h:9000/db",
        "clickhouse://u:hunter2@h:nine/db",
        "clickhouse://u:hunter2@h:0/db",
        "clickhouse://u:hunter2@h/db?secure=1",
        "hunter2",
    ],
)
def test_a_malformed_address_is_named_and_not_shown(address: str) -> None:
    with pytest.raises(SettingsError, match="REPORTS_DATABASE_URL: Expected clickhouse://") as error:
        read_settings({"REPORTS_DATABASE_URL": address})
    assert "hunter2" not in str(error.value)


def test_settings_that_are_shown_by_accident_hide_what_is_secret() -> None:
    shown = repr(Settings(clickhouse_password="hunter2", crm_database_url="postgresql://u:hunter2@h/crm"))
    assert "hunter2" not in shown


def test_every_secret_may_come_from_a_file() -> None:
    secret = re.compile(r".*(_PASSWORD|_DATABASE_URL|_TOKEN)")
    assert sorted(SECRETS) == sorted(filter(secret.fullmatch, [*VARIABLES, *SYNONYMS]))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_holds_what_its_variable_would_say(tmp_path: Path, end: str) -> None:
    (tmp_path / "url").write_bytes(b"clickhouse://loader:p%40ss@a.example:9440/marts" + end.encode())
    (tmp_path / "token").write_bytes(b" t\nn" + end.encode())
    given = {"REPORTS_DATABASE_URL_FILE": str(tmp_path / "url"), "REPORTS_METRICS_TOKEN_FILE": str(tmp_path / "token")}
    read = read_settings(given)
    assert (read.clickhouse_user, read.clickhouse_password) == ("loader", "p@ss")
    assert read.reports_metrics_token == " t\nn"


def test_files_that_hold_no_secret_are_named_at_once_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"hunter2\xff")
    (tmp_path / "good").write_bytes(b"hunter2")
    given = {
        "CLICKHOUSE_PASSWORD": "hunter3",
        "CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "good"),
        "CLICKHOUSE_READER_PASSWORD_FILE": str(tmp_path / "binary"),
        "CRM_DATABASE_URL_FILE": str(tmp_path / "empty"),
        "TELEMETRY_DATABASE_URL_FILE": str(tmp_path / "nowhere"),
        "DAGSTER_DATABASE_URL_FILE": str(tmp_path),
    }
    with pytest.raises(SettingsError) as error:
        read_settings(given)
    said = str(error.value)
    assert "CLICKHOUSE_PASSWORD and CLICKHOUSE_PASSWORD_FILE are both given; set one of them" in said
    assert "CLICKHOUSE_READER_PASSWORD_FILE names a file that holds no UTF-8" in said
    assert "CRM_DATABASE_URL_FILE names an empty file" in said
    assert "TELEMETRY_DATABASE_URL_FILE names a file that cannot be read (No such file or directory)" in said
    assert "DAGSTER_DATABASE_URL_FILE names a file that cannot be read (Is a directory)" in said
    assert "hunter" not in said
