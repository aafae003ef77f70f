"""From a handle to the server that signs its owner in: handle, DID, document, server, issuer.

Every address on the way is chosen by somebody else. So each is fetched from the open internet only, except when the
operator's own server is on this machine: then everything has to be.

Source: https://atproto.com/specs/oauth#identity-authentication, /specs/handle and /specs/did
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, cast
from urllib.parse import quote, urlsplit

from socialcore import failures
from socialcore.adapters import atproto
from socialcore.adapters.bluesky.refusals import NAME, REFUSALS
from socialcore.adapters.bluesky.servers import DEFAULT, JUNK, is_local, origin, service_url
from socialcore.adapters.bluesky.signing import Bearer
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Missing
from socialcore.fetcher import Unfetched, fetch
from socialcore.public_network import Resolve, is_public, looked_up

DIRECTORY = "https://plc.directory"
MOST_BYTES = 200_000  # of a document
NO_BROWSER = "This server has no sign-in by browser. Use an app password."
ODD = f"{NAME} sent an answer that nobody can read."

Read = Callable[[str], Json]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs people in, and where each step is taken."""

    name: str
    pushed_requests: str
    authorization: str
    tokens: str
    revocation: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose records live where."""

    did: str
    handle: str
    server: str


@dataclass(frozen=True, slots=True)
class _Listening(Bearer):
    """Nobody's call, which knows whether anybody answered."""

    heard: list[str] = field(default_factory=list[str])

    def hear(self, url: str, headers: Mapping[str, str]) -> None:
        self.heard.append(url)


