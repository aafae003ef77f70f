"""One post on its way to one connection, as the people who watch it see it and steer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from socialcore import audit, lanes
from socialcore.database import AccountScope, ReadScope
from socialcore.posts import Platform

State = Literal[
    "queued", "sending", "ambiguous", "needs_review", "accepted", "confirmed", "failed", "missed", "cancelled"
]
# What a delivery is for a person looking at it: states, told apart by why they last.
Shown = Literal[
    "queued",
    "scheduled",
    "held",
    "sending",
    "publishing",
    "retrying",
    "checking",
    "published",
    "withdrawing",
    "withdrawn",
    "still_public",
    "needs_review",
    "failed",
    "missed",
    "cancelled",
]
# What a person can do about a failure, by its kind.
NEXT: Mapping[str, str] = {
    "ContentRejected": "Next: copy the text into a new post, change it, and send that.",
    "Unavailable": "Next: send it again when the platform is back.",
    "OutcomeUnknown": "Next: send it again.",
    "GivenUp": "Next: look for it on the platform; if it is not there, send it again.",
    "ReconnectNeeded": "Next: reconnect it on the Connections page; then this goes out by itself.",
}
_AGAIN = (
    "state = 'queued', next_at = now(), due_at = now(), cancel_at = null, withdraw_at = null,"
    " expires_at = now() + :window"
)
GIVEN_UP = "Given up: we never learned whether it was published."
SENDING_BOUND = timedelta(minutes=2)  # longer than this in motion is worth a look


@dataclass(frozen=True, slots=True)
class Delivery:
    id: UUID
    account_id: UUID
    post_id: UUID
    connection_id: UUID
    platform: Platform
    target: str
    state: State
    due_at: datetime
    expires_at: datetime
    next_at: datetime
    attempt: int
    is_due: bool
    url: str | None
    remote_id: str | None
    read_back: Literal["match", "mismatch", "unavailable"] | None
    read_back_at: datetime | None
    cancel_at: datetime | None
    held_because: str | None
    failure_kind: str | None
    failure: str | None
    changed_at: datetime
    part: int  # of a thread that goes out part by part; 1 otherwise
    stopped_before: State | None  # the part before it has ended without being public
    withdraw_at: datetime | None  # somebody asked to take it down
    withdraw_by: UUID | None
    withdraw_reason: str | None
    withdrawn_at: datetime | None
    is_withdrawing: bool  # a worker has the duty to take it down
    withdrawal: str | None  # what came of that duty last, in words
    text: str  # as it is public now, or will be
    edited_at: datetime | None
    is_editing: bool

    @property
    def shown(self) -> Shown:
        if taken_down := self._shown_of_withdrawal:
            return taken_down
        match self.state:
            case "queued" if self.why_held:
                return "held"
            case "queued" if self.attempt or self.failure:
                return "retrying"
            case "queued":
                return "queued" if self.is_due else "scheduled"
            case "accepted":
                return "publishing"
            case "ambiguous":
                return "checking"
            case "confirmed":
                return "published"
            case state:
                return state

    @property
    def _shown_of_withdrawal(self) -> Literal["withdrawn", "withdrawing", "still_public"] | None:
        if self.withdrawn_at:
            return "withdrawn"
        if self.is_withdrawing or (self.withdraw_at and self.state in ("queued", "sending", "ambiguous")):
            return "withdrawing"
        return "still_public" if self.withdraw_at and self.remote_id else None

    @property
    def why_held(self) -> str | None:
        if self.state == "queued" and self.stopped_before:
            return f"Part {self.part - 1} is not public. Send that again, and this one follows it."
        return self.held_because

    @property
    def can_cancel(self) -> bool:
        return self.state in ("queued", "sending", "missed") and self.cancel_at is None

    @property
    def can_withdraw(self) -> bool:
        """Is it public, or may it be; and is nobody taking it down yet?"""
        may_be = self.remote_id is not None or self.state in ("queued", "sending", "ambiguous", "needs_review")
        return may_be and self.shown not in ("withdrawing", "withdrawn")

    @property
    def is_public(self) -> bool:
        """Has its platform shown it to us, and is it to stay?"""
        return self.state == "confirmed" and self.withdraw_at is None


# `Delivery.shown` of a delivery `d`, for where thousands are looked at and few are read.
SHOWN = """case
    when d.state = 'queued' and (d.held_because is not null or d.follows is not null and exists (
        select from deliveries p where p.account_id = d.account_id and p.id = d.follows
        and p.state in ('failed', 'missed', 'cancelled', 'needs_review'))) then 'held'
    when d.state = 'queued' and (d.attempt > 0 or d.failure is not null) then 'retrying'
    when d.state = 'queued' and d.due_at > now() then 'scheduled'
    when d.state = 'accepted' then 'publishing'
    when d.state = 'ambiguous' then 'checking'
    when d.state = 'confirmed' then 'published'
    else d.state end"""
# The state of the part before it, if that has ended without being public.
# Asked only of a post that follows one: asking of every delivery that is queued cost the overview 180 ms.
STOPPED_BEFORE = """case when d.follows is not null then (select p.state from deliveries p
            where p.account_id = d.account_id and p.id = d.follows
            and p.state in ('failed', 'missed', 'cancelled', 'needs_review')) end"""
SELECT = f"""
    select d.id, d.account_id, d.post_id, d.connection_id, c.platform, c.name as target, d.state, d.due_at,
        d.expires_at, d.next_at, d.attempt, d.due_at <= now() as is_due, d.url, d.remote_id,
        d.read_back, d.read_back_at, d.cancel_at, d.held_because, d.failure_kind, d.failure, d.changed_at, d.part,
        {STOPPED_BEFORE} as stopped_before,
        d.withdraw_at, d.withdraw_by, d.withdraw_reason, d.withdrawn_at, coalesce(w.is_open, false) as is_withdrawing,
        w.outcome as withdrawal, coalesce(e.text, d.rendered->>'text', '') as text, e.done_at as edited_at,
        exists (select from edits o where o.account_id = d.account_id and o.delivery_id = d.id
            and o.done_at is null) as is_editing
    from deliveries d join connections c on c.account_id = d.account_id and c.id = d.connection_id
    left join lateral (select w.done_at is null as is_open, w.outcome from duties w
        where w.account_id = d.account_id and w.delivery_id = d.id and w.kind = 'withdraw'
        order by w.asked_at desc limit 1) w on d.withdraw_at is not null
    left join lateral (select e.rendered->>'text' as text, e.done_at from edits e
        where e.account_id = d.account_id and e.delivery_id = d.id and e.outcome = 'edited'
        order by e.n desc limit 1) e on true
