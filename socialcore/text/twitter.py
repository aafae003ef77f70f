"""Text as X reads it: how much it weighs, whether it is valid, and what in it is a link, mention or tag.

A post may weigh 280. A character weighs 1 or 2, an emoji 2 however it is put together, a link 23.
X's own library knows the emoji of Unicode 11, and whether its servers know newer ones is not
documented, so a text with those may weigh less there than here: see `drifts`.

Source: twitter-text/config/v3.json and npm twitter-text 3.1.0 (parseTweet); platforms.md 2.2
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias
from unicodedata import normalize

from socialcore.text import emoji, utf16
from socialcore.text.bluesky import GRAPHEME
from socialcore.text.twitter_links import INVALID, links
from socialcore.text.twitter_tags import Tag, cashtags, hashtags, mentions

Kind: TypeAlias = Literal["link", "mention", "hashtag", "cashtag"]
Piece: TypeAlias = tuple[int, int]  # where a piece of a text ends, in code points, and what it weighs

MAX_WEIGHT = 280
LINK_WEIGHT = 23
EMOJI_WEIGHT = 2

LIGHT = re.compile("[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
REFUSED = re.compile(f"[{INVALID}]")


@dataclass(frozen=True, slots=True)
class Entity:
    """A link, mention or tag: offsets are in code points, the end is exclusive.

    `value` is the URL as written, or the name without its sign; that of a list is "name/list".
    """

    kind: Kind
    start: int
    end: int
    value: str


def weighted_length(text: str, *, emoji_of: int = emoji.OLD) -> int:
    """Weigh a text as X's library does.

    Args:
        emoji_of: the Unicode version emoji are known up to, `emoji.OLD` or `emoji.NEW`.
    """
    return sum(weight for _, weight in _pieces(normalize("NFC", text), emoji_of))


def heaviest_length(text: str) -> int:
    """Weigh a text by whichever emoji table makes more of it: what is at most 280 here fits for certain."""
    return max(weighted_length(text, emoji_of=version) for version in (emoji.OLD, emoji.NEW))


def drifts(text: str) -> bool:
    """Tell whether a text weighs something else by the emoji of today than by those X's library knows."""
    return weighted_length(text, emoji_of=emoji.OLD) != weighted_length(text, emoji_of=emoji.NEW)


def is_valid(text: str) -> bool:
    """Tell whether X takes a text: there is one, it weighs 280 at most, and has no U+FFFE, U+FEFF or U+FFFF."""
    return 0 < weighted_length(text) <= MAX_WEIGHT and not has_invalid_characters(text)


def has_invalid_characters(text: str) -> bool:
    """Tell whether a text has a character X refuses."""
    return REFUSED.search(text) is not None


def fitting(text: str, *, most: int = MAX_WEIGHT) -> int:
    """Count the code points from the start of a text that X takes; what is behind them is too much.

    Ends before a character X refuses. A grapheme that normalisation shortens counts as a whole.
    """
    normal = normalize("NFC", text)
    refused = REFUSED.search(normal)
    fits, total = 0, 0
    for end, weight in _pieces(normal, emoji.OLD):
        total += weight
        if total > most or (refused and end > refused.start()):
            break
        fits = end
    return fits if normal == text else _before_normalising(text, fits)


def entities(text: str) -> list[Entity]:
    """Find links, mentions and tags, in order; of those that overlap the first counts."""
    at = utf16.code_points_at(text)
    found = chain(
        (Entity("link", at(start), at(end), utf16.joined(url)) for start, end, url in links(utf16.units(text))),
        (_entity("mention", tag) for tag in mentions(text)),
        (_entity("hashtag", tag) for tag in hashtags(text)),
        (_entity("cashtag", tag) for tag in cashtags(text)),
    )
    kept: list[Entity] = []
    for entity in sorted(found, key=lambda entity: entity.start):
        if not kept or kept[-1].end <= entity.start:
            kept.append(entity)
    return kept


def has_link(text: str) -> bool:
    """Tell whether a text has what X takes for a link, which makes a post cost more."""
    return bool(links(utf16.units(text)))


def _entity(kind: Kind, tag: Tag) -> Entity:
    return Entity(kind, tag.start, tag.end, tag.name + tag.list)


def _pieces(normal: str, emoji_of: int) -> Iterator[Piece]:
    """Cut a normalised text into links, emoji and other characters, and weigh each."""
    at = utf16.code_points_at(normal)
    ends = {match.start(): (match.end(), EMOJI_WEIGHT) for match in emoji.pattern(emoji_of).finditer(normal)}
    # The original goes on behind as much as a URL is long, even where that is not the URL's end, or inside a character.
    for start, _, url in links(utf16.units(normal)):
        end = start + len(url)
        ends[at(start)] = (at(end), LINK_WEIGHT) if at(end) > at(end - 1) else (at(end) + 1, LINK_WEIGHT + 2)
    index = 0
    while index < len(normal):
        index, weight = ends.get(index) or (index + 1, 1 if LIGHT.match(normal[index]) else 2)
        yield index, weight


def _before_normalising(text: str, fits: int) -> int:
    """Turn a count of normalised code points into one of those before."""
    count = 0
    for grapheme in GRAPHEME.findall(text):
        fits -= len(normalize("NFC", grapheme))
        if fits < 0:
            break
        count += len(grapheme)
    return count
