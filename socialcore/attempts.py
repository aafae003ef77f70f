"""Trying to publish one delivery, each effect one transaction.

The intent is committed before any byte leaves, and the outcome is recorded whatever happened.
docs/architecture.md tells the whole life of a delivery.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import JSON, RowMapping, bindparam, text

from socialcore import budgets, events, failures, lanes, obstacles, retries
from socialcore.adapters.contract import Budget, Frozen, Json, Receipt
from socialcore.database import AccountScope
from socialcore.lanes import Lane
from socialcore.transitions import (
    REFRESH_AHEAD,
    Grant,
    Picked,
    accept,
    certain_at,
    change,
    end,
    is_in_doubt,
    lock,
    note_grant,
    tries,
)

GATE = (9, 1)
SEND_WITHIN = timedelta(seconds=15)  # from before the intent's BEGIN to the first byte
HELD_LOOK_AGAIN = timedelta(seconds=60)


class PulseLost(Exception):
    """Our pulse has stopped, so others may have our lanes: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An intent that is committed: from now on the delivery may be public."""

    delivery_id: UUID
    n: int
    wire: Json


class Freeze(Protocol):
    def __call__(
        self, target_id: str, rendered: Json, *, delivery_id: UUID, at: datetime, earlier: Sequence[str]
    ) -> Frozen: ...


def pick(scope: AccountScope, lane: Lane) -> Picked | None:
    """Choose what this lane needs done first, if anything.

    Looks and read-backs come before sending. A text twin of something in flight waits, and so does a
    part of a thread whose predecessor is not public yet; both are picked all the same once they expire.
    While the platform has us wait, or when the lane is no longer ours, nothing is.
    """
    row = (
        scope.run(
            "select d.id, d.state, d.attempt, d.rendered, d.wire, d.remote_id, g.id as grant_id, g.service,"
            "    c.target_id, g.version, g.sealed,"
            "    coalesce(g.expires_at < clock_timestamp() + :ahead, false) as is_expiring,"
            f"    (d.cancel_at is not null or d.expires_at < clock_timestamp()) and {lanes.IN_DOUBT} as is_stopping,"
            "    case when d.state <> 'accepted' and d.attempt > 0 then array(select t.remote_id from deliveries t"
            "      where t.account_id = d.account_id and t.connection_id = d.connection_id and t.id <> d.id"
            "        and t.text_hash = d.text_hash and t.remote_id is not null) end as taken"
            " from deliveries d"
            " join connections c on c.account_id = d.account_id and c.id = d.connection_id"
            " join grants g on g.account_id = c.account_id and g.id = c.grant_id"
            " join lanes l on l.account_id = d.account_id and l.connection_id = d.connection_id"
            " where d.account_id = :account_id and d.connection_id = :connection_id and d.next_at <= clock_timestamp()"
            "   and l.not_before <= clock_timestamp() and l.owner = :owner and l.claim_no = :claim_no"
            f"   and {lanes.OPEN} and {lanes.SENDABLE}"
            " order by (d.state = 'queued'), d.priority, d.due_at, d.next_at, d.id limit 1",
            {
                "account_id": lane.account_id,
                "connection_id": lane.connection_id,
                "owner": lane.owner,
                "claim_no": lane.claim_no,
                "ahead": REFRESH_AHEAD,
            },
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    grant = Grant(
        lane.account_id,
        row["grant_id"],
        row["service"],
        row["target_id"],
        row["version"],
        row["is_expiring"],
        row["sealed"],
    )
    return Picked(
        row["id"],
        row["state"],
        row["attempt"],
        row["rendered"],
        row["wire"],
        row["remote_id"],
        row["is_stopping"],
        grant,
        row["taken"] or (),
    )


def intend(
    scope: AccountScope,
    lane: Lane,
    picked: Picked,
    *,
    grant_version: int,
    freeze: Freeze,
    paying: Sequence[Budget] = (),
) -> Attempt | None:
    """Commit to sending, or say why not now.

    Args:
        grant_version: of the sign-in that will be used.
        freeze: decides record key and wire payload, the first time.
        paying: the platform's rate budgets, each of which pays for this attempt.

    Returns:
        The attempt to make; None if the delivery is not to be sent now (cancelled, missed, held, no longer ours).

    Raises:
        PulseLost: others may be working on our lanes; stop.
    """
    # The gate first, with nothing that reads a table: every statement after it sees each flip that has returned.
    _, pulse_is_dead = scope.run(
        "select pg_advisory_xact_lock_shared(:gate, :id), pg_try_advisory_xact_lock(:pulse, :worker)",
        {"gate": GATE[0], "id": GATE[1], "pulse": lanes.WORKER_LOCK, "worker": lane.owner},
    ).one()
    if pulse_is_dead:  # others could have its lock, and with it our lanes
        raise PulseLost
    now = lock(scope, picked, under=lane)
    if now is None:
        return None
    if now["cancel_at"] is not None:
        end(scope, picked.id, "cancelled")
    elif now["expired"]:
        end(scope, picked.id, "missed")
    elif obstacle := obstacles.reason(scope, lane):
        change(scope, picked.id, held_because=obstacle, next_at=now["now"] + HELD_LOOK_AGAIN)
    elif used_up := budgets.pay(scope, lane, paying):
        _wait_for_budget(scope, picked, now, *used_up)
    else:
        return _begin(scope, lane, picked, now, grant_version, freeze)
    return None


def conclude(
    scope: AccountScope,
    lane: Lane,
    attempt: Attempt,
    result: Receipt | failures.PlatformFailure,
    *,
    grant: Grant,
    settle: timedelta,
    read_lag: timedelta,
) -> None:
    """Record how an attempt ended and decide what comes next."""
    mine = lanes.lock_ours_or_not(scope, lane, result)
    now = (
        scope.run(
            "select state, attempt, clock_timestamp() as now, greatest(clock_timestamp(), a.deadline_at) as over"
            " from deliveries d join attempts a on a.account_id = d.account_id and a.delivery_id = d.id and a.n = :n"
            " where d.account_id = :account_id and d.id = :id for update of d",
            {"account_id": lane.account_id, "id": attempt.delivery_id, "n": attempt.n},
        )
        .mappings()
        .one()
    )
    latest = now["attempt"] == attempt.n
    if isinstance(result, Receipt):
        _end_attempt(scope, attempt, "accepted", remote_id=result.remote_id)
        if latest and now["state"] in ("sending", "ambiguous", "queued", "needs_review"):
            accept(scope, attempt.delivery_id, result, now["now"] + read_lag)
            if not mine:  # whoever took the lane over may have left it with nothing to wake up for
                lanes.wake(scope, [lane.connection_id])
        else:
            events.record(scope, "incident.late_receipt", delivery_id=attempt.delivery_id, n=attempt.n)
    elif latest and now["state"] == "sending":
        step = retries.next_step(
            result, tries=tries(scope, attempt.delivery_id), repeats=_repeats(scope, attempt, result) + 1
        )
        _fail(scope, attempt, result, step, now, settle)
    note_grant(scope, grant, result)


def note_unprepared(scope: AccountScope, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> None:
    """Record that nothing was sent because sending could not even be prepared."""
    mine = lanes.lock_ours_or_not(scope, lane, failure)
    now = lock(scope, picked)
    if now is not None and (mine or not isinstance(retries.next_step(failure, tries=1), retries.GiveUp)):
        _put_off(scope, picked, now, failure)  # whoever has the lane now finds out for good, too
    note_grant(scope, picked.grant, failure)


def _put_off(scope: AccountScope, picked: Picked, now: RowMapping, failure: failures.PlatformFailure) -> None:
    step = retries.next_step(failure, tries=1)
    why: dict[str, Any] = {"failure_kind": failure.kind, "failure": str(failure)}
    if now["cancel_at"] is not None:
        end(scope, picked.id, "cancelled")
    elif now["expired"]:
        end(scope, picked.id, "missed")
    elif isinstance(step, retries.WaitForReconnect):
        change(scope, picked.id, held_because=str(failure), next_at=now["now"] + HELD_LOOK_AGAIN, **why)
    elif isinstance(step, retries.GiveUp) and is_in_doubt(scope, picked.id):
        why["failure"] = f"{failure} An earlier attempt had no answer, so look whether it is there before you decide."
        change(scope, picked.id, state="needs_review", held_because=None, **why)
    elif isinstance(step, retries.GiveUp):
        change(scope, picked.id, state="failed", **why)
    else:
        after = failure.wait if isinstance(failure, failures.RateLimited) else retries.next_look(now["looks"])
        change(scope, picked.id, next_at=now["now"] + retries.spread(after), looks=now["looks"] + 1, **why)


def _wait_for_budget(scope: AccountScope, picked: Picked, now: RowMapping, budget: Budget, wait: timedelta) -> None:
    why = {"failure_kind": failures.RateLimited.__name__, "failure": budgets.in_words(budget)}
    change(scope, picked.id, next_at=now["now"] + retries.spread(wait), held_because=None, **why)


_BEGIN = text(
    "with begun as (update deliveries set state = 'sending', attempt = :n, held_because = null, failure_kind = null,"
    "     failure = null, misses = 0, looks = 0, record_key = :record_key, wire_at = :wire_at, wire = :wire"
    "   where account_id = :account_id and id = :id)"
    " insert into attempts"
    "  (account_id, delivery_id, n, worker, claim_no, grant_version, flags_version, started_at, deadline_at)"
    " select :account_id, :id, :n, :worker, :claim_no, :grant_version, version, :now, :now + :within from flags_version"
).bindparams(bindparam("wire", type_=JSON))


def _begin(
    scope: AccountScope, lane: Lane, picked: Picked, now: RowMapping, grant_version: int, freeze: Freeze
) -> Attempt:
    if now["wire"] is None:
        earlier = _earlier_parts(scope, picked) if now["part"] > 1 else ()
        frozen = freeze(picked.grant.target_id, now["rendered"], delivery_id=picked.id, at=now["now"], earlier=earlier)
        record_key, wire_at, wire = frozen.record_key, now["now"], frozen.wire
    else:
        record_key, wire_at, wire = now["record_key"], now["wire_at"], now["wire"]
    attempt = Attempt(picked.id, now["attempt"] + 1, wire)
    scope.run(
        _BEGIN,
        {
            "account_id": lane.account_id,
            "id": picked.id,
            "n": attempt.n,
            "record_key": record_key,
            "wire_at": wire_at,
            "wire": wire,
            "worker": lane.owner,
            "claim_no": lane.claim_no,
            "grant_version": grant_version,
            "now": now["now"],
            "within": SEND_WITHIN,
        },
    )
    return attempt


def _earlier_parts(scope: AccountScope, picked: Picked) -> Sequence[str]:
    """The platform's ids of a chain's parts before this one; all of them are public, or this one would wait."""
    return (
        scope.run(
            "select p.remote_id from deliveries p join deliveries d on d.account_id = p.account_id"
            "   and d.post_id = p.post_id and d.connection_id = p.connection_id and d.part > p.part"
            " where d.account_id = :account_id and d.id = :id and p.remote_id is not null order by p.part",
            {"account_id": scope.account_id, "id": picked.id},
        )
        .scalars()
        .all()
    )


def _fail(
    scope: AccountScope,
    attempt: Attempt,
    failure: failures.PlatformFailure,
    step: retries.NextStep,
    now: RowMapping,
    settle: timedelta,
) -> None:
    why: dict[str, Any] = {"failure_kind": failure.kind, "failure": str(failure)}
    match step:
        case retries.LookFirst():
            outcome, next_up = "ambiguous", {"next_at": now["over"] + settle, "misses": 0, "looks": 0}
        case retries.TryAgain(after=after):
            outcome, next_up = "queued", {"next_at": now["now"] + retries.spread(after), "priority": 2}
        case retries.WaitForReconnect():
            outcome, next_up = "queued", {"next_at": now["now"] + HELD_LOOK_AGAIN, "held_because": str(failure)}
        case retries.GiveUp() if is_in_doubt(scope, attempt.delivery_id):
            # An earlier attempt may be public yet: "failed" is said once we have seen that it is not.
            over = certain_at(scope, attempt.delivery_id)
            outcome, next_up = "failed", {"state": "ambiguous", "next_at": over, "misses": 0, "looks": 0}
        case retries.GiveUp():
            outcome, next_up = "failed", {}
    _end_attempt(scope, attempt, outcome, **why)
    change(scope, attempt.delivery_id, **{"state": outcome, **next_up, **why})


def _repeats(scope: AccountScope, attempt: Attempt, failure: failures.PlatformFailure) -> int:
    """How many attempts right before this one have failed in the same way."""
    return scope.run(
        "select count(*) from attempts where account_id = :account_id and delivery_id = :id and n < :n"
        " and n > coalesce("
        "   (select max(n) from attempts where account_id = :account_id and delivery_id = :id and n < :n"
        "      and failure_kind is distinct from :kind), 0)",
        {"account_id": scope.account_id, "id": attempt.delivery_id, "n": attempt.n, "kind": failure.kind},
    ).scalar_one()


def _end_attempt(
    scope: AccountScope,
    attempt: Attempt,
    outcome: str,
    *,
    failure_kind: str | None = None,
    failure: str | None = None,
    remote_id: str | None = None,
) -> None:
    # An answer may outlive its worker's claim: what a rescue called ambiguous is known after all.
    scope.run(
        "update attempts set outcome = :outcome, failure_kind = :failure_kind, failure = :failure,"
        "   remote_id = cast(:remote_id as text), ended_at = clock_timestamp()"
        " where account_id = :account_id and delivery_id = :id and n = :n"
        "   and (outcome is null or cast(:remote_id as text) is not null)",
        {
            "account_id": scope.account_id,
            "id": attempt.delivery_id,
            "n": attempt.n,
            "outcome": outcome,
            "failure_kind": failure_kind,
            "failure": failure,
            "remote_id": remote_id,
        },
    )
