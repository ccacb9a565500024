"""SQL files: one statement each, opened by a comment, their parameters checked before they are sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resources.sql import ROOT, statement

FILES = sorted(ROOT.rglob("*.sql"))
NAMES = [str(path.relative_to(ROOT).with_suffix("")) for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_opens_with_a_comment_and_holds_one_statement(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    body = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    assert ";" not in re.sub(r"'[^']*'", "", "".join(body))
    assert any(line.strip() for line in body)


def test_a_missing_or_unknown_parameter_is_named_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match=r"sql/reads/owners\.sql takes \['owners'\], was given \['owner'\]"):
        statement("reads/owners").check({"owner": 1})


def test_an_insert_tells_its_columns() -> None:
    assert statement("builds/prosthesis_owners").columns[:3] == ("chip_id", "valid_from", "valid_to")
