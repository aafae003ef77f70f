"""Every answer that Google is known to give, and what we make of it; then whatever else may come over the wire."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socialcore.adapters.apps import App
from socialcore.adapters.contract import Access
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.adapters.http import new_client
from socialcore.failures import (
    ContentRejected,
    CredentialExpired,
    OutcomeUnknown,
    PlatformFailure,
    RateLimited,
    ReconnectNeeded,
    Unavailable,
)
from tests.contract.suite import assert_words, everything_shown, failure_of, go
from tests.faulty_proxy import Answer, FaultyProxy, answering

SAMPLES = json.loads((Path(__file__).parents[1] / "data/google-errors.json").read_text("utf-8"))["samples"]
LOCATION = "accounts/104/locations/208"
POST = f"{LOCATION}/localPosts/315"
SECRET = {"access": "access-s3cret", "refresh": "refresh-s3cret", "subject": "subject-of-a-test"}
CODE, CLIENT = "code-s3cret", "client-s3cret"
WIRE = {"post": {"topicType": "STANDARD", "summary": "Fresh bread"}, "at": "2026-11-23T09:00:00+00:00"}
KINDS = {ContentRejected, CredentialExpired, OutcomeUnknown, RateLimited, ReconnectNeeded, Unavailable}


@dataclass(frozen=True)
class Meant:
    """What an answer means to a write, to a look, and to a check of the location."""

    write: type[PlatformFailure]
    look: type[PlatformFailure]
    check: type[PlatformFailure]


def everywhere(meaning: type[PlatformFailure]) -> Meant:
    return Meant(meaning, meaning, meaning)


UNCLEAR = Meant(OutcomeUnknown, Unavailable, Unavailable)
# By the order of the samples: what each means to a call of the APIs, and words that an operator gets to see.
OF_SAMPLES: list[tuple[Meant, str]] = [
    (everywhere(ContentRejected), "topic_type: Topic type is required for post creation."),
    (everywhere(Unavailable), "could not fetch the photo"),
    (everywhere(ContentRejected), "Request contains an invalid argument."),
    (everywhere(ContentRejected), "does not know this location any more"),
    (UNCLEAR, "an error of its own (404)"),
    # To a video it says so every time; but none is ever sent, and to anything else it leaves a doubt.
    (UNCLEAR, "an error of its own (500)"),
    (everywhere(RateLimited), "asks us to wait"),
]
OF_TOKENS = [(ReconnectNeeded, "has ended this sign-in"), (ReconnectNeeded, "sign in again from time to time")]

TABLE: list[tuple[int, str, Meant]] = [
    (401, "UNAUTHENTICATED", everywhere(CredentialExpired)),
    (401, "SOMETHING_NEW", everywhere(CredentialExpired)),
    (403, "PERMISSION_DENIED", everywhere(ReconnectNeeded)),  # here the list of accounts is refused, too
    (403, "SOMETHING_NEW", everywhere(ReconnectNeeded)),
    (400, "INVALID_ARGUMENT", everywhere(ContentRejected)),
    (400, "FAILED_PRECONDITION", everywhere(ContentRejected)),
    (400, "OUT_OF_RANGE", everywhere(ContentRejected)),
    (409, "ALREADY_EXISTS", everywhere(ContentRejected)),
    (409, "ABORTED", everywhere(Unavailable)),
    (404, "NOT_FOUND", everywhere(ContentRejected)),
    (413, "SOMETHING_NEW", everywhere(ContentRejected)),
    (429, "RESOURCE_EXHAUSTED", everywhere(RateLimited)),
    (429, "SOMETHING_NEW", everywhere(RateLimited)),
    (499, "CANCELLED", UNCLEAR),
    (408, "SOMETHING_NEW", UNCLEAR),
    (500, "INTERNAL", UNCLEAR),
    (500, "UNKNOWN", UNCLEAR),
    (500, "DATA_LOSS", UNCLEAR),
    (501, "UNIMPLEMENTED", UNCLEAR),
    (502, "SOMETHING_NEW", UNCLEAR),
    (503, "UNAVAILABLE", UNCLEAR),
    (504, "DEADLINE_EXCEEDED", UNCLEAR),
    (200, "INTERNAL", UNCLEAR),  # success and error at once
]
TOKENS: list[tuple[int, str, type[PlatformFailure]]] = [
    (400, "invalid_grant", ReconnectNeeded),
    (401, "invalid_client", Unavailable),
    (400, "unauthorized_client", Unavailable),
    (400, "redirect_uri_mismatch", Unavailable),
    (400, "invalid_request", Unavailable),
    (403, "org_internal", Unavailable),
    (403, "something_new", Unavailable),
    (401, "something_new", Unavailable),
    (429, "rate_limit_exceeded", RateLimited),
    (500, "internal_failure", Unavailable),
    (503, "backend_error", Unavailable),
]


@dataclass(frozen=True)
class Canned:
    """A server that says what it is told to, and the adapter that asks it."""

    server: FaultyProxy
    adapter: GoogleBusiness
    access: Access

    def say(self, answer: Answer) -> None:
        self.server.behave()
        self.server.misbehave(answering(answer), times=None)

    def calls(self) -> Mapping[str, Callable[[], object]]:
        adapter, access = self.adapter, self.access
        return {
            "write": lambda: adapter.publish(access, WIRE, before_write=go),
            "look": lambda: adapter.find_existing(access, WIRE),
            "check": lambda: adapter.check(access),
            "recent": lambda: adapter.recent(access),
            "read back": lambda: adapter.read_back(access, WIRE, POST),
            "delete": lambda: adapter.delete(access, POST),
            "refresh": lambda: adapter.refresh(access),
            "revoke": lambda: adapter.revoke(access),
            "connect": lambda: adapter.connect({"code": CODE, "verifier": "v", "redirect_uri": "r"}),
        }


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with FaultyProxy() as server, new_client() as client:
        adapter = GoogleBusiness(App(server.url, "id", CLIENT), client)
        yield Canned(server, adapter, Access(server.url, LOCATION, SECRET))


def answer_of(sample: Mapping[str, Any]) -> Answer:
    if sample.get("content_type") == "text/html":
        return Answer.html(sample["status"], sample["body"].encode())
    return Answer.json(sample["status"], sample["body"])


def test_every_sample_is_in_a_table():
    assert len(SAMPLES) == len(OF_SAMPLES) + len(OF_TOKENS)
    assert [("token" in sample.get("endpoint", "")) for sample in SAMPLES] == [False] * 7 + [True] * 2


@pytest.mark.parametrize(
    ("sample", "meant", "words"),
    [(sample, *meaning) for sample, meaning in zip(SAMPLES, OF_SAMPLES, strict=False)],
    ids=lambda it: it["source"][:40] if isinstance(it, dict) else "",
)
def test_each_sample_of_an_api_means_what_the_table_says(
    canned: Canned, sample: Mapping[str, Any], meant: Meant, words: str
):
    canned.say(answer_of(sample))

    for name in ("write", "look", "check"):
        failure = failure_of(canned.calls()[name])
        assert type(failure) is getattr(meant, name), name
        assert words in str(failure)


@pytest.mark.parametrize(
    ("sample", "meaning", "words"),
    [(sample, *meaning) for sample, meaning in zip(SAMPLES[7:], OF_TOKENS, strict=True)],
    ids=["revoked", "rapt"],
)
def test_each_sample_of_tokens_means_what_the_table_says(
    canned: Canned, sample: Mapping[str, Any], meaning: type[PlatformFailure], words: str
):
    canned.say(answer_of(sample))

    failure = failure_of(canned.calls()["refresh"])

    assert type(failure) is meaning
    assert words in str(failure)
    assert_words(failure)


@pytest.mark.parametrize(
    ("status", "code", "meant"), TABLE, ids=lambda it: str(it) if isinstance(it, int | str) else ""
)
def test_each_status_means_what_the_table_says(canned: Canned, status: int, code: str, meant: Meant):
    canned.say(Answer.json(status, {"error": {"code": status, "message": "No, sorry.", "status": code}}))

    for name in ("write", "look", "check"):
        assert type(failure_of(canned.calls()[name])) is getattr(meant, name), name


@pytest.mark.parametrize(("status", "error", "meaning"), TOKENS)
def test_each_refusal_of_a_refresh_means_what_the_table_says(
    canned: Canned, status: int, error: str, meaning: type[PlatformFailure]
):
    """Only what says that the sign-in has ended may end it."""
    canned.say(Answer.json(status, {"error": error, "error_description": "No, sorry."}))

    failure = failure_of(canned.calls()["refresh"])

    assert type(failure) is meaning
    assert_words(failure)


@pytest.mark.parametrize(
    ("details", "meaning"),
    [
        ([{"@type": "x/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}], ReconnectNeeded),
        ([{"@type": "x/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}], Unavailable),
    ],
)
def test_a_reason_says_more_than_a_status(canned: Canned, details: Any, meaning: type[PlatformFailure]):
    error = {"code": 403, "message": "No.", "status": "PERMISSION_DENIED", "details": details}
    canned.say(Answer.json(403, {"error": error}))

    failure = failure_of(canned.calls()["write"])

    assert type(failure) is meaning
    assert_words(failure)


def test_several_details_are_all_said(canned: Canned):
    fields = [{"code": 3, "field": name, "message": "Bad."} for name in ("summary", "event.title")]
    details = [{"@type": "x/google.mybusiness.v4.ValidationError", "errorDetails": fields}]
    canned.say(Answer.json(400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": details}}))

    failure = failure_of(canned.calls()["write"])

    assert str(failure) == "Google Business refused: summary: Bad.; event.title: Bad."


def test_whom_a_limit_concerns_depends_on_what_was_asked(canned: Canned):
    canned.say(Answer.json(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}))

    write, look = (failure_of(canned.calls()[name]) for name in ("write", "look"))

    assert isinstance(write, RateLimited)
    assert isinstance(look, RateLimited)
    assert (write.whose, look.whose) == ("connection", "platform")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": 5},
        {"name": "accounts/1/locations/2/localPosts/3"},  # somebody else's
        {"name": LOCATION},
        {"state": "LIVE"},
    ],
)
def test_success_that_names_no_post_of_ours_leaves_a_doubt(canned: Canned, body: Any):
    canned.say(Answer.json(200, body))

    assert type(failure_of(canned.calls()["write"])) is OutcomeUnknown
    assert type(failure_of(canned.calls()["read back"])) is Unavailable


def test_a_post_without_an_address_of_its_own_is_found_among_all(canned: Canned):
    canned.say(Answer.json(200, {"name": POST, "state": "PROCESSING", "searchUrl": "javascript:alert(1)"}))

    receipt = canned.adapter.publish(canned.access, WIRE, before_write=go)

    assert (receipt.remote_id, receipt.url) == (POST, "https://business.google.com/locations")


@pytest.mark.parametrize("state", ["PROCESSING", "SCHEDULED", "RECURRING", "LOCAL_POST_STATE_UNSPECIFIED", None, 5])
def test_only_live_is_public_and_only_rejected_is_turned_down(canned: Canned, state: object):
    canned.say(Answer.json(200, {"name": POST, "state": state, **WIRE["post"]}))

    shown = canned.adapter.read_back(canned.access, WIRE, POST)

    assert shown is not None
    assert shown.verdict == "pending"


def test_white_space_that_google_changes_is_no_difference(canned: Canned):
    wire = {**WIRE, "post": {**WIRE["post"], "summary": "Fresh bread \r\n\r\nand rolls "}}
    canned.say(
        Answer.json(200, {"name": POST, "state": "LIVE", "topicType": "STANDARD", "summary": "Fresh bread\nand rolls"})
    )

    shown = canned.adapter.read_back(canned.access, wire, POST)

    assert shown is not None
    assert shown.verdict == "match"


def test_a_list_without_an_end_is_no_absence(canned: Canned):
    canned.say(Answer.json(200, {"localPosts": [], "nextPageToken": "more"}))

    assert type(failure_of(canned.calls()["look"])) is Unavailable


@pytest.mark.parametrize(
    "tokens",
    [
        {},
        {"access_token": "a", "expires_in": 3599, "scope": "x"},  # no refresh token, nobody's name
        {
            "access_token": "a b",
            "expires_in": 3599,
            "scope": "x",
            "refresh_token": "r",
            "id_token": "a.eyJzdWIiOiIxIn0.c",
        },
        {
            "access_token": "a",
            "expires_in": "soon",
            "scope": "x",
            "refresh_token": "r",
            "id_token": "a.eyJzdWIiOiIxIn0.c",
        },
        {"access_token": "a", "expires_in": 3599, "scope": "x", "refresh_token": "r", "id_token": "nonsense"},
        {"access_token": "a", "expires_in": 3599, "scope": "x", "refresh_token": "r", "id_token": "a.%%%%.c"},
    ],
)
def test_half_a_sign_in_connects_nothing(canned: Canned, tokens: Any):
    canned.say(Answer.json(200, tokens))

    failure = failure_of(canned.calls()["connect"])

    assert type(failure) is Unavailable
    assert_words(failure)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "code", "status", "details", "errorDetails", "message", "name", "localPosts"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=st.sampled_from([200, 201, 301, 400, 401, 403, 404, 409, 418, 429, 500, 503]), body=JSON)
def test_no_answer_is_too_strange(canned: Canned, status: int, body: Any):
    canned.say(Answer.json(status, body))

    for name, call in canned.calls().items():
        failure = outcome_of(call)
        if failure is not None:
            assert type(failure) in KINDS, name
            assert type(failure) is not OutcomeUnknown or name == "write"
            shown = "\n".join(everything_shown(failure))
            assert not [secret for secret in (*SECRET.values(), CODE, CLIENT) if secret in shown]


def outcome_of(call: Callable[[], object]) -> PlatformFailure | None:
    try:
        call()
    except PlatformFailure as failure:
        return failure
    return None
