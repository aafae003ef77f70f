"""Drafts: saved from the first word, named, opened, restored; nothing written is lost, and none is a colleague's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore import drafts, operators, versions, written
from socialcore.database import account_scope
from socialcore.drafts import BadDraftName, Draft, Known
from socialcore.posts import Content, MediaReference, Variant
from tests.conftest import Business

LONG = "Rye and cardamom rolls are out of the oven from eight on Saturday"
PICTURE = "a" * 64


@pytest.fixture
def colleague(bakery: Business, migrated) -> Business:
    """Another operator of the same account."""
    with migrated.administration() as scope:
        found = operators.add(
            scope,
            "Colleague",
            f"colleague-{bakery.account_id}@composer.example",
            ["publisher"],
            accounts=[bakery.account_id],
        )
    return replace(bakery, operator_id=found)


@pytest.fixture
def later(bakery: Business, superuser: psycopg.Connection) -> Callable[[timedelta], None]:
    """Let the account's versions be older."""

    def age(by: timedelta) -> None:
        superuser.execute(
            "update draft_versions set saved_at = saved_at - %s where account_id = %s", (by, bakery.account_id)
        )

    return age


def write(business: Business, text: str, *, window: Draft | Known | None = None) -> Draft:
    """Write into the current draft, or into the one that a window knows."""
    with business.scope() as scope:
        drafts.save(scope, window or drafts.current(scope), Content(text=text), [])
        return drafts.current(scope)


def current(business: Business) -> Draft:
    with business.scope() as scope:
        return drafts.current(scope)


def named(business: Business, name: str, text: str) -> Draft:
    draft = write(business, text)
    with business.scope() as scope:
        drafts.name(scope, draft.id, name)
        drafts.begin(scope)
    return draft


def listed(business: Business) -> dict[str | None, str]:
    with business.scope() as scope:
        return {each.name: each.content.text for each in drafts.mine(scope)}


def said_before(business: Business, draft_id: UUID | None = None) -> list[tuple[str, str]]:
    with business.scope() as scope:
        found = versions.of_draft(scope, draft_id or drafts.current(scope).id)
        return [(each.content.text, each.why) for each in found]


class TestSaving:
    def test_keeps_text_pictures_variants_and_connections(self, bakery: Business):
        connection = bakery.connect()
        content = Content(
            text="Rye",
            parts=("Second",),
            media=(MediaReference(id=PICTURE, alt="A loaf"),),
            options={"languages": ["en"]},
            variants={"slack": Variant(text="Rye, dear team"), "twitter": Variant(media=())},
        )
        with bakery.scope() as scope:
            assert drafts.save(scope, drafts.current(scope), content, [connection.id])

        found = current(bakery)
        assert found.content == content
        assert found.connection_ids == [connection.id]

    def test_of_what_is_there_already_writes_nothing(self, bakery: Business):
        draft = write(bakery, "Rye")

        assert write(bakery, "Rye") == draft

    def test_is_by_account_and_operator(self, bakery: Business, colleague: Business, florist: Business):
        write(bakery, "Mine")

        assert current(colleague).content == Content()
        assert current(florist).content == Content()

    def test_of_a_window_that_knows_the_latest_is_beside_nobody(self, bakery: Business):
        with bakery.scope() as scope:
            first = drafts.save(scope, drafts.current(scope), Content(text="R"), [])
            assert first
            draft = drafts.current(scope)
            second = drafts.save(scope, Known(draft.id, draft.revision, first.saves), Content(text="Ry"), [])

        assert second == drafts.Saved(first.saves + 1, beside=False)


