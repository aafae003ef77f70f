"""socialcore.publishing, deliveries and planning: what people decide, each one transaction."""

from collections.abc import Sequence

from tests.simulation.model import lanes
from tests.simulation.model.rows import Database, Row


def submit(db: Database, row: Row) -> None:
    """The same submit token again queues nothing new."""
    if row.id not in db.deliveries:
        db.deliveries[row.id] = row
        lanes.wake(db, row.lane)


def cancel(db: Database, delivery_id: str) -> bool:
    """Whether it is certainly stopped; otherwise it was on its way, or had ended."""
    row = db.deliveries[delivery_id]
    was_sent = bool(row.tries)  # production asks for the wire payload, which the first attempt freezes
    stopped = row.state in ("queued", "missed") and not (was_sent and db.bugs.undo_looks)
    if stopped:
        db.change(row, state="cancelled", cancel_at=db.now, held=None)
    elif row.state in ("queued", "sending", "ambiguous", "missed") and row.cancel_at is None:
        next_at = db.now if row.state in ("queued", "missed") else row.next_at
        state = "queued" if row.state == "missed" else row.state
        db.change(row, state=state, cancel_at=db.now, next_at=next_at)
    lanes.wake(db, row.lane)
    return stopped


def reschedule(db: Database, delivery_id: str, due_at: float, late_window: float) -> bool:
    """Whether it goes out at this time instead; what has begun to go out, or was stopped, stays as it is."""
    row = db.deliveries[delivery_id]
    if row.state != "queued" or (row.tries and db.bugs.moves_untouched_only) or row.cancel_at is not None:
        return False
    again = {"next_at": due_at, "due_at": due_at, "expires_at": due_at + late_window}
    db.change(row, priority=1, held=None, failure=None, looks=0, **again)
    lanes.wake(db, row.lane)
    return True


def send_missed(db: Database, delivery_id: str, late_window: float) -> None:
    _queue_again(db, delivery_id, ("missed",), late_window)


def send_again(db: Database, delivery_id: str, late_window: float) -> None:
    _queue_again(db, delivery_id, ("failed", "needs_review"), late_window)


def give_up(db: Database, delivery_id: str) -> None:
    row = db.deliveries[delivery_id]
    if row.state == "needs_review":
        db.change(row, state="failed", failure="GivenUp")
    lanes.wake(db, row.lane)


def it_is_there(db: Database, delivery_id: str, remote_id: str) -> None:
    """Bind the post that a person found, unless another delivery is bound to it."""
    row = db.deliveries[delivery_id]
    if row.state == "needs_review" and not db.is_taken(remote_id):
        db.change(row, state="accepted", remote_id=remote_id, next_at=db.now, looks=0)
    lanes.wake(db, row.lane)


def _queue_again(db: Database, delivery_id: str, states: Sequence[str], late_window: float) -> None:
    row = db.deliveries[delivery_id]
    if row.state in states:
        expires_at = db.now + late_window
        again = {"next_at": db.now, "due_at": db.now, "expires_at": expires_at}
        db.change(row, state="queued", priority=0, cancel_at=None, held=None, **again)
    lanes.wake(db, row.lane)
