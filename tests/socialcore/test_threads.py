"""A text cut into a thread: nothing lost, nothing too long, cut where a reader would pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore import threads
from socialcore.adapters import ADAPTERS
from socialcore.posts import PLATFORMS, Content

FAMILY = "👩‍👩‍👧‍👦"
TAKING = [each for each in PLATFORMS if threads.are_taken(each)]


def up_to(most: int) -> threads.Fits:
    return lambda text: len(text) <= most


class TestCut:
    def test_what_fits_stays_whole_and_unnumbered(self):
        assert threads.cut("Fresh knots at noon.", up_to(20), numbered=True) == ["Fresh knots at noon."]

    @pytest.mark.parametrize(
        ("text", "most", "parts"),
        [
            ("One two.\n\nThree four five.", 20, ["One two.", "Three four five."]),
            ("One two. Three four five.", 20, ["One two.", "Three four five."]),
            ('He said "stop." Then he left.', 20, ['He said "stop."', "Then he left."]),
            ("one two three, four five six", 20, ["one two three,", "four five six"]),
            ("one two three four five", 12, ["one two", "three four", "five"]),
            ("A. bcdefghijklmnop qrst", 20, ["A. bcdefghijklmnop", "qrst"]),  # a sentence that leaves too much room
            ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
            ("焼きたてです。正午に開きます。", 8, ["焼きたてです。", "正午に開きます。"]),
        ],
    )
    def test_is_where_a_reader_would_pause(self, text: str, most: int, parts: list[str]):
        assert threads.cut(text, up_to(most), numbered=False) == parts

    def test_numbers_count_as_text(self):
        parts = threads.cut("one two three four five six", up_to(12), numbered=True)

        assert parts == ["one two 1/4", "three 2/4", "four 3/4", "five six 4/4"]

    def test_more_than_nine_parts_leave_room_for_longer_numbers(self):
        parts = threads.cut(" ".join(["word"] * 60), up_to(20), numbered=True)

        assert len(parts) > 9
        assert all(len(part) <= 20 for part in parts)
        assert parts[-1].endswith(f" {len(parts)}/{len(parts)}")

    def test_never_cuts_a_character_in_two(self):
        parts = threads.cut(FAMILY * 30, up_to(30), numbered=False)

        assert "".join(parts) == FAMILY * 30
        assert all(part.startswith("👩") for part in parts)

    @given(st.text(st.sampled_from("ab .,\n!?。é👍🏽‍"), max_size=300), st.integers(12, 40), st.booleans())
    def test_loses_no_word_and_adds_none(self, text: str, most: int, numbered: bool):
        parts = threads.cut(text, up_to(most), numbered=numbered)

        bare = [part.rpartition(" ")[0] if numbered and len(parts) > 1 else part for part in parts]
        assert "".join("".join(bare).split()) == "".join(text.split())
        assert all(parts) or text.strip() == ""


class TestSplit:
    @pytest.mark.parametrize("platform", TAKING)
    def test_every_part_is_taken_by_the_platform(self, platform: str):
        text = " ".join(f"Sentence {n} links https://harborbakery.example/{'x' * 60}/{n} {FAMILY}." for n in range(200))

        first, *rest = threads.split(text, [platform])  # pyright: ignore[reportArgumentType]

        assert rest or platform == "slack"
        assert ADAPTERS[platform].validate(Content(text=first, parts=tuple(rest))) == []  # pyright: ignore[reportArgumentType]

    def test_the_strictest_platform_decides(self):
        text = "word " * 70  # 350 characters: too long for both

        assert len(threads.split(text, ["bluesky", "twitter"])) == 2
        assert all(threads.fits(["twitter"], part) for part in threads.split(text, ["bluesky", "twitter"]))

    def test_a_hundred_thousand_characters_are_cut_in_reasonable_time(self):
        parts = threads.split("Fresh knots at noon, as long as there are any. " * 2200, ["bluesky"])

        assert 350 < len(parts) < 420
