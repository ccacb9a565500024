"""Secrets in files: `NAME_FILE` names the file that holds what `NAME` would say, as a container's secrets are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SECRETS = (
    "CLICKHOUSE_PASSWORD",
    "CLICKHOUSE_READER_PASSWORD",
    "REPORTS_DATABASE_URL",
    "CRM_DATABASE_URL",
    "TELEMETRY_DATABASE_URL",
    "DAGSTER_DATABASE_URL",
    "REPORTS_METRICS_TOKEN",
)
FILES: Mapping[str, str] = {f"{name}_FILE": name for name in SECRETS}
"""The variables that name files, and for which they stand."""


def told(given: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """`given` with what the files hold in place of their names; what is wrong with them is added to `problems`.

    Line breaks at a file's end are not part of the secret: editors and `echo` leave one.
    """
    known = {name: value for name, value in given.items() if name not in FILES}
    for variable, name in FILES.items():
        if variable not in given:
            continue
        if name in given:
            problems.append(f"{name} and {variable} are both given; set one of them")
            continue
        try:
            known[name] = _read(given[variable])
        except ValueError as error:
            problems.append(f"{variable} {error}")
    return known


def _read(path: str) -> str:
    try:
        secret = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        # Its message would show a part of the secret.
        raise ValueError("names a file that holds no UTF-8") from None
    if not secret:
        raise ValueError("names an empty file")
    return secret
