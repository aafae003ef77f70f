"""Text as Slack takes it: three characters are escaped, everything else is itself.

Source: https://docs.slack.dev/messaging/formatting-message-text#escaping, read 2026-11-23.
"""

import re

_ADDRESS = re.compile(r"https?://[^\s<>]*[^\s<>.,;:!?)'\"]")


def escape(text: str) -> str:
    """Make text that means nothing but itself: `<!channel>` typed by somebody then notifies nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def length(text: str) -> int:
    """Count in units of UTF-16: Slack does not say how it counts, and no way of counting finds more."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str) -> list[tuple[str, str | None]]:
    """Cut a text into what Slack shows as plain and what as a link."""
    found: list[tuple[str, str | None]] = []
    done = 0
    for link in _ADDRESS.finditer(text):
        found += [(text[done : link.start()], None), (link[0], "link")]
        done = link.end()
    return [each for each in (*found, (text[done:], None)) if each[0]]
