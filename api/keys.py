"""The issuer's public keys: one that the settings hold, or a key set (RFC 7517) at an address or in a file."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import RSAAlgorithm

from resources.errors import SettingsError
from resources.settings import Settings

FETCHES_PER_MINUTE = 2
KEPT_SECONDS = 45
"""After this long a key set is fetched again, so that a key that the issuer took away is not trusted for long."""
TRUSTED_SECONDS = 60
"""After this long it is not trusted at all before it was fetched again, or its fetch has failed."""

_MINUTE = 60.0
_KEY_BITS = 2048
_FETCH_SECONDS = 2.0

_log = logging.getLogger("api")


class Keys(Protocol):
    """Where verification finds its keys."""

    read_at: datetime | None
    """When they were last read, UTC; `None` where they never are."""

    def find(self, kid: str | None) -> RSAPublicKey | None:
        """The key that a token names; `None` where it is not known (now)."""

    def refresh(self) -> None:
        """Look for new keys, where that is possible and not too often. May block."""

    @property
    def known(self) -> bool:
        """Whether there is any key."""


class OneKey:
    """The only key of an issuer, whatever a token calls it."""

    known = True
    read_at: datetime | None = None

    def __init__(self, text: str) -> None:
        """Read a PEM key, or the bare base64 of one. Raises `SettingsError`."""
        pem = text if "-----BEGIN" in text else f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"
        try:
            key = load_pem_public_key(pem.strip().replace("\\n", "\n").encode())
        except (ValueError, UnsupportedAlgorithm):
            raise SettingsError("KEYCLOAK_PUBLIC_KEY is no public key; give PEM, or its base64 alone.") from None
        if not isinstance(key, RSAPublicKey) or key.key_size < _KEY_BITS:
            raise SettingsError(f"KEYCLOAK_PUBLIC_KEY is no RSA key of at least {_KEY_BITS} bits.")
        self._key = key

    def find(self, kid: str | None) -> RSAPublicKey | None:  # noqa: ARG002 - there is only one
        """The key."""
        return self._key

    def refresh(self) -> None:
        """There is nothing to look for."""


class KeySet:
    """Keys by `kid`, read anew when one is unknown or they grow old; the last good ones are kept meanwhile."""

    def __init__(self, read: Callable[[], bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`read` fetches the key set; nothing is fetched yet."""
        self._read = read
        self._clock = clock
        self.read_at: datetime | None = None
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched: deque[float] = deque(maxlen=FETCHES_PER_MINUTE)
        self._fetches = 0
        self._seen_at: float | None = None
        self._fetching = threading.Lock()

    @property
    def known(self) -> bool:
        """Whether a key set was ever read."""
        return bool(self._keys)

    def find(self, kid: str | None) -> RSAPublicKey | None:
        """The key of this `kid`, the very same object as long as the issuer has it.

        An old key set still answers, and is fetched again behind the caller's back; one that is too old does not.
        """
        if self._seen_at is None:
            return None
        age_s = self._clock() - self._seen_at
        if age_s > KEPT_SECONDS and self._may_fetch() and not self._fetching.locked():
            threading.Thread(target=self.refresh, name="keys", daemon=True).start()
        return self._keys.get(kid) if kid is not None and age_s <= TRUSTED_SECONDS else None

    def refresh(self) -> None:
        """Fetch the key set, one at a time; whoever waited for another's fetch makes do with that one."""
        fetches = self._fetches
        with self._fetching:
            if fetches == self._fetches and self._may_fetch():
                began = self._clock()
                self._fetched.append(began)
                self._fetches += 1
                self._fetch()
                self._seen_at = began

    def _may_fetch(self) -> bool:
        return len(self._fetched) < FETCHES_PER_MINUTE or self._clock() - self._fetched[0] >= _MINUTE

    def _fetch(self) -> None:
        try:
            found = parse_key_set(self._read())
        except (OSError, httpx.HTTPError, ValueError, RecursionError) as error:
            _log.warning("the issuer's keys cannot be read: %s; the last good ones are kept", type(error).__name__)
        else:
            self.read_at = datetime.now(UTC)
            self._keys = {kid: kept if (kept := self._keys.get(kid)) == key else key for kid, key in found.items()}


def parse_key_set(text: bytes) -> dict[str, RSAPublicKey]:
    """RS256 keys of a JWKS by `kid`; other kinds are passed over. Raises `ValueError` where none is left."""
    document = json.loads(text)
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = {}
    for entry in entries if isinstance(entries, list) else []:
        key = _rs256_key(entry)
        if key is not None:
            keys[entry["kid"]] = key
    if not keys:
        raise ValueError("no RS256 key in the key set")
    return keys


def read_keys(settings: Settings) -> Keys:
    """Where the settings say that the issuer's keys are. Raises `SettingsError`."""
    if not settings.reports_jwks and not settings.keycloak_public_key:
        raise SettingsError(
            "No keys to verify tokens with: set REPORTS_JWKS to the issuer's key set (an address or a file), or"
            " KEYCLOAK_PUBLIC_KEY to its public key."
        )
    if not settings.reports_token_issuer:
        raise SettingsError("REPORTS_TOKEN_ISSUER is not set; set it to the `iss` that tokens bear.")
    if not settings.reports_jwks:
        return OneKey(settings.keycloak_public_key)
    return KeySet(reader_of(settings.reports_jwks))


def reader_of(address: str) -> Callable[[], bytes]:
    """What reads the key set at `address`, an http(s) address or a file."""
    if address.startswith(("http://", "https://")):
        return lambda: fetch(address)
    return Path(address).read_bytes


def fetch(address: str) -> bytes:
    """The body at `address`, and nowhere else: redirects are not followed, nor proxies of the environment used."""
    with httpx.Client(timeout=_FETCH_SECONDS, trust_env=False) as client:
        return client.get(address).raise_for_status().content


def _rs256_key(entry: object) -> RSAPublicKey | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("kty") != "RSA":
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    try:
        key = RSAAlgorithm.from_jwk(entry)
    except (jwt.InvalidKeyError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _KEY_BITS else None
