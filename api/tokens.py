"""Tokens that were verified, remembered by their digest: verifying the same one again would find the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api.keys import Keys

if TYPE_CHECKING:
    from api.auth import Caller

MOST_TOKENS = 10_000

_CANONICAL = b"Bearer "


class _Verified(msgspec.Struct, frozen=True):
    caller: Caller
    kid: str | None
    key: RSAPublicKey
    until: float


class Tokens:
    """Callers by the `Authorization` header of a token that was verified; for one thread."""

    def __init__(
        self, keys: Keys, *, remembered_s: float, most: int = MOST_TOKENS, now: Callable[[], float] = time.time
    ) -> None:
        """Remember at most `most`, none for longer than `remembered_s`; `now` is in seconds since 1970."""
        self._keys = keys
        self._remembered_s = remembered_s
        self._most = most
        self._now = now
        self._verified: dict[bytes, _Verified] = {}

    def caller_of(self, authorization: bytes) -> Caller | None:
        """Whom this header speaks for, if its token was verified, lives, and the issuer still has its key."""
        digest = _digest(authorization)
        found = self._verified.get(digest)
        if found is None:
            return None
        if self._now() < found.until and self._keys.find(found.kid) is found.key:
            return found.caller
        del self._verified[digest]
        return None

    def remember(self, text: str, caller: Caller, *, kid: str | None, key: RSAPublicKey, dies_at: float) -> None:
        """Remember that `key` verified the token `text`, which is taken until `dies_at` (seconds since 1970)."""
        until = min(dies_at, self._now() + self._remembered_s)
        if self._remembered_s:
            self._verified.setdefault(
                _digest(_CANONICAL + text.encode()), _Verified(caller=caller, kid=kid, key=key, until=until)
            )
        if len(self._verified) > self._most:
            del self._verified[next(iter(self._verified))]

    def __len__(self) -> int:
        return len(self._verified)


def _digest(authorization: bytes) -> bytes:
    """Instead of the header: a token is up to 8 KiB long, and is kept nowhere."""
    return blake2b(authorization, digest_size=32).digest()
