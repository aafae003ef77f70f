"""Bluesky, over the AT Protocol.

A record's key is ours to choose and its CID is known beforehand, so a delivery always writes the same
bytes to the same place: looking for what an earlier attempt left behind is one read, not a search.

Source: lexicons/com/atproto/{server,repo,identity} and app/bsky/feed/post.json in bluesky-social/atproto;
the answers of npm @atproto/pds 0.5.35 (tests/data/pds-observed-0.5.35.json).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from socialcore import failures
from socialcore.adapters import atproto, bluesky_links
from socialcore.adapters.bluesky_links import COLLECTION, key_of
from socialcore.adapters.contract import (
    Access,
    BeforeWrite,
    Budget,
    Capabilities,
    Checked,
    Departure,
    Frozen,
    Granted,
    Json,
    Lookups,
    Media,
    ReadBack,
    Receipt,
    Sighting,
    Target,
    TextLimit,
    TextUnit,
    Usage,
)
from socialcore.adapters.http import Missing, Refusals, call, new_client
from socialcore.posts import Content, Problem
from socialcore.text import bluesky as text_rules

NAME = "Bluesky"
HANDLE_JUNK = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # comes along with copy and paste
FACET_URI = re.compile(r"\w+:(?://)?[^\s/]\S*")  # what a server takes for a URI; it refuses the whole post otherwise
SIGN_IN_AGAIN = "Make a new app password in Bluesky's settings and reconnect."


def _code(reply: Json) -> str | None:
    code = reply.get("error")
    return code if isinstance(code, str) else None


REFUSALS = Refusals(
    _code,
    {
        "ExpiredToken": failures.CredentialExpired,
        # A restored server forgets its tokens but not its passwords: refreshing tells which it is.
        "InvalidToken": failures.CredentialExpired,
        "AuthMissing": failures.CredentialExpired,
        "AuthenticationRequired": failures.ReconnectNeeded,
        "AuthFactorTokenRequired": failures.ReconnectNeeded,
        "AccountTakedown": failures.ReconnectNeeded,
        "AccountSuspended": failures.ReconnectNeeded,
        "AccountDeactivated": failures.ReconnectNeeded,
        "AccountNotFound": failures.ReconnectNeeded,
    },
    {
        "AuthenticationRequired": f"{NAME} does not accept this handle with this app password. {SIGN_IN_AGAIN}",
        "AuthFactorTokenRequired": f"{NAME} asks for a code by e-mail. Use an app password instead of the main one.",
        "AccountTakedown": f"{NAME} has taken this account down. Only its owner can settle that with {NAME}.",
        "AccountSuspended": f"{NAME} has suspended this account. Only its owner can settle that with {NAME}.",
        "AccountDeactivated": f"This {NAME} account is deactivated. Its owner can turn it on again.",
        "AccountNotFound": f"This {NAME} account no longer exists.",
        "ExpiredToken": f"{NAME}'s sign-in has expired.",
        "InvalidToken": f"{NAME} does not know this sign-in any more.",
    },
)
WRITE_REFUSALS = replace(REFUSALS, meaning={**REFUSALS.meaning, "InvalidSwap": failures.OutcomeUnknown})
LOOK_REFUSALS = replace(REFUSALS, meaning={**REFUSALS.meaning, "RecordNotFound": Missing, "HandleNotFound": Missing})
# Where a sign-in begins, no older one can have expired: whatever is the matter, renewing would go round in circles.
SIGN_IN_REFUSALS = replace(
    REFUSALS,
    meaning={
        **REFUSALS.meaning,
        **dict.fromkeys(("ExpiredToken", "InvalidToken", "AuthMissing"), failures.ReconnectNeeded),
    },
    says={**REFUSALS.says, "ExpiredToken": f"{NAME} has ended this sign-in. {SIGN_IN_AGAIN}"},
    unauthorized=failures.ReconnectNeeded,
)
# Where there is nothing but a token to be wrong, "invalid request" is a token of an account that is gone.
_GONE = {"InvalidRequest": f"This {NAME} account was deleted, moved or taken down."}
CHECK_REFUSALS = replace(
    REFUSALS,
    meaning={**REFUSALS.meaning, "InvalidRequest": failures.ReconnectNeeded},
    says={**REFUSALS.says, **_GONE},
)
REFRESH_REFUSALS = replace(
    SIGN_IN_REFUSALS,
    meaning={**SIGN_IN_REFUSALS.meaning, "InvalidRequest": failures.ReconnectNeeded},
    says={**SIGN_IN_REFUSALS.says, **_GONE},
)


class Bluesky:
    capabilities = Capabilities(
        name=NAME,
        text_limits=(TextLimit(300, TextUnit.GRAPHEMES), TextLimit(3000, TextUnit.BYTES)),
        can_delete=True,
        settle=timedelta(0),  # the key is ours: writing again cannot make a second post
        misses=1,
        read_lag=timedelta(0),  # getRecord asks the server that holds the record
        # 5,000 points an hour and 35,000 a day for each account, of which a post costs 3.
        # https://docs.bsky.app/docs/advanced-guides/rate-limits
        budgets=(Budget("grant", 1_666, timedelta(hours=1)), Budget("grant", 11_666, timedelta(days=1))),
        source="app.bsky.feed.post in bluesky-social/atproto d6296a1c, 2026-08-20",
    )

    def __init__(self, client: httpx.Client | None = None) -> None:
        self._client = client or new_client()

    def validate(self, content: Content) -> list[Problem]:
        text = content.text_for("bluesky")
        if not text.strip():
            return [Problem("Write something first.", "A post needs at least one character.")]
        over = {each.limit.unit: each.used - each.limit.most for each in self.usage(content)}
        problems: list[Problem] = []
        if (excess := over[TextUnit.GRAPHEMES]) > 0:
            problems.append(Problem(f"{NAME}: {_counted(excess, 'character')} too long", "Shorten the text."))
        if (excess := over[TextUnit.BYTES]) > 0:
            problems.append(
                Problem(
                    f"{NAME}: {_counted(excess, 'byte')} too large",
                    "Some emoji and scripts take many bytes each. Shorten the text, or use fewer of them.",
                )
            )
        return problems

    def usage(self, content: Content) -> list[Usage]:
        length = text_rules.measure(content.text_for("bluesky"))
        used = {TextUnit.GRAPHEMES: length.graphemes, TextUnit.BYTES: length.utf8_bytes}
        return [Usage(used[limit.unit], limit) for limit in self.capabilities.text_limits]

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Sign in with `service` (a URL), `identifier` (handle, DID or e-mail) and `app_password`."""
        service = service_url(answer.get("service", ""))
        identifier = HANDLE_JUNK.sub("", answer.get("identifier", "")).removeprefix("@")
        password = HANDLE_JUNK.sub("", answer.get("app_password", ""))  # an app password has no spaces
        if not identifier or not password:
            raise failures.ReconnectNeeded("Type the handle and an app password.")
        self._insist_on_a_server(service)
        return self._sign_in(service, identifier, password)

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        try:
            session = self._post(
                access.service,
                "com.atproto.server.refreshSession",
                None,
                access.secret["refresh"],
                REFRESH_REFUSALS,
                before_write=before_write,
            )
        except (failures.ReconnectNeeded, failures.ContentRejected) as refused:
            # The pair was lost or revoked; the app password, if it still stands, opens a new one.
            try:
                return self._sign_in(access.service, access.target_id, access.secret["app_password"])
            except (failures.ReconnectNeeded, failures.ContentRejected):
                # What became of the account, only the first answer tells; an app password is then just wrong.
                raise failures.ReconnectNeeded(str(refused)) from None
        return _granted(access.service, session, access.secret["app_password"])

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        raise failures.ContentRejected(f"{NAME} signs in with a handle and an app password here.")

    def resolve(self, service: str, handle: str) -> str | None:
        try:
            found = self._get(service, "com.atproto.identity.resolveHandle", {"handle": handle}, refusals=LOOK_REFUSALS)
        except (Missing, failures.ContentRejected):  # servers answer 400 in several words when there is none
            return None
        did = found.get("did")
        return did if isinstance(did, str) and did.startswith("did:") else None

    def reference(self, service: str, link: str) -> Json | None:
        return None

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        text = content.text_for("bluesky").encode("utf-8", "replace").decode()
        facets = [facet for facet in text_rules.detect_facets(text, lookups.who) if _is_acceptable(facet)]
        rendered: Json = {"text": text}
        if facets:
            rendered["facets"] = facets
        if langs := content.options_for("bluesky").get("langs"):
            rendered["langs"] = list(langs)
        return [rendered]

    def cost(self, rendered: Json) -> Decimal:
        return Decimal(0)

    def segments(self, rendered: Json) -> Sequence[tuple[str, str | None]]:
        return [
            (segment.text, segment.feature["$type"].rpartition("#")[2] if segment.feature else None)
            for segment in text_rules.segments(rendered["text"], rendered.get("facets", []))
        ]

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        return {}

    def freeze(
        self,
        target_id: str,
        rendered: Json,
        *,
        delivery_id: UUID,
        at: datetime,
        uploaded: Json | None = None,
        earlier: Sequence[str] = (),
    ) -> Frozen:
        record_key = atproto.record_key(at, delivery_id)
        created_at = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"$type": COLLECTION, **rendered, "createdAt": created_at}
        return Frozen(record_key, {"key": record_key, "cid": atproto.cid(record), "record": record})

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        create = {
            "$type": "com.atproto.repo.applyWrites#create",
            "collection": COLLECTION,
            "rkey": wire["key"],
            "value": wire["record"],
        }
        body = {"repo": access.target_id, "writes": [create]}
        self._post(
            access.service,
            "com.atproto.repo.applyWrites",
            body,
            access.secret["access"],
            WRITE_REFUSALS,
            changes_something=True,
            before_write=before_write,
        )
        return bluesky_links.receipt(access.service, access.target_id, wire["key"])

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        found = self._record(access, wire["key"])
        # Whatever stands at our key came from this delivery; reading it back tells if it was changed since.
        return None if found is None else bluesky_links.receipt(access.service, access.target_id, wire["key"])

    def recent(self, access: Access) -> list[Sighting]:
        asked = {"repo": access.target_id, "collection": COLLECTION, "limit": "50"}
        records: object = self._get(access.service, "com.atproto.repo.listRecords", asked).get("records")
        if not isinstance(records, list):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        found = (_sighting(access, each) for each in cast("list[object]", records))
        return [each for each in found if each is not None]

    def locate(self, service: str, target: Target, link: str) -> Receipt | None:
        return bluesky_links.locate(service, target, link)

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        found = self._record(access, key_of(remote_id))
        if found is None:
            return None
        if found.get("cid") == wire["cid"]:
            return ReadBack("match")
        value: object = found.get("value")
        shown = cast("Json", value) if isinstance(value, dict) else {}
        sent: Json = wire["record"]
        differs = sorted(name for name in {*shown, *sent} if shown.get(name) != sent.get(name))
        return ReadBack("mismatch", ", ".join(differs) or "the record's hash")

    def delete(self, access: Access, remote_id: str) -> None:
        body = {"repo": access.target_id, "collection": COLLECTION, "rkey": key_of(remote_id)}
        try:
            self._post(access.service, "com.atproto.repo.deleteRecord", body, access.secret["access"], LOOK_REFUSALS)
        except Missing:
            return  # already gone

    def check(self, access: Access) -> Checked:
        session = self._get(
            access.service, "com.atproto.server.getSession", token=access.secret["access"], refusals=CHECK_REFUSALS
        )
        if session.get("active") is False:
            raise failures.ReconnectNeeded(REFUSALS.says["AccountDeactivated"])
        handle = session.get("handle")
        return Checked(name=handle if isinstance(handle, str) else None)

    def revoke(self, access: Access) -> None:
        try:
            self._post(
                access.service,
                "com.atproto.server.deleteSession",
                None,
                access.secret["refresh"],
                REFRESH_REFUSALS,
                answers=False,
            )
        except failures.ReconnectNeeded:
            return  # already gone

    def _insist_on_a_server(self, service: str) -> None:
        try:
            described = self._get(service, "com.atproto.server.describeServer")
        except failures.RateLimited:
            raise
        except (failures.Unavailable, failures.OutcomeUnknown) as failure:
            raise failures.Unavailable(
                f"{service} does not answer as a Bluesky server. Check the address; nothing was stored."
            ) from failure
        except failures.PlatformFailure as failure:
            raise failures.ContentRejected(
                f"{service} is no Bluesky server. Most accounts live at https://bsky.social; nothing was stored."
            ) from failure
        if not isinstance(described.get("did"), str):
            raise failures.ContentRejected(f"{service} is no Bluesky server. Check the address; nothing was stored.")

    def _sign_in(self, service: str, identifier: str, password: str) -> Granted:
        login = {"identifier": identifier, "password": password}
        session = self._post(
            service, "com.atproto.server.createSession", login, refusals=SIGN_IN_REFUSALS, secrets=[password]
        )
        if session.get("active") is False:
            raise failures.ReconnectNeeded(REFUSALS.says["AccountDeactivated"])
        granted = _granted(service, session, password)
        if not atproto.is_app_password_session(granted.secret["access"]):
            raise failures.ReconnectNeeded(
                "This is the account's main password. Make an app password in Bluesky's settings and use that."
            )
        return granted

    def _record(self, access: Access, key: str) -> Json | None:
        place = {"repo": access.target_id, "collection": COLLECTION, "rkey": key}
        try:
            found = self._get(access.service, "com.atproto.repo.getRecord", place, refusals=LOOK_REFUSALS)
        except Missing:
            return None
        if not isinstance(found.get("cid"), str):
            raise failures.Unavailable(f"{NAME} sent an answer that nobody can read.")
        return found

    def _get(
        self,
        service: str,
        method: str,
        parameters: Mapping[str, str] | None = None,
        token: str | None = None,
        refusals: Refusals = REFUSALS,
    ) -> Json:
        request = self._client.build_request(
            "GET", f"{service}/xrpc/{method}", params=parameters, headers=_headers(token)
        )
        return call(self._client, request, refusals, platform=NAME)

    def _post(
        self,
        service: str,
        method: str,
        body: Json | None,
        token: str | None = None,
        refusals: Refusals = REFUSALS,
        *,
        changes_something: bool = False,
        answers: bool = True,
        before_write: BeforeWrite | None = None,
        secrets: Collection[str] = (),
    ) -> Json:
        request = self._client.build_request("POST", f"{service}/xrpc/{method}", json=body, headers=_headers(token))
        return call(
            self._client,
            request,
            refusals,
            platform=NAME,
            changes_something=changes_something,
            answers=answers,
            before_write=before_write,
            secrets=secrets,
        )


