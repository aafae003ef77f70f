"""What a worker learns by looking at a platform, each effect one transaction.

What nobody answered is looked for before it is sent again; what was accepted is read back; and
"cancelled" and "missed" are said only of what is not public, and will not be.
"""

from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from socialcore import clock, events, failures, lanes, retries
from socialcore.adapters.contract import ReadBack, Receipt
from socialcore.database import AccountScope
from socialcore.lanes import Lane
from socialcore.transitions import Picked, accept, certain_at, change, lock, note_grant, tries

LOOK_FOR = timedelta(minutes=15)  # a platform that cannot be read for so long makes it a person's decision
READ_BACK_FOR = timedelta(minutes=10)
DECIDES_WITHIN = timedelta(days=1)  # a platform that reviews what it has accepted, before it shows it


def note_look(
    scope: AccountScope,
    lane: Lane,
    picked: Picked,
    found: Receipt | failures.PlatformFailure | None,
    *,
    settle: timedelta,
    misses: int,
    read_lag: timedelta,
) -> None:
    """Record what looking for an ambiguous delivery brought: found, not there, or unreadable (a failure)."""
    now = _locked(scope, lane, picked, found)
    if now is None:
        return
    if isinstance(found, Receipt):
        accept(scope, picked.id, found, now["now"] + read_lag)
    elif isinstance(found, failures.PlatformFailure):
        _cannot_tell(scope, picked, now, found, since=now["changed_at"])
    elif jumped_at := clock.jumped_within(scope, settle):
        change(scope, picked.id, misses=0, next_at=jumped_at + settle)
    elif now["misses"] + 1 < misses:
        change(scope, picked.id, misses=now["misses"] + 1, next_at=now["now"] + read_lag)
    else:
        _send_again(scope, picked, now)


def note_stop(
    scope: AccountScope,
    lane: Lane,
    picked: Picked,
    found: Receipt | failures.PlatformFailure | None,
    *,
    read_lag: timedelta,
) -> None:
    """End a delivery that was in doubt: "cancelled" and "missed" mean that it is not public, and will not be."""
    now = _locked(scope, lane, picked, found)
    if now is None:
        return
    over = certain_at(scope, picked.id)
    if isinstance(found, Receipt):
        accept(scope, picked.id, found, now["now"] + read_lag)
    elif isinstance(found, failures.PlatformFailure):
        stopped_at = now["cancel_at"] or now["expires_at"]
        _cannot_tell(scope, picked, now, found, since=max(now["changed_at"], stopped_at))
    elif now["next_at"] < over:  # it counts when we began to look, which was no earlier than this
        change(scope, picked.id, next_at=over)
    else:
        change(scope, picked.id, state="missed" if now["cancel_at"] is None else "cancelled", held_because=None)


def note_read_back(
    scope: AccountScope, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None
) -> None:
    """Record what the platform shows of an accepted delivery; None: it is not to be seen (yet)."""
    now = _locked(scope, lane, picked, shown)
    if now is None:
        return
    is_pending = isinstance(shown, ReadBack) and shown.verdict == "pending"
    if isinstance(shown, ReadBack) and shown.verdict == "rejected":
        kind = failures.ContentRejected.__name__
        change(scope, picked.id, state="failed", failure_kind=kind, failure=shown.differs)
    elif isinstance(shown, ReadBack) and not is_pending:
        change(scope, picked.id, state="confirmed", read_back=shown.verdict, read_back_at=now["now"])
        if shown.verdict == "mismatch":
            events.record(scope, "incident.read_back_mismatch", delivery_id=picked.id, differs=shown.differs)
    elif now["now"] - now["changed_at"] > (DECIDES_WITHIN if is_pending else READ_BACK_FOR):
        change(scope, picked.id, state="confirmed", read_back="unavailable", read_back_at=now["now"])
    else:
        _ask_again(scope, picked, now, shown)


def _locked(scope: AccountScope, lane: Lane, picked: Picked, seen: object) -> RowMapping | None:
    """Lock the delivery under its lane; None if the lane is no longer ours or the delivery has moved on."""
    lanes.heed(scope, lane, seen)
    now = lock(scope, picked, under=lane)
    note_grant(scope, picked.grant, seen)
    return now


def _cannot_tell(
    scope: AccountScope, picked: Picked, now: RowMapping, failure: failures.PlatformFailure, *, since: datetime
) -> None:
    """The platform cannot be read: ask again later, or after too long ask a person."""
    if now["now"] - since > LOOK_FOR:
        why = f"{failure} So we cannot see whether it is there."
        change(scope, picked.id, state="needs_review", held_because=None, failure_kind=failure.kind, failure=why)
    else:
        _ask_again(scope, picked, now, failure, failure=str(failure))


def _ask_again(scope: AccountScope, picked: Picked, now: RowMapping, seen: object, **more: str) -> None:
    looks = now["looks"] + 1
    # A platform that names a time is asked again then; every other answer is worth a longer wait each time.
    wait = seen.wait if isinstance(seen, failures.RateLimited) else retries.next_look(looks)
    change(scope, picked.id, looks=looks, next_at=now["now"] + retries.spread(wait), **more)


def _send_again(scope: AccountScope, picked: Picked, now: RowMapping) -> None:
    """It is certain now that sending again makes no second post; or it has been tried often enough."""
    refusal = _refusal(scope, picked)
    step = retries.GiveUp() if refusal else retries.after_absence(tries=tries(scope, picked.id))
    over = certain_at(scope, picked.id)
    if isinstance(step, retries.TryAgain):
        # The attempt has cost its time already; the first repeats go out at once.
        after = step.after if step.after > retries.WAITS[1] else timedelta(0)
        change(scope, picked.id, state="queued", priority=2, misses=0, next_at=now["now"] + retries.spread(after))
    elif now["next_at"] < over:  # "failed" is said only of what will not become public late
        change(scope, picked.id, next_at=over)
    else:
        change(scope, picked.id, state="queued", misses=0)
        change(scope, picked.id, state="failed", **refusal)


def _refusal(scope: AccountScope, picked: Picked) -> dict[str, str]:
    """Why the platform refused the last attempt for good; empty if it did not."""
    refused = (
        scope.run(
            "select failure_kind, failure from attempts"
            " where account_id = :account_id and delivery_id = :id and n = :n and outcome = 'failed'",
            {"account_id": scope.account_id, "id": picked.id, "n": picked.attempt},
        )
        .mappings()
        .first()
    )
    return dict(refused) if refused else {}
