"""Signing in at a platform by browser: an operator leaves for the platform, and comes back with a code.

What the platform hands back is worth something once, within ten minutes, and only to the operator who left.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from socialcore import vault
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Departure, Granted
from socialcore.database import AccountScope, PortfolioScope
from socialcore.posts import Platform
from socialcore.vault import Vault

LASTS = timedelta(minutes=10)
ADDRESS = "/oauth/callback"


class NoWayBack(Exception):
    """What came back from a platform leads nowhere; nothing was stored. Says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Somebody who is back, as the platform's answer names them by its state."""

    id: UUID
    account_id: UUID
    operator_id: UUID
    platform: Platform
    connection_id: UUID | None
    is_used: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a departure came to: a sign-in, or why there is none."""

    platform: Platform
    connection_id: UUID | None
    grant_id: UUID | None
    outcome: str | None


def leave(platform: Platform, answer: Mapping[str, str], *, public_url: str) -> tuple[str, Departure]:
    """Ask a platform where to send the browser; outside any scope, because it may take its time.

    Args:
        answer: what the operator typed before, such as a server.
        public_url: where people reach this dashboard.

    Returns:
        The state that the platform will hand back, and the way there.

    Raises:
        PlatformFailure: in words for the operator.
    """
    state = secrets.token_urlsafe(32)
    return state, ADAPTERS[platform].depart(answer, redirect_uri=f"{public_url}{ADDRESS}", state=state)


def remember(
    scope: AccountScope,
    sealing: Vault,
    platform: Platform,
    state: str,
    departure: Departure,
    *,
    connection_id: UUID | None = None,
) -> UUID:
    """Keep what is needed when the operator is back; what is older than a day is forgotten.

    Args:
        connection_id: the connection whose sign-in is to be renewed; None: a new one.
    """
    scope.run(
        "delete from departures where account_id = :account_id and expires_at < now() - interval '1 day'",
        {"account_id": scope.account_id},
    )
    departure_id = uuid4()
    scope.run(
        "insert into departures (account_id, id, operator_id, platform, connection_id, state_hash, sealed, expires_at)"
        " values (:account_id, :id, :by, :platform, :connection_id, :state, :sealed, now() + :lasts)",
        {
            "account_id": scope.account_id,
            "id": departure_id,
            "by": scope.operator_id,
            "platform": platform,
            "connection_id": connection_id,
            "state": _hash(state),
            "sealed": sealing.seal(departure.keep, vault.departure_place(scope.account_id, departure_id)),
            "lasts": LASTS,
        },
    )
    return departure_id


def find(scope: PortfolioScope, state: str) -> Returned:
    """Find who left with this state, among the accounts of whoever is back.

    Raises:
        NoWayBack: if nobody did, somebody else did, or it was long ago or before.
    """
    found = scope.first(
        Returned,
        "select id, account_id, operator_id, platform, connection_id, returned_at is not null as is_used,"
        "   expires_at < now() as is_over from departures where state_hash = :state",
        {"state": _hash(state)},
    )
    if found is None or found.operator_id != scope.operator_id:
        raise NoWayBack(
            "Nobody signed in here has begun this sign-in. Nothing was stored. Begin it again on Connections."
        )
    if found.is_used:
        raise NoWayBack(
            "This sign-in has come back before, and counts once. Nothing more was stored. If it is not among your"
            " connections, begin it again."
        )
    if found.is_over:
        raise NoWayBack("This sign-in took longer than ten minutes. Nothing was stored. Begin it again on Connections.")
    return found


def arrive(scope: AccountScope, sealing: Vault, returned: Returned) -> Mapping[str, str]:
    """Use up a departure, and open what was kept for the platform.

    Raises:
        NoWayBack: if somebody has just used it up, or what was kept does not open.
    """
    sealed = scope.run(
        "with before as (select id, sealed from departures where account_id = :account_id and id = :id"
        "     and returned_at is null and expires_at >= now() for update)"
        " update departures d set returned_at = now(), sealed = null from before"
        " where d.account_id = :account_id and d.id = before.id returning before.sealed",
        {"account_id": scope.account_id, "id": returned.id},
    ).scalar()
    try:
        if sealed is not None:
            return sealing.open(sealed, vault.departure_place(scope.account_id, returned.id))
    except vault.Undecryptable:
        pass
    raise NoWayBack("This sign-in cannot be taken up any more. Nothing was stored. Begin it again on Connections.")


def connect(platform: Platform, kept: Mapping[str, str], brought: Mapping[str, str]) -> Granted:
    """Turn what the browser brought back into a grant; outside any scope.

    What we kept counts, whatever the address says under the same name.

    Raises:
        PlatformFailure: in words for the operator.
    """
    return ADAPTERS[platform].connect({**brought, **kept})


def conclude(scope: AccountScope, departure_id: UUID, *, grant_id: UUID | None = None, why: str | None = None) -> None:
    """Keep what a departure came to, for the page that the browser goes to next."""
    scope.run(
        "update departures set grant_id = :grant_id, outcome = :why where account_id = :account_id and id = :id",
        {"account_id": scope.account_id, "id": departure_id, "grant_id": grant_id, "why": why},
    )


def outcome(scope: AccountScope, departure_id: UUID) -> Outcome | None:
    """Say what the acting operator's departure came to; None if it is nobody's, somebody else's, or under way."""
    return scope.first(
        Outcome,
        "select platform, connection_id, grant_id, outcome from departures where account_id = :account_id and id = :id"
        "   and operator_id = :by and returned_at is not null",
        {"account_id": scope.account_id, "id": departure_id, "by": scope.operator_id},
    )


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "replace")).digest()
