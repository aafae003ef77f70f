"""The life of a delivery in a worker's hands: the order of things that makes it never lost and never twice.

Only the order is here. What each step does is the hands': the worker's reach for the database and the
platforms, the simulator's for a model of both, so that the same decisions run against every crash.
"""

from typing import Protocol, TypeAlias

from socialcore import failures
from socialcore.adapters.contract import ReadBack, Receipt
from socialcore.attempts import Attempt
from socialcore.grants import Prepared
from socialcore.lanes import Lane
from socialcore.transitions import Picked

Seen: TypeAlias = Receipt | failures.PlatformFailure | None
MOST_ROUNDS = 50  # of one claim; then the lane queues up again behind the others


class Hands(Protocol):
    """One method per step; each database effect is one transaction, no platform is called inside one.

    `pick` gives the lane back when nothing in it is due. Whatever notes or concludes picks again in the same
    transaction, and returns what.
    """

    def pick(self, lane: Lane) -> Picked | None: ...
    def prepare(self, lane: Lane, picked: Picked) -> Prepared: ...
    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> Picked | None: ...
    def deadline(self) -> float: ...
    def intend(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None: ...
    def send(self, lane: Lane, attempt: Attempt, prepared: Prepared, deadline: float) -> Receipt: ...
    def conclude(
        self, lane: Lane, attempt: Attempt, prepared: Prepared, result: Receipt | failures.PlatformFailure
    ) -> Picked | None: ...
    def look(self, lane: Lane, picked: Picked) -> Receipt | None: ...
    def note_look(self, lane: Lane, picked: Picked, found: Seen) -> Picked | None: ...
    def note_stop(self, lane: Lane, picked: Picked, found: Seen) -> Picked | None: ...
    def read_back(self, lane: Lane, picked: Picked) -> ReadBack | None: ...
    def note_read_back(
        self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None
    ) -> Picked | None: ...
    def release(self, lane: Lane) -> None: ...


def tend(hands: Hands, lane: Lane) -> int:
    """Work on a claimed lane until nothing in it is due; it is given back then.

    Returns:
        How many steps were taken, for whoever watches the worker.
    """
    rounds, picked = 0, hands.pick(lane)
    while picked is not None and rounds < MOST_ROUNDS:
        rounds += 1
        match picked.state:
            case "queued" if picked.is_stopping:
                picked = stop(hands, lane, picked)
            case "queued":
                picked = publish(hands, lane, picked)
            case "ambiguous":
                picked = look(hands, lane, picked)
            case "accepted":
                picked = read_back(hands, lane, picked)
    if picked is not None:
        hands.release(lane)
    return rounds


def publish(hands: Hands, lane: Lane, picked: Picked) -> Picked | None:
    """Prepare, intend, send, conclude."""
    try:
        prepared = hands.prepare(lane, picked)
    except failures.PlatformFailure as failure:
        return hands.note_unprepared(lane, picked, failure)
    deadline = hands.deadline()  # before BEGIN: however long the transaction takes, it does not move
    attempt = hands.intend(lane, picked, prepared)
    if attempt is None:
        return hands.pick(lane)
    try:
        result: Receipt | failures.PlatformFailure = hands.send(lane, attempt, prepared, deadline)
    except failures.PlatformFailure as failure:
        result = failure
    return hands.conclude(lane, attempt, prepared, result)


def look(hands: Hands, lane: Lane, picked: Picked) -> Picked | None:
    """See whether an ambiguous attempt did publish, before anything is sent again."""
    return hands.note_look(lane, picked, _seen(hands, lane, picked))


def stop(hands: Hands, lane: Lane, picked: Picked) -> Picked | None:
    """See whether an earlier attempt did publish, before saying that the delivery was stopped."""
    return hands.note_stop(lane, picked, _seen(hands, lane, picked))


def _seen(hands: Hands, lane: Lane, picked: Picked) -> Seen:
    try:
        return hands.look(lane, picked)
    except failures.PlatformFailure as failure:
        return failure


def read_back(hands: Hands, lane: Lane, picked: Picked) -> Picked | None:
    """See what the platform shows of a post that it accepted."""
    try:
        shown: ReadBack | failures.PlatformFailure | None = hands.read_back(lane, picked)
    except failures.PlatformFailure as failure:
        shown = failure
    return hands.note_read_back(lane, picked, shown)
