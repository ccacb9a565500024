"""The first packet of ClickHouse's native protocol: who connects, and the answer to whoever may not."""

from __future__ import annotations

import msgspec

_MOST_BYTES = 16 << 10
_EXCEPTION = 2
UNKNOWN_DATABASE = 81
AUTHENTICATION_FAILED = 516


class NotHello(Exception):
    """These bytes cannot begin a conversation in the native protocol."""


class Hello(msgspec.Struct, frozen=True):
    """Who connects to what."""

    database: str
    user: str
    password: str


def parse(received: bytes) -> Hello | None:
    """The client's hello, or none where more bytes are needed. Raises `NotHello`."""
    if len(received) > _MOST_BYTES or received[:1] not in {b"", b"\0"}:
        raise NotHello
    reader = _Reader(received)
    try:
        reader.number()  # the packet's kind
        reader.text()  # the client's name
        for _ in ("major", "minor", "revision"):
            reader.number()
        return Hello(reader.text(), reader.text(), reader.text())
    except IndexError:
        return None
    except UnicodeDecodeError as error:
        raise NotHello from error


def refusal(code: int, message: str) -> bytes:
    """An exception packet, as a server answers a hello that it does not accept."""
    texts = ("DB::Exception", f"DB::Exception: {message}", "")
    return bytes([_EXCEPTION]) + code.to_bytes(4, "little") + b"".join(map(_text, texts)) + b"\0"


class _Reader:
    def __init__(self, received: bytes) -> None:
        self._received = received
        self._at = 0

    def number(self) -> int:
        """A variable-length number: seven bits a byte, the lowest first."""
        value, shift = 0, 0
        while True:
            byte = self._received[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise NotHello

    def text(self) -> str:
        length = self.number()
        if length > _MOST_BYTES:
            raise NotHello
        end = self._at + length
        if end > len(self._received):
            raise IndexError
        start, self._at = self._at, end
        return self._received[start:end].decode()


def _text(value: str) -> bytes:
    encoded = value.encode()
    length, prefix = len(encoded), bytearray()
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(prefix) + bytes([length]) + encoded
