"""The posts page as Streamlit runs it: filters, pages, what can be done with a post; and the inbox in the sidebar."""

# ruff: noqa: F811 - fixtures are named where they are used
from uuid import UUID

import psycopg
import pytest
import sqlalchemy.exc

from socialcore import tellings
from tests.conftest import Business
from tests.pages.test_pages import NOBODY, Desk, Visit, configured, desk, other, platform, put, seated  # noqa: F401
from ui import postfilter

NOBODY = "5a1e0000-0000-4000-8000-000000000000"  # an id that nothing has


def words_of(visit: Visit) -> str:
    return " ".join(visit.words.split())


def duties_of(desk: Desk, superuser: psycopg.Connection, kind: str) -> list[tuple]:
    asked = "select delivery_id, asked_by from duties where account_id = %s and kind = %s"
    return superuser.execute(asked, (desk.id, kind)).fetchall()


def delivery_of(post_id: UUID, superuser: psycopg.Connection) -> tuple[UUID, str]:
    found = superuser.execute("select id, state from deliveries where post_id = %s", (post_id,)).fetchone()
    assert found
    return found


class TestFilters:
    @pytest.fixture(autouse=True)
    def submitted(self, desk: Desk, superuser: psycopg.Connection) -> None:
        for state in ("published", "failed", "cancelled"):
            put(desk, superuser, state)

    @pytest.mark.parametrize(
        ("address", "shown", "hidden"),
        [
            ({}, ["Published", "Failed", "Cancelled", "3 posts"], []),
            ({"state_filter": "failed"}, ["Failed", "1 post"], ["Cancelled"]),
            ({"state_filter": "attention"}, ["1 post"], []),
            ({"state_filter": "withdrawn"}, ["No post is like that."], ["1 post"]),
            ({"platform_filter": "bluesky"}, ["3 posts"], []),
            ({"platform_filter": "slack"}, ["No post is like that."], []),
            ({"words_filter": "RYE"}, ["3 posts"], []),
            ({"words_filter": "cake"}, ["No post is like that."], []),
            ({"until_filter": "2020-01-01"}, ["No post is like that."], []),
            ({"since_filter": "2020-01-01"}, ["3 posts"], []),
            ({"account_filter": NOBODY, "state_filter": "nonsense", "since_filter": "x"}, ["3 posts"], []),
        ],
        ids=str,
    )
    def test_are_what_the_address_says(self, desk: Desk, address: dict[str, str], shown: list[str], hidden: list[str]):
        visit = desk.visit("posts", **address)

        for each in shown:
            assert each in visit.words
        for each in hidden:
            assert each not in visit.words

    def test_stand_in_the_address_and_can_be_cleared(self, desk: Desk):
        visit = desk.visit("posts")
        visit.at.selectbox(key="state_filter").set_value("missed")
        visit.run()
        assert "No post is like that." in visit.words
        assert visit.at.query_params["state_filter"] == "missed"

        visit.press("clear").run()

        assert "3 posts" in visit.words
        assert "state_filter" not in visit.at.query_params

    def test_stay_when_another_page_was_open(self, desk: Desk):
        visit = desk.visit("posts")
        visit.at.text_input(key="words_filter").set_value("cake")
        visit.run().open("overview").open("posts")

        assert "No post is like that." in visit.words

    def test_older_posts_are_a_page_away(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(postfilter, "ON_A_PAGE", 2)
        visit = desk.visit("posts")
        assert ("Cancelled" in visit.words, "2 of 3 posts" in visit.words) == (True, True)

        visit.press("older")
        assert "1 of 3 posts" in visit.words
        assert "older" not in visit.keys
        visit.press("latest")
        assert "2 of 3 posts" in visit.words


class TestTakingDown:
    def test_asks_first_and_says_what_will_happen_where(self, desk: Desk, superuser: psycopg.Connection):
        post_id = put(desk, superuser, "published")
        assert desk.connection
        visit = desk.visit("posts", post=post_id).press("take_down_all")

        assert desk.connection.name in visit.words
        assert "It is deleted there." in visit.words
        assert duties_of(desk, superuser, "withdraw") == []

        visit.at.text_input(key="take_down_reason").set_value("Closed today")
        visit.press("take_down")

        delivery_id, _ = delivery_of(post_id, superuser)
        assert duties_of(desk, superuser, "withdraw") == [(delivery_id, desk.business.operator_id)]
        visit = desk.visit("posts", post=post_id)
        assert "Taking down" in visit.words
        assert "Why: Closed today" in visit.words
        assert "take_down_all" not in visit.keys

    def test_what_waits_is_stopped(self, desk: Desk, superuser: psycopg.Connection):
        post_id = put(desk, superuser, "queued")

        desk.visit("posts", post=post_id).press("take_down_all").press("take_down")

        assert delivery_of(post_id, superuser)[1] == "cancelled"

    def test_says_when_it_is_gone_and_when_it_is_not(self, desk: Desk, superuser: psycopg.Connection):
        post_id = put(desk, superuser, "published")
        desk.visit("posts", post=post_id).press("take_down_all").press("take_down")
        superuser.execute(
            "update duties set done_at = now(), outcome = 'Bluesky refused: no. Next: take it down by hand.'"
            " where account_id = %s",
            (desk.id,),
        )
        visit = desk.visit("posts", post=post_id)
        assert "Still public" in visit.words
        assert "Bluesky refused: no. Next: take it down by hand." in visit.words
        assert "take_down_all" in visit.keys

        superuser.execute("update deliveries set withdrawn_at = now() where post_id = %s", (post_id,))
        visit = desk.visit("posts", post=post_id)
        assert "Taken down" in visit.words
        assert "Seen to be gone" in visit.words
        assert "take_down_all" not in visit.keys

    def test_is_not_for_who_may_not_publish(
        self, desk: Desk, other: Desk, superuser: psycopg.Connection, florist: Business
    ):
        superuser.execute("update operators set roles = '{product_owner}' where id = %s", (desk.business.operator_id,))
        visit = desk.visit("posts", post=put(desk, superuser, "published"))

        assert not {"take_down_all", "copy", "send_failed"} & set(visit.keys)


class TestEditing:
    def test_is_off_with_the_reason_where_the_platform_takes_none(self, desk: Desk, superuser: psycopg.Connection):
        post_id = put(desk, superuser, "published")
        visit = desk.visit("posts", post=post_id)

        edit = visit.at.button(key=f"edit-{delivery_of(post_id, superuser)[0]}")

        assert edit.disabled
        assert "likes and replies" in edit.proto.help
        assert "Take it down and write it anew instead." in edit.proto.help


class TestSendingAgain:
    def test_sends_only_what_failed(self, desk: Desk, superuser: psycopg.Connection):
        post_id = put(desk, superuser, "published")
        superuser.execute(
            "insert into deliveries (account_id, post_id, connection_id, part, priority, due_at, expires_at, next_at,"
            " rendered, text_hash) select account_id, post_id, connection_id, 2, 0, now(), now() + interval '2 h',"
            " now(), '{}', sha256('second') from deliveries where post_id = %s",
            (post_id,),
        )
        superuser.execute("update deliveries set state = 'failed' where post_id = %s and part = 2", (post_id,))

        visit = desk.visit("posts", post=post_id)
        assert visit.at.button(key="send_failed").label == "Send again: only Bluesky"
        visit.press("send_failed")

        rows = superuser.execute("select state from deliveries where post_id = %s order by part", (post_id,)).fetchall()
        assert [row[0] for row in rows] == ["confirmed", "queued"]


def test_a_post_is_copied_into_a_new_one(desk: Desk, superuser: psycopg.Connection):
    desk.visit("posts", post=put(desk, superuser, "failed")).press("copy")

    rows = superuser.execute(
        "select content->>'text', connection_ids from drafts where account_id = %s and name is null", (desk.id,)
    ).fetchall()
    assert desk.connection
    assert rows == [("Fresh rye", [desk.connection.id])]


class TestInbox:
    def test_says_what_happened_once_and_opens_it(self, desk: Desk, superuser: psycopg.Connection):
        post_id = put(desk, superuser, "failed")
        visit = desk.visit("overview")
        assert "Told you: 1" in inbox_label(visit)
        assert "was not published" in visit.words

        (telling_id,) = superuser.execute("select id from tellings where account_id = %s", (desk.id,)).fetchone() or ()
        visit.pick("told", str(telling_id)).run()

        assert visit.at.query_params["post"] == str(post_id)
        assert "Told you: nothing new" in inbox_label(desk.visit("overview"))

    def test_is_cleared_at_once(self, desk: Desk, other: Desk, superuser: psycopg.Connection):
        put(desk, superuser, "failed")
        put(other, superuser, "missed")
        visit = desk.visit("posts")
        assert "Told you: 2" in inbox_label(visit)

        visit.press("mark_read")

        assert "Told you: nothing new" in inbox_label(visit.run())

    def test_is_each_operators_own(self, desk: Desk, superuser: psycopg.Connection, florist: Business, platform):
        put(desk, superuser, "failed")

        visit = seated(superuser, florist, platform).visit("overview")

        assert "Told you: nothing new" in inbox_label(visit)


def inbox_label(visit: Visit) -> str:
    return visit.words + " ".join(str(each.proto) for each in visit.at.sidebar)


def test_an_inbox_that_cannot_be_read_says_so_and_the_page_stands(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    def away(_: object) -> int:
        raise sqlalchemy.exc.TimeoutError

    monkeypatch.setattr(tellings, "unread", away)
    visit = desk.visit("posts")

    assert "The database does not answer" in visit.words
    assert "inbox_try_again" in visit.keys
    assert "nothing" in visit.keys
    assert "stopped" not in visit.keys
