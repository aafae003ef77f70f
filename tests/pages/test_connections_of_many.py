"""The connections page with plans, records, filters, and things done to several at once."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from socialcore import connections
from socialcore.connections import Connection
from tests.pages.test_connections import apps, back, came_back, configured, desk, granted, mine, platform
from tests.pages.test_pages import Desk, Visit, put, seated

__all__ = ["apps", "configured", "desk", "platform"]  # fixtures


def basic(desk: Desk, superuser: psycopg.Connection) -> None:
    superuser.execute("update accounts set plan = 'basic' where id = %s", (desk.id,))


@pytest.fixture
def many(desk: Desk) -> list[Connection]:
    """Seven connections of three platforms."""
    for n in range(3):
        desk.business.connect(f"#channel-{n}", platform="slack")
        desk.business.connect(f"Quay {n}", platform="google_business")
    return mine(desk)


def cards(visit: Visit) -> int:
    return len([key for key in visit.keys if key.startswith("head-")])


class TestPlan:
    @pytest.mark.usefixtures("apps")
    def test_lacking_a_platform_shows_what_it_adds_and_whom_to_ask(self, desk: Desk, superuser):
        basic(desk, superuser)
        visit = desk.visit("connections")
        assert "X comes with a larger plan premium" in visit.words
        assert "Slack adds posts with pictures in the channels you pick. Ask an admin to change its plan" in visit.words
        assert {"connect-bluesky", "connect-google_business"} <= visit.keys
        assert not {"connect-twitter", "connect-slack"} & visit.keys

    def test_holding_all_shows_no_prompt(self, desk: Desk):
        assert "larger plan" not in desk.visit("connections").words

    def test_that_no_plan_holds_says_so(self, desk: Desk, superuser, monkeypatch: pytest.MonkeyPatch):
        from socialcore import plans  # noqa: PLC0415

        monkeypatch.setattr(plans, "installed", lambda: {"premium": frozenset({"bluesky"})})
        assert "No plan holds it so far: the setting COMPOSER_PLANS decides." in desk.visit("connections").words

    @pytest.mark.usefixtures("apps")
    def test_changed_behind_an_open_page_is_refused_in_words(self, desk: Desk, superuser):
        visit = desk.visit("connections")
        basic(desk, superuser)

        visit.press("connect-slack")

        assert "The plan does not hold this platform" in visit.words
        assert superuser.execute("select 1 from departures where account_id = %s", (desk.id,)).fetchall() == []

    def test_that_a_connection_has_left_is_said_on_its_card_and_in_compose(self, desk: Desk, superuser):
        desk.business.connect("#general", platform="slack")
        basic(desk, superuser)
        assert "Not in the plan basic any more" in desk.visit("connections").words
        slack = next(each for each in mine(desk) if each.platform == "slack")
        visit = desk.visit("compose")
        visit.at.pills[0].set_value([str(slack.id)])
        visit.run().type("Fresh rye")
        assert "Slack is no longer in the account's plan, basic" in visit.words
        assert visit.at.button(key="publish").disabled

    def test_an_admin_is_led_to_where_it_is_changed(self, migrated, app, vault, superuser):
        from tests.conftest import make_business  # noqa: PLC0415

        admin = seated(superuser, make_business(migrated, app, vault, roles=("admin",)), None)
        basic(admin, superuser)
        visit = admin.visit("connections")
        assert "Change its plan to premium once the customer agrees." in visit.words


class TestCard:
    def test_tells_how_the_last_posts_went_and_links_the_last(self, desk: Desk, superuser):
        put(desk, superuser, "failed")
        post_id = put(desk, superuser, "published")
        superuser.execute("update deliveries set changed_at = now() + interval '1 s' where post_id = %s", (post_id,))
        (number, url) = superuser.execute(
            "select p.number, d.url from posts p join deliveries d on d.post_id = p.id where p.id = %s", (post_id,)
        ).fetchone()

        visit = desk.visit("connections")

        assert "1 of 2  published" in visit.words
        assert f"Last post P-{number}" in visit.words
        assert f"/posts?post={post_id}" in visit.links
        assert url is None or url in visit.links

    def test_says_that_nothing_was_sent_yet(self, desk: Desk):
        said = desk.visit("connections").words
        assert "nothing sent yet" in said
        assert "Last post none yet" in said

    def test_says_in_how_long_the_sign_in_ends(self, desk: Desk, superuser):
        assert desk.connection
        superuser.execute(
            "update grants set ends_at = now() + %s where id = %s",
            (timedelta(days=3, hours=1), desk.connection.grant_id),
        )
        assert "Sign-in ends in 3 days, " in desk.visit("connections").words

    def test_says_what_disconnecting_holds_back(self, desk: Desk, superuser):
        assert desk.connection
        put(desk, superuser, "queued")
        visit = desk.visit("connections").press(f"disconnect-{desk.connection.id}")
        assert "1 post that waits, due " in visit.words


class TestMany:
    def test_are_filtered_by_platform_state_and_words(self, desk: Desk, many, superuser):
        superuser.execute(
            "update connections set check_failure = 'away', health = 'down' where account_id = %s and name = 'Quay 1'",
            (desk.id,),
        )
        visit = desk.visit("connections")
        assert cards(visit) == 7
        visit.at.selectbox(key="filter_platform").set_value("google_business")
        assert cards(visit.run()) == 3
        visit.at.selectbox(key="filter_state").set_value("unreachable")
        assert cards(visit.run()) == 1
        visit.at.selectbox(key="filter_platform").set_value(None)
        visit.at.selectbox(key="filter_state").set_value(None)
        visit.at.text_input(key="search_connections").set_value("channel-2")
        assert cards(visit.run()) == 1
        visit.at.text_input(key="search_connections").set_value("nowhere")
        assert "No connection is like that." in visit.run().words

    def test_few_need_no_filter(self, desk: Desk):
        assert "filter_platform" not in desk.visit("connections").keys

    def test_what_is_chosen_is_checked_and_nothing_else(self, desk: Desk, many, superuser):
        one, two = many[0], many[3]
        visit = desk.visit("connections")
        for each in (one, two):
            visit.at.checkbox(key=f"chosen-{each.id}").set_value(True)
        visit.run()
        assert visit.at.button(key="check_all").label == "Check 2 chosen"
        visit.press("check_all")
        asked = superuser.execute(
            "select connection_id from duties where account_id = %s and kind = 'check'", (desk.id,)
        ).fetchall()
        assert {row[0] for row in asked} == {one.id, two.id}

    def test_what_is_shown_is_checked_while_nothing_is_chosen(self, desk: Desk, many, superuser):
        visit = desk.visit("connections")
        visit.at.selectbox(key="filter_platform").set_value("slack")
        visit.run().press("check_all")
        asked = superuser.execute("select count(*) from duties where account_id = %s", (desk.id,)).fetchone()
        assert asked == (3,)

    def test_disconnecting_several_says_what_is_held_and_asks_first(self, desk: Desk, many, superuser):
        assert desk.connection
        put(desk, superuser, "queued")
        visit = desk.visit("connections").press("choose_all").press("disconnect_chosen")
        assert "Disconnect 7 connections from Business" in visit.words
        assert f"@{desk.connection.name} :  1 post that waits" in visit.words
        assert all(each.is_usable for each in mine(desk))

        visit.press("keep_chosen")
        assert all(each.is_usable for each in mine(desk))
        visit.press("disconnect_chosen").press("really_chosen")

        assert "7 connections disconnected" in visit.words
        assert not any(each.is_usable for each in mine(desk))
        held = superuser.execute("select state from deliveries where account_id = %s", (desk.id,)).fetchall()
        assert held == [("queued",)]

    def test_what_the_filter_hides_is_not_disconnected(self, desk: Desk, many):
        visit = desk.visit("connections").press("choose_all")
        visit.at.selectbox(key="filter_platform").set_value("slack")
        visit.run().press("disconnect_chosen").press("really_chosen")
        assert {each.platform for each in mine(desk) if not each.is_usable} == {"slack"}

    def test_whoever_may_only_look_chooses_nothing(self, migrated, app, vault, superuser, platform):
        from tests.conftest import make_business  # noqa: PLC0415

        owner = seated(superuser, make_business(migrated, app, vault, roles=("product_owner",)), platform)
        owner.business.connect("second.test")
        keys = owner.visit("connections").keys
        assert not [key for key in keys if key.startswith(("chosen-", "check_all", "choose_all"))]

    def test_more_than_a_page_are_paged(self, desk: Desk):
        for n in range(14):
            desk.business.connect(f"shop-{n:02}.test")
        assert cards(desk.visit("connections")) == 12


class TestGivingBack:
    def test_is_asked_first_and_takes_it_from_the_page(self, desk: Desk, superuser):
        visit = back(desk, came_back(desk, granted(uuid4().hex))).press("close_connect")
        key = next(key for key in visit.keys if key.startswith("give_back-"))
        visit.press(key)
        assert "Give the sign-in at Slack back?" in visit.words
        assert "turns the app off in the whole workspace" in visit.words

        visit.press("give_back_now")

        assert "The sign-in at Slack goes back" in visit.words
        assert not [key for key in visit.keys if key.startswith(("more-", "give_back"))]
        asked = superuser.execute(
            "select kind, platform, connection_id from duties where account_id = %s", (desk.id,)
        ).fetchall()
        assert asked == [("revoke", "slack", None)]

    def test_is_not_offered_for_what_something_was_picked_from(self, desk: Desk):
        visit = back(desk, came_back(desk, granted(uuid4().hex)))
        visit.at.multiselect[0].select("#general · Harbor Bakery")
        visit.run().press("do_pick")
        assert [key for key in visit.keys if key.startswith("more-")]
        assert not [key for key in visit.keys if key.startswith("give_back-")]
        with desk.business.scope() as scope:
            assert connections.of_account(scope)


@pytest.mark.usefixtures("apps")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bluesky", "Make an app password."),
        ("twitter", "Sign in at X as the account to publish as."),
        ("slack", "Invite the app to each channel."),
    ],
)
def test_every_wizard_says_what_to_prepare(desk: Desk, name: str, says: str):
    assert says in desk.visit("connections").press(f"connect-{name}").words
