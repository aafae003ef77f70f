"""Drafts, their history, hashtags and the guard, on the compose page as Streamlit runs it."""

# ruff: noqa: F811, SLF001 - fixtures come from the tests of the pages, and with them what they look at
import psycopg
import pytest

from socialcore import accounts
from tests.conftest import Business
from tests.pages.test_pages import (
    Desk,
    Visit,
    _data,
    configured,  # noqa: F401 - a fixture, as the next three
    desk,  # noqa: F401
    other,  # noqa: F401
    platform,  # noqa: F401
    posts_of,
)

LONG = "Rye and cardamom rolls are out of the oven from eight on Saturday"


def open_popover(visit: Visit, label: str, desk: Desk) -> Visit:
    visit.at.session_state[f"{label.lower()}-{desk.id}"] = True
    return visit.run()


def field(visit: Visit, label: str):
    return next(each for each in visit.at.text_input if each.label == label)


def rows(visit: Visit, key: str) -> dict[str, str]:
    """The rows of a list, by their words, with what is picked by pressing them."""
    tree = _data(visit._component(key.__eq__)).get("tree", [])

    def buttons(node):
        if isinstance(node, str):
            return
        if node[0] == "button":
            yield " ".join(words(node)), node[1]["pick"]
        for each in node[2]:
            yield from buttons(each)

    def words(node):
        if isinstance(node, str):
            yield node
        else:
            for each in node[2]:
                yield from words(each)

    return {said: pick for node in tree for said, pick in buttons(node)}


def pick_row(visit: Visit, key: str, says: str) -> Visit:
    (pick,) = [pick for said, pick in rows(visit, key).items() if says in said]
    return visit.pick(key, pick)


def keep_as(visit: Visit, desk: Desk, name: str) -> Visit:
    open_popover(visit, "Drafts", desk)
    field(visit, "Name of this draft").set_value(name)
    visit.press("name_draft")
    return visit


def events(superuser: psycopg.Connection, desk: Desk) -> list[tuple[str, list[str]]]:
    return superuser.execute(
        "select name, detail->'accounts' from events where account_id = %s and name like 'guard.%%' order by id",
        (desk.id,),
    ).fetchall()


class TestDrafts:
    def test_are_kept_under_a_name_and_opened_again(self, desk: Desk):
        visit = keep_as(desk.visit("compose").type("Hot cross buns"), desk, "Easter")
        assert "Easter" in visit.words
        open_popover(visit, "Drafts", desk).press("new_draft").type("Rye")

        open_popover(visit, "Drafts", desk)
        assert len(rows(visit, "drafts")) == 2
        pick_row(visit, "drafts", "Easter")

        assert visit.text == "Hot cross buns"
        assert "Easter" in visit.words
        again = desk.visit("compose")
        assert again.text == "Hot cross buns"
        pick_row(open_popover(again, "Drafts", desk), "drafts", "Untitled draft")
        assert again.text == "Rye"

    def test_refuse_a_name_that_is_taken_and_keep_the_text(self, desk: Desk):
        visit = keep_as(desk.visit("compose").type("Hot cross buns"), desk, "Easter")
        open_popover(visit, "Drafts", desk).press("new_draft").type("Rye")

        keep_as(visit, desk, "easter")

        assert "The draft was not named" in visit.words
        assert "You have a draft named easter already. Your text is kept." in visit.words
        assert visit.text == "Rye"

    def test_deleted_are_in_the_history(self, desk: Desk):
        visit = keep_as(desk.visit("compose").type("Hot cross buns"), desk, "Easter")
        open_popover(visit, "Drafts", desk).press("delete_draft")
        assert "Easter is deleted" in visit.words
        assert visit.text == ""

        pick_row(open_popover(visit, "History", desk), "versions", "Hot cross buns")

        assert visit.text == "Hot cross buns"

    def test_publishing_one_with_a_name_leaves_the_other(self, desk: Desk, superuser: psycopg.Connection):
        visit = desk.visit("compose").type("Rye")
        visit = keep_as(visit, desk, "For later")
        open_popover(visit, "Drafts", desk).press("new_draft").type("Tulips")
        keep_as(visit, desk, "Now").press("publish")

        assert posts_of(desk, superuser) == ["Tulips"]
        open_popover(visit, "Drafts", desk)
        assert [said for said in rows(visit, "drafts") if "Now" in said] == []
        assert [said for said in rows(visit, "drafts") if "For later" in said]

    def test_two_windows_on_two_drafts_write_into_their_own(self, desk: Desk):
        here = keep_as(desk.visit("compose").type("Hot cross buns"), desk, "Easter")
        there = desk.visit("compose")
        open_popover(there, "Drafts", desk).press("new_draft").type("Rye")

        here.type("Hot cross buns from Friday")

        assert "no longer your draft" not in here.words
        assert desk.visit("compose").text == "Rye"
        open_popover(there, "Drafts", desk)
        assert [said for said in rows(there, "drafts") if "Hot cross buns from Friday" in said]


