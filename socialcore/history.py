"""Posts that were submitted, with what became of them; and those among them that somebody looks for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from socialcore import deliveries, posts
from socialcore.database import AccountScope, ReadScope
from socialcore.deliveries import Delivery
from socialcore.posts import Content, Platform


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


# What somebody may look for of a delivery `d`.
Stage = Literal[
    "attention", "waiting", "moving", "published", "failed", "missed", "needs_review", "withdrawn", "cancelled"
]
STAGES: tuple[Stage, ...] = get_args(Stage)
_STAGE: Mapping[Stage, str] = {
    "attention": "d.withdrawn_at is null and (d.state in ('needs_review', 'failed', 'missed')"
    " or d.read_back = 'mismatch' or (d.state = 'queued' and d.held_because is not null))",
    "waiting": "d.state = 'queued'",
    "moving": "d.state in ('sending', 'ambiguous', 'accepted')",
    "published": "d.state = 'confirmed' and d.withdrawn_at is null",
    "failed": "d.state = 'failed' and d.withdrawn_at is null",
    "missed": "d.state = 'missed'",
    "needs_review": "d.state = 'needs_review'",
    "withdrawn": "d.withdrawn_at is not null",
    "cancelled": "d.state = 'cancelled'",
}
COUNTED_TO = 1_000  # further than anybody pages; counting all of a million would take longer than reading the page
_NUMBER = re.compile(r"(?:P-)?(\d{1,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which posts somebody looks for; nothing said is everything."""

    account_id: UUID | None = None
    platform: Platform | None = None
    stage: Stage | None = None  # of at least one of its deliveries, on that platform if one is given
    since: datetime | None = None  # submitted at this time or later,
    until: datetime | None = None  # and before this one
    text: str = ""  # in the words as written or as sent, or a number as in P-12


def search(
    scope: ReadScope, wanted: Wanted, *, before: tuple[datetime, UUID] | None = None, most: int = 50
) -> list[SubmittedPost]:
    """List posts, the latest first, from one further back on."""
    rows = scope.run(
        # One branch per account keeps each on its own index, however many accounts there are.
        "select p.* from accounts a cross join lateral (select id, account_id, number, author_id, submitted_at, content"
        f"   from posts where {_matching(wanted, before)} order by submitted_at desc, id desc limit :most) p"
        " where a.id = coalesce(cast(:account_id as uuid), a.id) order by p.submitted_at desc, p.id desc limit :most",
        {**_values(wanted, before), "most": most},
    ).all()
    found = deliveries.of_posts(scope, [row.id for row in rows])
    return [_post(row, found[row.id]) for row in rows]


def all_of(scope: ReadScope, wanted: Wanted, *, at_once: int = 500) -> Iterator[SubmittedPost]:
    """Go through all posts that somebody looks for, the latest first, without holding them all."""
    before: tuple[datetime, UUID] | None = None
    while found := search(scope, wanted, before=before, most=at_once):
        yield from found
        before = (found[-1].submitted_at, found[-1].id)


def count(scope: ReadScope, wanted: Wanted, *, most: int = COUNTED_TO) -> int:
    """How many posts there are; `most` stands for that many or more."""
    return scope.run(
        "select count(*) from (select 1 from accounts a cross join lateral (select 1 from posts"
        f"   where {_matching(wanted, None)} limit :most) p"
        " where a.id = coalesce(cast(:account_id as uuid), a.id) limit :most) as counted",
        {**_values(wanted, None), "most": most},
    ).scalar_one()


def _matching(wanted: Wanted, before: tuple[datetime, UUID] | None) -> str:
    """Put the conditions together: only those that somebody has set, so that each keeps its plan."""
    said = ["posts.account_id = a.id"]
    if wanted.since:
        said.append("submitted_at >= :since")
    if wanted.until:
        said.append("submitted_at < :until")
    if before:
        said.append("submitted_at <= :at and (submitted_at, id) < (:at, cast(:id as uuid))")
    of_delivery = [_STAGE[wanted.stage]] if wanted.stage else []
    if wanted.platform:
        of_delivery.append(
            "exists (select from connections c where c.account_id = d.account_id and c.id = d.connection_id"
            " and c.platform = :platform)"
        )
    if of_delivery:
        its = "d.account_id = posts.account_id and d.post_id = posts.id"
        said.append(f"exists (select from deliveries d where {its} and {' and '.join(of_delivery)})")
    if wanted.text.strip():
        said.append(
            "(number = :number or content->>'text' ilike :words or exists (select from deliveries t"
            "   where t.account_id = posts.account_id and t.post_id = posts.id and t.rendered->>'text' ilike :words))"
        )
    return " and ".join(said)


def _values(wanted: Wanted, before: tuple[datetime, UUID] | None) -> dict[str, Any]:
    words = wanted.text.strip()
    number = _NUMBER.fullmatch(words)
    escaped = re.sub(r"([\\%_])", r"\\\1", words)
    values = {
        "account_id": wanted.account_id,
        "since": wanted.since,
        "until": wanted.until,
        "platform": wanted.platform,
        "number": int(number[1]) if number else None,
        "words": f"%{escaped}%",
        "at": before[0] if before else None,
        "id": before[1] if before else None,
    }
    named = _matching(wanted, before)
    return {name: value for name, value in values.items() if name == "account_id" or f":{name}" in named}


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
