"""How often somebody may call, counted in fixed windows as the reference server counts.

Kept in memory only, as there: a restart starts the counting anew.

Source: https://docs.bsky.app/docs/advanced-guides/rate-limits; the limits in the handlers of packages/pds/src/api.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialcore.sandbox.bluesky.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    points: int
    window: timedelta


ALL_CALLS = Limit("all", 3000, timedelta(minutes=5))
NEW_ACCOUNTS = Limit("accounts", 100, timedelta(minutes=5))
SIGN_INS = Limit("sign-ins", 30, timedelta(minutes=5))
SIGN_INS_DAILY = Limit("sign-ins daily", 300, timedelta(days=1))
WRITES = Limit("writes", 5000, timedelta(hours=1))
WRITES_DAILY = Limit("writes daily", 35_000, timedelta(days=1))
UPLOADS = Limit("uploads", 1000, timedelta(days=1))

# Who is counted, and how much this call costs.
Claim = tuple[Limit, str, int]


@dataclass(slots=True)
class _Window:
    ends_at: datetime
    used: int = 0


@dataclass(frozen=True, slots=True)
class _Standing:
    limit: Limit
    remaining: int
    ends_at: datetime

    def headers(self) -> dict[str, str]:
        return headers(self.limit.points, self.limit.window, max(self.remaining, 0), self.ends_at)


class Limits:
    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}

    def spend(self, claims: Iterable[Claim], *, now: datetime) -> dict[str, str]:
        """Count a call.

        Returns:
            The headers that tell of the limit with the least left.

        Raises:
            Refusal: if a limit is overstepped; the call counts nevertheless.
        """
        standings = [self._spend(limit, who, cost, now) for limit, who, cost in claims]
        tightest = min(standings, key=lambda each: each.remaining)
        if tightest.remaining < 0:
            raise refusal(tightest.headers(), tightest.ends_at, now=now)
        return tightest.headers()

    def forget(self) -> None:
        self._windows.clear()

    def _spend(self, limit: Limit, who: str, cost: int, now: datetime) -> _Standing:
        window = self._windows.get((limit.name, who))
        if window is None or window.ends_at <= now:
            window = self._windows[limit.name, who] = _Window(now + limit.window)
        window.used += cost
        return _Standing(limit, limit.points - window.used, window.ends_at)


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