class Discovery:
    def __init__(self, calls: Calls, *, read: Read | None = None, resolve: Resolve = looked_up) -> None:
        """Say how to ask: `read` fetches JSON from the open internet, `resolve` looks up a name's addresses."""
        self._calls = calls
        self._read_public = read or _fetched
        self._resolve = resolve

    def identity(self, name: str, near: str) -> Identity:
        """Find an account by handle or DID.

        Args:
            near: the operator's server; if that is on this machine, it alone is asked.

        Raises:
            ContentRejected: if there is no such account, or it does not point back to its handle.
        """
        name = JUNK.sub("", name).removeprefix("@").lower() if not name.startswith("did:") else name
        if is_local(near):
            return self._local_identity(name, near)
        did = name if name.startswith("did:") else self._did_of(name)
        document = self._read(_document_address(did), near)
        handle, server = atproto.signed_name(document), atproto.personal_server(document)
        if document.get("id") != did or handle is None or server is None:
            raise failures.ContentRejected(f"{name} has no server that {NAME} knows of. Check the handle.")
        if name.startswith("did:"):
            handle = handle if self._points_here(handle, did) else did
        elif handle != name:
            raise failures.ContentRejected(f"{name} and its account do not name each other. Check the handle.")
        return Identity(did, handle, self._checked(server, near))

    def issuer_for(self, server: str, near: str) -> Issuer:
        """Find who signs in for a server, be it the server itself.

        Raises:
            ContentRejected: if there is no sign-in by browser.
        """
        try:
            named = self._read(f"{server}/.well-known/oauth-protected-resource", near)
            issuers: Any = named.get("authorization_servers")
            issuer: str = issuers[0] if named.get("resource") == server and _has_words(issuers) else ""
            if not issuer:
                raise failures.ContentRejected(NO_BROWSER)
        except Missing:
            issuer = server  # bsky.social signs in for many servers, and holds no records itself
        return self._described(self._checked(issuer, near), near)

    def is_reachable(self, url: str, near: str) -> bool:
        """Tell whether we may send something there that is not just a question."""
        parts = urlsplit(url)
        if is_local(near):
            return is_local(url) and parts.scheme in ("https", "http")
        if parts.scheme != "https" or not parts.hostname or parts.port not in (None, 443):
            return False
        try:
            addresses = self._resolve(parts.hostname, 443)
        except (OSError, UnicodeError):
            raise failures.Unavailable(f"{parts.hostname} cannot be found. Nothing was sent.") from None
        return bool(addresses) and all(is_public(each) for each in addresses)

    def _described(self, issuer: str, near: str) -> Issuer:
        try:
            said = self._read(f"{issuer}/.well-known/oauth-authorization-server", near)
        except Missing as error:
            raise failures.ContentRejected(NO_BROWSER) from error
        match said:
            case {
                "issuer": str(name),
                "pushed_authorization_request_endpoint": str(pushed),
                "authorization_endpoint": str(authorization),
                "token_endpoint": str(tokens),
                "require_pushed_authorization_requests": True,
                "authorization_response_iss_parameter_supported": True,
            } if name == issuer:
                revocation: object = said.get("revocation_endpoint", "")
            case _:
                raise failures.ContentRejected(NO_BROWSER)
        found = Issuer(name, pushed, authorization, tokens, revocation if isinstance(revocation, str) else "")
        for url in (found.pushed_requests, found.authorization, found.tokens, found.revocation):
            if url and not self.is_reachable(url, near):
                raise failures.ContentRejected(f"{issuer} leads to an address that is not on the open internet.")
        return found

    def _local_identity(self, name: str, server: str) -> Identity:
        try:
            said = self._calls.get(server, "com.atproto.repo.describeRepo", {"repo": name})
        except failures.ContentRejected as error:
            raise failures.ContentRejected(f"{server} knows no account {name}. Check the handle.") from error
        match said:
            case {"did": str(did), "handle": str(handle)}:
                home = atproto.personal_server(said.get("didDoc")) or server
                return Identity(did, handle, self._checked(home, server))
            case _:
                raise failures.Unavailable(ODD)

    def _did_of(self, handle: str) -> str:
        """Ask Bluesky's own servers, which look in the places where a handle says whose it is."""
        try:
            answer = self._read(f"{DEFAULT}/xrpc/com.atproto.identity.resolveHandle?handle={quote(handle)}", DEFAULT)
        except Missing as error:
            raise failures.ContentRejected(f"{handle} is nobody at {NAME}. Check the handle.") from error
        did = answer.get("did")
        if not isinstance(did, str):
            raise failures.ContentRejected(f"{handle} is nobody at {NAME}. Check the handle.")
        return did

    def _points_here(self, handle: str, did: str) -> bool:
        try:
            return self._did_of(handle) == did
        except failures.PlatformFailure:
            return False  # a name only; the account is known by its DID

    def _checked(self, url: str, near: str) -> str:
        """Take a server's address that a document names: as safe as the operator's own, and nothing but a name."""
        address = service_url(url)
        if not self.is_reachable(address, near):
            raise failures.ContentRejected("The account leads to a server on a private network. Check the handle.")
        return address

    def _read(self, url: str, near: str) -> Json:
        if not is_local(near):
            return self._read_public(url)
        if not is_local(url):
            raise failures.ContentRejected(NO_BROWSER)
        asking = _Listening("")
        try:
            return self._calls.send("GET", url, asking, REFUSALS)
        except (failures.ContentRejected, failures.Unavailable) as error:
            if not asking.heard:
                raise
            raise Missing(str(error)) from error  # a page of the server's that says 404


def _has_words(values: object) -> TypeGuard[list[str]]:
    listed = cast("list[object]", values) if isinstance(values, list) else []
    return bool(listed) and all(isinstance(each, str) for each in listed)


def _document_address(did: str) -> str:
    """Say where the document of a DID is.

    Raises:
        ContentRejected: if it is of another kind than the protocol's two.
    """
    kind, _, name = did.removeprefix("did:").partition(":")
    if kind == "plc" and name.isalnum():
        return f"{DIRECTORY}/{did}"
    if kind == "web" and name and not set(name) & set("/?#@:%\\ "):
        return f"https://{name}/.well-known/did.json"
    raise failures.ContentRejected(f"{did} is no account that {NAME} could have.")


def _fetched(url: str) -> Json:
    try:
        found = fetch(url, most_bytes=MOST_BYTES)
        body: object = json.loads(found.body)
    except Unfetched as error:
        if error.status is not None and 400 <= error.status < 500:
            raise Missing(f"{origin(url)} has no such document.") from error
        raise failures.Unavailable(f"{origin(url)}: {error.problem.title} Nothing was sent.") from error
    except (ValueError, RecursionError) as error:
        raise Missing(f"{origin(url)} has no such document.") from error
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
