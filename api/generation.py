"""Generations of answers: as long as the number stays, the same question has the same answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from api.follower import Follower
from api.freshness import Judge
from resources.freshness import State

TRUSTED_SECONDS = 3.0
"""What is held of the warehouse is trusted for this long after it was last looked at with success."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class Generations:
    """Numbers the moments since which nothing changed of what answers are made from: publications, and states.

    `now` is for one thread.
    """

    def __init__(self, follower: Follower, judge: Judge, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Number what `follower` holds, in the states that `judge` finds it in."""
        self._follower = follower
        self._judge = judge
        self._clock = clock
        self._number = 0
        self._made_from: tuple[int, tuple[State, ...]] | None = None
        self._seen_changes = -1
        self._since, self._until = _NEVER, _NEVER

    @property
    def trusted(self) -> bool:
        """Whether what is held is known to be current, give or take the follower's second."""
        seen_at = self._follower.seen_at
        return seen_at is not None and self._clock() - seen_at <= TRUSTED_SECONDS

    @property
    def changes(self) -> int:
        """Grows with every change of what is held; unlike the number, also where no answer is another for it now."""
        return self._follower.changes

    def now(self) -> int | None:
        """The number of this moment; `None` where what is held may have been superseded unseen."""
        if not self.trusted:
            return None
        moment, changes = self._judge.now(), self._follower.changes
        if changes != self._seen_changes or not self._since <= moment <= self._until:
            self._judge_anew(moment, changes)
        return self._number

    def _judge_anew(self, moment: datetime, changes: int) -> None:
        version, complete = self._follower.version, self._follower.complete
        made_from = version, self._judge.states(complete, moment)
        if made_from != self._made_from:
            self._number += 1
            self._made_from = made_from
        self._seen_changes = changes
        self._since, self._until = moment, self._next_flip(complete, moment)

    def _next_flip(self, complete: Mapping[str, datetime], moment: datetime) -> datetime:
        """The last instant at which every mart still is in the state that it is in at `moment`."""
        return min((flip for flip in self._judge.flips(complete) if flip >= moment), default=_NEVER)
