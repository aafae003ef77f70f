"""The life of a delivery in a worker's hands: the order of things that makes it never lost and never twice.

Only the order is here. What each step does is the hands': the worker's reach for the database and the
platforms, the simulator's for a model of both, so that the same decisions run against every crash.
"""

from typing import Protocol

from socialcore import failures
from socialcore.adapters.contract import ReadBack, Receipt
from socialcore.attempts import Attempt
from socialcore.grants import Prepared
from socialcore.lanes import Lane
from socialcore.transitions import Picked

MOST_ROUNDS = 50  # of one claim; then the lane queues up again behind the others


class Hands(Protocol):
    """One method per step; each database effect is one transaction, no platform is called inside one."""

    def pick(self, lane: Lane) -> Picked | None: ...
    def prepare(self, lane: Lane, picked: Picked) -> Prepared: ...
    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> None: ...
    def deadline(self) -> float: ...
    def intend(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None: ...
    def send(self, lane: Lane, attempt: Attempt, prepared: Prepared, deadline: float) -> Receipt: ...
    def conclude(
        self, lane: Lane, attempt: Attempt, prepared: Prepared, result: Receipt | failures.PlatformFailure
    ) -> None: ...
    def look(self, lane: Lane, picked: Picked) -> Receipt | None: ...
    def note_look(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None: ...
    def note_stop(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None: ...
    def read_back(self, lane: Lane, picked: Picked) -> ReadBack | None: ...
    def note_read_back(self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None) -> None: ...
    def release(self, lane: Lane) -> None: ...


def tend(hands: Hands, lane: Lane) -> int:
    """Work on a claimed lane until nothing in it is due, then give it back.

    Returns:
        How many steps were taken, for whoever watches the worker.
    """
    rounds = 0
    while rounds < MOST_ROUNDS and (picked := hands.pick(lane)) is not None:
        rounds += 1
        match picked.state:
            case "queued" if picked.is_stopping:
                stop(hands, lane, picked)
            case "queued":
                publish(hands, lane, picked)
            case "ambiguous":
                look(hands, lane, picked)
            case "accepted":
                read_back(hands, lane, picked)
    hands.release(lane)
    return rounds


def publish(hands: Hands, lane: Lane, picked: Picked) -> None:
    """Prepare, intend, send, conclude."""
    try:
        prepared = hands.prepare(lane, picked)
    except failures.PlatformFailure as failure:
        hands.note_unprepared(lane, picked, failure)
        return
    deadline = hands.deadline()  # before BEGIN: however long the transaction takes, it does not move
    attempt = hands.intend(lane, picked, prepared)
    if attempt is None:
        return
    try:
        result: Receipt | failures.PlatformFailure = hands.send(lane, attempt, prepared, deadline)
    except failures.PlatformFailure as failure:
        result = failure
    hands.conclude(lane, attempt, prepared, result)


def look(hands: Hands, lane: Lane, picked: Picked) -> None:
    """See whether an ambiguous attempt did publish, before anything is sent again."""
    hands.note_look(lane, picked, _seen(hands, lane, picked))


def stop(hands: Hands, lane: Lane, picked: Picked) -> None:
    """See whether an earlier attempt did publish, before saying that the delivery was stopped."""
    hands.note_stop(lane, picked, _seen(hands, lane, picked))


def _seen(hands: Hands, lane: Lane, picked: Picked) -> Receipt | failures.PlatformFailure | None:
    try:
        return hands.look(lane, picked)
    except failures.PlatformFailure as failure:
        return failure


def read_back(hands: Hands, lane: Lane, picked: Picked) -> None:
    """See what the platform shows of a post that it accepted."""
    try:
        shown: ReadBack | failures.PlatformFailure | None = hands.read_back(lane, picked)
    except failures.PlatformFailure as failure:
        shown = failure
    hands.note_read_back(lane, picked, shown)