class TestTwoWindows:
    def test_on_one_draft_the_text_of_the_other_becomes_a_version(self, bakery: Business):
        here = there = write(bakery, "Rye")
        write(bakery, "Rye and rolls", window=here)

        with bakery.scope() as scope:
            saved = drafts.save(scope, there, Content(text="Rye and tulips"), [])

        assert saved
        assert saved.beside
        assert current(bakery).content.text == "Rye and tulips"
        assert ("Rye and rolls", "elsewhere") in said_before(bakery)

    def test_that_wrote_the_same_are_not_beside_each_other(self, bakery: Business):
        there = write(bakery, "Rye")
        write(bakery, "Rye and rolls")

        with bakery.scope() as scope:
            saved = drafts.save(scope, there, Content(text="Rye and rolls"), [])

        assert saved
        assert not saved.beside

    @pytest.mark.parametrize("end", [drafts.finish, drafts.discard])
    def test_what_the_second_wrote_after_the_first_has_ended_it_is_a_version(self, bakery: Business, end):
        there = write(bakery, "Rye")
        with bakery.scope() as scope:
            end(scope, there.submit_token)

        with bakery.scope() as scope:
            assert drafts.save(scope, there, Content(text="Rye, and rolls"), []) is None

        assert current(bakery).content.text == ""
        assert said_before(bakery)[0] == ("Rye, and rolls", "elsewhere")

    @pytest.mark.parametrize("end", [drafts.finish, drafts.discard])
    def test_also_if_it_had_a_name_and_is_gone(self, bakery: Business, end):
        there = named(bakery, "Easter", "Hot cross buns")
        with bakery.scope() as scope:
            end(scope, there.submit_token)
            assert drafts.save(scope, there, Content(text="Hot cross buns from Friday"), []) is None

        assert said_before(bakery)[0] == ("Hot cross buns from Friday", "elsewhere")

    def test_may_have_different_drafts_open(self, bakery: Business):
        easter = named(bakery, "Easter", "Hot cross buns")
        write(bakery, "Rye")

        write(bakery, "Hot cross buns from Friday", window=easter)

        assert current(bakery).content.text == "Rye"
        assert listed(bakery) == {"Easter": "Hot cross buns from Friday", None: "Rye"}


class TestNames:
    def test_put_a_draft_beside_the_next(self, bakery: Business):
        named(bakery, "  Easter   menu ", "Hot cross buns")
        write(bakery, "Rye")

        assert listed(bakery) == {"Easter menu": "Hot cross buns", None: "Rye"}

    def test_do_not_disturb_who_is_writing(self, bakery: Business):
        draft = write(bakery, "Hot cross buns")
        with bakery.scope() as scope:
            drafts.name(scope, draft.id, "Easter")

        found = current(bakery)
        assert (found.id, found.revision, found.name) == (draft.id, draft.revision, "Easter")

    @pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\0b", "a\u200bb"])
    def test_that_are_none_are_refused(self, bakery: Business, name: str):
        draft = current(bakery)
        with bakery.scope() as scope, pytest.raises(BadDraftName, match="1 to 80 characters"):
            drafts.name(scope, draft.id, name)

    def test_of_another_draft_are_refused_and_its_own_is_not(self, bakery: Business, colleague: Business):
        easter = named(bakery, "Easter", "Hot cross buns")
        with bakery.scope() as scope:
            with pytest.raises(BadDraftName, match="You have a draft named EASTER already"):
                drafts.name(scope, drafts.current(scope).id, "EASTER")
            drafts.name(scope, easter.id, "EASTER")
        named(colleague, "Easter", "A colleague's")

        assert listed(bakery) == {"EASTER": "Hot cross buns"}

    def test_are_found_for_a_text_that_is_pushed_aside(self, bakery: Business):
        for _ in range(3):
            write(bakery, LONG)
            with bakery.scope() as scope:
                drafts.begin(scope)

        found = "Rye and cardamom rolls are out of the…"
        assert set(listed(bakery)) == {found, f"{found} 2", f"{found} 3"}


class TestOpening:
    def test_loses_nothing_of_what_was_there(self, bakery: Business):
        easter = named(bakery, "Easter", "Hot cross buns")
        unnamed = write(bakery, "Rye")
        with bakery.scope() as scope:
            drafts.open_draft(scope, easter.id)

        assert current(bakery).id == easter.id
        assert listed(bakery) == {"Easter": "Hot cross buns", None: "Rye"}
        with bakery.scope() as scope:
            drafts.open_draft(scope, unnamed.id)
        assert current(bakery).content.text == "Rye"

    def test_of_a_colleagues_draft_does_nothing(self, bakery: Business, colleague: Business):
        theirs = named(colleague, "Theirs", "Not for you")
        write(bakery, "Rye")
        with bakery.scope() as scope:
            drafts.open_draft(scope, theirs.id)
            drafts.delete(scope, theirs.id)
            assert drafts.one(scope, theirs.id) is None
            assert drafts.save(scope, theirs, Content(text="Changed"), []) is None

        assert current(bakery).content.text == "Rye"
        assert listed(colleague) == {"Theirs": "Not for you"}

    def test_a_new_one_when_it_is_empty_already_makes_no_other(self, bakery: Business):
        before = current(bakery)
        with bakery.scope() as scope:
            assert drafts.begin(scope).id == before.id

        assert listed(bakery) == {}

    def test_a_copy_keeps_what_was_being_written(self, bakery: Business):
        connection = bakery.connect()
        write(bakery, "Half a sentence")
        with bakery.scope() as scope:
            drafts.start_from(scope, Content(text="A post of last week"), [connection.id])

        found = current(bakery)
        assert (found.content.text, found.connection_ids, found.name) == ("A post of last week", [connection.id], None)
        assert listed(bakery)["Half a sentence"] == "Half a sentence"


