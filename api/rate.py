"""How much each caller may ask: a bucket of tokens that fills again at an even pace.

Counted is what the application is asked. What is answered from memory costs nothing, and neither does a refused token:
nobody can use up another's share.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from uuid import UUID

import msgspec
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Caller
from api.errors import PROBLEM_JSON, Refused

FILE_COST = 10
"""What a file counts, all but the first of it once it is made: drawing a PDF takes as long as many answers in JSON."""
READERS_TIMES = 10
"""How much larger the share is of whoever may read everyone's reports: it asks on behalf of many."""
CALLERS = 10_000
"""Callers that each process keeps count of; of more, those are forgotten that have not asked for the longest time."""

_WINDOW_S = 60
_JSON = (b"application/json", PROBLEM_JSON.encode())


class TooOften(Refused):
    """The caller asks more than its share."""

    status, kind, title = 429, "too-often", "Too many requests"

    def __init__(self, share: Share) -> None:
        """Tell the caller its share, and when to ask again."""
        super().__init__("You ask more than your share; wait as long as Retry-After says.")
        self._share = share

    def said(self) -> dict[str, str]:
        """Headers of the answer, with the share."""
        return {**super().said(), "Retry-After": str(self._share.wait_s()), **self._share.headers()}


class Share(msgspec.Struct):
    """What a caller may ask in a window of 60 s, and what is left of it: less than nothing after a costly answer."""

    quota: int
    left: float
    at: float
    """When that was left, in seconds of a clock."""

    def fill(self, quota: int, now: float) -> None:
        """Put in what has come since, up to `quota`."""
        self.quota, self.left = quota, min(quota, self.left + (now - self.at) * quota / _WINDOW_S)
        self.at = now

    def take(self, cost: float) -> None:
        """Take `cost`, whether there is as much or not."""
        self.left -= cost

    def wait_s(self) -> int:
        """Whole seconds until there is enough for a request, one at least."""
        return max(1, math.ceil((1 - self.left) * _WINDOW_S / self.quota))

    def headers(self) -> Mapping[str, str]:
        """`RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers-10 has them."""
        full_s = math.ceil((self.quota - self.left) * _WINDOW_S / self.quota)
        return {
            "RateLimit-Policy": f'"caller";q={self.quota};w={_WINDOW_S}',
            "RateLimit": f'"caller";r={max(0, math.floor(self.left))};t={full_s}',
        }


class Shares:
    """The shares of all callers, in one process. For one thread: that of the event loop."""

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, most_callers: int = CALLERS
    ) -> None:
        """Every caller may ask `per_minute`, at once or one by one."""
        self._per_minute = per_minute
        self._clock = clock
        self._most_callers = most_callers
        self._shares: OrderedDict[UUID, Share] = OrderedDict()

    def take(self, caller: Caller) -> Share:
        """The caller's share after one more request. Raises `TooOften` where nothing is left of it."""
        now = self._clock()
        quota = self._per_minute * (READERS_TIMES if caller.reads_all else 1)
        share = self._shares.setdefault(caller.user_uuid, Share(quota, quota, now))
        self._shares.move_to_end(caller.user_uuid)
        if len(self._shares) > self._most_callers:
            self._shares.popitem(last=False)
        share.fill(quota, now)
        if share.left < 1:
            raise TooOften(share)
        share.take(1)
        return share


class Sharing:
    """Middleware behind the one that knows the caller: counts, and tells the caller what is left."""

    def __init__(self, app: ASGIApp, shares: Shares) -> None:
        """Stand before `app`."""
        self._app = app
        self._shares = shares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request answered. Raises `TooOften`."""
        caller = scope.get("user")
        if not isinstance(caller, Caller):
            await self._app(scope, receive, send)
            return
        share = self._shares.take(caller)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                if _is_file(headers):
                    share.take(FILE_COST - 1)
                headers += [(name.lower().encode(), value.encode()) for name, value in share.headers().items()]
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, counted)


def _is_file(headers: list[tuple[bytes, bytes]]) -> bool:
    kinds = [value for name, value in headers if name.lower() == b"content-type"]
    return bool(kinds) and not kinds[0].startswith(_JSON)
