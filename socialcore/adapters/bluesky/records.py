"""The records of one delivery: a post, or a whole thread, and who may answer or quote it.

A frozen wire is `{"key", "cid", "record"}` of the first post; the records written together with it stand under "along",
each with its collection.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from socialcore.adapters import atproto
from socialcore.adapters.contract import Frozen, Json

POST = "app.bsky.feed.post"
THREADGATE = "app.bsky.feed.threadgate"
POSTGATE = "app.bsky.feed.postgate"
GATES = (THREADGATE, POSTGATE)
APART = timedelta(milliseconds=1)  # the posts of a thread, as the official client sets them
WHO = {"mentioned": "mentionRule", "followers": "followerRule", "following": "followingRule"}


@dataclass(frozen=True, slots=True)
class Written:
    """One record as it is, or will be, at the server."""

    collection: str
    key: str
    cid: str
    record: Json

    def uri(self, did: str) -> str:
        return f"at://{did}/{self.collection}/{self.key}"

    def reference(self, did: str) -> Json:
        return {"uri": self.uri(did), "cid": self.cid}


def freeze(did: str, rendered: Json, blobs: Mapping[str, Json], *, delivery_id: UUID, at: datetime) -> Frozen:
    """Decide on the records of a delivery, to the byte.

    Args:
        blobs: what the server calls the pictures and the video, by our ids of them.
    """
    first, *replies = _posts(did, rendered, blobs, delivery_id, at)
    along = [*replies, *_gates(did, rendered, first, at)]
    wire: Json = {"key": first.key, "cid": first.cid, "record": first.record}
    if along:
        wire["along"] = [
            {"collection": each.collection, "key": each.key, "cid": each.cid, "record": each.record} for each in along
        ]
    return Frozen(first.key, wire)


def of(wire: Json) -> list[Written]:
    """Read a wire: its first post, then what is written along with it."""
    along: Sequence[Json] = wire.get("along", ())
    return [Written(POST, wire["key"], wire["cid"], wire["record"]), *(Written(**each) for each in along)]


def blobs(wire: Json) -> list[Json]:
    """List what the records of a wire say of the files they show."""
    return list(_blobs([each.record.get("embed") for each in of(wire)]))


def keys_after(key: str, number: int) -> list[str]:
    """List the keys that the further posts of a thread have, by that of its first."""
    return [atproto.later_key(key, APART * step) for step in range(1, number + 1)]


def _posts(did: str, rendered: Json, blobs: Mapping[str, Json], delivery_id: UUID, at: datetime) -> Iterator[Written]:
    shared = {name: rendered[name] for name in ("langs", "labels") if name in rendered}
    reply: Json | None = rendered.get("reply")
    embed = _embed(rendered, blobs)
    for number, part in enumerate([rendered, *rendered.get("parts", ())]):
        moment = at + APART * number
        # The order of fields is that of deliveries frozen before there were threads.
        record: Json = {"$type": POST, "text": part["text"]}
        record |= {"facets": part["facets"]} if part.get("facets") else {}
        record |= shared
        record |= {"reply": reply} if reply else {}
        record |= {"embed": embed} if embed and number == 0 else {}
        record["createdAt"] = stamp(moment)
        post = Written(POST, atproto.record_key(moment, delivery_id), atproto.cid(record), record)
        yield post
        here = post.reference(did)
        reply = {"root": reply["root"] if reply else here, "parent": here}


def _gates(did: str, rendered: Json, first: Written, at: datetime) -> Iterator[Written]:
    gates: dict[str, Json] = {}
    if "who_can_reply" in rendered:
        allowed = [{"$type": f"{THREADGATE}#{WHO[who]}"} for who in rendered["who_can_reply"]]
        gates[THREADGATE] = {"allow": allowed}
    if rendered.get("no_quotes"):
        gates[POSTGATE] = {"embeddingRules": [{"$type": f"{POSTGATE}#disableRule"}]}
    for collection, rules in gates.items():
        record = {"$type": collection, "post": first.uri(did), "createdAt": stamp(at), **rules}
        yield Written(collection, first.key, atproto.cid(record), record)


def _embed(rendered: Json, blobs: Mapping[str, Json]) -> Json | None:
    media, quote = _media(rendered, blobs), rendered.get("quote")
    if not quote:
        return media
    record = {"$type": "app.bsky.embed.record", "record": quote}
    if media is None:
        return record
    return {"$type": "app.bsky.embed.recordWithMedia", "record": record, "media": media}


def _media(rendered: Json, blobs: Mapping[str, Json]) -> Json | None:
    if pictures := rendered.get("pictures"):
        images = [{"image": blobs[each["id"]], "alt": each["alt"], "aspectRatio": _ratio(each)} for each in pictures]
        return {"$type": "app.bsky.embed.images", "images": images}
    if video := rendered.get("video"):
        alt = {"alt": video["alt"]} if video["alt"] else {}
        return {"$type": "app.bsky.embed.video", "video": blobs[video["id"]], **alt, "aspectRatio": _ratio(video)}
    if card := rendered.get("card"):
        external = {"uri": card["url"], "title": card["title"], "description": card["description"]}
        thumb = {"thumb": blobs[card["thumb"]["id"]]} if card.get("thumb") else {}
        return {"$type": "app.bsky.embed.external", "external": {**external, **thumb}}
    return None


def _blobs(value: Any) -> Iterator[Json]:
    if isinstance(value, dict) and cast("Json", value).get("$type") == "blob":
        yield cast("Json", value)
        return
    if isinstance(value, dict):
        value = list(cast("Json", value).values())
    for part in cast("list[Any]", value) if isinstance(value, list) else ():
        yield from _blobs(part)


def _ratio(media: Mapping[str, Any]) -> Json:
    return {"width": media["width"], "height": media["height"]}


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
