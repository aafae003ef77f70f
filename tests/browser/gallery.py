"""Every part once, for development and tests: `python -m streamlit run tests/browser/gallery.py`.

`?slow=1` makes every run take a while; `?unsafe=script` draws what must be refused.
"""

import re
import time

import streamlit as st

from socialcore.adapters.contract import Shown
from ui import parts, previews
from ui.composer import Count, Mark, composer, prepare, written
from ui.parts import strip
from ui.platforms import PLATFORMS, mark
from ui.states import CONNECTION, DELIVERY, FLAG, JUDGED, badge, delivery_badge
from ui.view import ICONS, h, icon, show

HARBOR, CEDAR, SUMMIT = "#9a4a12", "#2f6b3a", "#b02a2a"
HOSTILE = "<img src=x onerror=alert(1)> & <b>bold</b>"
MARKS = {"link": r"https?://\S*\w", "mention": r"(?<!\S)@[\w.]+\w", "tag": r"(?<!\S)#\w+"}
FIRST = (
    "Cardamom knots are back, and the first tray leaves the oven at noon.\n\n"
    "Order ahead: https://harborbakery.example/knots\nWith butter from @millbrook.example #cardamom"
)

st.set_page_config(page_title="Gallery", layout="wide")
slow = "slow" in st.query_params
state = st.session_state
state.setdefault("picked", [])
state.setdefault("rev", 1)
state.setdefault("draft", FIRST)


