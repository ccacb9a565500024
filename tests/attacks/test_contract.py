"""schemathesis makes requests of the OpenAPI document, good and bad, and holds every answer of the server against it.

SCHEMATHESIS_EXAMPLES=1000 makes it longer: so many of each route.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.attacks.crowd import Person
from tests.attacks.wire import Server

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "20")


def test_the_server_does_what_its_document_says_and_nothing_else(
    served: Server, crowd: list[Person], bearer: Callable[..., str], tmp_path: Path
) -> None:
    everyone = bearer(crowd[0], "reports-reader", "reports-manager", "reports-admin")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"http://127.0.0.1:{served.port}/schema/openapi.json", "--checks=all", "--seed=1", "-H", everyone]
    command += ["--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}", "--generation-database=none"]
    # A slow machine is no failure.
    command += ["--suppress-health-check=all", "--continue-on-failure", "--no-color"]

    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.attacks.contract_checks",
            "PYTHONPATH": str(HERE.parent.parent),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 15" in done.stdout, "a route is missing from what was tested, or new: say so here"
