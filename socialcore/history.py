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
FEW: frozenset[Stage | None] = frozenset(
    ("attention", "waiting", "moving", "failed", "missed", "needs_review", "withdrawn")
)
COUNTED_TO = 1_000  # further than anybody pages; counting all of a million would take longer than reading the page
LOOKED_AT = 100
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

    @property
    def is_number(self) -> bool:
        words = self.text.strip()
        return _NUMBER.fullmatch(words) is not None and not words.isdigit()

    @property
    def looks_back(self) -> bool:
        """Words of all accounts, with nothing else to go by: only the LOOKED_AT latest posts of each are read."""
        return bool(self.text.strip()) and not self.is_number and not self.account_id and self.stage not in FEW


def search(
    scope: ReadScope, wanted: Wanted, *, before: tuple[datetime, UUID] | None = None, most: int = 50
) -> list[SubmittedPost]:
    """List posts, the latest first, from one further back on."""
    rows = scope.run(
        # What the posts say is read once it is known which they are.
        f"with latest as materialized ({_found(wanted, before)} order by submitted_at desc, id desc limit :most)"
        " select p.id, p.account_id, p.number, p.author_id, p.submitted_at, p.content from latest l"
        " join posts p on p.account_id = l.account_id and p.id = l.id order by p.submitted_at desc, p.id desc",
        {**_values(wanted, before), "most": most},
    ).all()
    found = deliveries.of_posts(scope, [row.id for row in rows], of=[row.account_id for row in rows])
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
        f"select count(*) from ({_found(wanted, None)} limit :most) as counted",
        {**_values(wanted, None), "most": most},
    ).scalar_one()


def _found(wanted: Wanted, before: tuple[datetime, UUID] | None) -> str:
    """Name the posts that are wanted, in one of two ways, each of which touches little of a million posts."""
    when = " and ".join(_said_of_time(wanted, before)) or "true"
    words = _said_of_words(wanted)
    mine = "true" if wanted.account_id is None else "{}.account_id = :account_id"
    if wanted.stage in FEW:  # found by an index of their own
        meant = f"select distinct d.account_id, d.post_id from deliveries d where {mine.format('d')}"
        return (
            f"select posts.account_id, posts.id, posts.submitted_at from ({meant} and {_said_of_delivery(wanted)}) m"
            f" join posts on posts.account_id = m.account_id and posts.id = m.post_id where {when} and {words}"
        )
    # One branch per account keeps each on its own index, from the latest back, until there are enough. Not "exists":
    # that would be planned as a join of all deliveries.
    its = "d.account_id = posts.account_id and d.post_id = posts.id"
    has = f"(select true from deliveries d where {its} and {_said_of_delivery(wanted)} limit 1)"
    account = mine.format("a").replace("a.account_id", "a.id")
    if wanted.platform:
        account += " and exists (select from connections c where c.account_id = a.id and c.platform = :platform)"
    latest = "order by posts.submitted_at desc, posts.id desc limit"
    source = f"posts where posts.account_id = a.id and {when}"
    if wanted.looks_back:
        source = f"(select * from {source} {latest} {LOOKED_AT}) posts where true"
    met = f"{words} and {has}" if wanted.stage or wanted.platform else words
    return (
        "select p.account_id, p.id, p.submitted_at from accounts a"
        " cross join lateral (select posts.account_id, posts.id, posts.submitted_at"
        f"   from {source} and {met} {latest} :most) p where {account}"
    )


def _said_of_delivery(wanted: Wanted) -> str:
    stage = f"({_STAGE[wanted.stage]})" if wanted.stage else "true"
    if not wanted.platform:
        return stage
    return (
        f"{stage} and exists (select from connections c where c.account_id = d.account_id and c.id = d.connection_id"
        " and c.platform = :platform)"
    )


def _said_of_time(wanted: Wanted, before: tuple[datetime, UUID] | None) -> Iterator[str]:
    """Say only what somebody has set, so that each question keeps its plan."""
    if wanted.since:
        yield "posts.submitted_at >= :since"
    if wanted.until:
        yield "posts.submitted_at < :until"
    if before:
        yield "posts.submitted_at <= :at and (posts.submitted_at, posts.id) < (:at, cast(:id as uuid))"


def _said_of_words(wanted: Wanted) -> str:
    words = wanted.text.strip()
    if not words:
        return "true"
    if wanted.is_number:
        return "posts.number = :number"
    number = "posts.number = :number or " if words.isdigit() else ""
    return (
        f"({number}posts.content->>'text' ilike :words or (select true from deliveries t"
        "   where t.account_id = posts.account_id and t.post_id = posts.id and t.rendered->>'text' ilike :words"
        "   limit 1))"
    )


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
    named = _found(wanted, before)
    return {name: value for name, value in values.items() if re.search(rf"(?<!:):{name}\b", named)}


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
