"""The live text field. It counts and marks at every key as the server will; what the server then says is shown.

The browser counts by the rules in this folder's scripts, with the server's own tables (docs/decisions/0007). Where the
two differ all the same, the server's answer is what is drawn, and the difference is carried on while the text goes on.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import streamlit as st
from streamlit.components.v2 import component

from socialcore.text.rules import Name, Reader
from ui.composer import scripts

MARKED = 10_000  # units; a longer text is marked for nothing but what is too much of it

_shared = component("composer_shared", html="<i hidden></i>\n", js=scripts.shared())
_composer = component(
    "composer_text",
    html=scripts.read("composer.html"),
    css=scripts.read("composer.css"),
    js=scripts.read("composer.js"),
)


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one platform's limit a text uses; of several with one name, the nearest is shown.

    `colour` is a place in chartCategoricalColors, from 1; `detail` says what a reader would not expect,
    such as "links count 23"; `rule` is what the browser counts by, or "" if only the server can.
    """

    name: str
    colour: int
    used: int
    most: int
    unit: str = "characters"
    detail: str = ""
    rule: Name | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the text to set off, counted in UTF-16 units as JavaScript counts.

    `says` names the platform that what is "over" is too long for.
    """

    start: int
    end: int
    kind: Literal["link", "mention", "tag", "over"]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What the field completes: (handle, whose it is) after an @, (name, tags) after a #.

    A group of hashtags is a name with several tags; a single tag is its own name.
    """

    mentions: Sequence[tuple[str, str]] = ()
    tags: Sequence[tuple[str, Sequence[str]]] = ()


# Asked for handles that begin with something; None if the answer is not there yet. It must not take its time.
LookUp = Callable[[str], Sequence[tuple[str, str]] | None]


def prepare() -> None:
    """Give the page what its fields share; once on each page that has any, outside of fragments.

    It is 80 kB, which a field would send again with every change.
    """
    state: Any = st.session_state  # noqa: TID251 - a component's own matter
    state.setdefault("composer-visit", secrets.token_hex(4))
    _shared(key="composer-shared")


def composer(  # noqa: PLR0913 - a field's whole outfit, by name
    text: str,
    *,
    key: str,
    label: str,
    counts: Sequence[Count],
    rev: int | str,
    marks: Sequence[Mark] = (),
    reader: Reader | Literal[""] = "",
    on_change: Callable[[str], None] | None = None,
    placeholder: str = "",
    label_hidden: bool = False,
    compact: bool = False,
    suggestions: Suggestions = Suggestions(),
    look_up: LookUp | None = None,
    saved: bool = True,
) -> str:
    """Draw the field and return its text. Mount it in a fragment, or every pause in typing reruns the page.

    The browser sends the text 100 ms after the last key, when the field is left, and at once on
    Ctrl+Enter. What it has is never overwritten, except when `rev` changes: then `text` is put in, and
    whatever the browser still sends for the old `rev` is ignored. What is not `saved` outlives a lost
    connection, a server that is started anew and a reload of the tab. `prepare` comes first.

    Args:
        text: what `counts` and `marks` were computed from, lines ended by a line feed only: what
            `on_change` was given last, or what `written` returns.
        rev: names the server's version of the text; change it to load, clear or replace the text.
        reader: by whose rules the browser marks what is newer than `marks`.
        on_change: called with the new text before the next run.
        suggestions: what to complete at once, by what the browser knows.
        look_up: asked for more handles, without holding anything up.
        saved: whether what `on_change` was given is safe by now.
    """
    state: Any = st.session_state  # noqa: TID251 - the component's result is found nowhere else
    if "composer-visit" not in state:
        raise RuntimeError("A page with a live text field calls ui.composer.prepare() first.")
    data = {
        "key": key,
        "label": label,
        "label_hidden": label_hidden,
        "compact": compact,
        "text": text,
        "rev": rev,
        "visit": state["composer-visit"],
        "saved": saved,
        "counts": [asdict(count) for count in counts],
        "marks": [asdict(mark) for mark in marks],
        "marked": MARKED,
        "reader": reader,
        "placeholder": placeholder,
        "suggestions": _suggestions(suggestions, look_up, state.get(key, {}).get("asked")),
    }
    _composer(data=data, key=key, on_written_change=partial(_deliver, key, rev, on_change), on_asked_change=_nothing)
    return written(text, key=key, rev=rev)


def written(text: str, *, key: str, rev: int | str) -> str:
    """Read what the browser sent last for this `rev`, or else `text`; to count before drawing."""
    state: Any = st.session_state  # noqa: TID251 - the component's result is found nowhere else
    sent = state.get(key, {}).get("written")
    return sent["text"] if sent and sent["rev"] == rev else text


def _suggestions(known: Suggestions, look_up: LookUp | None, asked: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] | None = None
    if look_up and asked:
        handles = look_up(asked["prefix"])
        found = {**asked, "done": handles is not None, "handles": handles or []}
    return {"mentions": known.mentions, "tags": known.tags, "asks": look_up is not None, "found": found}


def _nothing() -> None:
    """A question is answered by the run that it starts."""


def _deliver(key: str, rev: int | str, on_change: Callable[[str], None] | None) -> None:
    state: Any = st.session_state  # noqa: TID251 - as above
    sent = state[key]["written"]
    if on_change and sent["rev"] == rev:
        on_change(sent["text"])