class TestTwoWindows:
    def test_on_one_draft_are_told_of_each_other_and_lose_nothing(self, desk: Desk):
        here, there = desk.visit("compose").type("Rye"), desk.visit("compose")
        here.type("Rye and rolls")
        assert "open in another window" not in here.words

        there.type("Rye and tulips")

        assert "This draft is open in another window, too" in there.words
        last = desk.visit("compose")
        assert last.text == "Rye and tulips"
        open_popover(last, "History", desk)
        assert [said for said in rows(last, "versions") if "Rye and rolls" in said and "another window" in said]

    def test_after_the_other_has_published_what_was_written_can_be_brought_back(self, desk: Desk):
        here, there = desk.visit("compose").type("Rye"), desk.visit("compose")
        here.press("publish")
        there.type("Rye, and rolls")
        assert "This text is no longer your draft" in there.words

        pick_row(open_popover(there, "History", desk), "versions", "Rye, and rolls")

        assert there.text == "Rye, and rolls"

    def test_one_window_alone_is_never_told(self, desk: Desk):
        visit = desk.visit("compose")
        for text in ("R", "Ry", "Rye"):
            visit.type(text)
        visit.press("publish").type("The next one").press("discard").type("And another")
        keep_as(visit, desk, "Kept").type("And another, longer")
        open_popover(visit, "Drafts", desk).press("new_draft").type("New")
        pick_row(open_popover(visit, "Drafts", desk), "drafts", "Kept")
        visit.type("And another, longer still")

        assert "another window" not in visit.words


class TestHistory:
    def test_is_empty_at_first_and_says_so(self, desk: Desk):
        assert "Nothing earlier yet." in open_popover(desk.visit("compose"), "History", desk).words

    def test_brings_back_what_was_written_over(self, desk: Desk):
        visit = desk.visit("compose").type(LONG).type("Closed")

        pick_row(open_popover(visit, "History", desk), "versions", LONG[:20])
        assert visit.text == LONG

        pick_row(open_popover(visit, "History", desk), "versions", "Closed")
        assert visit.text == "Closed"

    def test_brings_back_what_was_discarded(self, desk: Desk):
        visit = desk.visit("compose").type("Never mind").press("discard")
        assert visit.text == ""
        assert "History brings it back" in visit.words

        pick_row(open_popover(visit, "History", desk), "versions", "discarded")

        assert visit.text == "Never mind"
        assert desk.visit("compose").text == "Never mind"


class TestHashtags:
    def keep(self, visit: Visit, desk: Desk, name: str, tags: str) -> Visit:
        open_popover(visit, "Hashtags", desk)
        field(visit, "Name of the group").set_value(name)
        field(visit, "Hashtags").set_value(tags)
        return visit.press("keep_group")

    def test_are_kept_as_a_group_and_put_after_the_text(self, desk: Desk):
        visit = desk.visit("compose").type("Fresh rye")
        self.keep(visit, desk, "Bread", "#rye sourdough")
        assert field(visit, "Name of the group").value == ""

        pick_row(visit, "groups", "#rye #sourdough")

        assert visit.text == "Fresh rye #rye #sourdough"
        assert desk.visit("compose").text == "Fresh rye #rye #sourdough"
        assert "another window" not in visit.type("Fresh rye #rye").words

    def test_that_are_none_are_refused_and_stay_in_the_field(self, desk: Desk):
        visit = self.keep(desk.visit("compose"), desk, "Bread", "#rye-bread")

        assert "The group was not kept" in visit.words
        assert "#rye-bread is no hashtag everywhere" in visit.words
        assert field(visit, "Hashtags").value == "#rye-bread"

    def test_are_changed_and_removed(self, desk: Desk, superuser: psycopg.Connection):
        visit = self.keep(desk.visit("compose"), desk, "Bread", "#rye")
        (chosen,) = rows(visit, "groups").values()
        change = next(each for each in visit.at.selectbox if each.label == "Change")
        change.set_value(chosen)
        visit.run()
        field(visit, "Hashtags").set_value("#rye #rolls")
        visit.press("keep_group")
        assert list(rows(visit, "groups")) == ["Bread #rye #rolls"]

        visit.press("remove_group")

        assert "Bread is removed" in visit.words
        assert "It had: #rye #rolls" in visit.words
        assert superuser.execute("select 1 from hashtag_groups where account_id = %s", (desk.id,)).fetchall() == []


