"""What can be made to go wrong while the server runs, for whom, how often; and how it then goes wrong."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from socialcore.sandbox import wire


class Kind(StrEnum):
    DELAY = "delay"  # `seconds` pass before the work
    LATE = "late"  # the reply is lost at once, the work is done after `seconds`
    LOSE_REPLY = "lose_reply"
    DROP = "drop"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    RATE_LIMIT = "rate_limit"  # for `seconds`
    EXPIRED_TOKEN = "expired_token"  # noqa: S105
    REVOKED_PASSWORD = "revoked_password"  # noqa: S105
    REVOKED = "revoked"  # the sign-in by browser was taken back
    HTML = "html"
    GARBAGE = "garbage"
    HUGE = "huge"  # `bytes`, or without an end
    TAKEDOWN = "takedown"
    DEACTIVATED = "deactivated"
    CREDITS_SPENT = "credits_spent"
    DUPLICATE = "duplicate"  # said to be one, whatever it says
    REPLY_NOT_ALLOWED = "reply_not_allowed"
    REFRESH_REPLAYED = "refresh_replayed"  # the token was used before
    MEDIA_FAILED = "media_failed"  # what was uploaded turns out to be no good
    REAUTHENTICATION = "reauthentication"  # a Workspace wants its people to sign in again
    API_DISABLED = "api_disabled"  # for our whole registration
    ACCESS_LOST = "access_lost"  # somebody else manages the location now
    LOCATION_GONE = "location_gone"
    LOCATION_DISABLED = "location_disabled"  # takes no posts from programs
    REJECTED = "rejected"  # accepted, and turned down by the review
    PROCESSING_FOREVER = "processing_forever"
    SLOW_REVIEW = "slow_review"  # takes `seconds`
    SLACK_ERROR = "slack_error"  # refused with the word `error`


PARAMETERS: Mapping[Kind, frozenset[str]] = {
    Kind.DELAY: frozenset({"seconds"}),
    Kind.LATE: frozenset({"seconds"}),
    Kind.RATE_LIMIT: frozenset({"seconds", "limit", "window"}),
    Kind.HUGE: frozenset({"bytes"}),
    Kind.SLOW_REVIEW: frozenset({"seconds"}),
}
WORDED = frozenset({Kind.SLACK_ERROR})  # say which refusal, as `error`


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong; `None` stands for any account, any method, until switched off."""

    id: int
    platform: str
    kind: Kind
    account: str | None = None
    method: str | None = None
    times: int | None = None
    share: float = 1.0
    parameters: Mapping[str, float] = field(default_factory=dict[str, float])
    error: str | None = None
    fired: int = 0

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.fired >= self.times

    def seconds(self, default: float) -> float:
        return self.parameters.get("seconds", default)

    def concerns(self, platform: str, accounts: Collection[str], method: str) -> bool:
        return (
            self.platform == platform
            and (self.account is None or self.account.lower() in accounts)
            and self.method in {None, method}
        )


class Faults:
    """The faults in force. A call meets at most one: the oldest that concerns it and whose dice fall so."""

    def __init__(self) -> None:
        self._all: list[Fault] = []
        self._last_id = 0
        self._dice = random.Random()  # noqa: S311
        self._late: set[asyncio.Task[None]] = set()

    def add(self, platform: str, kind: Kind, **rest: Any) -> Fault:
        self._last_id += 1
        fault = Fault(self._last_id, platform, kind, **rest)
        self._all.append(fault)
        return fault

    def all(self) -> tuple[Fault, ...]:
        return tuple(self._all)

    def clear(self, fault_id: int | None = None) -> int:
        """Switch one fault off, or all.

        Returns:
            How many were there to switch off.
        """
        kept = [fault for fault in self._all if fault_id is not None and fault.id != fault_id]
        count = len(self._all) - len(kept)
        self._all = kept
        return count

    def draw(
        self, platform: str, accounts: Collection[str], method: str, *, suits: Callable[[Fault], bool]
    ) -> Fault | None:
        """Take the fault this call meets, counting it.

        Args:
            accounts: every name of the account calling, lower case; none if nobody can tell.
            suits: whether a fault makes sense for this call, so that it is not spent on another.
        """
        for fault in self._all:
            if fault.is_spent or not fault.concerns(platform, accounts, method) or not suits(fault):
                continue
            if fault.share >= 1 or self._dice.random() < fault.share:
                fault.fired += 1
                return fault
        return None

    def postpone(self, work: Callable[[datetime], Response], seconds: float) -> None:
        """Do the work later, whoever may still be listening."""

        async def late() -> None:
            await asyncio.sleep(seconds)
            work(datetime.now(UTC))

        task = asyncio.get_running_loop().create_task(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


async def carry_out(
    faults: Faults,
    fault: Fault | None,
    work: Callable[[datetime], Response],
    in_platform_words: Callable[[Fault, datetime], Response],
) -> Response:
    """Do the work of a call, and let it go wrong as the fault says.

    This is the edge that reads the clock: the work is told when it happens.

    Args:
        in_platform_words: the platform's own answer to a fault that is not about the wire.
    """
    if fault is None:
        return work(datetime.now(UTC))
    match fault.kind:
        case Kind.DELAY:
            await asyncio.sleep(fault.seconds(1))
            return work(datetime.now(UTC))
        case Kind.LATE:
            faults.postpone(work, fault.seconds(1))
        case Kind.LOSE_REPLY | Kind.GARBAGE | Kind.HUGE | Kind.ERROR_AFTER:
            work(datetime.now(UTC))
        case _:
            pass
    return _spoilt(fault) or in_platform_words(fault, datetime.now(UTC))


def _spoilt(fault: Fault) -> Response | None:
    """Make what the client gets to see if the fault is about the wire."""
    match fault.kind:
        case Kind.DROP | Kind.LATE | Kind.LOSE_REPLY:
            return wire.HangUp()
        case Kind.HTML:
            return wire.gateway_error()
        case Kind.GARBAGE:
            return wire.garbage()
        case Kind.HUGE:
            size = fault.parameters.get("bytes")
            return wire.huge(None if size is None else int(size))
        case _:
            return None
