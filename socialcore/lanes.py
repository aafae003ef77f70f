"""The queue: one lane per connection, claimed by one worker at a time.

A lane holds no content, so that a worker finds work across accounts without seeing any of it.
Locks are always taken in this order: gate, lanes by id, delivery, grant.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from socialcore import retries
from socialcore.database import AccountScope, Database, SystemScope, system_scope, worker_scope
from socialcore.failures import RateLimited
from socialcore.posts import Platform

CHANNEL = "composer_work"
WORKER_LOCK = 7  # pg_advisory_lock(7, worker's number) is held exactly as long as the worker's pulse lives
IDLE_RETRY = timedelta(seconds=5)  # when what is due waits for something else

# Of a delivery `d`: it still needs a worker.
OPEN = "d.state in ('queued', 'ambiguous', 'accepted')"
# Of an open delivery `d` whose time has come: nothing else keeps it waiting. The twin of a text in flight waits,
# because afterwards nobody could tell the two apart; so does a part of a thread whose predecessor is not public.
# Looks and read-backs wait for nothing, and neither does saying that it was stopped or is too late; unless an earlier
# attempt left a doubt, because the look that clears it up could take the twin's post for its own.
IN_DOUBT = """exists (select from attempts a where a.account_id = d.account_id and a.delivery_id = d.id
    and a.outcome = 'ambiguous')"""
SENDABLE = f"""(d.state <> 'queued'
    or ((d.expires_at < clock_timestamp() or d.cancel_at is not null) and not {IN_DOUBT}) or (
    not exists (select from deliveries t where t.account_id = d.account_id and t.connection_id = d.connection_id
                and t.text_hash = d.text_hash and t.state in ('sending', 'ambiguous', 'needs_review'))
    and (d.follows is null or exists (select from deliveries p where p.account_id = d.account_id
                and p.id = d.follows and p.state in ('accepted', 'confirmed')))))"""


@dataclass(frozen=True, slots=True)
class Lane:
    """A claim: this worker's right to work on one connection, until it gives it back or dies."""

    connection_id: UUID
    account_id: UUID
    grant_id: UUID
    platform: Platform
    owner: int
    claim_no: int


def wake(scope: AccountScope, connection_ids: Collection[UUID]) -> None:
    """Have the workers look at these connections at once, when the transaction commits."""
    scope.run(
        "update lanes l set due_at = least(l.due_at, (select min(d.next_at) from deliveries d"
        f"    where d.account_id = l.account_id and d.connection_id = l.connection_id and {OPEN}))"
        " where l.connection_id = any(:ids)",
        {"ids": lock_all(scope, connection_ids)},
    )
    scope.run("select pg_notify(:channel, '')", {"channel": CHANNEL})


def claim(scope: SystemScope, worker: int, *, free: Mapping[Platform, int]) -> list[Lane]:
    """Take ready lanes, the longest ready first: of each platform as many as there are free slots."""
    return scope.all(
        Lane,
        "with ready as (select found.connection_id"
        "    from unnest(cast(:platforms as text[]), cast(:free as integer[])) as p(platform, free),"
        "    lateral (select connection_id from lanes"
        "      where owner is null and ready_at <= clock_timestamp() and platform = p.platform"
        "      order by ready_at limit p.free for update skip locked) found)"
        " update lanes l set owner = :worker, claim_no = l.claim_no + 1 from ready"
        " where l.connection_id = ready.connection_id"
        " returning l.connection_id, l.account_id, l.grant_id, l.platform, l.owner, l.claim_no",
        {"worker": worker, "platforms": list(free), "free": list(free.values())},
    )


def seconds_to_next(scope: SystemScope, *, platforms: Collection[Platform]) -> float | None:
    """How long until a lane of these platforms is ready that nobody has claimed; None if none is planned."""
    return scope.run(
        "select extract(epoch from min(ready_at) - clock_timestamp())::float8 from lanes"
        " where owner is null and ready_at < 'infinity' and platform = any(:platforms)",
        {"platforms": list(platforms)},
    ).scalar()


def lock(scope: AccountScope, lane: Lane) -> bool:
    """Lock the lane's row; False if the claim is no longer ours."""
    mine = scope.run(
        "select 1 from lanes where connection_id = :id and owner = :owner and claim_no = :claim_no for update",
        {"id": lane.connection_id, "owner": lane.owner, "claim_no": lane.claim_no},
    )
    return mine.first() is not None


def lock_ours_or_not(scope: AccountScope, lane: Lane, failure: object) -> bool:
    """Lock this lane whoever has it now; where a platform asks us to wait, all lanes it means wait.

    Returns:
        Whether the lane is still ours.
    """
    heed(scope, lane, failure)
    if lock(scope, lane):
        return True
    # Deliveries are locked after their lane, also by whoever has lost it: otherwise two could wait for each other.
    lock_all(scope, [lane.connection_id])
    return False


