"""The live text field. Python counts and finds links; the browser draws what Python found.

What is shown under the field was always counted on the server; while the text in the browser is newer
than what was counted, the counts are dimmed. The browser never counts, so the two cannot disagree.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from streamlit.components.v2 import component

HERE = Path(__file__).resolve().parent

_composer = component(
    "composer_text",
    html=(HERE / "composer.html").read_text("utf-8"),
    css=(HERE / "composer.css").read_text("utf-8"),
    js=(HERE / "composer.js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one platform's limit a text uses.

    `colour` is a place in chartCategoricalColors, from 1; `detail` says what a reader would not expect,
    such as "links count 23".
    """

    name: str
    colour: int
    used: int
    most: int
    unit: str = "characters"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the text to set off, counted in UTF-16 units as JavaScript counts."""

    start: int
    end: int
    kind: Literal["link", "mention", "tag", "over"]


def composer(
    text: str,
    *,
    key: str,
    label: str,
    counts: Sequence[Count],
    rev: int | str,
    marks: Sequence[Mark] = (),
    on_change: Callable[[str], None] | None = None,
    placeholder: str = "",
) -> str:
    """Draw the field and return its text. Mount it in a fragment, or every pause in typing reruns the page.

    The browser sends the text 150 ms after the last key, when the field is left, and at once on
    Ctrl+Enter. What it has is never overwritten, except when `rev` changes: then `text` is put in, and
    whatever the browser still sends for the old `rev` is ignored.

    Args:
        text: what `counts` and `marks` were computed from, lines ended by a line feed only: what
            `on_change` was given last, or what `written` returns.
        rev: names the server's version of the text; change it to load, clear or replace the text.
        on_change: called with the new text before the next run.
    """
    data = {
        "label": label,
        "text": text,
        "rev": rev,
        "counts": [asdict(count) for count in counts],
        "marks": [asdict(mark) for mark in marks],
        "placeholder": placeholder,
    }
    _composer(data=data, key=key, on_written_change=partial(_deliver, key, rev, on_change))
    return written(text, key=key, rev=rev)


def written(text: str, *, key: str, rev: int | str) -> str:
    """Read what the browser sent last for this `rev`, or else `text`; to count before drawing."""
    state: Any = st.session_state  # noqa: TID251 - the component's result is found nowhere else
    sent = state.get(key, {}).get("written")
    return sent["text"] if sent and sent["rev"] == rev else text


def _deliver(key: str, rev: int | str, on_change: Callable[[str], None] | None) -> None:
    state: Any = st.session_state  # noqa: TID251 - as above
    sent = state[key]["written"]
    if on_change and sent["rev"] == rev:
        on_change(sent["text"])
