"""Was the same said there lately, and does something else go out there around the same time?

Two texts are compared by the three-letter pieces they are made of (Jaccard: pieces in both, of all pieces in either),
after everything that does not make another text is out of the way: case, spaces, punctuation, and what is in a link for
counting clicks. Numbers stay: "Open until 18" is not the same as "Open until 20". This is the measure of pg_trgm, in
Python, because a configured database need not have that extension.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from socialcore.database import AccountScope
from socialcore.posts import Content, Platform, Problem

SPAN = timedelta(days=30)
HOUR = timedelta(hours=1)
# Between the pairs of tests/socialcore/test_likeness.py: the same post again shares 0.79 and more, a post of the same
# kind with other news at most 0.57. Only a short one in which nothing but a number is new comes up to it.
ALIKE = 0.7
MOST_COMPARED = 100  # posts of a connection, the nearest in time
LONGEST = 3000  # characters compared of each text
SHORT = 12  # characters; below, only the same is alike
OVER = ("failed", "missed", "cancelled")  # of these nothing is public, and nothing will be

MEANT = "Change the words, or go on if it is meant."
LINK = re.compile(r"(?:https?://)?(?:www\.)?((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:[/?#][^\s]*)?)", re.IGNORECASE)
COUNTING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|igsh|twclid|ttclid|yclid|_hsenc|_hsmi|ref_src)(?:=[^&#\s]*)?"
    r"(?:&|(?=#|$))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One of the connections a post is about to go to."""

    connection_id: UUID
    platform: Platform


@dataclass(frozen=True, slots=True)
class Alike:
    """A post that said the same, or nearly."""

    connection_id: UUID
    post_id: UUID
    number: int
    due_at: datetime
    is_public: bool
    share: float  # of the pieces, from ALIKE to 1: only the same is 1


@dataclass(frozen=True, slots=True)
class Clash:
    """Something else that goes out, or went out, on the same connection within an hour."""

    connection_id: UUID
    post_id: UUID
    number: int
    due_at: datetime
    is_public: bool


@dataclass(frozen=True, slots=True)
class Around:
    """What stands beside a post on its connections; at most one of each per connection, the worst."""

    alike: Mapping[UUID, Alike]
    clashes: Mapping[UUID, Clash]


def around(scope: AccountScope, content: Content, targets: Sequence[Target], at: datetime) -> Around:
    """Look at what went and goes out on these connections around a moment.

    Args:
        at: when the post would go out.
    """
    beside: dict[UUID, list[_Beside]] = {each.connection_id: [] for each in targets}
    for row in _beside(scope, targets, at):
        beside[row.connection_id].append(row)
    alike = {each.connection_id: _most_alike(text_on(content, each), beside[each.connection_id]) for each in targets}
    clashes = {each.connection_id: _nearest(beside[each.connection_id], at) for each in targets}
    return Around(
        {connection_id: found for connection_id, found in alike.items() if found},
        {connection_id: found for connection_id, found in clashes.items() if found},
    )


def text_on(content: Content, target: Target) -> str:
    """What the post says there, all parts of a thread."""
    return "\n".join([content.text_for(target.platform), *content.parts_for(target.platform)])


def problem(alike: Alike) -> Problem:
    """The likeness in words for whoever is about to publish."""
    said = "said" if alike.is_public else "says"
    if alike.share == 1:
        return Problem(f"P-{alike.number} {said} the same there", MEANT, "warning")
    return Problem(
        f"P-{alike.number} {said} nearly the same there", f"{100 * alike.share:.0f} % alike. {MEANT}", "warning"
    )


def clash_problem(clash: Clash, at: datetime) -> Problem:
    minutes = round(abs(clash.due_at - at).total_seconds() / 60)
    away = f"{minutes} min {'before' if clash.due_at < at else 'after'} this one" if minutes else "at the same time"
    verb = "went" if clash.is_public else "goes"
    return Problem(
        f"P-{clash.number} {verb} out there {away}", "Choose another time, or go on if it is meant.", "warning"
    )


def likeness(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 1; 1 only if they say the same."""
    one, other = plain(one[:LONGEST]), plain(other[:LONGEST])
    if one == other:
        return 1.0 if one else 0.0
    if min(len(one), len(other)) < SHORT:
        return 0.0
    ours, theirs = _pieces(one), _pieces(other)
    if not ours or not theirs or min(len(ours), len(theirs)) < ALIKE * max(len(ours), len(theirs)):
        return 0.0  # too different in length to come up to it
    share = len(ours & theirs) / len(ours | theirs)
    return min(share, 0.99)


@lru_cache(maxsize=1000)
def plain(text: str) -> str:
    """A text without what does not make it another one; emoji and signs alone stay as they are."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    linked = LINK.sub(lambda link: _link(link[1]), folded)
    words = " ".join(re.findall(r"\w+", linked))
    return words or " ".join(folded.split())


def _link(link: str) -> str:
    """A link without what only counts clicks."""
    address, mark, query = link.partition("?")
    return f"{address.rstrip('/')}{mark}{COUNTING.sub('', query)}"


@lru_cache(maxsize=1000)
def _pieces(text: str) -> frozenset[str]:
    """The three-letter pieces of each word, its start and end among them."""
    return frozenset(piece for word in text.split() for piece in _of_word(word))


@lru_cache(maxsize=10_000)
def _of_word(word: str) -> frozenset[str]:
    padded = f"  {word} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


@dataclass(frozen=True, slots=True)
class _Beside:
    connection_id: UUID
    post_id: UUID
    number: int
    due_at: datetime
    is_public: bool
    text: str
    parts: Sequence[str]


def _beside(scope: AccountScope, targets: Sequence[Target], at: datetime) -> list[_Beside]:
    return scope.all(
        _Beside,
        "select d.connection_id, d.post_id, p.number, d.due_at, d.is_public,"
        "   coalesce(p.content->'variants'->c.platform->>'text', p.content->>'text', '') as text,"
        "   coalesce(nullif(p.content->'variants'->c.platform->'parts', 'null'), p.content->'parts', '[]') as parts"
        " from connections c"
        " cross join lateral (select connection_id, post_id, due_at, state in ('accepted', 'confirmed') as is_public"
        "   from deliveries where account_id = :account_id and connection_id = c.id and part = 1"
        "     and due_at between cast(:at as timestamptz) - :span and cast(:at as timestamptz) + :span"
        "     and state <> all(:over) and withdrawn_at is null"
        "   order by abs(extract(epoch from due_at - cast(:at as timestamptz))) limit :most) d"
        " join posts p on p.account_id = :account_id and p.id = d.post_id"
        " where c.account_id = :account_id and c.id = any(:ids)",
        {
            "account_id": scope.account_id,
            "ids": [each.connection_id for each in targets],
            "at": at,
            "span": SPAN,
            "over": list(OVER),
            "most": MOST_COMPARED,
        },
    )


def _most_alike(text: str, beside: Sequence[_Beside]) -> Alike | None:
    """The post that is the most like this text; of several, the nearest in time."""
    shares = [(likeness(text, "\n".join([row.text, *row.parts])), row) for row in beside]
    share, row = max(shares, key=lambda each: each[0], default=(0.0, None))
    if row is None or share < ALIKE:
        return None
    return Alike(row.connection_id, row.post_id, row.number, row.due_at, row.is_public, share)


def _nearest(beside: Sequence[_Beside], at: datetime) -> Clash | None:
    row = min(beside, key=lambda each: abs(each.due_at - at), default=None)
    if row is None or abs(row.due_at - at) >= HOUR:
        return None
    return Clash(row.connection_id, row.post_id, row.number, row.due_at, row.is_public)
