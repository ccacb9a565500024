"""Tokens that were verified are remembered: until they die, while the issuer has their key, and not too many."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api.auth import LEEWAY_SECONDS, Caller
from api.keys import KEPT_SECONDS, TRUSTED_SECONDS, KeySet
from api.tokens import Tokens
from tests.api.world import ADA_UUID, BOB_UUID, Issuer
from tests.engines import wait_until

ADA = Caller(user_uuid=ADA_UUID)
DAY = 86_400.0


class World:
    """A key set whose content can change, the memory of tokens verified with it, and a clock for both."""

    def __init__(self, issuer: Issuer, **options: Any) -> None:
        self.now = 1_000_000.0
        self.content = issuer.key_set()
        self.fetches = 0
        self.keys = KeySet(self.read, clock=lambda: self.now)
        self.keys.refresh()
        self.tokens = Tokens(self.keys, now=lambda: self.now, **{"remembered_s": DAY, **options})

    def read(self) -> bytes:
        self.fetches += 1
        return self.content

    def key(self) -> RSAPublicKey:
        key = self.keys.find("first")
        assert key is not None
        return key

    def remember(self, text: str = "a.b.c", caller: Caller = ADA, *, lives_s: float = 300) -> None:
        dies_at = self.now + lives_s + LEEWAY_SECONDS
        self.tokens.remember(text, caller, kid="first", key=self.key(), dies_at=dies_at)

    def caller_of(self, text: str = "a.b.c") -> Caller | None:
        return self.tokens.caller_of(b"Bearer " + text.encode())


@pytest.fixture
def world(issuer: Issuer) -> World:
    return World(issuer)


def test_a_token_that_was_verified_is_known_and_no_other(world: World) -> None:
    world.remember()

    assert world.caller_of() == ADA
    assert world.caller_of("a.b.d") is None
    assert world.tokens.caller_of(b"a.b.c") is None
    assert world.tokens.caller_of(b"") is None


def test_a_token_dies_when_it_expires_with_the_same_leeway_as_when_it_was_verified(world: World) -> None:
    world.remember(lives_s=20)

    world.now += 20 + LEEWAY_SECONDS - 1
    assert world.caller_of() == ADA
    world.now += 1
    assert world.caller_of() is None
    assert len(world.tokens) == 0


def test_nothing_is_remembered_longer_than_the_setting_says(issuer: Issuer) -> None:
    world = World(issuer, remembered_s=60)
    world.remember(lives_s=3600)

    world.now += 59
    assert world.caller_of() == ADA
    world.now += 1
    assert world.caller_of() is None


def test_no_token_is_remembered_where_the_setting_says_so(issuer: Issuer) -> None:
    world = World(issuer, remembered_s=0)
    world.remember()

    assert (world.caller_of(), len(world.tokens)) == (None, 0)


def test_only_so_many_are_remembered_the_newest(issuer: Issuer) -> None:
    world = World(issuer, most=100)

    for number in range(1000):
        world.remember(f"a.b.{number}", Caller(user_uuid=UUID(int=number)))

    assert len(world.tokens) == 100
    assert world.caller_of("a.b.899") is None
    assert [world.caller_of(f"a.b.{number}") for number in range(900, 1000)] == [
        Caller(user_uuid=UUID(int=number)) for number in range(900, 1000)
    ]


def test_a_token_outlives_a_key_set_that_was_fetched_again_with_the_same_key(world: World) -> None:
    world.remember()
    before = world.key()

    world.now += 30
    world.keys.refresh()

    assert world.key() is before
    assert world.caller_of() == ADA


@pytest.mark.parametrize("kid", ["first", "second"], ids=["another key of its name", "a key of another name"])
def test_a_token_is_forgotten_as_soon_as_the_key_set_has_its_key_no_more(world: World, kid: str) -> None:
    world.remember()
    world.content = Issuer(kid).key_set()

    world.now += 30
    world.keys.refresh()

    assert world.caller_of() is None


def test_a_key_that_the_issuer_took_away_is_trusted_for_a_minute_at_most_also_where_nobody_asked_meanwhile(
    world: World,
) -> None:
    world.remember(lives_s=3600)
    world.content = Issuer("second").key_set()

    world.now += TRUSTED_SECONDS + 1
    assert (world.caller_of(), world.keys.find("first")) == (None, None)

    world.keys.refresh()
    assert (world.keys.find("first"), world.keys.find("second") is not None) == (None, True)


def test_a_key_set_that_is_too_old_is_trusted_again_once_its_fetch_has_failed(world: World) -> None:
    world.remember(lives_s=3600)
    world.content = b"<html>"

    world.now += TRUSTED_SECONDS + 1
    world.keys.refresh()

    assert world.caller_of() == ADA


def test_a_key_set_is_fetched_again_although_all_tokens_are_remembered(world: World) -> None:
    world.remember(lives_s=3600)

    world.now += KEPT_SECONDS + 1
    assert world.caller_of() == ADA
    wait_until(lambda: world.fetches == 2, "the key set is fetched")

    assert world.caller_of() == ADA


def test_callers_are_kept_apart(world: World) -> None:
    world.remember("a.b.ada", ADA)
    world.remember("a.b.bob", Caller(user_uuid=BOB_UUID, roles=frozenset({"reports-reader"})))

    assert world.caller_of("a.b.ada") == ADA
    assert world.caller_of("a.b.bob") == Caller(user_uuid=BOB_UUID, roles=frozenset({"reports-reader"}))