class TestEnding:
    def test_a_named_draft_goes_and_its_history_stays(self, bakery: Business):
        connection = bakery.connect()
        easter = named(bakery, "Easter", "Hot cross buns")
        with bakery.scope() as scope:
            drafts.open_draft(scope, easter.id)
            drafts.save(scope, drafts.current(scope), Content(text="Buns"), [connection.id])
            drafts.finish(scope, easter.submit_token)

        found = current(bakery)
        assert (found.name, found.content, found.connection_ids) == (None, Content(), [connection.id])
        assert ("Hot cross buns", "writing") in said_before(bakery)

    def test_twice_ends_nothing_else(self, bakery: Business):
        old = write(bakery, "Rye")
        with bakery.scope() as scope:
            drafts.finish(scope, old.submit_token)
        write(bakery, "The next one")
        with bakery.scope() as scope:
            drafts.finish(scope, old.submit_token)
            drafts.discard(scope, old.submit_token)

        assert current(bakery).content.text == "The next one"

    def test_discarding_can_be_undone(self, bakery: Business):
        draft = write(bakery, "Never mind")
        with bakery.scope() as scope:
            drafts.discard(scope, draft.submit_token)
            found = drafts.current(scope)
            (last,) = versions.of_draft(scope, found.id)[:1]
            assert (found.content.text, last.why) == ("", "discarded")
            assert drafts.restore_version(scope, found.id, last.n)

        assert current(bakery).content.text == "Never mind"

    def test_a_deleted_draft_is_in_the_history_of_the_unnamed(self, bakery: Business):
        easter = named(bakery, "Easter", "Hot cross buns")
        with bakery.scope() as scope:
            drafts.delete(scope, easter.id)

        assert listed(bakery) == {}
        assert said_before(bakery)[0] == ("Hot cross buns", "deleted")

    def test_what_has_no_name_is_not_deleted(self, bakery: Business):
        draft = write(bakery, "Rye")
        with bakery.scope() as scope:
            drafts.delete(scope, draft.id)

        assert current(bakery).content.text == "Rye"

    def test_a_post_taken_back_goes_beside_what_is_there(self, bakery: Business):
        write(bakery, "Another text")
        with bakery.scope() as scope:
            drafts.restore(scope, Content(text="Taken back"), [])

        assert current(bakery).content.text == "Another text"
        assert listed(bakery) == {None: "Another text", "Taken back": "Taken back"}


