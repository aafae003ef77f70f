"""Our reading of a text against X's own library, case by case."""

import json
from pathlib import Path
from unicodedata import normalize

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from socialcore.text import emoji, utf16
from socialcore.text.twitter import (
    MAX_WEIGHT,
    Entity,
    drifts,
    entities,
    fitting,
    has_invalid_characters,
    has_link,
    heaviest_length,
    is_valid,
    weighted_length,
)
from socialcore.text.twitter_links import links

DATA = Path(__file__).parents[2] / "data"
ORACLE = json.loads((DATA / "x-weighted-length.open.json").read_text("utf-8"))["cases"]

# Everything of extract.yml and validate.yml but `replies` and the two sections of the stand-alone URL validator.
EXTRACTED = {
    "urls": "link",
    "urls_with_directional_markers": "link",
    "tco_urls_with_params": "link",
    "mentions": "mention",
    "hashtags": "hashtag",
    "hashtags_from_astral": "hashtag",
    "cashtags": "cashtag",
}
WITH_INDICES = {
    "urls_with_indices": ("link", "url"),
    "mentions_with_indices": ("mention", "screen_name"),
    "mentions_or_lists_with_indices": ("mention", "screen_name"),
    "hashtags_with_indices": ("hashtag", "hashtag"),
    "cashtags_with_indices": ("cashtag", "cashtag"),
}
WHOLE = {"usernames": "mention", "lists": "mention", "hashtags": "hashtag"}
WEIGHED = ["WeightedTweetsWithDiscountedEmojiCounterTest", "UnicodeDirectionalMarkerCounterTest"]

PIECES = [
    "a.com",
    "日",
    "日a.com",
    ".한국",
    "http://",
    "HTTPS://",
    "t.co/",
    "/(a(b))",
    "?a=b",
    ":80",
    "xn--a",
    "_",
    "-",
]
PIECES += [
    "@a",
    "@a/b",
    "＠",
    "#a",
    "＃",
    "#1",
    "$A",
    "RT ",
    " ",
    "\u3000",
    "\ufeff",
    "\x85",
    "\u202a",
    ".",
    "é",
    "e\u0301",
]
PIECES += ["👩🏽‍🚀", "👨‍👩‍👧", "🇩🇪", "🏴\U000e0067\U000e007f", "1\ufe0f\u20e3", "☺\ufe0f", "☺\ufe0e", "\u200d", "🫠"]
PIECES += ["\ufe0f", "\ud800", "\udc00", "\u017f", "\u212a", "\U00020021"]
ANY_TEXT = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=())).map("".join)


def conformance(file):
    return yaml.safe_load((DATA / f"twitter-text-{file}.yml").read_text("utf-8"))["tests"]


def mismatches(cases, actual, expected):
    compared = ((case["text"], actual(case), expected(case)) for case in cases)
    return [each for each in compared if each[1] != each[2]]


def values(kind, text):
    return [entity.value for entity in entities(text) if entity.kind == kind]


def in_units(text, entity):
    return entity.kind, utf16.length(text[: entity.start]), utf16.length(text[: entity.end]), entity.value


def as_recorded(entity):
    kind, key = next(
        (kind, key)
        for kind, key in {"link": "url", "mention": "screenName", "hashtag": "hashtag", "cashtag": "cashtag"}.items()
        if key in entity
    )
    return kind, *entity["indices"], entity[key] + entity.get("listSlug", "")


class TestTheLibrarysValues:
    def test_weights(self, record_property):
        assert len(ORACLE) == 816
        assert not mismatches(ORACLE, lambda case: weighted_length(case["text"]), lambda case: case["weighted_length"])
        assert not mismatches(
            ORACLE,
            lambda case: weighted_length(case["text"], emoji_of=emoji.NEW),
            lambda case: case["weighted_length_twemoji17"],
        )
        record_property("shows", f"X weighted length: {len(ORACLE)} recorded cases, 0 mismatches")

    def test_drift(self):
        assert sum(case["emoji_drift"] for case in ORACLE) == 18
        assert not mismatches(ORACLE, lambda case: drifts(case["text"]), lambda case: case["emoji_drift"])
        assert not mismatches(
            ORACLE,
            lambda case: heaviest_length(case["text"]),
            lambda case: max(value for key, value in case.items() if key.startswith("weighted_length")),
        )

    def test_validity(self):
        assert not mismatches(ORACLE, lambda case: is_valid(case["text"]), lambda case: case["valid"])
        assert not mismatches(
            ORACLE, lambda case: weighted_length(case["text"]) * 1000 // MAX_WEIGHT, lambda case: case["permillage"]
        )

    def test_what_fits(self):
        # The library counts in the normalised text, and then adds the whole difference in length: see below.
        def end(case):
            normal = normalize("NFC", case["text"])
            last = max(utf16.length(normal[: fitting(normal)]) - 1, 0)
            return last + utf16.length(case["text"]) - utf16.length(normal)

        assert not mismatches(ORACLE, end, lambda case: case["valid_range"][1])

    def test_entities(self, record_property):
        def recorded(case):
            return [as_recorded(entity) for entity in case["entities_utf16"]]

        assert not mismatches(
            ORACLE, lambda case: [in_units(case["text"], each) for each in entities(case["text"])], recorded
        )
        # In code points, too, but for two where the library puts an end behind the text's.
        kept = [
            case for case in ORACLE if all(e["indices"][1] <= len(case["text"]) for e in case["entities_codepoint"])
        ]
        assert len(kept) == 814
        assert not mismatches(
            kept,
            lambda case: [(each.kind, each.start, each.end, each.value) for each in entities(case["text"])],
            lambda case: [as_recorded(entity) for entity in case["entities_codepoint"]],
        )
        count = sum(len(case["entities_utf16"]) for case in ORACLE)
        record_property("shows", f"X links, mentions and tags: {count} recorded in {len(ORACLE)} texts, 0 mismatches")


