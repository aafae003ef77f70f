"""The browser counts and marks as the server does: one fixture, every recorded oracle, and texts made at random."""

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from socialcore.adapters import ADAPTERS
from socialcore.posts import Content
from tests.socialcore.text import make_graphemes
from tests.ui import counting
from tests.ui.counting import DATA, MOST, SHORT, cases, server, text_of
from ui.composer import scripts

PLATFORMS = {"bluesky": "bluesky", "x": "twitter", "slack": "slack", "google": "google_business"}
# What a pattern could trip over, in pieces.
PIECES = [
    *[
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
        ".",
        "@a",
        "@a/b",
        "@a.test",
        "＠",
        "#a",
        "＃",
        "#1",
        "$A",
        "&",
        "<",
        ">",
        "(",
        ")",
    ],
    *[
        '"',
        "?!",
        "\\",
        "https://münchen.de/ä?b#c",
        "https://a.com/b_(c)",
        "[::1]",
        "0x7f.1",
        "https://www.a.com:443/../b/./c",
        "é",
        "क्",
        "ष",
        "각",
        "ᄀ",
        "ᅡ",
        "ᆨ",
    ],
    *(
        "RT ",
        " ",
        "\n",
        "\r\n",
        "\u3000",
        "\ufeff",
        "\x85",
        "\u202a",
        "e\u0301",
        "👩🏽‍🚀",
        "👨‍👩‍👧",
        "🇩🇪",
        "🫠",
        "\u200d",
    ),
    *("🏴\U000e0067\U000e007f", "1\ufe0f\u20e3", "☺\ufe0f", "☺\ufe0e", "\ufe0f", "\u017f", "\u212a", "\u0600"),
]


def oracles() -> Iterator[str]:
    """Every text that some official library was recorded with."""
    for name in ("x-weighted-length.open.json", "bluesky-richtext.open.json"):
        yield from (case["text"] for case in json.loads((DATA / name).read_text("utf-8"))["cases"])
    for name in ("extract", "validate", "tlds"):
        found = yaml.safe_load((DATA / f"twitter-text-{name}.yml").read_text("utf-8"))["tests"]
        yield from (case["text"] for section in found.values() for case in section)


def at_random(number: int) -> list[str]:
    chance = random.Random(20261123)
    wide = [*range(0x20, 0xD800), *range(0xE000, 0x20000)]
    made = ["".join(chance.choices(PIECES, k=chance.randrange(1, 14))) for _ in range(number)]
    return made + ["".join(map(chr, chance.choices(wide, k=chance.randrange(1, 10)))) for _ in range(number)]


def well_formed(text: str) -> str:
    """A text as the field sends it: no half of a pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], list[dict]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node; tests/browser/test_live_text.py holds Chromium to the same")
    folder = tmp_path_factory.mktemp("counting")
    rules, given = folder / "rules.mjs", folder / "texts.json"
    rules.write_text(counting.script(), "utf-8")

    def found(texts: list[str]) -> list[dict]:
        given.write_text(json.dumps(texts), "utf-8")
        script = Path(__file__).with_name("counted.mjs")
        return json.loads(subprocess.run([node, script, rules, given], check=True, capture_output=True).stdout)

    return found


def mismatches(texts: list[str], found: list[dict]) -> list:
    compared = ((text, server(text), theirs) for text, theirs in zip(texts, found, strict=True))
    return [each for each in compared if each[1] != each[2]]


class TestTheServer:
    @pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
    def test_counts_and_marks_as_written(self, case: dict):
        found = server(text_of(case))
        assert {key: found[key] for key in case if key in found} == {key: case[key] for key in case if key in found}

    @pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
    def test_refuses_by_the_same_numbers(self, case: dict):
        for rule, platform in PLATFORMS.items():
            usage = ADAPTERS[platform].usage(Content(text=text_of(case)))
            lengths = [case["lengths"][name] for name in MOST if name.partition("-")[0] == rule]
            assert [each.used for each in usage] == lengths
            assert [each.limit.most for each in usage] == [MOST[name] for name in MOST if name.startswith(rule)]

    @pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
    def test_what_fits_is_no_longer_than_that(self, case: dict):
        for rule, (whole, some) in case["fitting"].items():
            assert 0 <= some <= whole <= len(text_of(case).encode("utf-16-le")) // 2
            if case["lengths"][rule] <= SHORT and "\ufffe" not in text_of(case) and "\ufeff" not in text_of(case):
                assert some == whole


class TestTheBrowser:
    def test_counts_and_marks_as_written(self, browsers):
        for case, found in zip(cases(), browsers([text_of(case) for case in cases()]), strict=True):
            assert {key: found[key] for key in case if key in found} == {
                key: case[key] for key in case if key in found
            }, case["name"]

    def test_agrees_on_every_recorded_text(self, browsers):
        texts = [well_formed(text) for text in oracles()]
        assert len(texts) > 3500
        assert mismatches(texts, browsers(texts)) == []

    def test_agrees_on_texts_made_at_random(self, browsers):
        texts = at_random(1000)
        assert mismatches(texts, browsers(texts)) == []

    def test_weighs_what_xs_own_library_weighs(self, browsers):
        recorded = json.loads((DATA / "x-weighted-length.open.json").read_text("utf-8"))["cases"]
        whole = [case for case in recorded if well_formed(case["text"]) == case["text"]]
        found = browsers([case["text"] for case in whole])
        assert [each["lengths"]["x"] for each in found] == [case["weighted_length"] for case in whole]
        assert len(whole) > 800


def test_the_table_of_graphemes_is_what_the_server_counts_by():
    assert [line for line in make_graphemes.TABLE.read_text("utf-8").splitlines() if not line.startswith("#")] == (
        make_graphemes.lines()
    )


def test_the_shared_script_stays_small():
    assert len(scripts.shared().encode()) < 100_000
