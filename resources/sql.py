"""SQL lives in `sql/`, one statement a file; this reads it and holds given parameters against declared ones."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parent.parent / "sql"

_PARAMETER = re.compile(r"\{(\w+):[^}]+\}")
_INSERTED = re.compile(r"^INSERT INTO \w+ \(([^)]+)\)\s(?:VALUES$|SELECT \* FROM input\()", re.MULTILINE)


class Statement(msgspec.Struct, frozen=True):
    """One SQL statement, the parameters that its text declares as `{name:Type}`, and the columns an INSERT names."""

    name: str
    text: str
    parameters: frozenset[str]
    columns: tuple[str, ...]

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return `given` as it is; raises `TypeError` where its names are not the declared ones."""
        if given.keys() != self.parameters:
            raise TypeError(f"sql/{self.name}.sql takes {sorted(self.parameters)}, was given {sorted(given)}")
        return given


@cache
def statement(name: str) -> Statement:
    """The statement in `sql/{name}.sql`."""
    text = (ROOT / f"{name}.sql").read_text(encoding="utf-8")
    inserted = _INSERTED.search(text)
    return Statement(
        name=name,
        text=text,
        parameters=frozenset(_PARAMETER.findall(text)),
        columns=tuple(inserted[1].replace(",", " ").split()) if inserted else (),
    )
