"""The methods of the Web API that this double has: what each wants, and how often it may be called.

Source: the reference page of each at https://docs.slack.dev/reference/methods
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from socialcore.sandbox.slack import channels, files, history, messages, sign_ins
from socialcore.sandbox.slack.calls import Call
from socialcore.sandbox.slack.state import State

Answer = Mapping[str, Any]
OAUTH = "oauth.v2.access"  # asks for no token; it gives them


@dataclass(frozen=True, slots=True)
class Method:
    """One method; `scope` is the one it always needs, some need others besides."""

    run: Callable[[State, Call], Answer]
    arguments: frozenset[str]
    scope: str | None = None
    tier: int | None = None  # None: limits of its own
    writes: bool = True  # whether it wants POST


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


_CONTENT = (
    "channel text blocks attachments markdown_text metadata thread_ts reply_broadcast unfurl_links unfurl_media mrkdwn"
    " parse link_names username icon_emoji icon_url as_user"
)
_PAGE = "channel cursor limit oldest latest inclusive include_all_metadata"

METHODS: Mapping[str, Method] = {
    "auth.test": Method(sign_ins.whose, _named("")),
    "auth.revoke": Method(sign_ins.revoke, _named("test"), tier=3),
    "conversations.list": Method(
        channels.list_channels, _named("cursor limit types exclude_archived team_id"), tier=2, writes=False
    ),
    "conversations.info": Method(
        channels.info, _named("channel include_locale include_num_members"), tier=3, writes=False
    ),
    "conversations.join": Method(channels.join, _named("channel"), "channels:join", tier=3),
    "conversations.history": Method(history.history, _named(_PAGE), tier=3, writes=False),
    "conversations.replies": Method(history.replies, _named(_PAGE + " ts"), tier=3, writes=False),
    "chat.postMessage": Method(messages.post, _named(_CONTENT), "chat:write"),
    "chat.update": Method(messages.update, _named(_CONTENT + " ts file_ids"), "chat:write", tier=3),
    "chat.delete": Method(messages.delete, _named("channel ts as_user"), "chat:write", tier=3),
    "chat.getPermalink": Method(messages.permalink, _named("channel message_ts"), writes=False),
    "files.getUploadURLExternal": Method(
        files.announce, _named("filename length alt_txt snippet_type"), "files:write", tier=4
    ),
    "files.completeUploadExternal": Method(
        files.complete, _named("files channel_id channels initial_comment thread_ts blocks"), "files:write", tier=4
    ),
    "files.info": Method(files.info, _named("file count page limit cursor"), "files:read", tier=4, writes=False),
}
OAUTH_ARGUMENTS = _named("client_id client_secret code redirect_uri grant_type refresh_token code_verifier")
