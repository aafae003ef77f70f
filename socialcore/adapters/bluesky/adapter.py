"""Bluesky's adapter: each promise of the contract, kept by the module whose matter it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

import httpx

from socialcore import failures
from socialcore.adapters import atproto
from socialcore.adapters.bluesky import checks, links, records, rendering, servers
from socialcore.adapters.bluesky.capabilities import CAPABILITIES, MOST_PARTS, NOT_EDITED, PERMISSIONS
from socialcore.adapters.bluesky.discovery import Discovery
from socialcore.adapters.bluesky.oauth import Browser
from socialcore.adapters.bluesky.passwords import Passwords
from socialcore.adapters.bluesky.records import GATES, POST, Written
from socialcore.adapters.bluesky.refusals import CHECK_REFUSALS, LOOK_REFUSALS, NAME, REFUSALS, WRITE_REFUSALS
from socialcore.adapters.bluesky.registration import Registration
from socialcore.adapters.bluesky.signing import Nonces, Signature, signature
from socialcore.adapters.bluesky.uploads import Uploads
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import (
    Access,
    BeforeWrite,
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
    Shown,
    Sighting,
    Target,
    Usage,
)
from socialcore.adapters.http import Missing, Refusals, new_client
from socialcore.posts import Content, Problem

APPLY = "com.atproto.repo.applyWrites"
PUBLIC_VIEW = "https://public.api.bsky.app"
SUGGESTED = 8  # people that are asked for at once
UNREADABLE = f"{NAME} sent an answer that nobody can read."


class Bluesky:
    capabilities: Capabilities = CAPABILITIES

    def __init__(self, client: httpx.Client | None = None, registration: Registration | None = None) -> None:
        """Speak over `client`; people can sign in by browser if this installation has a `registration`."""
        self._nonces = Nonces()
        self._calls = Calls(client or new_client())
        self._passwords = Passwords(self._calls)
        self._browser = Browser(self._calls, self._nonces, registration, Discovery(self._calls))
        if registration is not None:
            self.capabilities = replace(
                self.capabilities, sign_in=("password", "browser"), permissions=frozenset(PERMISSIONS)
            )

    def validate(self, content: Content) -> list[Problem]:
        return checks.problems(content)

    def usage(self, content: Content) -> list[Usage]:
        return checks.usage(content)

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        return self._browser.depart(answer, redirect_uri, state)

    def connect(self, answer: Mapping[str, str]) -> Granted:
        return self._browser.connect(answer) if "oauth" in answer else self._passwords.connect(answer)

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        return (self._browser if "oauth" in access.secret else self._passwords).refresh(access, before_write)

    def resolve(self, service: str, handle: str) -> str | None:
        try:
            found = self._calls.get(
                service, "com.atproto.identity.resolveHandle", {"handle": handle}, refusals=LOOK_REFUSALS
            )
        except (Missing, failures.ContentRejected):  # servers answer 400 in several words when there is none
            return None
        did = found.get("did")
        return did if isinstance(did, str) and did.startswith("did:") else None

    def suggest(self, service: str, prefix: str) -> Sequence[Target]:
        """Ask Bluesky's public view, which knows all servers' accounts, and a server on this machine itself."""
        where = service if servers.is_local(service) else PUBLIC_VIEW
        asked = {"q": prefix, "limit": str(SUGGESTED)}
        found = self._calls.get(where, "app.bsky.actor.searchActorsTypeahead", asked, refusals=LOOK_REFUSALS)
        actors: object = found.get("actors")
        if not isinstance(actors, list):
            raise failures.Unavailable(UNREADABLE)
        return [each for each in map(_person, cast("list[object]", actors)) if each is not None]

    def reference(self, service: str, link: str) -> Json | None:
        """Ask the server, which passes questions about other servers' posts on to Bluesky's."""
        if (named := links.named(link)) is None:
            return None
        author, key = named
        did = author if author.startswith("did:") else self.resolve(service, author)
        if did is None:
            return None
        place = {"repo": did, "collection": POST, "rkey": key}
        try:
            found = self._calls.get(service, "com.atproto.repo.getRecord", place, refusals=LOOK_REFUSALS)
        except (Missing, failures.ContentRejected):
            return None
        match found:
            case {"uri": str(uri), "cid": str(cid), "value": {"$type": "app.bsky.feed.post", **post}}:
                here = {"uri": uri, "cid": cid}
                return {**here, "root": _root(post) or here}
            case _:
                return None

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        return [rendering.render(content, lookups)]

    def cost(self, rendered: Json) -> Decimal:
        return Decimal(0)

    def shown(self, rendered: Json) -> Sequence[Shown]:
        return rendering.shown_posts(rendered)

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        blobs = Uploads(self._calls).bring(access.service, access.target_id, self._signed(access), rendered, media)
        if wire is not None and (lost := [each for each in records.blobs(wire) if each not in blobs.values()]):
            kind = lost[0]["mimeType"].partition("/")[0]
            raise failures.ContentRejected(f"{NAME} has made something else of the {kind} this time. Publish anew.")
        return {"blobs": blobs}

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
        blobs = (uploaded or {}).get("blobs", {})
        return records.freeze(target_id, rendered, blobs, delivery_id=delivery_id, at=at)

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        creates = [
            {"$type": f"{APPLY}#create", "collection": each.collection, "rkey": each.key, "value": each.record}
            for each in records.of(wire)
        ]
        self._calls.post(
            access.service,
            APPLY,
            {"repo": access.target_id, "writes": creates},
            self._signed(access),
            WRITE_REFUSALS,
            changes_something=True,
            before_write=before_write,
        )
        return links.receipt(access.service, access.target_id, wire["key"])

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        found = self._record(access, POST, wire["key"])
        # Whatever stands at our key came from this delivery, and with it all that was written along;
        # reading it back tells if it was changed since.
        return None if found is None else links.receipt(access.service, access.target_id, wire["key"])

    def recent(self, access: Access) -> list[Sighting]:
        asked = {"repo": access.target_id, "collection": POST, "limit": "50"}
        found = (_sighting(access, each) for each in self._listed(access, asked))
        return [each for each in found if each is not None]

    def locate(self, service: str, target: Target, link: str) -> Receipt | None:
        return links.locate(service, target, link)

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        first, *along = records.of(wire)
        shown = self._record(access, POST, links.key_of(remote_id))
        if shown is None:
            return None
        differs = _differences(first, shown)
        for number, each in enumerate(along, start=2):
            name = f"part {number}" if each.collection == POST else each.collection.rpartition(".")[2]
            found = self._record(access, each.collection, each.key)
            differs += [f"{name}: {what}" for what in _differences(each, found)]
        return ReadBack("mismatch", ", ".join(differs)) if differs else ReadBack("match")

    def rewrite(self, wire: Json, rendered: Json) -> Json:
        raise failures.ContentRejected(NOT_EDITED)

    def edit(self, access: Access, wire: Json, remote_id: str) -> None:
        raise failures.ContentRejected(NOT_EDITED)

    def delete(self, access: Access, remote_id: str) -> None:
        """Take down a post, the thread that was published with it, and its gates: all at once, or nothing."""
        key = links.key_of(remote_id)
        try:
            ours = [(POST, each) for each in self._thread(access, remote_id, key)]
        except Missing:
            ours = []  # already gone
        gates = [(gate, key) for gate in GATES if self._record(access, gate, key) is not None]
        deletes = [
            {"$type": f"{APPLY}#delete", "collection": collection, "rkey": each} for collection, each in [*ours, *gates]
        ]
        if deletes:
            body = {"repo": access.target_id, "writes": deletes}
            self._calls.post(access.service, APPLY, body, self._signed(access))

    def check(self, access: Access) -> Checked:
        session = self._calls.get(
            access.service,
            "com.atproto.server.getSession",
            signed=self._signed(access),
            refusals=CHECK_REFUSALS,
        )
        if session.get("active") is False:
            raise failures.ReconnectNeeded(REFUSALS.says["AccountDeactivated"])
        handle = session.get("handle")
        return Checked(name=handle if isinstance(handle, str) else None)

    def revoke(self, access: Access) -> None:
        (self._browser if "oauth" in access.secret else self._passwords).revoke(access)

    def _signed(self, access: Access) -> Signature:
        return signature(access, self._nonces)

    def _record(self, access: Access, collection: str, key: str) -> Json | None:
        place = {"repo": access.target_id, "collection": collection, "rkey": key}
        try:
            found = self._calls.get(access.service, "com.atproto.repo.getRecord", place, refusals=LOOK_REFUSALS)
        except Missing:
            return None
        if not isinstance(found.get("cid"), str):
            raise failures.Unavailable(UNREADABLE)
        return found

    def _thread(self, access: Access, remote_id: str, key: str) -> list[str]:
        """List the keys of what is still there of a thread that was published at once."""
        here = [key] if self._record(access, POST, key) is not None else []
        # By the keys that we chose, so that what anybody answered later stays.
        later = set(records.keys_after(key, MOST_PARTS - 1))
        asked = {"repo": access.target_id, "collection": POST, "limit": "100", "reverse": "true", "cursor": key}
        for found in self._listed(access, asked, LOOK_REFUSALS):
            match found:
                case {"uri": str(uri), "value": {"reply": {"root": {"uri": str(root)}}}} if root == remote_id:
                    here += [each for each in [links.key_of(uri)] if each in later]
                case _:
                    continue
        return here

    def _listed(self, access: Access, asked: Mapping[str, str], refusals: Refusals = REFUSALS) -> list[object]:
        answer = self._calls.get(access.service, "com.atproto.repo.listRecords", asked, refusals=refusals)
        found: object = answer.get("records")
        if not isinstance(found, list):
            raise failures.Unavailable(UNREADABLE)
        return cast("list[object]", found)


def _differences(sent: Written, found: Json | None) -> list[str]:
    if found is None:
        return ["is gone"]
    if found.get("cid") == sent.cid:
        return []
    value: object = found.get("value")
    shown = cast("Json", value) if isinstance(value, dict) else {}
    fields = sorted(name for name in {*shown, *sent.record} if shown.get(name) != sent.record.get(name))
    return fields or ["the record's hash"]


def _person(actor: object) -> Target | None:
    match actor:
        case {"did": str(did), "handle": str(handle)}:
            name: object = cast("Json", actor).get("displayName")
            return Target(did, handle, name if isinstance(name, str) else "")
        case _:
            return None


def _root(post: Mapping[str, object]) -> Json | None:
    match post.get("reply"):
        case {"root": {"uri": str(uri), "cid": str(cid)}}:
            return {"uri": uri, "cid": cid}
        case _:
            return None


def _sighting(access: Access, record: object) -> Sighting | None:
    match record:
        case {"uri": str(uri), "value": {"text": str(text), "createdAt": str(at)}}:
            there = links.receipt(access.service, access.target_id, links.key_of(uri))
            return Sighting(there, text, atproto.moment(at))
        case _:
            return None
