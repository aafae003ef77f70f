"""The methods about channels, and finding the one that a call is about."""

import base64
from collections.abc import Mapping
from typing import Any

from socialcore.sandbox.slack.calls import Call
from socialcore.sandbox.slack.refusals import Refusal
from socialcore.sandbox.slack.state import Channel, State, Workspace

Answer = dict[str, Any]
KINDS = ("public_channel", "private_channel", "mpim", "im")


def of_call(call: Call) -> Channel:
    """Find the channel a call names; a private one without the bot is as good as none.

    Raises:
        Refusal: if there is none.
    """
    channel = call.home.channels.get(call.required("channel"))
    if channel is None or (channel.is_private and not channel.has_bot):
        raise Refusal("channel_not_found")
    return channel


def needed(prefix: str, channel: Channel) -> str:
    """Name the scope for a channel: those of private ones are called groups."""
    return f"{'groups' if channel.is_private else 'channels'}:{prefix}"


def insist_on(call: Call, scope: str) -> None:
    if scope not in call.scopes:
        raise Refusal("missing_scope", needed=scope, provided=",".join(sorted(call.scopes)))


def list_channels(_state: State, call: Call) -> Answer:
    wanted = [each.strip() for each in (call.text("types") or "public_channel").split(",")]
    if unknown := [each for each in wanted if each not in KINDS]:
        raise Refusal("invalid_types", types=unknown)
    for kind, scope in (("public_channel", "channels:read"), ("private_channel", "groups:read")):
        if kind in wanted:
            insist_on(call, scope)
    found = [
        each
        for each in call.home.channels.values()
        if ("private_channel" if each.is_private else "public_channel") in wanted
        and (each.has_bot or not each.is_private)
        and not (each.is_archived and call.says("exclude_archived"))
    ]
    start, limit = at_cursor(call), call.number("limit", 100, most=1000)
    page = found[start : start + limit]
    return {
        "channels": [_shown(call.home, each) for each in page],
        "response_metadata": {"next_cursor": cursor(start + limit) if start + limit < len(found) else ""},
    }


def info(_state: State, call: Call) -> Answer:
    channel = of_call(call)
    insist_on(call, needed("read", channel))
    return {"channel": _shown(call.home, channel)}


def join(state: State, call: Call) -> Answer:
    channel = of_call(call)
    if channel.is_private:
        raise Refusal("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refusal("is_archived")
    if channel.has_bot:
        call.warnings.append("already_in_channel")
    else:
        state.happen({"type": "channel", "workspace": call.home.id, "channel": as_json(channel, has_bot=True)})
    return {"channel": _shown(call.home, call.home.channels[channel.id])}


def as_json(channel: Channel, **changed: Any) -> Mapping[str, Any]:
    kept = {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "has_bot": channel.has_bot,
    }
    return {**kept, **changed}


def at_cursor(call: Call) -> int:
    """Say from where on to list.

    Raises:
        Refusal: if the cursor is none that was given out.
    """
    if not (given := call.text("cursor")):
        return 0
    try:
        return int(base64.b64decode(given, validate=True).decode().removeprefix("next:"))
    except ValueError as error:
        raise Refusal("invalid_cursor") from error


def cursor(start: int) -> str:
    return base64.b64encode(f"next:{start}".encode()).decode()


def _shown(workspace: Workspace, channel: Channel) -> Answer:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": channel.name == "general",
        "is_shared": False,
        "is_org_shared": False,
        "is_ext_shared": False,
        "is_member": channel.has_bot,
        "context_team_id": workspace.id,
        "num_members": 2,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
    }
