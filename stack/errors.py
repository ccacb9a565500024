"""Every error of the local stack; each message is a sentence that says what to do.

ReportsError
└── StackError
    ├── HomeError          the state folder cannot be used
    ├── AlreadyRunning     a stack runs in this state folder
    ├── NotRunning         no stack runs in this state folder
    ├── PortTaken          something else listens where a part should
    ├── EngineUnavailable  there is no ClickHouse to start
    ├── ServerUnreachable  a server named by the settings did not answer
    ├── PartFailed         a part did not become healthy
    ├── RunFailed          a Dagster run failed, or could not be started
    └── TokenRefused       no token can be signed that the API would take
"""

from __future__ import annotations

from resources.errors import ReportsError


class StackError(ReportsError):
    """The local stack cannot do what was asked."""


class HomeError(StackError):
    """The state folder cannot be used."""


class AlreadyRunning(StackError):
    """A stack runs in this state folder."""


class NotRunning(StackError):
    """No stack runs in this state folder."""


class PortTaken(StackError):
    """Something else listens where a part should."""


class EngineUnavailable(StackError):
    """There is no ClickHouse to start."""


class ServerUnreachable(StackError):
    """A server named by the settings did not answer."""


class PartFailed(StackError):
    """A part did not become healthy."""


class RunFailed(StackError):
    """A Dagster run failed, or could not be started."""


class TokenRefused(StackError):
    """No token can be signed that the API would take."""
