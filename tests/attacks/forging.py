"""Tokens as no issuer would write them, signed as well as an attacker could, or by the right key."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from jwt.utils import base64url_encode

from tests.api.world import Issuer

Part = dict[str, Any] | str | bytes


class Forger:
    """Writes tokens."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer

    @property
    def header(self) -> dict[str, Any]:
        """A good header."""
        return {"alg": "RS256", "kid": self.issuer.kid, "typ": "JWT"}

    def signed(self, header: Part, claims: Part) -> str:
        """A token of whatever parts, signed by the issuer's key: all that can be wrong with it is what it says."""
        return self.signed_by(self.issuer.key, header, claims)

    def signed_by(self, key: rsa.RSAPrivateKey, header: Part, claims: Part) -> str:
        """The same by another key."""
        text = unsigned(header, claims)
        return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def with_pss(self, header: Part, claims: Part) -> str:
        """By the right key, padded in the other way."""
        text = unsigned(header, claims)
        way = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        return f"{text}.{encoded(self.issuer.key.sign(text.encode(), way, hashes.SHA256()))}"

    def with_secret(self, secret: bytes, header: Part, claims: Part, digest: str = "sha256") -> str:
        """As HMAC does it, with something that everybody knows for a secret."""
        text = unsigned(header, claims)
        return f"{text}.{encoded(hmac.new(secret, text.encode(), getattr(hashlib, digest)).digest())}"


def with_curve(header: Part, claims: Part) -> str:
    """By a key on an elliptic curve, which is nobody's."""
    text = unsigned(header, claims)
    key = ec.generate_private_key(ec.SECP256R1())
    one, other = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{encoded(one.to_bytes(32, 'big') + other.to_bytes(32, 'big'))}"


def unsigned(header: Part, claims: Part) -> str:
    """The first two parts."""
    return f"{encoded(header)}.{encoded(claims)}"


def encoded(part: Part) -> str:
    """One part of a token."""
    if isinstance(part, dict):
        part = json.dumps(part)
    return base64url_encode(part if isinstance(part, bytes) else part.encode()).decode()
