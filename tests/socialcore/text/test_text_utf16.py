"""Offsets in UTF-16 units and in code points."""

from hypothesis import given
from hypothesis import strategies as st

from socialcore.text import utf16

ANY_TEXT = st.lists(st.sampled_from("a日😀") | st.characters(exclude_categories=())).map("".join)


@given(ANY_TEXT)
def test_units_are_what_utf16_has(text):
    encoded = text.encode("utf-16-le", "surrogatepass")
    assert utf16.units(text).encode("utf-16-le", "surrogatepass") == encoded
    assert utf16.length(text) == len(utf16.units(text)) == len(encoded) // 2


@given(ANY_TEXT.filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text)))
def test_units_join_to_the_text(text):
    assert utf16.joined(utf16.units(text)) == text


@given(ANY_TEXT)
def test_offsets_are_those_of_the_character_they_are_in(text):
    at = utf16.code_points_at(text)
    for index in range(len(text) + 1):
        assert at(utf16.length(text[:index])) == index


def test_an_offset_inside_a_character_is_where_it_starts():
    assert [utf16.code_points_at("a😀b")(offset) for offset in range(5)] == [0, 1, 1, 2, 3]
