"""What has to be found out before a post is frozen: whom it mentions, what it links to, how its pictures fit.

Outside any scope: platforms, strangers' pages and a store of media are asked, and may take their time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from socialcore import failures, link_cards
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Card, Json, Lookups, Picture, VideoLimits
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
class Gathered:
    """Everything that was found, and what could not be."""

    lookups: Lookups
    problems: tuple[Problem, ...]


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
    who: Mapping[str, str | None] | None = None,
    card_of: Callable[[str], LinkCard] = link_cards.card,
) -> Gathered:
    """Find out everything a post asks for. Cards and fitted pictures are stored, and stay as they are now.

    Args:
        has_public_media: whether platforms can fetch pictures from this installation.
        who: whom handles mean, as far as that is known already.

    Raises:
        Unavailable: if a platform does not say who is mentioned, or the store of media is away.
    """
    asked = wanted(content, connection)
    problems = _left_out(content, connection, asked)
    known = dict(who or {})
    for handle in asked.handles:
        if handle not in known:
            known[handle] = _who(connection, handle)
    posts = {link: _post(connection, link, problems) for link in asked.posts}
    cards = {url: _card(url, library, card_of, problems) for url in asked.cards}
    pictures = {each.id: _picture(each, connection, library, problems) for each in asked.pictures}
    if asked.pictures and ADAPTERS[connection.platform].capabilities.takes_pictures_by_url and not has_public_media:
        problems.append(NO_ADDRESS)

    def picture(reference: MediaReference) -> Picture | None:
        return pictures.get(reference.id)

    return Gathered(Lookups(known.get, posts.get, cards.get, picture), tuple(problems))


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
    variant = content.variants.get(connection.platform)
    parts = content.parts if variant is None or variant.parts is None else variant.parts
    if parts and can.threads is None:
        problems.append(Problem(f"{can.name} takes no threads", "Write it as one post, or send this post elsewhere."))
    return problems


def _who(connection: Connection, handle: str) -> str | None:
    try:
        return ADAPTERS[connection.platform].resolve(connection.service, handle)
    except failures.PlatformFailure as failure:
        raise failures.Unavailable(f"We could not find out who @{handle} is. Try again.") from failure


def _post(connection: Connection, link: str, problems: list[Problem]) -> Json | None:
    adapter = ADAPTERS[connection.platform]
    found = adapter.reference(connection.service, link)
    if found is None:
        title = f"{adapter.capabilities.name} knows no post at {link}"
        problems.append(Problem(title, "Copy the link of a post that is public there, or leave it out."))
    return found


def _card(url: str, library: Library, card_of: Callable[[str], LinkCard], problems: list[Problem]) -> Card | None:
    try:
        found = card_of(url)
    except Unfetched as error:
        problems.append(error.problem)
        return None
    if found.without_thumb:
        problems.append(found.without_thumb)
    thumb = library.keep(found.thumb).picture if found.thumb else None
    return Card(found.url, found.title, found.description, thumb)


def _picture(
    reference: MediaReference, connection: Connection, library: Library, problems: list[Problem]
) -> Picture | None:
    try:
        return fitted(reference.id, connection.platform, library)
    except Unusable as error:
        problems.append(error.problem)
        return None