class TestGuard:
    @pytest.fixture
    def named(self, other: Desk, superuser: psycopg.Connection) -> str:
        (name,) = superuser.execute("select name from accounts where id = %s", (other.id,)).fetchone()  # type: ignore[misc]
        return name

    def name_of(self, desk: Desk, superuser: psycopg.Connection) -> str:
        return superuser.execute("select name from accounts where id = %s", (desk.id,)).fetchone()[0]  # type: ignore[index]

    def test_says_whom_a_text_names_and_asks_whose_it_is(self, desk: Desk, other: Desk, named: str, superuser):
        visit = desk.visit("compose", account=desk.id).type(f"Tulips at {named}")

        assert f"The text names {named}" in visit.words
        assert visit.at.button(key="publish").disabled
        assert visit.at.button(key="publish").proto.help == "Type the account's name to say that this is for it."
        assert desk.connection
        assert f"It goes to @{desk.connection.name}." in visit.words
        assert events(superuser, desk) == [("guard.warned", [str(other.id)])]

    def test_lets_it_go_once_the_name_was_typed(self, desk: Desk, other: Desk, named: str, superuser):
        visit = desk.visit("compose", account=desk.id).type(f"Tulips at {named}")
        mine = self.name_of(desk, superuser)
        field(visit, f"Type “{mine}” to say that it is for this account").set_value(f" {mine.upper()} ")
        visit.run().press("publish")

        assert posts_of(desk, superuser) == [f"Tulips at {named}"]
        assert [name for name, _ in events(superuser, desk)] == ["guard.warned", "guard.confirmed"]

    @pytest.mark.parametrize("typed", ["", "yes", "the other"])
    def test_stays_until_it_is_this_name_that_was_typed(
        self, desk: Desk, other: Desk, named: str, superuser, typed: str
    ):
        visit = desk.visit("compose", account=desk.id).type(f"Tulips at {named}")
        asked = field(visit, f"Type “{self.name_of(desk, superuser)}” to say that it is for this account")
        asked.set_value(named if typed == "the other" else typed)

        assert visit.run().at.button(key="publish").disabled

    def test_refuses_what_was_typed_last_and_came_with_the_click(self, desk: Desk, other: Desk, named: str, superuser):
        visit = desk.visit("compose", account=desk.id).type("Rye")
        visit.at.button(key="publish").click()
        visit.type(f"Rye at {named}")

        assert posts_of(desk, superuser) == []
        assert "Not sent yet" in visit.words
        assert f"The text names {named}. Type the account's name" in visit.words
        assert visit.text == f"Rye at {named}"
        assert ("guard.refused", [str(other.id)]) in events(superuser, desk)

    def test_asks_again_once_another_account_is_named(self, desk: Desk, other: Desk, named: str, superuser, migrated):
        with migrated.administration() as scope:
            third = accounts.add(scope, f"Third Business {named}", time_zone="UTC")
            scope.run(
                "insert into memberships (operator_id, account_id) values (:operator, :account)",
                {"operator": desk.business.operator_id, "account": third.id},
            )
        visit = desk.visit("compose", account=desk.id).type(f"Tulips at {named}")
        mine = self.name_of(desk, superuser)
        field(visit, f"Type “{mine}” to say that it is for this account").set_value(mine)
        assert not visit.run().at.button(key="publish").disabled

        visit.type(f"Tulips at {named} and {third.name}")

        assert visit.at.button(key="publish").disabled

    def test_asks_nothing_about_our_own_name_or_an_account_of_somebody_else(
        self, desk: Desk, florist: Business, superuser
    ):
        (theirs,) = superuser.execute("select name from accounts where id = %s", (florist.account_id,)).fetchone()  # type: ignore[misc]
        visit = desk.visit("compose").type(f"At {self.name_of(desk, superuser)}, not at {theirs}")

        assert "The text names" not in visit.words
        assert not visit.at.button(key="publish").disabled
        assert events(superuser, desk) == []


class TestLikeness:
    def test_warns_of_what_was_said_before_and_of_what_goes_out_now(self, desk: Desk, superuser: psycopg.Connection):
        visit = desk.visit("compose").type(LONG).press("publish")
        ((number, post_id),) = superuser.execute(
            "select number, id from posts where account_id = %s", (desk.id,)
        ).fetchall()

        visit.type(LONG.replace("eight", "nine"))

        assert f"P-{number} says nearly the same there" in visit.words
        assert " % alike. Change the words, or go on if it is meant." in visit.words
        assert f"P-{number} goes out there" in visit.words
        assert f"/posts?post={post_id}" in visit.links
        visit.press("publish")
        assert len(posts_of(desk, superuser)) == 2

    def test_says_nothing_about_another_text_another_day(self, desk: Desk, superuser: psycopg.Connection):
        desk.visit("compose").type(LONG).press("publish")
        superuser.execute(
            "update deliveries set due_at = due_at + interval '2 days', expires_at = expires_at + interval '3 days'"
            " where account_id = %s",
            (desk.id,),
        )

        visit = desk.visit("compose").type("Closed on Monday because of the holiday.")

        assert "out there" not in visit.words
        assert "the same there" not in visit.words
