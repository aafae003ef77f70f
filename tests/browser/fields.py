"""Live text fields as a page has them, for tests: `python -m streamlit run tests/browser/fields.py`.

`?slow=1` makes every run take a while, `?hangs=1` has nobody answer whose handle begins so, `?fields=3` draws several,
`?wrong=7` lets the server count so many more than the browser.
"""

import time

import streamlit as st

from socialcore.text import rules, utf16
from socialcore.text.rules import RULES
from ui import composer as fields
from ui.composer import Count, Mark, Suggestions, composer, written

PEOPLE = [("harborbakery.test", "Harbor Bakery"), ("harborside.test", "Harborside Books"), ("haven.test", "Haven Tea")]
KNOWN = Suggestions(
    mentions=[("cedarandpine.test", "Bluesky, yours"), ("millbrook.test", "mentioned before")],
    tags=[("Saturday market", ["rye", "market", "portland"]), ("rye", ["rye"]), ("cardamom", ["cardamom"])],
)
WHO = {"cedarandpine.test", "millbrook.test", "harborbakery.test"}
LIMITS = [
    ("Bluesky", 1, "bluesky", 300, "characters"),
    ("Bluesky", 1, "bluesky-bytes", 3000, "bytes"),
    ("Google Business", 2, "google", 1500, "characters"),
    ("X", 3, "x", 280, "characters"),
    ("Slack", 4, "slack", 4000, "characters"),
]
state = st.session_state
asked = st.query_params.get
state.setdefault("rev", 1)
state.setdefault("saved", {})
state.setdefault("runs", 0)


def counted(text: str) -> list[Count]:
    extra = int(asked("wrong", 0))
    return [
        Count(name, colour, RULES[rule].length(text) + extra, most, unit, rule=rule)
        for name, colour, rule, most, unit in LIMITS
    ]


def marked(text: str, counts: list[Count]) -> list[Mark]:
    def at(place: int) -> int:
        return utf16.length(text[:place])

    marks = [Mark(at(a), at(b), kind) for a, b, kind in rules.marks("bluesky", text, lambda handle: handle in WHO)]
    tails = [(RULES[c.rule].fitting(text, c.most), c.name) for c in counts if c.rule and c.used > c.most]
    if tails:
        start, name = min(tails)
        marks.append(Mark(at(start), at(len(text)), "over", name))
    return marks


def look_up(prefix: str) -> list[tuple[str, str]] | None:
    if "hangs" in st.query_params:
        return None
    return [each for each in PEOPLE if each[0].startswith(prefix)]


def clear() -> None:
    state.rev += 1
    state.saved = {}


fields.prepare()
st.title("Fields", anchor=False)
st.link_button("A first link", "https://example.org")


@st.fragment
def write() -> None:
    state.runs += 1
    if "slow" in st.query_params:
        time.sleep(0.6)
    for number in range(int(asked("fields", 1))):
        key = f"text{number}"
        text = written(state.saved.get(key, ""), key=key, rev=state.rev)
        found = counted(text)
        composer(
            text,
            key=key,
            label=f"Text {number + 1}",
            rev=state.rev,
            counts=found[:1] if number else found,
            marks=marked(text, found),
            reader="bluesky",
            on_change=lambda new, key=key: state.saved.update({key: new}),
            suggestions=KNOWN,
            look_up=look_up,
            compact=number > 0,
            label_hidden=number > 1,
        )
        with st.container(key=f"saved{number}"):
            st.text(state.saved.get(key, ""))
    st.button("Clear", key="clear", on_click=clear)
    with st.container(key="runs"):
        st.text(str(state.runs))


write()
