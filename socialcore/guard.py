"""Does a text name another account than the one it is for? Pure: who everybody is comes in, what is named comes out.

What names an account: its name, its brands, the titles of its Google locations, its handles, its website. How each is
recognised:

- A name of several words, wherever its words stand together, whatever their case and accents, joined by "&", "and" or
  "+"; and as one hashtag: #HarborBakery. "The" before it and a legal form after it, as GmbH, need not be there.
- A name of one word only as the name itself is written, capitals included, and not as the first word of a sentence,
  because such names are common words, too: "Bloom" is, "bloom" and "Bloom is here" are not. With a digit or a capital
  inside, as TechHub24, wherever it stands. One of fewer than three letters never.
- A handle after an "@" or in its platform's address; one that is a domain wherever it stands, another one without "@"
  if it has at least eight characters and so is hardly a word.
- A website by its host and everything under it; at a host that many share, as facebook.com, only with its path.

What is ours is never somebody else's: not what stands within our own name, nor a name that is a part of ours. Accounts
that share a name, a brand, a handle or a website with ours are of the same house, as the shops of a chain are, and not
looked for.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, cast
from uuid import UUID

from socialcore.database import PortfolioScope
from socialcore.posts import Content, Problem
from socialcore.text import names
from socialcore.text.names import Name, Words

Kind = Literal["name", "handle", "website"]

SHORTEST_BARE_HANDLE = 8  # characters
LONGEST_SHORTENED = 3  # letters, of a word before a point
JOINS = re.compile(r"[\s&+'’/–—-]*")  # what may stand between the words of a name

HOST = re.compile(r"(?<![\w.-])(?:[\w-]+\.)+[\w-]*[^\W\d_][\w-]*", re.UNICODE)
AT = re.compile(r"(?:(?<![\w.])[@＠]|(?<![\w-])(?:x|twitter)\.com/@?|bsky\.app/profile/@?)([\w.-]+)", re.IGNORECASE)
TAG = re.compile(r"(?<!\w)[#＃](\w+)")
SENTENCE = re.compile(r"(?:\A|[.!?…:\n])[^\w]*\Z")


class NotConfirmed(Exception):
    """The text names another account, and nobody has typed for which one it is. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an account is called, and where."""

    account_id: UUID
    name: str
    brands: Sequence[str] = ()
    handles: Sequence[str] = ()  # with or without "@"
    sites: Sequence[str] = ()  # addresses of websites, with or without "https://"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Another account, and how the text names it."""

    account_id: UUID
    name: str
    kind: Kind
    words: str


@dataclass(frozen=True, slots=True)
class _Known:
    """An identity in the form in which it is looked for."""

    names: frozenset[Name]
    tags: frozenset[str]
    handles: frozenset[str]
    sites: frozenset[str]


@dataclass(frozen=True, slots=True)
class Guard:
    """Who we are and who the others are, made ready to be looked for again and again."""

    own: _Known
    others: Mapping[UUID, tuple[str, _Known]]
    by_first_word: Mapping[str, Sequence[tuple[UUID | None, Name]]] = field(repr=False)


def identities(scope: PortfolioScope) -> list[Identity]:
    """Who the accounts are that the operator may act for."""
    rows = scope.run(
        "select a.id, a.name,"
        "  array(select distinct c.name from connections c where c.account_id = a.id and c.platform = 'google_business'"
        "    and not c.named_by_us) as titles,"
        "  array(select distinct c.name from connections c where c.account_id = a.id"
        "    and c.platform in ('bluesky', 'twitter') and not c.named_by_us) as handles"
        " from accounts a order by a.name"
    )
    return [Identity(row.id, row.name, brands=row.titles, handles=row.handles) for row in rows]


def guard(account_id: UUID, everybody: Iterable[Identity]) -> Guard:
    """Make ready to look for all but one account, the one that is acted for."""
    known = {each.account_id: (each.name, _known(each)) for each in everybody}
    _, own = known.pop(account_id, ("", _known(Identity(account_id, ""))))
    others = {
        other_id: (name, _without_ours(other, own))
        for other_id, (name, other) in known.items()
        if not _same_house(own, other)
    }
    by_first_word: dict[str, list[tuple[UUID | None, Name]]] = {}
    for whose, called in [(None, own.names), *((other_id, other.names) for other_id, (_, other) in others.items())]:
        for name in called:
            by_first_word.setdefault(name.words[0], []).append((whose, name))
    return Guard(own, others, by_first_word)


def strangers(watching: Guard, content: Content) -> list[Stranger]:
    """The other accounts that a post names, on any platform and in any part; each once, as it is named first."""
    found: dict[UUID, Stranger] = {}
    for text in texts(content):
        for other_id, kind, words in _mentioned(watching, text):
            found.setdefault(other_id, Stranger(other_id, watching.others[other_id][0], kind, words))
    return list(found.values())


def texts(content: Content) -> Iterator[str]:
    """Everything of a post that is read, or followed as a link."""
    yield from (content.text, *content.parts, *content.links, *(each.alt for each in content.media))
    yield from _strings(content.options)
    for variant in content.variants.values():
        yield from (each for each in (variant.text, *(variant.parts or ())) if each)
        yield from (each.alt for each in variant.media or ())
        yield from _strings(variant.options)


