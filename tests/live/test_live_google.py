"""Signing in at Google, against npm `emulate`: an OAuth server that others have written from the same documents.

It has no Business Profile, so the one account and its location are canned; and its tokens' server has a longer path
than Google's, which is why a proxy stands between.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from socialcore import failures
from socialcore.adapters.apps import App
from socialcore.adapters.contract import Access, Granted
from socialcore.adapters.google_business import MANAGE, GoogleBusiness
from socialcore.adapters.http import new_client
from tests.contract.suite import CALLBACK, assert_words, failure_of
from tests.faulty_proxy import Answer, Behaviour, Exchange, FaultyProxy, answering, pass_on
from tests.live.emulate import emulated

pytestmark = pytest.mark.live

EMAIL = "owner@harbor-bakery.example"
CLIENT_ID, CLIENT_SECRET = "social-composer", "a-secret-of-a-test"
SEED = {
    "users": [{"email": EMAIL, "name": "Harbor Bakery"}, {"email": "florist@example.com", "name": "Florist"}],
    "oauth_clients": [{"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [CALLBACK]}],
}
ACCOUNTS = {"accounts": [{"name": "accounts/1", "accountName": "Harbor Bakery"}]}
LOCATIONS = {"locations": [{"name": "locations/2", "title": "Harbor Bakery"}]}


def at(path: str) -> Behaviour:
    """Pass a request on to another path than it was sent to."""

    def behaviour(exchange: Exchange) -> None:
        exchange.asked = replace(exchange.asked, path=path)
        pass_on(exchange)

    return behaviour


@dataclass(frozen=True)
class Google:
    server: str
    proxy: FaultyProxy
    client: httpx.Client

    def adapter(self, secret: str = CLIENT_SECRET) -> GoogleBusiness:
        return GoogleBusiness(App(self.proxy.url, CLIENT_ID, secret), self.client)

    def answer(self, email: str = EMAIL) -> dict[str, str]:
        """Leave, press the button of somebody on the page that asks, and come back."""
        departure = self.adapter().depart({}, redirect_uri=CALLBACK, state="as-we-said")
        page = httpx.get(departure.url, trust_env=False)
        forms = Forms()
        forms.feed(page.text)
        (form,) = (each for each in forms.found if each.get("email") == email)
        back = httpx.post(f"{self.server}/o/oauth2/v2/auth/callback", data=form, trust_env=False)
        assert back.is_redirect
        brought = {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}
        assert brought.pop("state") == "as-we-said"
        return {**departure.keep, **brought}

    def access(self, granted: Granted) -> Access:
        return Access(granted.service, granted.targets[0].id, granted.secret)


class Forms(HTMLParser):
    """The hidden fields of each form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append({})
        elif tag == "input" and self.found and given.get("name"):
            self.found[-1][given["name"] or ""] = given.get("value") or ""


@pytest.fixture(scope="module")
def server(installed: None) -> Iterator[str]:
    with emulated("google", SEED) as address:
        yield address


@pytest.fixture
def google(server: str) -> Iterator[Google]:
    with FaultyProxy(server) as proxy, new_client() as client:
        proxy.misbehave(at("/oauth2/token"), on="/token", times=None)
        proxy.misbehave(at("/oauth2/revoke"), on="/revoke", times=None)
        proxy.misbehave(answering(Answer.json(200, LOCATIONS)), on="/v1/accounts/1/locations", times=None)
        proxy.misbehave(answering(Answer.json(200, ACCOUNTS)), on="/v1/accounts", times=None)
        yield Google(server, proxy, client)


def test_a_code_is_exchanged_once_for_what_was_allowed(google: Google):
    answer = google.answer()

    granted = google.adapter().connect(answer)

    assert granted.permissions == {"openid", MANAGE}
    assert [target.id for target in granted.targets] == ["accounts/1/locations/2"]
    assert granted.subject
    again = failure_of(lambda: google.adapter().connect(answer))
    assert isinstance(again, failures.ReconnectNeeded)
    assert_words(again)


def test_the_same_person_is_the_same_subject_and_another_another(google: Google):
    subjects = [
        google.adapter().connect(google.answer(email)).subject for email in (EMAIL, EMAIL, "florist@example.com")
    ]

    assert subjects[0] == subjects[1] != subjects[2]


def test_a_refresh_renews_the_access_and_keeps_the_refresh_token(google: Google):
    granted = google.adapter().connect(google.answer())

    first = google.adapter().refresh(google.access(granted))
    second = google.adapter().refresh(google.access(granted))

    assert granted.secret["refresh"] == first.secret["refresh"] == second.secret["refresh"]
    assert len({granted.secret["access"], first.secret["access"], second.secret["access"]}) == 3
    assert first.subject == granted.subject
    asked = [request for request in google.proxy.requests if "/token" in request.path]
    assert len(asked) == 3


def test_what_was_given_back_or_never_was_needs_the_operator(google: Google):
    granted = google.adapter().connect(google.answer())
    access = google.access(granted)

    google.adapter().revoke(access)
    google.adapter().revoke(access)

    for secret in (granted.secret, {**granted.secret, "refresh": "1//never-was"}):
        failure = failure_of(lambda secret=secret: google.adapter().refresh(replace(access, secret=secret)))
        assert isinstance(failure, failures.ReconnectNeeded)
        assert_words(failure)


def test_a_wrong_verifier_connects_nothing(google: Google):
    failure = failure_of(lambda: google.adapter().connect({**google.answer(), "verifier": "x" * 64}))

    assert isinstance(failure, failures.ReconnectNeeded)


def test_a_wrong_secret_of_ours_ends_nobodys_sign_in(google: Google):
    granted = google.adapter().connect(google.answer())
    wrong = google.adapter("wrong")

    for call in (lambda: wrong.connect(google.answer()), lambda: wrong.refresh(google.access(granted))):
        failure = failure_of(call)
        assert isinstance(failure, failures.Unavailable)
        assert "registration" in str(failure)
        assert_words(failure)
    google.adapter().refresh(google.access(granted))
