"""How long a text is for the chosen platforms, and what in it is a link, mention or tag: for the live text field."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Literal

from socialcore import publishing
from socialcore.adapters.contract import TextUnit
from socialcore.connections import Connection
from socialcore.posts import Content, Platform
from socialcore.text import rules, utf16
from socialcore.text.rules import RULES, Name, Reader
from ui.composer import MARKED, Count, Mark
from ui.platforms import PLATFORMS

# Each platform counts in its own way; what a reader would not expect is said beside the count.
IN_WORDS: Mapping[TextUnit, tuple[str, str]] = {
    TextUnit.GRAPHEMES: ("characters", ""),
    TextUnit.BYTES: ("bytes", ""),
    TextUnit.WEIGHT: ("characters", "a link counts 23, an emoji 2"),
    TextUnit.UTF16: ("characters", "an emoji counts 2 or more"),
}
RULE: Mapping[tuple[Platform, TextUnit], Name] = {
    ("bluesky", TextUnit.GRAPHEMES): "bluesky",
    ("bluesky", TextUnit.BYTES): "bluesky-bytes",
    ("twitter", TextUnit.WEIGHT): "x",
    ("slack", TextUnit.UTF16): "slack",
    ("google_business", TextUnit.UTF16): "google",
}


def counts(text: str, chosen: Sequence[Connection]) -> list[Count]:
    """How full each platform's limits are, whichever of its connections are chosen."""
    made: list[Count] = []
    for platform, connection in _by_platform(chosen).items():
        known = PLATFORMS[platform]
        for each in publishing.usages(Content(text=text), connection):
            unit, detail = IN_WORDS[each.limit.unit]
            rule: Name | Literal[""] = RULE.get((platform, each.limit.unit), "")
            made.append(Count(known.name, known.colour, each.used, each.limit.most, unit, detail, rule))
    return made


def reader(chosen: Sequence[Connection]) -> Reader:
    """By whose rules a text is marked: of several platforms, by those of the one that finds the most."""
    platforms = _by_platform(chosen)
    return "bluesky" if "bluesky" in platforms or not platforms else "x" if "twitter" in platforms else "web"


def marks(text: str, reader: Reader, who: Callable[[str], object], found: Sequence[Count]) -> list[Mark]:
    """Where a text has links, mentions and tags, and what of it is too much for the strictest platform.

    Args:
        who: says whom a handle means; nothing if it is nobody's, or not known yet.
        found: what `counts` made of this text.
    """
    at = [0, *accumulate(map(utf16.length, text))]
    short = at[-1] <= MARKED
    stretches = rules.marks(reader, text, lambda handle: bool(who(handle))) if short else ()
    made = [Mark(at[start], at[end], kind) for start, end, kind in stretches]
    over = [each for each in found if each.rule and each.used > each.most]
    tails = [(RULES[each.rule].fitting(text, each.most), each.name) for each in over if each.rule]
    start, name = min(tails, default=(len(text), ""))
    return [*made, Mark(at[start], at[-1], "over", name)] if start < len(text) else made


def _by_platform(chosen: Sequence[Connection]) -> dict[Platform, Connection]:
    return {connection.platform: connection for connection in chosen}
