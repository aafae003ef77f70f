"""What is doubtful about a post that no platform knows of: whom it names, what was said before, what else goes out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from api.v1.call import Call
from socialcore import guard, likeness
from socialcore.connections import Connection
from socialcore.database import portfolio_scope
from socialcore.likeness import Target
from socialcore.posts import Content, Problem


def doubts_of(
    call: Call, content: Content, chosen: Sequence[Connection], due_at: datetime | None
) -> dict[UUID, list[Problem]]:
    """Say what an operator would be warned of, by connection; none of it stands in the way.

    Only accounts that the token is for are looked for in the text: it tells nothing of others.
    """
    with portfolio_scope(call.here.database, call.caller.operator.id) as portfolio:
        everybody = [each for each in guard.identities(portfolio) if each.account_id in call.caller.account_ids]
    own = next((each.name for each in everybody if each.account_id == call.account_id), "this account")
    named = [guard.problem(each, own) for each in guard.strangers(guard.guard(call.account_id, everybody), content)]
    at = due_at or datetime.now(UTC)
    with call.scope() as scope:
        around = likeness.around(scope, content, [Target(each.id, each.platform) for each in chosen], at)
    doubts = {each.id: list(named) for each in chosen}
    for connection_id, alike in around.alike.items():
        doubts[connection_id].append(likeness.problem(alike))
    for connection_id, clash in around.clashes.items():
        doubts[connection_id].append(likeness.clash_problem(clash, at))
    return doubts
