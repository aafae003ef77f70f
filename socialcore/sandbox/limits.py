"""How often somebody may call, counted in fixed windows. Each platform has its own limits, headers and refusals.

Kept in memory only: a restart starts the counting anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialcore.sandbox.faults import Fault


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    points: int
    window: timedelta


# Who is counted, and how much this call costs.
Claim = tuple[Limit, str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """How much is left of a limit; less than nothing if it is overstepped."""

    limit: Limit
    remaining: int
    ends_at: datetime


@dataclass(slots=True)
class _Window:
    ends_at: datetime
    used: int = 0


class Limits:
    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}

    def spend(self, claims: Iterable[Claim], *, now: datetime) -> Standing:
        """Count a call, be it too many; say where the limit with the least left stands."""
        return min((self._spend(*claim, now) for claim in claims), key=lambda each: each.remaining)

    def forget(self) -> None:
        self._windows.clear()

    def _spend(self, limit: Limit, who: str, cost: int, now: datetime) -> Standing:
        window = self._windows.get((limit.name, who))
        if window is None or window.ends_at <= now:
            window = self._windows[limit.name, who] = _Window(now + limit.window)
        window.used += cost
        return Standing(limit, limit.points - window.used, window.ends_at)


class Waits:
    """Who was told by a fault to come later, and when that is: turned away until then, whatever is asked."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], tuple[Fault, datetime]] = {}

    def begin(self, fault: Fault, who: str, method: str, *, now: datetime) -> datetime:
        """Note that `who` has to wait, and until when."""
        self._all[who, method] = fault, now + timedelta(seconds=fault.seconds(5))
        return self._all[who, method][1]

    def until(self, fault: Fault, who: str, method: str, *, now: datetime) -> datetime | None:
        """Say how long this very fault still holds them; a fault that was cleared away holds nobody."""
        waiting, ends_at = self._all.get((who, method), (None, now))
        return ends_at if waiting is fault and ends_at > now else None

    def forget(self) -> None:
        self._all.clear()
