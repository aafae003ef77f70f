"""Text in UTF-16 code units, in which JavaScript and Java count and cut.

Units are kept as a `str` of one character each; half of a surrogate pair is a character of its own.
"""

import re
from collections.abc import Callable
from itertools import accumulate

BEYOND_BMP = re.compile(r"[\U00010000-\U0010ffff]")


def length(text: str) -> int:
    """Count a text's UTF-16 code units."""
    return len(text) + len(BEYOND_BMP.findall(text))


def units(text: str) -> str:
    """Spell a text in UTF-16 code units."""
    return BEYOND_BMP.sub(lambda match: _pair(match[0]), text)


def joined(units: str) -> str:
    """Spell UTF-16 code units as text again; half of a pair stays what it is."""
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def code_points_at(text: str) -> Callable[[int], int]:
    """Make the function that tells how many code points of a text begin before an offset in units."""
    if len(text) == length(text):
        return lambda offset: offset
    before: list[int] = []
    for index, end in enumerate(accumulate(1 + (character > "\uffff") for character in text)):
        before += [index] * (end - len(before))
    return [*before, len(text)].__getitem__


def _pair(character: str) -> str:
    above = ord(character) - 0x10000
    return chr(0xD800 + (above >> 10)) + chr(0xDC00 + (above & 0x3FF))
