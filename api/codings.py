"""Which coding of a body a caller takes (`Accept-Encoding`, RFC 9110, section 12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

ZSTD, GZIP, IDENTITY = "zstd", "gzip", "identity"
_PREFERRED = (ZSTD, GZIP, IDENTITY)
"""The first is taken where a caller likes several alike."""
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
_MOST_BYTES = 1024


class Coding(msgspec.Struct, frozen=True):
    """What a caller takes best. Where `required`, not even small bodies may be sent as they are; none is taken at all
    where that is said of `identity`.
    """

    name: str
    required: bool = False


_PLAIN = Coding(IDENTITY)


def coding_for(headers: Iterable[tuple[bytes, bytes]]) -> Coding:
    """The coding for a request with these headers: there are six of them, whatever callers send."""
    given = [value for name, value in headers if name == b"accept-encoding"]
    if not given:
        return _PLAIN
    return _PLAIN if sum(map(len, given)) > _MOST_BYTES else _chosen(b",".join(given))


@lru_cache(512)
def _chosen(accepted: bytes) -> Coding:
    qualities: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        weights = [word.removeprefix("q=") for word in parameters if word.startswith("q=")] or ["1"]
        if name and _QUALITY.fullmatch(weights[0]):
            qualities.setdefault("gzip" if name == "x-gzip" else name, float(weights[0]))
    # Without a word about it, what is sent as it is stands behind all that is asked for.
    others = {ZSTD: qualities.get("*", 0.0), GZIP: qualities.get("*", 0.0), IDENTITY: qualities.get("*", 0.0005)}
    liked = {name: qualities.get(name, others[name]) for name in _PREFERRED}
    best = max(_PREFERRED, key=liked.__getitem__)
    return Coding(best, required=liked[IDENTITY] == 0) if liked[best] else Coding(IDENTITY, required=True)