"""
# Whatever has not reached an end, or reached one that a person must know of.
ATTENTION = """
    d.withdrawn_at is null and (d.state in ('needs_review', 'failed', 'missed') or d.read_back = 'mismatch'
    or (d.withdraw_at < now() - :bound and d.remote_id is not null)
    or (d.state = 'queued' and d.held_because is not null)
    or (d.state in ('sending', 'ambiguous', 'accepted') and d.changed_at < now() - :bound)
    or (d.state = 'queued' and d.due_at < now() - :bound))
"""


@dataclass(frozen=True, slots=True)
class AttemptSeen:
    delivery_id: UUID
    n: int
    worker: int
    started_at: datetime
    outcome: str | None
    failure_kind: str | None
    failure: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What did not go out while its connection's sign-in did not work."""

    id: UUID
    post_id: UUID
    number: int
    state: Literal["failed", "missed"]
    text: str
    due_at: datetime


# Of a delivery `d` and its grant `g`: it failed, or its time passed, for want of a sign-in that works again now.
LEFT_BEHIND = """g.reconnected_from is not null and g.reconnect_since is null and d.changed_at >= g.reconnected_from
    and (d.state = 'missed'
         or (d.state = 'failed' and d.failure_kind in ('ReconnectNeeded', 'CredentialExpired')))"""


def of_posts(
    scope: ReadScope, post_ids: Sequence[UUID], *, of: Sequence[UUID] | None = None
) -> dict[UUID, list[Delivery]]:
    """What became of these posts, connection by connection.

    Args:
        of: the account of each post, where the scope sees several: then no other account's index is read.
    """
    which = "d.post_id = any(:ids)"
    values: dict[str, Any] = {"ids": list(post_ids)}
    if of is not None:
        which = "(d.account_id, d.post_id) in (select * from unnest(cast(:accounts as uuid[]), cast(:ids as uuid[])))"
        values["accounts"] = list(of)
    grouped: dict[UUID, list[Delivery]] = {post_id: [] for post_id in post_ids}
    for delivery in scope.all(Delivery, f"{SELECT} where {which} order by c.platform, c.name, d.part", values):
        grouped[delivery.post_id].append(delivery)
    return grouped


