"""Text as Slack reads it: mrkdwn, in which only `&`, `<` and `>` have to be escaped.

Escaped, a `<!channel>` or `<@U123>` somebody typed is shown and notifies nobody. A plain "@channel"
notifies nobody either, unless a call asks for it with `link_names` or `parse`, which we never send.
Links stay as typed; Slack finds those with a scheme by itself. What an operator marks up as
*bold*, _italic_, ~struck~ or `code` is meant.

Whether limits are of code points is not documented, so UTF-16 units of the escaped text are
counted, of which there are never fewer.

Source: docs.slack.dev/messaging/formatting-message-text; platforms.md 3.1
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape as unescape_entities
from typing import Literal, TypeAlias, cast

import regex

from socialcore.text import utf16, web_links
from socialcore.text.bluesky import GRAPHEME

Style: TypeAlias = Literal["bold", "italic", "struck", "code"]

MAX_TEXT = 4000  # longer ones Slack may cut into several messages
MAX_SECTION = 3000  # of a section block
MAX_STYLED = 3000

ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
STYLES: dict[str, Style] = {"*": "bold", "_": "italic", "~": "struck"}

ENTITY = re.compile("&(?:amp|lt|gt);")
# What Slack makes of links and mentions: <address>, <address|words>.
WRAPPED = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
SHORTCODE = re.compile(r":[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?")
EMOJI = cast(
    "re.Pattern[str]",
    regex.compile(
        r"[#*0-9]\ufe0f?\u20e3|[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\ufe0e\ufe0f\u200d"
        r"\U000e0020-\U000e007f]"
    ),
)

CODE = re.compile(r"```(?P<block>.+?)```|`(?P<words>[^`\n]+)`", re.DOTALL)
STYLED = re.compile(
    rf"(?<![\w*_~])(?P<sign>[*_~])(?=[^\s*_~]|(?!(?P=sign))[*_~])"
    rf"(?P<words>[^\n]{{1,{MAX_STYLED}}}?)(?<!\s)(?P=sign)(?![\w*_~]|(?P=sign))"
)

# Where a long text is best cut, the best first.
BREAKS = [re.compile(pattern) for pattern in (r"\n\s*\n", r"\n", r"[.!?…](?=\s)\s", r"\s")]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text as Slack shows it, without the signs that marked it up."""

    text: str
    styles: frozenset[Style] = frozenset()
    link: str | None = None


def escape(text: str) -> str:
    """Turn what an operator typed into mrkdwn that says the same."""
    return re.sub("[&<>]", lambda match: ESCAPED[match[0]], text)


def unescape(mrkdwn: str) -> str:
    """Undo `escape`."""
    return ENTITY.sub(lambda match: unescape_entities(match[0]), mrkdwn)


def length(text: str) -> int:
    """Count a text as typed in UTF-16 units of its mrkdwn."""
    return utf16.length(escape(text))


def comparable(mrkdwn: str) -> str:
    """Reduce mrkdwn to what it has in common with what Slack returns of it.

    Slack wraps addresses and spells emoji as shortcodes, so two texts that differ in nothing but emoji
    are the same here, and so is any word between colons. Not for showing.
    """
    plain = unescape(WRAPPED.sub(lambda match: match[2] or match[1], mrkdwn))
    return " ".join(EMOJI.sub("", SHORTCODE.sub("", plain)).split())


def pieces(text: str) -> list[Piece]:
    """Cut a text as typed into what Slack shows differently, for a preview.

    Slack documents the signs, not where they count: here they do around words, within one line.
    """
    found: list[Piece] = []
    done = 0
    for match in CODE.finditer(text):
        found += _styled(text[done : match.start()], frozenset())
        found.append(Piece(match["block"] or match["words"], frozenset(["code"])))
        done = match.end()
    return found + _styled(text[done:], frozenset())


def sections(mrkdwn: str, most: int = MAX_SECTION) -> list[str]:
    """Cut mrkdwn into pieces no longer than a section block may be; joined, they are the mrkdwn again.

    Cuts between paragraphs, lines, sentences or words, where there are any in the second half of a
    piece; never inside an escaped sign, nor inside a grapheme that is not itself too long.
    """
    found: list[str] = []
    done = 0
    while done < len(mrkdwn):
        end = _section_end(mrkdwn, done, most)
        found.append(mrkdwn[done:end])
        done = end
    return found


def _styled(text: str, styles: frozenset[Style]) -> list[Piece]:
    found: list[Piece] = []
    done = 0
    links = [*web_links.spans(text)]
    for match in STYLED.finditer(text):
        style = STYLES[match["sign"]]
        inside_a_link = any(start < match.start() < end or start < match.end() - 1 < end for start, end in links)
        if style not in styles and not inside_a_link:
            found += _linked(text[done : match.start()], styles)
            found += _styled(match["words"], frozenset([*styles, style]))
            done = match.end()
    return found + _linked(text[done:], styles)


def _linked(text: str, styles: frozenset[Style]) -> list[Piece]:
    found: list[Piece] = []
    done = 0
    for start, end in web_links.spans(text):
        found += [Piece(text[done:start], styles), Piece(text[start:end], styles, link=text[start:end])]
        done = end
    return [piece for piece in (*found, Piece(text[done:], styles)) if piece.text]


def _section_end(mrkdwn: str, start: int, most: int) -> int:
    ends: list[int] = []
    size = 0
    for whole in _wholes(mrkdwn, start):
        size += utf16.length(whole)
        if size > most:
            break
        ends.append((ends[-1] if ends else start) + len(whole))
    else:
        return len(mrkdwn)
    if not ends:  # one grapheme longer than a section: no mark of it is more than two units
        return start + max(most // 2, 1)
    allowed = set(ends)
    for pattern in BREAKS:
        breaks = pattern.finditer(mrkdwn, start + (ends[-1] - start) // 2, ends[-1])
        if found := [match.end() for match in breaks if match.end() in allowed]:
            return found[-1]
    return ends[-1]


def _wholes(mrkdwn: str, start: int) -> Iterator[str]:
    """List what may not be cut: graphemes, and escaped signs with the marks on them."""
    while start < len(mrkdwn):
        entity = ENTITY.match(mrkdwn, start)
        head = entity.end() - 1 if entity else start
        grapheme = GRAPHEME.match(mrkdwn, head)
        end = grapheme.end() if grapheme else head + 1
        yield mrkdwn[start:end]
        start = end
