"""Whether what runs in this container is well: `python -m stack.healthy ADDRESS | code PORT | daemon`.

Dagster's own checks ask the same and import Dagster for it, which takes two seconds of a core each time.
"""

from __future__ import annotations

import os
import sys
import time

from resources.settings import read_settings
from stack import probes
from stack.parts import Probe

_BEAT_S = 120
"""Dagster's daemon writes a heartbeat every 30 seconds."""


def main() -> None:
    """Exit with 0, or say what is wrong."""
    if trouble := _probe(sys.argv[1:])(time.time() - _BEAT_S):
        raise SystemExit(trouble)


def _probe(arguments: list[str]) -> Probe:
    match arguments:
        case ["daemon"]:
            return probes.daemon(read_settings(os.environ).dagster_database_url)
        case ["code", port]:
            return probes.code_server(int(port))
        case [address]:
            return probes.http(address)
    raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
