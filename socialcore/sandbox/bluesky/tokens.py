"""The tokens a session is made of: signed, short-lived for access, long-lived for refreshing.

Source: packages/pds/src/account-manager/helpers/auth.ts of bluesky-social/atproto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from socialcore.sandbox.bluesky.refusals import Refusal, expired

ACCESS = timedelta(hours=2)
REFRESH = timedelta(days=90)
SERVER_DID = "did:web:localhost"

FULL_SCOPE = "com.atproto.access"
APP_SCOPE = "com.atproto.appPass"
PRIVILEGED_APP_SCOPE = "com.atproto.appPassPrivileged"
REFRESH_SCOPE = "com.atproto.refresh"
SERVICE_SCOPE = "service"  # ours, for what another server vouches for
ACCESS_SCOPES = frozenset({FULL_SCOPE, APP_SCOPE, PRIVILEGED_APP_SCOPE})


@dataclass(frozen=True, slots=True)
class Claims:
    did: str
    scope: str
    id: str
    expires_at: datetime


def sign_access(secret: str, did: str, scope: str, *, now: datetime) -> str:
    return _sign(secret, "at+jwt", {"scope": scope, "sub": did}, ACCESS, now)


def sign_refresh(secret: str, did: str, session_id: str, *, now: datetime) -> str:
    return _sign(secret, "refresh+jwt", {"scope": REFRESH_SCOPE, "sub": did, "jti": session_id}, REFRESH, now)


def _sign(secret: str, kind: str, claims: Mapping[str, Any], life: timedelta, now: datetime) -> str:
    issued = int(now.timestamp())
    whole = {**claims, "aud": SERVER_DID, "iat": issued, "exp": issued + int(life.total_seconds())}
    return jwt.encode({"typ": kind, "alg": "HS256"}, whole, OctKey.import_key(secret))


def read(secret: str, token: str) -> Claims | None:
    """Read a token of ours, be it expired; None if it is not ours."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"]).claims
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        return Claims(claims["sub"], claims["scope"], claims.get("jti", ""), expires_at)
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def sign_service(secret: str, did: str, audience: str, method: str | None, expires_at: datetime) -> str:
    """Vouch for an account at another server; the real server signs with the account's own key."""
    claims = {"iss": did, "aud": audience, "lxm": method, "exp": int(expires_at.timestamp())}
    return jwt.encode({"typ": "JWT", "alg": "HS256"}, claims, OctKey.import_key(secret))


def speaks_for(secret: str, token: str) -> str:
    """Say whose token it is, be it expired, of whatever kind; nobody's if it is not ours."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"]).claims
    except (JoseError, ValueError):
        return ""
    return str(claims.get("sub", claims.get("iss", "")))


def vouched(secret: str, authorization: str | None, method: str, *, now: datetime) -> Claims:
    """Say for whom a server vouches, for one method.

    Raises:
        Refusal: if it does not, or for another method.
    """
    token = bearer(authorization)
    try:
        claims: Mapping[str, Any] = jwt.decode(token or "", OctKey.import_key(secret), algorithms=["HS256"]).claims
        expires_at, did = datetime.fromtimestamp(claims["exp"], UTC), claims["iss"]
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Refusal(401, "BadJwt", "poorly formatted jwt") from error
    if expires_at <= now:
        raise Refusal(401, "JwtExpired", "jwt expired")
    if claims["aud"] != SERVER_DID:
        raise Refusal(401, "BadJwtAudience", "jwt audience does not match service did")
    if claims["lxm"] != method:
        raise Refusal(401, "BadJwtLexiconMethod", f'bad jwt lexicon method ("lxm"). must match: {method}')
    return Claims(did, SERVICE_SCOPE, "", expires_at)


def bearer(authorization: str | None) -> str | None:
    """Take the token out of a header, if it holds one."""
    kind, _, token = (authorization or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def verified(
    secret: str, authorization: str | None, scopes: frozenset[str], *, now: datetime, even_expired: bool = False
) -> Claims:
    """Say whose token came with a call.

    Raises:
        Refusal: if none did, or it is no good for this call.
    """
    if not authorization:
        raise Refusal(401, "AuthMissing", "Authentication Required")
    token = bearer(authorization)
    if token is None:
        raise Refusal(400, "InvalidToken", "Unexpected authorization type")
    claims = read(secret, token)
    if claims is None or (claims.scope == REFRESH_SCOPE) != (REFRESH_SCOPE in scopes):
        raise Refusal(400, "InvalidToken", "Token could not be verified")
    if claims.expires_at <= now and not even_expired:
        raise expired()
    if claims.scope not in scopes:
        raise Refusal(400, "InvalidToken", "Bad token scope")
    return claims
