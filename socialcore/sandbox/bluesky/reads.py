"""The methods that read a repository, and the blobs, which are written once and then only read."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from socialcore.sandbox.bluesky import identity
from socialcore.sandbox.bluesky.calls import Call
from socialcore.sandbox.bluesky.data import cid_of_bytes
from socialcore.sandbox.bluesky.refusals import Refusal, invalid
from socialcore.sandbox.bluesky.state import Account, Record, State

Answer = Mapping[str, Any]

# Source: https://mimesniff.spec.whatwg.org/, and the containers Bluesky takes.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypavif", 4, "image/avif"),
    (b"ftypheic", 4, "image/heic"),
    (b"ftypqt", 4, "video/quicktime"),
    (b"ftyp", 4, "video/mp4"),
    (b"\x1a\x45\xdf\xa3", 0, "video/webm"),
    (b"%PDF-", 0, "application/pdf"),
)


def get_record(state: State, call: Call) -> Answer:
    asked = call.parameters
    account = state.account(asked["repo"])
    if account is None:
        # It would ask the network; there is none.
        raise Refusal(502, "UpstreamFailure", "Upstream service unreachable")
    place = (asked["collection"], asked["rkey"])
    record = state.repos[account.did].records.get(place)
    if record is None or asked.get("cid", record.cid) != record.cid:
        uri = f"at://{account.did}/{'/'.join(place)}"
        raise Refusal(400, "RecordNotFound", f"Could not locate record: {uri}")
    return _shown(record)


def list_records(state: State, call: Call) -> Answer:
    asked = call.parameters
    account = _account(state, asked["repo"])
    ascending, cursor = asked.get("reverse", False), asked.get("cursor")
    keys = sorted(state.keys(account.did, asked["collection"]), reverse=not ascending)
    if cursor is not None:
        keys = [key for key in keys if (key > cursor if ascending else key < cursor)]
    page = keys[: asked["limit"]]
    records = state.repos[account.did].records
    shown = {"records": [_shown(records[asked["collection"], key]) for key in page]}
    return {**shown, "cursor": page[-1]} if page else shown


def describe_repo(state: State, call: Call) -> Answer:
    account = _account(state, call.parameters["repo"])
    return {
        "handle": account.handle,
        "did": account.did,
        "didDoc": identity.document(account, call.base),
        "collections": state.collections(account.did),
        "handleIsCorrect": True,
    }


def upload_blob(state: State, call: Call) -> Answer:
    return {"blob": store_blob(state, call.caller.did, call.content, call.content_type)}


def store_blob(state: State, did: str, content: bytes, claimed: str) -> Answer:
    """Keep a file of an account.

    Returns:
        What a record would say of it.
    """
    cid, size = cid_of_bytes(content), len(content)
    mime = _sniffed(content) or claimed
    path = state.blob_folder / cid
    if not path.exists():
        half = path.with_suffix(".half")
        half.write_bytes(content)
        half.replace(path)
    if cid not in state.repos[did].blobs:
        state.happen({"type": "blob", "did": did, "cid": cid, "mime": mime, "size": size})
    return {"$type": "blob", "ref": {"$link": cid}, "mimeType": mime, "size": size}


def get_blob(state: State, call: Call) -> Response:
    repo = state.repos.get(call.parameters["did"])
    if repo is None:
        raise Refusal(400, "RepoNotFound", f"Could not find repo for DID: {call.parameters['did']}")
    blob = repo.blobs.get(call.parameters["cid"])
    if blob is None:
        raise Refusal(400, "BlobNotFound", "Blob not found")
    guards = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response((state.blob_folder / blob.cid).read_bytes(), headers=guards, media_type=blob.mime)


def _account(state: State, name: str) -> Account:
    account = state.account(name)
    if account is None:
        raise invalid(f"Could not find repo: {name}")
    return account


def _shown(record: Record) -> Answer:
    return {"uri": record.uri, "cid": record.cid, "value": record.value}


def _sniffed(content: bytes) -> str | None:
    return next((mime for magic, at, mime in _MAGIC if content[at : at + len(magic)] == magic), None)
