"""What is described for drawing, before any browser sees it."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui import parts, view
from ui.parts import strip
from ui.platforms import PLATFORMS, mark
from ui.states import CONNECTION, DELIVERY, FLAG, JUDGED, badge, delivery_badge
from ui.view import ICONS, Element, Node, h, icon

STATIC = Path(view.__file__).with_name("static")
STATES = {**DELIVERY, **CONNECTION, **FLAG, **JUDGED}


def words(node: Node) -> str:
    return node if isinstance(node, str) else "".join(words(child) for child in node.children)


def test_h_builds_what_it_says():
    node = h("span.badge.red", "Failed", h("b", "!"), title="Why", aria_label="Failed", for_="x", data_label=None)
    assert node == Element(
        "span",
        {"class": "badge red", "title": "Why", "aria-label": "Failed", "for": "x"},
        ("Failed", Element("b", {}, ("!",))),
    )


def test_none_is_left_out():
    assert h("p", None, "a", None, "") == Element("p", {}, ("a", ""))


def test_a_tree_travels_as_lists():
    assert json.loads(json.dumps(h("p", h("b", "<i>")))) == ["p", {}, [["b", {}, ["<i>"]]]]


def test_an_icon_is_decoration_unless_named():
    assert icon("check").attributes["aria-hidden"] == "true"
    assert icon("check", "Done").attributes["role"] == "img"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Harbor Bakery", "HB"),
        ("Cedar & Pine Florist", "CP"),
        ("Bluebird", "B"),
        ("3 Brothers Garage", "3B"),
        ("“Old Mill” Hardware", "OM"),
        ("élan vital", "ÉV"),
        ("ßtraße Süd", "SS"),
        ("& · &", ""),
        ("", ""),
    ],
)
def test_initials(name: str, short: str):
    assert parts.initials(name) == short


def test_every_delivery_state_has_its_words():
    assert list(DELIVERY) == [
        *("queued", "scheduled", "held", "sending", "publishing", "retrying"),
        *("checking", "published", "withdrawing", "withdrawn", "still_public"),
        *("needs_review", "failed", "missed", "cancelled"),
    ]


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_state_is_icon_word_and_meaning(state):
    assert state.icon in ICONS
    assert state.word
    assert state.means.endswith(".")
    drawn = badge(state, detail="10:47")
    assert words(drawn) == f"{state.word}10:47"
    assert drawn.attributes == {"class": f"badge {state.colour}", "title": state.means}


def test_no_two_states_of_a_kind_look_alike():
    for kind in (DELIVERY, CONNECTION, JUDGED):
        assert len({(state.colour, state.icon) for state in kind.values()}) == len(kind)
        assert len({state.word for state in kind.values()}) == len(kind)


def test_a_delivery_names_its_platform():
    drawn = delivery_badge("twitter", "scheduled", "12:00")
    assert words(drawn) == "Scheduled 12:00"
    assert drawn.children[0] == mark("twitter", size="small")


def test_the_platforms_keep_their_order_and_have_their_images():
    assert list(PLATFORMS) == ["bluesky", "google_business", "twitter", "slack"]
    assert [each.colour for each in PLATFORMS.values()] == [1, 2, 3, 4]
    assert all((STATIC / each.file).is_file() for each in PLATFORMS.values())


def test_a_strip_counts_what_it_draws():
    bars, caption = strip("x" + "o" * 17 + "?o" * 2).children
    assert len(bars.children) == 20
    assert bars.attributes["aria-label"] == "18 of 20 published"
    assert words(caption) == "older18 of 20 publishednow"
    assert words(strip("...")) == "oldernothing sent yetnow"


def test_a_table_stacks_from_four_columns():
    kinds = [parts.table(["a"] * n, [["1"] * n], caption="x").children[0].attributes.get("class") for n in (3, 4, 6)]
    assert kinds == [None, "stacks", "stacks many"]


def test_the_undo_ring_starts_at_the_share_that_is_left():
    ring = parts.undo_bar("Sent", "Nothing has been sent.", 5, 10, "undo").children[0]
    assert ring.children[0].attributes["vars"] == {"--share": "50", "--time": "5s"}


@pytest.mark.parametrize(
    ("label", "drawn"), [("On", ":gray[On]"), (":red[6]", ":red[6]"), ("![](x.svg)", "![](x.svg)")]
)
def test_quiet_leaves_markdown_alone(label: str, drawn: str):
    assert parts.quiet(label) == drawn


FIELD = """
import streamlit as st
from ui.composer import Count, composer, prepare, written

prepare()
text = written("From the server", key="text", rev=2)
count = Count("Bluesky", 1, len(text), 300)
st.text(composer(text, key="text", label="Text", counts=[count], rev=2))
"""


@pytest.mark.parametrize(("rev", "text"), [(2, "From the browser"), (1, "From the server")])
def test_the_browsers_text_counts_only_for_the_same_revision(rev: int, text: str):
    page = AppTest.from_string(FIELD, default_timeout=30).run()  # a busy machine is no failure
    assert page.text[0].value == "From the server"
    page.session_state["text"] = {"written": {"rev": rev, "text": "From the browser"}}
    page.run()
    assert not page.exception
    assert page.text[0].value == text
