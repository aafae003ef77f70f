"""What somebody has typed into a post, as words: to know it by, and to compare."""

from socialcore.posts import Content


def is_blank(content: Content) -> bool:
    """Says it nothing? What was chosen about it, as a topic, is nothing by itself."""
    return not words(content).strip() and not media_ids(content)


def first_words(content: Content, most: int = 40) -> str:
    """The beginning of the text on one line, to know it by."""
    text = " ".join(words(content).split())
    shown = "".join(letter for letter in text[: most + 1] if letter.isprintable())
    if len(text) > most:
        shown = shown[:most].rpartition(" ")[0] or shown[:most]
        return f"{shown.rstrip(' .,;:')}…"
    return shown or "Pictures without words"


def words(content: Content) -> str:
    """Everything that somebody typed, one after the other."""
    shared = [content.text, *content.parts, *content.links, *(each.alt for each in content.media)]
    own = [each for variant in content.variants.values() for each in (variant.text, *(variant.parts or ())) if each]
    return "\n".join([*shared, *own])


def media_ids(content: Content) -> list[str]:
    own = [each for variant in content.variants.values() for each in variant.media or ()]
    return [each.id for each in (*content.media, *own)]


def removed(was: Content, becomes: Content) -> int:
    """How many characters are gone, if one stretch was replaced by another."""
    before, after = words(was), words(becomes)
    start = _same(before, after)
    return len(before) - start - _same(before[start:][::-1], after[start:][::-1])


def _same(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
