"""Why nothing goes out on a connection now: a hold, a flag, or a sign-in that does not work."""

from socialcore import flags
from socialcore.database import AccountScope
from socialcore.lanes import Lane

HOLD_APPLIES = """
    holds.lifted_at is null and (holds.kind = 'everything'
        or (holds.kind = 'platform' and holds.platform = :platform)
        or (holds.kind = 'account' and holds.account_id = :account_id)
        or (holds.kind = 'connection' and holds.connection_id = :connection_id))
"""


def reason(scope: AccountScope, lane: Lane) -> str | None:
    """Say in words why a delivery of this lane must not go out now; None if it may."""
    state = (
        scope.run(
            f"select (select reason from holds where {HOLD_APPLIES} order by placed_at limit 1) as held,"
            "   c.disconnected_at, g.reconnect_because from connections c join grants g"
            "   on g.account_id = c.account_id and g.id = c.grant_id"
            " where c.account_id = :account_id and c.id = :connection_id",
            {"account_id": lane.account_id, "connection_id": lane.connection_id, "platform": lane.platform},
        )
        .mappings()
        .one()
    )
    if state["held"]:
        return f"Held: {state['held']}"
    allowed = flags.may_publish(flags.of_account(scope, lane.account_id), lane.platform, lane.account_id)
    if not allowed.on:
        return f"Posting is off: {allowed.because}."
    if state["disconnected_at"] is not None:
        return "The connection is disconnected. Connect it again to send this."
    return state["reconnect_because"]