def service_url(typed: str) -> str:
    """Make the address of a server from what somebody typed.

    Plain http is for servers on this machine only: an app password goes there.

    Raises:
        ContentRejected: if it is no such address.
    """
    typed = HANDLE_JUNK.sub("", typed).rstrip("/") or "https://bsky.social"
    url = typed if "://" in typed else f"https://{typed}"
    try:
        parts, host = urlsplit(url), httpx.URL(url).raw_host.decode()
        host.encode("idna")  # as the system will, to look the name up
        _ = parts.port  # refuses a number that is no port
    except (ValueError, httpx.InvalidURL) as error:
        raise failures.ContentRejected("The server's address is just https:// and a name.") from error
    local = host in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not local) or not host:
        raise failures.ContentRejected("The server's address starts with https://")
    if parts.username or parts.path or parts.query or parts.fragment:
        raise failures.ContentRejected("The server's address is just https:// and a name.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _headers(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _is_acceptable(facet: Mapping[str, Any]) -> bool:
    """Leave out what the server would refuse the whole post for; the text stays."""
    feature = facet["features"][0]
    if "uri" in feature:
        return FACET_URI.fullmatch(feature["uri"]) is not None
    return len(feature.get("tag", "").encode()) <= 640


def _granted(service: str, session: Json, password: str) -> Granted:
    match session:
        case {"did": str(did), "handle": str(handle), "accessJwt": str(access), "refreshJwt": str(refresh)} if (
            atproto.can_be_token(access) and atproto.can_be_token(refresh)
        ):
            secret = {"access": access, "refresh": refresh, "app_password": password}
            home = _home(service, session.get("didDoc"))
            return Granted(home, did, secret, (Target(did, handle),), atproto.expiry(access))
        case _:
            raise failures.Unavailable(f"{service} answered without a sign-in. Nothing was stored.")


def _home(service: str, document: object) -> str:
    """The server to talk to from now on: as safe as the one that was typed, or that one itself."""
    try:
        home = service_url(atproto.personal_server(document) or service)
    except failures.ContentRejected:
        return service
    return service if home.startswith("http://") and service.startswith("https://") else home


def _sighting(access: Access, record: object) -> Sighting | None:
    match record:
        case {"uri": str(uri), "value": {"text": str(text), "createdAt": str(at)}}:
            there = bluesky_links.receipt(access.service, access.target_id, key_of(uri))
            return Sighting(there, text, atproto.moment(at))
        case _:
            return None
