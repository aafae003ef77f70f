"""Taking down what was published: asked for by a person at any moment, finished by the workers whatever state it finds.

What waits ends here and now. What is on its way is stopped and, should it become public after all, taken down: the
database gives the duty to whoever learns of it, in the same transaction. "Taken down" is said of what a platform has
been seen not to show any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from socialcore import audit, deliveries, duties, failures, lanes, reviews
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Adapter, Json
from socialcore.database import AccountScope, Database, ReadScope, worker_scope
from socialcore.duties import Duty, sign_in_of
from socialcore.transitions import note_grant
from socialcore.vault import Vault

TRIED_FOR = timedelta(days=1)
SOONEST = timedelta(seconds=2)
AFTER_LATER_PARTS = "The parts after it are taken down first."
STILL_SHOWN = "The platform took the order, and still shows it."
GONE = "Taken down: the platform does not show it any more."
# Of a delivery `d`: it is public, as far as we know, or was accepted by its platform and then turned down.
IS_THERE = "d.remote_id is not null and d.withdrawn_at is null"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One time that somebody asked a platform to take a delivery down."""

    asked_by: UUID | None
    asked_at: datetime
    done_at: datetime | None  # None: a worker has it, or will
    outcome: str | None


def ask(scope: AccountScope, delivery_ids: Sequence[UUID], *, reason: str = "") -> None:
    """Have these deliveries, and the parts of their threads after them, not stay public. Asking twice does no harm."""
    meant = deliveries.with_followers(scope, delivery_ids)
    deliveries.cancel(scope, meant)  # also locks the lanes
    scope.run(
        "update deliveries d set withdraw_at = clock_timestamp(), withdraw_by = :by, withdraw_reason = :reason"
        f" where account_id = :account_id and id = any(:ids) and (({IS_THERE})"
        "   or state in ('queued', 'sending', 'ambiguous', 'accepted', 'confirmed', 'needs_review'))"
        "   and withdrawn_at is null and not exists (select from duties w where w.account_id = d.account_id"
        "     and w.delivery_id = d.id and w.kind = 'withdraw' and w.done_at is null)",
        {"account_id": scope.account_id, "ids": meant, "by": scope.operator_id, "reason": reason.strip() or None},
    )
    for each in deliveries.of_ids(scope, meant):
        if each.state == "needs_review":
            reviews.ask(scope, each)  # what is found by its own key is bound, and then taken down
    audit.record(scope, "delivery.withdrawal_asked", delivery_ids=[str(each) for each in meant], reason=reason.strip())


def of_delivery(scope: ReadScope, delivery_id: UUID) -> list[Withdrawal]:
    """List the times somebody asked, the first first."""
    return scope.all(
        Withdrawal,
        "select asked_by, asked_at, done_at, outcome from duties where delivery_id = :id and kind = 'withdraw'"
        " order by asked_at",
        {"id": delivery_id},
    )


def perform(database: Database, sealing: Vault, duty: Duty) -> None:
    """Take a delivery down, and see that it is gone; may be done twice without harm."""
    with worker_scope(database, duty.account_id) as scope:
        platform, grant = sign_in_of(scope, duty.connection_id)
        found = _what_is_there(scope, duty)
        if found["withdrawn_at"] is not None:
            duties.end(scope, duty, GONE)
            return
        if found["later_parts"]:
            duties.put_off(scope, duty, AFTER_LATER_PARTS, SOONEST)
            return
        if found["reconnect_because"]:  # asking the platform would only have it say so again
            duties.put_off(scope, duty, _reconnect(found["reconnect_because"]), timedelta(minutes=1))
            return
    failure: failures.PlatformFailure | None = None
    try:
        taken_down = partial(_taken_down, ADAPTERS[platform], found["wire"], found["remote_id"])
        duties.with_access(database, sealing, platform, grant, taken_down)
    except failures.PlatformFailure as refusal:
        failure = refusal
    with worker_scope(database, duty.account_id) as scope:
        if failure is None:
            _note_gone(scope, duty)
        else:
            note_grant(scope, grant, failure)
            _note_failure(scope, duty, failure, asked_at=found["asked_at"], now=found["now"])


