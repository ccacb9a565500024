"""compose.yaml, read as a compose implementation reads it, and its commands run without containers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from stack.child import ROOT
from tests.api.world import Issuer
from tests.engines import wait_until

_VARIABLE = re.compile(r"\$\$|\$\{\w+:-([^}]*)\}")


def _read() -> dict[str, Any]:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda found: found[1] or "$", text))
    return read


COMPOSE = _read()
"""The file, where no variable is set."""
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("bionicpro-reports:")]
"""Services that run our image."""


HERE = "127.0.0.1"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in place of the containers: where things are here that the file has elsewhere."""

    folder: Path
    issuer: Issuer
    """Whose keys the API trusts in the place of Keycloak's."""
    moved: Mapping[str, str]
    """Texts of the file, and what they are here."""
    ports: Mapping[str, Mapping[str, int]]
    """By service: ports of the file, and the same here."""
    known: Mapping[str, str]
    """What the image says, and ports of servers, which containers need not be told."""

    def environment(self, name: str) -> dict[str, str]:
        """All that a service is told; nothing of this process."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
        given = SERVICES[name].get("environment", {})
        here = {key: HERE if key.endswith("_HOST") else self._here(name, value) for key, value in given.items()}
        return {"PATH": path, **self.known, **here}

    def run(self, name: str, words: list[str]) -> subprocess.CompletedProcess[str]:
        """A command in the place of a service, to its end."""
        return subprocess.run(
            [self._here(name, word) for word in words],
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def succeed(self, name: str) -> str:
        """The command of a service, which must end well; what it says."""
        done = self.run(name, SERVICES[name]["command"])
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def healthy(self, name: str) -> bool:
        """What a service's health check says."""
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        return kind == "CMD" and self.run(name, words).returncode == 0

    @contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """These services, from when their health checks pass until the block ends."""
        with ExitStack() as opened:
            started = {name: opened.enter_context(self._started(name)) for name in names}
            waiting = set(names)

            def are_well() -> bool:
                for name in list(waiting):
                    assert started[name].poll() is None, (self.folder / f"{name}.log").read_text(encoding="utf-8")
                    waiting.difference_update({name} if self.healthy(name) else ())
                return not waiting

            wait_until(are_well, "every service is healthy")
            yield

    @contextmanager
    def _started(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        command = [self._here(name, word) for word in SERVICES[name]["command"]]
        with (
            (self.folder / f"{name}.log").open("wb") as log,
            subprocess.Popen(
                command, env=self.environment(name), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            ) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()
                process.wait(60)

    def _here(self, name: str, text: str) -> str:
        for there, here in self.moved.items():
            text = text.replace(there, here)
        for there, port in self.ports.get(name, {}).items():
            text = re.sub(rf"\b{there}\b", str(port), text)
        return text