class TestTheAuthorsConformanceFiles:
    def test_weights(self, record_property):
        cases = [case for section in WEIGHED for case in conformance("validate")[section]]
        assert len(cases) == 24
        assert not mismatches(
            cases,
            lambda case: (
                weighted_length(case["text"]),
                is_valid(case["text"]),
                weighted_length(case["text"]) * 1000 // MAX_WEIGHT,
                max(utf16.length(case["text"][: fitting(case["text"])]) - 1, 0),
            ),
            lambda case: tuple(
                case["expected"][key] for key in ("weightedLength", "valid", "permillage", "validRangeEnd")
            ),
        )
        record_property("shows", f"X weighted length: {len(cases)} conformance cases, 0 mismatches")

    def test_weights_before_an_emoji_was_one_character(self):
        cases = conformance("validate")["WeightedTweetsCounterTest"]
        assert len(cases) == 20

        def weight(case):
            # This section's configuration, v2, has no emoji; 2 of its texts do.
            if any(len(match[0]) > 1 for match in emoji.pattern(emoji.OLD).finditer(case["text"])):
                return sum(map(weighted_length, case["text"]))
            return weighted_length(case["text"])

        assert not mismatches(cases, weight, lambda case: case["expected"]["weightedLength"])

    def test_texts_of_at_most_140(self):
        # This section's configuration is v1: at most 140 characters, which all weigh the same.
        cases = conformance("validate")["tweets"]
        assert len(cases) == 8

        def length(text):
            return weighted_length(text) if has_link(text) else len(normalize("NFC", text))

        assert not mismatches(
            cases,
            lambda case: 0 < length(case["text"]) <= 140 and not has_invalid_characters(case["text"]),
            lambda case: case["expected"],
        )

    @pytest.mark.parametrize(("section", "count"), [("usernames", 4), ("lists", 5), ("hashtags", 7)])
    def test_names(self, section, count):
        cases = conformance("validate")[section]
        assert len(cases) == count

        def is_one(case):
            found = [each for each in entities(case["text"]) if each.kind == WHOLE[section]]
            whole = [(each.start, each.end) for each in found] == [(0, len(case["text"]))]
            return whole and ("/" in found[0].value) == (section == "lists")

        assert not mismatches(cases, is_one, lambda case: case["expected"])

    def test_entities(self, record_property):
        sections = conformance("extract")
        assert sections.keys() - EXTRACTED.keys() - WITH_INDICES.keys() == {"replies"}
        count = 0
        for section, kind in EXTRACTED.items():
            count += len(sections[section])
            assert not mismatches(
                sections[section],
                lambda case, kind=kind: values(kind, case["text"]),
                lambda case: [each["url"] if isinstance(each, dict) else each for each in case["expected"]],
            )
        for section, (kind, key) in WITH_INDICES.items():
            count += len(sections[section])
            assert not mismatches(
                sections[section],
                lambda case, kind=kind: [
                    (each.value, [each.start, each.end]) for each in entities(case["text"]) if each.kind == kind
                ],
                lambda case, key=key: [
                    (each[key] + each.get("list_slug", ""), each["indices"]) for each in case["expected"]
                ],
            )
        assert count == 225
        record_property("shows", f"X links, mentions and tags: {count} conformance cases, 0 mismatches")

    def test_top_level_domains(self, record_property):
        cases = [case for section in conformance("tlds").values() for case in section]
        assert len(cases) == 1574
        assert not mismatches(cases, lambda case: values("link", case["text"]), lambda case: case["expected"])
        record_property("shows", f"X top-level domains: {len(cases)} conformance cases, 0 mismatches")


