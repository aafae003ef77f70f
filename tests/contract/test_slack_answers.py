"""Every word by which Slack says no, and what we make of it; then whatever else may come over the wire."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from socialcore.adapters import http, slack_errors, slack_files
from socialcore.adapters.apps import App
from socialcore.adapters.contract import Access, Lookups, ReadBack
from socialcore.adapters.http import new_client
from socialcore.adapters.slack import Slack
from socialcore.failures import (
    ContentRejected,
    CredentialExpired,
    OutcomeUnknown,
    PlatformFailure,
    RateLimited,
    ReconnectNeeded,
    Unavailable,
)
from socialcore.posts import Content
from tests.contract.suite import assert_words, everything_shown, failure_of, go
from tests.faulty_proxy import Answer, FaultyProxy, answering

CHANNEL, TS = "C0123456789", "1772357400.000100"
SECRET = {"access": "xoxe.xoxb-s3cret", "refresh": "xoxe-1-s3cret", "workspace": "https://harborbakery.slack.com/"}
SECRET |= {"bot": "U0BOT"}
CODE, APP_SECRET = "4724469134.s3cret", "app-s3cret"
DELIVERY = UUID("6f1de1c3-6bd3-4b61-a0a9-2c6b4a5d3f10")
KINDS = {ContentRejected, CredentialExpired, OutcomeUnknown, RateLimited, ReconnectNeeded, Unavailable}
DOCUMENTED: Mapping[str, str] = json.loads(
    (Path(__file__).parents[1] / "data" / "slack-errors.json").read_text("utf-8")
)["chat.postMessage"]


@dataclass(frozen=True)
class Meant:
    """What an answer means to a write, to a look, to a sign-in and a refresh, and to a check."""

    write: type[PlatformFailure]
    look: type[PlatformFailure]
    sign_in: type[PlatformFailure]
    check: type[PlatformFailure]


def everywhere(meaning: type[PlatformFailure]) -> Meant:
    return Meant(meaning, meaning, meaning, meaning)


RECONNECT, REFUSED = everywhere(ReconnectNeeded), everywhere(ContentRejected)
LATER, LIMITED = everywhere(Unavailable), everywhere(RateLimited)
UNCLEAR = Meant(OutcomeUnknown, Unavailable, Unavailable, Unavailable)

# The classes of the documents; one word of the first is an expired token, three of the fifth ask us to wait.
CLASSES: Mapping[str, Meant] = {
    "reconnect": RECONNECT,
    "grant scope / reinstall": RECONNECT,
    "destination refuses: user must act": REFUSED,
    "bad content or request: permanent": REFUSED,
    "retry later": LATER,
    "ambiguous: reconcile before any resend": UNCLEAR,
}
PARTICULAR: Mapping[str, Meant] = {
    "token_expired": Meant(CredentialExpired, CredentialExpired, ReconnectNeeded, CredentialExpired),
    **dict.fromkeys(("ratelimited", "rate_limited", "message_limit_exceeded"), LIMITED),
}
OTHERS: Mapping[str, Meant] = {
    "msg_too_long": REFUSED,  # of chat.update
    "unknown_method": REFUSED,
    "a_word_of_tomorrow": UNCLEAR,
    "": UNCLEAR,
}
TABLE = {**{error: PARTICULAR.get(error) or CLASSES[kind] for error, kind in DOCUMENTED.items()}, **OTHERS}


@dataclass(frozen=True)
class Canned:
    """A server that says what it is told to, and the adapter that asks it."""

    server: FaultyProxy
    adapter: Slack
    access: Access
    wire: Mapping[str, Any]

    def say(self, answer: Answer) -> None:
        self.server.behave()
        self.server.misbehave(answering(answer), times=None)

    def calls(self) -> Mapping[str, Callable[[], object]]:
        return {
            "write": lambda: self.adapter.publish(self.access, dict(self.wire), before_write=go),
            "look": lambda: self.adapter.find_existing(self.access, dict(self.wire)),
            "read back": lambda: self.adapter.read_back(self.access, dict(self.wire), TS),
            "recent": lambda: self.adapter.recent(self.access),
            "sign in": lambda: self.adapter.connect({"code": CODE, "redirect_uri": "https://example.com/back"}),
            "refresh": lambda: self.adapter.refresh(self.access),
            "check": lambda: self.adapter.check(self.access),
            "delete": lambda: self.adapter.delete(self.access, TS),
            "revoke": lambda: self.adapter.revoke(self.access),
            "upload": lambda: self.adapter.upload(self.access, PICTURED, Bytes(), wire=None),
        }


class Bytes:
    def read(self, media_id: str) -> bytes:
        return b"\x89PNG\r\n\x1a\n" + media_id.encode()

    def public_url(self, media_id: str) -> str:
        raise AssertionError(media_id)


PICTURED = {
    "text": "Fresh bread",
    "pictures": [{"id": "a" * 64, "alt": "", "media_type": "image/png", "size": 72, "width": 9, "height": 9}],
}


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with FaultyProxy() as server, new_client() as client, pytest.MonkeyPatch.context() as patched:
        patched.setattr(slack_files, "LOOKS", (0, 0, 0))
        client.timeout = httpx.Timeout(5)
        adapter = Slack(App(server.url, "client", APP_SECRET), client)
        rendered = adapter.render(Content(text="Fresh bread"), Lookups())[0]
        at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
        wire = adapter.freeze(CHANNEL, rendered, delivery_id=DELIVERY, at=at).wire
        yield Canned(server, adapter, Access(server.url, CHANNEL, SECRET), wire)


def test_the_documents_name_57_words():
    assert len(DOCUMENTED) == 57
    assert set(DOCUMENTED.values()) == set(CLASSES)


@pytest.mark.parametrize(("error", "meant"), TABLE.items(), ids=[error or "no word" for error in TABLE])
@pytest.mark.parametrize("status", [200, 400, 503], ids=lambda status: f"status {status}")
class TestWords:
    """Slack says no with the status 200; with another, a word still means what it means."""

    def answer(self, canned: Canned, status: int, error: str) -> None:
        if status == 400 and error in OTHERS:
            pytest.skip("of a word we do not know, the status tells")
        canned.say(Answer.json(status, {"ok": False, "error": error}))

    def test_to_a_write(self, canned: Canned, status: int, error: str, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["write"])) is meant.write

    def test_to_a_look(self, canned: Canned, status: int, error: str, meant: Meant):
        self.answer(canned, status, error)

        for look in ("look", "read back", "recent"):
            assert type(failure_of(canned.calls()[look])) is meant.look

    def test_to_a_sign_in(self, canned: Canned, status: int, error: str, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["sign in"])) is meant.sign_in
        assert type(failure_of(canned.calls()["refresh"])) is meant.sign_in

    def test_to_a_check(self, canned: Canned, status: int, error: str, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["check"])) is meant.check

    def test_only_a_write_has_an_unknown_outcome(self, canned: Canned, status: int, error: str, meant: Meant):
        self.answer(canned, status, error)

        for name in canned.calls().keys() - {"write"}:
            assert type(failure_or_none(canned.calls()[name])) is not OutcomeUnknown


@pytest.mark.parametrize("error", [*DOCUMENTED, *slack_errors.SAYS])
def test_every_word_is_put_into_a_sentence_or_named(canned: Canned, error: str):
    canned.say(Answer.json(200, {"ok": False, "error": error}))

    said = str(failure_of(canned.calls()["write"]))

    assert error in said or error not in slack_errors.WRITE.meaning or said.endswith(".")
    assert len(said) > 10


@pytest.mark.parametrize("error", slack_errors.SAYS)
def test_our_sentences_are_sentences(error: str):
    assert_words(Unavailable(slack_errors.SAYS[error]))


class TestParticulars:
    def test_a_limit_said_with_the_status_200_says_how_long(self, canned: Canned):
        canned.say(Answer.json(200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "17"}))

        failure = failure_of(canned.calls()["write"])

        assert isinstance(failure, RateLimited)
        assert (failure.wait, failure.whose) == (timedelta(seconds=17), "connection")

    def test_a_limit_without_a_time_is_a_minute(self, canned: Canned):
        canned.say(Answer.json(200, {"ok": False, "error": "rate_limited"}))

        failure = failure_of(canned.calls()["write"])

        assert isinstance(failure, RateLimited)
        assert failure.wait == http.DEFAULT_WAIT

    def test_what_is_wrong_with_a_block_is_quoted(self, canned: Canned):
        messages = ["[ERROR] invalid slack file [json-pointer:/blocks/1/slack_file]", "another"]
        body = {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": messages}}
        canned.say(Answer.json(200, body))

        assert str(failure_of(canned.calls()["write"])) == (
            "Slack refused: invalid slack file [json-pointer:/blocks/1/slack_file]"
        )

    def test_what_was_deleted_is_gone_and_its_thread_too(self, canned: Canned):
        for error in ("message_not_found", "thread_not_found"):
            canned.say(Answer.json(200, {"ok": False, "error": error}))

            canned.calls()["delete"]()
            assert canned.calls()["look"]() is None
            assert canned.calls()["read back"]() is None

    @pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "account_inactive"])
    def test_what_is_gone_can_be_given_back(self, canned: Canned, error: str):
        canned.say(Answer.json(200, {"ok": False, "error": error}))

        canned.calls()["revoke"]()

    @pytest.mark.parametrize(
        "body",
        [{"ok": True}, {"ok": True, "ts": 5}, {"ts": TS}, {"ok": "true", "ts": TS}, {"ok": None}, [], "ok", None],
        ids=str,
    )
    def test_a_success_that_says_nothing_leaves_the_outcome_open(self, canned: Canned, body: Any):
        canned.say(Answer.json(200, body))

        assert type(failure_of(canned.calls()["write"])) is OutcomeUnknown
        assert type(failure_of(canned.calls()["look"])) is Unavailable

    @pytest.mark.parametrize(
        ("changed", "differs"),
        [
            ({}, ""),
            ({"text": "Fresh bread :bread:"}, "text"),
            ({"text": None}, "text"),
            ({"thread_ts": "1772357000.000001"}, "thread"),
            ({"thread_ts": TS, "reply_count": 2}, ""),
            (
                {"blocks": [{"type": "image", "slack_file": {"id": "F1"}, "alt_text": "A stale loaf"}]},
                "pictures",
            ),
        ],
    )
    def test_names_what_is_not_as_it_was_sent(self, canned: Canned, changed: Mapping[str, Any], differs: str):
        message = {"ts": TS, "text": "Fresh bread", "metadata": canned.wire["body"]["metadata"], **changed}
        canned.say(Answer.json(200, {"ok": True, "messages": [message]}))

        assert canned.calls()["read back"]() == ReadBack("mismatch" if differs else "match", differs)

    @pytest.mark.parametrize(
        "other",
        [
            {"event_type": "social_composer_delivery", "event_payload": {"delivery_id": str(uuid4())}},
            {"event_type": "somebody_else", "event_payload": {"delivery_id": str(DELIVERY)}},
            {"event_type": "social_composer_delivery", "event_payload": {}},
            None,
        ],
    )
    def test_the_same_words_without_our_mark_are_not_ours(self, canned: Canned, other: Any):
        message = {"ts": TS, "text": "Fresh bread", "metadata": other}
        canned.say(Answer.json(200, {"ok": True, "messages": [message, "nonsense", {}]}))

        assert canned.calls()["look"]() is None

    def test_shows_people_the_emoji_that_slack_names(self, canned: Canned):
        emoji = [
            {"type": "emoji", "name": "croissant", "unicode": "1f950"},
            {"type": "emoji", "name": "+1", "unicode": "1f44d-1f3fd", "skin_tone": 4},
            {"type": "emoji", "name": "our-logo"},
            {"type": "emoji", "name": "odd", "unicode": "zz-110000"},
        ]
        message = {
            "ts": TS,
            "user": "U0BOT",
            "bot_id": "B1",
            "text": "Fresh :croissant: :+1::skin-tone-4: :our-logo: :odd: <https://example.com|here> &lt;3",
            "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": emoji}]}],
        }
        others = [{"ts": "1.2", "user": "U1", "text": "Hi"}, {**message, "user": "U0ANOTHER"}]
        canned.say(Answer.json(200, {"ok": True, "messages": [message, *others]}))

        (sighting,) = canned.adapter.recent(canned.access)

        assert sighting.text == "Fresh 🥐 👍🏽 :our-logo: :odd: here <3"
        assert sighting.at == datetime.fromtimestamp(float(TS), UTC)

    def test_a_picture_that_slack_never_finishes_with_is_no_reason_to_publish(self, canned: Canned):
        here = {"ok": True, "upload_url": f"{canned.server.url}/upload", "file_id": "F0123456789", "files": []}
        canned.say(Answer.json(200, {**here, "file": {"mimetype": ""}}))

        failure = failure_of(canned.calls()["upload"])

        assert type(failure) is Unavailable
        assert_words(failure)

    def test_the_apps_secret_is_sent_apart_from_the_arguments(self, canned: Canned):
        canned.say(Answer.json(200, {"ok": False, "error": "invalid_code"}))
        canned.server.requests.clear()

        failure_of(canned.calls()["sign in"])

        (asked,) = canned.server.requests
        assert asked.headers["authorization"].startswith("Basic ")
        assert APP_SECRET.encode() not in asked.body
        assert APP_SECRET not in asked.path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "ok",
    "error",
    "needed",
    "ts",
    "messages",
    "channel",
    "channels",
    "response_metadata",
    "access_token",
    "refresh_token",
    "expires_in",
    "scope",
    "team",
    "bot_user_id",
    "url",
    "file",
    "file_id",
]
BODIES = st.one_of(
    st.binary(max_size=50),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(
        lambda value: json.dumps({**value, "ok": True}).encode()
    ),
)
MESSAGES = st.lists(
    st.dictionaries(
        st.sampled_from(["ts", "text", "bot_id", "thread_ts", "metadata", "blocks"]),
        JSON | st.just(TS) | st.text(max_size=12),
        max_size=6,
    ),
    max_size=3,
).map(lambda found: json.dumps({"ok": True, "messages": found}).encode())


class TestWhateverComes:
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(status=st.sampled_from([200, 200, 200, 201, 204, 400, 401, 404, 429, 500]), body=BODIES | MESSAGES)
    @example(
        200, b'{"ok": true, "ts": "1.2", "messages": [{"ts": "9e999", "user": "U0BOT", "bot_id": "B", "text": "x"}]}'
    )
    @example(200, b'{"ok": true, "access_token": "\\ud800", "scope": "x"}')
    @example(200, b'{"ok": true, "messages": [{"ts": "1772357400.000100", "blocks": [[[[]]]], "text": "<|>"}]}')
    def test_is_a_result_or_a_failure_of_ours_without_a_secret(self, canned: Canned, status: int, body: bytes):
        canned.say(Answer(status, b"" if status == 204 else body, {"Content-Type": "application/json"}))

        for name, call in canned.calls().items():
            failure = failure_or_none(call)
            if failure is None:
                continue
            assert type(failure) in KINDS
            assert name == "write" or type(failure) is not OutcomeUnknown
            words = str(failure)
            assert words.isprintable()
            assert words == words.encode().decode()
            shown = "".join(everything_shown(failure))
            assert not [secret for secret in (*SECRET.values(), APP_SECRET, CODE) if secret in shown]


def failure_or_none(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except PlatformFailure as failure:
        return failure
    return None
