"""Reasons not to send, placed by people: everything, a platform, an account or one connection."""

from socialcore.database import AccountScope

APPLIES = """
    lifted_at is null and (kind = 'everything'
        or (kind = 'platform' and platform = :platform)
        or (kind = 'account' and account_id = :account_id)
        or (kind = 'connection' and connection_id = :connection_id))
"""


def reason(scope: AccountScope, *, platform: str, connection_id: object) -> str | None:
    """Why nothing goes out on this connection now, in the words of whoever placed the hold; None if it may."""
    return scope.run(
        f"select reason from holds where {APPLIES} order by placed_at limit 1",
        {"platform": platform, "account_id": scope.account_id, "connection_id": connection_id},
    ).scalar()
