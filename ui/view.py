"""Drawing what Streamlit has no widget for: badges, strips, timelines, previews.

A tree of elements goes to the browser, which makes elements and text nodes of it and nothing else,
so text from a customer can never become markup. What may be drawn is listed in view.js. Colours come
from the theme.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import streamlit as st
from streamlit.components.v2 import component


class Element(NamedTuple):
    """One element. A tuple, because the browser receives it as a list."""

    tag: str
    attributes: Mapping[str, object]
    children: "tuple[Node, ...]"


Node: TypeAlias = str | Element

HERE = Path(__file__).resolve().parent

_view = component(
    "composer_view",
    html='<div class="view">\n</div>',
    css=(HERE / "view.css").read_text("utf-8"),
    js=(HERE / "view.js").read_text("utf-8"),
)


def h(tag: str, *children: Node | None, **attributes: object) -> Element:
    """Describe one element: `h("span.badge.red", "Failed", title="Certainly not published.")`.

    Children and attributes that are None are left out. Underscores become hyphens, so `aria_label` is
    `aria-label`; a last underscore is dropped. Four attributes are ours: `vars` sets custom properties
    of the style, `pick` makes the element a button (see `show`), `role="status"` is also read out when
    its text changes, and `href` opens a new tab unless it starts with "/" or "#".
    """
    name, *classes = tag.split(".")
    given = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items() if v is not None}
    named = {"class": " ".join(classes)} if classes else {}
    return Element(name, named | given, tuple(child for child in children if child is not None))


def show(*nodes: Node, key: str, on_pick: Callable[[str], None] | None = None) -> None:
    """Draw nodes here.

    Args:
        key: unique on the page, without a double underscore, which Streamlit keeps for itself.
        on_pick: called before the next run with the `pick` of the element that was pressed: once per
            press, in order, also if presses come faster than runs. In a fragment only that reruns.
    """
    _view(data={"tree": nodes}, key=key, on_pick_change=partial(deliver, key, on_pick) if on_pick else None)


def deliver(key: str, on_pick: Callable[[str], None]) -> None:
    """Hand on what was picked and not handed on yet.

    Streamlit keeps only the newest of several presses, so the browser repeats the last few with their
    numbers, and we remember the last number. A component that is drawn anew counts from 1 again.
    """
    state = st.session_state  # noqa: TID251 - the component's result is found nowhere else
    sent = state[key]["pick"]
    mount, last = state.get(f"{key}:delivered", ("", 0))
    if sent["mount"] != mount:
        last = 0
    for number, value in sent["picks"]:
        if number > last:
            state[f"{key}:delivered"] = (sent["mount"], number)
            on_pick(str(value))


ICONS: Mapping[str, str] = {
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "x": "M6.5 6.5l11 11M17.5 6.5l-11 11",
    "clock": "M12 7v5.2l3.4 2M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z",
    "send": "M4 12h15M13 6l6 6-6 6",
    "search": "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L20.5 20.5",
    "eye": "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 1"
    " 0 5 2.5 2.5 0 0 1 0-5z",
    "slash": "M5.8 5.8l12.4 12.4M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z",
    "alert": "M12 8.5v5M12 16.8v.2M12 3.5L22 20H2z",
    "retry": "M19.5 12a7.5 7.5 0 1 1-2.2-5.3M19.5 3.5v4h-4",
    "calendar": "M4 6.5h16v14H4zM4 10.5h16M8.5 3.5v5M15.5 3.5v5",
    "link": "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
    "image": "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 8.5v.2",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    "reply": "M4 5h16v11H9l-5 4z",
    "repost": "M4 9l3.5-3.5L11 9M7.5 5.5V15a2 2 0 0 0 2 2H14M20 15l-3.5 3.5L13 15M16.5 18.5V9a2 2 0 0 0-2-2H10",
    "heart": "M12 19.5S3.5 14.5 3.5 8.8A4.3 4.3 0 0 1 12 7.2a4.3 4.3 0 0 1 8.5 1.6C20.5 14.5 12 19.5 12 19.5z",
    "more": "M5.5 12h.01M12 12h.01M18.5 12h.01",
    "share": "M12 15V4M8 7.5L12 3.5l4 4M5 12v8h14v-8",
    "bookmark": "M6.5 4h11v16.5L12 16l-5.5 4.5z",
    "chart": "M5 20V11M12 20V4M19 20v-6",
    "up": "M12 19V6M6.5 11L12 5.5 17.5 11",
    "minus": "M6 12h12",
    "pause": "M9 6v12M15 6v12",
    "undo": "M9 6L4.5 10.5 9 15M4.5 10.5H14a5.5 5.5 0 0 1 0 11h-3",
}


def icon(name: str, label: str | None = None) -> Element:
    """Draw one of ICONS in the colour of the text around it; without a label it is decoration."""
    named = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return h("svg.icon", h("path", d=ICONS[name]), viewBox="0 0 24 24", **named)
