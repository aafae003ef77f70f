"""Posts that were submitted, with what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from socialcore import deliveries, posts
from socialcore.database import AccountScope, ReadScope
from socialcore.deliveries import Delivery
from socialcore.posts import Content


@dataclass(frozen=True, slots=True)
class SubmittedPost:
    id: UUID
    account_id: UUID
    number: int
    author_id: UUID
    submitted_at: datetime
    content: Content
    deliveries: Sequence[Delivery]

    @property
    def title(self) -> str:
        return f"P-{self.number}"


SELECT = "select p.id, p.account_id, p.number, p.author_id, p.submitted_at, p.content from posts p"


def recent(scope: ReadScope, *, account_id: UUID | None = None, most: int = 50) -> list[SubmittedPost]:
    """List posts, the latest first; of one account, or of all that the scope sees."""
    rows = scope.run(
        # One branch per account keeps each on its own index, however many accounts there are.
        "select p.* from accounts a cross join lateral (select id, account_id, number, author_id, submitted_at, content"
        "   from posts where posts.account_id = a.id order by submitted_at desc limit :most) p"
        " where a.id = coalesce(cast(:account_id as uuid), a.id) order by p.submitted_at desc limit :most",
        {"account_id": account_id, "most": most},
    ).all()
    found = deliveries.of_posts(scope, [row.id for row in rows])
    return [_post(row, found[row.id]) for row in rows]


def page(scope: AccountScope, *, before: tuple[datetime, UUID] | None, most: int) -> list[SubmittedPost]:
    """List the account's posts, the latest first, from one further back on."""
    rows = scope.run(
        f"{SELECT} where p.account_id = :account_id and (cast(:at as timestamptz) is null"
        "   or p.submitted_at <= :at and (p.submitted_at, p.id) < (:at, cast(:id as uuid)))"
        " order by p.submitted_at desc, p.id desc limit :most",
        {
            "account_id": scope.account_id,
            "at": before[0] if before else None,
            "id": before[1] if before else None,
            "most": most,
        },
    ).all()
    found = deliveries.of_posts(scope, [row.id for row in rows])
    return [_post(row, found[row.id]) for row in rows]


def post(scope: ReadScope, post_id: UUID) -> SubmittedPost | None:
    row = scope.run(f"{SELECT} where p.id = :id", {"id": post_id}).first()
    if row is None:
        return None
    return _post(row, deliveries.of_posts(scope, [post_id])[post_id])


def has_written(scope: ReadScope, operator_id: UUID) -> bool:
    """Has this operator ever submitted a post, for an account that the scope sees?"""
    return bool(scope.run("select exists (select from posts where author_id = :id)", {"id": operator_id}).scalar_one())


def _post(row: Any, found: Sequence[Delivery]) -> SubmittedPost:
    content = posts.from_json(row.content)
    return SubmittedPost(row.id, row.account_id, row.number, row.author_id, row.submitted_at, content, found)
