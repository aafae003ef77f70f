"""What X makes of the links in a text: t.co for each, and what it stood for beside it. And how long a text is.

Loosely: what counts as a link exactly, twitter-text says; the double needs no more than what tests write.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from html import escape
from typing import Any

import regex

LINK = regex.compile(
    r"(?<![@\w./])(?:https?://[^\s<>\"]*[^\s<>\".,;:!?)]"
    r"|(?:[a-z0-9-]+\.)+(?:com|org|net|de|example|test|io|app)\b(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?)",
    regex.IGNORECASE,
)
_CHARACTER = regex.compile(r"\X")
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


@dataclass(frozen=True, slots=True)
class Link:
    url: str  # of t.co, as it stands in the text that X gives back
    expanded_url: str
    display_url: str
    media_key: str | None = None

    def shown(self, text: str) -> dict[str, Any]:
        start = text.find(self.url)
        told = {name: value for name, value in asdict(self).items() if value is not None}
        return {"start": start, "end": start + len(self.url), **told}


def rewritten(text: str, pictures: list[tuple[str, str]]) -> tuple[str, tuple[Link, ...]]:
    """Give a text as X gives it back: trimmed, escaped for HTML, its links shortened.

    Args:
        pictures: media key and address of each; one link at the end stands for all of them.
    """
    links: list[Link] = []
    parts: list[str] = []
    text, done = text.strip(), 0
    for found in LINK.finditer(text):
        link = _short(found[0], len(links))
        links.append(link)
        parts += [escape(text[done : found.start()], quote=False), link.url]
        done = found.end()
    parts.append(escape(text[done:], quote=False))
    for key, address in pictures:
        link = _short(address, 1000)
        links.append(Link(link.url, address, f"pic.x.com/{link.url[-10:]}", key))
    if pictures:
        parts.append((" " if "".join(parts) else "") + links[-1].url)
    return "".join(parts), tuple(links)


def weight(text: str) -> int:
    """Count a text as X does."""
    text = unicodedata.normalize("NFC", text)
    return sum(23 if link else sum(_weights(part)) for part, link in _parts(text))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    done = 0
    for found in LINK.finditer(text):
        yield text[done : found.start()], False
        yield found[0], True
        done = found.end()
    yield text[done:], False


def _weights(text: str) -> Iterator[int]:
    for cluster in _CHARACTER.findall(text):
        if regex.search(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3", cluster) and ord(cluster[0]) > 0xFF:
            yield 2
        else:
            yield from (1 if any(low <= ord(one) <= high for low, high in _LIGHT) else 2 for one in cluster)


def _short(url: str, number: int) -> Link:
    expanded = url if url.lower().startswith("http") else f"http://{url}"
    code = sha256(f"{url} {number}".encode("utf-8", "replace")).hexdigest()[:10]
    return Link(f"https://t.co/{code}", expanded, expanded.split("://", 1)[1][:27])
