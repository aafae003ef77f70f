"""Google's side of signing in: who is asked, what a code and a refresh token give, and how both end.

Source: https://developers.google.com/identity/protocols/oauth2/web-server (2026-11-23).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.responses import JSONResponse, Response

from socialcore.sandbox import oauth
from socialcore.sandbox.google_business.calls import Asked
from socialcore.sandbox.google_business.refusals import scope_missing, token_refused, unauthenticated
from socialcore.sandbox.google_business.state import Person, State
from socialcore.sandbox.page import document

MANAGE = "https://www.googleapis.com/auth/business.manage"
SCOPES = frozenset({MANAGE, "openid"})
ACCESS = timedelta(seconds=3600)
CODE = timedelta(minutes=10)
MOST_REFRESH_TOKENS = 100  # of one person for one app; the oldest ends without a word
QUESTIONS = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "scope", "state", "access_type", "prompt", "login_hint"),
        *("include_granted_scopes", "code_challenge", "code_challenge_method", "nonce", "hl"),
        "enable_granular_consent",
    }
)
SIGNING = "sandbox, which signs for nobody outside of it"


class SignIn:
    def __init__(self, state: State, sign_ins: oauth.SignIns) -> None:
        self._state = state
        self._sign_ins = sign_ins
        self.consent = oauth.Consent("Google", self._people, self._decide)

    def ask(self, query: Mapping[str, str], oddities: list[str]) -> Response:
        """Show who could be signed in; or that nobody can be, for a question that makes no sense."""
        oddities += [f"unknown parameter {name}" for name in query.keys() - QUESTIONS]
        oddities += [f"unknown scope {each}" for each in query.get("scope", "").split() if each not in SCOPES]
        try:
            return self.consent.page(query, _wanted(query))
        except oauth.Invalid as invalid:
            oddities.append(str(invalid))
            return not_asked(invalid)

    def person(self, asked: Asked, now: datetime) -> Person:
        """Say who calls.

        Raises:
            Refusal: if nobody does who may.
        """
        token = self._sign_ins.token(_bearer(asked), "access")
        if token is None or token.has_expired(now) or token.sign_in.account not in self._state.people:
            raise unauthenticated()
        if MANAGE not in token.sign_in.scopes:
            raise scope_missing()
        return self._state.people[token.sign_in.account]

    def caller(self, asked: Asked) -> Person | None:
        """Say who calls, be it with what is of no use any more; None if nobody can tell."""
        form = form_of(asked)
        values = [_bearer(asked), form.get("refresh_token", ""), form.get("code", ""), form.get("token", "")]
        found = (self._sign_ins.token(value, kind) for value in values for kind in ("access", "refresh", "code"))
        name = next((token.sign_in.account for token in found if token is not None), None)
        return None if name is None else self._state.people.get(name)

    def token(self, asked: Asked, now: datetime, oddities: list[str]) -> Response:
        form = form_of(asked)
        if asked.content_type != "application/x-www-form-urlencoded":
            oddities.append(f"Content-Type {asked.content_type or 'missing'}: not a form")
        if asked.query:
            oddities.append("what belongs into the body is in the address, where logs keep it")
        if (form.get("client_id"), form.get("client_secret")) != (oauth.CLIENT_ID, oauth.CLIENT_SECRET):
            return token_refused(401, "invalid_client", "The provided client secret is invalid.")
        match form:
            case {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}:
                return self._redeemed(code, redirect_uri, form.get("code_verifier"), now)
            case {"grant_type": "refresh_token", "refresh_token": refresh}:
                return self._refreshed(refresh, now)
            case {"grant_type": "authorization_code" | "refresh_token"}:
                oddities.append("a parameter of the grant is missing")
                return token_refused(400, "invalid_request", "Missing required parameter.")
            case _:
                oddities.append(f"grant_type {form.get('grant_type')}")
                return token_refused(400, "unsupported_grant_type", "Invalid grant_type.")

    def revoke(self, asked: Asked, now: datetime, oddities: list[str]) -> Response:  # noqa: ARG002
        """End everything this person has allowed the app: granted scopes were included, so there is but one grant."""
        form = form_of(asked)
        if "token" not in form:
            oddities.append("a token to revoke is missing")
        found = (self._sign_ins.token(form.get("token", ""), kind) for kind in ("refresh", "access"))
        token = next((each for each in found if each is not None), None)
        if token is None:
            return token_refused(400, "invalid_token", "Token expired or revoked")
        for each in self._sign_ins.of(token.sign_in.account):
            self._sign_ins.end(each)
        return JSONResponse({})

    def _people(self) -> list[tuple[str, str]]:
        return [(each.email, each.email) for each in self._state.people.values()]

    def _decide(self, query: Mapping[str, str], choice: oauth.Choice, now: datetime) -> str:
        asked = _wanted(query)
        if choice.denied or choice.account not in self._state.people:
            return oauth.back(asked, error="access_denied")
        code = self._sign_ins.begin(asked, choice, CODE, now=now)
        begun = self._sign_ins.token(code, "code")
        if begun is not None and (query.get("access_type"), query.get("prompt")) == ("offline", "consent"):
            self._state.happen({"type": "offline", "sign_in": begun.sign_in.id})
        granted = begun.sign_in.scopes if begun else ()
        return oauth.back(asked, code=code, scope=" ".join(granted))

    def _redeemed(self, code: str, redirect_uri: str, verifier: str | None, now: datetime) -> Response:
        try:
            sign_in = self._sign_ins.redeem(code, redirect_uri, verifier, now=now)
        except oauth.Invalid as invalid:
            return token_refused(400, invalid.error, "Malformed auth code.")
        more: dict[str, str] = {}
        if sign_in.id in self._state.offline:
            more = {"refresh_token": self._sign_ins.issue(sign_in, "refresh", None, now=now, prefix="1//")}
            held = [each for each in self._sign_ins.of(sign_in.account) if each.id in self._state.offline]
            for each in held[:-MOST_REFRESH_TOKENS]:
                self._sign_ins.end(each)
        return self._answer(sign_in, now, more)

    def _refreshed(self, refresh: str, now: datetime) -> Response:
        token = self._sign_ins.token(refresh, "refresh")
        if token is None:
            return revoked()
        return self._answer(token.sign_in, now, {})

    def _answer(self, sign_in: oauth.SignIn, now: datetime, more: Mapping[str, str]) -> Response:
        answer: dict[str, Any] = {
            "access_token": self._sign_ins.issue(sign_in, "access", ACCESS, now=now, prefix="ya29."),
            "expires_in": int(ACCESS.total_seconds()) - 1,
            "scope": " ".join(sign_in.scopes),
            "token_type": "Bearer",
            **more,
        }
        if "openid" in sign_in.scopes:
            answer["id_token"] = self._id_token(sign_in.account, now)
        return JSONResponse(answer)

    def _id_token(self, email: str, now: datetime) -> str:
        issued = int(now.timestamp())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": oauth.CLIENT_ID,
            "sub": self._state.people[email].id,
            "iat": issued,
            "exp": issued + int(ACCESS.total_seconds()),
        }
        return jwt.encode({"typ": "JWT", "alg": "HS256"}, claims, OctKey.import_key(SIGNING))


def revoked() -> Response:
    return token_refused(400, "invalid_grant", "Token has been expired or revoked.")


def reauthentication_needed() -> Response:
    """Answer as a Workspace whose sessions end does."""
    return token_refused(400, "invalid_grant", "Bad Request", error_subtype="invalid_rapt")


def not_asked(invalid: oauth.Invalid) -> Response:
    body = f"<p>Error 400: {escape(invalid.error)}</p><p>{escape(invalid.description)}</p>"
    return document("Access blocked: Authorization Error", body, 400)


def form_of(asked: Asked) -> Mapping[str, str]:
    if asked.content_type != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))


def _wanted(query: Mapping[str, str]) -> oauth.Wanted:
    asked = oauth.wanted(query, needs_pkce=False)
    if not asked.scopes:
        raise oauth.Invalid("invalid_request", "Missing required parameter: scope")
    return asked


def _bearer(asked: Asked) -> str:
    kind, _, token = (asked.authorization or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
