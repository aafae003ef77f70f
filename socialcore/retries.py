"""What happens after a failed attempt. Pure, so that every rule is one line of a test table."""

import random
from dataclasses import dataclass
from datetime import timedelta

from socialcore import failures

# How long to wait after the first failed try, the second, and so on; then we give up.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 1800, 3600))
SPREAD = 0.1  # of a wait, at most, is added to it


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It certainly was not published; send it again after a while."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class LookFirst:
    """It may have been published: nothing is sent before we have looked."""


@dataclass(frozen=True, slots=True)
class WaitForReconnect:
    """It waits, unsent, until an operator has signed in again."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Only the operator can move this on."""


NextStep = TryAgain | LookFirst | WaitForReconnect | GiveUp


def next_step(failure: failures.PlatformFailure, *, tries: int, repeats: int = 1) -> NextStep:
    """Decide what to do about a failed attempt.

    Args:
        tries: how many attempts so far might have published, this one included; waits that a platform
            asked for and expired tokens are no tries.
        repeats: how many attempts in a row have failed in this way, this one included.
    """
    match failure:
        case failures.OutcomeUnknown():
            return LookFirst()
        case failures.RateLimited(wait=wait):
            return TryAgain(wait)
        case failures.CredentialExpired() if repeats == 1:
            return TryAgain(timedelta(0))
        case failures.CredentialExpired():  # renewed, and expired all the same
            return TryAgain(WAITS[min(repeats - 2, len(WAITS) - 1)])
        case failures.ReconnectNeeded():
            return WaitForReconnect()
        case failures.ContentRejected():
            return GiveUp()
        case _:
            return after_absence(tries=tries)


def after_absence(*, tries: int) -> TryAgain | GiveUp:
    """Decide what to do once it is certain that nothing was published."""
    return TryAgain(WAITS[tries - 1]) if tries <= len(WAITS) else GiveUp()


def next_look(looks: int) -> timedelta:
    """How long to wait before asking again, after so many times that a platform could not even tell."""
    return WAITS[min(looks, 3)]


def spread(wait: timedelta) -> timedelta:
    """Lengthen a wait a little, so that what failed together does not come back together."""
    return wait * random.uniform(1, 1 + SPREAD)  # noqa: S311 - spreads load
