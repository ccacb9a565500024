"""`reports up` in an empty folder, the engine library in the cache already, to the first report"""

from __future__ import annotations

import shlex
import subprocess
import time

from bench import stacks


def measure() -> dict[str, float]:
    """Seconds from the command to its return, and on to the answer of the `curl` line that it printed."""
    with stacks.home():
        began = time.monotonic()
        printed = stacks.reports("up", "--detach", *stacks.PORTS)
        up_s = time.monotonic() - began
        try:
            curl = next(line for line in printed.splitlines() if line.startswith("curl "))
            command = shlex.split(curl)
            body = subprocess.run([*command, "--silent", "--fail"], check=True, stdout=subprocess.PIPE).stdout
            first_report_s = time.monotonic() - began
        finally:
            stacks.reports("down")
    return {"up_s": round(up_s, 1), "first_report_s": round(first_report_s, 1), "bytes_of_the_report": len(body)}
