"""Our reading of a text against the official client's, case by case."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore.text.bluesky import (
    Length,
    Segment,
    detect_facets,
    measure,
    mentioned_handles,
    segments,
    shorten,
    shorten_links,
)

DATA = Path(__file__).parents[2] / "data"
ORACLE = json.loads((DATA / "bluesky-richtext.open.json").read_text("utf-8"))["cases"]
APP = json.loads((DATA / "social-app-links.json").read_text("utf-8"))
AUTHORS = json.loads((DATA / "rich-text-detection.authors.json").read_text("utf-8"))

FACET = "app.bsky.richtext.facet"

# What a pattern could trip over, in pieces, and any character at all.
PIECES = ["@a.test", "@", "#", "＃", "$A", "(", ")", ".", " ", "\n", "\ufeff", "\x85", "\u200b", "\ufe0f"]
PIECES += ["https://", "HTTPS://", "a.com", ".com", "1", "é", "👩🏽‍🚀", "🇩🇪", "\u0301", "\ud800"]
ANY_TEXT = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=())).map("".join)


def fake_did(handle):
    return None if "nonexist" in handle or "invalid" in handle else f"did:fake:{handle}"


def found_in(text):
    """The features of a text, by the words that carry them."""
    cut = segments(text, detect_facets(text, fake_did))
    return {each.text: each.feature for each in cut if each.feature}


def a_link(start, end, uri="https://a.test"):
    index = {"byteStart": start, "byteEnd": end}
    return {"index": index, "features": [{"$type": f"{FACET}#link", "uri": uri}]}


def mismatches(cases, actual, expected):
    compared = ((case["text"], actual(case), expected(case)) for case in cases)
    return [each for each in compared if each[1] != each[2]]


class TestMeasure:
    def test_counts_what_the_official_client_counts(self):
        assert not mismatches(
            ORACLE,
            lambda case: measure(case["text"]),
            lambda case: Length(case["grapheme_length"], case["utf8_length"]),
        )

    def test_takes_a_lone_surrogate_for_a_replacement_character(self):
        assert measure("a\ud800b") == measure("a\ufffdb") == Length(graphemes=3, utf8_bytes=5)

    @pytest.mark.parametrize(
        ("text", "graphemes"),
        [("🇩🇪🇫🇷🇮🇹", 3), ("🇩🇪🇫", 2), ("🇩\u0301🇪🇫", 2), ("\u0600🇩🇪🇫🇷", 2), ("🇩🇪\u200d👩", 2)],
    )
    def test_pairs_the_letters_of_flags_from_the_left(self, text, graphemes):
        assert measure(text).graphemes == graphemes


class TestDetectFacets:
    def test_finds_what_the_official_client_finds(self):
        def as_recorded(case):
            # The client repeats a mention's own `$type`, which the lexicon implies, and keeps a
            # mention of nobody with an empty DID, which no server accepts.
            facets = ({"index": facet["index"], "features": facet["features"]} for facet in case["facets"])
            return [facet for facet in facets if facet["features"][0].get("did") != ""]

        assert not mismatches(ORACLE, lambda case: detect_facets(case["text"], fake_did), as_recorded)

    @pytest.mark.parametrize("kind", ["tags", "cashtags"])
    def test_finds_the_tags_its_authors_expect(self, kind):
        def as_expected(case):
            return [
                {"index": index, "features": [{"$type": f"{FACET}#tag", "tag": tag}]}
                for index, tag in zip(case["indices"], case["tags"], strict=True)
            ]

        assert not mismatches(AUTHORS[kind], lambda case: detect_facets(case["text"], fake_did), as_expected)

    def test_leaves_a_mention_of_nobody_plain(self):
        assert detect_facets("@nonexist.test @a.test", fake_did) == [
            {
                "index": {"byteStart": 15, "byteEnd": 22},
                "features": [{"$type": f"{FACET}#mention", "did": "did:fake:a.test"}],
            }
        ]

    def test_takes_an_empty_did_for_none(self):
        assert detect_facets("@a.test", lambda handle: "") == []

    def test_finds_facets_inside_others(self):
        spans = [facet["index"] for facet in detect_facets("#é(@a.test", fake_did)]
        assert spans == [{"byteStart": 0, "byteEnd": 11}, {"byteStart": 4, "byteEnd": 11}]

    @pytest.mark.parametrize("space", ["\ufeff", "\u3000", "\u2028", "\xa0", "\v"])
    def test_separates_words_where_javascript_sees_a_space(self, space):
        assert found_in(f"x{space}#a").keys() == {"#a"}

    @pytest.mark.parametrize("no_space", ["\x85", "\x1c", "\x1f", "\u200b", "\u180e"])
    def test_joins_words_where_only_others_see_a_space(self, no_space):
        assert not found_in(f"x{no_space}#a")

    def test_folds_case_in_ascii_only(self):
        assert not found_in("\u212aa.com httpſ://x")

    def test_takes_a_lower_case_http_and_no_other_for_a_scheme(self):
        links = {words: feature["uri"] for words, feature in found_in("httpbin.org HTTPS://a.com b.com").items()}
        assert links == {"httpbin.org": "httpbin.org", "b.com": "https://b.com"}

    def test_puts_a_replacement_character_for_a_lone_surrogate(self):
        assert detect_facets("\ud800 #a\udfffb", fake_did) == [
            {
                "index": {"byteStart": 4, "byteEnd": 10},
                "features": [{"$type": f"{FACET}#tag", "tag": "a\ufffdb"}],
            }
        ]

    @given(ANY_TEXT)
    def test_points_at_whole_characters_in_order(self, text):
        data = text.encode("utf-8", "surrogatepass")
        spans = [facet["index"] for facet in detect_facets(text, fake_did)]
        assert spans == sorted(spans, key=lambda span: span["byteStart"])
        for span in spans:
            assert 0 <= span["byteStart"] < span["byteEnd"] <= len(data)
            assert data[span["byteStart"] : span["byteEnd"]].decode("utf-8", "surrogatepass")


class TestMentionedHandles:
    def test_are_in_order_and_without_repeats(self):
        assert mentioned_handles("@b.test (@a.com) @b.test @nobody") == ["b.test", "a.com"]

    @given(ANY_TEXT)
    def test_are_those_a_resolver_is_asked_for(self, text):
        asked = []
        detect_facets(text, asked.append)
        assert list(dict.fromkeys(asked)) == mentioned_handles(text)


class TestSegments:
    def test_are_those_the_authors_of_the_client_expect(self):
        def target(feature):
            return feature.get("did") or feature["uri"]

        def as_cut(case):
            cut = segments(case["text"], detect_facets(case["text"], fake_did))
            return [[each.text, target(each.feature)] if each.feature else [each.text] for each in cut]

        assert not mismatches(AUTHORS["segments"], as_cut, lambda case: case["segments"])

    def test_show_a_text_without_facets_plain(self):
        assert segments("hello", []) == [Segment("hello")]
        assert segments("", []) == []

    @pytest.mark.parametrize(("start", "end"), [(-3, 2), (1, 99), (2, 2), (3, 1), (9, 10), (0, 1), (1, 2)])
    def test_leave_plain_what_a_facet_does_not_fit(self, start, end):
        assert segments("éa", [a_link(start, end)]) == [Segment("éa")]

    def test_keep_the_first_of_facets_that_overlap(self):
        first, second = a_link(0, 3, "https://1.test"), a_link(2, 4, "https://2.test")
        assert segments("abcd", [second, first]) == [Segment("abc", first["features"][0]), Segment("d")]

    def test_leave_a_facet_without_features_plain(self):
        assert segments("ab", [{"index": {"byteStart": 0, "byteEnd": 2}, "features": []}]) == [Segment("ab")]

    @given(ANY_TEXT)
    def test_join_to_the_text_they_were_cut_from(self, text):
        assert "".join(each.text for each in segments(text, detect_facets(text, fake_did))) == text

    @given(ANY_TEXT, st.lists(st.builds(a_link, st.integers(-2, 40), st.integers(-2, 40))))
    def test_join_to_the_text_whatever_the_facets(self, text, facets):
        assert "".join(each.text for each in segments(text, facets)) == text


class TestShorten:
    def test_makes_of_a_text_what_the_official_client_does(self, record_property):
        def as_recorded(case):
            short = case.get("shortened", case)
            facets = ({"index": facet["index"], "features": facet["features"]} for facet in short["facets"])
            kept = [facet for facet in facets if facet["features"][0].get("did") != ""]
            return short["text"], kept, Length(short["grapheme_length"], short["utf8_length"])

        def shortened(case):
            text, facets = shorten(case["text"], detect_facets(case["text"], fake_did))
            return text, facets, measure(text)

        assert (len(ORACLE), sum("shortened" in case for case in ORACLE)) == (816, 114)
        assert not mismatches(ORACLE, shortened, as_recorded)
        assert not mismatches(ORACLE, lambda case: shorten_links(case["text"]), lambda case: as_recorded(case)[0])
        record_property("shows", "Bluesky links shortened: 816 recorded cases, 114 of them shorter, 0 mismatches")

    def test_makes_of_a_text_what_its_authors_expect(self, record_property):
        assert [shorten_links(url) for url, _ in APP["toShortUrl"]] == [short for _, short in APP["toShortUrl"]]
        for case in APP["shortenLinks"]:
            text, facets = shorten(case["in"], detect_facets(case["in"], fake_did))
            assert text == case["text"]
            assert [facet["features"][0]["uri"] for facet in facets] == case["uris"]
        count = len(APP["toShortUrl"]) + len(APP["shortenLinks"])
        assert count == 10
        record_property("shows", f"Bluesky links shortened: {count} of its authors' cases, 0 mismatches")

    def test_moves_what_is_behind_a_link(self):
        text, facets = shorten(typed := "é https://a.test/0123456789012345 #b", detect_facets(typed, fake_did))
        assert text == "é a.test/012345678901... #b"
        assert [each.text for each in segments(text, facets) if each.feature] == ["a.test/012345678901...", "#b"]

    def test_drops_what_is_inside_a_link(self):
        typed = "https://a.test/(@b.test"
        facets = detect_facets(typed, fake_did)
        assert len(facets) == 2
        assert [facet["features"][0]["uri"] for facet in shorten(typed, facets)[1]] == [typed]

    def test_ends_what_ended_inside_a_link_with_it(self):
        tag = {"index": {"byteStart": 0, "byteEnd": 20}, "features": [{"$type": f"{FACET}#tag", "tag": "x"}]}
        text, facets = shorten("# https://a.test/b/c/d/", [tag, a_link(2, 23, uri="https://a.test/b/c/d/")])
        assert text == "# a.test/b/c/d/"
        assert [facet["index"] for facet in facets] == [
            {"byteStart": 0, "byteEnd": 15},
            {"byteStart": 2, "byteEnd": 15},
        ]

    @pytest.mark.parametrize("text", ["httpbin.org", "https://[a", "a.test/0123456789012345", "ftp://a.test/x", ""])
    def test_leaves_alone_what_is_no_web_address(self, text):
        assert shorten_links(text) == text

    def test_leaves_the_facets_it_is_given(self):
        given = [a_link(0, 14)]
        shorten("https://a.test", given)
        assert given == [a_link(0, 14)]

    @given(ANY_TEXT)
    def test_keeps_every_link_and_all_that_is_between(self, text):
        def links_of(facets):
            return [facet for facet in facets if "uri" in facet["features"][0]]

        facets = detect_facets(text, fake_did)
        short, moved = shorten(text, facets)
        assert [facet["features"] for facet in links_of(moved)] == [facet["features"] for facet in links_of(facets)]
        assert [each.text for each in segments(short, links_of(moved)) if not each.feature] == [
            each.text for each in segments(text, links_of(facets)) if not each.feature
        ]
        # Every facet is still where it fits: cut along it alone, the text has a piece for it.
        assert all(any(each.feature for each in segments(short, [facet])) for facet in moved)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        "@a." * 40_000,
        "@" + "a-" * 50_000 + "_",
        " @a.test" * 12_500,
        "#" * 100_000,
        "#" + "1" * 100_000,
        "#" + "!" * 100_000 + "a",
        "#" + "a!" * 50_000,
        " #a" * 33_000,
        "a." * 50_000,
        "a" * 100_000,
        "(a" * 50_000,
        "$A" * 50_000,
        " $A" * 33_000,
        "(" * 100_000 + "https://x.com",
        "https://x.com/" + "a" * 100_000,
        "https://" + "é" * 100_000,
        "https://x.com" + ")" * 100_000,
        "a.com " * 16_000,
        "🇩" * 100_000,
        "a" + "\u0301" * 100_000,
        "👩\u200d" * 50_000,
        "क\u094d" * 50_000,
        "\ud800" * 100_000,
    ],
    ids=lambda text: f"{text[:5]!a}",
)
def test_long_texts_take_no_longer_than_their_length_warrants(text):
    assert measure(text).graphemes > 0
    assert shorten_links(text)
    assert "".join(each.text for each in segments(text, detect_facets(text, fake_did))) == text
