"""Write the tables socialcore/text/*.txt from the packages that hold them, which stand in for X's own.

    npm install twitter-text@3.1.0 twemoji17@npm:@twemoji/parser@17.0.2
    python tests/socialcore/text/make_tables.py node_modules

The packages hold regular expressions over UTF-16 units. All they accept is listed, joined to code points, and
put together again: sequences that differ in one place become one line.
"""

import re
import re._constants as op
import re._parser as parser
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

TABLES = Path(__file__).parents[3] / "socialcore" / "text"
NOT_AS_TEXT = "!"  # stands for "no U+FE0E follows"

# What V8 with Unicode 17 takes for equal when it ignores case, and Python 3.11 with Unicode 14 does not know.
CASES_SINCE_UNICODE_14 = {0xA7CB, 0xA7DC}


def main(modules: Path) -> None:
    for version, package in [(11, "twemoji-parser"), (17, "twemoji17")]:
        source = (modules / package / "dist/lib/regex.js").read_text("utf-8")
        lines = emoji_lines(re.search(r"exports\.default = /(.*)/g;", source)[1])
        licence = (modules / package / "LICENSE.md").read_text("utf-8")
        write(f"emoji-{version}.txt", emoji_head(version, licence), lines)
    patterns = modules / "twitter-text/dist/regexp"
    write("twitter-tlds.txt", TLD_HEAD, tlds(patterns))
    write("twitter-letters.txt", LETTER_HEAD, letters(patterns))


def emoji_head(version: int, licence: str) -> str:
    package = {11: "twemoji-parser 11.0.2", 17: "@twemoji/parser 17.0.2"}[version]
    return (
        f"# Emoji of Unicode {version}, as npm {package} finds them; written by make_tables.py.\n"
        "# A line is a sequence: a set of code points for each place. `!FE0E`: unless U+FE0E follows.\n"
        "# Longer sequences come first. The package is under this licence:\n"
        f"#\n{''.join(f'# {line}'.rstrip() + chr(10) for line in licence.splitlines())}"
    )


TLD_HEAD = (
    "# Top-level domains X links, from npm twitter-text 3.1.0 (Apache-2.0: twitter-text-LICENSE.txt);\n"
    "# written by make_tables.py.\n"
)
LETTER_HEAD = (
    "# Code points X takes for letters and marks (first line) and digits (second) in a hashtag,\n"
    "# from npm twitter-text 3.1.0 (Apache-2.0: twitter-text-LICENSE.txt), with what JavaScript's\n"
    "# ignoring of case adds; written by make_tables.py.\n"
)


def write(name: str, head: str, lines: Iterable[str]) -> None:
    (TABLES / name).write_text(head + "\n".join(lines) + "\n", "utf-8")


def emoji_lines(pattern: str) -> list[str]:
    accepted = accepted_by(parser.parse(pattern))
    guarded = {points(each.removesuffix(NOT_AS_TEXT)) for each in accepted if each.endswith(NOT_AS_TEXT)}
    free = {points(each.replace(NOT_AS_TEXT, "")) for each in accepted if not each.endswith(NOT_AS_TEXT)}
    # A lone U+FE0F weighs as much as an emoji anyway.
    free.discard((0xFE0F,))
    ordered = sorted(merged(free), key=lambda row: (-len(row), [min(each) for each in row]))
    return [*map(line, ordered), *(f"{line(row)} !FE0E" for row in merged(guarded - free))]


def accepted_by(tokens: Iterable) -> list[str]:
    texts = [""]
    for token, value in tokens:
        texts = [before + after for before in texts for after in accepted_by_one(token, value)]
    return texts


def accepted_by_one(token, value) -> list[str]:
    if token is op.LITERAL:
        return [chr(value)]
    if token is op.IN:
        return [chr(code) for code in members(value)]
    if token is op.BRANCH:
        return [text for branch in value[1] for text in accepted_by(branch)]
    if token is op.SUBPATTERN:
        return accepted_by(value[3])
    if token is op.MAX_REPEAT and value[:2] == (0, 1):
        return ["", *accepted_by(value[2])]
    if token is op.ASSERT_NOT and accepted_by(value[1]) == ["\ufe0e"]:
        return [NOT_AS_TEXT]
    raise ValueError(f"{token} {value}")


def members(items: Iterable) -> set[int]:
    ranges = ((value, value) if token is op.LITERAL else value for token, value in items)
    return set(chain.from_iterable(range(first, last + 1) for first, last in ranges))


def points(units: str) -> tuple[int, ...]:
    return tuple(map(ord, units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")))


def merged(sequences: set[tuple[int, ...]]) -> set[tuple[frozenset[int], ...]]:
    rows = {tuple(frozenset([point]) for point in sequence) for sequence in sequences}
    for place in reversed(range(max(map(len, rows)))):
        alike = {}
        for row in rows:
            key = (row[:place], row[place + 1 :]) if place < len(row) else (row, None)
            alike.setdefault(key, set()).update(*row[place : place + 1])
        rows = {
            before if after is None else (*before, frozenset(here), *after) for (before, after), here in alike.items()
        }
    return rows


def line(row: Iterable[Iterable[int]]) -> str:
    return " ".join(map(ranges, row))


def ranges(codes: Iterable[int]) -> str:
    found = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return ",".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in found)


def source_of(patterns: Path, name: str) -> str:
    """A pattern's source, out of its file's `RegExp('…' + '…')` or `/…/`, in Python's spelling of escapes."""
    text = (patterns / f"{name}.js").read_text("utf-8").partition(f"var {name} = ")[2].partition(";\n")[0]
    if text.startswith("/"):
        return text.strip("/")
    return "".join(re.findall(r"'([^']*)'", text))


def tlds(patterns: Path) -> list[str]:
    found = []
    for name in ["validGTLD", "validCCTLD"]:
        found += source_of(patterns, name).removeprefix("(?:(?:").partition(")(?=")[0].split("|")
    return sorted(set(found))


def letters(patterns: Path) -> list[str]:
    def bmp(name):
        return {code for token, value in parser.parse(f"[{source_of(patterns, name)}]") for code in members(value)}

    def astral(name):
        return {code for text in accepted_by(parser.parse(source_of(patterns, name))) for code in points(text)}

    cased = ignoring_case(bmp("bmpLetterAndMarks")) | CASES_SINCE_UNICODE_14
    return [ranges(cased | astral("astralLetterAndMarks")), ranges(bmp("bmpNumerals") | astral("astralNumerals"))]


def ignoring_case(codes: set[int]) -> set[int]:
    """What JavaScript takes for a member of a set when it ignores case without Unicode."""
    folded = set(map(fold, codes))
    return {code for code in range(0x10000) if fold(code) in folded}


def fold(code: int) -> int:
    upper = chr(code).upper()
    return ord(upper) if len(upper) == 1 and (code < 128 or ord(upper) >= 128) else code


if __name__ == "__main__":
    main(Path(sys.argv[1]))
