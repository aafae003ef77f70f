"""What people changed, for ever: who, when, what, and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from socialcore.database import AccountScope, OperatorScope

# What admins change, as the database writes it down, and tokens.
MANAGED = (
    *("accounts.insert", "accounts.update", "operators.insert", "operators.update"),
    *("memberships.insert", "memberships.delete", "token.created", "token.revoked"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    actor: str  # an operator's name, or "worker"
    action: str
    detail: Mapping[str, Any]


def record(scope: AccountScope | OperatorScope, action: str, **detail: Any) -> None:
    """Append to the audit log, in the transaction of the change itself.

    Args:
        action: noun.verb, as in "connection.disconnected".
        detail: JSON values; never a secret.
    """
    scope.run(
        "insert into audit_log (actor, account_id, action, detail)"
        " values (:actor, :account_id, :action, cast(:detail as jsonb))",
        {
            "actor": str(scope.operator_id or "worker"),
            "account_id": scope.account_id if isinstance(scope, AccountScope) else None,
            "action": action,
            "detail": json.dumps(detail, default=str),
        },
    )


def of_connection(scope: AccountScope, connection_id: UUID, grant_id: UUID, *, most: int = 20) -> list[Entry]:
    """List what became of a connection and of its sign-in, the latest first."""
    return scope.all(
        Entry,
        "select a.at, coalesce(o.name, a.actor) as actor, a.action, a.detail from audit_log a"
        " left join operators o on o.id::text = a.actor"
        " where a.account_id = :account_id and (a.detail->>'connection_id' = :id"
        "   or (a.detail->>'grant_id' = :grant_id and a.detail->>'connection_id' is null))"
        " order by a.seq desc limit :most",
        {"account_id": scope.account_id, "id": str(connection_id), "grant_id": str(grant_id), "most": most},
    )


def of_managing(scope: OperatorScope, *, most: int = 400) -> list[Entry]:
    """List what became of accounts, people and tokens, the latest first; an admin's to see."""
    return scope.all(
        Entry,
        "select a.at, coalesce(o.name, a.actor) as actor, a.action, a.detail from audit_log a"
        " left join operators o on o.id::text = a.actor where a.action = any(:actions) order by a.seq desc limit :most",
        {"actions": list(MANAGED), "most": most},
    )
