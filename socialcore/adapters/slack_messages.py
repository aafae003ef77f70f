"""What a message at Slack looks like: as we send it, as it comes back, and where it is.

Source: https://docs.slack.dev: /reference/block-kit/blocks, /messaging/formatting-message-text and
/messaging/message-metadata, read 2026-11-23.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import regex

from socialcore.adapters.contract import Json, Receipt, Sighting, Target
from socialcore.text import slack as text_rules

EVENT_TYPE = "social_composer_delivery"  # what our metadata says it is
NO_WORDS = "Picture"  # a picture without a description must have one all the same

_EMOJI = regex.compile(
    r"\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3"
    r"|\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})*"
    r"(?:\u200d\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})*)*[\U000e0020-\U000e007f]*"
)
_NAMED = r":[\w+'-]+:(?::skin-tone-\d:)?"
_MARKUP = regex.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_PLACE = regex.compile(r"/archives/([A-Z0-9]{3,})/p(\d{10,})(\d{6})/?")
_CHANNEL_TS = regex.compile(r"\d+\.\d+")


def metadata(delivery_id: UUID) -> Json:
    """Mark a message as this delivery's. Every app in the workspace can read it: nothing but the id is in it."""
    return {"event_type": EVENT_TYPE, "event_payload": {"delivery_id": str(delivery_id)}}


def is_of(message: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a message carries our mark."""
    match message.get("metadata"):
        case {"event_type": str(event_type), "event_payload": {"delivery_id": str(delivery_id)}}:
            return event_type == EVENT_TYPE and delivery_id == wanted["event_payload"]["delivery_id"]
        case _:
            return False


def with_pictures(escaped: str, pictures: Sequence[Mapping[str, str]]) -> list[Json]:
    """Make the blocks of a message: its text in as many sections as it takes, then its pictures."""
    cut = [each for each in text_rules.sections(escaped) if each.strip()]
    sections = [{"type": "section", "text": {"type": "mrkdwn", "text": each}} for each in cut]
    images = [
        {"type": "image", "slack_file": {"id": each["file"]}, "alt_text": each["alt"] or NO_WORDS} for each in pictures
    ]
    return [*sections, *images]


def rewritten(body: Mapping[str, Any], escaped: str) -> Json:
    """Give a message other words; its pictures stay."""
    new: Json = {**body, "text": escaped if escaped.strip() else NO_WORDS}
    if pictures := [{"file": file, "alt": alt} for file, alt in _pictures(body)]:
        new["blocks"] = with_pictures(escaped, pictures)
    return new


def differences(body: Mapping[str, Any], message: Mapping[str, Any]) -> list[str]:
    """Name what of a message is not as it was sent."""
    found: list[str] = []
    if not _reads_as(body["text"], message):
        found.append("text")
    if _pictures(body) != _pictures(message):
        found.append("pictures")
    # A message that begins a thread names itself as its thread, once somebody has answered.
    if message.get("thread_ts", message.get("ts")) != body.get("thread_ts", message.get("ts")):
        found.append("thread")
    return found


def sighting(receipt: Receipt, message: Mapping[str, Any]) -> Sighting:
    return Sighting(receipt, readable(message), moment(str(message.get("ts", ""))))


def readable(message: Mapping[str, Any]) -> str:
    """Read a message's text as people do: without Slack's markup, and with the emoji it names itself."""
    text = _unmarked(str(message.get("text", "")))
    for name, emoji in _emoji_of(message).items():
        text = regex.sub(rf":{regex.escape(name)}:(?::skin-tone-\d:)?", emoji, text)
    return text


def receipt(workspace: str, channel: str, ts: str, thread_ts: str | None) -> Receipt:
    """Say where a message is; `workspace` is the address of the workspace, as `auth.test` gives it."""
    url = f"{workspace.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"
    if thread_ts not in (None, ts):
        url += f"?thread_ts={thread_ts}&cid={channel}"
    return Receipt(ts, url)


def locate(service: str, target: Target, link: str) -> Receipt | None:
    """Read the link that Slack copies for a message; None if it is no message of this channel."""
    try:
        parts = urlsplit(link.strip())
        host = parts.hostname or ""
    except ValueError:
        return None
    before, _, _ = parts.path.partition("/archives/")
    place = _PLACE.fullmatch(parts.path.removeprefix(before))
    is_slack = parts.scheme == "https" and host.endswith(".slack.com") and not before
    is_sandbox = f"{parts.scheme}://{parts.netloc}{before}" == service
    if place is None or place[1] != target.id or not (is_slack or is_sandbox):
        return None
    thread_ts = parse_qs(parts.query).get("thread_ts", [""])[0]
    known = thread_ts if _CHANNEL_TS.fullmatch(thread_ts) else None
    return receipt(f"{parts.scheme}://{parts.netloc}{before}", target.id, f"{place[2]}.{place[3]}", known)


def moment(ts: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _reads_as(escaped: str, message: Mapping[str, Any]) -> bool:
    """Compare texts, knowing that Slack turns an emoji into its name and marks up what looks like an address."""
    sent, shown = _unmarked(escaped).strip(), _unmarked(str(message.get("text", ""))).strip()
    expected, done = "", 0
    for emoji in _EMOJI.finditer(sent):
        expected += regex.escape(sent[done : emoji.start()]) + f"(?:{regex.escape(emoji[0])}|{_NAMED})"
        done = emoji.end()
    return regex.fullmatch(expected + regex.escape(sent[done:]), shown) is not None


def _pictures(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for block in _blocks(message):
        match block:
            case {"type": "image", "slack_file": {"id": str(name)}, "alt_text": str(alt)}:
                found.append((name, alt))
            case _:
                continue
    return found


def _blocks(message: Mapping[str, Any]) -> list[Any]:
    blocks: object = message.get("blocks")
    return cast("list[Any]", blocks) if isinstance(blocks, list) else []


def _emoji_of(message: Mapping[str, Any]) -> dict[str, str]:
    """Collect which emoji a message names, from the blocks that Slack makes of a text."""
    found: dict[str, str] = {}
    waiting = _blocks(message)
    while waiting:
        match waiting.pop():
            case {"type": "emoji", "name": str(name), "unicode": str(code)}:
                found |= {name: emoji} if (emoji := _decoded(code)) else {}
            case {"elements": elements} if isinstance(elements, list):
                waiting += cast("list[Any]", elements)
            case _:
                continue
    return found


def _decoded(code: str) -> str:
    try:
        return "".join(chr(int(each, 16)) for each in code.split("-"))
    except (ValueError, OverflowError):
        return ""


def _unmarked(text: str) -> str:
    shown = _MARKUP.sub(lambda found: found[2] or found[1].removeprefix("mailto:"), text)
    return text_rules.unescape(shown)
