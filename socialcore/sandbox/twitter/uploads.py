"""The methods that take media: in one go, or in segments; and what describes it.

Source: docs.x.com x-api/media.
"""

from collections.abc import Mapping
from typing import Any

from socialcore.sandbox.twitter import shapes
from socialcore.sandbox.twitter.calls import Call
from socialcore.sandbox.twitter.refusals import invalid
from socialcore.sandbox.twitter.spending import METADATA, charge, insist_on_credit
from socialcore.sandbox.twitter.state import KEPT, Media, State

Answer = Mapping[str, Any]

MOST = {"tweet_image": 5 * 1024 * 1024, "tweet_gif": 15 * 1024 * 1024, "tweet_video": 512 * 1024 * 1024}
SEGMENTS = range(1000)
WAIT = 1  # seconds until processing has come to an end
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


def upload(state: State, call: Call) -> Answer:
    """Take a picture in one go."""
    form, content = call.asked.form, call.asked.upload
    if unknown := sorted(form.keys() - {"media_category", "media_type", "shared", "additional_owners"}):
        raise invalid(unknown[0], "is not defined in the schema")
    if content is None:
        raise invalid("media", "there is no file")
    category = form.get("media_category", "")
    shapes.one_of("tweet_image", "dm_image", "subtitles")("media_category", category)
    media_type = next((kind for start, kind in _SIGNATURES.items() if content.startswith(start)), None)
    if media_type is None:
        raise invalid("media", "media type unrecognized")
    if len(content) > MOST["tweet_image"]:
        raise invalid("media", f"is {len(content)} bytes; {MOST['tweet_image']} fit")
    if form.get("media_type") not in {None, media_type}:
        call.oddities.append(f"said {form['media_type']} of what is {media_type}")
    return {"data": _told(_made(state, call, category, media_type, len(content), content))}


def initialize(state: State, call: Call) -> Answer:
    body = call.asked.json()
    shapes.NEW_UPLOAD("$", body)
    category = body.get("media_category", "tweet_image")
    if body["total_bytes"] > MOST.get(category, MOST["tweet_video"]):
        raise invalid("$.total_bytes", f"{body['total_bytes']} bytes are too many for {category}")
    return {"data": _told(_made(state, call, category, body["media_type"], body["total_bytes"], None))}


def append(state: State, call: Call) -> Answer:
    media, number, content = _own(state, call), call.asked.form.get("segment_index", ""), call.asked.upload
    if not number.isdecimal() or int(number) not in SEGMENTS:
        raise invalid("segment_index", f"[{number}] is not between 0 and {SEGMENTS[-1]}")
    if content is None:
        raise invalid("media", "there is no file")
    if media.stands != "expecting":
        raise invalid("id", "nothing is expected of this upload")
    (state.media_folder / f"{media.id}.{number}").write_bytes(content)
    _change(state, media, segments=sorted({*media.segments, int(number)}))
    return {"data": {"expires_at": int((media.at + KEPT).timestamp())}}


def finalize(state: State, call: Call) -> Answer:
    media = _own(state, call)
    paths = [state.media_folder / f"{media.id}.{number}" for number in media.segments]
    if media.stands != "expecting" or list(media.segments) != list(range(len(media.segments))):
        raise invalid("id", "segments are missing")
    content = b"".join(path.read_bytes() for path in paths)
    if len(content) != media.total_bytes:
        raise invalid("id", f"{len(content)} bytes arrived of {media.total_bytes}")
    (state.media_folder / media.id).write_bytes(content)
    for path in paths:
        path.unlink()
    ends = "succeeded" if media.media_type.startswith("image/") else "pending"
    return {"data": _told(_change(state, media, segments=[], stands=ends))}


def status(state: State, call: Call) -> Answer:
    query = call.asked.query
    if query.get("command") != "STATUS":
        raise invalid("command", f"[{query.get('command')}] is not STATUS")
    media = _own(state, call, query.get("media_id", ""))
    if media.stands == "pending":
        media = _change(state, media, stands="succeeded")
    return {"data": _told(media)}


def fail(state: State, call: Call) -> Answer:
    """Let processing come to nothing."""
    name = call.asked.path.get("id") or call.asked.query.get("media_id", "")
    return {"data": _told(_change(state, _own(state, call, name), stands="failed"))}


def metadata(state: State, call: Call) -> Answer:
    body = call.asked.json()
    shapes.METADATA("$", body)
    media = _own(state, call, body["id"])
    alt = body["metadata"].get("alt_text", {}).get("text")
    insist_on_credit(state, METADATA)
    charge(state, METADATA)
    _change(state, media, alt=alt)
    return {"data": {"id": media.id, "associated_metadata": body["metadata"]}}


def _made(state: State, call: Call, category: str, media_type: str, total_bytes: int, content: bytes | None) -> Media:
    name = state.next_id(call.now)
    if content is not None:
        (state.media_folder / name).write_bytes(content)
    about = {"owner": call.account.id, "category": category, "media_type": media_type, "total_bytes": total_bytes}
    stands = "expecting" if content is None else "succeeded"
    state.happen({"type": "media", "id": name, "at": call.now.isoformat(), "stands": stands, **about})
    return state.media[name]


def _change(state: State, media: Media, **changed: Any) -> Media:
    state.happen({"type": "media_changed", "id": media.id, "changed": changed})
    return state.media[media.id]


def _own(state: State, call: Call, name: str | None = None) -> Media:
    name = call.asked.path["id"] if name is None else name
    media = state.media.get(name)
    if media is None or media.owner != call.account.id or call.now - media.at > KEPT:
        raise invalid("id", f"there is no media [{name}] of yours")
    return media


def _told(media: Media) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": media.id,
        "media_key": media.key,
        "expires_after_secs": int(KEPT.total_seconds()),
    }
    if media.stands != "expecting":
        told["size"] = media.total_bytes
    if media.stands == "pending":
        told["processing_info"] = {"state": "pending", "check_after_secs": WAIT}
    if media.stands == "failed":
        error = {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}
        told["processing_info"] = {"state": "failed", "error": error}
    if media.stands == "succeeded" and "video" in media.category:
        told["processing_info"] = {"state": "succeeded", "progress_percent": 100}
    return told
