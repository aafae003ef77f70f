"""The methods that write messages: post, change, delete, and say where one is.

Source: https://docs.slack.dev/reference/methods/chat.postMessage; that texts over 4,040 characters are split is
from the field (/messaging pages say 4,000 is the most to send).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from socialcore.sandbox.slack import blocks, channels, files, stored
from socialcore.sandbox.slack.calls import Call
from socialcore.sandbox.slack.refusals import Refusal, explained
from socialcore.sandbox.slack.shapes import is_list, is_object
from socialcore.sandbox.slack.state import Channel, Message, State

Answer = dict[str, Any]
TRUNCATED_AT, SPLIT_AT, PIECE = 40_000, 4_040, 4_000  # characters
MOST_ATTACHMENTS = 100
MOST_OF_UPDATE = 4_000
MOST_METADATA_BYTES = 16_000
EVENT_TYPE = re.compile(r"[A-Za-z0-9_.]{1,255}")
# What Slack leaves of a message that was answered. Seen in the field; no reference page has it.
TOMBSTONE: Mapping[str, Any] = {
    "type": "message",
    "subtype": "tombstone",
    "text": "This message was deleted.",
    "user": "USLACKBOT",
    "hidden": True,
}
_NOTIFIES = re.compile(r"<!(?:channel|here|everyone)\b")


def post(state: State, call: Call) -> Answer:
    channel = _to_write_to(call)
    made = _content(state, call)
    thread_ts = _thread(state, call, channel)
    _look_askance(call)
    texts = _split(made["text"])
    for number, text in enumerate(texts):
        state.happen(
            {
                "type": "message",
                "workspace": call.home.id,
                "channel": channel.id,
                "ts": state.next_ts(call.now),
                "text": stored.stored(text),
                "blocks": made["blocks"] if number == 0 else [],
                "metadata": made["metadata"] if number == 0 else None,
                "thread_ts": thread_ts,
                "is_broadcast": thread_ts is not None and call.says("reply_broadcast"),
            }
        )
    written = state.in_channel(channel.id)[len(texts) - 1]
    return {"channel": channel.id, "ts": written.ts, "message": shown(call, written, everything=True)}


def update(state: State, call: Call) -> Answer:
    channel = _to_write_to(call)
    message = _message(state, channel, call.required("ts"))
    if len(call.text("text")) > MOST_OF_UPDATE:
        raise Refusal("msg_too_long")
    made = _content(state, call)
    edited = state.next_ts(call.now)
    metadata = made["metadata"] if made["metadata"] is not None else message.metadata
    place = {"channel": channel.id, "ts": message.ts}
    text = stored.stored(made["text"])
    state.happen(
        {"type": "changed", **place, "text": text, "blocks": made["blocks"], "metadata": metadata, "edited": edited}
    )
    return {**place, "text": text, "message": shown(call, state.messages[channel.id, message.ts], everything=True)}


def delete(state: State, call: Call) -> Answer:
    channel = channels.of_call(call)
    message = _message(state, channel, call.required("ts"))
    place = {"channel": channel.id, "ts": message.ts}
    if state.replies(message):  # its thread goes on below what is left of it
        state.happen({"type": "buried", **place})
    else:
        state.happen({"type": "deleted", **place})
    return place


def permalink(state: State, call: Call) -> Answer:
    channel = channels.of_call(call)
    message = _message(state, channel, call.required("message_ts"))
    return {"channel": channel.id, "permalink": call.asked.base + path(message)}


def path(message: Message) -> str:
    """Say where a message is, after the address of its workspace."""
    place = f"/archives/{message.channel}/p{message.ts.replace('.', '')}"
    return f"{place}?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else place


def shown(call: Call, message: Message, *, everything: bool) -> Answer:
    """Show a message as the API does; its metadata only to who asks for everything."""
    answer: Answer = {
        "type": "message",
        "user": call.home.bot_user,
        "bot_id": call.home.bot_id,
        "app_id": "A0SANDBOX01",
        "team": call.home.id,
        "ts": message.ts,
        "text": message.text,
    }
    kept = message.blocks or [stored.as_block(message.text)]
    answer["blocks"] = [{**block, "block_id": block.get("block_id", f"b{number}")} for number, block in enumerate(kept)]
    if message.is_tombstone:
        return {**TOMBSTONE, "ts": message.ts, "thread_ts": message.ts}
    if message.thread_ts is not None:
        answer["thread_ts"] = message.thread_ts
    if message.edited is not None:
        answer["edited"] = {"user": call.home.bot_user, "ts": message.edited}
    if message.is_broadcast:
        answer["subtype"] = "thread_broadcast"
    if everything and message.metadata is not None:
        answer["metadata"] = message.metadata
    return answer


def _to_write_to(call: Call) -> Channel:
    channel = channels.of_call(call)
    if channel.is_archived:
        raise Refusal("is_archived")
    if not channel.has_bot and "chat:write.public" not in call.scopes:
        raise Refusal("not_in_channel")
    return channel


def _content(state: State, call: Call) -> Answer:
    text = call.text("text")
    given = call.parsed("blocks", "invalid_blocks_format")
    attachments = call.parsed("attachments", "invalid_arguments")
    markdown = call.text("markdown_text")
    if markdown and (text or given):
        raise Refusal("markdown_text_conflict")
    if not (text.strip() or given or attachments or markdown):
        raise Refusal("no_text")
    if is_list(attachments) and len(attachments) > MOST_ATTACHMENTS:
        raise Refusal("too_many_attachments")
    checked: Sequence[Mapping[str, Any]] = []
    if given is not None:
        checked = blocks.insist(given, files.ready(state, call))
    if len(text) > TRUNCATED_AT:
        call.warnings.append("message_truncated")
    return {"text": (text or markdown)[:TRUNCATED_AT], "blocks": list(checked), "metadata": _metadata(call)}


def _metadata(call: Call) -> Mapping[str, Any] | None:
    metadata = call.parsed("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    match metadata:
        case {"event_type": str(event_type), "event_payload": payload} if is_object(payload):
            if unknown := sorted(metadata.keys() - {"event_type", "event_payload", "entities"}):
                raise explained("invalid_metadata_format", f"unknown field: {unknown[0]}")
            if not EVENT_TYPE.fullmatch(event_type):
                raise explained("invalid_metadata_format", "event_type is not a name")
        case _:
            raise Refusal("invalid_metadata_format")
    if len(json.dumps(metadata).encode()) > MOST_METADATA_BYTES:
        raise Refusal("metadata_too_large")
    return metadata


def _thread(state: State, call: Call, channel: Channel) -> str | None:
    if not (thread_ts := call.text("thread_ts")):
        return None
    parent = state.messages.get((channel.id, thread_ts))
    if parent is None:
        raise Refusal("cannot_reply_to_message")  # inferred: the reference names no other word that fits
    if parent.is_reply:
        call.oddities.append("thread_ts is a reply's, not the thread's first message's")
        return parent.thread_ts
    return thread_ts


def _look_askance(call: Call) -> None:
    """Complain about what notifies people whom nobody meant to, or is no part of a message of ours."""
    if _NOTIFIES.search(call.text("text")):
        call.oddities.append("the text notifies a whole channel: it is not escaped")
    if call.says("link_names") or call.text("parse") not in {"", "none"}:
        call.oddities.append("link_names or parse makes mentions out of text that is none")
    if len(call.text("text")) > SPLIT_AT:
        call.oddities.append(f"the text has more than {SPLIT_AT} characters: it becomes several messages")
    if call.arguments.get("blocks") and not call.text("text"):
        call.oddities.append("blocks without a text: a notification has nothing to show")


def _split(text: str) -> Sequence[str]:
    if len(text) <= SPLIT_AT:
        return [text]
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def _message(state: State, channel: Channel, ts: str) -> Message:
    message = state.messages.get((channel.id, ts))
    if message is None or message.is_tombstone:
        raise Refusal("message_not_found")
    return message
