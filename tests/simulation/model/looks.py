"""socialcore.looks: what a worker learns by looking at a platform, each effect one transaction."""

from datetime import timedelta

from socialcore import failures, retries
from socialcore.adapters.contract import ReadBack, Receipt
from socialcore.lanes import Lane
from socialcore.looks import LOOK_FOR, READ_BACK_FOR
from socialcore.transitions import Picked
from tests.simulation.model import grants, lanes, transitions
from tests.simulation.model.rows import Database, Row, seconds

Found = Receipt | failures.PlatformFailure | None


def note_look(db: Database, lane: Lane, picked: Picked, found: Found) -> None:
    row = _locked(db, lane, picked, found)
    if row is None:
        return
    behaviour = db.behaviour[lane.platform]
    if isinstance(found, Receipt):
        transitions.accept(db, row, found)
    elif isinstance(found, failures.PlatformFailure):
        _unreadable(db, row, found, since=row.changed_at)
    elif db.bugs.minds_jumps and db.jumped_at > db.now - seconds(behaviour.settle):
        db.world.counts["an absence after a jump"] += 1
        db.change(row, misses=0, next_at=db.jumped_at + seconds(behaviour.settle))
    elif row.misses + 1 < behaviour.misses:
        db.change(row, misses=row.misses + 1, next_at=db.now + seconds(behaviour.read_lag))
    else:
        _send_again(db, row)


def note_stop(db: Database, lane: Lane, picked: Picked, found: Found) -> None:
    row = _locked(db, lane, picked, found)
    if row is None:
        return
    certain_at = transitions.certain_at(db, row)
    if isinstance(found, Receipt):
        transitions.accept(db, row, found)
    elif isinstance(found, failures.PlatformFailure):
        # Stopped at `cancel_at`, or too late since `expires_at`; `changed_at` may lie hours before either.
        stopped_at = row.expires_at if row.cancel_at is None else row.cancel_at
        _unreadable(db, row, found, since=max(row.changed_at, stopped_at))
    elif row.next_at < certain_at and db.bugs.stop_is_certain:
        # It counts when the look began, which was no earlier than this.
        db.change(row, next_at=certain_at)
    else:
        db.change(row, state="missed" if row.cancel_at is None else "cancelled", held=None)


def note_read_back(db: Database, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None) -> None:
    row = _locked(db, lane, picked, shown)
    if row is None:
        return
    if isinstance(shown, ReadBack) or db.now - row.changed_at > seconds(READ_BACK_FOR):
        db.change(row, state="confirmed")
    else:
        _ask_again(db, row, shown)


def _locked(db: Database, lane: Lane, picked: Picked, seen: object) -> Row | None:
    if isinstance(seen, failures.RateLimited):
        lanes.limit(db, lane, seen.wait)
    grants.note(db, picked.grant, seen)
    return transitions.lock_mine(db, lane, picked)


def _unreadable(db: Database, row: Row, failure: failures.PlatformFailure, *, since: float) -> None:
    if db.now - since > seconds(LOOK_FOR):
        db.world.counts["stopped in review"] += row.state == "queued"
        db.change(row, state="needs_review")
    else:
        _ask_again(db, row, failure)


def _ask_again(db: Database, row: Row, seen: object) -> None:
    wait = seen.wait if isinstance(seen, failures.RateLimited) else retries.next_look(row.looks + 1)
    db.change(row, looks=row.looks + 1, next_at=db.jittered(wait))


def _send_again(db: Database, row: Row) -> None:
    """It is certain now that sending again makes no second post; or it has been tried often enough."""
    refused = row.tries[-1].outcome == "failed"
    step = retries.GiveUp() if refused else retries.after_absence(tries=transitions.tries(row))
    certain_at = transitions.certain_at(db, row)
    if isinstance(step, retries.TryAgain):
        after = step.after if step.after > retries.WAITS[1] else timedelta(0)
        db.change(row, state="queued", priority=2, misses=0, next_at=db.jittered(after))
    elif row.next_at < certain_at and db.bugs.failed_is_certain:
        db.change(row, next_at=certain_at)
    else:
        db.change(row, state="queued", misses=0)
        db.change(row, state="failed")
