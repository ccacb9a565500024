"""What a run is told, and what it tells; sent through a pipe between the nursery's children and whoever kills them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from resources.settings import Settings

Moment = Literal["before", "during", "after"]


class Stop(msgspec.Struct, frozen=True):
    """Where a run stops and waits; `during` tells when the step begins, and does not wait."""

    step: int
    moment: Moment


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A program over days `[since, until)`, and what it may remove: builds superseded before an instant (UTC)."""

    settings: Settings
    program: str
    since: date
    until: date
    superseded_before: datetime
    stop: Stop | None = None


class Step(msgspec.Struct, frozen=True):
    """One call of a run, and how long it took."""

    kind: str
    name: str
    seconds: float = 0.0


class Reached(msgspec.Struct, frozen=True):
    """The run is at its stop."""

    step: Step


class Ended(msgspec.Struct, frozen=True):
    """The run ended, well where there is no `error`; `clear` says that the error is one of the system's own."""

    steps: list[Step]
    error: str = ""
    clear: bool = True
