"""What Slack allows and how it behaves, with where each of it is written.

Source: the pages of https://docs.slack.dev named here, read 2026-11-23.
"""

from datetime import date, timedelta

from socialcore.adapters.contract import Budget, Capabilities, Option, PictureLimits, Rule, Source, TextLimit, TextUnit
from socialcore.adapters.slack_errors import NAME
from socialcore.text import slack as text_rules

READ = date(2026, 11, 23)
DOCS = "https://docs.slack.dev"
PERMISSIONS = (
    "channels:history",  # to look for what an attempt left behind
    "channels:read",
    "chat:write",
    "files:read",  # to know when a picture can be shown
    "files:write",
    "groups:history",
    "groups:read",
)


def _source(page: str) -> Source:
    return Source(f"{DOCS}/{page}", READ)


CAPABILITIES = Capabilities(
    name=NAME,
    text_limits=(TextLimit(text_rules.MAX_TEXT, TextUnit.UTF16, _source("reference/methods/chat.postMessage")),),
    can_delete=True,
    why_not_edited=None,
    options=(
        Option(
            name="unfurl",
            label="Links and media unfurl",
            kind="choice",
            choices=((None, "As Slack decides"), (True, "Always"), (False, "Never")),
        ),
    ),
    settle=timedelta(minutes=1),  # Slack names no time; a request it took is done or dropped long before
    misses=2,
    read_lag=timedelta(seconds=5),
    # A message a second and channel, short bursts forgiven: fewer than that over a minute, and what a burst
    # of them still meets is a 429. "Several hundred" a minute for a workspace.
    budgets=(
        Budget("connection", 50, timedelta(minutes=1), _source("apis/web-api/rate-limits")),
        Budget("grant", 200, timedelta(minutes=1), _source("apis/web-api/rate-limits")),
    ),
    pictures=PictureLimits(
        most=10,  # ours; a message has room for 50 blocks, of which each picture is one
        most_bytes=10_000_000,  # ours; Slack takes files up to 1 GB
        longest_side=4_096,
        media_types=("image/jpeg", "image/png", "image/gif"),
        most_alt=2_000,
        source=_source("reference/block-kit/blocks/image-block"),
    ),
    threads="chain",
    sign_in=("browser",),
    permissions=frozenset(PERMISSIONS),
    rules=(
        Rule(
            "An app sold outside Slack's marketplace may read a channel once a minute, 15 messages at a time.",
            "Looking for a message in doubt waits as long as Slack asks. An app of one's own workspace, or one of "
            "the marketplace, may read 50 times a minute.",
            _source("reference/methods/conversations.history"),
        ),
        Rule(
            "An app reads only channels that it is a member of.",
            "We do not ask for chat:write.public: what could be posted but not be looked for would stay in doubt. "
            "Somebody invites the app to a channel first.",
            _source("reference/methods/conversations.history"),
        ),
        Rule(
            "Metadata of a message can be read by every app in the workspace.",
            "Ours holds the id of the delivery and nothing else.",
            _source("messaging/message-metadata"),
        ),
        Rule(
            "Markup in a text notifies a person or a whole channel; link_names and parse make such of plain words.",
            "Every text is escaped, and neither argument is ever sent: a post notifies nobody.",
            _source("messaging/formatting-message-text"),
        ),
        Rule(
            "A workspace may close the time in which messages can be edited; a text has at most 4,000 characters then.",
            "An edit that is refused says so, and the message stays as it was.",
            _source("reference/methods/chat.update"),
        ),
        Rule(
            "Giving back a sign-in turns the app off in the workspace, for everybody who uses it there.",
            "We do so only when a connection is removed; the app has to be invited to its channels again.",
            _source("reference/methods/auth.revoke"),
        ),
    ),
    source=f"{DOCS}/reference/methods/chat.postMessage, read {READ}",
)
