"""Who is calling: an access token of the issuer (RS256, RFC 9068 or Keycloak's), checked before anything else happens.

Every route needs one, unless it is marked `opt={PUBLIC: True}`.
"""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.utils import base64url_decode
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp, Guard

from api.deadline import Deadline
from api.errors import Forbidden, KeysUnavailable, Unauthenticated
from api.keys import Keys
from api.tokens import Tokens
from resources.settings import Settings

PUBLIC = "public"
"""The mark of a route that needs no token."""

READER = "reports-reader"
"""The role that reads everyone's reports."""
MANAGER = "reports-manager"
"""The role that reads aggregates."""
ADMIN = "reports-admin"
"""The role that has marts built."""

_MOST_BYTES = 8192
LEEWAY_SECONDS = 30
_LONGEST_SECONDS = 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit"})
_ACCESS_TOKEN = frozenset({"at+jwt", "application/at+jwt"})
_NOT_TAKEN = "The token is not taken here."


class Caller(msgspec.Struct, frozen=True):
    """The verified subject of a token."""

    user_uuid: UUID
    roles: frozenset[str] = frozenset()

    @property
    def reads_all(self) -> bool:
        """Whether the caller may read everyone's reports."""
        return READER in self.roles


class Roles(msgspec.Struct, frozen=True):
    """Roles, as Keycloak nests them."""

    roles: list[str] = []


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must say, and what it may say about roles."""

    iss: str
    sub: str
    aud: str | list[str]
    azp: str
    exp: int
    iat: int
    nbf: int = 0
    typ: str | None = None
    realm_access: Roles = Roles()
    resource_access: dict[str, Roles] = {}


class Token(msgspec.Struct, frozen=True):
    """A token that is well formed; nothing in it is to be believed before its signature was verified."""

    text: str
    kid: str | None
    claims: Claims


class TokenCheck:
    """What the settings demand of a token."""

    def __init__(self, settings: Settings) -> None:
        """Take issuer, audience and clients from the settings."""
        self._issuer = settings.reports_token_issuer
        self._audience = settings.reports_token_audience
        self._clients = frozenset(name.strip() for name in settings.reports_token_clients.split(",") if name.strip())

    def caller(self, token: Token, key: RSAPublicKey) -> Caller:
        """Who the token speaks for. Raises `Unauthenticated`."""
        self._verify(token, key)
        claims = token.claims
        subject = _canonical_uuid(claims.sub)
        if claims.azp not in self._clients or subject is None:
            raise Unauthenticated(_NOT_TAKEN)
        if not 0 < claims.exp - claims.iat <= _LONGEST_SECONDS:
            raise Unauthenticated("The token lives too long; ask for one that lasts a day at most.")
        roles = claims.realm_access.roles + claims.resource_access.get(self._audience, Roles()).roles
        return Caller(user_uuid=subject, roles=frozenset(roles))

    def _verify(self, token: Token, key: RSAPublicKey) -> None:
        try:
            jwt.decode(
                token.text,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired; ask for a new one.") from None
        except (jwt.InvalidTokenError, ValueError, OverflowError):
            raise Unauthenticated(_NOT_TAKEN) from None


class Authentication(AbstractAuthenticationMiddleware):
    """Puts the `Caller` into `request.user`, or answers 401."""

    def __init__(self, app: ASGIApp, check: TokenCheck, keys: Keys, tokens: Tokens, deadline: Deadline) -> None:
        """Stand before `app`."""
        super().__init__(app, exclude_from_auth_key=PUBLIC)
        self._check = check
        self._keys = keys
        self._tokens = tokens
        self._deadline = deadline

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The caller. Raises `Unauthenticated`, `KeysUnavailable`."""
        authorization = connection.headers.getall("authorization", [])
        caller = self._tokens.caller_of(authorization[0].encode("latin-1")) if len(authorization) == 1 else None
        if caller is None:
            caller = await self._verified(parse(bearer(authorization)))
        return AuthenticationResult(user=caller, auth=None)

    async def _verified(self, token: Token) -> Caller:
        key = await self._key(token.kid)
        caller = self._check.caller(token, key)
        dies_at = token.claims.exp + LEEWAY_SECONDS
        self._tokens.remember(token.text, caller, kid=token.kid, key=key, dies_at=dies_at)
        return caller

    async def _key(self, kid: str | None) -> RSAPublicKey:
        key = self._keys.find(kid)
        if key is None:
            await self._deadline.run(self._keys.refresh)
            key = self._keys.find(kid)
        if key is None and not self._keys.known:
            raise keys_are_late()
        if key is None:
            raise Unauthenticated(_NOT_TAKEN)
        return key


def keys_are_late() -> KeysUnavailable:
    """What a caller is told where the issuer takes too long."""
    return KeysUnavailable("The issuer's keys cannot be read; try again shortly.")


def only_for(role: str) -> Guard:
    """Guard: callers with this role, and nobody else. It raises `Forbidden`."""

    # A coroutine, because the framework would run a plain function in a thread.
    async def check(connection: ASGIConnection[Any, Caller, Any, Any], _: BaseRouteHandler) -> None:
        # Which methods a route has is told without a token, so that nobody is there to have a role.
        if connection.scope.get("method") != "OPTIONS" and role not in connection.user.roles:
            raise Forbidden(f"This needs the role {role}.")

    return check


def bearer(authorization: list[str]) -> str:
    """The token in the only `Authorization` header. Raises `Unauthenticated`."""
    if not authorization:
        raise Unauthenticated("Send an access token: Authorization: Bearer <token>.", presented=False)
    scheme, _, text = authorization[0].partition(" ")
    if len(authorization) > 1 or scheme.lower() != "bearer":
        raise Unauthenticated("Send one access token: Authorization: Bearer <token>.", presented=False)
    return text.strip(" ")


def parse(text: str) -> Token:
    """A well-formed token, of which nothing is verified yet. Raises `Unauthenticated`."""
    if len(text) > _MOST_BYTES or not _TOKEN.fullmatch(text):
        raise Unauthenticated(_NOT_TAKEN)
    head, body, _ = text.split(".")
    try:
        header, payload = _strict(head), _strict(body)
        claims = msgspec.convert(payload, Claims)
    except (ValueError, RecursionError):
        raise Unauthenticated(_NOT_TAKEN) from None
    kid = header.get("kid")
    if header.get("alg") != "RS256" or header.keys() & _REFUSED_HEADERS or not isinstance(kid, str | None):
        raise Unauthenticated(_NOT_TAKEN)
    if not _is_access_token(header.get("typ"), claims.typ):
        raise Unauthenticated("This is no access token.")
    return Token(text=text, kid=kid, claims=claims)


def _is_access_token(header_typ: object, claim_typ: str | None) -> bool:
    """RFC 9068 says so in the header; Keycloak in a claim, where it marks ID, refresh and logout tokens as such."""
    by_header = isinstance(header_typ, str) and header_typ.lower() in _ACCESS_TOKEN
    return claim_typ == "Bearer" or (by_header and claim_typ is None)


def _strict(part: str) -> dict[str, Any]:
    """The JSON object in a part of a token. Raises `ValueError`, also where a name comes twice."""
    found = json.loads(base64url_decode(part), object_pairs_hook=_unique)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name comes twice")
    return names


def _canonical_uuid(text: str) -> UUID | None:
    try:
        subject = UUID(text)
    except ValueError:
        return None
    return subject if str(subject) == text else None
