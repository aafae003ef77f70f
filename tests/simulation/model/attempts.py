"""socialcore.attempts: trying to publish one delivery, each effect one transaction."""

from socialcore import failures, retries
from socialcore.adapters.contract import Receipt
from socialcore.attempts import HELD_LOOK_AGAIN, SEND_WITHIN, Attempt, PulseLost
from socialcore.lanes import Lane
from socialcore.transitions import REFRESH_AHEAD, Grant, Picked
from tests.simulation.model import grants, lanes, transitions
from tests.simulation.model.rows import OPEN, Database, Obstacles, Row, Try, seconds


def pick(db: Database, lane: Lane) -> Picked | None:
    now, its = db.now, db.lanes[lane.connection_id]
    if (its.not_before > now and db.bugs.waits_when_limited) or not lanes.lock(db, lane):
        return None
    due = [row for row in db.of(its.id) if row.state in OPEN and row.next_at <= now and lanes.is_sendable(db, row)]
    if not due:
        return None
    row = min(due, key=lambda row: (row.state == "queued", row.priority, row.due_at, row.next_at, row.id))
    held = db.grants[its.grant]
    is_expiring = held.expires_at < now + seconds(REFRESH_AHEAD)
    grant = Grant(lane.account_id, held.id, "", its.id, held.version, is_expiring, held.secret)  # type: ignore[arg-type]
    is_stopping = row.is_in_doubt and (row.cancel_at is not None or row.expires_at < now)
    return Picked(row.id, row.state, len(row.tries), {"text": row.text}, {}, row.remote_id, is_stopping, grant)  # type: ignore[arg-type]


def intend(db: Database, lane: Lane, picked: Picked, seen: Obstacles | None = None) -> Attempt | None:
    """Args: seen: with a planted bug, what was read of flags and holds before the gate was taken."""
    if db.bugs.intent_needs_pulse and lane.owner not in db.locked:
        raise PulseLost
    row = transitions.lock_mine(db, lane, picked)
    if row is None:
        return None
    seen = seen or db.obstacles
    if row.cancel_at is not None or row.expires_at < db.now:
        transitions.end(db, row)
    elif held := seen.of(db.lanes[row.lane], reads_holds=db.bugs.reads_holds) or db.grants[lane.grant_id].reconnect:
        db.world.say("database", f"{row.id} waits: {held}", event=held)
        db.change(row, held=held, next_at=db.jittered(HELD_LOOK_AGAIN))
    else:
        row.tries.append(Try(db.now + seconds(SEND_WITHIN), seen.version))
        db.change(row, state="sending", held=None, failure=None, misses=0, looks=0)
        return Attempt(row.id, len(row.tries), {})  # type: ignore[arg-type]
    return None


def conclude(
    db: Database, lane: Lane, attempt: Attempt, grant: Grant, result: Receipt | failures.PlatformFailure
) -> None:
    row, n = db.deliveries[attempt.delivery_id], attempt.n
    tried, latest = row.tries[n - 1], not db.bugs.checks_attempt or len(row.tries) == n
    if isinstance(result, failures.RateLimited):
        lanes.limit(db, lane, result.wait)
    if isinstance(result, Receipt):
        tried.outcome = "accepted"
        _keep(db, lane, row, result, latest=latest)
    elif latest and row.state == "sending":
        tried.kind = result.kind
        repeats = _repeats(row, n, result.kind)
        _fail(db, row, tried, result, retries.next_step(result, tries=transitions.tries(row), repeats=repeats))
    grants.note(db, grant, result)


def note_unprepared(db: Database, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> None:
    if isinstance(failure, failures.RateLimited):
        lanes.limit(db, lane, failure.wait)
    grants.note(db, picked.grant, failure)
    mine, row = lanes.lock(db, lane), transitions.lock(db, picked)
    step = retries.next_step(failure, tries=1)
    if row is None or (isinstance(step, retries.GiveUp) and not mine):
        return
    if row.cancel_at is not None or row.expires_at < db.now:
        transitions.end(db, row)
    elif isinstance(step, retries.WaitForReconnect):
        db.change(row, held=str(failure), next_at=db.jittered(HELD_LOOK_AGAIN))
    elif isinstance(step, retries.GiveUp):
        db.change(row, state="needs_review" if row.is_in_doubt else "failed", failure=failure.kind)
    else:
        after = failure.wait if isinstance(failure, failures.RateLimited) else retries.next_look(row.looks)
        db.change(row, next_at=db.jittered(after), looks=row.looks + 1)


def _keep(db: Database, lane: Lane, row: Row, receipt: Receipt, *, latest: bool) -> None:
    states = ("sending", "ambiguous", "queued", "needs_review") if db.bugs.keeps_late_receipts else ("sending",)
    if not latest or row.state not in states:
        db.world.say("database", f"{row.id} is {row.state}: a receipt comes too late", event="late receipt")
        return
    transitions.accept(db, row, receipt)
    if not lanes.lock(db, lane):  # whoever took the lane over may have left it with nothing to wake up for
        lanes.wake(db, row.lane)


def _repeats(row: Row, n: int, kind: str) -> int:
    repeats = 1
    while n - repeats >= 1 and row.tries[n - 1 - repeats].kind == kind:
        repeats += 1
    return repeats


def _fail(db: Database, row: Row, tried: Try, failure: failures.PlatformFailure, step: retries.NextStep) -> None:
    row.failure = failure.kind
    match step:
        case retries.LookFirst():
            db.doubt(row)
        case retries.TryAgain(after=after):
            tried.outcome = "queued"
            db.change(row, state="queued", priority=2, next_at=db.jittered(after))
        case retries.WaitForReconnect():
            tried.outcome = "queued"
            db.change(row, state="queued", held=str(failure), next_at=db.jittered(HELD_LOOK_AGAIN))
        case retries.GiveUp() if row.is_in_doubt and db.bugs.failed_is_certain:
            tried.outcome = "failed"
            db.change(row, state="ambiguous", next_at=transitions.certain_at(db, row), misses=0, looks=0)
        case retries.GiveUp():
            tried.outcome = "failed"
            db.change(row, state="failed")
