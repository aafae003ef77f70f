"""What the server says to a record before it takes it, and what it should have said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from socialcore.sandbox.bluesky import data, lexicon
from socialcore.sandbox.bluesky.formats import is_tid
from socialcore.sandbox.bluesky.refusals import Refusal, invalid
from socialcore.sandbox.bluesky.shapes import is_list, is_object
from socialcore.sandbox.bluesky.state import Repo, State

POST = "app.bsky.feed.post"
THREADGATE = "app.bsky.feed.threadgate"
GATES = (THREADGATE, "app.bsky.feed.postgate")


@dataclass(frozen=True, slots=True)
class Checked:
    """A record as it will be stored. Without a status, nobody wanted to know whether it is valid."""

    value: Mapping[str, Any]
    cid: str
    status: str | None


def record(collection: str, value: Mapping[str, Any], *, validate: bool | None, oddities: list[str]) -> Checked:
    """Check a record against its lexicon.

    Args:
        validate: None means if the lexicon is known.

    Raises:
        Refusal: in the reference server's words.
    """
    value = {**value, "$type": value.get("$type", collection)}
    if value["$type"] != collection:
        raise invalid(f"Invalid $type: expected {collection}, got {value['$type']}")
    schema = lexicon.definition(collection)
    status = None
    if schema is None and validate:
        raise invalid(f"Unknown lexicon type: {collection}")
    if validate is not False:
        status = "unknown" if schema is None else "valid"
    if schema is not None and validate is not False:
        check = lexicon.Check()
        if problem := check.value(value, schema["record"], "$.record", collection):
            raise invalid(f"Invalid {collection} record: {problem}")
        oddities += check.oddities
    if collection == POST:
        oddities += _facet_oddities(value)
    try:
        return Checked(value, data.cid_of_record(value), status)
    except ValueError as error:
        raise invalid(f"Invalid {collection} record: not data a record can hold") from error


def key(collection: str, name: str) -> None:
    """Insist on the kind of record key the collection wants.

    Raises:
        Refusal: if it is another.
    """
    kind = (lexicon.definition(collection) or {}).get("key", "any")
    literal = kind.partition(":")[2]
    if kind == "tid" and not is_tid(name):
        raise invalid(f'Invalid record key for {collection}: Invalid TID string (got "{name}") at $')
    if literal and name != literal:
        raise invalid(f'Invalid record key for {collection}: Expected "{literal}" (got "{name}") at $')


def blobs(repo: Repo, value: Mapping[str, Any], oddities: list[str]) -> None:
    """Insist that the blobs of a record were uploaded.

    Raises:
        Refusal: if one was not.
    """
    for reference in _blobs(value):
        cid = reference["ref"]["$link"]
        blob = repo.blobs.get(cid)
        if blob is None:
            raise Refusal(400, "BlobNotFound", f"Could not find blob: {cid}")
        if (reference["mimeType"], reference["size"]) != (blob.mime, blob.size_bytes):
            oddities.append(f"blob {cid} is {blob.size_bytes} bytes of {blob.mime}, not what the record says")


def answered(state: State, value: Mapping[str, Any], written: Mapping[str, str], oddities: list[str]) -> None:
    """Note a reply to what is not there.

    Args:
        written: content address by URI of what is written along with this record.
    """
    match value.get("reply"):
        case {"root": {"uri": str()}, "parent": {"uri": str()}} as reply:
            oddities += [
                f"the {part} it replies to, {_shown(reply[part])}, is not there"
                for part in ("root", "parent")
                if not _is_there(state, written, reply[part]["uri"], reply[part].get("cid"))
            ]
        case _:
            return


def quoted(state: State, value: Mapping[str, Any], written: Mapping[str, str], oddities: list[str]) -> None:
    """Note a quote of what is not there."""
    match value.get("embed"):
        case {"record": {"uri": str()} as quote} | {"record": {"record": {"uri": str()} as quote}}:
            if not _is_there(state, written, quote["uri"], quote.get("cid")):
                oddities.append(f"what it quotes, {_shown(quote)}, is not there")
        case _:
            return


def gate(
    state: State, did: str, collection: str, name: str, value: Mapping[str, Any], posts: Mapping[str, Any]
) -> Iterator[str]:
    """Say why a gate has no effect; nobody else would.

    Args:
        posts: what is written along with it, by URI.
    """
    uri = f"at://{did}/{POST}/{name}"
    if collection not in GATES:
        return
    if value.get("post") != uri:
        yield f"the gate {collection}/{name} is for {value.get('post')}, not for the post of its own key"
        return
    kept = state.repos[did].records.get((POST, name))
    post = posts.get(uri, kept.value if kept else None)
    if post is None:
        yield f"the gate {collection}/{name} is for a post that is not there"
    elif collection == THREADGATE and "reply" in post:
        yield f"the gate {collection}/{name} is for a reply, which has none"


def _is_there(state: State, written: Mapping[str, str], uri: str, cid: str | None) -> bool:
    """Tell whether a record is there with that content; of those elsewhere nobody knows."""
    did, _, place = uri.removeprefix("at://").partition("/")
    collection, _, name = place.partition("/")
    if did not in state.repos:
        return True
    there = state.repos[did].records.get((collection, name))
    return cid == written.get(uri, there.cid if there else "")


def _shown(reference: Mapping[str, Any]) -> str:
    return f"{reference['uri']} {reference.get('cid')}"


def _blobs(value: Any) -> Iterator[Mapping[str, Any]]:
    if lexicon.is_blob(value):
        yield value
        return
    parts = value.values() if is_object(value) else value if is_list(value) else ()
    for part in parts:
        yield from _blobs(part)


def _facet_oddities(post: Mapping[str, Any]) -> list[str]:
    """Say which facets no reader will see as meant; only the clients look at them, and drop these."""
    text, facets = post.get("text"), post.get("facets")
    content = text.encode() if isinstance(text, str) else b""
    spans: list[tuple[int, int]] = []
    found: list[str] = []
    for facet in facets if is_list(facets) else ():
        match facet:
            case {"index": {"byteStart": int(start), "byteEnd": int(end)}}:
                spans.append((start, end))
            case _:
                continue
        if not 0 <= start < end <= len(content):
            found.append(f"facet {start}-{end} is not within the text of {len(content)} bytes")
        elif _cuts(content, start) or _cuts(content, end):
            found.append(f"facet {start}-{end} cuts a character in two")
    overlaps = [(one, other) for one, other in pairwise(sorted(spans)) if other[0] < one[1]]
    return found + [f"facets {one[0]}-{one[1]} and {other[0]}-{other[1]} overlap" for one, other in overlaps]


def _cuts(content: bytes, index: int) -> bool:
    return index < len(content) and content[index] & 0b1100_0000 == 0b1000_0000
