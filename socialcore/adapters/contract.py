"""What every platform adapter promises. `tests/contract/suite.py` holds each one to it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Protocol
from uuid import UUID

from socialcore.posts import Content, MediaReference, Problem

Json = dict[str, Any]
# Called when the connection stands and no byte of the request has left; raising stops the request for certain.
BeforeWrite = Callable[[], None]
# Turns the handle of a mention into the platform's id, or None if it names nobody.
Resolve = Callable[[str], str | None]


class TextUnit(StrEnum):
    """How a platform counts the length of text."""

    GRAPHEMES = "characters"  # what a reader sees as one: 👩‍👩‍👧 is 1
    BYTES = "bytes"  # in UTF-8: 👩‍👩‍👧 is 18
    WEIGHT = "characters by weight"  # as X counts: every link is 23, every emoji 2
    UTF16 = "characters in UTF-16"  # what Java and JavaScript call the length of a string: 👩‍👩‍👧 is 8


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule of a platform is written down, and when we last read it there."""

    document: str
    as_of: date


@dataclass(frozen=True, slots=True)
class TextLimit:
    most: int
    unit: TextUnit
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """What one picture of a post may be; pictures are fitted to it before a post is submitted."""

    most: int  # pictures of one post
    most_bytes: int  # of each
    least_bytes: int = 0
    longest_side: int  # pixels
    shortest_side: int = 1  # pixels
    media_types: tuple[str, ...] = ("image/jpeg", "image/png")
    most_alt: int | None = None  # characters of the description; None: the platform takes none
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """What the one video of a post may be; it is sent as it is, or refused with the reason."""

    most_bytes: int
    longest: timedelta
    media_types: tuple[str, ...] = ("video/mp4",)
    source: Source


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is no number of ours to compare with: what the platform says, and how we keep to it."""

    says: str
    kept: str
    source: Source


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
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something to choose for one platform besides the text, so that a page can ask for it without knowing it.

    `name` is where the answer stands in `Content.options_for`; "call_to_action.url" is inside "call_to_action".
    An answer of `default`, or none, is left out.
    """

    name: str
    label: str
    # moment: a day and an hour where the target is; link_in_text: one of those that the text has.
    kind: Literal["choice", "choices", "switch", "words", "link", "moment", "link_in_text"]
    choices: tuple[tuple[Any, str], ...] = ()  # the answer, and how it reads
    default: Any = None
    when: tuple[str, tuple[Any, ...]] | None = None  # asked only where that option has one of these answers
    says: str = ""  # what a person would not expect
    most: int | None = None  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a platform allows and how it behaves, as data, so that no caller asks "which platform is this?"."""

    name: str
    text_limits: tuple[TextLimit, ...]  # the tightest first
    can_delete: bool
    why_not_edited: str | None  # why a published post keeps its words, for an operator; None: they can be changed
    settle: timedelta  # how long after an attempt its absence proves nothing
    misses: int  # how many looks must find nothing before it was not published
    read_lag: timedelta  # how long a published post may take to show up in a read
    budgets: tuple[Budget, ...] = ()
    pictures: PictureLimits | None = None
    takes_pictures_by_url: bool = False  # the platform fetches them itself, from a public address of ours
    video: VideoLimits | None = None
    # A thread in one call, all or nothing; as one delivery per part, each after the one before; or not at all.
    threads: Literal["together", "chain"] | None = None
    suggests: bool = False  # it says whose handle begins with some letters
    sign_in: tuple[Literal["password", "browser"], ...] = ("password",)
    permissions: frozenset[str] = frozenset()  # what a sign-in has to allow us, in the platform's words
    options: tuple[Option, ...] = ()
    reviews: bool = False  # what it accepts, it looks at before it shows it: "pending" first, and perhaps "rejected"
    rules: tuple[Rule, ...] = ()
    source: str

    @property
    def can_edit(self) -> bool:
        return self.why_not_edited is None


@dataclass(frozen=True, slots=True)
class Target:
    """The identity, channel or place at a platform that a connection publishes to."""

    id: str
    name: str
    detail: str = ""  # what tells it from another of the same name: an address, a workspace


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
    ends_at: datetime | None = None  # when only signing in again helps, if the platform says so
    permissions: frozenset[str] | None = None  # what was allowed; None if the platform does not say


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a browser is sent to sign in, and what we must remember until it comes back."""

    url: str
    keep: Mapping[str, str] = field(repr=False)  # goes into `connect` again, beside what the browser brings


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check has shown besides that the sign-in works."""

    permissions: frozenset[str] | None = None  # what is allowed now; None if the platform does not say
    name: str | None = None  # the target's name now


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture fitted to one platform, or a video: already stored, by the hash of its bytes."""

    id: str
    media_type: str
    size: int  # bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a linked page says of itself."""

    url: str
    title: str
    description: str
    thumb: Picture | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One public post as the platform will show it, read from what will be sent and from nothing else."""

    words: Sequence[tuple[str, str | None]]  # in pieces: plain (None), link, mention or tag
    pictures: Sequence[Json] = ()  # and video: each "id", "alt", "media_type", "width", "height"
    card: Card | None = None  # of a link
    headline: str = ""  # of an event or an offer
    dates: str = ""  # of it, where the place is
    action: str = ""  # what stands on the button
    notes: tuple[str, ...] = ()  # what a reader does not see, such as who can reply


def _none(_asked: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Lookups:
    """What rendering may ask for. Each answers None where there is nothing, or nothing yet."""

    who: Resolve = _none
    post: Callable[[str], Json | None] = _none  # a link: what `Adapter.reference` said of it
    card: Callable[[str], Card | None] = _none
    picture: Callable[[MediaReference], Picture | None] = _none


class Media(Protocol):
    """Stored media, as an adapter gets at them while it uploads."""

    def read(self, media_id: str) -> bytes: ...
    def public_url(self, media_id: str) -> str:
        """Say where a platform can fetch it: signed, and for some days only.

        Raises:
            Unavailable: if this installation has no public address.
        """
        ...


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

    # "pending": the platform is still deciding. "rejected": it has decided not to show it, `differs` says why.
    verdict: Literal["match", "mismatch", "pending", "rejected"]
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

    def depart(self, answer: Mapping[str, str], *, redirect_uri: str, state: str) -> Departure:
        """Begin a sign-in by browser; `answer` is what an operator typed before, such as a server.

        Raises:
            ContentRejected: if this platform or this installation has no sign-in by browser; says what is missing.
        """
        ...

    def connect(self, answer: Mapping[str, str]) -> Granted:
        """Turn what an operator typed, or a browser brought back together with what `depart` kept, into a grant."""
        ...

    def refresh(self, access: Access, *, before_write: BeforeWrite | None = None) -> Granted:
        """Renew a secret. The old one may stop working the moment this returns."""
        ...

    def resolve(self, service: str, handle: str) -> str | None:
        """Ask `service` whom a mention means; None if it names nobody."""
        ...

    def suggest(self, service: str, prefix: str) -> Sequence[Target]:
        """Ask whose handle begins so, the likeliest first; nobody's, if it is not one of the `capabilities`."""
        ...

    def reference(self, service: str, link: str) -> Json | None:
        """Ask what a reply or a quote of this post has to say; None if it is no post, or nothing of this platform."""
        ...

    def render(self, content: Content, lookups: Lookups) -> Sequence[Json]:
        """Turn content into what this platform will be given, all but what the moment of sending decides.

        One object per delivery: more than one only for a thread that goes out as a chain. Each has the words
        it publishes under "text".
        """
        ...

    def cost(self, rendered: Json) -> Decimal:
        """What the platform charges us for publishing this, in US dollars."""
        ...

    def shown(self, rendered: Json) -> Sequence[Shown]:
        """Say what people will see of it, post by post: several only of a thread that goes out together."""
        ...

    def upload(self, access: Access, rendered: Json, media: Media, *, wire: Json | None) -> Json:
        """Bring media to the platform before the post: nothing becomes public.

        Called before every attempt, so an upload that is still good is not made again: `wire` is what was frozen
        before, None the first time.

        Returns:
            What `freeze` needs to know of it; not used when the wire is frozen already.
        """
        ...

    def freeze(
        self,
        target_id: str,
        rendered: Json,
        *,
        delivery_id: UUID,
        at: datetime,
        uploaded: Json | None = None,
        earlier: Sequence[str] = (),
    ) -> Frozen:
        """Decide the last bytes: record key and time stamp. Pure; called once per delivery.

        Args:
            uploaded: what `upload` returned; None stands for nothing.
            earlier: the platform's ids of this chain's parts before this one, the first first.
        """
        ...

    def publish(self, access: Access, wire: Json, *, before_write: BeforeWrite) -> Receipt:
        """Make a post public, once. Only this and `edit` raise `OutcomeUnknown`."""
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

    def rewrite(self, wire: Json, rendered: Json) -> Json:
        """Say what would have been sent with these words: `wire`, and in it what an edit can change. Pure.

        Raises:
            ContentRejected: if posts of this platform keep their words; says why. So does `edit`.
        """
        ...

    def edit(self, access: Access, wire: Json, remote_id: str) -> None:
        """Have a published post be as `wire`, which `rewrite` made; the same edit twice is as good as once.

        Raises:
            OutcomeUnknown: if it may yet come to be so; `read_back` tells.
        """
        ...

    def delete(self, access: Access, remote_id: str) -> None:
        """Take a published post down. Deleting what is already gone succeeds."""
        ...

    def check(self, access: Access) -> Checked:
        """Make a real call that only a working sign-in can make."""
        ...

    def revoke(self, access: Access) -> None:
        """Give a sign-in back, as far as the platform can take it. What is already gone succeeds."""
        ...
