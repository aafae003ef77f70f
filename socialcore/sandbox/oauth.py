"""Signing in by browser, as the doubled platforms offer it: a page that asks, a code, tokens.

Where platforms differ (addresses, lifetimes, what a refresh does, the words of a refusal) each speaks for itself.

Source: RFC 6749 (OAuth 2.0), RFC 7636 (PKCE).
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socialcore.sandbox.journal import Journal
from socialcore.sandbox.page import document
from socialcore.sandbox.platforms import Refused

CLIENT_ID = "social-composer"  # the one app that every doubled platform knows
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but a double on this machine
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Invalid(Exception):
    """A request for consent or for tokens is refused; `error` is the standard's name for why."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an app wants somebody to allow, and where the answer goes."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    challenge: str | None  # S256


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody who was asked says."""

    account: str
    denied: bool = False
    withheld: frozenset[str] = frozenset()  # scopes


def wanted(query: Mapping[str, str], *, needs_pkce: bool, separator: str = " ") -> Wanted:
    """Read what an authorization request asks for.

    Raises:
        Invalid: if no one may be asked that; then nobody is sent anywhere.
    """
    redirect_uri = query.get("redirect_uri", "")
    if query.get("client_id") != CLIENT_ID:
        raise Invalid("invalid_client", f"there is no app {query.get('client_id', '')!r}; there is {CLIENT_ID}")
    if not _is_registered(redirect_uri):
        raise Invalid("invalid_request", "redirect_uri is neither https nor on this machine")
    if query.get("response_type", "code") != "code":
        raise Invalid("unsupported_response_type", "response_type is not code")
    challenge = query.get("code_challenge")
    if needs_pkce and not challenge:
        raise Invalid("invalid_request", "code_challenge is missing")
    if challenge and query.get("code_challenge_method") != "S256":
        raise Invalid("invalid_request", "code_challenge_method is not S256")
    scopes = tuple(each for each in query.get("scope", "").split(separator) if each)
    return Wanted(redirect_uri, scopes, query.get("state", ""), challenge)


def back(asked: Wanted, **answer: str) -> str:
    """Make the address that the browser returns to."""
    separator = "&" if urlsplit(asked.redirect_uri).query else "?"
    return asked.redirect_uri + separator + urlencode({**answer, **({"state": asked.state} if asked.state else {})})


def is_our_app(authorization: str | None) -> bool:
    """Tell whether HTTP Basic names the app and its secret."""
    expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    kind, _, value = (authorization or "").partition(" ")
    return kind.lower() == "basic" and secrets.compare_digest(value.strip().encode(), expected.encode())


class Consent:
    """The page that asks, and the decision; a program decides by the controls instead."""

    def __init__(
        self,
        title: str,
        accounts: Callable[[], Iterable[tuple[str, str]]],
        decide: Callable[[Mapping[str, str], Choice, datetime], str],
    ) -> None:
        """Say what is particular to a platform.

        Args:
            title: the platform's name.
            accounts: who could be asked: an id and a name each.
            decide: given the query of the authorization request, answers where the browser goes, or is `Invalid`.
        """
        self._title = title
        self._accounts = accounts
        self._decide = decide

    def page(self, query: Mapping[str, str], asked: Wanted) -> Response:
        """Ask; `asked` is what the platform has read out of the query."""
        people = list(self._accounts())
        choices = "\n".join(
            f'<div><label><input type="radio" name="account" value="{escape(name)}"{" checked" if first else ""}> '
            f"{escape(shown)}</label></div>"
            for first, (name, shown) in ((number == 0, each) for number, each in enumerate(people))
        )
        allow = '<button name="decision" value="allow">Allow</button>' if people else ""
        kept = "".join(
            f'<input type="hidden" name="asked.{escape(name)}" value="{escape(value)}">'
            for name, value in query.items()
        )
        body = f"""<p>{escape(CLIENT_ID)} wants to use an account. It asks for:</p>
