"""Each platform's post card.

Proportions follow the platform; the frame stays neutral, so that it never passes for the real thing.
A card draws what it is given and finds no links or mentions of its own.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from ui.parts import initials
from ui.platforms import PLATFORMS, mark
from ui.view import Element, Node, h, icon

Segment: TypeAlias = tuple[str, Literal["link", "mention", "tag"] | None]


def caption(platform: str, says: Node) -> Element:
    """Head a card with the platform and what is special about the post there."""
    name = h("span.row", mark(platform, size="small"), h("b", PLATFORMS[platform].name))
    return h("div.caption", name, h("span.muted.small", says))


def bluesky(name: str, handle: str, colour: str, segments: Sequence[Segment]) -> Element:
    """Draw a post as Bluesky shows it; `segments` are the text in order, `handle` without its @."""
    words = [text if kind is None else h("span.facet", text) for text, kind in segments]
    actions = [icon(each) for each in ("reply", "repost", "heart", "more")]
    body = h(
        "div",
        h("div.row", h("b", name), h("span.muted", f"@{handle} · now")),
        h("p.words", *words),
        h("div.actions", *actions, aria_hidden="true"),
    )
    avatar = h("span.avatar", initials(name), aria_hidden="true")
    return h("article.preview", h("div.pad", h("div.two", avatar, body)), vars={"--account": colour})
