"""The local token issuer: stands in for Keycloak, so that the API can be tried without one."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import jwt
import msgspec
import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from resources.settings import Settings
from stack.errors import StackError, TokenRefused
from stack.home import Home, write_secret

ISSUER = "https://issuer.reports.invalid/realms/bionicpro"
"""A name that can never resolve: nothing is ever fetched from it."""
CLIENT = "bionicpro-auth"
LIFETIME_S = 3600


def is_foreign(settings: Settings, home: Home) -> bool:
    """Whether these settings make the API trust another issuer than this one."""
    ours = settings.reports_jwks in {"", str(_jwks(home))} and settings.reports_token_issuer in {"", ISSUER}
    return bool(settings.keycloak_public_key) or not ours


def trusting(settings: Settings, home: Home) -> Settings:
    """Settings that make the API trust this issuer; unchanged where they name another."""
    if is_foreign(settings, home):
        return settings
    return msgspec.structs.replace(settings, reports_jwks=str(_jwks(home)), reports_token_issuer=ISSUER)


def prepare(home: Home) -> None:
    """Make the key, and the file of public keys that the API reads, where they are missing."""
    path = home.keys / "issuer.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(path, pem.decode())
    public = _public_jwk(_key(home))
    write_secret(_jwks(home), msgspec.json.encode({"keys": [public]}).decode())


def token(home: Home, settings: Settings, sub: str, roles: Sequence[str] = (), lifetime_s: int = LIFETIME_S) -> str:
    """An access token for the user with this UUID. Raises `TokenRefused` where the API trusts another issuer."""
    if is_foreign(settings, home):
        raise TokenRefused(
            "The settings name another issuer of tokens (REPORTS_JWKS, KEYCLOAK_PUBLIC_KEY or REPORTS_TOKEN_ISSUER), "
            "so the API would not take a token of the local one. Ask that issuer, or unset them and start again."
        )
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": settings.reports_token_audience,
        "azp": settings.reports_token_clients.split(",")[0].strip() or CLIENT,
        "sub": sub,
        "realm_access": {"roles": list(roles)},
        "iat": now,
        "exp": now + lifetime_s,
        "jti": str(uuid.uuid4()),
    }
    key = _key(home)
    return jwt.encode(claims, key, algorithm="RS256", headers={"typ": "at+jwt", "kid": _public_jwk(key)["kid"]})


def subject(settings: Settings, user: str) -> str:
    """The UUID of the customer with this CRM number; a UUID is taken as it is. Raises `StackError`."""
    try:
        return str(uuid.UUID(user))
    except ValueError:
        pass
    if not user.isdecimal():
        raise StackError(f"{user!r} is neither a CRM number nor a UUID.")
    options = f"-csearch_path={settings.reports_crm_schema}"
    with psycopg.connect(settings.crm_database_url, options=options) as connection:
        row = connection.execute("SELECT user_uuid FROM customers WHERE user_id = %s", (int(user),)).fetchone()
    if row is None:
        raise StackError(f"The CRM has no customer with number {user}.")
    return str(row[0])


def _jwks(home: Home) -> Path:
    return home.keys / "jwks.json"


def _key(home: Home) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key((home.keys / "issuer.pem").read_bytes(), password=None)
    except FileNotFoundError as error:
        raise TokenRefused("The local issuer has no key yet; `reports up` makes one.") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TokenRefused(f"{home.keys / 'issuer.pem'} holds no RSA key; remove it and start again.")
    return key


def _public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public = {name: str(jwk[name]) for name in ("e", "kty", "n")}
    # RFC 7638: the digest of the required members in order of their names, without spaces.
    thumbprint = hashlib.sha256(msgspec.json.encode(public, order="sorted")).digest()
    kid = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
    return {**public, "kid": kid, "alg": "RS256", "use": "sig"}
