"""Why Bluesky would refuse a post, found without asking it."""

from collections.abc import Iterator
from itertools import chain

from socialcore.adapters.bluesky import options, rendering
from socialcore.adapters.bluesky.capabilities import CAPABILITIES, MOST_PARTS
from socialcore.adapters.bluesky.refusals import NAME
from socialcore.adapters.contract import TextUnit, Usage
from socialcore.posts import Content, Problem
from socialcore.text import bluesky as text_rules

SHORTEN = {
    TextUnit.GRAPHEMES: ("character", "long", "Shorten the text."),
    TextUnit.BYTES: (
        "byte",
        "large",
        "Some emoji and scripts take many bytes each. Shorten the text, or use fewer of them.",
    ),
}


def problems(content: Content) -> list[Problem]:
    if not content.text_for("bluesky").strip():
        return [Problem("Write something first.", "A post needs at least one character.")]
    return list(chain(_text_problems(content), _media_problems(content), options.problems(content)))


def usage(content: Content) -> list[Usage]:
    """Measure the longest of a thread's posts; which one that is differs from limit to limit."""
    used = [_used(text) for text in rendering.texts(content)]
    return [Usage(max(each[limit.unit] for each in used), limit) for limit in CAPABILITIES.text_limits]


def _used(text: str) -> dict[TextUnit, int]:
    length = text_rules.measure(rendering.shown(text))
    return {TextUnit.GRAPHEMES: length.graphemes, TextUnit.BYTES: length.utf8_bytes}


def _text_problems(content: Content) -> Iterator[Problem]:
    texts = rendering.texts(content)
    for number, text in enumerate(texts, start=1):
        where = f"{NAME}, part {number}" if len(texts) > 1 else NAME
        if not text.strip():
            yield Problem(f"{where}: nothing written", "Write something, or remove this part.")
        used = _used(text)
        for limit in CAPABILITIES.text_limits:
            noun, how, next_step = SHORTEN[limit.unit]
            if (excess := used[limit.unit] - limit.most) > 0:
                yield Problem(f"{where}: {_counted(excess, noun)} too {how}", next_step)
    if len(texts) > MOST_PARTS:
        yield Problem(
            f"{NAME}: {_counted(len(texts) - MOST_PARTS, 'part')} too many",
            f"A thread is published at once, of {MOST_PARTS} parts at most. Make two of it.",
        )


def _media_problems(content: Content) -> Iterator[Problem]:
    limits = CAPABILITIES.pictures
    if limits is None:
        return
    if (number := len(content.media_for("bluesky"))) > limits.most:
        yield Problem(
            f"{NAME}: {_counted(number - limits.most, 'picture')} too many",
            f"A post shows at most {limits.most} pictures, or one video.",
        )
    for number, each in enumerate(content.media_for("bluesky"), start=1):
        if limits.most_alt is not None and len(each.alt) > limits.most_alt:
            yield Problem(
                f"{NAME}: the description of picture {number} is too long",
                f"Describe it in at most {limits.most_alt:,} characters.",
            )
        elif not each.alt.strip():
            yield Problem(
                f"{NAME}: picture {number} has no description",
                "Say in a few words what it shows, for those who cannot see it.",
                "warning",
            )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
