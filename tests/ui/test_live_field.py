"""The server's side of the live text field: what is asked of a page, and what it is told."""

import json
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from socialcore.adapters.contract import Target
from socialcore.connections import Connection
from socialcore.failures import Unavailable
from tests.waiting import wait_for
from ui import finding, measuring
from ui.composer import Count, Mark

FIELD = """
import streamlit as st
from ui.composer import Suggestions, composer, prepare

prepare()
known = Suggestions([("a.test", "yours")], [("rye", ["rye"])])
answers = {"har": [("harbor.test", "Harbor")], "no": [], "slow": None}
composer("Text", key="text", label="Text", counts=[], rev=1, suggestions=known, look_up=answers.get, saved=False)
"""


def connection(platform: str, service: str = "https://a.test") -> Connection:
    return cast("Connection", SimpleNamespace(platform=platform, service=service))


def told(page: AppTest) -> dict[str, Any]:
    """What the browser is given of the field."""
    assert not page.exception
    return json.loads(page.get("bidi_component")[-1].proto.json)


def test_a_page_without_the_shared_script_is_a_mistake():
    page = AppTest.from_string(FIELD.replace("prepare()\n", "\n", 1), default_timeout=30).run()
    assert page.exception
    assert not page.get("bidi_component")


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("har", {"done": True, "handles": [["harbor.test", "Harbor"]]}),
        ("no", {"done": True, "handles": []}),
        ("slow", {"done": False, "handles": []}),
    ],
)
def test_what_the_browser_asks_is_answered_in_the_run_it_starts(prefix: str, found: dict):
    page = AppTest.from_string(FIELD, default_timeout=30).run()
    known = {"mentions": [["a.test", "yours"]], "tags": [["rye", ["rye"]]], "asks": True}
    assert told(page)["suggestions"] == {**known, "found": None}
    page.session_state["text"] = {"asked": {"prefix": prefix, "times": 1}}
    page.run()
    assert told(page)["suggestions"] == {**known, "found": {"prefix": prefix, "times": 1, **found}}
    assert told(page)["saved"] is False


class TestMeasuring:
    def test_the_strictest_of_the_chosen_platforms_marks_what_is_too_much(self):
        text = f"{'a' * 290} 👩‍👩‍👧 #rye"
        chosen = [connection("bluesky"), connection("twitter"), connection("slack")]
        counts = measuring.counts(text, chosen)
        assert [(each.name, each.used, each.rule) for each in counts] == [
            ("Bluesky", 297, "bluesky"),
            ("Bluesky", 314, "bluesky-bytes"),
            ("X", 298, "x"),
            ("Slack", 304, "slack"),
        ]
        assert measuring.marks(text, "bluesky", lambda _handle: None, counts) == [
            Mark(300, 304, "tag"),
            Mark(280, 304, "over", "X"),
        ]

    def test_a_mention_of_nobody_is_no_mark(self):
        text = "@a.test and @b.test"
        found = measuring.marks(text, "bluesky", {"a.test": "did:plc:a"}.get, [])
        assert found == [Mark(0, 7, "mention")]

    @pytest.mark.parametrize(
        ("platforms", "reader"),
        [
            (["bluesky", "twitter"], "bluesky"),
            (["slack", "twitter"], "x"),
            (["slack", "google_business"], "web"),
            ([], "bluesky"),
        ],
    )
    def test_of_several_platforms_the_one_that_finds_most_marks(self, platforms: Sequence[str], reader: str):
        assert measuring.reader([connection(each) for each in platforms]) == reader

    def test_a_count_that_only_the_server_can_make_marks_nothing(self):
        assert measuring.marks("aaa", "web", lambda _handle: None, [Count("X", 1, 3, 1)]) == []


class TestSuggested:
    @pytest.fixture(autouse=True)
    def _anew(self):
        finding._suggesting.clear()  # noqa: SLF001 - what another test has asked is remembered

    def asked(self, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Sequence[Target]]) -> list[str]:
        heard: list[str] = []

        def suggest(_connection: Connection, prefix: str) -> Sequence[Target]:
            heard.append(prefix)
            return answer(prefix)

        monkeypatch.setattr(finding.publishing, "suggest", suggest)
        return heard

    def test_is_asked_once_and_remembered(self, monkeypatch: pytest.MonkeyPatch):
        found = [Target("did:plc:a", "a.test")]
        heard = self.asked(monkeypatch, lambda _prefix: found)
        wait_for(lambda: finding.suggested(connection("bluesky"), "a") == found, what="an answer")
        assert finding.suggested(connection("bluesky"), "a") == found
        assert heard == ["a"]

    def test_a_platform_that_hangs_holds_nobody_up_and_is_asked_no_more_than_that(self, monkeypatch):
        go_on = threading.Event()
        heard = self.asked(monkeypatch, lambda _prefix: [Target("late", str(go_on.wait(20)))])
        try:
            for number in range(50):
                assert finding.suggested(connection("bluesky"), f"a{number}") is None
            assert len(heard) <= 2
        finally:
            go_on.set()

    def test_a_platform_that_fails_suggests_nobody(self, monkeypatch: pytest.MonkeyPatch):
        def fail(_prefix: str) -> Sequence[Target]:
            raise Unavailable("Bluesky could not be reached.")

        heard = self.asked(monkeypatch, fail)
        assert finding.suggested(connection("bluesky"), "a") is None
        wait_for(lambda: heard, what="a question")
        assert finding.suggested(connection("bluesky"), "a") is None
        assert heard == ["a"]
