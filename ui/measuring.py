"""How long a text is for the chosen platforms, and what in it is a link, mention or tag: for the live text field."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

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


def counts(content: Content, chosen: Sequence[Connection]) -> list[Count]:
    """How full each platform's limits are, whichever of its connections are chosen.

    Of a thread, its fullest post counts; a field that holds but one post of it measures a `Content` of that alone.
    """
    made: list[Count] = []
    for platform, connection in _by_platform(chosen).items():
        known = PLATFORMS[platform]
        alone = not content.parts_for(platform)
        for each in publishing.usages(content, connection):
            unit, detail = IN_WORDS[each.limit.unit]
            rule = RULE.get((platform, each.limit.unit), "") if alone else ""
            made.append(Count(known.name, known.colour, each.used, each.limit.most, unit, detail, rule))
    return made


def reader(chosen: Sequence[Connection]) -> Reader:
    """By whose rules a text is marked: of several platforms, by those of the one that finds the most."""
    platforms = _by_platform(chosen)
    return "bluesky" if "bluesky" in platforms or not platforms else "x" if "twitter" in platforms else "web"


def marks(text: str, chosen: Sequence[Connection], known: Mapping[str, str | None], found: Sequence[Count]) -> list[Mark]:
    """Where a text has links, mentions and tags, and what of it is too much for the strictest of the platforms.

    Args:
        known: handles that were asked about, and whom they mean.
        found: what `counts` made of this text.
    """
    at = _units(text)
    made = [Mark(at(start), at(end), kind) for start, end, kind in _stretches(text, chosen, known)]
    over = [each for each in found if each.rule and each.used > each.most]
    tails = [(RULES[each.rule].fitting(text, each.most), each.name) for each in over if each.rule]
    start, name = min(tails, key=lambda each: each[0], default=(len(text), ""))
    return [*made, Mark(at(start), at(len(text)), "over", name)] if start < len(text) else made


def _stretches(text: str, chosen: Sequence[Connection], known: Mapping[str, str | None]) -> Iterator[rules.Stretch]:
    if utf16.length(text) <= MARKED:
        yield from rules.marks(reader(chosen), text, lambda handle: known.get(handle) is not None)


def _units(text: str):
    before = [0, *accumulate(map(utf16.length, text))]
    return before.__getitem__


def _by_platform(chosen: Sequence[Connection]) -> dict[Platform, Connection]:
    return {connection.platform: connection for connection in chosen}
