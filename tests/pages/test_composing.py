"""The compose page's texts, threads, options and preview, as Streamlit runs them; only the browser is missing."""

# ruff: noqa: F811, SLF001 - fixtures and helpers of the pages' tests
import json
from datetime import datetime
from typing import Any

import psycopg
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.pages.test_pages import (  # noqa: F401
    Desk,
    Visit,
    _data,
    _inside,
    configured,
    desk,
    platform,
)

LONG = "Fresh knots leave the oven at noon. " * 12  # 432 characters


@pytest.fixture
def everywhere(desk: Desk) -> Desk:
    """One account, connected on every platform; of the other three nobody is called."""
    for other in ("google_business", "twitter", "slack"):
        desk.business.connect(f"{other}-target", platform=other)
    return desk


def composing(desk: Desk, *platforms: str, text: str = "") -> Visit:
    visit = desk.visit("compose")
    by_platform = {each.platform: str(each.id) for each in desk.business.connections.values()}
    pills(visit, desk).set_value([by_platform[each] for each in platforms]).run()
    if text:
        write(visit, "shared-0", text)
    return visit


def pills(visit: Visit, desk: Desk) -> Any:
    return visit.at.button_group(key=f"to-{desk.business.account_id}")


def fields(visit: Visit) -> dict[str, str]:
    """The text fields on the page: whose they are, and what stands in them."""
    found = [each for each in visit._elements() if each.type == "bidi_component" and "text-" in (each.key or "")]
    return {each.key[len("text-") + 37 :]: _data(each)["text"] for each in found}


def write(visit: Visit, field: str, text: str) -> None:
    component = visit._component(lambda key: key.startswith("text-") and key.endswith(f"-{field}"))
    sent = {"written": {"rev": _data(component)["rev"], "text": text}}
    visit._tell(WidgetState(id=component.proto.id, json_value=json.dumps(sent)))


def previews(visit: Visit) -> list[str]:
    return [_inside(each) for each in _data(visit._component("previews".__eq__))["tree"][0][2]]


def choose(visit: Visit, desk: Desk, whose: str) -> Visit:
    visit.at.button_group(key=f"text-{desk.business.account_id}-for").set_value(whose).run()
    return visit._fine()


def content_of(desk: Desk, superuser: psycopg.Connection) -> dict[str, Any]:
    row = superuser.execute(
        "select content from posts where account_id = %s order by number desc limit 1", (desk.business.account_id,)
    ).fetchone()
    assert row
    return row[0]


def rendered_of(desk: Desk, superuser: psycopg.Connection, name: str) -> list[dict[str, Any]]:
    rows = superuser.execute(
        "select d.rendered from deliveries d where d.account_id = %s and d.connection_id = %s order by d.part",
        (desk.business.account_id, desk.business.connections[name].id),
    )
    return [row[0] for row in rows]


