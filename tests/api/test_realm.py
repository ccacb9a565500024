"""deploy/keycloak: tokens as its mappers make them are taken by the API as it is, and the realm leaves no easy way in.

Keycloak itself is not run here. `access_token` does what its documentation says of the realm's own words.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from api.auth import ADMIN, MANAGER, READER, Caller, TokenCheck, parse
from api.errors import Unauthenticated
from resources.settings import Settings
from stack.demo.people import customers
from stack.demo.plan import Plan
from stack.filling import DEFAULT
from tests.api.world import ISSUER, Issuer

REALM = json.loads(
    (Path(__file__).parent.parent.parent / "deploy/keycloak/reports-realm-realm.json").read_text(encoding="utf-8")
)
CLIENTS = {client["clientId"]: client for client in REALM["clients"]}
USERS = {user["username"]: user for user in REALM["users"]}
BFF = "bionicpro-auth"


def access_token(issuer: Issuer, client_id: str, username: str) -> str:
    """What Keycloak would sign for a user who logged in at a client, or for the client itself."""
    client, user = CLIENTS[client_id], USERS[username]
    now = int(time.time())
    claims: dict[str, Any] = {"iss": ISSUER, "typ": "Bearer", "azp": client_id, "jti": str(uuid4())}
    claims |= {"iat": now, "exp": now + REALM["accessTokenLifespan"]}
    # These two scopes are Keycloak's own.
    if "basic" in client["defaultClientScopes"]:
        claims["sub"] = user.get("id", str(uuid4()))
    if "roles" in client["defaultClientScopes"]:
        claims["realm_access"] = {"roles": sorted(_roles(client, user))}
    for mapper in client["protocolMappers"]:
        assert mapper["protocolMapper"] == "oidc-audience-mapper"
        if mapper["config"]["access.token.claim"] == "true":
            claims["aud"] = mapper["config"]["included.custom.audience"]
    by_rfc = client["attributes"].get("access.token.header.type.rfc9068") == "true"
    return issuer.sign(claims, typ="at+jwt" if by_rfc else "JWT")


def _roles(client: dict[str, Any], user: dict[str, Any]) -> set[str]:
    assert client["fullScopeAllowed"] is False
    [let] = [scope["roles"] for scope in REALM["scopeMappings"] if scope["client"] == client["clientId"]]
    return set(let) & set(user.get("realmRoles", []))


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def caller(issuer: Issuer, token: str) -> Caller:
    """Whom the API takes the bearer for, told of the issuer only."""
    return TokenCheck(Settings(reports_token_issuer=ISSUER)).caller(parse(token), issuer.key.public_key())


def test_a_wearer_is_whom_keycloak_says_and_has_no_role(issuer: Issuer) -> None:
    token = access_token(issuer, BFF, "demo-wearer")
    assert caller(issuer, token) == Caller(user_uuid=UUID(USERS["demo-wearer"]["id"]))


@pytest.mark.parametrize(
    ("username", "roles"),
    [
        ("demo-manager", {MANAGER}),
        ("demo-operator", {ADMIN}),
        ("demo-guest", set()),
        ("service-account-bionicpro-auth", {READER}),
    ],
)
def test_a_token_bears_the_roles_that_the_api_asks_for_and_no_others(
    issuer: Issuer, username: str, roles: set[str]
) -> None:
    assert caller(issuer, access_token(issuer, BFF, username)).roles == roles


@pytest.mark.parametrize("client_id", [name for name in CLIENTS if name != BFF])
def test_tokens_for_a_proxy_are_not_taken_by_the_api(issuer: Issuer, client_id: str) -> None:
    token = access_token(issuer, client_id, "demo-operator")
    with pytest.raises(Unauthenticated):
        caller(issuer, token)
    # The proxy reads roles from a token only where it is meant by it.
    assert CLIENTS[client_id]["protocolMappers"][0]["config"]["included.custom.audience"] == client_id


def test_the_demo_wearer_is_the_first_customer_of_the_demo_data() -> None:
    now = datetime.now(UTC)
    plan = Plan(**msgspec.structs.asdict(DEFAULT), last_day=now.date(), now=now)
    assert str(customers(plan)[0].user_uuid) == USERS["demo-wearer"]["id"]


def test_every_role_and_client_that_the_api_names_is_in_the_realm() -> None:
    roles = {role["name"] for role in REALM["roles"]["realm"]}
    assert {READER, MANAGER, ADMIN} <= roles
    assert {role for user in USERS.values() for role in user.get("realmRoles", [])} <= roles
    assert Settings().reports_token_clients == BFF


@pytest.mark.parametrize("client_id", CLIENTS)
def test_a_client_has_one_way_in(client_id: str) -> None:
    client = CLIENTS[client_id]
    flows = {name: client[name] for name in client if name.endswith(("FlowEnabled", "GrantsEnabled", "publicClient"))}
    assert flows == {
        "publicClient": False,
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
    }
    assert client["serviceAccountsEnabled"] is (client_id == BFF)
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    assert not [uri for uri in client["redirectUris"] if "*" in uri]
    assert client["webOrigins"] == []


def test_nothing_secret_stands_in_the_realm_and_nobody_guesses_for_long() -> None:
    passwords = [each["value"] for user in USERS.values() for each in user.get("credentials", [])]
    for secret in [*passwords, *(client["secret"] for client in CLIENTS.values())]:
        assert re.fullmatch(r"\$\{\w+\}", secret)
    assert all(each["temporary"] for user in USERS.values() for each in user.get("credentials", []))
    assert (REALM["bruteForceProtected"], REALM["registrationAllowed"]) == (True, False)
    assert (REALM["failureFactor"], REALM["accessTokenLifespan"], REALM["ssoSessionMaxLifespan"]) == (5, 300, 28800)
