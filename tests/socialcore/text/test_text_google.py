"""Text for Google Business Profile: its length, and the phone numbers that get a post rejected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore.text.google import Piece, length, phone_numbers, pieces

ANY_TEXT = st.lists(
    st.sampled_from(["https://a.com", "http://", "(", ")", ".", " ", "555", "0", "+49", "-", "1234", "😀", "\ud800"])
    | st.characters(exclude_categories=())
).map("".join)


def test_length_is_in_utf16_units():
    assert length("Bröt 😀\ud800") == 8


class TestPhoneNumbers:
    @pytest.mark.parametrize(
        "number",
        [
            "+49 30 1234567",
            "+1 (555) 123-4567",
            "00 44 20 7946 0958",
            "030 / 123 456 78",
            "01 23 45 67 89",
            "0171/1234567",
            "(555) 123-4567",
            "555-123-4567",
            "1.555.123.4567",
            "555-1234",
            "2125551234",
            "1-800-FLOWERS",
            "+１２３４５６７８９",
        ],
    )
    def test_are_found_in_a_sentence(self, number):
        assert phone_numbers(f"Call {number}, or come by.") == [number]
        assert phone_numbers(number) == [number]

    @pytest.mark.parametrize(
        "text",
        [
            "Open 9-17, on 03.11.2026 from 09.00-17.30.",
            "2026-11-23 and 11/23/2026",
            "Over $1,000,000 raised, €12.000.000 in all, 0.1234567 of it",
            "Since 1999-2024, 10.000.000 rolls",
            "Order 1234567890123, ISBN 978-3-16-148410-0",
            "https://harbor-bakery.example.com/5551234567",
            "At 192.168.100.200",
            "2 for 1, 50% off, 100 rolls",
        ],
    )
    def test_are_not_every_number(self, text):
        assert phone_numbers(text) == []

    @given(ANY_TEXT)
    def test_are_in_the_text(self, text):
        assert all(number in text for number in phone_numbers(text))


class TestPieces:
    def test_are_links_and_what_is_between(self):
        assert pieces("See https://a.com/x(y), (http://b.de/) or c.com, not http://.") == [
            Piece("See "),
            Piece("https://a.com/x(y)", link="https://a.com/x(y)"),
            Piece(", ("),
            Piece("http://b.de/", link="http://b.de/"),
            Piece(") or c.com, not http://."),
        ]

    @given(ANY_TEXT)
    def test_join_to_the_text(self, text):
        assert "".join(each.text for each in pieces(text)) == text


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["1" * 50_000, "0 " * 25_000, "(1) " * 12_000, "https://a" + ")" * 50_000, "+1-" * 16_000]
)
def test_long_texts_take_no_longer_than_their_length_warrants(text):
    assert phone_numbers(text) is not None
    assert pieces(text)
