"""Write socialcore/text/graphemes.txt, by which a browser cuts a text into graphemes and knows punctuation.

    python tests/socialcore/text/make_graphemes.py

Browsers know another Unicode each, so the live text field gets its properties from the package that counts on the
server. `tests/ui/test_counting.py` holds the file to what that package says.
"""

from pathlib import Path

import regex

TABLE = Path(__file__).parents[3] / "socialcore" / "text" / "graphemes.txt"
PROPERTIES = {
    **{name: rf"\p{{GCB={name}}}" for name in ("Control", "Extend", "SpacingMark", "Prepend", "L", "V", "T")},
    "Pictographic": r"\p{Extended_Pictographic}",
    **{name: rf"\p{{InCB={name}}}" for name in ("Consonant", "Linker")},
    "Punctuation": r"\p{P}",
}
HEAD = """\
# Properties of code points, as the package `regex` knows them (Unicode 17); written by make_graphemes.py.
# Grapheme cluster breaks, Extended_Pictographic, Indic conjunct breaks, general category P. Left out, because a
# formula gives them: CR, LF, ZWJ, regional indicators, Hangul LV and LVT, and InCB=Extend (Extend and ZWJ, less linkers
# and U+200C).
"""


def lines() -> list[str]:
    """A line for each property: its name and its code points, as ranges in hexadecimal."""
    return [f"{name} {ranges(members(pattern))}" for name, pattern in PROPERTIES.items()]


def members(pattern: str) -> set[int]:
    found = regex.compile(pattern).finditer("".join(map(chr, range(0x110000))))
    return {ord(match[0]) for match in found}


def ranges(codes: set[int]) -> str:
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return ",".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in found)


if __name__ == "__main__":
    TABLE.write_text(HEAD + "\n".join(lines()) + "\n", "utf-8")
