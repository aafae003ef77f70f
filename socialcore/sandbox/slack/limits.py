"""How often somebody may call.

Source: https://docs.slack.dev/apis/web-api/rate-limits: tiers per method and workspace, and a message a second
into a channel, of which short bursts are forgiven; here those are a minute's worth at once.
"""

from datetime import timedelta

from socialcore.sandbox.limits import Limit

_MINUTE = timedelta(minutes=1)
MESSAGES_OF_CHANNEL = Limit("messages of a channel", 60, _MINUTE)
MESSAGES_OF_WORKSPACE = Limit("messages of a workspace", 300, _MINUTE)
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
SPECIAL = 600  # auth.test and others: "hundreds per minute"


def of_method(method: str, tier: int | None) -> Limit:
    return Limit(method, SPECIAL if tier is None else TIERS[tier], _MINUTE)
