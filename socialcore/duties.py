"""What a worker does with stored sign-ins besides publishing: checking them, giving them back."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from socialcore import events, failures, grants
from socialcore.adapters import ADAPTERS
from socialcore.database import AccountScope, Database, system_scope, worker_scope
from socialcore.posts import Platform
from socialcore.transitions import REFRESH_AHEAD, Grant
from socialcore.vault import Vault


@dataclass(frozen=True, slots=True)
class Duty:
    id: UUID
    account_id: UUID
    connection_id: UUID
    kind: Literal["check", "revoke", "look"]
    platform: Platform
    delivery_id: UUID | None = None  # these three of a look: see socialcore.reviews
    remote_id: str | None = None
    url: str | None = None


def perform(database: Database, sealing: Vault, duty: Duty) -> None:
    """Check a sign-in or give it back, and note what came of it; both may be done twice without harm."""
    with worker_scope(database, duty.account_id) as scope:
        platform, grant = sign_in_of(scope, duty.connection_id)
    try:
        if duty.kind == "check":
            _check(database, sealing, platform, grant)
        else:
            ADAPTERS[platform].revoke(grants.opened(sealing, grant).access)
        failure = None
    except failures.PlatformFailure as trouble:
        failure = trouble
    with worker_scope(database, duty.account_id) as scope:
        _note(scope, duty, grant, failure)


def take(database: Database, platforms: Collection[Platform]) -> Duty | None:
    """Take the duty at one of these platforms that has waited longest, if there is one."""
    with system_scope(database) as scope:
        return scope.first(
            Duty,
            # Due again in a minute, should this worker not live to note the outcome.
            "update duties set due_at = clock_timestamp() + interval '1 minute' where (account_id, id) = ("
            "   select d.account_id, d.id from duties d join lanes l on l.connection_id = d.connection_id"
            "   where d.done_at is null and d.due_at <= clock_timestamp() and l.platform = any(:platforms)"
            "   order by d.due_at limit 1 for update of d skip locked)"
            " returning id, account_id, connection_id, kind, delivery_id, remote_id, url,"
            "   (select l.platform from lanes l where l.connection_id = duties.connection_id) as platform",
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


def _check(database: Database, sealing: Vault, platform: Platform, grant: Grant) -> None:
    prepared = grants.fresh(database, sealing, platform, grant)
    try:
        ADAPTERS[platform].check(prepared.access)
    except failures.CredentialExpired:
        renewed = grants.refreshed(database, sealing, platform, prepared.grant)
        ADAPTERS[platform].check(renewed.access)


def _note(scope: AccountScope, duty: Duty, grant: Grant, failure: failures.PlatformFailure | None) -> None:
    values = {"account_id": scope.account_id, "id": duty.id, "outcome": str(failure) if failure else "fine"}
    scope.run(
        "update duties set done_at = clock_timestamp(), outcome = :outcome"
        " where account_id = :account_id and id = :id and done_at is null",
        values,
    )
    if duty.kind == "revoke":
        return
    needs_person = isinstance(failure, failures.ReconnectNeeded)
    # The grant before the connection, as whoever connects again at this moment does.
    # Only what a check proves ends or begins a need to reconnect; an outage says nothing about a sign-in.
    if failure is None or needs_person:
        scope.run(
            "update grants set reconnect_because = :why,"
            "   reconnect_since = case when cast(:why as text) is null then null"
            "     else coalesce(reconnect_since, clock_timestamp()) end"
            " where account_id = :account_id and id = :grant_id and version >= :version",
            {
                "account_id": scope.account_id,
                "grant_id": grant.id,
                "version": grant.version,
                "why": str(failure) if failure else None,
            },
        )
    scope.run(
        "update connections set checked_at = clock_timestamp(), check_failure = :failure"
        " where account_id = :account_id and id = :id",
        {
            "account_id": scope.account_id,
            "id": duty.connection_id,
            "failure": None if failure is None or needs_person else str(failure),
        },
    )
    events.record(scope, "connection.checked", fine=failure is None, kind=failure.kind if failure else None)
