"""How a call shows that it may: with an app password's token, or with a browser sign-in's token and a proof (DPoP).

Source: RFC 9449; https://atproto.com/specs/oauth#dpop
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from socialcore.adapters.bluesky.servers import origin
from socialcore.adapters.contract import Access

MOST_NONCES = 256  # servers whose last nonce is remembered


class Nonces:
    """The number that each server wants in the next proof. Only a hint: a server that wants another one says so."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, server: str) -> str | None:
        return self._of.get(server)

    def hear(self, server: str, headers: Mapping[str, str]) -> None:
        nonce = headers.get("dpop-nonce")
        if not nonce or len(nonce) > 1_000 or not nonce.isascii():
            return
        with self._lock:
            self._of.pop(server, None)
            self._of[server] = nonce
            if len(self._of) > MOST_NONCES:
                del self._of[next(iter(self._of))]


class Signature(Protocol):
    """What makes a request somebody's."""

    @property
    def secrets(self) -> Collection[str]:
        """What no failure may repeat."""
        ...

    def headers(self, verb: str, url: str) -> Mapping[str, str]: ...
    def hear(self, url: str, headers: Mapping[str, str]) -> None:
        """Take note of the headers of an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Bearer:
    token: str = field(repr=False)
    secrets: Collection[str] = field(default=(), repr=False)

    def headers(self, verb: str, url: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def hear(self, url: str, headers: Mapping[str, str]) -> None:
        pass  # nothing in it is for us


NOBODY = Bearer("")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that we hold the key which a token is bound to; without a token, the key it will be bound to."""

    key: ECKey = field(repr=False)
    nonces: Nonces
    token: str = field(default="", repr=False)
    home: str | None = None  # the server as it calls itself, if it is reached by another address
    secrets: Collection[str] = field(default=(), repr=False)

    def headers(self, verb: str, url: str) -> Mapping[str, str]:
        parts = urlsplit(url)
        server = self.home or origin(url)
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": verb,
            "htu": f"{server}{parts.path}",
            "iat": int(time.time()),
        }
        if nonce := self.nonces.of(server):
            claims["nonce"] = nonce
        if self.token:
            claims["ath"] = s256(self.token)
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(self.key)}
        proof = {"DPoP": jwt.encode(header, claims, self.key, algorithms=["ES256"])}
        return {**proof, "Authorization": f"DPoP {self.token}"} if self.token else proof

    def hear(self, url: str, headers: Mapping[str, str]) -> None:
        self.nonces.hear(self.home or origin(url), headers)


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """What a sign-in by browser needs besides its tokens to be used, renewed and ended."""

    key: ECKey = field(repr=False)
    client_id: str
    issuer: str
    token_endpoint: str
    revocation_endpoint: str
    home: str
    ends: str = ""  # ISO 8601; when only signing in again helps, if that is known

    def dumps(self) -> str:
        kept = {
            "client_id": self.client_id,
            "issuer": self.issuer,
            "token_endpoint": self.token_endpoint,
            "revocation_endpoint": self.revocation_endpoint,
            "home": self.home,
            "ends": self.ends,
        }
        return json.dumps({"key": self.key.as_dict(private=True), **kept})

    @classmethod
    def loads(cls, stored: str) -> "BrowserSession":
        kept: dict[str, Any] = json.loads(stored)
        return cls(key=ECKey.import_key(kept.pop("key")), **kept)


def signature(access: Access, nonces: Nonces) -> Signature:
    """Make what this sign-in signs its calls with, whichever kind it is."""
    hidden = tuple(access.secret.values())
    if (stored := access.secret.get("oauth")) is None:
        return Bearer(access.secret["access"], hidden)
    session = BrowserSession.loads(stored)
    return Proof(session.key, nonces, access.secret["access"], session.home, hidden)


def public(key: ECKey) -> dict[str, str]:
    """The public half of a key, and nothing else of it."""
    whole = cast("Mapping[str, str]", key.as_dict(private=False))
    return {name: whole[name] for name in ("kty", "crv", "x", "y")}


def s256(value: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).decode().rstrip("=")
