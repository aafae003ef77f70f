"""Cutting a text that is too long into the posts of a thread, where a reader would pause."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

import regex

from socialcore.adapters import ADAPTERS
from socialcore.posts import Content, Platform

GRAPHEME = regex.compile(r"\X")
# Where a text may be cut, the best place first: between paragraphs, lines, sentences, clauses, words.
PAUSES = (
    re.compile(r"\n\s*\n\s*"),
    re.compile(r"\s*\n\s*"),
    re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’»)\]])\s+|(?<=[。！？])"),
    re.compile(r"(?<=[,;:–—])\s+"),
    re.compile(r"\s+"),
)

Fits = Callable[[str], bool]


def are_taken(platform: Platform) -> bool:
    return ADAPTERS[platform].capabilities.threads is not None


def fits(platforms: Sequence[Platform], text: str) -> bool:
    """Is this text short enough for one post on each of the platforms?"""
    content = Content(text=text)
    found = (usage for each in platforms for usage in ADAPTERS[each].usage(content))
    return all(usage.used <= usage.limit.most for usage in found)


def split(text: str, platforms: Sequence[Platform], *, numbered: bool = True) -> list[str]:
    """Cut a text into as few posts as are short enough for each of the platforms.

    No word is lost, added or cut, unless one word alone is too long; white space at a cut is dropped.

    Args:
        numbered: end each post with its number, as in "2/3"; never a single one.
    """
    return cut(text, partial(fits, platforms), numbered=numbered)


def cut(text: str, is_short: Fits, *, numbered: bool) -> list[str]:
    """Do what `split` promises, for any idea of what is short enough."""
    text = text.strip()
    if is_short(text):
        return [text]
    if not numbered:
        return list(_parts(text, is_short))
    parts: list[str] = []
    # A longer number leaves less room, so the cuts are made for as many digits as there turn out to be parts.
    for digits in (1, 2, 3):
        most = "9" * digits
        cutting = _parts(text, lambda part, most=most: is_short(f"{part} {most}/{most}"))
        parts = list(cutting if digits == 3 else islice(cutting, 10**digits))
        if len(parts) < 10**digits:
            break
    return [f"{part} {number}/{len(parts)}" for number, part in enumerate(parts, start=1)]


def _parts(text: str, is_short: Fits) -> Iterator[str]:
    rest = text
    while rest:
        room = _room(rest, is_short)
        end, begin = (room, room) if room == len(rest) else _cut(rest, room, is_short)
        yield rest[:end]
        rest = rest[begin:]


def _cut(text: str, room: int, is_short: Fits) -> tuple[int, int]:
    """Find where the first part ends and the rest begins; it is never empty.

    The best kind of pause wins, as long as it fills at least a third of what could be filled.
    """
    for pause in PAUSES:
        place = _last(pause, text, room, is_short)
        if place and (place[0] * 3 >= room or pause is PAUSES[-1]):
            return place
    return room, room


def _last(pause: re.Pattern[str], text: str, room: int, is_short: Fits) -> tuple[int, int] | None:
    places = [found.span() for found in pause.finditer(text[: room + 200]) if 0 < found.start() <= room]
    return next((place for place in reversed(places) if is_short(text[: place[0]])), None)


def _room(text: str, is_short: Fits) -> int:
    """How much of the text fits, in whole characters as people see them; at least one of them."""
    reading = GRAPHEME.finditer(text)
    ends: list[int] = [next(reading).end()]
    low, high = 0, 0
    while high == len(ends) - 1 and (high == 0 or is_short(text[: ends[high]])):  # read on, twice as far each time
        low = high
        ends += [found.end() for found in islice(reading, max(64, len(ends)))]
        high = len(ends) - 1
        if high == low:
            break
    while low < high:  # what fits gets no shorter with more text, but for links
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_short(text[: ends[middle]]) else (low, middle - 1)
    return ends[low]
