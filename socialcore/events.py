"""What happened, for measuring: `noun.verb_in_past` with a small detail."""

import json
from typing import Any

from socialcore.database import AccountScope


def record(scope: AccountScope, name: str, **detail: Any) -> None:
    scope.run(
        "insert into events (name, account_id, operator_id, detail)"
        " values (:name, :account_id, :operator_id, cast(:detail as jsonb))",
        {
            "name": name,
            "account_id": scope.account_id,
            "operator_id": scope.operator_id,
            "detail": json.dumps(detail, default=str),
        },
    )
