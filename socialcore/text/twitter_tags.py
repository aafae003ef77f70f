"""Mentions, hashtags and cashtags as X finds them in a text.

Source: npm twitter-text 3.1.0, conformance/extract.yml in twitter/twitter-text
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from socialcore.text.emoji import character_class

# `twitter_links` has the same of what ends a domain and a path; here less is marked.
LATIN_MARKED = (
    "\xc0-\xd6\xd8-\xf6\xf8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
    "\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
PUNCTUATION = r"!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$"
SPACE = r"\t-\r \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
JAVASCRIPT_SPACE = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
IN_WORDS = "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\xb7"

MENTION = re.compile(
    r"(?:[^a-zA-Z0-9_!#$%&*@＠]|^|(?:^|[^a-zA-Z0-9_+~.-])(?:rt|RT|rT|Rt):?)"
    r"(?P<mention>[@＠](?P<name>[a-zA-Z0-9_]{1,20})(?P<list>/[a-zA-Z][a-zA-Z0-9_-]{0,24})?)"
)
NO_MENTION = re.compile(f"[@＠{LATIN_MARKED}]|://")
NO_HASHTAG = re.compile("[#＃]|://")
CASHTAG = re.compile(
    rf"(?:^|[{SPACE}])(?P<tag>\$(?P<name>[A-Za-z]{{1,6}}(?:[._][A-Za-z]{{1,2}})?))"
    rf"(?=\Z|[{JAVASCRIPT_SPACE}{PUNCTUATION}])"
)


class Tag(NamedTuple):
    """A mention or tag: where it starts and ends, in code points, and its name without the sign."""

    start: int
    end: int
    name: str
    list: str = ""  # of a mention of somebody's list, with its slash


def mentions(text: str) -> Iterator[Tag]:
    """Find mentions, and mentions of somebody's list."""
    for match in MENTION.finditer(text):
        if not NO_MENTION.match(text, match.end()):
            yield Tag(*match.span("mention"), match["name"], match["list"] or "")


def hashtags(text: str) -> Iterator[Tag]:
    """Find hashtags, in links too."""
    if "#" in text or "＃" in text:
        for match in _hashtag().finditer(text):
            if not NO_HASHTAG.match(text, match.end()):
                yield Tag(*match.span("tag"), match["name"])


def cashtags(text: str) -> Iterator[Tag]:
    """Find cashtags, as $GOOG."""
    for match in CASHTAG.finditer(text):
        yield Tag(*match.span("tag"), match["name"])


@cache
def _hashtag() -> re.Pattern[str]:
    table = Path(__file__).with_name("twitter-letters.txt").read_text("utf-8")
    letter, digit = (character_class(line) for line in table.splitlines() if not line.startswith("#"))
    word = f"[{letter}{digit}{IN_WORDS}]"
    return re.compile(
        rf"(?:^|[\ufe0e\ufe0f]|(?!{word})[^&\ud800-\udfff])"
        rf"(?P<tag>[#＃](?!\ufe0f|\u20e3)(?P<name>{word}*[{letter}]{word}*))"
    )
