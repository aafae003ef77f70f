"""What was posted: for programs as records, for people as a page shows it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from socialcore.sandbox.bluesky.checks import POST
from socialcore.sandbox.bluesky.shapes import is_list, is_object
from socialcore.sandbox.bluesky.state import Record, State
from socialcore.sandbox.platforms import Picture, Piece, Posted


def records(state: State, base: str) -> list[dict[str, Any]]:
    """List every post in the protocol's own terms, in the order of writing."""
    return [
        {
            "did": record.did,
            "handle": state.accounts[record.did].handle,
            "rkey": record.key,
            "cid": record.cid,
            "record": record.value,
            "url": f"{base}{_address(record.did, record.key)}",
            "at": record.at.isoformat(),
        }
        for record in state.records(POST)
    ]


def posts(state: State) -> list[Posted]:
    """List every post, the last written first."""
    return [_posted(state, record) for record in reversed(state.records(POST))]


def _posted(state: State, record: Record) -> Posted:
    value = record.value
    langs, facets = value.get("langs"), value.get("facets")
    return Posted(
        author=state.accounts[record.did].handle,
        author_id=record.did,
        key=record.key,
        at=record.at,
        address=_address(record.did, record.key),
        pieces=tuple(_pieces(str(value.get("text", "")), facets if is_list(facets) else [])),
        pictures=tuple(_pictures(record)),
        answers=_answers(value),
        details={
            "URI": record.uri,
            "CID": record.cid,
            **_about(value),
            "Created at": str(value.get("createdAt", "")),
            **({"Languages": ", ".join(str(lang) for lang in langs)} if is_list(langs) and langs else {}),
        },
        source=json.dumps(value, ensure_ascii=False, indent=2),
    )


def _about(value: Mapping[str, Any]) -> dict[str, str]:
    """Tell what a post shows besides its text and pictures."""
    found: dict[str, str] = {}
    match value.get("embed"):
        case {"external": {"uri": str(uri), "title": str(title)}} | {
            "media": {"external": {"uri": str(uri), "title": str(title)}}
        }:
            found["Card"] = f"{title}: {uri}"
        case {"video": {"ref": {"$link": str(cid)}}} | {"media": {"video": {"ref": {"$link": str(cid)}}}}:
            found["Video"] = cid
        case _:
            pass
    match value.get("embed"):
        case {"record": {"uri": str(uri)}} | {"record": {"record": {"uri": str(uri)}}}:
            found["Quotes"] = uri
        case _:
            pass
    return found


def _address(did: str, key: str) -> str:
    return f"/profile/{did}/post/{key}"


def _pieces(text: str, facets: Sequence[Any]) -> list[Piece]:
    """Cut a text along its facets, leaving out those that do not fit, as the official client does."""
    content = text.encode()
    pieces: list[Piece] = []
    done = 0
    for start, end, feature in sorted(_spans(facets), key=lambda each: each[:2]):
        if done <= start < end <= len(content) and _is_boundary(content, start) and _is_boundary(content, end):
            pieces += [Piece(content[done:start].decode()), _piece(content[start:end].decode(), feature)]
            done = end
    pieces.append(Piece(content[done:].decode()))
    return [piece for piece in pieces if piece.text]


def _spans(facets: Sequence[Any]) -> list[tuple[int, int, Mapping[str, Any]]]:
    found: list[tuple[int, int, Mapping[str, Any]]] = []
    for facet in facets:
        match facet:
            case {"index": {"byteStart": int(start), "byteEnd": int(end)}, "features": [feature, *_]} if is_object(
                feature
            ):
                found.append((start, end, feature))
            case _:
                continue
    return found


def _piece(text: str, feature: Mapping[str, Any]) -> Piece:
    match feature:
        case {"$type": "app.bsky.richtext.facet#link", "uri": str(uri)} if uri.startswith(("https://", "http://")):
            return Piece(text, uri)
        case {"$type": "app.bsky.richtext.facet#mention", "did": str(did)}:
            return Piece(text, f"/profile/{did}")
        case {"$type": "app.bsky.richtext.facet#tag"}:
            return Piece(text, is_marked=True)
        case _:
            return Piece(text)


def _is_boundary(content: bytes, index: int) -> bool:
    return index == len(content) or content[index] & 0b1100_0000 != 0b1000_0000


def _pictures(record: Record) -> list[Picture]:
    embed: Any = record.value.get("embed")
    match embed:
        case {"$type": "app.bsky.embed.recordWithMedia", "media": media}:
            embed = media
        case _:
            pass
    images = (embed.get("images") or embed.get("items")) if is_object(embed) else None
    found = [_picture(record.did, image) for image in images] if is_list(images) else []
    return [picture for picture in found if picture]


def _picture(did: str, image: Any) -> Picture | None:
    match image:
        case {"image": {"ref": {"$link": str(cid)}}, **rest}:
            return Picture(f"/xrpc/com.atproto.sync.getBlob?did={did}&cid={cid}", str(rest.get("alt", "")))
        case _:
            return None


def _answers(value: Mapping[str, Any]) -> str | None:
    match value.get("reply"):
        case {"parent": {"uri": str(uri)}}:
            did, _, place = uri.removeprefix("at://").partition("/")
            collection, _, key = place.partition("/")
            return _address(did, key) if collection == POST else None
        case _:
            return None
