"""What every platform adapter promises. `tests/contract/suite.py` holds each one to it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol
from uuid import UUID

from socialcore.posts import Content, Problem

Json = dict[str, Any]
# Called when the connection stands and no byte of the request has left; raising stops the request for certain.
BeforeWrite = Callable[[], None]
# Turns the handle of a mention into the platform's id, or None if it names nobody.
Resolve = Callable[[str], str | None]


class TextUnit(StrEnum):
    """How a platform counts the length of text."""

    GRAPHEMES = "characters"  # what a reader sees as one: 👩‍👩‍👧 is 1
    BYTES = "bytes"  # in UTF-8: 👩‍👩‍👧 is 18


@dataclass(frozen=True, slots=True)
class TextLimit:
    most: int
    unit: TextUnit


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one limit a text takes, counted as the platform counts."""

    used: int
    limit: TextLimit


@dataclass(frozen=True, slots=True)
class Budget:
    """How many posts a platform takes within a time, and whom it counts. We keep to it before it has to say so."""

    per: Literal["connection", "grant", "platform"]
    most: int
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a platform allows and how it behaves, as data, so that no caller asks "which platform is this?"."""

    name: str
    text_limits: tuple[TextLimit, ...]  # the tightest first
    can_delete: bool
    settle: timedelta  # how long after an attempt its absence proves nothing
    misses: int  # how many looks must find nothing before it was not published
    read_lag: timedelta  # how long a published post may take to show up in a read
    budgets: tuple[Budget, ...] = ()
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """The identity, channel or place at a platform that a connection publishes to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Access:
    """A connection opened for use. Lives for one call; never stored, never logged."""

    service: str
    target_id: str
    secret: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """What signing in at a platform gave us: a secret, and the targets it opens."""

    service: str  # the server to talk to from now on
    subject: str  # who signed in, by an id that does not change
    secret: Mapping[str, str] = field(repr=False)
    targets: tuple[Target, ...]
    expires_at: datetime | None  # of the access, which a refresh renews


@dataclass(frozen=True, slots=True)
class Frozen:
    """What will be sent, byte for byte, on every attempt of one delivery."""

    record_key: str | None  # the platform's id for the post, where we may choose it
    wire: Json


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a platform has a post: its own id for it, and where to read it."""

    remote_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A public post of the target, for a person to say whether it is the one."""

    receipt: Receipt
    text: str
    at: datetime | None  # as the platform says


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a platform shows of a post that it accepted."""

    verdict: Literal["match", "mismatch"]
    differs: str = ""  # what is not as it was sent


class Adapter(Protocol):
    """Speaks one platform.

    An adapter holds no state between calls, touches no database and never retries.
    Every failure it raises is a `PlatformFailure`.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def validate(self, content: Content) -> list[Problem]:
        """Say why this platform would refuse `content`, without asking it."""
        ...

    def usage(self, content: Content) -> list[Usage]:
        """Measure the text against each of the platform's limits, the tightest first."""
        ...

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Turn what an operator typed or a sign-in brought back into a grant."""
        ...

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        """Renew a secret. The old one may stop working the moment this returns."""
        ...

    def resolve(self, service: str, handle: str) -> str | None:
        """Ask `service` whom a mention means; None if it names nobody."""
        ...

    def render(self, content: Content, resolve: Resolve) -> Json:
        """Turn content into what this platform will be given, all but what the moment of sending decides."""
        ...

    def segments(self, rendered: Json) -> Sequence[tuple[str, str | None]]:
        """Cut rendered text into pieces for a preview: plain (None), link, mention or tag."""
        ...

    def freeze(self, target_id: str, rendered: Json, *, delivery_id: UUID, at: datetime) -> Frozen:
        """Decide the last bytes: record key and time stamp. Pure; called once per delivery."""
        ...

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        """Make a post public, once. The only call that raises `OutcomeUnknown`."""
        ...

    def find_existing(self, access: Access, wire: Json, *, taken: Collection[str] = ()) -> Receipt | None:
        """Find what an earlier `publish` of the same wire left behind, if anything.

        Args:
            taken: ids of posts of the same words that are other deliveries', for a platform that tells by words.
        """
        ...

    def recent(self, access: Access) -> list[Sighting]:
        """List what the target has published lately, the latest first."""
        ...

    def locate(self, service: str, target: Target, link: str) -> Receipt | None:
        """Read the link of one of the target's posts, as a person copies it; None if it is none. Asks nobody."""
        ...

    def read_back(self, access: Access, wire: Json, remote_id: str) -> ReadBack | None:
        """Read a published post and compare it with what was sent; None if it is not to be seen (yet)."""
        ...

    def delete(self, access: Access, remote_id: str) -> None:
        """Take a published post down. Deleting what is already gone succeeds."""
        ...

    def check(self, access: Access) -> None:
        """Make a real call that only a working sign-in can make."""
        ...

    def revoke(self, access: Access) -> None:
        """Give a sign-in back, as far as the platform can take it. What is already gone succeeds."""
        ...
