"""Pictures of a draft, as the page takes them from the browser and keeps them."""

# ruff: noqa: SLF001 - a component's own message
import io
import json

import psycopg
import pytest
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState

from socialcore import drafts, media
from socialcore.pictures import Box
from socialcore.posts import Content, MediaReference
from socialcore.stores import InDatabase
from tests.pages.test_pages import Desk, Visit, _data, configured, desk, platform

__all__ = ["configured", "desk", "platform"]  # the fixtures

NOT_STORED = "A file is not stored yet: wait, or leave it."


def library(desk: Desk) -> media.Library:
    return media.of_operator(desk.business.app, desk.business.operator_id, desk.id, InDatabase())


def photo(desk: Desk, colour: str = "orange") -> str:
    written = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(written, "PNG")
    return library(desk).keep_picture(written.getvalue()).id


def told(visit: Visit) -> dict:
    return _data(visit._component(lambda key: key.startswith("media-")))


def attach(visit: Visit, *attached: dict, uploading: int = 0, rev: str | None = None) -> Visit:
    """Say what is attached, as the component's script says it."""
    drawn = visit._component(lambda key: key.startswith("media-"))
    rev = rev or _data(drawn)["rev"]
    said = {"attached": {"rev": rev, "attached": list(attached)}, "uploading": {"rev": rev, "files": uploading}}
    return visit._tell(WidgetState(id=drawn.proto.id, json_value=json.dumps(said)))


def stored(desk: Desk) -> Content:
    with desk.business.scope() as scope:
        return drafts.current(scope).content


def chosen(desk: Desk) -> Visit:
    return desk.visit("compose", account=desk.id).type("Rolls from eight")


def test_is_kept_with_every_change_and_there_again_after_a_reload(desk: Desk):
    rolls, loaf = photo(desk), photo(desk, "brown")
    visit = chosen(desk)

    attach(visit, {"id": loaf, "alt": "A loaf", "at": {}}, {"id": rolls, "alt": "", "at": {}})

    assert stored(desk).media == (MediaReference(id=loaf, alt="A loaf"), MediaReference(id=rolls))
    assert stored(desk).text == "Rolls from eight"
    again = told(desk.visit("compose", account=desk.id))
    assert [(each["id"], each["alt"], each["width"]) for each in again["attached"]] == [
        (loaf, "A loaf", 400),
        (rolls, "", 400),
    ]


def test_typing_afterwards_keeps_it(desk: Desk):
    rolls = photo(desk)
    visit = attach(chosen(desk), {"id": rolls, "alt": "Rolls", "at": {}})

    visit.type("Rolls from nine")

    assert stored(desk) == Content(text="Rolls from nine", media=(MediaReference(id=rolls, alt="Rolls"),))


def test_a_crop_for_a_platform_is_known_again_with_its_frame(desk: Desk):
    rolls = photo(desk)
    box = Box(0, 0, 300, 300)
    cut = library(desk).crop(rolls, box).id

    attach(chosen(desk), {"id": rolls, "alt": "Rolls", "at": {"bluesky": cut}})

    assert stored(desk).media_for("bluesky") == (MediaReference(id=cut, alt="Rolls"),)
    assert stored(desk).media == (MediaReference(id=rolls, alt="Rolls"),)
    (again,) = told(desk.visit("compose", account=desk.id))["attached"]
    assert again["at"] == {"bluesky": {"id": cut, "box": {"x": 0, "y": 0, "width": 300, "height": 300}}}


def test_nothing_is_published_while_a_file_is_on_its_way(desk: Desk):
    visit = chosen(desk)

    attach(visit, uploading=1)

    button = visit.at.button(key="publish")
    assert (button.disabled, button.proto.help) == (True, NOT_STORED)
    attach(visit)
    assert not visit.at.button(key="publish").disabled


def test_what_is_published_is_what_the_browser_has(desk: Desk, superuser: psycopg.Connection):
    rolls = photo(desk)
    attach(chosen(desk), {"id": rolls, "alt": "Rolls", "at": {}}).press("publish")

    (published,) = superuser.execute("select content->'media' from posts where account_id = %s", (desk.id,)).fetchone()
    assert published == [{"id": rolls, "alt": "Rolls"}]


def test_words_of_an_older_draft_are_not_taken_for_this_one(desk: Desk):
    rolls = photo(desk)

    attach(chosen(desk), {"id": rolls, "alt": "", "at": {}}, rev="another")

    assert stored(desk).media == ()


@pytest.mark.parametrize("attached", [{"id": "no id"}, {"alt": 7}])
def test_nonsense_from_a_browser_changes_nothing(desk: Desk, attached: dict):
    rolls = photo(desk)
    visit = attach(chosen(desk), {"id": rolls, "alt": "Rolls", "at": {}})

    attach(visit, attached)

    assert stored(desk).media == (MediaReference(id=rolls, alt="Rolls"),)


def test_a_picture_of_another_account_is_nothing_here(desk: Desk, florist):
    """Its id alone opens nothing: it is shown as gone, and cannot be published."""
    written = io.BytesIO()
    Image.new("RGB", (400, 300), "pink").save(written, "PNG")
    theirs = media.of_operator(florist.app, florist.operator_id, florist.account_id, InDatabase())
    roses = theirs.keep_picture(written.getvalue()).id

    visit = attach(chosen(desk), {"id": roses, "alt": "", "at": {}})

    assert "width" not in told(visit)["attached"][0]
    visit.press("publish")
    assert "no longer stored" in visit.words
