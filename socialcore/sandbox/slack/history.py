"""The methods that read messages: a channel's, and a thread's.

Source: https://docs.slack.dev/reference/methods/conversations.history and conversations.replies
"""

import re
from collections.abc import Sequence
from typing import Any

from socialcore.sandbox.slack import channels, messages
from socialcore.sandbox.slack.calls import Call
from socialcore.sandbox.slack.refusals import Refusal
from socialcore.sandbox.slack.state import Channel, Message, State

Answer = dict[str, Any]
_TIME = re.compile(r"\d{1,12}(?:\.\d{1,6})?")


def history(state: State, call: Call) -> Answer:
    channel = _to_read(call)
    found = [each for each in state.in_channel(channel.id) if not each.is_reply or each.is_broadcast]
    return _page(state, call, _within(call, found), most=999)


def replies(state: State, call: Call) -> Answer:
    """List a thread: its first message always, then those of the replies that are asked for."""
    channel = _to_read(call)
    parent = state.messages.get((channel.id, call.required("ts")))
    if parent is None:
        raise Refusal("thread_not_found")
    if parent.is_reply:
        return _page(state, call, [parent], most=1000)
    return _page(state, call, [parent, *_within(call, state.replies(parent))], most=1000)


def _to_read(call: Call) -> Channel:
    channel = channels.of_call(call)
    channels.insist_on(call, channels.needed("history", channel))
    if not channel.has_bot:
        raise Refusal("not_in_channel")
    return channel


def _within(call: Call, found: Sequence[Message]) -> list[Message]:
    oldest, latest = _time(call, "oldest"), _time(call, "latest")
    if call.says("inclusive"):
        return [each for each in found if (not oldest or each.ts >= oldest) and (not latest or each.ts <= latest)]
    return [each for each in found if (not oldest or each.ts > oldest) and (not latest or each.ts < latest)]


def _time(call: Call, name: str) -> str:
    """Read a time so that it compares as text with a message's."""
    given = call.text(name)
    if given in {"", "0"}:
        return ""
    if not _TIME.fullmatch(given):
        raise Refusal(f"invalid_ts_{name}")
    seconds, _, micros = given.partition(".")
    return f"{int(seconds)}.{micros:0<6}"


def _page(state: State, call: Call, found: Sequence[Message], *, most: int) -> Answer:
    start, limit = channels.at_cursor(call), call.number("limit", min(100, most), most=most)
    page = found[start : start + limit]
    has_more = start + limit < len(found)
    shown: Answer = {
        "messages": [
            {**messages.shown(call, each, everything=call.says("include_all_metadata")), **_thread_of(state, each)}
            for each in page
        ],
        "has_more": has_more,
    }
    return {**shown, "response_metadata": {"next_cursor": channels.cursor(start + limit)}} if has_more else shown


def _thread_of(state: State, message: Message) -> Answer:
    answers = state.replies(message) if not message.is_reply else ()
    return {"thread_ts": message.ts, "reply_count": len(answers), "latest_reply": answers[-1].ts} if answers else {}
