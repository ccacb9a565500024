"""Tokens: which are taken, and that no other is. The warehouse is away, so 503 says that a token was taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from jwt.utils import base64url_encode

from api.app import build_app
from api.auth import bearer
from api.errors import Unauthenticated
from resources.errors import SettingsError
from resources.settings import Settings
from tests.api.conftest import Client
from tests.api.world import ADA_UUID, AUDIENCE, ISSUER, Issuer

NOW = int(time.time())


def status(client: Client, token: str) -> int:
    return client.get("/api/reports", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        pytest.param({}, {}, id="an access token as Keycloak writes it"),
        pytest.param({"typ": None}, {"typ": "at+jwt"}, id="an access token of RFC 9068"),
        pytest.param({"typ": None}, {"typ": "application/at+JWT"}, id="the long form of its type"),
        pytest.param({"aud": ["account", AUDIENCE]}, {}, id="one audience among several"),
        pytest.param({"nbf": NOW + 10}, {}, id="not yet valid within the leeway"),
        pytest.param({"resource_access": {"other": {"roles": ["x"]}}, "name": "Ada"}, {}, id="with claims of others"),
    ],
)
def test_a_good_token_is_taken(away: Client, issuer: Issuer, claims: dict[str, Any], header: dict[str, Any]) -> None:
    assert status(away, issuer.sign(issuer.claims(**claims), **header)) == 503


def test_a_token_that_expired_within_the_leeway_is_taken(away: Client, issuer: Issuer) -> None:
    # Its time is that of the test: that of the module may be further back than the leeway.
    now = int(time.time())
    assert status(away, issuer.sign(issuer.claims(iat=now - 3600, exp=now - 5))) == 503


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        pytest.param({"typ": "ID"}, {}, id="an ID token"),
        pytest.param({"typ": "Refresh"}, {}, id="a refresh token"),
        pytest.param({"typ": "Logout"}, {}, id="a logout token"),
        pytest.param({"typ": None}, {}, id="a token that does not say what it is"),
        pytest.param({"typ": "ID"}, {"typ": "at+jwt"}, id="an ID token dressed up"),
        pytest.param({"typ": None}, {"typ": ["at+jwt"]}, id="a type that is no text"),
        pytest.param({"iss": ISSUER + "/"}, {}, id="another issuer"),
        pytest.param({"iss": [ISSUER]}, {}, id="several issuers"),
        pytest.param({"iss": None}, {}, id="no issuer"),
        pytest.param({"aud": "bionicpro-auth"}, {}, id="another audience"),
        pytest.param({"aud": AUDIENCE + "-2"}, {}, id="a longer audience"),
        pytest.param({"aud": None}, {}, id="no audience"),
        pytest.param({"azp": "somebody"}, {}, id="another client"),
        pytest.param({"azp": ""}, {}, id="an empty client"),
        pytest.param({"azp": None}, {}, id="no client"),
        pytest.param({"sub": str(ADA_UUID).replace("-", "")}, {}, id="a subject without dashes"),
        pytest.param({"sub": "AAAAAAAA-1111-4111-8111-111111111111"}, {}, id="a subject in capitals"),
        pytest.param({"sub": f"{{{ADA_UUID}}}"}, {}, id="a subject in braces"),
        pytest.param({"sub": f"{ADA_UUID}\n"}, {}, id="a subject and a line feed"),
        pytest.param({"sub": "7"}, {}, id="a subject that is a number"),
        pytest.param({"sub": None}, {}, id="no subject"),
        pytest.param({"iat": NOW - 3600, "exp": NOW - 31}, {}, id="expired beyond the leeway"),
        pytest.param({"exp": None}, {}, id="no expiry"),
        pytest.param({"exp": 10**400}, {}, id="an expiry of any size"),
        pytest.param({"exp": True}, {}, id="an expiry that is no time"),
        pytest.param({"exp": str(NOW + 60)}, {}, id="an expiry that is text"),
        pytest.param({"exp": NOW + 86_500, "iat": NOW}, {}, id="a life of more than a day"),
        pytest.param({"iat": NOW + 600}, {}, id="issued in the future"),
        pytest.param({"iat": None}, {}, id="no time of issue"),
        pytest.param({"nbf": NOW + 600}, {}, id="not yet valid"),
        pytest.param({"realm_access": {"roles": "reports-reader"}}, {}, id="roles that are no list"),
        pytest.param({"realm_access": ["reports-reader"]}, {}, id="roles of another shape"),
        pytest.param({}, {"jwk": {"kty": "RSA"}}, id="its own key"),
        pytest.param({}, {"jku": "https://elsewhere.example"}, id="an address of keys"),
        pytest.param({}, {"x5u": "https://elsewhere.example"}, id="an address of certificates"),
        pytest.param({}, {"x5c": ["MII"]}, id="its own certificate"),
        pytest.param({}, {"crit": ["exp"]}, id="critical extensions"),
        pytest.param({}, {"kid": "second"}, id="an unknown key"),
        pytest.param({}, {"kid": "../../../dev/null"}, id="a key that is a path"),
        pytest.param({"padding": "x" * 8192}, {}, id="more than 8 KiB"),
    ],
)
def test_any_other_token_is_refused(
    away: Client, issuer: Issuer, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    assert status(away, issuer.sign(issuer.claims(**claims), **header)) == 401


def test_a_name_that_comes_twice_is_refused_wherever_it_is(away: Client, issuer: Issuer) -> None:
    good = json.dumps(issuer.claims())
    twice = good[:-1] + ', "sub": "22222222-2222-4222-8222-222222222222"}'
    nested = good[:-1] + ', "resource_access": {"a": {"roles": [], "roles": ["reports-reader"]}}}'

    assert [status(away, issuer.sign(claims)) for claims in (good, twice, nested)] == [503, 401, 401]


@pytest.mark.parametrize("kid", [{}, {"kid": None}, {"kid": 1}, {"kid": ["first"]}])
def test_a_token_that_names_no_key_is_refused(away: Client, issuer: Issuer, kid: dict[str, Any]) -> None:
    signed = f"{encoded({'alg': 'RS256', 'typ': 'JWT'} | kid)}.{encoded(issuer.claims())}"
    signature = issuer.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())

    assert status(away, f"{signed}.{base64url_encode(signature).decode()}") == 401


def test_a_token_signed_by_anyone_else_is_refused(away: Client, issuer: Issuer) -> None:
    stranger = Issuer(issuer.kid)

    assert status(away, stranger.sign(issuer.claims())) == 401


def test_a_changed_token_is_refused(away: Client, issuer: Issuer) -> None:
    head, _, signature = issuer.sign(issuer.claims()).split(".")
    other = issuer.sign(issuer.claims("22222222-2222-4222-8222-222222222222")).split(".")[1]

    assert status(away, f"{head}.{other}.{signature}") == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS512", "PS256", "ES256", ""])
def test_no_other_algorithm_is_taken(away: Client, issuer: Issuer, algorithm: str) -> None:
    body = encoded(issuer.claims())
    head = encoded({"alg": algorithm, "kid": issuer.kid, "typ": "JWT"})
    mac = hmac.new(issuer.pem().encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()

    assert status(away, f"{head}.{body}.{base64url_encode(mac).decode()}") == 401
    assert status(away, f"{head}.{body}.") == 401


def test_a_token_of_the_right_key_and_the_wrong_hash_is_refused(away: Client, issuer: Issuer) -> None:
    token = jwt.encode(issuer.claims(), issuer.key, "RS512", {"kid": issuer.kid})

    assert status(away, token) == 401


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b", "a.b.c", "a.b.c.d", "=.=.=", "....", "e30.e30.e30", "é.é.é", "WzFd.WzFd.WzFd", "bnVsbA.bnVsbA.x"],
)
def test_what_is_no_token_is_refused(away: Client, token: str) -> None:
    answer = away.get("/api/reports", headers={b"Authorization": f"Bearer {token}".encode()})

    assert answer.status_code == 401


def test_deeply_nested_json_is_refused(away: Client, issuer: Issuer) -> None:
    deep = base64url_encode(b"[" * 2900).decode()
    head, body, signature = issuer.sign(issuer.claims()).split(".")

    assert status(away, f"{deep}.{body}.{signature}") == 401
    assert status(away, f"{head}.{deep}.{signature}") == 401


def test_the_challenge_says_whether_there_was_a_token(away: Client) -> None:
    without = away.get("/api/reports")
    basic = away.get("/api/reports", headers={"Authorization": "Basic YTpi"})
    bad = away.get("/api/reports", headers={"Authorization": "Bearer x.y.z"})

    assert [answer.status_code for answer in (without, basic, bad)] == [401, 401, 401]
    challenges = [answer.headers["WWW-Authenticate"] for answer in (without, basic, bad)]
    assert challenges == ["Bearer", "Bearer", 'Bearer error="invalid_token"']


def test_two_tokens_are_one_too_many(issuer: Issuer) -> None:
    good = issuer.authorization()["Authorization"]
    assert bearer([good]) == good.removeprefix("Bearer ")

    with pytest.raises(Unauthenticated):
        bearer([good, good])


@pytest.mark.parametrize("path", ["/reports/7", "/api/reports", "/api/reports/2026-07-01", "/reports/7/", "/reports/x"])
def test_every_route_to_reports_needs_a_token(away: Client, path: str) -> None:
    assert away.get(path).status_code == 401


@pytest.mark.parametrize("bare", [False, True])
def test_one_public_key_serves_for_every_kid(
    serve: Callable[..., Client], issuer: Issuer, closed_port: int, bare: bool
) -> None:
    pem = issuer.pem()
    key = "".join(pem.splitlines()[1:-1]) if bare else pem
    client = serve(Settings(clickhouse_port=closed_port), reports_jwks="", keycloak_public_key=key)

    assert status(client, issuer.sign(issuer.claims(), kid="anything")) == 503
    assert status(client, Issuer().sign(issuer.claims())) == 401


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        (Settings(reports_token_issuer=ISSUER), "REPORTS_JWKS"),
        (Settings(reports_token_issuer=ISSUER), "KEYCLOAK_PUBLIC_KEY"),
        (Settings(reports_jwks="keys.json"), "REPORTS_TOKEN_ISSUER"),
        (Settings(reports_token_issuer=ISSUER, keycloak_public_key="rubbish"), "KEYCLOAK_PUBLIC_KEY"),
    ],
)
def test_the_api_does_not_start_without_something_to_verify_tokens_with(settings: Settings, variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        build_app(settings)


def encoded(value: dict[str, Any]) -> str:
    return base64url_encode(json.dumps(value).encode()).decode()
