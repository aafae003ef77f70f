"""What was posted: for programs as records, for people as a page shows it."""

import json
from collections.abc import Mapping
from typing import Any

from socialcore.sandbox.platforms import Picture, Posted
from socialcore.sandbox.slack import messages, stored
from socialcore.sandbox.slack.state import Message, State


def records(state: State, base: str) -> list[dict[str, Any]]:
    """List every message in the platform's own terms, in the order of writing; `shown` is what a person reads."""
    return [
        {
            "team": message.workspace,
            "channel": message.channel,
            "ts": message.ts,
            "text": message.text,
            "shown": stored.shown(message.text),
            "blocks": list(message.blocks),
            "metadata": message.metadata,
            "thread_ts": message.thread_ts,
            "url": f"{base}{_address(state, message)}",
            "at": message.at.isoformat(),
        }
        for message in _in_order(state)
    ]


def posts(state: State) -> list[Posted]:
    """List every message, the last written first."""
    return [_posted(state, message) for message in reversed(_in_order(state))]


def page_of(state: State, channel: str, place: str) -> str | None:
    """Find the page of a message by the end of its link: `p` and its time without the dot."""
    ts = f"{place[1:-6]}.{place[-6:]}"
    message = state.messages.get((channel, ts))
    return _address(state, message) if message and not message.is_tombstone else None


def _in_order(state: State) -> list[Message]:
    return sorted((each for each in state.messages.values() if not each.is_tombstone), key=lambda each: each.ts)


def _address(state: State, message: Message) -> str:
    return f"/profile/{state.workspaces[message.workspace].domain}/post/{_key(message)}"


def _key(message: Message) -> str:
    return f"{message.channel}-{message.ts}"


def _posted(state: State, message: Message) -> Posted:
    home = state.workspaces[message.workspace]
    parent = state.messages.get((message.channel, message.thread_ts or ""))
    return Posted(
        author=f"{home.domain} #{home.channels[message.channel].name}",
        author_id=home.domain,
        key=_key(message),
        at=message.at,
        address=_address(state, message),
        pieces=tuple(stored.pieces(message.text)),
        pictures=tuple(picture for block in message.blocks if (picture := _picture(block))),
        answers=_address(state, parent) if parent and message.is_reply else None,
        details={
            "Workspace": home.name,
            "Channel": f"#{home.channels[message.channel].name}",
            "ts": message.ts,
            "Link": messages.path(message),
        },
        source=json.dumps(
            {"text": message.text, "blocks": list(message.blocks), "metadata": message.metadata},
            ensure_ascii=False,
            indent=2,
        ),
    )


def _picture(block: Mapping[str, Any]) -> Picture | None:
    match block:
        case {"type": "image", "slack_file": {"id": str(name)}, "alt_text": str(alt)}:
            return Picture(f"/slack/files-pri/{name}", alt)
        case _:
            return None
