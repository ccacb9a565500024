"""Tokens by which somebody would be taken for somebody else. tests/api/test_auth.py has the plain cases.

The warehouse is away, so that 503 says that a token was taken. What is refused here is signed by the issuer's own key
wherever a signature is not what the attack is about: it is not the signature that saves us.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import RSAAlgorithm

from resources.settings import Settings
from tests.api.conftest import Client, serving
from tests.api.world import ADA_UUID, AUDIENCE, BOB_UUID, CLIENT, ISSUER, Issuer
from tests.attacks.forging import Forger, encoded, unsigned, with_curve

_SOON_S = 300


def soon(written: str) -> str:
    """A claim, with a moment that has yet to come where it says so: two processes must find the same tests."""
    return written.replace("SOON", str(int(time.time()) + _SOON_S))


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def forger(issuer: Issuer) -> Forger:
    return Forger(issuer)


def ask(client: Client, *authorization: str | bytes, path: str = "/api/reports", **headers: str) -> int:
    """The status of an answer to a request with these `Authorization` headers."""
    values = [text if isinstance(text, bytes) else text.encode() for text in authorization]
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    # `Any`: the client takes bytes, too.
    given: Any = [(b"Authorization", value) for value in values] + named
    return client.get(path, headers=given).status_code


def test_a_good_token_is_taken_so_that_a_refusal_means_something(away: Client, forger: Forger) -> None:
    assert ask(away, f"Bearer {forger.signed(forger.header, forger.issuer.claims())}") == 503


@pytest.mark.parametrize(
    "algorithm",
    [
        *("none", "None", "NONE", "nOnE", "none ", " none", "", "rs256", "RS256 ", "RS256\u0000"),
        *("HS256", "HS384", "HS512", "RS384", "RS512", "PS256", "ES256", "EdDSA", "dir", "RSA-OAEP", "A128KW"),
        *(None, 0, [], ["RS256"], {}),
    ],
)
def test_no_algorithm_is_taken_but_rs256_also_with_the_signature_of_that(
    away: Client, forger: Forger, algorithm: object
) -> None:
    header, claims = forger.header | {"alg": algorithm}, forger.issuer.claims()
    found = [
        ask(away, f"Bearer {token}")
        for token in (
            forger.signed(header, claims),
            forger.with_pss(header, claims),
            with_curve(header, claims),
            f"{unsigned(header, claims)}.",
            f"{unsigned(header, claims)}.{encoded(b'')}",
            f"{unsigned(header, claims)}.{encoded(b'none')}",
            unsigned(header, claims),
        )
    ]

    assert found == [401] * 7


def test_a_header_without_an_algorithm_is_refused(away: Client, forger: Forger) -> None:
    header = {name: value for name, value in forger.header.items() if name != "alg"}

    assert ask(away, f"Bearer {forger.signed(header, forger.issuer.claims())}") == 401


@pytest.mark.parametrize("signed", [Forger.with_pss, lambda _, *parts: with_curve(*parts)], ids=["pss", "curve"])
def test_another_kind_of_signature_does_not_pass_for_rs256(
    away: Client, forger: Forger, signed: Callable[..., str]
) -> None:
    assert ask(away, f"Bearer {signed(forger, forger.header, forger.issuer.claims())}") == 401


@pytest.fixture(scope="module")
def single(trusted: dict[str, Any], closed_port: int, forger: Forger) -> Iterator[Client]:
    """The API that was given one public key instead of a key set."""
    keys = {"reports_jwks": "", "keycloak_public_key": forger.issuer.pem()}
    with serving(Settings(clickhouse_port=closed_port), trusted | keys) as client:
        yield client


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_a_public_key_is_no_secret(away: Client, single: Client, forger: Forger, digest: str) -> None:
    claims, header = forger.issuer.claims(), forger.header | {"alg": f"HS{digest[3:]}"}
    tokens = [
        forger.with_secret(secret, head, claims, digest)
        for secret in public_forms(forger.issuer)
        for head in (header, forger.header)
    ]

    assert {ask(client, f"Bearer {token}") for client in (away, single) for token in tokens} == {401}
    assert ask(single, f"Bearer {forger.signed(forger.header, claims)}") == 503


def public_forms(issuer: Issuer) -> list[bytes]:
    """All ways in which the public key might have been taken for a secret."""
    pem, key = issuer.pem(), issuer.key.public_key()
    formats = serialization.PublicFormat
    der = key.public_bytes(serialization.Encoding.DER, formats.SubjectPublicKeyInfo)
    pkcs1 = key.public_bytes(serialization.Encoding.PEM, formats.PKCS1)
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    whole = [pem.encode(), pem.strip().encode(), pem.replace("\n", "\r\n").encode(), pem.replace("\n", "").encode()]
    bare = "".join(pem.splitlines()[1:-1])
    return [*whole, der, pkcs1, bare.encode(), base64.b64decode(bare), jwk["n"].encode(), issuer.key_set(), b""]


@pytest.mark.parametrize(
    "kind", ["ID", "Refresh", "Offline", "Logout", "UMA", "bearer", "BEARER", "Bearer ", "", "DPoP"]
)
@pytest.mark.parametrize("header", ["JWT", "at+jwt", None])
def test_no_other_kind_of_token_is_an_access_token(away: Client, forger: Forger, kind: str, header: str | None) -> None:
    assert ask(away, f"Bearer {forger.signed(forger.header | {'typ': header}, forger.issuer.claims(typ=kind))}") == 401


@pytest.mark.parametrize(
    "header", ["JWT", "logout+jwt", "secevent+jwt", "dpop+jwt", "id+jwt", "at+jwt ", "xat+jwt", "at", "", None, 1]
)
def test_a_kind_that_only_the_header_tells_is_at_jwt_or_none(away: Client, forger: Forger, header: object) -> None:
    assert ask(away, f"Bearer {forger.signed(forger.header | {'typ': header}, forger.issuer.claims(typ=None))}") == 401


WRONG: dict[str, list[Any]] = {
    "iss": [
        *(ISSUER.upper(), ISSUER[:-1], ISSUER + "2", ISSUER + "/", ISSUER + " ", "x" + ISSUER, ISSUER + "\u0000"),
        *(ISSUER.replace(*pair) for pair in ((".", "\u3002"), ("e", "\u0435"), ("://", ":443//"), ("i", "%69"))),
        *(ISSUER + "?x", ISSUER + "#x", [ISSUER, "x"], "", 7, {}, None),
    ],
    "aud": [
        *(AUDIENCE[:-1], AUDIENCE + "-2", AUDIENCE.upper(), AUDIENCE + "/", f" {AUDIENCE}", f"{AUDIENCE} account"),
        *("*", "", [], ["account"], [""], [[AUDIENCE]], [AUDIENCE, 7], [AUDIENCE, None], f"{AUDIENCE},account"),
        *({AUDIENCE: 1}, {"0": AUDIENCE}, 7, None),
    ],
    "azp": [CLIENT.upper(), CLIENT + "2", CLIENT[:-1], f"{CLIENT} ", f"{CLIENT},", [CLIENT], {}, "*", 7, None],
    "sub": [
        *(f"urn:uuid:{ADA_UUID}", f"{{{ADA_UUID}}}", ADA_UUID.hex, f"{ADA_UUID} ", f" {ADA_UUID}", str(ADA_UUID)[:-1]),
        *(f"{ADA_UUID}{mark}" for mark in ("\u0000", "\t", "\r\n", "\u200b", "\u0661", "/..", "%00", "'--")),
        *(str(ADA_UUID).replace("1", "\uff11"), "ABCDEFAB-1111-4111-8111-111111111111"),
        *("", 7, [str(ADA_UUID)], {}, None),
    ],
}
CHANGES = [
    *({claim: value} for claim, values in WRONG.items() for value in values),
    *({"azp": None, name: CLIENT} for name in ("client_id", "clientId", "appid", "cid")),
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: ascii(changes)[:60])
def test_a_claim_is_what_it_should_be_to_the_letter(away: Client, forger: Forger, changes: dict[str, Any]) -> None:
    assert ask(away, f"Bearer {forger.signed(forger.header, forger.issuer.claims() | changes)}") == 401


@pytest.mark.parametrize("claim", ["exp", "iat"])
@pytest.mark.parametrize(
    "written",
    [
        *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "-1", "0", "1e308", "1e-400", "9" * 400, "9" * 19),
        *("null", "true", "[]", "{}", '""', '"inf"', '"SOON"', "[SOON]", "SOON.5", "0x7fffffff"),
    ],
)
def test_a_time_is_a_whole_number_that_makes_sense(away: Client, forger: Forger, claim: str, written: str) -> None:
    claims = json.dumps(forger.issuer.claims() | {claim: "WRITTEN"}).replace('"WRITTEN"', soon(written))

    assert ask(away, f"Bearer {forger.signed(forger.header, claims)}") == 401


@pytest.mark.parametrize("written", ["NaN", "Infinity", "1e400", "9" * 400, "[]", '"0"', "SOON", "true"])
def test_a_token_is_not_taken_before_its_time_nor_with_one_that_is_none(
    away: Client, forger: Forger, written: str
) -> None:
    claims = json.dumps(forger.issuer.claims() | {"nbf": "WRITTEN"}).replace('"WRITTEN"', soon(written))

    assert ask(away, f"Bearer {forger.signed(forger.header, claims)}") == 401


@pytest.mark.parametrize(
    ("issued", "expires"),
    [(-86_401, 0), (-100_000, 300), (-(10**9), 300), (300, 600), (31, 300), (0, 86_401), (0, 10**9), (10, 5), (0, -31)],
)
def test_no_token_lives_for_more_than_a_day_or_before_it_is_issued(
    away: Client, forger: Forger, issued: int, expires: int
) -> None:
    now = int(time.time())
    token = forger.signed(forger.header, forger.issuer.claims(iat=now + issued, exp=now + expires))

    # One second more than the leeway may have gone by since the token was written.
    assert ask(away, f"Bearer {token}") == 401 or issued == 31


def test_what_is_longer_than_8_kib_is_refused_however_good_it_is(away: Client, forger: Forger) -> None:
    def padded(length: int) -> str:
        """A good token of exactly this length, or up to three characters less: base64 comes in fours."""
        room = (length - len(forger.signed(forger.header, forger.issuer.claims(padding="")))) * 3 // 4
        return forger.signed(forger.header, forger.issuer.claims(padding="x" * room))

    longest, longer = padded(8192), padded(8200)

    assert len(longest) <= 8192 < len(longer)
    assert [ask(away, f"Bearer {token}") for token in (longest, longer)] == [503, 401]


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit"])
@pytest.mark.parametrize("empty", [False, True])
def test_a_token_brings_no_key_of_its_own(away: Client, forger: Forger, name: str, empty: bool) -> None:
    stranger = Issuer(forger.issuer.kid)
    jwk = RSAAlgorithm.to_jwk(stranger.key.public_key(), as_dict=True)
    brought = {
        "jwk": jwk,
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "file:///etc/passwd",
        "x5c": ["MIIB"],
        "crit": ["b64"],
    }
    header = forger.header | {name: None if empty else brought[name]}

    by_stranger = forger.signed_by(stranger.key, header, forger.issuer.claims())
    by_issuer = forger.signed(header, forger.issuer.claims())

    assert [ask(away, f"Bearer {token}") for token in (by_stranger, by_issuer)] == [401, 401]


@pytest.mark.parametrize(
    "kid",
    [
        *("second", "FIRST", "first ", " first", "first\u0000", "", "../first", "../../../../dev/null", "/dev/null"),
        *("' OR '1'='1", "first' UNION SELECT 'x", "$(id)", "`id`", "http://127.0.0.1:1/", "k" * 5000, "\uff46irst"),
        *(0, 1, True, 1.5, [], ["first"], {"first": 1}),
    ],
    ids=lambda kid: ascii(kid)[:40],
)
def test_a_key_is_named_to_the_letter_and_nothing_is_done_with_its_name(
    away: Client, forger: Forger, kid: object
) -> None:
    assert ask(away, f"Bearer {forger.signed(forger.header | {'kid': kid}, forger.issuer.claims())}") == 401


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "azp", "exp", "iat", "typ", "realm_access", "unheard-of"])
@pytest.mark.parametrize("escaped", [False, True])
def test_no_claim_comes_twice_however_it_is_written(away: Client, forger: Forger, name: str, escaped: bool) -> None:
    claims = forger.issuer.claims() | {"unheard-of": 1}
    again = f"\\u{ord(name[0]):04x}{name[1:]}" if escaped else name
    twice = f'{json.dumps(claims)[:-1]}, "{again}": {json.dumps(claims[name])}}}'

    assert ask(away, f"Bearer {forger.signed(forger.header, json.dumps(claims))}") == 503
    assert ask(away, f"Bearer {forger.signed(forger.header, twice)}") == 401


@pytest.mark.parametrize(
    "header",
    [
        '{"alg": "none", "alg": "RS256", "kid": "first"}',
        '{"alg": "RS256", "alg": "none", "kid": "first"}',
        '{"alg": "RS256", "\\u0061lg": "RS256", "kid": "first"}',
        '{"alg": "RS256", "kid": "first", "kid": "first"}',
        '{"alg": "RS256", "kid": "first", "x": {"y": 1, "y": 1}}',
    ],
)
def test_no_member_of_a_header_comes_twice(away: Client, forger: Forger, header: str) -> None:
    assert ask(away, f"Bearer {forger.signed(header, forger.issuer.claims())}") == 401


@pytest.mark.parametrize("other", ["", "x", "Bearer", "Basic YTpi", "good", "bad"])
def test_there_is_one_authorization(away: Client, forger: Forger, other: str) -> None:
    good = f"Bearer {forger.signed(forger.header, forger.issuer.claims())}"
    another = {"good": good, "bad": f"Bearer {forger.signed('{}', '{}')}"}.get(other, other)

    assert ask(away, good) == 503
    assert [ask(away, good, another), ask(away, another, good)] == [401, 401]
    assert [ask(away, f"{good}, {another}"), ask(away, f"{another}, {good}"), ask(away, f"{good},{good}")] == [401] * 3


@pytest.mark.parametrize(
    "scheme", ["", "Bearer", "Bearer\t", "Bearer: ", "Bearer=", "Token ", "JWT ", "Basic ", "DPoP ", "Bearer Bearer "]
)
def test_the_scheme_is_bearer(away: Client, forger: Forger, scheme: str) -> None:
    token = forger.signed(forger.header, forger.issuer.claims())

    assert ask(away, f"{scheme}{token}") == 401


def test_a_token_anywhere_else_is_no_token(away: Client, forger: Forger) -> None:
    token = forger.signed(forger.header, forger.issuer.claims())
    headers = ["X-Authorization", "X_Access_Token", "Proxy_Authorization", "X_Forwarded_Access_Token", "Token"]

    found = [ask(away, path=f"/api/reports?{name}={token}") for name in ("access_token", "token", "authorization")]
    found += [ask(away, Cookie=f"{name}={token}") for name in ("access_token", "Authorization", "KEYCLOAK_IDENTITY")]
    found += [ask(away, **{name.replace("-", "_"): f"Bearer {token}"}) for name in headers]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    found.append(away.post("/report", content=f"access_token={token}", headers=form).status_code)

    assert set(found) == {401}


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [100, 1_000, 100_000])
def test_what_is_nested_deeply_is_refused_or_harmless(away: Client, forger: Forger, opening: str, depth: int) -> None:
    inner = "1" if opening != "[" else ""
    deep = opening * depth + inner + ("]" if opening == "[" else "}") * depth
    claims = json.dumps(forger.issuer.claims() | {"deep": "DEEP"}).replace('"DEEP"', deep)
    header = json.dumps(forger.header | {"deep": "DEEP"}).replace('"DEEP"', deep)

    assert ask(away, f"Bearer {forger.signed(forger.header, claims)}") in {401, 431, 503}
    assert ask(away, f"Bearer {forger.signed(header, forger.issuer.claims())}") in {401, 431, 503}
    assert ask(away, f"Bearer {forger.signed(deep, deep)}") in {401, 431}


def test_what_is_packed_sealed_or_nested_is_not_opened(away: Client, forger: Forger) -> None:
    claims = json.dumps(forger.issuer.claims()).encode()
    good = forger.signed(forger.header, claims)
    bomb = zlib.compress(b"x" * 4_000_000)
    tokens = [
        forger.signed(forger.header | {"zip": "DEF"}, zlib.compress(claims)),
        forger.signed(forger.header | {"zip": "DEF"}, bomb),
        forger.signed(forger.header | {"cty": "JWT"}, good),
        forger.signed(forger.header | {"b64": False}, claims),
        forger.signed(forger.header | {"alg": "RSA-OAEP", "enc": "A256GCM"}, claims),
        f"{good}.{encoded(b'iv')}.{encoded(b'tag')}",
        json.dumps({"protected": encoded(forger.header), "payload": encoded(claims), "signature": good.split(".")[2]}),
    ]

    assert [ask(away, f"Bearer {token}") for token in tokens] == [401] * len(tokens)


def test_a_token_is_written_in_one_way_only(away: Client, forger: Forger) -> None:
    good = forger.signed(forger.header, forger.issuer.claims())
    text, _, signature = good.rpartition(".")
    last = LETTERS.index(signature[-1])
    # The four lowest bits of the last letter say nothing: base64 has room for 2052 bits where a signature has 2048.
    same_bits = [signature[:-1] + LETTERS[last & 0b110000 | low] for low in range(16) if low != last & 0b1111]
    other_alphabet = signature.replace("-", "+").replace("_", "/")
    variants = [
        *same_bits,
        *([other_alphabet] if other_alphabet != signature else []),
        *(signature + mark for mark in ("=", "==", "A", "AA", "AAAA", "\n", "%0A", "\t", ".", ".A")),
        *(signature[:-count] for count in (1, 2, 4, 100, len(signature))),
        *(f"{signature[:50]}{mark}{signature[50:]}" for mark in ("\n", " ", "=", "%", "\x0b", "\u00e9")),
        signature.swapcase(),
        encoded(bytes(256)),
        encoded(b"\xff" * 256),
        encoded(b"\x00" + base64.urlsafe_b64decode(signature + "==")),
    ]

    found = {variant: ask(away, f"Bearer {text}.{variant}".encode("latin-1")) for variant in variants}
    heads = [ask(away, f"Bearer {text.replace('.', separator)}.{signature}") for separator in ("..", "%2E", ",", " ")]

    assert ask(away, f"Bearer {good}") == 503
    assert {variant: status for variant, status in found.items() if status != 401} == {}
    assert heads == [401] * 4


def test_a_remembered_token_does_not_vouch_for_one_that_looks_like_it(away: Client, forger: Forger) -> None:
    good = forger.signed(forger.header, forger.issuer.claims())
    other = forger.signed(forger.header, forger.issuer.claims(BOB_UUID, roles=("reports-reader",)))
    assert [ask(away, f"Bearer {token}") for token in (good, other, good)] == [503] * 3
    raw = good.encode()

    flipped = []
    for place in range(0, len(raw), 37):
        changed = bytearray(raw)
        changed[place] ^= 1
        flipped.append(bytes(changed))
    parts, others = good.split("."), other.split(".")
    swapped = [".".join([others[n] if n == place else part for n, part in enumerate(parts)]) for place in (1, 2)]
    near = [raw.upper(), raw + b".", raw + b" x", raw + b",", raw[:-1], raw[1:], raw * 2, b"." + raw]
    near += [raw + b"\t", raw + b"\x00", b"\x00" + raw]

    found = {text: ask(away, b"Bearer " + text) for text in [*flipped, *near, *(text.encode() for text in swapped)]}

    assert {text: status for text, status in found.items() if status != 401} == {}
    assert [ask(away, f"Basic {good}"), ask(away, good), ask(away, f"Bearer{good}")] == [401] * 3
    assert ask(away, f"Bearer {good}") == 503
