"""The first packet of the native protocol."""

from __future__ import annotations

import pytest

from stack.hello import Hello, NotHello, parse, refusal

_HELLO = b"\x00\x04test\x01\x02\xb2\xa9\x03\x07reports\x05alice\x06secret"


def test_a_hello_says_who_connects_to_what() -> None:
    assert parse(_HELLO) == Hello("reports", "alice", "secret")


def test_no_part_of_a_hello_is_taken_for_a_whole_one() -> None:
    assert [parse(_HELLO[:length]) for length in range(len(_HELLO))] == [None] * len(_HELLO)


def test_what_follows_the_hello_is_not_looked_at() -> None:
    assert parse(_HELLO + b"\x00\xff") == Hello("reports", "alice", "secret")


@pytest.mark.parametrize(
    "received",
    [b"GET /", b"\x01", b"\x00\xff\xff\xff\xff\x7f", b"\x00" + b"\x80" * 20, b"\x00\x02\xff\xfe" + b"\x00" * 9],
    ids=["http", "another packet", "a huge name", "an endless number", "not UTF-8"],
)
def test_other_bytes_are_no_hello(received: bytes) -> None:
    with pytest.raises(NotHello):
        parse(received)


def test_a_refusal_is_an_exception_packet() -> None:
    assert refusal(516, "No.") == b"\x02\x04\x02\x00\x00\x0dDB::Exception\x12DB::Exception: No.\x00\x00"
