"""How Slack keeps a text: addresses marked up, emoji by name. What was sent is not what comes back.

Source: https://docs.slack.dev/messaging/formatting-message-text; the names are those of Slack's picker.
"""

import re
from html import unescape
from typing import Any

from socialcore.sandbox.platforms import Piece

# A few of thousands, enough to show that texts come back changed.
SHORTCODES = {
    "🥐": "croissant",
    "🍞": "bread",
    "☕": "coffee",
    "🎉": "tada",
    "😀": "grinning",
    "❤️": "heart",
    "👍": "+1",
    "👩‍🍳": "female-cook",
    "👨‍👩‍👧‍👦": "man-woman-girl-boy",
}
TONES = "🏻🏼🏽🏾🏿"
EMOJI = re.compile(
    "(" + "|".join(re.escape(each) for each in sorted(SHORTCODES, key=len, reverse=True)) + f")([{TONES}]?)"
)
NAMED = {f":{name}:": emoji for emoji, name in SHORTCODES.items()}
_MARKUP = re.compile(r"<[^<>]*>")
_NAME = re.compile(":(" + "|".join(re.escape(each) for each in SHORTCODES.values()) + r"):(?::skin-tone-([2-6]):)?")
_ADDRESS = re.compile(
    r"(?P<url>https?://(?:(?!&[lg]t;)[^\s<>|])*(?<![.,;:!?)'\"]))"
    r"|(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w@./-])(?P<bare>[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|test)(?:/[^\s<>]*[^\s<>.,;:!?)])?)(?!\w)"
)


def stored(text: str) -> str:
    """Turn text as it was sent into text as Slack keeps it."""
    done, kept = 0, ""
    for markup in _MARKUP.finditer(text):
        kept += _marked(text[done : markup.start()]) + markup[0]
        done = markup.end()
    return kept + _marked(text[done:])


def shown(text: str) -> str:
    """Turn kept text into what a person reads."""
    return "".join(piece.text for piece in pieces(text))


def pieces(text: str) -> list[Piece]:
    """Cut kept text into what a page shows."""
    found: list[Piece] = []
    done = 0
    for markup in _MARKUP.finditer(text):
        found += [Piece(_plain(text[done : markup.start()])), _piece(markup[0][1:-1])]
        done = markup.end()
    found.append(Piece(_plain(text[done:])))
    return [piece for piece in found if piece.text]


def as_block(text: str) -> dict[str, Any]:
    """Make the block that Slack makes of a text that came without any.

    Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block; in it an emoji says which it is.
    """
    elements: list[dict[str, Any]] = []
    for piece in _MARKUP.split(text):
        done = 0
        for named in _NAME.finditer(piece):
            elements += [{"type": "text", "text": _plain(piece[done : named.start()])}, _emoji(named[1], named[2])]
            done = named.end()
        elements.append({"type": "text", "text": _plain(piece[done:])})
    elements = [each for each in elements if each.get("text") != ""]
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _emoji(name: str, tone: str | None) -> dict[str, str]:
    emoji = NAMED[f":{name}:"] + (TONES[int(tone) - 2] if tone else "")
    return {"type": "emoji", "name": name, "unicode": "-".join(f"{ord(each):x}" for each in emoji)}


def _marked(text: str) -> str:
    named = EMOJI.sub(lambda found: f":{SHORTCODES[found[1]]}:{_tone(found[2])}", text)
    return _ADDRESS.sub(_linked, named)


def _tone(modifier: str) -> str:
    return f":skin-tone-{TONES.index(modifier) + 2}:" if modifier else ""


def _linked(found: re.Match[str]) -> str:
    if mail := found["mail"]:
        return f"<mailto:{mail}|{mail}>"
    return f"<{found['url']}>" if found["url"] else f"<http://{found['bare']}|{found['bare']}>"


def _piece(markup: str) -> Piece:
    target, _, label = markup.partition("|")
    if target.startswith(("http://", "https://")):
        return Piece(_plain(label or target), unescape(target))
    if target.startswith("mailto:"):
        return Piece(_plain(label or target.removeprefix("mailto:")))
    return Piece(_plain(label or target), is_marked=True)


def _plain(text: str) -> str:
    text = _NAME.sub(lambda found: NAMED[f":{found[1]}:"] + (TONES[int(found[2]) - 2] if found[2] else ""), text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
