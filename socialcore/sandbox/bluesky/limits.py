"""How often somebody may call, counted as the reference server counts: in memory, too.

Source: https://docs.bsky.app/docs/advanced-guides/rate-limits; the limits in the handlers of packages/pds/src/api.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from socialcore.sandbox.bluesky.refusals import Refusal
from socialcore.sandbox.limits import Claim, Limit, Limits

ALL_CALLS = Limit("all", 3000, timedelta(minutes=5))
NEW_ACCOUNTS = Limit("accounts", 100, timedelta(minutes=5))
SIGN_INS = Limit("sign-ins", 30, timedelta(minutes=5))
SIGN_INS_DAILY = Limit("sign-ins daily", 300, timedelta(days=1))
WRITES = Limit("writes", 5000, timedelta(hours=1))
WRITES_DAILY = Limit("writes daily", 35_000, timedelta(days=1))
UPLOADS = Limit("uploads", 1000, timedelta(days=1))


def spend(limits: Limits, claims: Iterable[Claim], *, now: datetime) -> dict[str, str]:
    """Count a call.

    Returns:
        The headers that tell of the limit with the least left.

    Raises:
        Refusal: if a limit is overstepped; the call counts nevertheless.
    """
    tightest = limits.spend(claims, now=now)
    told = headers(tightest.limit.points, tightest.limit.window, max(tightest.remaining, 0), tightest.ends_at)
    if tightest.remaining < 0:
        raise refusal(told, tightest.ends_at, now=now)
    return told


def headers(points: int, window: timedelta, remaining: int, ends_at: datetime) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(points),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(math.ceil(ends_at.timestamp())),
        "RateLimit-Policy": f"{points};w={int(window.total_seconds())}",
    }


def refusal(told: dict[str, str], ends_at: datetime, *, now: datetime) -> Refusal:
    wait = max(math.ceil((ends_at - now).total_seconds()), 1)
    return Refusal(429, "RateLimitExceeded", "Rate Limit Exceeded", {**told, "Retry-After": str(wait)})
