"""The keys that save a way with the mouse, and the list of all of them."""

import streamlit as st

from socialcore.operators import Capability, Operator
from ui import session, shell
from ui.parts import table
from ui.view import h, show

KEYS = (
    ("Alt + N", "Write a post", "everywhere"),
    ("Alt + K", "This list", "everywhere"),
    ("@ or #", "Complete a mention or a hashtag: arrows choose, Enter takes, Esc closes", "in a text"),
    ("Ctrl + Enter", "Save and count now, without waiting for a pause", "in a text"),
    ("Ctrl + V", "Attach the picture in the clipboard", "on Compose"),
    ("Arrows", "Go from day to day; Tab then reaches what the day holds", "in the calendar"),
    ("Tab, arrows, Space", "Move and press: everything works without a mouse", "everywhere"),
)


def draw(operator: Operator) -> None:
    """Draw the two buttons that have keys of their own, in the sidebar."""
    if operator.may(Capability.PUBLISH):
        st.button("Write a post", key="write_a_post", icon=":material/edit:", type="tertiary", shortcut="Alt+N",
                  on_click=shell.go_to, args=("compose",))  # fmt: skip
    st.button("Shortcuts", key="shortcuts", icon=":material/keyboard:", type="tertiary", shortcut="Alt+K",
              on_click=_open)  # fmt: skip
    if session.kept("shortcuts"):
        _list()


def _open() -> None:
    session.keep("shortcuts", value=True)


def _close() -> None:
    session.keep("shortcuts", value=False)


@st.dialog("Keyboard shortcuts", on_dismiss=_close)
def _list() -> None:
    rows = [(h("b", keys), does, where) for keys, does, where in KEYS]
    show(table(("Keys", "What they do", "Where"), rows, caption="Keyboard shortcuts"), key="keys")
    st.button("Close", key="close_shortcuts", on_click=_close)