def of_ids(scope: ReadScope, delivery_ids: Sequence[UUID]) -> list[Delivery]:
    return scope.all(Delivery, f"{SELECT} where d.id = any(:ids) order by d.part", {"ids": list(delivery_ids)})


def one(scope: ReadScope, delivery_id: UUID) -> Delivery | None:
    return scope.first(Delivery, f"{SELECT} where d.id = :id", {"id": delivery_id})


def page(
    scope: AccountScope,
    *,
    state: State | None,
    since: datetime | None,
    before: tuple[datetime, UUID] | None,
    most: int,
) -> list[Delivery]:
    """List the account's deliveries, the one whose state changed last first, from one further back on.

    Args:
        since: only those whose state has changed at this time or later.
    """
    return scope.all(
        Delivery,
        f"{SELECT} where d.account_id = :account_id and (cast(:state as text) is null or d.state = :state)"
        "   and d.changed_at >= coalesce(cast(:since as timestamptz), '-infinity')"
        "   and (cast(:at as timestamptz) is null"
        "     or d.changed_at <= :at and (d.changed_at, d.id) < (:at, cast(:id as uuid)))"
        " order by d.changed_at desc, d.id desc limit :most",
        {
            "account_id": scope.account_id,
            "state": state,
            "since": since,
            "at": before[0] if before else None,
            "id": before[1] if before else None,
            "most": most,
        },
    )


def needing_attention(scope: ReadScope, *, most: int = 50) -> list[Delivery]:
    """List what a person should know of, the latest first."""
    return scope.all(
        Delivery,
        f"{SELECT} where {ATTENTION} order by d.changed_at desc limit :most",
        {"bound": SENDING_BOUND, "most": most},
    )


def next_up(scope: ReadScope, *, most: int = 10) -> list[Delivery]:
    """List what goes out next, the soonest first."""
    return scope.all(
        Delivery,
        # Found first and looked at then: otherwise each connection goes through all that its account has queued.
        f"{SELECT} where (d.account_id, d.id) in (select d.account_id, d.id from deliveries d"
        f"   where d.state = 'queued' and d.held_because is null and {STOPPED_BEFORE} is null"
        "   order by d.next_at limit :most) order by d.next_at",
        {"most": most},
    )


def left_behind(scope: AccountScope, connection_id: UUID) -> list[LeftBehind]:
    """List what a connection could not send for want of a sign-in, now that it works again; the oldest first."""
    return scope.all(
        LeftBehind,
        "select d.id, d.post_id, p.number, d.state, d.due_at,"
        "   coalesce(d.rendered->>'text', p.content->>'text', '') as text from deliveries d"
        " join posts p on p.account_id = d.account_id and p.id = d.post_id"
        " join connections c on c.account_id = d.account_id and c.id = d.connection_id"
        " join grants g on g.account_id = c.account_id and g.id = c.grant_id"
        f" where d.account_id = :account_id and d.connection_id = :id and {LEFT_BEHIND} order by d.due_at, d.part",
        {"account_id": scope.account_id, "id": connection_id},
    )


def attempts(scope: ReadScope, delivery_id: UUID) -> list[AttemptSeen]:
    return scope.all(
        AttemptSeen,
        "select delivery_id, n, worker, started_at, outcome, failure_kind, failure, ended_at from attempts"
        " where delivery_id = :id order by n",
        {"id": delivery_id},
    )


def cancel(scope: AccountScope, delivery_ids: Sequence[UUID]) -> int:
    """Stop deliveries. One that waits ends here; one being sent is stopped if it turns out not to have gone out.

    Returns:
        How many were certainly stopped; the rest were on their way or had ended.
    """
    values: dict[str, Any] = {"account_id": scope.account_id, "ids": list(delivery_ids)}
    connection_ids = _lock_lanes(scope, delivery_ids)
    stopped = scope.run(
        "update deliveries set state = 'cancelled', cancel_at = now(), held_because = null"
        " where account_id = :account_id and id = any(:ids) and state in ('queued', 'missed') and wire is null",
        values,
    ).rowcount
    # Sent before, or being sent: the worker knows what is certain, and says so.
    scope.run(
        "update deliveries set cancel_at = now(), state = case state when 'missed' then 'queued' else state end,"
        "   next_at = case when state in ('queued', 'missed') then now() else next_at end"
        " where account_id = :account_id and id = any(:ids) and state in ('queued', 'sending', 'ambiguous', 'missed')"
        "   and cancel_at is null",
        values,
    )
    lanes.wake(scope, connection_ids)
    audit.record(scope, "delivery.cancelled", delivery_ids=[str(each) for each in delivery_ids], stopped=stopped)
    return stopped


