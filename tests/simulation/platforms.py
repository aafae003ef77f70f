"""Four ways in which platforms behave, in virtual time: what matters to "never lost, never twice", and no more."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from socialcore.adapters.contract import Capabilities
from tests.simulation.world import World

SECOND = timedelta(seconds=1)
LATE_COMMIT = 90.0  # seconds until a platform publishes what it never answered
READ_LAG = 20.0  # seconds until a reader sees what is public
UNACCEPTABLE = "words that no platform takes"
REVIEW = 40.0  # seconds that Google looks at a post before it is live


@dataclass(frozen=True)
class Kind:
    """How one platform recognises what we sent, and when a reader sees it."""

    name: str
    keyed: bool = False  # the key is ours: writing again cannot make a second post; and reads need no sign-in
    by_text: bool = False  # a look can only compare text
    refuses_repeats: bool = False  # answers 403 to what it has published already
    reviewed: bool = False  # accepted is not published yet
    single_use: bool = False  # a refresh token is good once; using it again revokes the sign-in

    def capabilities(self, *, settle: float, misses: int) -> Capabilities:
        return Capabilities(
            name=self.name,
            text_limits=(),
            can_delete=True,
            why_not_edited=None,
            settle=timedelta(0) if self.keyed else settle * SECOND,
            misses=1 if self.keyed else misses,
            read_lag=timedelta(0) if self.keyed else (READ_LAG + 5) * SECOND,
            source="simulation",
        )


BLUESKY = Kind("bluesky", keyed=True)
SLACK = Kind("slack", single_use=True)
TWITTER = Kind("twitter", by_text=True, refuses_repeats=True, single_use=True)
GOOGLE = Kind("google_business", by_text=True, reviewed=True)
KINDS = (BLUESKY, SLACK, TWITTER, GOOGLE)


@dataclass
class Public:
    """One post that the world can see, or will see once `seen_from` has come."""

    delivery_id: str
    text: str
    remote_id: str
    seen_from: float
    live_from: float
    hides: bool = False  # from one more read, of a replica that lags


class Duplicate(Exception):
    """A second post of one delivery has become public: what must never happen."""


@dataclass
class Platform:
    """One target: what is public there, and who may see it when."""

    kind: Kind
    world: World
    is_bound_to_another: Callable[[Public], bool]  # as a twin's post may be, which nobody could tell apart
    posts: list[Public] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)  # deliveries that it is about to publish

    def commit_later(self, delivery_id: str, text: str) -> None:
        """Publish what nobody was told of, after a while."""
        self.expected.add(delivery_id)
        self.world.after(self.world.dice.random() * LATE_COMMIT, lambda: self.commit(delivery_id, text))

    def commit(self, delivery_id: str, text: str) -> Public:
        """Publish, whoever may still be waiting for the answer."""
        now, dice, known = self.world.now, self.world.dice, self._of(delivery_id)
        self.expected.discard(delivery_id)
        if self.kind.keyed and known:
            return known[0]
        if any(not self.is_bound_to_another(post) for post in known):
            raise Duplicate(f"{delivery_id} is public twice")
        lag = 0.0 if self.kind.keyed else dice.random() * READ_LAG
        review = dice.random() * REVIEW if self.kind.reviewed else 0.0
        hides = not self.kind.keyed and self.world.chance(0.1)
        post = Public(delivery_id, text, f"#{len(self.posts)} of {delivery_id}", now + lag, now + review, hides)
        self.posts.append(post)
        self.world.say(self.kind.name, f"publishes {post.remote_id}")
        return post

    def has_seen(self, delivery_id: str) -> bool:
        return self.kind.refuses_repeats and bool(self._of(delivery_id))

    def find(
        self, delivery_id: str, text: str, is_taken: Callable[[str], bool], *, may_hide: bool = False
    ) -> Public | None:
        """What a look finds: its own by key or metadata, or by text whatever nobody else is bound to."""
        for post in self.posts:
            if self.kind.by_text:
                if post.text != text or is_taken(post.remote_id):
                    continue
            elif post.delivery_id != delivery_id:
                continue
            if post.seen_from <= self.world.now and not (may_hide and self._hides(post)):
                return post
        return None

    def shows(self, remote_id: str | None) -> bool:
        """Whether a read-back sees this post."""
        now = self.world.now
        return any(
            each.remote_id == remote_id and max(each.seen_from, each.live_from) <= now and not self._hides(each)
            for each in self.posts
        )

    def _hides(self, post: Public) -> bool:
        hides, post.hides = post.hides, False
        if hides:
            self.world.say(self.kind.name, f"a lagging replica does not show {post.remote_id}", event="hidden once")
        return hides

    def _of(self, delivery_id: str) -> list[Public]:
        return [post for post in self.posts if post.delivery_id == delivery_id]