<ul>{"".join(f"<li>{escape(scope)}</li>" for scope in asked.scopes)}</ul>
<form method="post">{kept}
<fieldset><legend>Account</legend>
{choices or "<p>There is no account yet.</p>"}
</fieldset>
<p>{allow} <button name="decision" value="deny">Deny</button></p>
</form>"""
        return document(f"Sign in with {self._title}", body)

    async def decided(self, request: Request, *, now: datetime) -> Response:
        """Take what the page's form brings.

        Raises:
            Invalid: as `decide`.
        """
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        query = {name.removeprefix("asked."): value for name, value in form.items() if name.startswith("asked.")}
        choice = Choice(form.get("account", ""), denied=form.get("decision") != "allow")
        return RedirectResponse(self._decide(query, choice, now), 303)

    def by_control(self, wishes: Mapping[str, Any], *, now: datetime) -> str:
        """Decide as `wishes` say: `url` of the authorization request, `account`, `deny`, `withhold` (scopes).

        Raises:
            Refused: if that makes no sense.
        """
        match wishes:
            case {"url": str(url), "account": str(account)}:
                withheld: list[str] = wishes.get("withhold", [])
            case _:
                raise Refused("consent needs a url and an account, both strings")
        name = next((one for one, shown in self._accounts() if account in {one, shown}), None)
        if name is None:
            raise Refused(f"{self._title} knows no {account}")
        choice = Choice(name, denied=wishes.get("deny") is True, withheld=frozenset(withheld))
        try:
            return self._decide(dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)), choice, now)
        except Invalid as invalid:
            raise Refused(str(invalid)) from invalid


@dataclass(frozen=True, slots=True)
class SignIn:
    """One consent: whose, and to what."""

    id: str
    account: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class Token:
    """A code, an access token or a refresh token, known by its hash only."""

    kind: str
    sign_in: SignIn
    expires_at: datetime | None
    redirect_uri: str | None = None
    challenge: str | None = None
    is_spent: bool = False

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True)
class _Known:
    sign_ins: dict[str, SignIn] = field(default_factory=dict[str, SignIn])
    tokens: dict[str, Token] = field(default_factory=dict[str, Token])


class SignIns:
    """Who has signed in, and with what tokens; kept in a journal of its own."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._known = _Known()
        for event in self._journal.replay():
            self._apply(event)

    def begin(self, asked: Wanted, choice: Choice, life: timedelta, *, now: datetime) -> str:
        """Note a consent.

        Returns:
            The code for it.
        """
        scopes = [each for each in asked.scopes if each not in choice.withheld]
        name = secrets.token_hex(8)
        self._happen({"type": "sign_in", "id": name, "account": choice.account, "scopes": scopes})
        where = {"redirect_uri": asked.redirect_uri, "challenge": asked.challenge}
        return self._issue(self._known.sign_ins[name], "code", now + life, secrets.token_urlsafe(32), where)

    def redeem(self, code: str, redirect_uri: str, verifier: str | None, *, now: datetime) -> SignIn:
        """Take a code, once.

        Raises:
            Invalid: `invalid_grant`, if it is spent, too old, or somebody else's.
        """
        token = self.token(code, "code")
        if token is None or token.is_spent or token.has_expired(now):
            raise Invalid("invalid_grant", "the code is unknown, too old or was used before")
        self.spend(code)
        if redirect_uri != token.redirect_uri:
            raise Invalid("invalid_grant", "redirect_uri is not the one of the authorization request")
        if token.challenge is not None and token.challenge != _s256(verifier or ""):
            raise Invalid("invalid_grant", "code_verifier does not belong to the code_challenge")
        return token.sign_in

    def issue(self, sign_in: SignIn, kind: str, life: timedelta | None, *, now: datetime, prefix: str = "") -> str:
        """Make a token; without a life it does not expire."""
        return self._issue(sign_in, kind, None if life is None else now + life, prefix + secrets.token_urlsafe(32), {})

    def token(self, value: str, kind: str) -> Token | None:
        """Find a token, be it expired or spent; None if there is no such, or its sign-in has ended."""
        found = self._known.tokens.get(_hash(value))
        return found if found is not None and found.kind == kind else None

    def spend(self, value: str) -> None:
        """Let a token be of no use any more; those of the same sign-in stay."""
        self._happen({"type": "spent", "hash": _hash(value)})

    def end(self, sign_in: SignIn) -> None:
        """Forget a sign-in and every token of it."""
        self._happen({"type": "ended", "id": sign_in.id})

    def of(self, account: str) -> Sequence[SignIn]:
        return [each for each in self._known.sign_ins.values() if each.account == account]

    def wipe(self) -> None:
        self._journal.wipe()
        self._known = _Known()

    def close(self) -> None:
        self._journal.close()

    def _issue(
        self, sign_in: SignIn, kind: str, ends_at: datetime | None, value: str, rest: Mapping[str, str | None]
    ) -> str:
        expires = None if ends_at is None else ends_at.isoformat()
        made = {"hash": _hash(value), "kind": kind, "sign_in": sign_in.id, "expires": expires}
        self._happen({"type": "token", **made, **rest})
        return value

    def _happen(self, event: Mapping[str, Any]) -> None:
        self._journal.append(event)
        self._apply(event)

    def _apply(self, event: Mapping[str, Any]) -> None:
        known = self._known
        match event["type"]:
            case "sign_in":
                known.sign_ins[event["id"]] = SignIn(event["id"], event["account"], tuple(event["scopes"]))
            case "token":
                expires_at = None if event["expires"] is None else datetime.fromisoformat(event["expires"])
                sign_in = known.sign_ins[event["sign_in"]]
                where = (event.get("redirect_uri"), event.get("challenge"))
                known.tokens[event["hash"]] = Token(event["kind"], sign_in, expires_at, *where)
            case "spent":
                known.tokens[event["hash"]].is_spent = True
            case "ended":
                known.sign_ins.pop(event["id"], None)
                known.tokens = {name: each for name, each in known.tokens.items() if each.sign_in.id != event["id"]}
            case unknown:
                raise ValueError(f"an event of type {unknown}: was this folder written by a newer version?")


def _is_registered(redirect_uri: str) -> bool:
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return False
    if parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_NAMES)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