def found(text: str) -> list[Mark]:
    return [
        Mark(len(text[: m.start()].encode("utf-16-le")) // 2, len(text[: m.end()].encode("utf-16-le")) // 2, kind)
        for kind, pattern in MARKS.items()
        for m in re.finditer(pattern, text)
    ]


def counted(text: str) -> list[Count]:
    return [
        Count("Bluesky", 1, len(text), 300),
        Count("Google Business", 2, len(text), 1500),
        Count("X", 3, len(text), 180, detail="links count 23"),
        Count("Slack", 4, len(text), 12000),
    ]


def clear() -> None:
    state.rev += 1
    state.draft = ""


prepare()
show(parts.banner("Harbor Bakery", HARBOR, "production", "Portland"), key="banner")
st.title("Gallery", anchor=False)
st.caption("Every part the pages share, with invented businesses.")
# axe knows Streamlit's skip link by the first link after it, which on a page is the navigation's.
st.link_button("A first link", "https://example.org")

st.header("Banners", anchor=False)
show(
    parts.banner("Cedar & Pine Florist", CEDAR, "staging", "Asheville"),
    parts.banner("Summit Cycle Works", SUMMIT, "development"),
    *[parts.banner_all(12, each) for each in ("production", "staging", "development")],
    key="banners",
)


@st.fragment
def write() -> None:
    if slow:
        time.sleep(0.6)
    text = written(state.draft, key="text", rev=state.rev)
    text = composer(
        text,
        key="text",
        label="Text for all four platforms",
        counts=counted(text),
        marks=found(text),
        rev=state.rev,
        on_change=lambda new: state.update(draft=new),
        placeholder="What is new at Harbor Bakery?",
    )
    st.button("Clear the text", key="clear", on_click=clear)
    with st.container(key="echo"):
        st.text(text)
    with st.container(key="told"):
        st.text(state.draft)


left, right = st.columns(2, gap="large")
with left:
    st.header("Composer", anchor=False)
    write()
with right:
    st.header("Preview", anchor=False)
    segments = [
        ("Cardamom knots are back.\n\nOrder ahead: ", None),
        ("https://harborbakery.example/knots", "link"),
        ("\nWith butter from ", None),
        ("@millbrook.example", "mention"),
        (" ", None),
        ("#cardamom", "tag"),
        (f"\n{HOSTILE}", None),
    ]
    show(
        h(
            "section",
            previews.caption("bluesky", "3 facets · link card off"),
            previews.card(
                "bluesky",
                previews.Whose("Harbor Bakery", "harborbakery.example", "", HARBOR),
                [Shown(words=segments), Shown(words=[("And a second post.", None)])],
                lambda _: "",
            ),
        ),
        key="preview",
    )
    show(parts.facts(("Cost at X", "USD 0.01"), ("Rules checked", "today 10:40")), key="facts")

st.header("States", anchor=False)
names = list(PLATFORMS)
show(
    h("div.row", *[delivery_badge(names[i % 4], each) for i, each in enumerate(DELIVERY)]),
    h("div.row", *[badge(each) for each in DELIVERY.values()], badge(DELIVERY["retrying"], detail="10:47")),
    h("div.row", *[badge(each) for each in CONNECTION.values()]),
    h("div.row", *[badge(each) for each in FLAG.values()], *[badge(each) for each in JUDGED.values()]),
    h("div.row", *[mark(each, size=size) for each in PLATFORMS for size in ("small", "", "large")]),
    h("div.row", *[h("span.nowrap", icon(each), " ", h("span.small.muted", each)) for each in ICONS]),
    key="states",
)

st.header("Words", anchor=False)
show(
    parts.note(
        "red",
        "X has locked @harborbakery",
        "Nothing was published there; the other three platforms have the post.",
        h("b", "Next: ask Harbor Bakery to sign in at X and unlock. Then send again: only X is sent."),
        sign="x",
    ),
    parts.note("orange", f"The text names {HOSTILE}", "You are acting for Harbor Bakery.", sign="eye"),
    parts.empty("link", "No connection yet", "Connect a platform and the first post takes a minute."),
    h("div.row", parts.account_name("Harbor Bakery", HARBOR), parts.account_name("Cedar & Pine Florist", CEDAR)),
    strip("ooooooooooooooxooooo"),
    strip("ooooooooooooooo?oo"),
    strip(""),
    key="words",
)

st.header("Tables", anchor=False)
well = h("span.badge.green", icon("check"), "Well")
show(
    parts.table(
        ["Account", "Bucket", "Since"],
        [["Harbor Bakery", "17", "today"], ["Riverbend Yoga", "12", "Monday"]],
        caption="Accounts that enter",
        numbers=(1,),
        row_class=("enters", ""),
    ),
    parts.table(
        ["Worker", "State", "Heartbeat", "In flight", "Last hour"],
        [["worker-1", well, "1 s ago", "2", "61"], ["worker-2", well, "3 s ago", "1", "58"]],
        caption="Workers",
        numbers=(2, 3, 4),
        row_class=("", "chosen"),
    ),
    parts.table(
        ["Case", "Bluesky", "Google Business", "X", "Slack", "What happened"],
        [["Link with path", well, well, well, well, "Four posts, read back, taken down again."]],
        caption="Cases",
        free=(5,),
        widths=("20%", "12%", "14%", "12%", "12%", "30%"),
    ),
    key="tables",
)

st.header("Lists", anchor=False)


def item(state: str, title: str, words: str, action: str, when: str) -> object:
    end = h(
        "div.stack.end", h("button.act", action, pick=action, aria_label=f"{action}: {title}"), h("span.when", when)
    )
    text = h("div.text", h("p", h("b", title)), h("p.muted.small", words))
    return h("li", h("div.item", h("span.lead", badge(DELIVERY[state])), text, end))


def event(colour: str, sign: str, at: str, title: str, words: str) -> object:
    head = h("div.row.apart", h("b", title), h("span.at", at))
    return h("li", h(f"span.dot.{colour}", icon(sign)), head, h("p.muted.small", words))


def take(value: str) -> None:
    state.picked.append(value)


@st.fragment  # where Streamlit keeps only the newest of several presses
def tell() -> None:
    if slow:
        time.sleep(0.6)
    show(
        h(
            "ul.list",
            item("needs_review", "We cannot tell whether P-2287 reached Bluesky", "looked twice", "Decide", "44 min"),
            item("failed", "X has locked @harborbakery", "the other three have it", "See why", "11 min"),
        ),
        key="list",
        on_pick=take,
    )
    with st.container(key="picks"):
        st.text(", ".join(state.picked))


tell()
show(
    h(
        "ol.timeline",
        event("gray", "clock", "10:31:02", "Submitted", "Revision 3."),
        event("orange", "search", "10:31:08", "No answer after 5 s", "We look before sending again."),
        event("red", "x", "10:32:11", "Refused: account locked", "Trying again cannot help, so we stop."),
    ),
    h(
        "p.row",
        *[
            h("a", words, href=href)
            for words, href in (
                ("here", "/posts"),
                ("below", "#states"),
                ("out", "https://example.org/a"),
                ("sandbox", "http://127.0.0.1:9000/x"),
                ("script", "javascript:alert(1)"),
                ("slashes", "//evil.example"),
                ("backslash", "/\\evil.example"),
                ("tab", "/\t/evil.example"),
                ("plain", "http://evil.example"),
                ("lookalike", "http://localhost.evil.example"),
            )
        ],
    ),
    key="links",
)
st.pills("Chosen", ["On", "Off"], default="On", format_func=parts.quiet, key="quiet")
if "unsafe" in st.query_params:
    show(h(st.query_params["unsafe"], "alert(1)"), key="unsafe")

with st.bottom:
    words = "Nothing has been sent. You can take it back for 5 seconds."
    title = "4 posts for Harbor Bakery go out at 12:00"
    show(parts.undo_bar(title, words, 5, 7, "undo"), key="undo", on_pick=take)