def send_missed(scope: AccountScope, delivery_ids: Sequence[UUID], *, late_window: timedelta) -> None:
    """Send after all what was too late; a person has said that late is better than never."""
    _queue_again(scope, delivery_ids, ["missed"], late_window)
    audit.record(scope, "delivery.sent_late", delivery_ids=[str(each) for each in delivery_ids])


def send_again(scope: AccountScope, delivery_ids: Sequence[UUID], *, late_window: timedelta) -> None:
    """Queue again what failed and so was not published, or what a person looked for and did not find."""
    _queue_again(scope, delivery_ids, ["failed", "needs_review"], late_window)
    audit.record(scope, "delivery.sent_again", delivery_ids=[str(each) for each in delivery_ids])


def with_followers(scope: AccountScope, delivery_ids: Sequence[UUID]) -> list[UUID]:
    """These deliveries, and the parts of their threads that come after them."""
    found = scope.run(
        "with recursive chain as (select id from deliveries where account_id = :account_id and id = any(:ids)"
        "   union select d.id from deliveries d join chain c on d.follows = c.id where d.account_id = :account_id)"
        " select id from chain",
        {"account_id": scope.account_id, "ids": list(delivery_ids)},
    ).scalars()
    return list(found)


def go_on(scope: AccountScope, delivery_ids: Sequence[UUID], *, late_window: timedelta) -> None:
    """Let what follows these in their threads go out after them, also what has waited too long for them."""
    followers = [each for each in with_followers(scope, delivery_ids) if each not in delivery_ids]
    connection_ids = _lock_lanes(scope, followers)
    scope.run(
        f"update deliveries set {_AGAIN} where account_id = :account_id and id = any(:ids)"
        "   and state in ('queued', 'missed') and wire is null",
        {"account_id": scope.account_id, "ids": followers, "window": late_window},
    )
    lanes.wake(scope, connection_ids)


def send_left_behind(scope: AccountScope, connection_id: UUID, *, late_window: timedelta) -> int:
    """Send after all what a connection could not send for want of a sign-in.

    Returns:
        How many.
    """
    found = left_behind(scope, connection_id)
    if missed := [each.id for each in found if each.state == "missed"]:
        send_missed(scope, missed, late_window=late_window)
    if failed := [each.id for each in found if each.state == "failed"]:
        send_again(scope, failed, late_window=late_window)
    if found:
        go_on(scope, [each.id for each in found], late_window=late_window)
    return len(found)


def give_up(scope: AccountScope, delivery_ids: Sequence[UUID]) -> None:
    """End what nobody could find out about. It may be public all the same, and says so."""
    connection_ids = _lock_lanes(scope, delivery_ids)
    scope.run(
        "update deliveries set state = 'failed', failure_kind = 'GivenUp', failure = :why"
        " where account_id = :account_id and id = any(:ids) and state = 'needs_review'",
        {"account_id": scope.account_id, "ids": list(delivery_ids), "why": GIVEN_UP},
    )
    lanes.wake(scope, connection_ids)  # the same text may be waiting behind it
    audit.record(scope, "delivery.given_up", delivery_ids=[str(each) for each in delivery_ids])


def _queue_again(
    scope: AccountScope, delivery_ids: Sequence[UUID], states: Sequence[State], late_window: timedelta
) -> None:
    connection_ids = _lock_lanes(scope, delivery_ids)
    scope.run(
        f"update deliveries set {_AGAIN}, priority = 0, held_because = null"
        " where account_id = :account_id and id = any(:ids) and state = any(:states) and withdrawn_at is null",
        {"account_id": scope.account_id, "ids": list(delivery_ids), "states": list(states), "window": late_window},
    )
    lanes.wake(scope, connection_ids)


def _lock_lanes(scope: AccountScope, delivery_ids: Sequence[UUID]) -> list[UUID]:
    """Lock the lanes of these deliveries, which comes before locking deliveries, and name their connections."""
    connections = scope.run(
        "select distinct connection_id from deliveries where account_id = :account_id and id = any(:ids)",
        {"account_id": scope.account_id, "ids": list(delivery_ids)},
    ).scalars()
    return lanes.lock_all(scope, list(connections))
