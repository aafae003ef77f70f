"""What a worker does with stored sign-ins besides publishing: checking them, giving them back."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar
from uuid import UUID

from socialcore import audit, failures, grants, health
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Access, Checked
from socialcore.database import AccountScope, Database, system_scope, worker_scope
from socialcore.posts import Platform
from socialcore.transitions import REFRESH_AHEAD, Grant
from socialcore.vault import Vault

Result = TypeVar("Result")

TRIED_AGAIN = timedelta(minutes=10)
GIVEN_BACK = "given back"
WAS_GIVEN_BACK = "This sign-in was given back when its last connection was disconnected. Connect again."


@dataclass(frozen=True, slots=True)
class Duty:
    id: UUID | None  # None: a check that is due by the calendar, which nobody asked for
    account_id: UUID
    connection_id: UUID  # of a sign-in that nothing was picked from: that sign-in's own id
    kind: Literal["check", "revoke", "look", "withdraw", "edit"]
    platform: Platform
    delivery_id: UUID | None = None  # of a look, a withdrawal or an edit
    # What a person says it is: see socialcore.reviews.
    remote_id: str | None = None
    url: str | None = None
    grant_id: UUID | None = None  # a sign-in that nothing was picked from, to be given back


def perform(database: Database, sealing: Vault, duty: Duty, *, every: timedelta = health.EVERY) -> None:
    """Check a sign-in or give it back, and note what came of it; both may be done twice without harm.

    Args:
        every: how long until a connection that is well is checked again.
    """
    if duty.kind == "revoke":
        _give_back(database, sealing, duty)
        return
    with worker_scope(database, duty.account_id) as scope:
        platform, grant = sign_in_of(scope, duty.connection_id)
    started = time.monotonic()
    found, grant = _check(database, sealing, platform, grant)
    took = timedelta(seconds=time.monotonic() - started)
    with worker_scope(database, duty.account_id) as scope:
        end(scope, duty, "fine" if isinstance(found, Checked) else str(found))
        health.note(scope, health.Measured(duty.connection_id, platform, grant, found, took), every=every)


def take(database: Database, platforms: Collection[Platform]) -> Duty | None:
    """Take the duty at one of these platforms that has waited longest, or else the check that is most overdue."""
    with system_scope(database) as scope:
        return scope.first(
            Duty,
            # Due again in a minute, should this worker not live to note the outcome.
            "update duties set due_at = clock_timestamp() + interval '1 minute' where (account_id, id) = ("
            "   select d.account_id, d.id from duties d left join lanes l on l.connection_id = d.connection_id"
            "   where d.done_at is null and d.due_at <= clock_timestamp()"
            "     and coalesce(d.platform, l.platform) = any(:platforms)"
            "   order by d.due_at limit 1 for update of d skip locked)"
            " returning id, account_id, coalesce(connection_id, grant_id) as connection_id, kind, delivery_id,"
            "   remote_id, url, grant_id, coalesce(platform, (select l.platform from lanes l"
            "     where l.connection_id = duties.connection_id)) as platform",
            {"platforms": list(platforms)},
        ) or scope.first(
            Duty,
            "update lanes set check_at = clock_timestamp() + interval '1 minute' where connection_id = ("
            "   select connection_id from lanes where check_at <= clock_timestamp()"
            "     and not_before <= clock_timestamp() and platform = any(:platforms)"
            "   order by check_at limit 1 for update skip locked)"
            " returning cast(null as uuid) as id, account_id, connection_id, 'check' as kind, platform",
            {"platforms": list(platforms)},
        )


def sign_in_of(scope: AccountScope, connection_id: UUID) -> tuple[Platform, Grant]:
    row = scope.run(
        "select c.platform, g.id, g.service, c.target_id, g.version,"
        " coalesce(g.expires_at < clock_timestamp() + :ahead, false), g.sealed"
        " from connections c join grants g on g.account_id = c.account_id and g.id = c.grant_id"
        " where c.account_id = :account_id and c.id = :id",
        {"account_id": scope.account_id, "id": connection_id, "ahead": REFRESH_AHEAD},
    ).one()
    return row[0], Grant(scope.account_id, row[1], row[2], row[3], row[4], row[5], row[6])


def _unused_sign_in(scope: AccountScope, grant_id: UUID) -> Grant | None:
    """A sign-in that is to be given back; None if somebody has signed in anew meanwhile, and will pick from that."""
    row = scope.run(
        "select service, subject, version, sealed from grants"
        " where account_id = :account_id and id = :id and reconnect_because is not null",
        {"account_id": scope.account_id, "id": grant_id},
    ).first()
    return None if row is None else Grant(scope.account_id, grant_id, row[0], row[1], row[2], False, row[3])


def with_access(
    database: Database, sealing: Vault, platform: Platform, grant: Grant, call: Callable[[Access], Result]
) -> Result:
    """Call a platform with a sign-in, renewed if need be.

    Raises:
        PlatformFailure: what the call raises, or what keeps the sign-in from being opened.
    """
    prepared = grants.fresh(database, sealing, platform, grant)
    try:
        return call(prepared.access)
    except failures.CredentialExpired:
        return call(grants.refreshed(database, sealing, platform, prepared.grant).access)


def put_off(scope: AccountScope, duty: Duty, outcome: str, wait: timedelta) -> None:
    """Have a duty wait, and say why."""
    scope.run(
        "update duties set due_at = clock_timestamp() + :wait, outcome = :outcome"
        " where account_id = :account_id and id = :id and done_at is null",
        {"account_id": scope.account_id, "id": duty.id, "wait": wait, "outcome": outcome},
    )


def _check(
    database: Database, sealing: Vault, platform: Platform, grant: Grant
) -> tuple[Checked | failures.PlatformFailure, Grant]:
    """Make the call, with a renewed sign-in if need be; says which version of it was used last."""
    try:
        prepared = grants.fresh(database, sealing, platform, grant)
        grant = prepared.grant
        try:
            return ADAPTERS[platform].check(prepared.access), grant
        except failures.CredentialExpired:
            renewed = grants.refreshed(database, sealing, platform, grant)
            grant = renewed.grant
            return ADAPTERS[platform].check(renewed.access), grant
    except failures.PlatformFailure as failure:
        return failure, grant


def _give_back(database: Database, sealing: Vault, duty: Duty) -> None:
    with worker_scope(database, duty.account_id) as scope:
        grant = _unused_sign_in(scope, duty.grant_id) if duty.grant_id else sign_in_of(scope, duty.connection_id)[1]
        if grant is None:
            end(scope, duty, "kept: somebody has signed in anew")
            return
        used = scope.run("select grant_is_used(:account_id, :id)", {"account_id": grant.account_id, "id": grant.id})
        is_used = bool(used.scalar_one())
    outcome = "kept: another connection uses the same sign-in"
    if not is_used:
        try:
            ADAPTERS[duty.platform].revoke(grants.opened(sealing, grant).access)
            outcome = GIVEN_BACK
        except failures.PlatformFailure as failure:
            outcome = str(failure)
            if _is_tried_again(database, duty, failure):
                return
    with worker_scope(database, duty.account_id) as scope:
        end(scope, duty, outcome)
        if outcome == GIVEN_BACK and not duty.grant_id:  # nothing of it may be chosen any more
            scope.run(
                "update grants set reconnect_because = :why,"
                "   reconnect_since = coalesce(reconnect_since, clock_timestamp())"
                " where account_id = :account_id and id = :id and version = :version",
                {"account_id": grant.account_id, "id": grant.id, "version": grant.version, "why": WAS_GIVEN_BACK},
            )
        which = {"grant_id": grant.id} if duty.grant_id else {"connection_id": duty.connection_id}
        audit.record(scope, "connection.sign_in_revoked", outcome=outcome, **which)


def _is_tried_again(database: Database, duty: Duty, failure: failures.PlatformFailure) -> bool:
    """Wait out an outage, for a day: what is not given back still opens the account."""
    if not isinstance(failure, failures.Unavailable | failures.OutcomeUnknown | failures.RateLimited):
        return False
    with worker_scope(database, duty.account_id) as scope:
        waits = scope.run(
            "update duties set due_at = clock_timestamp() + :after, outcome = :outcome"
            " where account_id = :account_id and id = :id and asked_at > clock_timestamp() - interval '1 day'",
            {"account_id": duty.account_id, "id": duty.id, "after": TRIED_AGAIN, "outcome": str(failure)},
        )
    return waits.rowcount > 0


def end(scope: AccountScope, duty: Duty, outcome: str) -> None:
    if duty.id is None:
        return
    scope.run(
        "update duties set done_at = clock_timestamp(), outcome = :outcome"
        " where account_id = :account_id and id = :id and done_at is null",
        {"account_id": scope.account_id, "id": duty.id, "outcome": outcome},
    )
