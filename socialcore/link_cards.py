"""What a linked page says of itself: title, description and picture, by the Open Graph protocol.

Source: https://ogp.me; what pages use beside it are X's card tags and plain HTML.
"""

import codecs
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urljoin, urlsplit

import regex
from selectolax.lexbor import LexborHTMLParser

from socialcore import fetcher, pictures
from socialcore.adapters.contract import PictureLimits, Source
from socialcore.fetcher import Fetched, Unfetched
from socialcore.pictures import Fitted, Unusable
from socialcore.posts import Problem

MOST_PAGE_BYTES = 512_000  # what a page says of itself stands at its beginning
MOST_PICTURE_BYTES = 10_000_000
LONGEST_TITLE = 300  # characters as a reader counts them; ours, so that no page fills a preview
LONGEST_DESCRIPTION = 1_000
PAGES = ("text/html", "application/xhtml+xml", "")
THUMB = PictureLimits(
    most=1,
    most_bytes=1_000_000,
    longest_side=2_000,
    source=Source(
        "lexicon app.bsky.embed.external: thumb ≤ 1,000,000 bytes; the side is our choice", date(2026, 11, 23)
    ),
)
TITLES = ("og:title", "twitter:title")
DESCRIPTIONS = ("og:description", "twitter:description", "description")
PICTURES = ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
DECLARED = re.compile(rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([a-zA-Z0-9_.:-]{1,40})""", re.IGNORECASE)
DEEPEST = 1_000  # elements within elements; every further one costs a parser as many steps
TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,40})")
CHILDLESS = frozenset(("meta", "link", "br", "img", "input", "hr", "source", "wbr", "area", "base", "col", "embed"))
GRAPHEME = regex.compile(r"\X")
# Controls, and marks that turn the direction of what follows: a title is no place to rearrange our page.
UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")

Fetch = Callable[..., Fetched]


@dataclass(frozen=True, slots=True)
class LinkCard:
    """A card as it can be shown. Without a picture it is a card all the same."""

    url: str  # as the operator typed it, whatever the page calls itself
    title: str
    description: str
    thumb: Fitted | None = None
    without_thumb: Problem | None = None  # why a picture that the page names is missing


def card(url: str, *, thumb: PictureLimits = THUMB, fetch: Fetch = fetcher.fetch) -> LinkCard:
    """Make the card of a link; takes up to `fetcher.WITHIN` seconds for the page and as many for its picture.

    Args:
        thumb: what the picture is fitted to; by default what Bluesky takes.
        fetch: `fetcher.fetch`, or that with a test's server allowed.

    Raises:
        Unfetched: if there is no page to make it of; the words say why and what to do.
    """
    page = fetch(url, most_bytes=MOST_PAGE_BYTES)
    if page.media_type not in PAGES:
        if page.media_type.startswith("image/"):
            return _with_thumb(LinkCard(url, _host(url), ""), page.url, thumb, fetch)
        raise Unfetched("The link leads to a file, not to a page.", "It stays a link; a card is made of pages only.")
    tree = LexborHTMLParser(_shallow(_decoded(page)))
    says = _meta(tree)
    title = _first(says, TITLES) or _words(_text(tree, "title"))
    made = LinkCard(
        url,
        _cut(title or _host(page.url), LONGEST_TITLE),
        _cut(_first(says, DESCRIPTIONS), LONGEST_DESCRIPTION),
    )
    picture = _first(says, PICTURES)
    return _with_thumb(made, _absolute(picture, _base(tree, page.url)), thumb, fetch) if picture else made


def _with_thumb(made: LinkCard, url: str, limits: PictureLimits, fetch: Fetch) -> LinkCard:
    try:
        # A picture that goes on after so many bytes is found to be incomplete.
        fitted = pictures.fitted(pictures.opened(fetch(url, most_bytes=MOST_PICTURE_BYTES).body), limits)
    except (Unfetched, Unusable) as error:
        without = Problem(f"The card has no picture: {error.problem.title}", "The card goes without it.", "warning")
        return LinkCard(made.url, made.title, made.description, None, without)
    return LinkCard(made.url, made.title, made.description, fitted)


def _decoded(page: Fetched) -> str:
    """Read a page as browsers do: the byte order mark, what the server says, what the page says, or UTF-8."""
    for mark, name in MARKS.items():
        if page.body.startswith(mark):
            return page.body.removeprefix(mark).decode(name, "replace")
    declared = DECLARED.search(page.body[:4_096])
    for name in (page.charset, declared.group(1).decode() if declared else ""):
        if name and (codec := _codec(name)):
            return page.body.decode(codec, "replace")
    return page.body.decode("utf-8", "replace")


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # What says Latin-1 on the web means Windows-1252. And some of Python's codecs are none of text.
    if found.name in ("iso8859-1", "ascii"):
        return "cp1252"
    return found.name if getattr(found, "_is_text_encoding", True) else None


def _shallow(text: str) -> str:
    """Cut a page off where it nests deeper than any that somebody wrote to be read."""
    unclosed: Counter[str] = Counter()
    deep = 0
    for tag in TAG.finditer(text):
        name = tag[2].lower()
        if name in CHILDLESS:
            continue
        if not tag[1]:
            unclosed[name] += 1
            deep += 1
        elif unclosed[name]:
            unclosed[name] -= 1
            deep -= 1
        if deep > DEEPEST:
            return text[: tag.start()]
    return text


def _meta(tree: LexborHTMLParser) -> Mapping[str, str]:
    """Collect what the page's `meta` elements say, the first of each name."""
    says: dict[str, str] = {}
    for each in tree.css("meta[content]"):
        name = each.attributes.get("property") or each.attributes.get("name")
        content = _words(each.attributes.get("content") or "")
        if name and content:
            says.setdefault(name.strip().lower(), content)
    return says


def _first(says: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((says[name] for name in names if name in says), "")


def _text(tree: LexborHTMLParser, element: str) -> str:
    found = tree.css_first(element)
    return "" if found is None else found.text()


def _base(tree: LexborHTMLParser, url: str) -> str:
    """Say what the page's own links are relative to."""
    found = tree.css_first("base[href]")
    return url if found is None else _absolute(found.attributes.get("href") or "", url)


def _absolute(link: str, base: str) -> str:
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return link


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or url).removeprefix("www.")
    except ValueError:
        return url


def _words(text: str) -> str:
    return " ".join(UNSEEN.sub("", text).split())


def _cut(text: str, longest: int) -> str:
    """Cut between what a reader sees as characters, and show that something is missing."""
    # A grapheme may be endless; what is no longer than this in code points is looked at.
    seen = GRAPHEME.findall(text[: longest * 20])
    if len(seen) <= longest and len(text) <= longest * 20:
        return text
    return "".join(seen[: longest - 1]).rstrip() + "…"