def heed(scope: AccountScope, lane: Lane, failure: object) -> None:
    """Where a platform asks us to wait, have all lanes it means wait, and lock them."""
    if not isinstance(failure, RateLimited):
        return
    meant = {
        "connection": "connection_id = :connection_id",
        "grant": "(connection_id = :connection_id or account_id = :account_id and grant_id = :grant_id)",
        "platform": "platform = :platform",
    }[failure.whose]
    scope.run(
        f"with waiting as (select connection_id from lanes where {meant} order by connection_id for update)"
        " update lanes l set not_before = greatest(l.not_before, clock_timestamp() + :wait) from waiting"
        " where l.connection_id = waiting.connection_id",
        {
            "connection_id": lane.connection_id,
            "account_id": lane.account_id,
            "grant_id": lane.grant_id,
            "platform": lane.platform,
            "wait": retries.spread(failure.wait),
        },
    )


def lock_all(scope: AccountScope, connection_ids: Collection[UUID]) -> list[UUID]:
    """Lock the lanes of these connections, in order of id as everybody does."""
    return list(
        scope.run(
            "select connection_id from lanes where connection_id = any(:ids) order by connection_id for update",
            {"ids": list(connection_ids)},
        ).scalars()
    )


def release(scope: AccountScope, lane: Lane) -> None:
    """Give the lane back, due when its next delivery is; nothing happens if the claim is no longer ours."""
    _free(scope, lane)


def _free(scope: AccountScope, lane: Lane) -> None:
    # What is due and cannot be sent yet waits for another delivery; asking again at once would spin.
    scope.run(
        "update lanes l set owner = null, due_at = coalesce((select min("
        f"   case when d.next_at > clock_timestamp() or {SENDABLE} then d.next_at else clock_timestamp() + :pause end)"
        f" from deliveries d where d.account_id = l.account_id and d.connection_id = l.connection_id and {OPEN}),"
        " 'infinity') where l.connection_id = :id and l.owner = :owner and l.claim_no = :claim_no",
        {"id": lane.connection_id, "owner": lane.owner, "claim_no": lane.claim_no, "pause": IDLE_RETRY},
    )


def abandon(scope: AccountScope, lane: Lane, settle: timedelta) -> None:
    """Give a lane back after our own error; what was being sent may have been published.

    It rests for a while: an error that comes back at once would keep a worker busy with nothing else.
    """
    if lock(scope, lane):
        _doubt_what_was_sent(scope, lane, settle)
        _free(scope, lane)
        scope.run(
            "update lanes set due_at = greatest(due_at, clock_timestamp() + :rest) where connection_id = :id",
            {"rest": IDLE_RETRY, "id": lane.connection_id},
        )


def dead_owners(database: Database, *, besides: int) -> list[int]:
    """Workers that own lanes and whose pulse has stopped."""
    with system_scope(database) as scope:
        owners = scope.run(
            "select distinct owner from lanes where owner is not null and owner <> :me", {"me": besides}
        ).scalars()
        return [owner for owner in list(owners) if _is_dead(scope, owner)]


def rescue(database: Database, owner: int, *, settle: Mapping[Platform, timedelta]) -> int:
    """Free a dead worker's lanes, and mark what it was sending as ambiguous: it may have been published.

    Args:
        settle: per platform, how long after an attempt its absence there proves nothing.

    Returns:
        How many lanes were freed.
    """
    with system_scope(database) as scope:
        lanes = scope.all(
            Lane,
            "select connection_id, account_id, grant_id, platform, owner, claim_no from lanes where owner = :owner",
            {"owner": owner},
        )
    return sum(_rescue_lane(database, lane, settle[lane.platform]) for lane in lanes)


def _rescue_lane(database: Database, lane: Lane, settle: timedelta) -> bool:
    with worker_scope(database, lane.account_id) as scope:
        if not _is_dead(scope, lane.owner) or not lock(scope, lane):
            return False
        _doubt_what_was_sent(scope, lane, settle)
        _free(scope, lane)
        return True


def _doubt_what_was_sent(scope: AccountScope, lane: Lane, settle: timedelta) -> None:
    values = {"account_id": lane.account_id, "connection_id": lane.connection_id, "settle": settle}
    scope.run(
        "with lost as (update deliveries d set state = 'ambiguous', misses = 0, looks = 0,"
        "    failure_kind = 'OutcomeUnknown', failure = 'The worker stopped while it was sending.',"
        "    next_at = greatest(clock_timestamp(), a.deadline_at) + :settle"
        "  from attempts a where d.account_id = :account_id and d.connection_id = :connection_id"
        "    and d.state = 'sending' and a.account_id = d.account_id and a.delivery_id = d.id and a.n = d.attempt"
        "  returning d.id, d.attempt)"
        " update attempts a set outcome = 'ambiguous', failure_kind = 'OutcomeUnknown', ended_at = clock_timestamp(),"
        "    failure = 'The worker stopped while it was sending.'"
        " from lost where a.account_id = :account_id and a.delivery_id = lost.id and a.n = lost.attempt"
        "    and a.outcome is null",
        values,
    )


def _is_dead(scope: AccountScope | SystemScope, worker: int) -> bool:
    """Take the worker's lock for this transaction: possible only once its pulse is gone."""
    return bool(
        scope.run("select pg_try_advisory_xact_lock(:kind, :worker)", {"kind": WORKER_LOCK, "worker": worker}).scalar()
    )
