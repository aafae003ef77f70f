"""Every answer a Bluesky server can give, and what we make of it; then whatever else may come over the wire."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from socialcore.adapters.bluesky import Bluesky, service_url
from socialcore.adapters.contract import Access, Granted, Lookups, Target
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
from socialcore.posts import Content
from tests.contract.suite import everything_shown, failure_of, go
from tests.faulty_proxy import Answer, FaultyProxy, answering

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
SECRET = {"access": "access-s3cret", "refresh": "refresh-s3cret", "app_password": "pass-s3cr-etpa-ssss"}
DESCRIBED = Answer.json(200, {"did": "did:web:localhost"})


KINDS = {ContentRejected, CredentialExpired, OutcomeUnknown, RateLimited, ReconnectNeeded, Unavailable}


@dataclass(frozen=True)
class Meant:
    """What an answer means to a write, to a look, to a sign-in, to a refresh, and to a check."""

    write: type[PlatformFailure]
    look: type[PlatformFailure]
    sign_in: type[PlatformFailure]
    refresh: type[PlatformFailure]
    check: type[PlatformFailure]


def everywhere(meaning: type[PlatformFailure]) -> Meant:
    return Meant(meaning, meaning, meaning, meaning, meaning)


TOKEN_TROUBLE = Meant(CredentialExpired, CredentialExpired, ReconnectNeeded, ReconnectNeeded, CredentialExpired)
REFUSED = Meant(ContentRejected, ContentRejected, ContentRejected, ReconnectNeeded, ReconnectNeeded)
PERMANENT = Meant(ContentRejected, ContentRejected, ContentRejected, ReconnectNeeded, ContentRejected)
UNCLEAR = Meant(OutcomeUnknown, Unavailable, Unavailable, Unavailable, Unavailable)

TABLE: list[tuple[int, str | None, Meant]] = [
    # The sign-in or the account
    (400, "ExpiredToken", TOKEN_TROUBLE),
    (400, "InvalidToken", TOKEN_TROUBLE),
    (401, "AuthMissing", TOKEN_TROUBLE),
    (401, None, TOKEN_TROUBLE),
    (401, "SomethingNew", TOKEN_TROUBLE),
    (401, "AuthenticationRequired", everywhere(ReconnectNeeded)),
    (401, "AuthFactorTokenRequired", everywhere(ReconnectNeeded)),
    (401, "AccountTakedown", everywhere(ReconnectNeeded)),
    (401, "AccountSuspended", everywhere(ReconnectNeeded)),
    (401, "AccountDeactivated", everywhere(ReconnectNeeded)),
    (403, "AccountNotFound", everywhere(ReconnectNeeded)),
    (403, "Forbidden", everywhere(ReconnectNeeded)),
    (403, None, everywhere(ReconnectNeeded)),
    # What was asked for
    (400, "InvalidRequest", REFUSED),
    (400, "BlobNotFound", PERMANENT),
    (400, "SyntaxError", PERMANENT),
    (400, None, PERMANENT),
    (413, "PayloadTooLargeError", PERMANENT),
    (413, None, PERMANENT),
    (400, "InvalidSwap", Meant(OutcomeUnknown, ContentRejected, ContentRejected, ReconnectNeeded, ContentRejected)),
    # Too much
    (429, "RateLimitExceeded", everywhere(RateLimited)),
    (429, "ExpiredToken", everywhere(RateLimited)),
    (429, None, everywhere(RateLimited)),
    # Trouble on their side, or on the way
    (500, "InternalServerError", UNCLEAR),
    (501, "MethodNotImplemented", UNCLEAR),
    (502, "UpstreamFailure", UNCLEAR),
    (503, "NotEnoughResources", UNCLEAR),
    (504, "UpstreamTimeout", UNCLEAR),
    (520, None, UNCLEAR),
    (404, None, UNCLEAR),
    (404, "NotFound", UNCLEAR),
    (410, None, UNCLEAR),
    (408, None, UNCLEAR),
    (301, None, UNCLEAR),
    (302, None, UNCLEAR),
    (200, "InternalServerError", UNCLEAR),  # success and error at once
    (200, None, UNCLEAR),  # a page, not JSON
]


@dataclass(frozen=True)
class Canned:
    """A server that says what it is told to, and the adapter that asks it."""

    server: FaultyProxy
    adapter: Bluesky
    access: Access
    wire: Mapping[str, Any]

    def say(self, answer: Answer) -> None:
        self.server.behave()
        self.server.misbehave(answering(DESCRIBED), on="describeServer", times=None)
        self.server.misbehave(answering(answer), times=None)

    def sign_in(self) -> Granted:
        answer = {"service": self.server.url, "identifier": "a.test", "app_password": SECRET["app_password"]}
        return self.adapter.connect(answer)

    def calls(self) -> Mapping[str, Callable[[], object]]:
        return {
            "write": lambda: self.adapter.publish(self.access, dict(self.wire), before_write=go),
            "look": lambda: self.adapter.find_existing(self.access, dict(self.wire)),
            "read back": lambda: self.adapter.read_back(
                self.access, dict(self.wire), f"at://{DID}/x/{self.wire['key']}"
            ),
            "sign in": self.sign_in,
            "refresh": lambda: self.adapter.refresh(self.access),
            "check": lambda: self.adapter.check(self.access),
            "delete": lambda: self.adapter.delete(self.access, f"at://{DID}/x/{self.wire['key']}"),
            "revoke": lambda: self.adapter.revoke(self.access),
            "resolve": lambda: self.adapter.resolve(self.access.service, "a.test"),
            "suggest": lambda: self.adapter.suggest(self.access.service, "a.t"),
        }


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with FaultyProxy() as server, new_client() as client:
        client.timeout = httpx.Timeout(5)
        adapter = Bluesky(client)
        rendered = adapter.render(Content(text="Fresh bread"), Lookups())[0]
        wire = adapter.freeze(DID, rendered, delivery_id=uuid4(), at=datetime(2026, 3, 1, tzinfo=UTC)).wire
        yield Canned(server, adapter, Access(server.url, DID, SECRET), wire)


@pytest.mark.parametrize(
    ("status", "error", "meant"), TABLE, ids=[f"{status} {error or 'page'}" for status, error, _ in TABLE]
)
class TestAnswers:
    def answer(self, canned: Canned, status: int, error: str | None) -> None:
        body = {"error": error, "message": "The server's own words"}
        canned.say(Answer.json(status, body) if error else Answer.html(status))

    def test_a_write(self, canned: Canned, status: int, error: str | None, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["write"])) is meant.write

    def test_a_look(self, canned: Canned, status: int, error: str | None, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["look"])) is meant.look
        assert type(failure_of(canned.calls()["read back"])) is meant.look

    def test_a_sign_in(self, canned: Canned, status: int, error: str | None, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["sign in"])) is meant.sign_in

    def test_a_refresh(self, canned: Canned, status: int, error: str | None, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["refresh"])) is meant.refresh

    def test_a_check(self, canned: Canned, status: int, error: str | None, meant: Meant):
        self.answer(canned, status, error)

        assert type(failure_of(canned.calls()["check"])) is meant.check

    def test_only_a_write_has_an_unknown_outcome(self, canned: Canned, status: int, error: str | None, meant: Meant):
        self.answer(canned, status, error)

        for name in canned.calls().keys() - {"write"}:
            assert type(failure_or_none(canned.calls()[name])) is not OutcomeUnknown


class TestWhatIsNotThere:
    def test_is_nothing_only_if_the_platform_says_so(self, canned: Canned):
        canned.say(Answer.json(400, {"error": "RecordNotFound", "message": "Could not locate record"}))

        assert canned.calls()["look"]() is None
        assert canned.calls()["read back"]() is None
        canned.calls()["delete"]()

    @pytest.mark.parametrize("error", ["RecordNotFound", "HandleNotFound"])
    def test_is_no_word_for_anything_else(self, canned: Canned, error: str):
        canned.say(Answer.json(400, {"error": error}))

        for name in ("write", "sign in", "check"):
            assert type(failure_of(canned.calls()[name])) is ContentRejected
        assert type(failure_of(canned.calls()["refresh"])) is ReconnectNeeded

    def test_names_nobody_if_a_handle_is_unknown(self, canned: Canned):
        for error in ("HandleNotFound", "InvalidRequest"):
            canned.say(Answer.json(400, {"error": error, "message": "Unable to resolve handle"}))

            assert canned.calls()["resolve"]() is None


class TestWhoIsSuggested:
    def test_are_people_with_their_names(self, canned: Canned):
        named = {"did": "did:plc:a", "handle": "a.test", "displayName": "Harbor Bakery", "avatar": "https://a.test/a"}
        canned.say(
            Answer.json(200, {"actors": [named, {"did": "did:plc:b", "handle": "b.test"}, "nobody", {"did": 1}]})
        )

        assert canned.calls()["suggest"]() == [
            Target("did:plc:a", "a.test", "Harbor Bakery"),
            Target("did:plc:b", "b.test"),
        ]

    @pytest.mark.parametrize("body", [{}, {"actors": None}, {"actors": {"did": "did:plc:a"}}])
    def test_is_a_failure_if_nobody_can_read_it(self, canned: Canned, body: dict):
        canned.say(Answer.json(200, body))

        assert type(failure_of(canned.calls()["suggest"])) is Unavailable

    def test_is_asked_of_bluesky_unless_the_server_is_on_this_machine(self):
        asked: list[httpx.URL] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url)
            return httpx.Response(200, json={"actors": []})

        adapter = Bluesky(httpx.Client(transport=httpx.MockTransport(answer)))
        assert adapter.suggest("https://pds.example.com", "harbor") == []
        assert str(asked[0]) == (
            "https://public.api.bsky.app/xrpc/app.bsky.actor.searchActorsTypeahead?q=harbor&limit=8"
        )


class TestWhereTheAccountLives:
    @pytest.mark.parametrize(
        ("said", "home"),
        [
            ("https://morel.us-east.host.bsky.network", "https://morel.us-east.host.bsky.network"),
            ("https://PDS.Example.com/", "https://pds.example.com"),
            ("http://localhost:2583", "http://localhost:2583"),  # as near as the server that says so
            ("http://pds.example.com", None),
            ("http://169.254.169.254", None),
            ("https://user@pds.example.com", None),
            ("https://pds.example.com/path", None),
            ("ftp://pds.example.com", None),
            ("https://[", None),
            ("", None),
        ],
    )
    def test_is_where_the_session_says_if_that_is_safe(self, canned: Canned, said: str, home: str | None):
        document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": said}]}
        canned.say(Answer.json(200, {**session(), "didDoc": document}))

        granted = canned.sign_in()

        assert granted.service == (home or canned.server.url)

    def test_a_distant_server_sends_nobody_to_this_machine(self):
        from socialcore.adapters.bluesky import passwords  # noqa: PLC0415

        document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": "http://localhost:5432"}]}

        assert passwords._home("https://bsky.social", document) == "https://bsky.social"  # noqa: SLF001


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["did", "handle", "accessJwt", "refreshJwt", "didDoc", "active", "cid", "value", "error", "message", "uri"]
BODIES = st.one_of(
    st.binary(max_size=50),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(lambda value: json.dumps(value).encode()),
)
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 400, 401, 404, 429, 500])
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "RateLimit-Reset", "Date", "Content-Encoding", "X-Rate-Limit-Reset"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
    | st.integers().map(str)
    | st.sampled_from(["gzip", "deflate", "br"]),
    max_size=2,
)


def token(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


def session(**other: Any) -> dict[str, Any]:
    access = token(scope="com.atproto.appPass", exp=2_000_000_000)
    return {"did": DID, "handle": "a.test", "accessJwt": access, "refreshJwt": "e30.e30.c2ln", **other}


class TestWhateverComes:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(status=STATUSES, body=BODIES, headers=HEADERS)
    @example(200, json.dumps(session(accessJwt=token(exp=1e300))).encode(), {})
    @example(200, json.dumps(session(accessJwt=token(exp=-1e300))).encode(), {})
    @example(200, json.dumps(session(accessJwt="tök en\r\n")).encode(), {})
    @example(200, json.dumps(session(accessJwt=5)).encode(), {})
    @example(200, json.dumps(session(refreshJwt="")).encode(), {})
    @example(
        200, json.dumps(session(didDoc={"service": [{"id": "#atproto_pds", "serviceEndpoint": "["}]})).encode(), {}
    )
    @example(200, b'{"cid": 5, "value": [1]}', {})
    @example(200, b'{"cid": "bafy", "value": [1]}', {})
    @example(400, b'{"error": "InvalidRequest", "message": "\\u0000 \\ud800 \\u202e"}', {})
    @example(429, b"", {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "x"})
    def test_is_a_reply_or_a_failure_that_can_be_stored_and_shown(
        self, canned: Canned, status: int, body: bytes, headers: dict[str, str]
    ):
        canned.say(Answer(status, body, headers))

        for name, call in canned.calls().items():
            failure = failure_or_none(call)
            assert failure is None or type(failure) in KINDS, f"{name}: {failure!r}"
            assert type(failure) is not OutcomeUnknown or name == "write"
            words = str(failure)
            assert words.isprintable()
            assert words == words.encode().decode()
            if failure is not None:
                assert not [secret for secret in SECRET.values() if secret in "\n".join(everything_shown(failure))]

    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=30) | st.text("htps:/[]@.:#?%0 aäß\u200b\\", max_size=30))
    @example("https://127.0.0.1:99999")
    @example("https://" + "a" * 64 + ".com")
    def test_an_address_is_one_that_can_be_called_or_is_refused(self, typed: str):
        try:
            url = service_url(typed)
        except ContentRejected:
            return
        assert httpx.URL(url).scheme in ("https", "http")
        assert service_url(url) == url


def failure_or_none(call: Callable[[], object]) -> PlatformFailure | None:
    try:
        call()
    except PlatformFailure as failure:
        return failure
    return None
