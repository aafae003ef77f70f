"""Incoming webhooks: an address that lets whoever knows it write into one channel. Here each address opens its own.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import json
from datetime import datetime
from typing import Any

from starlette.responses import PlainTextResponse, Response

from socialcore.sandbox.slack import stored
from socialcore.sandbox.slack.calls import Asked
from socialcore.sandbox.slack.shapes import is_object
from socialcore.sandbox.slack.state import State, Workspace, id_of


def home(state: State, team: str, channel: str) -> Workspace:
    """Find the workspace that an address names, or make it: nobody has to set anything up."""
    if (found := state.workspace(team)) is None:
        domain = team.lower()
        channels = [{"id": id_of("C", f"{domain} {channel}"), "name": channel}]
        name = domain.replace("-", " ").title()
        event = {"type": "workspace", "id": id_of("T", domain), "domain": domain, "name": name, "rotates": False}
        state.happen({**event, "channels": channels})
        found = state.workspaces[id_of("T", domain)]
    return found


def receive(state: State, asked: Asked, place: Workspace, channel: str, oddities: list[str], now: datetime) -> Response:
    body = _body(asked)
    if body is None or asked.content_type != "application/json":
        return PlainTextResponse("invalid_payload", 400)
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        return PlainTextResponse("no_text", 400)
    if "<!" in text:
        oddities.append("the text notifies a whole channel: it is not escaped")
    into = next((each for each in place.channels.values() if each.name == channel), None)
    if into is None or into.is_archived:
        return PlainTextResponse(
            "channel_not_found" if into is None else "channel_is_archived", 404 if not into else 410
        )
    event = {"type": "message", "workspace": place.id, "channel": into.id, "ts": state.next_ts(now)}
    state.happen({**event, "text": stored.stored(text)})
    return PlainTextResponse("ok")


def _body(asked: Asked) -> dict[str, Any] | None:
    try:
        read: object = json.loads(asked.body)
    except ValueError:
        return None
    return read if is_object(read) else None