def _taken_down(adapter: Adapter, wire: Json, remote_id: str, access: Access) -> None:
    adapter.delete(access, remote_id)
    if adapter.read_back(access, wire, remote_id) is not None:
        raise failures.Unavailable(STILL_SHOWN)


def _what_is_there(scope: AccountScope, duty: Duty) -> Any:
    return (
        scope.run(
            "select d.wire, d.remote_id, d.withdrawn_at, w.asked_at, clock_timestamp() as now, g.reconnect_because,"
            # A platform that shows threads shows holes: the last part goes first, and what may yet come waits.
            "   exists (select from deliveries later where later.account_id = d.account_id"
            "     and later.post_id = d.post_id and later.connection_id = d.connection_id and later.part > d.part"
            "     and later.withdraw_at is not null and later.withdrawn_at is null"
            "     and (later.state in ('queued', 'sending', 'ambiguous') or exists (select from duties o"
            "       where o.account_id = d.account_id and o.delivery_id = later.id and o.kind = 'withdraw'"
            "         and o.done_at is null))) as later_parts"
            " from deliveries d join duties w on w.account_id = d.account_id and w.id = :duty"
            " join connections c on c.account_id = d.account_id and c.id = d.connection_id"
            " join grants g on g.account_id = c.account_id and g.id = c.grant_id"
            " where d.account_id = :account_id and d.id = :id",
            {"account_id": scope.account_id, "id": duty.delivery_id, "duty": duty.id},
        )
        .mappings()
        .one()
    )


def _note_gone(scope: AccountScope, duty: Duty) -> None:
    lanes.lock_all(scope, [duty.connection_id])
    # What was accepted and never read back ends as well: there is nothing left to read.
    noted = scope.run(
        "update deliveries set withdrawn_at = clock_timestamp(),"
        "   state = case state when 'accepted' then 'confirmed' else state end,"
        "   read_back = case state when 'accepted' then 'unavailable' else read_back end,"
        "   read_back_at = case state when 'accepted' then clock_timestamp() else read_back_at end"
        " where account_id = :account_id and id = :id and withdrawn_at is null returning post_id",
        {"account_id": scope.account_id, "id": duty.delivery_id},
    ).scalar()
    duties.end(scope, duty, GONE)
    if noted is None:
        return
    audit.record(scope, "delivery.withdrawn", delivery_id=duty.delivery_id)
    # The part before it has waited for this.
    scope.run(
        "update duties set due_at = clock_timestamp() where account_id = :account_id and kind = 'withdraw'"
        "   and done_at is null and connection_id = :connection_id and delivery_id in (select id from deliveries"
        "     where account_id = :account_id and post_id = :post_id and connection_id = :connection_id)",
        {"account_id": scope.account_id, "connection_id": duty.connection_id, "post_id": noted},
    )
    scope.run("select pg_notify(:channel, '')", {"channel": lanes.CHANNEL})


def _note_failure(
    scope: AccountScope, duty: Duty, failure: failures.PlatformFailure, *, asked_at: datetime, now: datetime
) -> None:
    """Say why it is still there and what comes next: trying again, or a person."""
    match failure:
        case failures.ReconnectNeeded():
            duties.put_off(scope, duty, _reconnect(str(failure)), timedelta(minutes=1))
        case failures.RateLimited(wait=wait):
            duties.put_off(scope, duty, f"{failure} We try again then.", wait)
        case failures.ContentRejected():
            duties.end(scope, duty, f"{failure} Next: take it down on the platform by hand, or try again here.")
        case _ if now - asked_at > TRIED_FOR:
            duties.end(scope, duty, f"{failure} We have tried for a day. Next: try again, or take it down by hand.")
        case _:
            wait = min(max((now - asked_at) / 4, SOONEST), duties.TRIED_AGAIN)
            duties.put_off(scope, duty, f"{failure} We try again until it is gone.", wait)


def _reconnect(why: str) -> str:
    return f"{why} Next: reconnect it on the Connections page; then it is taken down by itself."
