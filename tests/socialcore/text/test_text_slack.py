"""Text for Slack: escaped, compared with what comes back, cut for blocks and previews."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore.text import utf16
from socialcore.text.slack import ENTITY, Piece, comparable, escape, length, pieces, sections, unescape

PIECES = ["&", "<", ">", "&amp;", "&lt", "<!channel>", "*", "_", "~", "`", "```", " ", "\n", "\n\n", ". ", "a", "A-b"]
PIECES += [
    "https://a.com",
    "http://",
    ")",
    "(",
    "|",
    ":",
    ":wave:",
    "👋🏽",
    "👩🏽‍🚀",
    "🇩🇪",
    "e\u0301",
    "\u0301",
    "\ud800",
]
ANY_TEXT = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=())).map("".join)


def styles(text):
    return [(each.text, *sorted(each.styles)) for each in pieces(text)]


class TestEscape:
    @pytest.mark.parametrize(
        ("typed", "sent"),
        [
            ("Bread & butter", "Bread &amp; butter"),
            ("<!channel>", "&lt;!channel&gt;"),
            ("<@U123> <#C123> <!subteam^S1>", "&lt;@U123&gt; &lt;#C123&gt; &lt;!subteam^S1&gt;"),
            ("<https://a.com|words>", "&lt;https://a.com|words&gt;"),
            ("&amp;", "&amp;amp;"),
            ("@channel *bold* 'quoted' \"too\"", "@channel *bold* 'quoted' \"too\""),
        ],
    )
    def test_leaves_nothing_slack_would_act_on(self, typed, sent):
        assert escape(typed) == sent
        assert unescape(sent) == typed

    @given(ANY_TEXT)
    def test_is_undone_by_unescape(self, text):
        assert unescape(escape(text)) == text
        assert not set("<>") & set(escape(text))

    def test_is_what_the_length_counts(self):
        assert length("a & 😀") == utf16.length("a &amp; 😀") == 10


class TestComparable:
    @pytest.mark.parametrize(
        ("sent", "returned"),
        [
            ("Hi 👋🏽 all", "Hi :wave::skin-tone-4: all"),
            ("1️⃣ ❤️ ©️ 🇩🇪 👩🏽‍🚀", ":one: :heart: :copyright: :de: :female-astronaut::skin-tone-4:"),
            ("see https://a.com?x=1&amp;y=2.", "see <https://a.com?x=1&amp;y=2>."),
            ("see a.com", "see <http://a.com|a.com>"),
            ("a@b.com", "<mailto:a@b.com|a@b.com>"),
            ("two  spaces\nand a line ", "two spaces and a line"),
        ],
    )
    def test_is_the_same_for_what_slack_returns(self, sent, returned):
        assert comparable(sent) == comparable(returned)

    @pytest.mark.parametrize(("one", "other"), [("Fresh bread", "Fresh rolls"), ("a &lt; b", "a &gt; b"), ("10", "11")])
    def test_differs_for_other_words(self, one, other):
        assert comparable(one) != comparable(other)

    @given(ANY_TEXT)
    def test_of_any_text(self, text):
        assert comparable(escape(text)) == comparable(escape(text) + " ")


class TestPieces:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("*bold*", [("bold", "bold")]),
            ("a _b_, ~c~.", [("a ",), ("b", "italic"), (", ",), ("c", "struck"), (".",)]),
            ("*all _both_*", [("all ", "bold"), ("both", "bold", "italic")]),
            ("`*c*` ```x\ny```", [("*c*", "code"), (" ",), ("x\ny", "code")]),
            ("snake_case_name 2*3*4", [("snake_case_name 2*3*4",)]),
            ("* a list* _not\nover lines_", [("* a list* _not\nover lines_",)]),
            ("", []),
        ],
    )
    def test_are_styled_as_marked_up(self, text, shown):
        assert styles(text) == shown

    def test_are_links_where_there_is_a_scheme(self):
        assert pieces("*https://a.com/x_y_z*, b.com") == [
            Piece("https://a.com/x_y_z", frozenset(["bold"]), link="https://a.com/x_y_z"),
            Piece(", b.com"),
        ]

    @given(ANY_TEXT)
    def test_hold_the_text_but_for_its_signs(self, text):
        signs = str.maketrans("", "", "*_~`")
        assert "".join(each.text for each in pieces(text)).translate(signs) == text.translate(signs)


class TestSections:
    def test_are_one_for_a_short_text(self):
        assert sections("Fresh bread.") == ["Fresh bread."]
        assert sections("") == []

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("one two. three\n\nfour five", "one two. three\n\n"),
            ("one two. three\nfour five six", "one two. three\n"),
            ("one two three. four five six", "one two three. "),
            ("one two three four five six", "one two three four "),
            ("onetwothreefourfivesixseveneight", "onetwothreefourfives"),
        ],
    )
    def test_end_where_a_reader_pauses(self, text, first):
        assert sections(text, most=20)[0] == first

    def test_cut_no_escaped_sign_and_no_grapheme(self):
        assert sections("ab&amp;cd", most=5) == ["ab", "&amp;", "cd"]
        assert sections("a👩🏽‍🚀b", most=7) == ["a", "👩🏽‍🚀", "b"]

    def test_cut_a_grapheme_that_is_longer_than_a_section(self):
        assert [len(each) for each in sections("e" + "\u0301" * 25, most=10)] == [5, 5, 5, 5, 6]

    @given(ANY_TEXT, st.integers(8, 40))
    def test_join_to_the_text_and_are_short_enough(self, text, most):
        mrkdwn = escape(text)
        cut = sections(mrkdwn, most)
        assert "".join(cut) == mrkdwn
        assert all(0 < utf16.length(each) <= most for each in cut)
        assert "".join(unescape(each) for each in cut) == text
        assert sum(len(ENTITY.findall(each)) for each in cut) == len(ENTITY.findall(mrkdwn))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        *("*a " * 13_000, "`" * 40_000, "*_~" * 13_000, "&" * 40_000, "😀" * 20_000, "e" + "\u0301" * 40_000),
        *(")" * 40_000, "https://a" + ")" * 40_000, "https://a.com " * 3_000, "<" * 40_000, ":a" * 20_000),
        "*_a_ " * 8_000,
    ],
    ids=lambda text: f"{text[:10]!a}",
)
def test_long_texts_take_no_longer_than_their_length_warrants(text):
    assert pieces(text)
    assert comparable(text) is not None
    assert "".join(sections(escape(text))) == escape(text)
