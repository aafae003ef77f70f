"""Web addresses with their scheme in a text, as everybody finds them; what is less plain is up to each platform."""

import re
from collections.abc import Iterator

LINK = re.compile(r"(?<!\w)https?://[^\s<>\"]+", re.ASCII | re.IGNORECASE)
AFTER = ".,;:!?'*_~`"  # of a sentence, or of somebody's markup, rather than of an address


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Find where addresses start and end, in code points, less what behind them is the sentence's."""
    for match in LINK.finditer(text):
        link = match[0].rstrip(AFTER)
        # Parentheses the address did not open.
        end, surplus = len(link), link.count(")") - link.count("(")
        while surplus > 0 and link[end - 1] == ")":
            end, surplus = end - 1, surplus - 1
        link = link[:end].rstrip(AFTER)
        if not link.endswith("://"):
            yield match.start(), match.start() + len(link)
