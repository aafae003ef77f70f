"""How what somebody is called is compared: names, handles and websites, without what makes no difference."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import idna

Words: TypeAlias = tuple[str, ...]

SHORTEST_NAME = 3  # letters
LEGAL_FORMS = frozenset(["ag", "co", "corp", "gbr", "gmbh", "inc", "kg", "limited", "llc", "llp", "ltd", "plc", "sarl"])
SHARED_HOSTS = frozenset(
    [
        *("bsky.app", "bsky.social", "business.site", "etsy.com", "facebook.com", "g.page", "google.com"),
        *("instagram.com", "linkedin.com", "linktr.ee", "maps.app.goo.gl", "medium.com", "pinterest.com"),
        *("sites.google.com", "slack.com", "tiktok.com", "twitter.com", "x.com", "yelp.com", "youtube.com"),
    ]
)
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Name:
    words: Words
    spelt: str | None  # of a name of one word that counts only as it is spelt


def name_of(name: str) -> Name | None:
    spelt = [each for each in WORD.findall(unicodedata.normalize("NFKC", name)) if word_of(each)]
    if len(spelt) > 1 and word_of(spelt[0]) == "the":
        spelt = spelt[1:]
    while len(spelt) > 1 and word_of(spelt[-1]) in LEGAL_FORMS:
        spelt = spelt[:-1]
    words = tuple(word_of(each) for each in spelt)
    if len(words) > 1:
        return Name(words, None)
    if not words or len(words[0]) < SHORTEST_NAME:
        return None
    is_odd = re.search(r"\d|\w[A-Z]", spelt[0]) is not None and not spelt[0].isupper()
    return Name(words, None if is_odd else spelt[0])


def tags_of(name: str) -> Iterator[str]:
    """A name of several words as one hashtag, with and without its "and"."""
    known = name_of(name)
    if known is not None and len(known.words) > 1:
        yield "".join(known.words)
        yield "".join(WORD.findall(folded(re.sub("[&+]", "and", name))))


def host_of(host: str) -> str:
    host = folded(host).strip(".-").removeprefix("www.")
    if "xn--" in host:
        try:
            return folded(idna.decode(host))
        except idna.IDNAError:
            return host
    return host


def site_of(address: str) -> str:
    """A website as host, or as host and path where many share the host; empty if it says nothing."""
    host, _, rest = re.sub(r"^[a-z]+://", "", folded(address.strip())).partition("/")
    host = host_of(host.partition(":")[0].rpartition("@")[2])
    path = re.split(r"[?#]", rest)[0].strip("/")
    if host in SHARED_HOSTS:
        return f"{host}/{path}" if path else ""
    return host if "." in host else ""


def handle_of(handle: str) -> str:
    return folded(handle).strip().lstrip("@＠").rstrip(".-")


def word_of(word: str) -> str:
    """A word as it is compared; "" for one that only joins others."""
    plain = folded(word)
    return "" if plain == "and" else plain


def folded(text: str) -> str:
    """Without case, accents and double spaces."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(each for each in parts if not unicodedata.combining(each))
    return " ".join(unicodedata.normalize("NFKC", plain).split())
