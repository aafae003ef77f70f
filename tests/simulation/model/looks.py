"""socialcore.looks: what a worker learns by looking at a platform, each effect one transaction."""

from datetime import timedelta

from socialcore import failures, retries
from socialcore.adapters.contract import ReadBack, Receipt
from socialcore.lanes import Lane
from socialcore.looks import LATE_COMMIT, LOOK_FOR, READ_BACK_FOR
from socialcore.transitions import Picked
from tests.simulation.model import lanes, transitions
from tests.simulation.model.rows import Database, Row, seconds

Found = Receipt | failures.PlatformFailure | None


def note_look(db: Database, lane: Lane, picked: Picked, found: Found) -> None:
    row = transitions.lock_mine(db, lane, picked)
    if row is None or _is_limited(db, lane, row, found):
        return
    behaviour = db.behaviour[lane.platform]
    if isinstance(found, Receipt):
        transitions.accept(db, row, found)
    elif isinstance(found, failures.PlatformFailure):
        _unreadable(db, row, since=row.changed_at)
    elif row.misses + 1 < behaviour.misses:
        db.change(row, misses=row.misses + 1, next_at=db.now + seconds(behaviour.read_lag))
    else:
        _send_again(db, row)


def note_stop(db: Database, lane: Lane, picked: Picked, found: Found) -> None:
    row = transitions.lock_mine(db, lane, picked)
    if row is None or _is_limited(db, lane, row, found):
        return
    certain_at = transitions.last_deadline(row) + seconds(LATE_COMMIT)
    if isinstance(found, Receipt):
        transitions.accept(db, row, found)
    elif isinstance(found, failures.PlatformFailure):
        # Stopped at `cancel_at`, or too late since `expires_at`; `changed_at` may lie hours before either.
        _unreadable(db, row, since=row.expires_at if row.cancel_at is None else row.cancel_at)
    elif row.next_at < certain_at and db.bugs.stop_is_certain:
        # It counts when the look began, which was no earlier than this.
        db.change(row, next_at=certain_at)
    else:
        db.change(row, state="missed" if row.cancel_at is None else "cancelled", held=None)


def note_read_back(db: Database, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None) -> None:
    row = transitions.lock_mine(db, lane, picked)
    if row is None or _is_limited(db, lane, row, shown):
        return
    if isinstance(shown, ReadBack) or db.now - row.changed_at > seconds(READ_BACK_FOR):
        db.change(row, state="confirmed")
    else:
        db.change(row, looks=row.looks + 1, next_at=db.jittered(retries.next_look(row.looks + 1)))


def _is_limited(db: Database, lane: Lane, row: Row, answer: object) -> bool:
    """Whether the platform asks us to wait, which says nothing about the delivery."""
    if not isinstance(answer, failures.RateLimited):
        return False
    lanes.limit(db, lane, answer.wait)
    db.change(row, next_at=db.jittered(answer.wait))
    return True


def _unreadable(db: Database, row: Row, *, since: float) -> None:
    looks = row.looks + 1
    if db.now - since > seconds(LOOK_FOR):
        db.world.counts["stopped in review"] += row.state == "queued"
        db.change(row, state="needs_review", looks=looks)
    else:
        db.change(row, looks=looks, next_at=db.jittered(retries.next_look(looks)))


def _send_again(db: Database, row: Row) -> None:
    """It is certain now that sending again makes no second post; or it has been tried often enough."""
    step = retries.after_absence(tries=transitions.tries(row))
    certain_at = transitions.last_deadline(row) + seconds(LATE_COMMIT)
    if isinstance(step, retries.TryAgain):
        after = step.after if step.after > retries.WAITS[1] else timedelta(0)
        db.change(row, state="queued", priority=2, misses=0, next_at=db.jittered(after))
    elif row.next_at < certain_at and db.bugs.failed_is_certain:
        db.change(row, next_at=certain_at)
    else:
        db.change(row, state="queued", misses=0)
        db.change(row, state="failed")
