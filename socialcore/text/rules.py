"""What a text field has to know of each platform's reading: how long a text is, where it gets too long, what it marks.

The live text field does the same in the browser (ui/composer/counting.js), to answer at every key; what is said here
counts. `tests/data/counting.json` holds both to the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

from socialcore.text import bluesky, google, slack, twitter, utf16, web_links

Kind: TypeAlias = Literal["link", "mention", "tag"]
Reader: TypeAlias = Literal["bluesky", "x", "web"]  # "web" finds addresses only, as Slack and Google do
Name: TypeAlias = Literal["bluesky", "bluesky-bytes", "x", "slack", "google"]


class Stretch(NamedTuple):
    """A link, mention or tag of a text, in code points; the end is exclusive."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of counting: `length` of a whole text, and how many code points of it `fitting` into so many."""

    length: Callable[[str], int]
    fitting: Callable[[str, int], int]


def marks(reader: Reader, text: str, is_somebody: Callable[[str], bool]) -> Iterator[Stretch]:
    """Find what a reader could click, in order and apart.

    Args:
        is_somebody: decides about a handle, where the platform leaves a mention of nobody plain text.
    """
    match reader:
        case "bluesky":
            return _on_bluesky(text, is_somebody)
        case "x":
            return (Stretch(each.start, each.end, _kind(each.kind)) for each in twitter.entities(text))
        case "web":
            return (Stretch(start, end, "link") for start, end in web_links.spans(text))


def _kind(kind: twitter.Kind) -> Kind:
    return "tag" if kind in ("hashtag", "cashtag") else kind


def _on_bluesky(text: str, is_somebody: Callable[[str], bool]) -> Iterator[Stretch]:
    def known(handle: str) -> str | None:
        return handle if is_somebody(handle) else None

    at = 0
    for segment in bluesky.segments(text, bluesky.detect_facets(text, known)):
        kind = segment.feature["$type"].rpartition("#")[2] if segment.feature else None
        if kind in ("link", "mention", "tag"):
            yield Stretch(at, at + len(segment.text), kind)
        at += len(segment.text)


def _fitting(wholes: Callable[[str], Iterator[tuple[int, int]]], text: str, most: int) -> int:
    fits, size = 0, 0
    for end, amount in wholes(text):
        size += amount
        if size > most:
            break
        fits = end
    return fits


def _graphemes(size_of: Callable[[str], int]) -> Callable[[str], Iterator[tuple[int, int]]]:
    def wholes(text: str) -> Iterator[tuple[int, int]]:
        for match in bluesky.GRAPHEME.finditer(text):
            yield match.end(), size_of(match[0])

    return wholes


def _shown(size_of: Callable[[str], int]) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Cut into graphemes, but a link is one whole, as large as what is shown of it."""

    def wholes(text: str) -> Iterator[tuple[int, int]]:
        edges = [0, *(edge for link in bluesky.links(text) for edge in link), len(text)]
        for number, (start, end) in enumerate(pairwise(edges)):
            if number % 2:
                yield end, size_of(bluesky.shown_link(text[start:end]))
            else:
                for match in bluesky.GRAPHEME.finditer(text[start:end]):
                    yield start + match.end(), size_of(match[0])

    return wholes


def _rule(length: Callable[[str], int], wholes: Callable[[str], Iterator[tuple[int, int]]]) -> Rule:
    return Rule(length, lambda text, most: _fitting(wholes, text, most))


def _count(text: str) -> int:
    return bluesky.measure(text).graphemes


def _bytes(text: str) -> int:
    return bluesky.measure(text).utf8_bytes


RULES: Mapping[Name, Rule] = {
    "bluesky": _rule(lambda text: _count(bluesky.shorten_links(text)), _shown(_count)),
    "bluesky-bytes": _rule(lambda text: _bytes(bluesky.shorten_links(text)), _shown(_bytes)),
    "x": Rule(twitter.weighted_length, lambda text, most: twitter.fitting(text, most=most)),
    "slack": _rule(slack.length, _graphemes(slack.length)),
    "google": _rule(google.length, _graphemes(utf16.length)),
}
