"""One delivery's row: lock it as it was picked, and move it on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import RowMapping

from socialcore import audit, events
from socialcore.adapters.contract import Json, Receipt
from socialcore.database import AccountScope
from socialcore.failures import CredentialExpired, ReconnectNeeded
from socialcore.lanes import IN_DOUBT, Lane

LATE_COMMIT = timedelta(minutes=2)  # after an attempt's deadline, a platform may still be about to publish it
REFRESH_AHEAD = timedelta(minutes=10)  # so that a refresh whose answer got lost leaves time to try again


@dataclass(frozen=True, slots=True)
class Grant:
    """The sign-in a delivery goes out with, still sealed."""

    account_id: UUID
    id: UUID
    service: str
    target_id: str
    version: int
    is_expiring: bool  # so soon that it is renewed before it is used
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Picked:
    """A delivery that needs a worker now, as it was when picked."""

    id: UUID
    state: Literal["queued", "ambiguous", "accepted"]
    attempt: int
    rendered: Json
    wire: Json | None
    remote_id: str | None
    is_stopping: bool  # stopped by an operator, or too late, and an earlier attempt left a doubt
    grant: Grant
    taken: Sequence[str] = ()  # ids of public posts of the same words that are other deliveries'


_UNDER_LANE = (
    "with mine as materialized (select 1 from lanes where connection_id = :lane and owner = :owner"
    " and claim_no = :claim_no for update) "
)


def lock(scope: AccountScope, picked: Picked, *, under: Lane | None = None) -> RowMapping | None:
    """Lock the delivery and read it anew; None if it has moved on since it was picked.

    Args:
        under: a claim that has to be ours still; its lane is locked first, in the same statement.
    """
    return (
        scope.run(
            (_UNDER_LANE if under else "")
            + "select attempt, part, rendered, record_key, wire_at, wire, misses, looks, cancel_at, expires_at,"
            "  next_at, changed_at, clock_timestamp() as now, expires_at < clock_timestamp() as expired from deliveries"
            " where account_id = :account_id and id = :id and state = :state and attempt = :attempt"
            "   and next_at <= clock_timestamp()" + (" and exists (select from mine)" if under else "") + " for update",
            {
                "account_id": scope.account_id,
                "id": picked.id,
                "state": picked.state,
                "attempt": picked.attempt,
                **({"lane": under.connection_id, "owner": under.owner, "claim_no": under.claim_no} if under else {}),
            },
        )
        .mappings()
        .first()
    )


def change(scope: AccountScope, delivery_id: UUID, **columns: Any) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    scope.run(
        f"update deliveries set {assignments} where account_id = :account_id and id = :id",
        {**columns, "account_id": scope.account_id, "id": delivery_id},
    )


def accept(scope: AccountScope, delivery_id: UUID, receipt: Receipt, read_at: datetime) -> None:
    change(
        scope,
        delivery_id,
        state="accepted",
        remote_id=receipt.remote_id,
        url=receipt.url,
        next_at=read_at,
        looks=0,
        failure_kind=None,
        failure=None,
    )


def end(scope: AccountScope, delivery_id: UUID, state: Literal["cancelled", "missed"]) -> None:
    """Say that it was stopped or is too late, unless an earlier attempt left a doubt: then a look comes first."""
    scope.run(
        "update deliveries d set state = :state, held_because = null where account_id = :account_id and id = :id"
        f"  and not {IN_DOUBT}",
        {"account_id": scope.account_id, "id": delivery_id, "state": state},
    )


def tries(scope: AccountScope, delivery_id: UUID) -> int:
    return scope.run(
        "select count(*) from attempts where account_id = :account_id and delivery_id = :id"
        "  and coalesce(failure_kind, '') not in ('RateLimited', 'CredentialExpired', 'ReconnectNeeded')",
        {"account_id": scope.account_id, "id": delivery_id},
    ).scalar_one()


def certain_at(scope: AccountScope, delivery_id: UUID) -> datetime:
    """When no attempt so far can become public any more, if it has not; also if the clock has jumped meanwhile."""
    last: datetime = scope.run(
        "select greatest(max(deadline_at), (select jumped_at from clock)) from attempts"
        " where account_id = :account_id and delivery_id = :id",
        {"account_id": scope.account_id, "id": delivery_id},
    ).scalar_one()
    return last + LATE_COMMIT


def is_in_doubt(scope: AccountScope, delivery_id: UUID) -> bool:
    """Did an earlier attempt end without an answer?"""
    return scope.run(
        f"select {IN_DOUBT} from deliveries d where d.account_id = :account_id and d.id = :id",
        {"account_id": scope.account_id, "id": delivery_id},
    ).scalar_one()


def note_grant(scope: AccountScope, grant: Grant, result: object) -> None:
    """Let the sign-in know what its use has shown; only while it is the version that was used."""
    values: dict[str, Any] = {"account_id": scope.account_id, "id": grant.id, "version": grant.version}
    same = " where account_id = :account_id and id = :id and version = :version"
    if isinstance(result, CredentialExpired):
        scope.run("update grants set expires_at = clock_timestamp()" + same, values)
    elif isinstance(result, ReconnectNeeded):
        had = scope.run("select reconnect_since from grants" + same + " for no key update", values).first()
        scope.run(
            "update grants set reconnect_since = coalesce(reconnect_since, clock_timestamp()), reconnect_because = :why"
            + same,
            {**values, "why": str(result)},
        )
        if had is not None and had[0] is None:
            audit.record(scope, "connection.reconnect_needed", grant_id=grant.id, why=str(result))
            events.record(scope, "connection.reconnect_needed", grant_id=grant.id)
