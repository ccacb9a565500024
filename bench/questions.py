"""What `bench api` asks: the bytes of requests, and that both sides answer the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx

from bench import wearers
from bench.servers import World

_PERIOD = timedelta(days=29)
_READ, _HELD = 10_000, 500


def requests(world: World, paths: Iterator[str], more: str = "") -> Iterator[bytes]:
    """The same request is made once only."""
    last: tuple[str, bytes] = ("", b"")
    for path in paths:
        if path != last[0]:
            last = path, _request(world, path, more)
        yield last[1]


def _request(world: World, path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {world.token}\r\n{more}\r\n".encode()


def cold_paths() -> Iterator[str]:
    """Reports no two of which are the same: every wearer's, of 30 days that end on one day, then on the day before."""
    while True:
        for back in range(wearers.DAYS - 30):
            last = wearers.LAST_DAY - timedelta(days=back)
            for user_id in range(1, wearers.WEARERS + 1):
                yield f"/reports/{user_id}?from={last - _PERIOD}&to={last}"


def distinct(world: World, count: int) -> Iterator[bytes]:
    """Requests that are all answered, and all of which are another one to the memory.

    The first read the reports of all wearers, which fills what is remembered of bodies; the others are of wearers whose
    bodies are remembered, because a million questions to the warehouse would take an hour and change nothing.
    """
    for number in range(count):
        path = f"/reports/{1 + number % (wearers.WEARERS if number < _READ else _HELD)}"
        yield _request(world, path, f"Accept: application/json;n={number}\r\n")


def get(world: World, port: int, path: str) -> httpx.Response:
    """The answer to a GET with the token."""
    address = f"http://127.0.0.1:{port}{path}"
    headers = {"Authorization": f"Bearer {world.token}", "Accept-Encoding": "identity"}
    return httpx.get(address, headers=headers, trust_env=False, timeout=30)


def agree(world: World, own: int, port: int) -> None:
    """Fail where the peer at `port` has other figures than the API at `own`."""
    path = f"/reports/5?from={wearers.LAST_DAY - _PERIOD}&to={wearers.LAST_DAY}"
    ours = get(world, own, path).raise_for_status().json()
    theirs = get(world, port, path).raise_for_status().json()
    pairs = zip([*ours["reports"], ours["summary"]], [*theirs["reports"], theirs["summary"]], strict=True)
    for ours_of, theirs_of in pairs:
        for name, value in theirs_of.items():
            if not _same(value, ours_of[name]):
                raise ValueError(f"The peer has another {name} than the API.")


def _same(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, list):
        return all(_same(a[name], b[name]) for a, b in zip(theirs, ours, strict=True) for name in a)
    return math.isclose(theirs, ours) if isinstance(theirs, float) else bool(theirs == ours)
