"""Uploads in three steps; Slack looks at a file only after the last, and a message can show it only then.

Source: https://docs.slack.dev/messaging/working-with-files and the methods' reference pages; that a file is
not ready at once is from slackapi/python-slack-sdk issues 1521 and 1575.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.responses import PlainTextResponse, Response

from socialcore.sandbox.slack import channels
from socialcore.sandbox.slack.calls import Asked, Call
from socialcore.sandbox.slack.refusals import Refusal, explained
from socialcore.sandbox.slack.shapes import is_list, is_object
from socialcore.sandbox.slack.state import File, State, id_of

Answer = dict[str, Any]
MOST_ALT = 1_000  # characters
LOOKED_AT_AFTER = timedelta(milliseconds=150)
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def announce(state: State, call: Call) -> Answer:
    """Answer with an address for the bytes."""
    length = call.required("length")
    if not length.isdigit() or int(length) == 0:
        raise explained("invalid_arguments", "length is not a number of bytes above 0")
    if len(call.text("alt_txt")) > MOST_ALT:
        raise Refusal("alt_txt_too_large")
    key = secrets.token_urlsafe(24)
    name = id_of("F", key)
    state.happen(
        {
            "type": "file",
            "id": name,
            "workspace": call.home.id,
            "key": key,
            "name": call.required("filename"),
            "length": int(length),
            "alt": call.text("alt_txt"),
        }
    )
    return {"upload_url": f"{call.asked.base}/upload/{key}", "file_id": name}


def receive(state: State, asked: Asked, key: str) -> Response:
    """Take the bytes; the address is all the permission it needs."""
    file = next((each for each in state.files.values() if each.key == key), None)
    if file is None or file.media_type is not None:
        return PlainTextResponse("not found", 404)
    if len(asked.body) != file.length:
        return PlainTextResponse(f"expected {file.length} bytes", 400)
    (state.file_folder / file.id).write_bytes(asked.body)
    media_type = next((kind for magic, kind in _MAGIC if asked.body.startswith(magic)), "application/octet-stream")
    state.happen({"type": "file_received", "id": file.id, "media_type": media_type})
    return PlainTextResponse(f"OK - {len(asked.body)}")


def complete(state: State, call: Call) -> Answer:
    given = call.parsed("files", "invalid_arguments")
    if not is_list(given) or not given:
        raise explained("invalid_arguments", "missing required field: files")
    if call.text("channel_id") or call.text("channels"):
        call.oddities.append("the files are shared at once: they become public before the message")
    done: list[Answer] = []
    for each in given:
        name = each.get("id") if is_object(each) else None
        file = _own(state, call, name if isinstance(name, str) else "")
        if file.media_type is None:
            raise Refusal("file_not_found")  # its bytes never came
        title = str(each.get("title", file.name))
        ready_at = (call.now + LOOKED_AT_AFTER).isoformat()
        state.happen({"type": "file_completed", "id": file.id, "title": title, "ready_at": ready_at})
        done.append({"id": file.id, "title": title})
    return {"files": done}


def info(state: State, call: Call) -> Answer:
    channels.insist_on(call, "files:read")
    file = _own(state, call, call.required("file"))
    is_ready = file.ready_at is not None and file.ready_at <= call.now
    shown: Answer = {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.media_type if is_ready else "",
        "size": file.length,
        "alt_txt": file.alt,
        "user": call.home.bot_user,
        "mode": "hosted",
        "is_public": False,
        "shares": {},
        "url_private": f"{call.asked.base}/files-pri/{file.id}",
    }
    return {"file": shown, "comments": []}


def ready(state: State, call: Call) -> Mapping[str, File]:
    """List the files that a message of this caller can show."""
    return {
        each.id: each
        for each in state.files.values()
        if each.workspace == call.home.id and each.ready_at is not None and each.ready_at <= call.now
    }


def _own(state: State, call: Call, name: str) -> File:
    file = state.files.get(name)
    if file is None or file.workspace != call.home.id:
        raise Refusal("file_not_found")
    return file
