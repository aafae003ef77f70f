"""Four ways in which platforms behave, in virtual time: what matters to "never lost, never twice", and no more."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from socialcore.adapters.contract import Capabilities

SECOND = timedelta(seconds=1)
LATE_COMMIT = 90.0  # seconds until a platform publishes what it never answered
READ_LAG = 20.0  # seconds until a reader sees what is public
REVIEW = 40.0  # seconds that Google looks at a post before it is live


@dataclass(frozen=True)
class Kind:
    """How one platform recognises what we sent, and when a reader sees it."""

    name: str
    keyed: bool = False  # the key is ours: writing again cannot make a second post
    by_text: bool = False  # a look can only compare text
    refuses_repeats: bool = False  # answers 403 to what it has published already
    reviewed: bool = False  # accepted is not published yet

    def capabilities(self, *, settle: float = 120, misses: int = 2) -> Capabilities:
        return Capabilities(
            name=self.name,
            text_limits=(),
            can_delete=True,
            settle=timedelta(0) if self.keyed else settle * SECOND,
            misses=1 if self.keyed else misses,
            read_lag=timedelta(0) if self.keyed else (READ_LAG + 5) * SECOND,
            source="simulation",
        )


BLUESKY = Kind("bluesky", keyed=True)
SLACK = Kind("slack")
TWITTER = Kind("twitter", by_text=True, refuses_repeats=True)
GOOGLE = Kind("google_business", by_text=True, reviewed=True)
KINDS = (BLUESKY, SLACK, TWITTER, GOOGLE)


@dataclass
class Public:
    """One post that the world can see, or will see once `seen_from` has come."""

    delivery_id: UUID
    text: str
    remote_id: str
    seen_from: float
    live_from: float


class Duplicate(Exception):
    """A second post of one delivery has become public: what must never happen."""


@dataclass
class Platform:
    kind: Kind
    dice: random.Random
    posts: list[Public] = field(default_factory=list)

    def commit(self, delivery_id: UUID, text: str, now: float) -> Public:
        """Publish, whoever may still be waiting for the answer."""
        known = [post for post in self.posts if post.delivery_id == delivery_id]
        if self.kind.keyed and known:
            return known[0]
        if known:
            raise Duplicate(f"{delivery_id} is public twice on {self.kind.name}")
        lag = 0.0 if self.kind.keyed else self.dice.random() * READ_LAG
        review = self.dice.random() * REVIEW if self.kind.reviewed else 0.0
        post = Public(delivery_id, text, f"{self.kind.name}-{len(self.posts)}-{delivery_id}", now + lag, now + review)
        self.posts.append(post)
        return post

    def has_seen(self, delivery_id: UUID) -> bool:
        return self.kind.refuses_repeats and any(post.delivery_id == delivery_id for post in self.posts)

    def find(self, delivery_id: UUID, text: str, now: float, is_taken: Callable[[str], bool]) -> Public | None:
        """What a look finds: its own by key or metadata, or by text whatever nobody else is bound to."""
        for post in self.posts:
            if post.seen_from > now:
                continue
            by_text = post.text == text and not is_taken(post.remote_id)
            if by_text if self.kind.by_text else post.delivery_id == delivery_id:
                return post
        return None
