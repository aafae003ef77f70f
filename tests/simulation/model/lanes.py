"""socialcore.lanes: the queue, one lane per connection, claimed by one worker at a time."""

from datetime import timedelta

from socialcore.lanes import IDLE_RETRY, Lane
from tests.simulation.model.rows import FOREVER, OPEN, Database, LaneRow, Row, seconds

HEARTBEAT = 60.0  # a planted bug goes by it alone, as leases do


def wake(db: Database, lane: str) -> None:
    row = db.lanes[lane]
    row.due_at = min([row.due_at, *(each.next_at for each in db.of(lane) if each.state in OPEN)])
    db.notify()


def claim(db: Database, me: int) -> Lane | None:
    now = db.now
    ready = [lane for lane in db.lanes.values() if lane.owner is None and ready_at(db, lane) <= now]
    if not ready:
        return None
    row = min(ready, key=lambda lane: ready_at(db, lane))
    row.owner, row.claim_no = me, row.claim_no + 1
    return Lane(row.id, "", row.grant, row.platform, me, row.claim_no)  # type: ignore[arg-type]


def next_ready(db: Database) -> float:
    return min((ready_at(db, lane) for lane in db.lanes.values() if lane.owner is None), default=FOREVER)


def ready_at(db: Database, lane: LaneRow) -> float:
    return max(lane.due_at, lane.not_before) if db.bugs.waits_when_limited else lane.due_at


def lock(db: Database, lane: Lane) -> bool:
    row = db.lanes[lane.connection_id]
    return not db.bugs.checks_claim or (row.owner, row.claim_no) == (lane.owner, lane.claim_no)


def limit(db: Database, lane: Lane, wait: timedelta) -> None:
    """Have all lanes of this sign-in wait, as the platform asks."""
    for row in db.lanes.values():
        if row.grant == lane.grant_id:
            row.not_before = max(row.not_before, db.now + seconds(wait))


def release(db: Database, lane: Lane) -> None:
    row = db.lanes[lane.connection_id]
    if (row.owner, row.claim_no) == (lane.owner, lane.claim_no):
        free(db, row)


def abandon(db: Database, lane: Lane) -> None:
    """Give a lane back after our own error; what was being sent may have been published."""
    row = db.lanes[lane.connection_id]
    if (row.owner, row.claim_no) == (lane.owner, lane.claim_no):
        _doubt_what_was_sent(db, row)
        free(db, row)
        row.due_at = max(row.due_at, db.now + seconds(IDLE_RETRY))


def rescue(db: Database, me: int) -> list[str]:
    """Free the lanes of dead workers, and doubt what they were sending."""
    rescued = []
    for lane in db.lanes.values():
        if lane.owner is not None and lane.owner != me and _is_dead(db, lane.owner):
            db.world.counts["rescue"] += 1
            rescued.append(f"{lane.id} from worker {lane.owner}")
            _doubt_what_was_sent(db, lane)
            free(db, lane)
    return rescued


def _doubt_what_was_sent(db: Database, lane: LaneRow) -> None:
    for row in db.of(lane.id):
        if row.state == "sending":
            db.doubt(row)


def free(db: Database, lane: LaneRow) -> None:
    pause = db.now + seconds(IDLE_RETRY)
    times = [
        row.next_at if row.next_at > db.now or is_sendable(db, row) else pause
        for row in db.of(lane.id)
        if row.state in OPEN
    ]
    lane.owner, lane.due_at = None, min(times, default=FOREVER)


def is_sendable(db: Database, row: Row) -> bool:
    if row.state != "queued":
        return True
    if (row.expires_at < db.now or row.cancel_at is not None) and not row.is_in_doubt:
        return True
    if db.has_twin_in_flight(row):
        db.world.counts["a twin waits"] += 1
        return False
    return True


def _is_dead(db: Database, worker: int) -> bool:
    if db.bugs.rescues_by_lock:
        return worker not in db.locked
    return db.world.now - db.beat.get(worker, 0.0) > HEARTBEAT