def problem(stranger: Stranger, own_name: str) -> Problem:
    """The stranger in words for whoever is about to publish."""
    return Problem(
        f"The text names {stranger.name}",
        f"It says “{stranger.words}”, and you are acting for {own_name}. Check for whom it is.",
        "warning",
    )


def says(typed: str | None, name: str) -> bool:
    """Is this the account's name, as somebody typed it to confirm?"""
    return names.folded(typed or "") == names.folded(name)


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in cast("Mapping[str, Any]", value).values():
                yield from _strings(each)
        case list() | tuple():
            for each in cast("Sequence[Any]", value):
                yield from _strings(each)
        case _:
            return


def _mentioned(watching: Guard, text: str) -> Iterator[tuple[UUID, Kind, str]]:
    text = unicodedata.normalize("NFKC", text)
    yield from _names_in(watching, text)
    tags = [names.folded(each) for each in TAG.findall(text)]
    at = [names.handle_of(each) for each in AT.findall(text)]
    bare = {names.folded(each) for each in re.findall(r"[\w.-]+", text)}
    hosts = _hosts_in(text)
    addresses = " ".join(names.folded(each) for each in text.split())
    for other_id, (_, other) in watching.others.items():
        for tag in tags:
            if tag in other.tags or tag in other.handles:
                yield other_id, "name", f"#{tag}"
        for handle in other.handles:
            if (
                handle in at
                or ("." in handle and any(_leads_to(host, handle) for host in hosts))
                or _is_bare(handle, bare)
            ):
                yield other_id, "handle", f"@{handle}"
        for site in other.sites:
            if any(_leads_to(host, site) for host in hosts) or ("/" in site and _has_address(addresses, site)):
                yield other_id, "website", site


def _is_bare(handle: str, bare: set[str]) -> bool:
    return len(handle) >= SHORTEST_BARE_HANDLE and "." not in handle and handle in bare


def _leads_to(host: str, site: str) -> bool:
    return host == site or host.endswith(f".{site}")


def _has_address(addresses: str, site: str) -> bool:
    return re.search(rf"(?<![\w.-])(?:https?://)?(?:www\.)?{re.escape(site)}(?![\w-])", addresses) is not None


def _names_in(watching: Guard, text: str) -> Iterator[tuple[UUID, Kind, str]]:
    """Find names; where one stands within another, the longer one is meant, and of two the same, ours."""
    spelt = [match for match in names.WORD.finditer(text) if names.word_of(match[0])]
    words = [names.word_of(each[0]) for each in spelt]
    spans: list[tuple[int, int, UUID | None]] = []
    for at, word in enumerate(words):
        for whose, name in watching.by_first_word.get(word, ()):
            end = at + len(name.words)
            if tuple(words[at:end]) == name.words and _counts(name, spelt[at:end], text):
                spans.append((at, end, whose))
    covered = 0
    for at, end, whose in sorted(spans, key=lambda span: (span[0], -span[1], span[2] is not None)):
        if end <= covered:
            continue
        covered = end
        if whose is not None:
            yield whose, "name", text[spelt[at].start() : spelt[end - 1].end()]


def _counts(name: Name, spelt: Sequence[re.Match[str]], text: str) -> bool:
    """Is it the name, and not common words that it consists of, too?"""
    if name.spelt is not None:
        start = spelt[0].start()
        is_first = SENTENCE.search(text, max(0, start - 50), start) is not None
        return spelt[0][0] == name.spelt and (name.spelt.isupper() or not is_first)
    return all(_joins(one, other, text) for one, other in pairwise(spelt))


def _joins(one: re.Match[str], other: re.Match[str], text: str) -> bool:
    """Do two words stand together? A point only shortens a word: "St. Mary", not "the harbor. Bakery"."""
    between = re.sub(r"\band\b", "", text[one.end() : other.start()], flags=re.IGNORECASE)
    if between.startswith(".") and len(one[0]) <= LONGEST_SHORTENED:
        between = between[1:]
    return JOINS.fullmatch(between) is not None


def _known(identity: Identity) -> _Known:
    called = frozenset(filter(None, map(names.name_of, (identity.name, *identity.brands))))
    return _Known(
        names=called,
        tags=frozenset(tag for each in (identity.name, *identity.brands) for tag in names.tags_of(each)),
        handles=frozenset(filter(None, map(names.handle_of, identity.handles))),
        sites=frozenset(filter(None, map(names.site_of, identity.sites))),
    )


def _same_house(own: _Known, other: _Known) -> bool:
    sites = any(_leads_to(one, site) or _leads_to(site, one) for one in own.sites for site in other.sites)
    return sites or bool(own.names & other.names or own.handles & other.handles)


def _without_ours(other: _Known, own: _Known) -> _Known:
    """What of theirs is not a part of what we are called, too."""
    ours = own.tags | own.handles
    called = (theirs for theirs in other.names if not any(_is_within(theirs.words, name.words) for name in own.names))
    return _Known(frozenset(called), other.tags - ours, other.handles - ours, other.sites)


def _is_within(words: Words, others: Words) -> bool:
    return any(others[at : at + len(words)] == words for at in range(len(others) - len(words) + 1))


def _hosts_in(text: str) -> set[str]:
    return {names.host_of(each) for each in HOST.findall(text)}
