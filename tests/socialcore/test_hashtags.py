"""Groups of hashtags: what is a tag everywhere, and whose the groups are."""

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore import hashtags
from socialcore.hashtags import BadTags
from socialcore.text import bluesky, twitter_tags
from tests.conftest import Business


def listed(business: Business) -> dict[str, list[str]]:
    with business.scope() as scope:
        return {each.name: list(each.tags) for each in hashtags.groups(scope)}


def audited(superuser: psycopg.Connection, business: Business) -> list[tuple[str, dict[str, Any]]]:
    return superuser.execute(
        "select action, detail from audit_log where account_id = %s and action like 'hashtags.%%%%' order by seq",
        (business.account_id,),
    ).fetchall()


class TestReading:
    @pytest.mark.parametrize(
        ("typed", "tags"),
        [
            ("#rye #sourdough", ["rye", "sourdough"]),
            ("rye, sourdough;  rye", ["rye", "sourdough"]),
            ("＃Brötchen\n#été #パン #rye_2026", ["Brötchen", "été", "パン", "rye_2026"]),
            ("#Rye #RYE", ["Rye"]),
        ],
    )
    def test_takes_tags_as_people_type_them(self, typed: str, tags: list[str]):
        assert hashtags.read(typed) == tags

    @pytest.mark.parametrize("typed", ["rye-bread", "2026", "#", "a.b", "rye!", "🥖", "x" * 65, "a#b", "_"])
    def test_refuses_what_is_no_tag_on_every_platform(self, typed: str):
        with pytest.raises(BadTags):
            hashtags.read(typed)

    def test_names_the_one_that_is_none(self):
        with pytest.raises(BadTags, match="#rye-bread is no hashtag everywhere"):
            hashtags.read("#rye #rye-bread #rolls")

    def test_takes_as_many_as_it_says(self):
        assert len(hashtags.read(" ".join(f"tag{n}" for n in range(30)))) == 30
        with pytest.raises(BadTags, match="1 to 30"):
            hashtags.read(" ".join(f"tag{n}" for n in range(31)))

    @given(st.lists(st.text(max_size=12), max_size=6).map(" ".join))
    def test_what_is_taken_is_found_in_a_text_whatever_was_typed(self, typed: str):
        try:
            tags = hashtags.read(typed)
        except BadTags:
            return
        text = hashtags.appended("Fresh", tags)
        assert [each.name for each in twitter_tags.hashtags(text)] == tags
        facets = bluesky.detect_facets(text, lambda _: None)
        assert [facet["features"][0].get("tag") for facet in facets] == tags


class TestAppending:
    @pytest.mark.parametrize(
        ("text", "becomes"),
        [
            ("", "#rye #rolls"),
            ("Fresh \n", "Fresh #rye #rolls"),
            ("Fresh #Rye today", "Fresh #Rye today #rolls"),
            ("#rolls #rye", "#rolls #rye"),
        ],
    )
    def test_adds_what_is_not_there(self, text: str, becomes: str):
        assert hashtags.appended(text, ["rye", "rolls"]) == becomes


class TestGroups:
    def test_are_added_changed_and_removed_and_all_of_it_is_audited(self, bakery: Business, superuser):
        with bakery.scope() as scope:
            added = hashtags.add(scope, "  Bread ", "#rye #rolls")
            assert added.words == "#rye #rolls"
            hashtags.change(scope, added.id, "Breads", "rye")
            hashtags.change(scope, added.id, "Breads", "#rye")  # nothing new
        assert listed(bakery) == {"Breads": ["rye"]}
        with bakery.scope() as scope:
            assert hashtags.remove(scope, added.id) == hashtags.Group(added.id, "Breads", ["rye"])
            assert hashtags.remove(scope, added.id) is None

        assert listed(bakery) == {}
        id_ = str(added.id)
        assert audited(superuser, bakery) == [
            ("hashtags.added", {"group_id": id_, "name": "Bread", "tags": ["rye", "rolls"]}),
            ("hashtags.changed", {"group_id": id_, "name": "Breads", "tags": ["rye"],
                                  "was": {"name": "Bread", "tags": ["rye", "rolls"]}}),
            ("hashtags.removed", {"group_id": id_, "was": {"name": "Breads", "tags": ["rye"]}}),
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\0"])
    def test_need_a_name(self, bakery: Business, name: str):
        with bakery.scope() as scope, pytest.raises(BadTags, match="1 to 60 characters"):
            hashtags.add(scope, name, "rye")

    def test_have_one_name_each(self, bakery: Business, florist: Business):
        with bakery.scope() as scope:
            hashtags.add(scope, "Bread", "rye")
            other = hashtags.add(scope, "Cake", "cake")
            with pytest.raises(BadTags, match="There is a group named BREAD already"):
                hashtags.add(scope, "BREAD", "rye")
            with pytest.raises(BadTags, match="There is a group named bread already"):
                hashtags.change(scope, other.id, "bread", "rye")
        with florist.scope() as scope:
            hashtags.add(scope, "Bread", "tulips")

    def test_of_another_account_are_not_there(self, bakery: Business, florist: Business):
        with bakery.scope() as scope:
            group = hashtags.add(scope, "Bread", "rye")
        with florist.scope() as scope:
            assert hashtags.groups(scope) == []
            assert hashtags.remove(scope, group.id) is None
            with pytest.raises(BadTags, match="removed meanwhile"):
                hashtags.change(scope, group.id, "Bread", "tulips")

        assert listed(bakery) == {"Bread": ["rye"]}
