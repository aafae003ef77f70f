"""socialcore.transitions: lock a delivery as it was picked, and move it on."""

from socialcore.adapters.contract import Receipt
from socialcore.lanes import Lane
from socialcore.transitions import LATE_COMMIT, Picked
from tests.simulation.model import lanes
from tests.simulation.model.rows import Database, Row, seconds

NO_TRIES = ("RateLimited", "CredentialExpired", "ReconnectNeeded")


def lock(db: Database, picked: Picked) -> Row | None:
    row = db.deliveries[picked.id]
    as_picked = (row.state, len(row.tries)) == (picked.state, picked.attempt)
    is_moved = row.next_at > db.now
    if (db.bugs.checks_attempt and not as_picked) or (db.bugs.intent_minds_moves and is_moved):
        return None
    return row if row.state == picked.state else None


def lock_mine(db: Database, lane: Lane, picked: Picked) -> Row | None:
    """The same, if the claim on its lane is still ours."""
    return lock(db, picked) if lanes.lock(db, lane) else None


def accept(db: Database, row: Row, receipt: Receipt) -> None:
    read_at = db.now + seconds(db.behaviour[db.lanes[row.lane].platform].read_lag)
    db.change(row, state="accepted", remote_id=receipt.remote_id, next_at=read_at, looks=0)


def end(db: Database, row: Row) -> None:
    """Say that it was stopped or is too late, unless an earlier attempt left a doubt: then a look comes first."""
    if not row.is_in_doubt:
        db.change(row, state="missed" if row.cancel_at is None else "cancelled", held=None)


def tries(row: Row) -> int:
    return sum(tried.kind not in NO_TRIES for tried in row.tries)


def certain_at(db: Database, row: Row) -> float:
    return max(db.jumped_at, *(tried.deadline for tried in row.tries)) + seconds(LATE_COMMIT)
