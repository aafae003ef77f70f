"""Every answer of X that was seen or is documented, and what we make of it; then whatever else may come."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from socialcore.adapters.apps import App
from socialcore.adapters.contract import Access, Lookups
from socialcore.adapters.http import new_client
from socialcore.adapters.twitter import Twitter
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
from tests.contract.suite import CALLBACK, Shelf, assert_words, everything_shown, failure_of, go, pictured
from tests.faulty_proxy import Answer, FaultyProxy, answering

SAMPLES = json.loads((Path(__file__).parents[1] / "data" / "x-errors.json").read_text("utf-8"))["samples"]
SECRET = {"access": "access-s3cret", "refresh": "refresh-s3cret"}
APP_SECRET = "app-s3cret"
SIGN_IN = {"code": "code-s3cret", "verifier": "verifier-s3cret", "redirect_uri": CALLBACK}
SECRETS = [*SECRET.values(), APP_SECRET, "code-s3cret", "verifier-s3cret"]
KINDS = {ContentRejected, CredentialExpired, OutcomeUnknown, RateLimited, ReconnectNeeded, Unavailable}
SHOP = "77"


@dataclass(frozen=True)
class Meant:
    """What an answer means to a write, a look, a check, a sign-in, and a refresh; None if it cannot come there."""

    write: type[PlatformFailure]
    look: type[PlatformFailure]
    check: type[PlatformFailure]
    sign_in: type[PlatformFailure]
    refresh: type[PlatformFailure]


def everywhere(meaning: type[PlatformFailure]) -> Meant:
    return Meant(meaning, meaning, meaning, meaning, meaning)


UNCLEAR = Meant(OutcomeUnknown, Unavailable, Unavailable, Unavailable, Unavailable)
EXPIRED = Meant(CredentialExpired, CredentialExpired, CredentialExpired, ReconnectNeeded, ReconnectNeeded)
FORBIDDEN = Meant(ContentRejected, ReconnectNeeded, ReconnectNeeded, ReconnectNeeded, ReconnectNeeded)


def problem(kind: str, **more: Any) -> dict[str, Any]:
    return {"title": "x", "detail": "X's own words", "type": f"https://api.twitter.com/2/problems/{kind}", **more}


def blank(status: int, title: str, detail: str = "X's own words") -> dict[str, Any]:
    return {"title": title, "detail": detail, "type": "about:blank", "status": status}


# By the samples' order; the tests below insist that there is one for each.
MEANT_BY_SAMPLE: list[Meant] = [
    Meant(OutcomeUnknown, ReconnectNeeded, ReconnectNeeded, ReconnectNeeded, ReconnectNeeded),  # duplicate
    everywhere(RateLimited),  # no credit
    FORBIDDEN,  # reply restricted
    everywhere(RateLimited),
    everywhere(RateLimited),
    EXPIRED,
    everywhere(ContentRejected),  # invalid
    Meant(ContentRejected, ContentRejected, ContentRejected, ReconnectNeeded, ReconnectNeeded),  # token used before
    Meant(CredentialExpired, CredentialExpired, CredentialExpired, Unavailable, Unavailable),  # our app's secret
]
TABLE: list[tuple[int, Any, Meant]] = [
    *((sample["status"], sample["body"], meant) for sample, meant in zip(SAMPLES, MEANT_BY_SAMPLE, strict=True)),
    # Our app
    (402, {"status": 402, "title": "Payment Required", "type": "about:blank"}, everywhere(RateLimited)),
    (402, problem("credits"), everywhere(RateLimited)),
    (402, {}, everywhere(RateLimited)),
    (402, None, everywhere(RateLimited)),
    (403, problem("x", title="SpendCapReached"), everywhere(RateLimited)),
    (403, problem("client-forbidden", title="Client Forbidden", reason="client-not-enrolled"), everywhere(RateLimited)),
    (429, problem("usage-capped", title="UsageCapExceeded"), everywhere(RateLimited)),
    # The account
    (403, blank(403, "Forbidden", "Your account is suspended and is not permitted to…"), everywhere(ReconnectNeeded)),
    (403, blank(403, "Forbidden", "… this account is temporarily locked."), everywhere(ReconnectNeeded)),
    (403, blank(403, "Forbidden", "You are not permitted to perform this action."), FORBIDDEN),
    (403, problem("not-authorized-for-resource"), FORBIDDEN),
    (403, None, everywhere(ReconnectNeeded)),
    (401, None, EXPIRED),
    # What was asked for
    (
        400,
        {"errors": [{"message": "Your media IDs are invalid."}], **problem("invalid-request")},
        everywhere(ContentRejected),
    ),
    (400, None, everywhere(ContentRejected)),
    (413, None, everywhere(ContentRejected)),
    # Trouble on their side, or on the way
    (500, blank(500, "Internal Server Error"), UNCLEAR),
    (503, blank(503, "Service Unavailable"), UNCLEAR),
    (502, None, UNCLEAR),
    (404, None, UNCLEAR),
    (404, blank(404, "Not Found"), UNCLEAR),
    (408, None, UNCLEAR),
    (302, None, UNCLEAR),
    (200, None, UNCLEAR),
    (200, {}, UNCLEAR),
    (200, {"data": {}}, UNCLEAR),
    (200, {"data": []}, UNCLEAR),
    (
        200,
        {"errors": [problem("not-authorized-for-resource")]},
        Meant(ContentRejected, Unavailable, Unavailable, Unavailable, Unavailable),
    ),
]


@dataclass(frozen=True)
class Canned:
    """A server that says what it is told to, and the adapter that asks it."""

    server: FaultyProxy
    adapter: Twitter
    access: Access
    wire: Mapping[str, Any]
    pictured: Mapping[str, Any]
    shelf: Shelf

    def say(self, answer: Answer) -> None:
        self.server.behave()
        self.server.misbehave(answering(answer), times=None)

    def calls(self) -> Mapping[str, Callable[[], object]]:
        adapter, access, wire = self.adapter, self.access, dict(self.wire)
        return {
            "write": lambda: adapter.publish(access, wire, before_write=go),
            "look": lambda: adapter.find_existing(access, wire),
            "read back": lambda: adapter.read_back(access, wire, "1"),
            "recent": lambda: adapter.recent(access),
            "check": lambda: adapter.check(access),
            "sign in": lambda: adapter.connect(SIGN_IN),
            "refresh": lambda: adapter.refresh(access),
            "delete": lambda: adapter.delete(access, "1"),
            "revoke": lambda: adapter.revoke(access),
            "upload": lambda: adapter.upload(access, dict(self.pictured), self.shelf, wire=None),
        }


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with FaultyProxy() as server, new_client() as client:
        client.timeout = httpx.Timeout(5)
        adapter = Twitter(App(f"{server.url}/twitter", "our-id", APP_SECRET), client)
        (rendered,) = adapter.render(Content(text="Fresh bread"), Lookups())
        content, shelf = pictured("A loaf")
        (with_picture,) = adapter.render(content, Lookups(picture=shelf.picture))
        wire = adapter.freeze(SHOP, rendered, delivery_id=uuid4(), at=datetime(2026, 3, 1, tzinfo=UTC)).wire
        yield Canned(server, adapter, Access(f"{server.url}/twitter", SHOP, SECRET), wire, with_picture, shelf)


@pytest.mark.parametrize(
    ("status", "body", "meant"),
    TABLE,
    ids=[f"{status} {json.dumps(body)[:60] if body is not None else 'page'}" for status, body, _ in TABLE],
)
class TestAnswers:
    def answer(self, canned: Canned, status: int, body: Any) -> None:
        canned.say(Answer.json(status, body) if body is not None else Answer.html(status))

    def test_mean_what_to_do_next(self, canned: Canned, status: int, body: Any, meant: Meant):
        self.answer(canned, status, body)
        calls = canned.calls()

        found = [type(failure_of(calls[name])) for name in ("write", "look", "check", "sign in", "refresh")]

        assert found == [meant.write, meant.look, meant.check, meant.sign_in, meant.refresh]
        assert type(failure_of(calls["read back"])) is meant.look
        assert type(failure_of(calls["recent"])) is meant.look

    def test_only_a_write_has_an_unknown_outcome(self, canned: Canned, status: int, body: Any, meant: Meant):
        self.answer(canned, status, body)

        for name in canned.calls().keys() - {"write"}:
            assert type(failure_or_none(canned.calls()[name])) is not OutcomeUnknown

    def test_are_put_into_words(self, canned: Canned, status: int, body: Any, meant: Meant):
        self.answer(canned, status, body)

        for call in canned.calls().values():
            failure = failure_or_none(call)
            assert failure is None or str(failure).startswith(("X", "Our", "Access"))
            if failure is not None and "refused:" not in str(failure):
                assert_words(failure)


class TestWhatIsNotThere:
    GONE = Answer.json(
        200,
        {"errors": [{"title": "Not Found Error", "type": "https://api.twitter.com/2/problems/resource-not-found"}]},
    )

    def test_is_nothing_if_x_says_so(self, canned: Canned):
        canned.say(self.GONE)

        assert canned.calls()["read back"]() is None
        canned.calls()["delete"]()

    def test_is_no_empty_timeline(self, canned: Canned):
        """Whose timeline is not to be found has published nobody knows what."""
        canned.say(self.GONE)

        assert type(failure_of(canned.calls()["look"])) is Unavailable

    def test_is_an_empty_timeline_if_that_is_said(self, canned: Canned):
        canned.say(Answer.json(200, {"meta": {"result_count": 0}}))

        assert canned.calls()["look"]() is None
        assert canned.calls()["recent"]() == []

    def test_is_deleted_unless_x_says_it_is_not(self, canned: Canned):
        canned.say(Answer.json(200, {"data": {"deleted": True}}))
        canned.calls()["delete"]()
        canned.say(Answer.json(200, {"data": {"deleted": False}}))
        assert type(failure_of(canned.calls()["delete"])) is Unavailable


class TestPatience:
    def test_waits_as_long_as_x_says(self, canned: Canned):
        at = datetime.now(UTC) + timedelta(minutes=7)
        canned.say(Answer.json(429, {}, {"x-rate-limit-reset": str(int(at.timestamp()))}))

        failure = failure_of(canned.calls()["write"])

        assert isinstance(failure, RateLimited)
        assert failure.whose == "grant"
        assert abs(failure.wait - timedelta(minutes=7)) < timedelta(seconds=5)

    def test_waits_an_hour_for_an_admin(self, canned: Canned):
        canned.say(Answer.json(402, SAMPLES[1]["body"]))

        failure = failure_of(canned.calls()["write"])

        assert isinstance(failure, RateLimited)
        assert (failure.wait, failure.whose) == (timedelta(hours=1), "platform")
        assert "admin" in str(failure)


GRANTED = {"access_token": "a", "refresh_token": "r", "expires_in": 7200, "token_type": "bearer"}


class TestSignIns:
    def test_takes_permissions_as_given_if_x_does_not_say(self, canned: Canned):
        canned.say(Answer.json(200, {**GRANTED, "data": {"id": SHOP, "username": "harborbakery"}}))

        granted = canned.adapter.connect(SIGN_IN)

        assert granted.permissions is None
        assert granted.targets[0].name == "harborbakery"

    @pytest.mark.parametrize(
        "told",
        [
            {"refresh_token": None},
            {"access_token": ""},
            {"access_token": "tök en\r\n"},
            {"access_token": "a b"},
            {"access_token": 5},
        ],
    )
    def test_takes_no_half_pair(self, canned: Canned, told: dict[str, Any]):
        canned.say(Answer.json(200, {**GRANTED, **told}))

        for name in ("sign in", "refresh"):
            assert type(failure_of(canned.calls()[name])) is Unavailable

    @pytest.mark.parametrize("seconds", [None, "7200", True, -1, 0, 1e300, 10**30])
    def test_takes_no_lifetime_that_makes_no_sense(self, canned: Canned, seconds: object):
        canned.say(Answer.json(200, {**GRANTED, "expires_in": seconds}))

        assert canned.adapter.refresh(canned.access).expires_at is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    *("data", "errors", "meta", "includes", "title", "detail", "type", "status", "error", "error_description"),
    *("access_token", "refresh_token", "expires_in", "scope"),
]
POST_FIELDS = ["id", "text", "entities", "attachments", "referenced_tweets", "edit_history_tweet_ids", "created_at"]
POSTS = st.fixed_dictionaries(
    {"id": st.just("1"), "text": st.text(max_size=10)},
    optional=dict.fromkeys(POST_FIELDS[2:], JSON),
)
BODIES = st.one_of(
    st.binary(max_size=50),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries({"data": POSTS | st.lists(POSTS, max_size=2)}, optional={"includes": JSON, "meta": JSON}).map(
        lambda value: json.dumps(value).encode()
    ),
)
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 400, 401, 402, 403, 404, 429, 500])


class TestWhateverComes:
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(status=STATUSES, body=BODIES)
    @example(200, b'{"data": {"id": "1", "text": "x", "entities": {"urls": [{"url": 5}, 7]}}}')
    @example(200, b'{"data": {"id": "1", "text": "x", "attachments": {"media_keys": [1]}}, "includes": {"media": 3}}')
    @example(200, b'{"data": [{"id": "1", "text": "x", "created_at": "9999"}]}')
    @example(400, b'{"errors": [5], "detail": "\\u0000 \\ud800 \\u202e"}')
    @example(400, b'{"errors": {"a": 1}, "title": 5, "type": []}')
    def test_is_a_reply_or_a_failure_that_can_be_stored_and_shown(self, canned: Canned, status: int, body: bytes):
        canned.say(Answer(status, body, {"Content-Type": "application/json"}))

        for name, call in canned.calls().items():
            failure = failure_or_none(call)
            assert failure is None or type(failure) in KINDS, f"{name}: {failure!r}"
            assert type(failure) is not OutcomeUnknown or name == "write"
            words = str(failure)
            assert words.isprintable()
            assert words == words.encode().decode()
            if failure is not None:
                shown = "\n".join(everything_shown(failure))
                assert not [secret for secret in SECRETS if secret in shown]


def failure_or_none(call: Callable[[], object]) -> PlatformFailure | None:
    try:
        call()
    except PlatformFailure as failure:
        return failure
    return None