class TestHistory:
    def test_has_a_version_every_while_of_writing(self, bakery: Business, later):
        for text in ("R", "Ry", "Rye", "Rye a"):
            write(bakery, text)
        assert said_before(bakery) == [("R", "writing")]  # what the second save has replaced

        later(versions.EVERY)
        write(bakery, "Rye and rolls")

        assert said_before(bakery) == [("Rye a", "writing"), ("R", "writing")]

    def test_has_what_was_there_before_much_was_taken_away(self, bakery: Business):
        write(bakery, "R")
        write(bakery, LONG)
        write(bakery, "Closed")

        assert said_before(bakery)[0] == (LONG, "cut")

    def test_has_it_also_if_it_went_little_by_little(self, bakery: Business):
        write(bakery, "R")
        write(bakery, LONG)
        for length in range(len(LONG) - 8, 8, -8):
            write(bakery, LONG[:length])

        kept = [len(text) for text, why in said_before(bakery) if why == "cut"]
        assert kept
        assert max(kept) > len(LONG) - versions.CUT

    def test_has_the_pictures_that_were_taken_away(self, bakery: Business):
        picture = Content(text="Rye", media=(MediaReference(id=PICTURE),))
        with bakery.scope() as scope:
            drafts.save(scope, drafts.current(scope), Content(text="R"), [])
            drafts.save(scope, drafts.current(scope), picture, [])
            drafts.save(scope, drafts.current(scope), Content(text="Rye"), [])
            assert versions.of_draft(scope, drafts.current(scope).id)[0].content == picture

    def test_puts_a_version_back_and_keeps_what_is_there(self, bakery: Business):
        write(bakery, LONG)
        draft = write(bakery, "Closed")
        with bakery.scope() as scope:
            n = versions.of_draft(scope, draft.id)[0].n
            assert drafts.restore_version(scope, draft.id, n)
            assert not drafts.restore_version(scope, draft.id, 0)

        found = current(bakery)
        assert (found.content.text, found.revision) == (LONG, draft.revision + 1)
        assert said_before(bakery)[0] == ("Closed", "replaced")

    def test_is_nobody_elses(self, bakery: Business, colleague: Business):
        write(bakery, LONG)
        draft = write(bakery, "Closed")
        with colleague.scope() as scope:
            assert versions.of_draft(scope, draft.id) == []
            assert scope.run("select count(*) from draft_versions").scalar() == 0
            assert scope.run("delete from draft_versions").rowcount == 0

        assert said_before(bakery, draft.id) != []

    def test_is_as_long_as_it_says(self, bakery: Business, superuser: psycopg.Connection, later):
        for number in range(versions.MOST + 5):
            write(bakery, f"{number} {LONG}")
            write(bakery, "")
        assert len(said_before(bakery)) == versions.MOST

        later(versions.KEPT)
        assert said_before(bakery) == []
        write(bakery, LONG)
        write(bakery, "")
        (kept,) = superuser.execute(
            "select count(*) from draft_versions where account_id = %s", (bakery.account_id,)
        ).fetchone()  # type: ignore[misc]
        assert kept == 1

    def test_nothing_written_in_any_order_is_lost(self, bakery: Business):
        """Whatever ends a text: it is in a draft or in a history afterwards."""
        texts = [f"{number}: {LONG}" for number in range(6)]
        write(bakery, texts[0])
        with bakery.scope() as scope:
            drafts.begin(scope)
        write(bakery, texts[1])
        with bakery.scope() as scope:
            drafts.discard(scope, drafts.current(scope).submit_token)
        write(bakery, texts[2])
        with bakery.scope() as scope:
            drafts.start_from(scope, Content(text=texts[3]), [])
            drafts.restore(scope, Content(text=texts[4]), [])
            drafts.replace(scope, drafts.current(scope).id, Content(text=texts[5]), [])
            for each in drafts.mine(scope):
                drafts.delete(scope, each.id)

        found = {text for text, _ in said_before(bakery)} | set(listed(bakery).values())
        assert found == set(texts)


class TestOwnership:
    def test_is_the_databases_not_only_ours(self, bakery: Business, colleague: Business, superuser):
        write(bakery, "Mine")
        with account_scope(colleague.app, colleague.operator_id, colleague.account_id) as scope:
            assert scope.run("select count(*) from drafts").scalar() == 0
            assert scope.run("update drafts set content = '{}'").rowcount == 0
            assert scope.run("delete from drafts").rowcount == 0
        with pytest.raises(Exception, match="row-level security"), colleague.scope() as scope:
            scope.run(
                "insert into drafts (account_id, operator_id, name, content) values (:account, :operator, 'x', '{}')",
                {"account": bakery.account_id, "operator": bakery.operator_id},
            )
        with pytest.raises(Exception, match="row-level security"), bakery.scope() as scope:
            scope.run("update drafts set operator_id = :other", {"other": colleague.operator_id})

        assert current(bakery).content.text == "Mine"


class TestRemoved:
    @pytest.mark.parametrize(
        ("was", "becomes", "gone"),
        [
            ("", "Rye", 0),
            ("Rye", "Rye and rolls", 0),
            ("Rye and rolls", "Rye", 10),
            ("Rye and rolls", "rolls", 8),
            ("Rye and rolls", "Rye or rolls", 3),
            ("aaaa", "aaa", 1),
            ("Rye", "Bun", 3),
        ],
    )
    def test_counts_what_one_replacement_took_away(self, was: str, becomes: str, gone: int):
        assert written.removed(Content(text=was), Content(text=becomes)) == gone

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_is_never_less_than_what_is_shorter(self, was: str, becomes: str):
        gone = written.removed(Content(text=was), Content(text=becomes))

        assert max(0, len(was) - len(becomes)) <= gone <= len(was)
        only_added = len(becomes) >= len(was) and any(
            becomes.startswith(was[:at]) and becomes.endswith(was[at:]) for at in range(len(was) + 1)
        )
        assert (gone == 0) == only_added
