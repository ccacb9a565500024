"""The local issuer of tokens."""

from __future__ import annotations

import json
import stat
import time
import uuid

import jwt
import msgspec
import psycopg
import pytest

from resources.settings import Settings
from stack import issuer
from stack.errors import StackError, TokenRefused
from stack.home import Home
from tests.engines import Sources

SUB = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def settings(home: Home) -> Settings:
    issuer.prepare(home)
    return issuer.trusting(Settings(), home)


def test_a_token_is_one_that_the_published_keys_and_the_settings_accept(home: Home, settings: Settings) -> None:
    token = issuer.token(home, settings, SUB, ["reports-reader"], 600)

    header = jwt.get_unverified_header(token)
    [key] = jwt.PyJWKSet.from_json((home.keys / "jwks.json").read_text()).keys
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=settings.reports_token_audience,
        issuer=settings.reports_token_issuer,
        options={"require": ["exp", "iat", "jti"]},
    )
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": key.key_id}
    assert (claims["sub"], claims["azp"], claims["realm_access"]) == (
        SUB,
        "bionicpro-auth",
        {"roles": ["reports-reader"]},
    )
    assert claims["exp"] - claims["iat"] == 600
    assert claims["exp"] > time.time()


def test_the_private_key_stays_its_owner_s_and_is_kept(home: Home, settings: Settings) -> None:
    path = home.keys / "issuer.pem"
    before = path.read_bytes()
    issuer.prepare(home)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [public] = json.loads((home.keys / "jwks.json").read_text())["keys"]
    assert sorted(public) == ["alg", "e", "kid", "kty", "n", "use"]
    assert settings.reports_jwks == str(home.keys / "jwks.json")


@pytest.mark.parametrize(
    "foreign",
    [
        {"reports_jwks": "https://keycloak.example/certs"},
        {"keycloak_public_key": "MIIB"},
        {"reports_token_issuer": "https://keycloak.example/realms/bionicpro"},
    ],
)
def test_no_token_is_signed_where_the_api_trusts_another_issuer(home: Home, foreign: dict[str, str]) -> None:
    issuer.prepare(home)
    settings = issuer.trusting(msgspec.structs.replace(Settings(), **foreign), home)
    with pytest.raises(TokenRefused, match="name another issuer of tokens"):
        issuer.token(home, settings, SUB)


def test_a_subject_is_a_uuid_or_the_number_of_a_customer(empty_sources: Sources) -> None:
    settings = Settings(crm_database_url=empty_sources.crm_url)
    customer = uuid.uuid4()
    with psycopg.connect(empty_sources.crm_url) as crm:
        crm.execute(
            "INSERT INTO crm.customers (user_id, user_uuid, ldap_username, name, email, registration_ts, updated_at) "
            "VALUES (42, %s, 'demo', 'Demo', 'demo@example.test', now(), now())",
            (customer,),
        )
    assert issuer.subject(settings, "42") == str(customer)
    assert issuer.subject(settings, SUB.upper()) == SUB
    for nobody, why in (("43", "no customer with number 43"), ("bob", "neither a CRM number nor a UUID")):
        with pytest.raises(StackError, match=why):
            issuer.subject(settings, nobody)
