"""The methods that open and end sign-ins: OAuth 2.0 with PKCE, for an app that has a secret.

Source: docs.x.com fundamentals/authentication/oauth-2-0; single-use refresh tokens as seen in the field.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from socialcore.sandbox import oauth
from socialcore.sandbox.oauth import Choice, Invalid, SignIn, SignIns
from socialcore.sandbox.twitter.calls import Asked
from socialcore.sandbox.twitter.refusals import Refusal, bad_token, invalid
from socialcore.sandbox.twitter.refusals import oauth as refused

Answer = Mapping[str, Any]

CODE = timedelta(seconds=30)
ACCESS = timedelta(hours=2)
REFRESH = timedelta(days=180)
SCOPES = frozenset(
    {
        *("tweet.read", "tweet.write", "tweet.moderate.write", "users.email", "users.read", "offline.access"),
        *("follows.read", "follows.write", "space.read", "mute.read", "mute.write", "like.read", "like.write"),
        *("list.read", "list.write", "block.read", "block.write", "bookmark.read", "bookmark.write", "media.write"),
    }
)
MOST_STATE = 500


def wanted(query: Mapping[str, str]) -> oauth.Wanted:
    """Read what an authorization request asks for.

    Raises:
        Invalid: if X would show an error instead of asking.
    """
    asked = oauth.wanted(query, needs_pkce=True)
    if query.get("response_type") != "code":
        raise Invalid("unsupported_response_type", "response_type is not code")
    if unknown := sorted(set(asked.scopes) - SCOPES):
        raise Invalid("invalid_scope", f"there is no {unknown[0]}")
    if not asked.scopes or not 0 < len(asked.state) <= MOST_STATE:
        raise Invalid("invalid_request", f"scope is needed, and a state of up to {MOST_STATE} characters")
    return asked


def decide(sign_ins: SignIns, query: Mapping[str, str], choice: Choice, now: datetime) -> str:
    asked = wanted(query)
    if choice.denied:
        return oauth.back(asked, error="access_denied")
    return oauth.back(asked, code=sign_ins.begin(asked, choice, CODE, now=now))


def token(sign_ins: SignIns, asked: Asked, now: datetime) -> Answer:
    form = _form(asked)
    match form.get("grant_type"):
        case "authorization_code":
            try:
                sign_in = sign_ins.redeem(
                    form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier"), now=now
                )
            except Invalid as error:
                raise refused(400, "invalid_request", "Value passed for the authorization code was invalid.") from error
        case "refresh_token":
            value = form.get("refresh_token", "")
            found = sign_ins.token(value, "refresh")
            if found is None or found.is_spent or found.has_expired(now):
                raise bad_token()
            sign_ins.spend(value)
            sign_in = found.sign_in
        case other:
            raise refused(400, "unsupported_grant_type", f"[{other}] is no grant type")
    return _pair(sign_ins, sign_in, now)


def revoke(sign_ins: SignIns, asked: Asked, now: datetime) -> Answer:  # noqa: ARG001
    form = _form(asked)
    value = form.get("token", "")
    if not value:
        raise invalid("token", "is missing")
    found = sign_ins.token(value, "refresh") or sign_ins.token(value, "access")
    if found is not None:
        sign_ins.spend(value)
    return {"revoked": True}


def whose(sign_ins: SignIns, asked: Asked) -> str:
    """Find whose call it is, be the token expired; nothing if that cannot be told."""
    form = asked.form
    values = (
        (asked.bearer, "access"),
        (form.get("refresh_token"), "refresh"),
        (form.get("token"), "refresh"),
        (form.get("code"), "code"),
    )
    found = (sign_ins.token(value, kind) for value, kind in values if value)
    return next((each.sign_in.account for each in found if each is not None), "")


def _form(asked: Asked) -> Mapping[str, str]:
    if asked.content_type != "application/x-www-form-urlencoded":
        raise refused(400, "invalid_request", "The body is not a form.")
    if asked.authorization is None:
        raise refused(401, "unauthorized_client", "Missing valid authorization header")
    if not oauth.is_our_app(asked.authorization):
        raise refused(401, "invalid_client", "Value passed for the client was invalid.")
    return asked.form


def _pair(sign_ins: SignIns, sign_in: SignIn, now: datetime) -> Answer:
    answer = {
        "token_type": "bearer",
        "expires_in": int(ACCESS.total_seconds()),
        "access_token": sign_ins.issue(sign_in, "access", ACCESS, now=now),
        "scope": " ".join(sign_in.scopes),
    }
    if "offline.access" in sign_in.scopes:
        answer["refresh_token"] = sign_ins.issue(sign_in, "refresh", REFRESH, now=now)
    return answer


def insist_on_scopes(sign_in: SignIn, scopes: frozenset[str]) -> None:
    if missing := sorted(scopes - set(sign_in.scopes)):
        raise Refusal(
            403,
            {
                "title": "Forbidden",
                "type": "about:blank",
                "status": 403,
                "detail": f"Missing required scopes: {', '.join(missing)}",
            },
        )
