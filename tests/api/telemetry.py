"""A few events of Ada's, and the marts of all three levels made from them, each naming the builds below it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from tests.api.world import ADA, Marts, worn


class Event(NamedTuple):
    """One movement."""

    at: datetime
    prosthesis: str
    duration_ms: int
    frequency_hz: int
    amplitude: float

    @property
    def kind(self) -> str:
        """The type of the prosthesis."""
        return self.prosthesis.partition("-")[0]


def publish(marts: Marts, events: list[Event], midnight: datetime) -> None:
    """Publish the day that begins at `midnight`: those of `events` that lie in it."""
    ids = count(1)
    builds = []
    for hour in (midnight + timedelta(hours=number) for number in range(24)):
        inside = [event for event in events if hour <= event.at < hour + timedelta(hours=1)]
        build = marts.events(hour, [raw(event, next(ids)) for event in inside])
        builds.append(marts.hour(hour, _sums(inside), inputs=(build, 0)))
    whole = [event for event in events if midnight <= event.at < midnight + timedelta(days=1)]
    marts.day(midnight.date(), _sums(whole), inputs=tuple(builds))


def raw(event: Event, number: int) -> dict[str, Any]:
    """The event as a row."""
    return {
        "id": number,
        "user_id": ADA,
        "prosthesis_id": event.prosthesis,
        "prosthesis_type": event.kind,
        "event_time": event.at.replace(tzinfo=None),
        "signal_duration": event.duration_ms,
        "signal_frequency": event.frequency_hz,
        "signal_amplitude": event.amplitude,
    }


def _sums(events: list[Event]) -> list[dict[str, Any]]:
    by_prosthesis: dict[str, list[Event]] = {}
    for event in events:
        by_prosthesis.setdefault(event.prosthesis, []).append(event)
    return [
        worn(
            prosthesis,
            prosthesis,
            sorted({event.at.hour for event in own}),
            len(own),
            prosthesis_type=own[0].kind,
            signal_duration_ms_sum=sum(event.duration_ms for event in own),
            signal_frequency_hz_sum=sum(event.frequency_hz for event in own),
            amplitude_sum=sum(event.amplitude for event in own),
        )
        for prosthesis, own in by_prosthesis.items()
    ]
