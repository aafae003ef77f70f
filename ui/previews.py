"""Each platform's post card.

Proportions follow the platform; the frame stays neutral, so that it never passes for the real thing.
A card draws what it is given, which was read from what will be sent; it finds no links or mentions of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from socialcore.adapters.contract import Card, Shown
from ui.parts import initials
from ui.platforms import PLATFORMS, called, mark
from ui.view import Element, Node, h, icon

Address: TypeAlias = Callable[[str], str]  # where a browser finds a stored picture, by its id


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose post it is: the account, the target's name at the platform, and what tells it from its namesakes."""

    name: str
    target: str
    detail: str
    colour: str


def caption(platform: str, says: Node) -> Element:
    """Head a card with the platform and what is special about the post there."""
    name = h("span.row", mark(platform, size="small"), h("b", PLATFORMS[platform].name))
    return h("div.caption", name, h("span.muted.small", says))


def card(platform: str, whose: Whose, shown: Sequence[Shown], address: Address) -> Element:
    """Draw a post, or a thread below itself."""
    drawn = [DRAWN[platform](whose, post, address) for post in shown]
    return h("div.stack.thread" if len(drawn) > 1 else "div.stack", *drawn)


def _google(whose: Whose, post: Shown, address: Address) -> Element:
    place = h("p.muted.small", f"{whose.detail} · now" if whose.detail else "now")
    head = h("div.two", _avatar(whose.target), h("div", h("b", whose.target), place))
    title = [h("p", h("b", post.headline))] if post.headline else []
    dates = [h("p.muted.small", post.dates)] if post.dates else []
    action = [h("span.cta", post.action)] if post.action else []
    below = [head, *_pictures(post, address, "4 / 3"), *title, *dates, _words(post), *action]
    return h("article.preview", h("div.pad.stack", *below), vars={"--account": whose.colour})


def _slack(whose: Whose, post: Shown, address: Address) -> Element:
    place = f"{whose.target} in {whose.detail}" if whose.detail else whose.target
    name = h("div.row", h("b", whose.name), h("span.badge.gray.plain", "App"))
    body = h("div", name, _words(post), *_pictures(post, address, ""))
    return h(
        "article.preview",
        h("div.pad", h("p.muted.small", place), h("div.two", _avatar(whose.name), body)),
        vars={"--account": whose.colour, "--round": "0.4rem"},
    )


def _timeline(platform: str, actions: Sequence[str]) -> Callable[[Whose, Shown, Address], Element]:
    def draw(whose: Whose, post: Shown, address: Address) -> Element:
        alone = len(post.pictures) == 1
        body = h(
            "div",
            h("div.row", h("b", whose.name), h("span.muted", f"{called(platform, whose.target)} · now")),
            _words(post),
            *_pictures(post, address, "" if alone and platform == "bluesky" else "16 / 9"),
            *([_link_card(post.card, address)] if post.card else []),
            h("div.actions", *(icon(each) for each in actions), aria_hidden="true"),
        )
        return h(
            "article.preview", h("div.pad", h("div.two", _avatar(whose.name), body)), vars={"--account": whose.colour}
        )

    return draw


def _words(post: Shown) -> Element:
    return h("p.words", *(text if kind is None else h("span.facet", text) for text, kind in post.words))


def _pictures(post: Shown, address: Address, shape: str) -> list[Element]:
    """Draw what stands below the text, in the platform's shape; empty: in its own."""
    return [
        h(
            "div.pictures",
            *[
                h("span.badge.gray", icon("send"), "Video")
                if str(each["media_type"]).startswith("video/")
                else h(
                    "img",
                    src=address(each["id"]),
                    alt=each.get("alt", ""),
                    vars={"--shape": shape or f"{each['width']} / {each['height']}"},
                )
                for each in post.pictures
            ],
        )
    ] * bool(post.pictures)


def _link_card(found: Card, address: Address) -> Element:
    thumb = [h("img", src=address(found.thumb.id), alt="", vars={"--shape": "1.91 / 1"})] if found.thumb else []
    host = found.url.partition("://")[2].partition("/")[0]
    words = h("div.pad", h("b", found.title), h("p.muted.small", found.description), h("p.muted.small", host))
    return h("div.linkcard", *thumb, words)


def _avatar(name: str) -> Element:
    return h("span.avatar", initials(name), aria_hidden="true")


DRAWN: Mapping[str, Callable[[Whose, Shown, Address], Element]] = {
    "bluesky": _timeline("bluesky", ("reply", "repost", "heart", "more")),
    "google_business": _google,
    "twitter": _timeline("twitter", ("reply", "repost", "heart", "more")),
    "slack": _slack,
}
