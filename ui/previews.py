"""Each platform's post card.

Proportions follow the platform; the frame stays neutral, so that it never passes for the real thing.
A card draws what it is given and finds no links or mentions of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ui.parts import initials
from ui.platforms import PLATFORMS, mark
from ui.view import Element, Node, h, icon

Segment: TypeAlias = tuple[str, str | None]  # words, and whether they are a link, a mention or a tag


def caption(platform: str, says: Node) -> Element:
    """Head a card with the platform and what is special about the post there."""
    name = h("span.row", mark(platform, size="small"), h("b", PLATFORMS[platform].name))
    return h("div.caption", name, h("span.muted.small", says))


def card(
    platform: str,
    name: str,
    target: str,
    detail: str,
    colour: str,
    parts: Sequence[Sequence[Segment]],
    pictures: Sequence[tuple[str, str]] = (),
) -> Element:
    """Draw a post, or a thread below itself.

    Args:
        target: the identity, location or channel; `detail` is its place.
        pictures: of the first part: where each is, and its description.
    """
    drawn = [DRAWN[platform](name, target, detail, colour, segments) for segments in parts]
    shown = [h("img", src=source, alt=alt) for source, alt in pictures if source]
    return h("div.stack", *drawn[:1], *([h("div.pictures", *shown)] if shown else []), *drawn[1:])


def bluesky(name: str, target: str, _detail: str, colour: str, segments: Sequence[Segment]) -> Element:
    return _timeline(name, target, colour, segments, ("reply", "repost", "heart", "more"))


def x(name: str, target: str, _detail: str, colour: str, segments: Sequence[Segment]) -> Element:
    return _timeline(name, target, colour, segments, ("reply", "repost", "heart", "more"))


def google(_name: str, target: str, detail: str, colour: str, segments: Sequence[Segment]) -> Element:
    place = h("p.muted.small", f"{detail} · now" if detail else "now")
    head = h("div.two", _avatar(target), h("div", h("b", target), place))
    # Google shows links as they were typed: as plain words.
    plain = [(text, None) for text, _kind in segments]
    return h("article.preview", h("div.pad", head, _words(plain)), vars={"--account": colour})


def slack(name: str, target: str, detail: str, colour: str, segments: Sequence[Segment]) -> Element:
    place = f"{target} in {detail}" if detail else target
    body = h("div", h("div.row", h("b", name), h("span.badge.gray.plain", "App")), _words(segments))
    return h(
        "article.preview",
        h("div.pad", h("p.muted.small", place), h("div.two", _avatar(name), body)),
        vars={"--account": colour, "--round": "0.4rem"},
    )


def _timeline(name: str, handle: str, colour: str, segments: Sequence[Segment], actions: Sequence[str]) -> Element:
    body = h(
        "div",
        h("div.row", h("b", name), h("span.muted", f"@{handle} · now")),
        _words(segments),
        h("div.actions", *(icon(each) for each in actions), aria_hidden="true"),
    )
    return h("article.preview", h("div.pad", h("div.two", _avatar(name), body)), vars={"--account": colour})


def _words(segments: Sequence[Segment]) -> Element:
    return h("p.words", *(text if kind is None else h("span.facet", text) for text, kind in segments))


def _avatar(name: str) -> Element:
    return h("span.avatar", initials(name), aria_hidden="true")


DRAWN: Mapping[str, Callable[[str, str, str, str, Sequence[Segment]], Element]] = {
    "bluesky": bluesky,
    "google_business": google,
    "twitter": x,
    "slack": slack,
}
