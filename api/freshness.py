"""How fresh an answer is: by the declared windows, judged anew whenever one is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from resources.freshness import WINDOWS, State, state
from resources.settings import Settings

Clock = Callable[[], datetime]

_ORDER = list(State)


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class Judge:
    """Tells how fresh marts are, of which it is known when they were last complete."""

    def __init__(self, settings: Settings, now: Clock) -> None:
        """Widen the windows as the settings ask for."""
        self.now = now
        self.windows = {mart: window.times(settings.reports_freshness_factor) for mart, window in WINDOWS.items()}

    def state(self, complete: Mapping[str, datetime], *marts: str) -> State:
        """The worst state that any of `marts` is in."""
        now = self.now()
        return max((state(self.windows[mart], complete.get(mart), now) for mart in marts), key=_ORDER.index)

    def states(self, complete: Mapping[str, datetime], moment: datetime) -> tuple[State, ...]:
        """The state of every mart at `moment`."""
        return tuple(state(window, complete.get(mart), moment) for mart, window in self.windows.items())

    def flips(self, complete: Mapping[str, datetime]) -> Iterator[datetime]:
        """The last instants at which marts that were complete then are fresh, and at which they are late."""
        for mart, at in complete.items():
            if mart in self.windows:
                yield at + self.windows[mart].late_after
                yield at + self.windows[mart].stale_after
