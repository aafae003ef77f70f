"""Text as Google Business Profile takes it: how long it is, and what in it gets a post rejected.

The limit is from probes of the live API; no document gives it, or tells the unit. UTF-16 units are
what Google's servers would count in Java, and never fewer than code points.

Source: platforms.md 4.1; support.google.com/business/answer/7213077 (posts content policy)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from socialcore.text import utf16, web_links

MAX_LENGTH = 1500
PHONE_DIGITS = range(7, 16)  # a number is 15 digits at most: ITU-T E.164

SEPARATOR = r"[\s\u00ad\u2010-\u2013().\-/]{0,3}"
PHONE = re.compile(
    rf"(?<![\w.,:/#$€£%@+-])(?:"
    rf"(?:[+＋]|00)[ (]?[^\D0０](?:{SEPARATOR}\d){{6,13}}"  # with a country's code
    rf"|\(\d{{1,5}}\)(?:{SEPARATOR}\d){{4,11}}"  # an area's code in parentheses
    rf"|0[1-9](?:{SEPARATOR}\d){{5,10}}"  # as dialled within a country
    r"|(?:1[-. ])?[2-9]\d{2}[-. ]\d{3}[-. ]\d{4}|[2-9]\d{2}-\d{4}|[2-9]\d{2}[2-9]\d{6}"  # North America's
    r"|1?[-. ]?8\d{2}[-. ](?=[\d-]*[A-Z])[A-Z\d-]{7,9}"  # spelled: 1-800-FLOWERS
    r")(?![\w%€$£]|[.,:/-]\d)"
)
DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")
HOURS = re.compile(r"\d{1,2}[.h]\d{2}\s?[-–]\s?\d{1,2}[.h]\d{2}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text: an address in it, or what is between addresses."""

    text: str
    link: str | None = None


def length(text: str) -> int:
    """Count a text in UTF-16 units, of which a post may have 1,500."""
    return utf16.length(text)


def phone_numbers(text: str) -> list[str]:
    """List what looks like a phone number, as written; Google rejects a post with one, and does not say why.

    Only a guess, to warn with: not every number is found, and not all that is found is one.
    """
    spans = [*web_links.spans(text)]
    return [
        match[0]
        for match in PHONE.finditer(text)
        if sum(map(str.isdigit, match[0])) in PHONE_DIGITS or re.search("[A-Z]", match[0])
        if not DATE.fullmatch(match[0]) and not HOURS.fullmatch(match[0])
        if not any(start < match.end() and match.start() < end for start, end in spans)
    ]


def pieces(text: str) -> list[Piece]:
    """Cut a text along the web addresses in it, for a preview; joined, the pieces are the text again."""
    return [*_pieces(text)]


def _pieces(text: str) -> Iterator[Piece]:
    done = 0
    for start, end in web_links.spans(text):
        if done < start:
            yield Piece(text[done:start])
        yield Piece(text[start:end], link=text[start:end])
        done = end
    if done < len(text):
        yield Piece(text[done:])
