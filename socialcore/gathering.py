"""What has to be found out before a post is frozen: whom it mentions, what it links to, how its pictures fit.

Outside any scope: platforms, strangers' pages and a store of media are asked, and may take their time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from socialcore import failures, link_cards
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Card, Lookups, Picture, VideoLimits
from socialcore.connections import Connection
from socialcore.fetcher import Unfetched
from socialcore.link_cards import LinkCard
from socialcore.media import Library
from socialcore.pictures import Unusable
from socialcore.posts import Content, MediaReference, Platform, Problem

NO_ADDRESS = Problem(
    "Pictures cannot go here",
    "The platform fetches them from a public address, and this installation has none: set PUBLIC_MEDIA_URL.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What rendering a post asks for."""

    handles: list[str] = field(default_factory=list[str])
    posts: list[str] = field(default_factory=list[str])
    cards: list[str] = field(default_factory=list[str])
    pictures: list[MediaReference] = field(default_factory=list[MediaReference])


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, and what could not be."""

    value: Any
    problem: Problem | None = None


# Names a question so that two who ask the same are told the same.
Question: TypeAlias = tuple[str, ...]
# Answers a question by doing what is given with it, or by remembering; None: not yet.
Ask: TypeAlias = Callable[[Question, Callable[[], Answer]], Answer | None]


def at_once(_question: Question, find: Callable[[], Answer]) -> Answer:
    """Ask, and wait for as long as it takes."""
    return find()


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that was found, and what could not be."""

    lookups: Lookups
    problems: tuple[Problem, ...]
    nobody: tuple[str, ...] = ()  # handles that name nobody
    is_whole: bool = True  # nothing is still being found out


def wanted(content: Content, connection: Connection) -> Wanted:
    """Find out what this post asks for on this connection's platform; asks nobody."""
    noted = Wanted()
    lookups = Lookups(noted.handles.append, noted.posts.append, noted.cards.append, noted.pictures.append)
    ADAPTERS[connection.platform].render(content, lookups)
    return noted


def gather(
    content: Content,
    connection: Connection,
    library: Library,
    *,
    has_public_media: bool,
    ask: Ask = at_once,
    card_of: Callable[[str], LinkCard] = link_cards.card,
) -> Gathered:
    """Find out everything a post asks for. Cards and fitted pictures are stored, and stay as they are now.

    Args:
        has_public_media: whether platforms can fetch pictures from this installation.
        ask: who is asked; one who cannot wait says "not yet", and what was found is not whole then.

    Raises:
        Unavailable: if a platform does not say who is mentioned, or the store of media is away.
    """
    asked = wanted(content, connection)
    where, account = (connection.platform, connection.service), str(connection.account_id)
    who = {each: ask(("who", *where, each), lambda each=each: _who(connection, each)) for each in asked.handles}
    posts = {each: ask(("post", *where, each), lambda each=each: _post(connection, each)) for each in asked.posts}
    cards = {
        each: ask(("card", account, each), lambda each=each: _card(each, library, card_of)) for each in asked.cards
    }
    pictures = {
        each.id: ask(
            ("picture", account, connection.platform, each.id), lambda each=each: _picture(each, connection, library)
        )
        for each in asked.pictures
    }
    answers = [*who.values(), *posts.values(), *cards.values(), *pictures.values()]
    problems = _left_out(content, connection, asked)
    problems += [answer.problem for answer in answers if answer and answer.problem]
    if asked.pictures and ADAPTERS[connection.platform].capabilities.takes_pictures_by_url and not has_public_media:
        problems.append(NO_ADDRESS)

    def picture(reference: MediaReference) -> Picture | None:
        return _value(pictures.get(reference.id))

    return Gathered(
        Lookups(
            lambda handle: _value(who.get(handle)),
            lambda link: _value(posts.get(link)),
            picture=picture,
            card=lambda url: _value(cards.get(url)),
        ),
        tuple(problems),
        tuple(handle for handle, answer in who.items() if answer is not None and answer.value is None),
        all(answer is not None for answer in answers),
    )


def _value(answer: Answer | None) -> Any:
    return answer.value if answer else None


def fitted(media_id: str, platform: Platform, library: Library) -> Picture:
    """Make of a picture what a platform takes, or say what a video is, if it takes that.

    Raises:
        Unusable: if it cannot go there, and what to do.
        Unavailable: if the store does not answer.
    """
    can, stored = ADAPTERS[platform].capabilities, library.about(media_id)
    is_video = stored is not None and stored.seconds is not None
    limits = can.video if is_video else can.pictures
    if limits is None:
        raise Unusable(
            f"{can.name} takes no {'video' if is_video else 'pictures'}", "Leave it out, or send this post elsewhere."
        )
    return library.video(media_id, limits) if isinstance(limits, VideoLimits) else library.fit(media_id, limits)


def _left_out(content: Content, connection: Connection, asked: Wanted) -> list[Problem]:
    """What would be missing there without anybody having said so: a post goes out as it was written, or not at all."""
    can, problems = ADAPTERS[connection.platform].capabilities, list[Problem]()
    if {each.id for each in content.media_for(connection.platform)} - {each.id for each in asked.pictures}:
        problems.append(
            Problem(f"Not every picture or video can go to {can.name}", "Leave them out, or send this post elsewhere.")
        )
    if content.parts_for(connection.platform) and can.threads is None:
        problems.append(Problem(f"{can.name} takes no threads", "Write it as one post, or send this post elsewhere."))
    return problems


def _who(connection: Connection, handle: str) -> Answer:
    try:
        return Answer(ADAPTERS[connection.platform].resolve(connection.service, handle))
    except failures.PlatformFailure as failure:
        raise failures.Unavailable(f"We could not find out who @{handle} is. Try again.") from failure


def _post(connection: Connection, link: str) -> Answer:
    adapter = ADAPTERS[connection.platform]
    if found := adapter.reference(connection.service, link):
        return Answer(found)
    title = f"{adapter.capabilities.name} knows no post at {link}"
    return Answer(None, Problem(title, "Copy the link of a post that is public there, or leave it out."))


def _card(url: str, library: Library, card_of: Callable[[str], LinkCard]) -> Answer:
    try:
        found = card_of(url)
    except Unfetched as error:
        return Answer(None, error.problem)
    thumb = library.keep(found.thumb).picture if found.thumb else None
    return Answer(Card(found.url, found.title, found.description, thumb), found.without_thumb)


def _picture(reference: MediaReference, connection: Connection, library: Library) -> Answer:
    try:
        return Answer(fitted(reference.id, connection.platform, library))
    except Unusable as error:
        return Answer(None, error.problem)