class TestWeight:
    @pytest.mark.parametrize(
        ("text", "weight"),
        [
            ("", 0),
            ("a", 1),
            ("\u10ff\u1100", 3),
            ("\u2010\u2018\u2020\u2032\u2038", 7),
            ("日本", 4),
            ("e\u0301", 1),
            ("👨‍👩‍👧‍👦", 2),
            ("👩🏽‍🚀", 2),
            ("🇩🇪", 2),
            ("1\ufe0f\u20e3", 2),
            ("☺\ufe0e", 4),
            ("see https://harbor-bakery.example.com/a/very/long/path?of=it now", 31),
            ("a.com", 23),
            ("\ud800", 2),
        ],
    )
    def test_is_what_the_rules_make_it(self, text, weight):
        assert weighted_length(text) == weight

    def test_of_a_newer_emoji_may_be_less_than_the_old_table_has_it(self):
        handshake = "🧑🏻‍🤝‍🧑🏿"  # Unicode 12
        assert weighted_length(handshake) > weighted_length(handshake, emoji_of=emoji.NEW) == 2
        assert drifts(handshake)
        assert heaviest_length(handshake) == weighted_length(handshake)
        assert not drifts("🙂")

    def test_counts_what_is_left_of_a_character_a_link_ends_in(self):
        # The original reads "-a.com/" here, seven units, of which the last is half a flag's first character.
        assert weighted_length("日-a.com🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.com/日") == 46

    @given(ANY_TEXT)
    def test_is_never_more_than_that_of_the_characters_one_by_one_but_for_links(self, text):
        apart = sum(map(weighted_length, normalize("NFC", text)))
        count = len(links(utf16.units(normalize("NFC", text))))
        assert 0 <= weighted_length(text) <= apart + 25 * count

    @given(ANY_TEXT, ANY_TEXT)
    def test_adds_up_across_lines(self, first, second):
        # A line ends emoji and links. Each text starts with one, because X reads a text's first character differently.
        assert weighted_length(f"\n{first}\n\n{second}") == sum(map(weighted_length, (f"\n{first}\n", f"\n{second}")))

    @given(ANY_TEXT)
    def test_does_not_depend_on_normalisation(self, text):
        assert weighted_length(text) == weighted_length(normalize("NFC", text))


class TestFitting:
    def test_is_all_of_a_text_that_fits(self):
        assert fitting("a" * MAX_WEIGHT) == MAX_WEIGHT
        assert fitting("") == 0

    def test_stops_before_what_is_too_much(self):
        assert fitting("a" * 300) == 280
        assert fitting("日" * 141) == 140
        assert fitting("a" * 270 + " https://a.com") == 271
        assert fitting("a" * 279 + "👨‍👩‍👧") == 279

    def test_counts_the_text_as_typed(self):
        assert fitting("e\u0301" * 281) == 560

    def test_stops_before_a_character_x_refuses(self):
        assert fitting("ab\ufeffc") == 2
        assert has_invalid_characters("ab\ufeffc")
        assert not is_valid("ab\ufeffc")

    @given(ANY_TEXT.map(lambda text: text * 8))
    def test_is_never_more_than_there_is(self, text):
        fits = fitting(text)
        assert 0 <= fits <= len(text)
        assert (fits == len(text)) == (is_valid(text) or text == "")


class TestEntities:
    def test_are_in_code_points(self):
        assert entities("😀 a.com @bakery/bread #日本 $ABC") == [
            Entity("link", 2, 7, "a.com"),
            Entity("mention", 8, 21, "bakery/bread"),
            Entity("hashtag", 22, 25, "日本"),
            Entity("cashtag", 26, 30, "ABC"),
        ]

    def test_leave_out_a_tag_inside_a_link(self):
        assert [each.kind for each in entities("https://a.com/#tag")] == ["link"]

    @pytest.mark.parametrize("text", ["httpſ://x", "a.\u212ay", "#\u2126 a.comx", "@\u212a"])
    def test_fold_case_as_javascript_does(self, text):
        assert not values("link", text)
        assert not values("mention", text)

    def test_tell_of_links(self):
        assert has_link("see harbor-bakery.com")
        assert not has_link("Fresh bread.Only today")

    @given(ANY_TEXT)
    def test_do_not_overlap_and_are_where_they_say(self, text):
        done = 0
        for each in entities(text):
            assert done <= each.start < each.end <= len(text)
            done = each.end
            assert text[each.start] in {"mention": "@＠", "hashtag": "#＃", "cashtag": "$"}.get(each.kind, text)
        assert has_link(text) or not values("link", text)


@pytest.mark.timeout(15)
@pytest.mark.parametrize(
    "text",
    [
        "a." * 50_000,
        "日" * 100_000 + ".com",
        "日." * 50_000,
        "_a." * 30_000,
        "a_" * 50_000 + ".com",
        "a.com" * 20_000,
        "http://" * 15_000 + "a.com",
        "http://a.com/" + "(a" * 50_000,
        "http://a.com/" + "!" * 100_000,
        "http://a.com/" + "@a" * 50_000,
        "http://a.com?" + "." * 100_000,
        "@a" * 50_000,
        "#" * 100_000,
        "#" + "1" * 100_000,
        " $A" * 33_000,
        "👩\u200d" * 50_000,
        "🇩" * 100_000,
        "e\u0301" * 50_000,
        "\ud800" * 100_000,
    ],
    ids=lambda text: f"{text[:14]!a}",
)
def test_long_texts_take_no_longer_than_their_length_warrants(text):
    assert heaviest_length(text) > MAX_WEIGHT
    assert entities(text) is not None
    assert fitting(text) < len(text)
