"""What people changed, for ever: who, when, what, and why."""

import json
from typing import Any

from socialcore.database import AccountScope, OperatorScope


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
