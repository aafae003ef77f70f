"""Text as Bluesky reads it: how long it is, and what in it is a mention, a link or a tag.

Servers store facets and never look for them, so what a reader can click is decided here, and
people expect what the official client would have made of the same text. Its habits are kept,
the odd ones too; where they surprise, a comment says so.

Source: RichText of npm @atproto/api 0.21.0; lexicons/app/bsky/richtext/facet.json in
bluesky-social/atproto; toShortUrl and shortenLinks in bluesky-social/social-app
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

import regex

from socialcore.text import urls

Facet: TypeAlias = dict[str, Any]
Feature: TypeAlias = Mapping[str, str]
Found: TypeAlias = tuple[int, int, Feature]  # where it starts and ends, in code points

MAX_TAG_GRAPHEMES = 64
MAX_REST_SHOWN = 15  # of a link, what follows the host

# JavaScript's white space, which is not Python's: with U+FEFF, without U+0085 and U+001C to U+001F.
SPACE = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
INVISIBLE = r"\xad\u200b-\u200d\u2060\u20e2"
AFTER_SPACE = f"(?<![^{SPACE}])"
AFTER_SPACE_OR_PAREN = f"(?<![^{SPACE}(])"

# ASCII flags keep `\b` and the ignoring of case to ASCII, as in JavaScript: "ſ" is no "s".
MENTION = re.compile(rf"{AFTER_SPACE_OR_PAREN}@([a-zA-Z0-9.-]+)\b", re.ASCII)
LINK = re.compile(
    rf"{AFTER_SPACE_OR_PAREN}(?:https?://[^{SPACE}]+|(?P<domain>[a-z][a-z0-9]*(?:\.[a-z0-9]+)+)[^{SPACE}]*)",
    re.ASCII | re.IGNORECASE,
)
CASHTAG = re.compile(
    rf"{AFTER_SPACE_OR_PAREN}\$([a-zA-Z][a-zA-Z0-9]{{0,4}})(?=[{SPACE}.,;:!?)\"'\u2019]|\Z)",
)


def _unicode(pattern: str) -> re.Pattern[str]:
    """Compile with `regex`, which knows Unicode's properties; it has no types, but those of `re` fit."""
    return cast("re.Pattern[str]", regex.compile(pattern))


# A tag runs to a space or an invisible character, less its last punctuation, and says something
# besides digits and punctuation. "#️⃣" is an emoji, hence no U+FE0F.
TAG = _unicode(
    rf"{AFTER_SPACE}[#＃](?!\ufe0f)"
    rf"(?=[^{SPACE}{INVISIBLE}]*?[^{SPACE}{INVISIBLE}0-9\p{{P}}])"
    rf"([^{SPACE}{INVISIBLE}]*[^{SPACE}{INVISIBLE}\p{{P}}])"
)

# `\X` alone would do, but at each flag it looks back over all the flags before it.
GRAPHEME = _unicode(r"\p{Regional_Indicator}{2}[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]*|\X")

SURROGATE = re.compile(r"[\ud800-\udfff]")


