"""Signing in by browser: pushed requests, PKCE, a key for each sign-in, refresh tokens that are good for one use.

Source: https://atproto.com/specs/oauth; RFC 7636 (PKCE), RFC 9126 (PAR), RFC 9207 (iss), RFC 9449 (DPoP), RFC 7009
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from joserfc.jwk import ECKey

from socialcore import failures
from socialcore.adapters import atproto
from socialcore.adapters.bluesky.capabilities import PERMISSIONS
from socialcore.adapters.bluesky.discovery import Discovery
from socialcore.adapters.bluesky.refusals import NAME, OAUTH_REFUSALS
from socialcore.adapters.bluesky.registration import NO_BROWSER, PUBLIC_SESSION, Registration
from socialcore.adapters.bluesky.servers import service_url
from socialcore.adapters.bluesky.signing import BrowserSession, Nonces, Proof, s256
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import Access, BeforeWrite, Departure, Granted, Json, Target

NOT_FINISHED = f"The sign-in at {NAME} was not finished. Begin again."


class Browser:
    def __init__(self, calls: Calls, nonces: Nonces, registration: Registration | None, discovery: Discovery) -> None:
        self._calls = calls
        self._nonces = nonces
        self._registration = registration
        self._discovery = discovery

    def depart(self, answer: Mapping[str, str], redirect_uri: str, state: str) -> Departure:
        """Begin with `identifier` (a handle or a DID) or with no more than `service`, where the account is chosen."""
        ours = self._ours()
        near, name = service_url(answer.get("service", "")), answer.get("identifier", "").strip()
        whose = self._discovery.identity(name, near) if name else None
        issuer = self._discovery.issuer_for(whose.server if whose else near, near)
        back = ours.returning(redirect_uri)
        client_id, key, verifier = ours.client_id(back), _new_key(), secrets.token_urlsafe(48)
        form = {
            "client_id": client_id,
            "response_type": "code",
            "redirect_uri": back,
            "scope": ours.scope,
            "state": state,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
            **({"login_hint": whose.handle} if whose else {}),
        }
        proof = Proof(key, self._nonces, secrets=(verifier,))
        pushed = self._ask(issuer.pushed_requests, form, proof, client_id, issuer.name)
        if not isinstance(pushed.get("request_uri"), str):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        query = urlencode({"client_id": client_id, "request_uri": pushed["request_uri"]})
        keep = {
            "near": near,
            "did": whose.did if whose else "",
            "verifier": verifier,
            "key": key.as_dict(private=True),
            "redirect_uri": back,
            "client_id": client_id,
            "issuer": issuer.name,
        }
        return Departure(f"{issuer.authorization}?{query}", {"oauth": json.dumps(keep)})

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Turn what the browser brought back, beside what `depart` kept, into a grant."""
        kept: dict[str, Any] = json.loads(answer["oauth"])
        if answer.get("error") or not answer.get("code"):
            raise failures.ReconnectNeeded(OAUTH_REFUSALS.says.get(answer.get("error", ""), NOT_FINISHED))
        if answer.get("iss") != kept["issuer"]:
            raise failures.ReconnectNeeded(f"Somebody else than {NAME} answered this sign-in. Begin again.")
        near, key = kept["near"], ECKey.import_key(kept["key"])
        issuer = self._discovery.issuer_for(kept["issuer"], near)
        proof = Proof(key, self._nonces, secrets=(answer["code"], kept["verifier"]))
        form = {
            "client_id": kept["client_id"],
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": kept["redirect_uri"],
            "code_verifier": kept["verifier"],
        }
        given = self._ask(issuer.tokens, form, proof, kept["client_id"], issuer.name)
        session = BrowserSession(key, kept["client_id"], issuer.name, issuer.tokens, issuer.revocation, "", _end(kept))
        try:
            return self._accepted(given, session, near, kept["did"])
        except failures.PlatformFailure:
            self._give_back(session, given)
            raise

    def refresh(self, access: Access, before_write: BeforeWrite | None) -> Granted:
        """Use the refresh token, for the only time."""
        session = BrowserSession.loads(access.secret["oauth"])
        proof = Proof(session.key, self._nonces, secrets=tuple(access.secret.values()))
        form = {
            "client_id": session.client_id,
            "grant_type": "refresh_token",
            "refresh_token": access.secret["refresh"],
        }
        given = self._ask(session.token_endpoint, form, proof, session.client_id, session.issuer, before_write)
        if given.get("sub") != access.target_id:
            raise failures.ReconnectNeeded(f"{NAME} renewed the sign-in of somebody else. Sign in again.")
        return _granted(access.service, given, session, Target(access.target_id, access.target_id))

    def revoke(self, access: Access) -> None:
        session = BrowserSession.loads(access.secret["oauth"])
        self._revoke(session, access.secret["refresh"])

    def _accepted(self, given: Json, session: BrowserSession, near: str, expected: str) -> Granted:
        """Make sure that the one who signed in is who it should be, and is whose issuer says so."""
        did, scope = given.get("sub"), given.get("scope")
        if not isinstance(did, str) or not did.startswith("did:") or not isinstance(scope, str):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        if expected and did != expected:
            raise failures.ReconnectNeeded("Another account was signed in than the one asked for. Begin again.")
        whose = self._discovery.identity(did, near)
        if self._discovery.issuer_for(whose.server, near).name != session.issuer:
            raise failures.ReconnectNeeded("The account's own server does not know this sign-in. Begin again.")
        if missing := [each for each in PERMISSIONS if each not in scope.split()]:
            raise failures.ReconnectNeeded(
                f"{NAME} was not allowed what is needed: {', '.join(missing)}. Sign in again and allow it."[:300]
            )
        at_home = replace(session, home=whose.server)
        return _granted(whose.server, given, at_home, Target(did, whose.handle))

    def _give_back(self, session: BrowserSession, given: Json) -> None:
        """End a sign-in that we do not want; it would end by itself, so no more is made of it."""
        token = given.get("refresh_token")
        try:
            self._revoke(session, token if isinstance(token, str) else "")
        except failures.PlatformFailure:
            return

    def _revoke(self, session: BrowserSession, token: str) -> None:
        if not session.revocation_endpoint:
            return
        form = {"client_id": session.client_id, "token": token}
        proof = Proof(session.key, self._nonces, secrets=(token,))
        try:
            self._ask(session.revocation_endpoint, form, proof, session.client_id, session.issuer, answers=False)
        except failures.ReconnectNeeded:
            return  # already gone

    def _ask(
        self,
        url: str,
        form: Mapping[str, str],
        proof: Proof,
        client_id: str,
        issuer: str,
        before_write: BeforeWrite | None = None,
        *,
        answers: bool = True,
    ) -> Json:
        ours = self._registration or Registration()
        return self._calls.send(
            "POST",
            url,
            proof,
            OAUTH_REFUSALS,
            form=lambda: {**form, **ours.assertion(client_id, issuer)},
            before_write=before_write,
            answers=answers,
        )

    def _ours(self) -> Registration:
        if self._registration is None:
            raise failures.ContentRejected(NO_BROWSER)
        return self._registration


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256")


def _end(kept: Mapping[str, Any]) -> str:
    is_public = kept["client_id"].startswith("http://localhost?")
    return (datetime.now(UTC) + PUBLIC_SESSION).isoformat() if is_public else ""


def _granted(service: str, given: Json, session: BrowserSession, target: Target) -> Granted:
    match given:
        case {"access_token": str(access), "refresh_token": str(refresh), "token_type": str(kind)} if (
            kind.lower() == "dpop" and atproto.can_be_token(access) and atproto.can_be_token(refresh)
        ):
            pass
        case _:
            raise failures.Unavailable(f"{NAME} answered without a sign-in. Nothing was stored.")
    seconds, scope = given.get("expires_in"), given.get("scope")
    lasts = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds < 10**8 else None
    return Granted(
        service,
        target.id,
        {"access": access, "refresh": refresh, "oauth": session.dumps()},
        (target,),
        datetime.now(UTC) + lasts if lasts else None,
        datetime.fromisoformat(session.ends) if session.ends else None,
        frozenset(scope.split()) if isinstance(scope, str) else None,
    )
