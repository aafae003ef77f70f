"""The product's transactions as a small model: each method is one, and happens at once.

tests/socialcore/test_lifecycle.py holds the SQL to the same rules. Decisions are not modelled but called:
`socialcore.retries` decides here as it does there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from socialcore import attempts, failures, looks, retries
from socialcore.adapters.contract import Capabilities, ReadBack, Receipt
from socialcore.attempts import Attempt, PulseLost
from socialcore.lanes import IDLE_RETRY, Lane
from socialcore.transitions import Grant, Picked

FOREVER = float("inf")
OPEN = ("queued", "ambiguous", "accepted")
IN_FLIGHT = ("sending", "ambiguous", "needs_review")
LEGAL = {
    "queued": ("sending", "accepted", "failed", "cancelled", "missed"),
    "sending": ("accepted", "queued", "failed", "ambiguous"),
    "ambiguous": ("accepted", "queued", "needs_review"),
    "needs_review": ("accepted", "queued", "failed"),
    "accepted": ("confirmed", "failed"),
    "missed": ("queued", "cancelled"),
    "failed": ("queued",),
}


class Illegal(Exception):
    """A step that the trigger would refuse."""


@dataclass
class Try:
    deadline: float
    flags: int
    kind: str | None = None
    outcome: str | None = None


@dataclass
class Row:
    id: UUID
    lane: UUID
    text: str
    next_at: float
    expires_at: float
    state: str = "queued"
    tries: list[Try] = field(default_factory=list)
    priority: int = 0
    misses: int = 0
    looks: int = 0
    remote_id: str | None = None
    read_back: str | None = None
    stopped: bool = False
    held: bool = False
    wire: bool = False
    changed_at: float = 0.0
    history: list[tuple[float, str]] = field(default_factory=list)


@dataclass
class LaneRow:
    id: UUID
    platform: str
    due_at: float = FOREVER
    not_before: float = 0.0
    owner: int | None = None
    claim_no: int = 0


def seconds(length: timedelta) -> float:
    return length.total_seconds()


class Database:
    """Everything that survives a crash."""

    def __init__(self, behaviour: Mapping[str, Capabilities]) -> None:
        self.now = 0.0
        self.behaviour = behaviour
        self.rows: dict[UUID, Row] = {}
        self.lanes: dict[UUID, LaneRow] = {}
        self.locked: set[int] = set()  # numbers of workers whose pulse lives
        self.beat: dict[int, float] = {}
        self.off = False
        self.flags = 1
        # Planted bugs switch these off.
        self.twins_wait = True
        self.lock_matters = True
        self.claim_is_checked = True
        self.attempt_is_checked = True
        self.cancel_is_certain = True

    # People.

    def submit(self, row: Row) -> None:
        self.rows[row.id] = row
        self._wake(row.lane)

    def cancel(self, row: Row) -> None:
        if row.state in ("queued", "missed") and not row.wire:
            self._change(row, state="cancelled", stopped=True)
        elif row.state in ("queued", "sending", "ambiguous") and not row.stopped:
            row.stopped = True
            if row.state == "queued":
                row.next_at = self.now
        self._wake(row.lane)

    def flip(self, *, off: bool) -> None:
        self.off, self.flags = off, self.flags + 1

    # Workers.

    def rescue(self, me: int) -> None:
        for lane in self.lanes.values():
            if lane.owner is None or lane.owner == me or not self._is_dead(lane.owner):
                continue
            for row in self._of(lane.id):
                if row.state == "sending":
                    self._doubt(row, row.tries[-1].deadline)
            self._free(lane)

    def claim(self, me: int) -> Lane | None:
        ready = [lane for lane in self.lanes.values() if lane.owner is None and self._ready_at(lane) <= self.now]
        if not ready:
            return None
        lane = min(ready, key=self._ready_at)
        lane.owner, lane.claim_no = me, lane.claim_no + 1
        return Lane(lane.id, lane.id, lane.id, lane.platform, me, lane.claim_no)  # type: ignore[arg-type]

    def pick(self, lane: Lane) -> Picked | None:
        due = [row for row in self._of(lane.connection_id) if row.state in OPEN and row.next_at <= self.now]
        due = [row for row in due if self._is_sendable(row)]
        if not due:
            return None
        row = min(due, key=lambda row: (row.state == "queued", row.priority, row.next_at, row.id))
        grant = Grant(lane.account_id, lane.grant_id, "", "", 1, is_expiring=False, sealed=b"")
        stopping = self._in_doubt(row) and (row.stopped or row.expires_at < self.now)
        return Picked(row.id, row.state, len(row.tries), {"text": row.text}, {}, row.remote_id, stopping, grant)  # type: ignore[arg-type]

    def intend(self, lane: Lane, picked: Picked) -> Attempt | None:
        if self.lock_matters and lane.owner not in self.locked:
            raise PulseLost
        row = self._mine(lane, picked)
        if row is None:
            return None
        if row.stopped or row.expires_at < self.now:
            self._end(row)
        elif self.off:
            self._change(row, held=True, next_at=self.now + seconds(attempts.HELD_LOOK_AGAIN))
        elif self.twins_wait and any(self._is_twin(row, other) for other in self._of(row.lane)):
            raise Illegal("two of the same words in flight")  # the unique index
        else:
            row.tries.append(Try(self.now + seconds(attempts.SEND_WITHIN), self.flags))
            self._change(row, state="sending", held=False, misses=0, looks=0, wire=True)
            return Attempt(row.id, len(row.tries), {})
        return None

    def conclude(self, lane: Lane, attempt: Attempt, result: Receipt | failures.PlatformFailure) -> None:
        row, n = self.rows[attempt.delivery_id], attempt.n
        tried, latest = row.tries[n - 1], not self.attempt_is_checked or len(row.tries) == n
        if isinstance(result, failures.RateLimited):
            held = self.lanes[lane.connection_id]
            held.not_before = max(held.not_before, self.now + seconds(result.wait))
        if isinstance(result, Receipt):
            tried.outcome = "accepted"
            if latest and row.state in ("sending", "ambiguous", "queued", "needs_review"):
                self._accept(row, lane, result)
                self._wake(row.lane)  # whoever took the lane over may have left it with nothing to wake up for
        elif latest and row.state == "sending":
            tried.kind = result.kind
            self._fail(row, tried, retries.next_step(result, tries=self._tries(row)))

    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> None:
        row = self._mine(lane, picked, claimed=False)
        if row is None:
            return
        if row.stopped or row.expires_at < self.now:
            self._end(row)
        else:
            self._change(row, next_at=self.now + seconds(retries.next_look(row.looks)), looks=row.looks + 1)

    def note_look(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None:
        row = self._mine(lane, picked)
        if row is None:
            return
        behaviour = self.behaviour[lane.platform]
        if isinstance(found, Receipt):
            self._accept(row, lane, found)
        elif isinstance(found, failures.PlatformFailure):
            if self.now - row.changed_at > seconds(looks.LOOK_FOR):
                self._change(row, state="needs_review")
            else:
                self._change(row, looks=row.looks + 1, next_at=self.now + seconds(retries.next_look(row.looks + 1)))
        elif row.misses + 1 < behaviour.misses:
            self._change(row, misses=row.misses + 1, next_at=self.now + seconds(behaviour.read_lag))
        else:
            self._send_again(row)

    def note_stop(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None:
        row = self._mine(lane, picked)
        if row is None:
            return
        certain_at = row.tries[-1].deadline + seconds(looks.LATE_COMMIT) if self.cancel_is_certain else row.next_at
        if isinstance(found, Receipt):
            self._accept(row, lane, found)
        elif isinstance(found, failures.PlatformFailure):
            self._change(row, looks=row.looks + 1, next_at=self.now + seconds(retries.next_look(row.looks + 1)))
        elif row.next_at < certain_at:  # it counts when the look began, which was no earlier than this
            self._change(row, next_at=certain_at)
        else:
            self._change(row, state="cancelled" if row.stopped else "missed", held=False)

    def note_read_back(self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None) -> None:
        row = self._mine(lane, picked)
        if row is None:
            return
        if isinstance(shown, ReadBack):
            self._change(row, state="confirmed", read_back=shown.verdict)
        elif self.now - row.changed_at > seconds(looks.READ_BACK_FOR):
            self._change(row, state="confirmed", read_back="unavailable")
        else:
            self._change(row, looks=row.looks + 1, next_at=self.now + seconds(retries.next_look(row.looks + 1)))

    def release(self, lane: Lane) -> None:
        row = self.lanes[lane.connection_id]
        if (row.owner, row.claim_no) == (lane.owner, lane.claim_no):
            self._free(row)

    # What these have in common.

    def taken(self, remote_id: str) -> bool:
        return any(row.remote_id == remote_id for row in self.rows.values())

    def next_ready(self) -> float:
        return min((self._ready_at(lane) for lane in self.lanes.values() if lane.owner is None), default=FOREVER)

    def _of(self, lane: UUID) -> list[Row]:
        return [row for row in self.rows.values() if row.lane == lane]

    def _ready_at(self, lane: LaneRow) -> float:
        return max(lane.due_at, lane.not_before)

    def _is_dead(self, worker: int) -> bool:
        """By the lock; a planted bug goes by the heartbeat alone, as leases do."""
        return worker not in self.locked if self.lock_matters else self.now - self.beat.get(worker, 0.0) > 60

    def _is_twin(self, row: Row, other: Row) -> bool:
        return other is not row and other.text == row.text and other.state in IN_FLIGHT

    def _is_sendable(self, row: Row) -> bool:
        if row.state != "queued" or not self.twins_wait:
            return True
        if (row.expires_at < self.now or row.stopped) and not self._in_doubt(row):
            return True
        return not any(self._is_twin(row, other) for other in self._of(row.lane))

    def _in_doubt(self, row: Row) -> bool:
        return any(tried.outcome == "ambiguous" for tried in row.tries)

    def _mine(self, lane: Lane, picked: Picked, *, claimed: bool = True) -> Row | None:
        """Lock the delivery, as it was picked and under our claim."""
        held, row = self.lanes[lane.connection_id], self.rows[picked.id]
        if claimed and self.claim_is_checked and (held.owner, held.claim_no) != (lane.owner, lane.claim_no):
            return None
        if (row.state, len(row.tries)) != (picked.state, picked.attempt) or row.next_at > self.now:
            return None
        return row

    def _tries(self, row: Row) -> int:
        return sum(tried.kind not in ("RateLimited", "CredentialExpired", "ReconnectNeeded") for tried in row.tries)

    def _end(self, row: Row) -> None:
        """Stopped, or too late; unless an earlier attempt left a doubt, which is cleared up first."""
        if not self._in_doubt(row):
            self._change(row, state="cancelled" if row.stopped else "missed", held=False)

    def _accept(self, row: Row, lane: Lane, receipt: Receipt) -> None:
        read_at = self.now + seconds(self.behaviour[lane.platform].read_lag)
        self._change(row, state="accepted", remote_id=receipt.remote_id, next_at=read_at, looks=0)

    def _doubt(self, row: Row, deadline: float) -> None:
        row.tries[-1].outcome, row.tries[-1].kind = "ambiguous", "OutcomeUnknown"
        settle = seconds(self.behaviour[self.lanes[row.lane].platform].settle)
        self._change(row, state="ambiguous", misses=0, looks=0, next_at=max(self.now, deadline) + settle)

    def _fail(self, row: Row, tried: Try, step: retries.NextStep) -> None:
        match step:
            case retries.LookFirst():
                self._doubt(row, tried.deadline)
            case retries.TryAgain(after=after):
                tried.outcome = "queued"
                self._change(row, state="queued", priority=2, next_at=self.now + seconds(after))
            case retries.WaitForReconnect():
                tried.outcome = "queued"
                self._change(row, state="queued", held=True, next_at=self.now + seconds(attempts.HELD_LOOK_AGAIN))
            case retries.GiveUp():
                tried.outcome = "failed"
                self._change(row, state="failed")

    def _send_again(self, row: Row) -> None:
        step = retries.after_absence(tries=self._tries(row))
        certain_at = row.tries[-1].deadline + seconds(looks.LATE_COMMIT)
        if isinstance(step, retries.TryAgain):
            after = step.after if step.after > retries.WAITS[1] else timedelta(0)
            self._change(row, state="queued", priority=2, misses=0, next_at=self.now + seconds(after))
        elif row.next_at < certain_at:
            self._change(row, next_at=certain_at)
        else:
            self._change(row, state="queued", misses=0)
            self._change(row, state="failed")

    def _wake(self, lane: UUID) -> None:
        row = self.lanes[lane]
        row.due_at = min(row.due_at, self._next_of(lane))

    def _next_of(self, lane: UUID) -> float:
        return min((row.next_at for row in self._of(lane) if row.state in OPEN), default=FOREVER)

    def _free(self, lane: LaneRow) -> None:
        times = [
            row.next_at if row.next_at > self.now or self._is_sendable(row) else self.now + seconds(IDLE_RETRY)
            for row in self._of(lane.id)
            if row.state in OPEN
        ]
        lane.owner, lane.due_at = None, min(times, default=FOREVER)

    def _change(self, row: Row, **columns: object) -> None:
        state = columns.get("state", row.state)
        if state != row.state:
            if state not in LEGAL.get(row.state, ()):
                raise Illegal(f"from {row.state} to {state}")
            row.history.append((round(self.now, 1), str(state)))
            row.changed_at = self.now
        for name, value in columns.items():
            setattr(row, name, value)
