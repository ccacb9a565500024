"""Layers point one way: sql ← resources ← {assets | api} ← stack."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    "resources": {"assets", "api", "stack", "bench", "tests"},
    "assets": {"api", "stack", "bench", "tests"},
    "api": {"assets", "stack", "bench", "tests", "dagster", "polars"},
    "stack": {"bench", "tests"},
}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_from_above(layer: str) -> None:
    for path in (ROOT / layer).rglob("*.py"):
        tops = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops.add((node.module or "").split(".")[0])
        assert not tops & FORBIDDEN[layer], path


def test_the_api_never_loads_dagster() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, api.app; print('dagster' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "False\n"


def test_only_one_file_of_the_resources_imports_dagster() -> None:
    importing = [
        path.name for path in (ROOT / "resources").glob("*.py") if "import dagster" in path.read_text(encoding="utf-8")
    ]
    assert importing == ["dagster.py"]