def _read_tlds() -> frozenset[str]:
    lines = Path(__file__).with_name("tlds.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


TLDS = _read_tlds()


@dataclass(frozen=True, slots=True)
class Length:
    """How long a text is in both units Bluesky limits."""

    graphemes: int
    utf8_bytes: int


class Edit(NamedTuple):
    """Bytes of a text that became others, and where those end in the new text."""

    start: int
    end: int
    new_end: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text that is one mention, link or tag, or none of them."""

    text: str
    feature: Feature | None = None


def measure(text: str) -> Length:
    """Count a text as the servers do: graphemes of Unicode 17, and bytes.

    A lone surrogate counts as the U+FFFD that would be sent for it.
    """
    text = _sendable(text)
    return Length(graphemes=len(GRAPHEME.findall(text)), utf8_bytes=len(text.encode()))


def mentioned_handles(text: str) -> list[str]:
    """List the handles a text mentions, in order and each once, as written.

    They look like handles; whether they are anybody's is for a resolver to say.
    """
    return list(dict.fromkeys(match[1] for match in _mentions(text)))


def tags(text: str) -> list[str]:
    """List a text's tags, in order, without their sign; no cashtags."""
    return [feature["tag"] for _, _, feature in _tags(text)]


def detect_facets(text: str, resolve: Callable[[str], str | None]) -> list[Facet]:
    """Find a text's mentions, links, tags and cashtags, as the record wants them.

    Facets may overlap, as in "#a(@b.com", and a link need not be a URI a server accepts, as in
    "http://." or "httpbin.org": both are the official client's doing. A lone surrogate is taken
    for U+FFFD, in the offsets and in what a facet holds.

    Args:
        resolve: gives the DID of a handle, or None if there is none; the mention then stays plain
            text, because a server refuses a post that mentions nobody.

    Returns:
        Facets by where they start; offsets are bytes of the text in UTF-8.
    """
    text = _sendable(text)
    found = [*_resolved(text, resolve), *_links(text), *_tags(text), *_cashtags(text)]
    bytes_before = list(accumulate((len(character.encode()) for character in text), initial=0))
    return [
        {"index": {"byteStart": bytes_before[start], "byteEnd": bytes_before[end]}, "features": [feature]}
        for start, end, feature in sorted(found, key=lambda each: each[0])
    ]


def segments(text: str, facets: Iterable[Facet]) -> list[Segment]:
    """Cut a text along its facets, to show what readers will be able to click.

    Joined, the segments are the text again. A facet that does not fit the text (out of range,
    inside a character, or overlapping one that starts before it) leaves it plain. Of a
    facet's features only the first is shown.
    """
    data = text.encode("utf-8", "surrogatepass")
    pieces: list[tuple[bytes, Feature | None]] = []
    done = 0
    for facet in sorted(facets, key=lambda facet: facet["index"]["byteStart"]):
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        if done <= start < end <= len(data) and _is_boundary(data, start) and _is_boundary(data, end):
            pieces += [(data[done:start], None), (data[start:end], next(iter(facet["features"]), None))]
            done = end
    pieces.append((data[done:], None))
    return [Segment(piece.decode("utf-8", "surrogatepass"), feature) for piece, feature in pieces if piece]


def links(text: str) -> list[tuple[int, int]]:
    """List where a text's links start and end, in code points."""
    return [(start, end) for start, end, _ in _links(text)]


def shorten_links(text: str) -> str:
    """Show links without scheme and long ends, as the official client does before it counts and sends a text."""
    return shorten(text, detect_facets(text, lambda _handle: None))[0]


def shorten(text: str, facets: Iterable[Facet]) -> tuple[str, list[Facet]]:
    """Shorten what a text shows of its links; the facets still lead to all of it.

    An adapter finds facets in the text as typed, and then counts, shows and sends what this returns:
    `text, facets = shorten(text, detect_facets(text, resolve))`. The facets of a shortened text
    cannot be found in it again. An international domain is shown in Punycode, and may get longer.

    Args:
        facets: those `detect_facets` found in this text; a mention or tag inside of a link is dropped.
    """
    kept = list(facets)
    links = [facet["index"] for facet in kept if facet["features"][0]["$type"] == "app.bsky.richtext.facet#link"]
    data = text.encode("utf-8", "surrogatepass")
    shorter = b""
    edits: list[Edit] = []
    for start, end in sorted((index["byteStart"], index["byteEnd"]) for index in links):
        shown = shown_link(data[start:end].decode("utf-8", "surrogatepass"))
        done = edits[-1].end if edits else 0
        shorter += data[done:start] + shown.encode("utf-8", "surrogatepass")
        edits.append(Edit(start, end, len(shorter)))
    shorter += data[edits[-1].end :] if edits else data
    moved = [facet | {"index": {name: _moved(at, edits) for name, at in facet["index"].items()}} for facet in kept]
    return shorter.decode("utf-8", "surrogatepass"), [facet for facet in moved if _covers_anything(facet)]


def shown_link(link: str) -> str:
    """Show a link as `shorten` does."""
    try:
        address = urls.parse(link)
    except urls.NotAnAddress:
        return link
    rest = address.path.removesuffix("/") if address.path == "/" else address.path
    rest += address.query + address.fragment
    return address.host + (rest if len(rest) <= MAX_REST_SHOWN else f"{rest[: MAX_REST_SHOWN - 2]}...")


def _moved(offset: int, edits: list[Edit]) -> int:
    """Move an offset to where it is after edits; one inside an edit, to where that ends."""
    before = bisect_left(edits, (offset,)) - 1
    return offset if before < 0 else edits[before].new_end + max(offset - edits[before].end, 0)


def _covers_anything(facet: Facet) -> bool:
    return facet["index"]["byteStart"] < facet["index"]["byteEnd"]


def _sendable(text: str) -> str:
    # U+FFFD is as long in UTF-8, so offsets into the one text are offsets into the other.
    return SURROGATE.sub("\ufffd", text)


def _is_boundary(data: bytes, index: int) -> bool:
    return index == len(data) or data[index] & 0b1100_0000 != 0b1000_0000


def _mentions(text: str) -> Iterator[re.Match[str]]:
    for match in MENTION.finditer(text):
        if _has_tld(match[1]) or match[1].endswith(".test"):
            yield match


def _resolved(text: str, resolve: Callable[[str], str | None]) -> Iterator[Found]:
    for match in _mentions(text):
        if did := resolve(match[1]):
            yield match.start(), match.end(), {"$type": "app.bsky.richtext.facet#mention", "did": did}


def _links(text: str) -> Iterator[Found]:
    for match in LINK.finditer(text):
        shown = _without_closing(match[0])
        # The client tells a scheme by its first letters alone: "httpbin.org" passes, "HTTPS://" does not.
        if shown.startswith("http"):
            uri = shown
        elif _has_tld(match["domain"] or ""):
            uri = f"https://{shown}"
        else:
            continue
        yield match.start(), match.start() + len(shown), {"$type": "app.bsky.richtext.facet#link", "uri": uri}


def _without_closing(link: str) -> str:
    """Leave a sentence its punctuation: one mark, and a parenthesis the link did not open."""
    if link[-1] in ".,;:!?":
        link = link[:-1]
    return link[:-1] if link.endswith(")") and "(" not in link else link


def _tags(text: str) -> Iterator[Found]:
    for match in TAG.finditer(text):
        if measure(match[1]).graphemes <= MAX_TAG_GRAPHEMES:
            yield match.start(), match.end(), {"$type": "app.bsky.richtext.facet#tag", "tag": match[1]}


def _cashtags(text: str) -> Iterator[Found]:
    for match in CASHTAG.finditer(text):
        tag = match[0].upper()
        yield match.start(), match.end(), {"$type": "app.bsky.richtext.facet#tag", "tag": tag}


def _has_tld(domain: str) -> bool:
    """Tell whether a domain ends in a known top-level domain; only in lower case, as the client does."""
    _, dot, tld = domain.rpartition(".")
    return bool(dot) and tld in TLDS