class TestVariants:
    def test_one_platform_has_one_text_and_nothing_to_choose(self, desk: Desk):
        visit = desk.visit("compose")

        assert list(fields(visit)) == ["shared-0"]
        assert f"text-{desk.business.account_id}-for" not in visit.keys

    def test_a_platform_gets_a_text_of_its_own_and_the_others_keep_theirs(self, everywhere: Desk, superuser):
        visit = composing(everywhere, "twitter", "slack", text="Fresh knots at noon")
        choose(visit, everywhere, "twitter").press("own_text")
        assert fields(visit) == {"twitter-0": "Fresh knots at noon"}

        write(visit, "twitter-0", "Knots at noon")

        assert "What differs from the shared text:" in visit.words
        assert ["Knots at noon" in each for each in previews(visit)] == [True, False]
        visit.press("publish")
        assert [each["text"] for each in rendered_of(everywhere, superuser, "twitter-target")] == ["Knots at noon"]
        assert [each["text"] for each in rendered_of(everywhere, superuser, "slack-target")] == ["Fresh knots at noon"]

    def test_the_shared_text_comes_back(self, everywhere: Desk, superuser):
        visit = composing(everywhere, "twitter", "slack", text="Fresh knots at noon")
        choose(visit, everywhere, "twitter").press("own_text")
        write(visit, "twitter-0", "Knots at noon")

        visit.press("use_shared")

        assert content_of_draft(everywhere, superuser)["variants"] == {}
        assert all("Fresh knots at noon" in each for each in previews(visit))

    def test_both_texts_outlive_the_window(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", "slack", text="Fresh knots at noon")
        choose(visit, everywhere, "twitter").press("own_text")
        write(visit, "twitter-0", "Knots at noon")

        again = everywhere.visit("compose")

        assert fields(again) == {"shared-0": "Fresh knots at noon"}
        assert fields(choose(again, everywhere, "twitter")) == {"twitter-0": "Knots at noon"}

    def test_counts_are_of_those_who_share_the_text(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", "slack", text="Fresh knots at noon")
        choose(visit, everywhere, "twitter").press("own_text")
        choose(visit, everywhere, "shared")

        counted = {line.partition(" ")[0] for line in visit.lines if " / " in line and "characters" in line}

        assert counted == {"Slack"}


def content_of_draft(desk: Desk, superuser: psycopg.Connection) -> dict[str, Any]:
    row = superuser.execute("select content from drafts where account_id = %s", (desk.business.account_id,)).fetchone()
    assert row
    return row[0]


class TestThreads:
    def test_a_text_too_long_is_split_where_it_is_too_long(self, everywhere: Desk, superuser):
        visit = composing(everywhere, "twitter", "slack", text=LONG)
        assert visit.at.button(key="publish").disabled

        visit.press("split-twitter")

        assert list(fields(visit)) == ["twitter-0", "twitter-1"]
        assert [each[-3:] for each in fields(visit).values()] == ["1/2", "2/2"]
        visit.press("publish")
        parts = rendered_of(everywhere, superuser, "twitter-target")
        assert [each["text"][-3:] for each in parts] == ["1/2", "2/2"]
        assert [each["text"] for each in rendered_of(everywhere, superuser, "slack-target")] == [LONG]

    def test_posts_are_added_and_taken_away_by_hand(self, everywhere: Desk, superuser):
        visit = composing(everywhere, "twitter", text="One")
        visit.press("add_part")
        write(visit, "shared-1", "Two")
        visit.press("add_part")
        write(visit, "shared-2", "Three")
        assert fields(visit) == {"shared-0": "One", "shared-1": "Two", "shared-2": "Three"}

        visit.press("remove_part")
        assert fields(visit) == {"shared-0": "One", "shared-1": "Two"}
        assert "thread of 2" in previews(visit)[0]

        visit.press("publish")
        assert [each["text"] for each in rendered_of(everywhere, superuser, "twitter-target")] == ["One", "Two"]

    def test_a_thread_becomes_one_text_again(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", text="One")
        visit.press("add_part")
        write(visit, "shared-1", "Two")

        visit.press("join_parts")

        assert fields(visit) == {"shared-0": "One\n\nTwo"}

    def test_an_empty_post_of_a_thread_is_said(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", text="One")

        visit.press("add_part")

        assert visit.at.button(key="publish").disabled

    def test_a_platform_without_threads_says_so_and_gets_one_text(self, everywhere: Desk):
        visit = composing(everywhere, "google_business", "twitter", text="One")
        visit.press("add_part")
        write(visit, "shared-1", "Two")
        assert "Google Business has no threads" in visit.words

        choose(visit, everywhere, "google_business").press("own_text")

        assert fields(visit) == {"google_business-0": "One\n\nTwo"}
        assert "Google Business has no threads" not in visit.words


class TestOptions:
    def option(self, visit: Visit, name: str) -> str:
        return next(key for key in visit.keys if key.startswith("option-") and key.endswith(f"-{name}"))

    def test_an_offer_is_asked_for_and_sent_as_chosen(self, everywhere: Desk, superuser):
        visit = composing(everywhere, "google_business", text="Half price")
        visit.at.selectbox(key=self.option(visit, "topic")).set_value(2).run()
        assert "Google Business: an event or an offer needs a title" in visit.words
        visit.at.text_input(key=self.option(visit, "title")).set_value("Happy hour").run()
        visit.at.text_input(key=self.option(visit, "coupon")).set_value("KNOTS").run()
        for name, at in (("start", "2026-12-01T16:00"), ("end", "2026-12-01T18:00")):
            visit.at.datetime_input(key=self.option(visit, name)).set_value(datetime.fromisoformat(at)).run()

        (shown,) = previews(visit)
        assert "Happy hour" in shown
        assert "Tue 1 Dec 16:00 to Tue 1 Dec 18:00" in shown
        assert "Coupon KNOTS" in shown
        visit.press("publish")
        (sent,) = rendered_of(everywhere, superuser, "google_business-target")
        assert sent["post"]["topicType"] == "OFFER"
        assert sent["post"]["offer"] == {"couponCode": "KNOTS"}
        assert sent["post"]["event"]["title"] == "Happy hour"

    def test_what_is_not_asked_for_any_more_is_not_sent(self, everywhere: Desk, superuser):
        visit = composing(everywhere, "google_business", text="Half price")
        visit.at.selectbox(key=self.option(visit, "topic")).set_value(2).run()
        visit.at.text_input(key=self.option(visit, "coupon")).set_value("KNOTS").run()

        visit.at.selectbox(key=self.option(visit, "topic")).set_value(0).run()

        visit.press("publish")
        assert content_of(everywhere, superuser)["variants"] == {}

    def test_choices_outlive_the_window(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", text="Knots")
        visit.at.selectbox(key=self.option(visit, "reply_settings")).set_value(1).run()

        again = everywhere.visit("compose")

        assert again.at.selectbox(key=self.option(again, "reply_settings")).value == 1
        assert "Replies: accounts it follows" in previews(again)[0]


class TestPreview:
    def test_what_will_be_sent_is_the_request_itself(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", "slack", text="Knots & rye")

        visit.at.toggle(key="requests").set_value(True).run()

        requests = [json.loads(each.value) for each in visit.at.code]
        assert requests[0]["body"] == {"text": "Knots & rye"}
        assert requests[1]["body"]["text"] == "Knots &amp; rye"
        assert requests[1]["body"]["channel"] == everywhere.business.connections["slack-target"].target_id

    def test_what_x_charges_is_said(self, everywhere: Desk):
        visit = composing(everywhere, "twitter", text="Knots at https://harborbakery.com")

        assert "costs $0.200" in previews(visit)[0]

    def test_a_text_somebody_else_writes_meanwhile_is_not_overwritten(self, everywhere: Desk, superuser):
        """A button of a window that was left behind changes nothing of the draft that follows."""
        left = composing(everywhere, "twitter", text="One")
        everywhere.visit("compose").press("discard")

        left.press("add_part")

        assert content_of_draft(everywhere, superuser) == {}
        assert "This text is no longer your draft" in left.words
