"""What people are told without looking: that a delivery failed, was missed, or needs their decision.

The database itself writes a telling, in the transaction that brings a delivery to such a state: none is forgotten, and
none made twice. Its author finds it in the inbox; the team's channel is told by `socialcore.team`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from socialcore.database import AccountScope, ReadScope
from socialcore.deliveries import NEXT, State
from socialcore.posts import Platform

Kind = Literal["failed", "missed", "needs_review"]
HAPPENED: dict[Kind, str] = {
    "failed": "was not published",
    "missed": "was too late to send, and was not sent",
    "needs_review": "may or may not be public: a person has to look",
}
DECIDE = "Next: look for it on the platform. Send it again only if it is not there."
LATE = "Next: send it late, or stop it."


@dataclass(frozen=True, slots=True)
class Telling:
    id: UUID
    account_id: UUID
    account: str
    delivery_id: UUID
    post_id: UUID
    number: int
    platform: Platform
    target: str
    kind: Kind
    state: State  # what has become of it since
    failure_kind: str | None
    failure: str | None
    told_at: datetime
    read_at: datetime | None

    @property
    def happened(self) -> str:
        return HAPPENED[self.kind]

    @property
    def next_step(self) -> str:
        return {"missed": LATE, "needs_review": DECIDE}.get(self.kind) or NEXT.get(self.failure_kind or "", "")


SELECT = """
    select t.id, t.account_id, a.name as account, t.delivery_id, d.post_id, p.number, c.platform, c.name as target,
        t.kind, d.state, d.failure_kind, d.failure, t.told_at, t.read_at
    from tellings t join accounts a on a.id = t.account_id
    join deliveries d on d.account_id = t.account_id and d.id = t.delivery_id
    join posts p on p.account_id = d.account_id and p.id = d.post_id
    join connections c on c.account_id = d.account_id and c.id = d.connection_id
"""


def unread(scope: ReadScope) -> int:
    """How much the operator has been told and has not ticked off."""
    return scope.run(
        "select count(*) from tellings where operator_id = acting_operator() and read_at is null"
    ).scalar_one()


def inbox(scope: ReadScope, *, most: int = 20) -> list[Telling]:
    """List what the operator was told and has not ticked off, the latest first."""
    return scope.all(
        Telling,
        f"{SELECT} where t.operator_id = acting_operator() and t.read_at is null order by t.told_at desc limit :most",
        {"most": most},
    )


def of_ids(scope: AccountScope, telling_ids: Sequence[UUID]) -> list[Telling]:
    return scope.all(
        Telling,
        f"{SELECT} where t.account_id = :account_id and t.id = any(:ids) order by t.told_at",
        {"account_id": scope.account_id, "ids": list(telling_ids)},
    )


def mark_read(scope: AccountScope, telling_ids: Sequence[UUID]) -> None:
    scope.run(
        "update tellings set read_at = now() where account_id = :account_id and id = any(:ids) and read_at is null",
        {"account_id": scope.account_id, "ids": list(telling_ids)},
    )
