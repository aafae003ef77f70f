"""Bluesky's adapter at the reference server, signed in by browser: every promise, and what such a sign-in is about."""

import json
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
import pytest
import uvicorn
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from api import bluesky_client
from socialcore import failures
from socialcore.adapters.bluesky import Bluesky
from socialcore.adapters.bluesky.capabilities import PERMISSIONS
from socialcore.adapters.bluesky.registration import Registration, registration_of
from socialcore.adapters.contract import Access
from socialcore.adapters.http import new_client
from tests import faulty_proxy
from tests.contract.bluesky import GATED, BlueskyPosts
from tests.contract.suite import CALLBACK, assert_words, depart, failure_of, frozen, go, opened, publish
from tests.faulty_proxy import Answer, FaultyProxy
from tests.live import oauth
from tests.live.peers import ReferencePds, reference_pds
from tests.live.test_live_bluesky import ReferenceDouble

pytestmark = pytest.mark.live

WRITE = "com.atproto.repo.applyWrites"
TOKEN = "/oauth/token"
NONCE_WANTED = {"error": "use_dpop_nonce", "message": "Authorization server requires nonce in DPoP proof"}


class _Detour(httpcore.SyncBackend):
    """A network in which the server's own address leads to the proxy: proofs name addresses, so none may differ."""

    def __init__(self, network: httpcore.NetworkBackend, server: str, proxy: str) -> None:
        self._network = network
        self._server = urlsplit(server)
        self._proxy = urlsplit(proxy)

    def connect_tcp(self, host: str, port: int, *rest: Any, **options: Any) -> httpcore.NetworkStream:
        if (host, port) == (self._server.hostname, self._server.port):
            host, port = self._proxy.hostname or "", self._proxy.port or 0
        return self._network.connect_tcp(host, port, *rest, **options)


class OAuthDouble(ReferenceDouble):
    """The reference server behind a faulty proxy, and one account on it whose owner signs in by browser."""

    secret_field = "code"

    def __init__(
        self, pds: ReferencePds, proxy: FaultyProxy, registration: Registration | None = None, callback: str = CALLBACK
    ) -> None:
        self.pds = pds
        self.proxy = proxy
        self.callback = callback
        self.did, _ = pds.account()
        self.handle = pds.handle_of(self.did)
        self._client = new_client()
        self._client.timeout = httpx.Timeout(5, connect=0.5)
        transport: Any = self._client._transport  # noqa: SLF001
        pool = transport._pool  # noqa: SLF001
        pool._network_backend = _Detour(pool._network_backend, pds.url, proxy.url)  # noqa: SLF001
        self.adapter = Bluesky(self._client, registration or Registration())
        self._service = pds.url
        self._secret = self.adapter.connect(self.answer).secret
        proxy.requests.clear()

    @property
    def address(self) -> str:
        return self.pds.url

    @property
    def typed(self) -> Mapping[str, str]:
        return {"service": self.pds.url, "identifier": self.handle}

    @property
    def answer(self) -> Mapping[str, str]:
        departure = self.adapter.depart(self.typed, redirect_uri=self.callback, state="state")
        return {**departure.keep, **self.browse(departure.url)}

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        scope = " ".join(PERMISSIONS)
        return oauth.browse(url, self.did, self.handle, scope=scope, deny=deny, withhold=withhold)

    @property
    def client(self) -> httpx.Client:
        return self._client

    @property
    def secret_oauth(self) -> Mapping[str, Any]:
        return json.loads(self._secret["oauth"])

    def repeat(self, secret: str) -> None:
        said = f"Cannot do that with {secret}, sorry"
        body = {"error": "invalid_request", "error_description": said}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)), on=TOKEN)
        body = {"error": "InvalidRequest", "message": said}
        self.proxy.misbehave(faulty_proxy.answering(Answer.json(400, body)), on=WRITE)

    def expire_token(self) -> None:
        self.with_secret(access=self.pds.aged(self._secret["access"]))

    def revoke(self) -> None:
        """End the sign-in, as its owner does on the server's page."""
        with closing(new_client()) as elsewhere:
            Bluesky(elsewhere, Registration()).revoke(self.access)
        self.expire_token()


@contextmanager
def served(routes: Sequence[BaseRoute]) -> Generator[str]:
    """Serve some of the dashboard's addresses on this machine."""
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="warning")
    listener = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{listener.getsockname()[1]}"  # the reference server asks no bare addresses
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


@pytest.fixture
def double(pds: ReferencePds) -> Iterator[OAuthDouble]:
    with FaultyProxy(pds.url) as proxy, closing(OAuthDouble(pds, proxy)) as made:
        yield made


class TestBlueskySignedInByBrowser(BlueskyPosts):
    """Every promise, kept at the server that the makers of the protocol run."""


class TestTheSignIn:
    def test_is_at_home_where_the_account_lives(self, double: OAuthDouble):
        granted = double.adapter.connect(double.answer)

        assert (granted.service, granted.subject) == (double.pds.url, double.did)
        assert [(target.id, target.name) for target in granted.targets] == [(double.did, double.handle)]
        assert granted.permissions == frozenset(PERMISSIONS)
        assert granted.expires_at is not None
        assert granted.ends_at is not None  # a client without a key: two weeks

    def test_can_begin_with_nothing_but_a_server(self, double: OAuthDouble):
        departure = double.adapter.depart({"service": double.pds.url}, redirect_uri=CALLBACK, state="state")

        granted = double.adapter.connect({**departure.keep, **double.browse(departure.url)})

        assert granted.subject == double.did

    def test_of_another_account_connects_nothing_and_is_given_back(self, double: OAuthDouble):
        other_did, _ = double.pds.account()
        departure = depart(double)
        brought = oauth.browse(departure.url, other_did, double.pds.handle_of(other_did), scope=" ".join(PERMISSIONS))
        double.proxy.requests.clear()

        failure = failure_of(lambda: double.adapter.connect({**departure.keep, **brought}))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "Another account" in str(failure)
        assert double.proxy.requests[-1].path == "/oauth/revoke"

    @pytest.mark.parametrize("issuer", ["https://bsky.social", "", None])
    def test_answered_by_another_issuer_connects_nothing(self, double: OAuthDouble, issuer: str | None):
        departure = depart(double)
        brought = {**departure.keep, **double.browse(departure.url)}
        brought = {name: value for name, value in brought.items() if name != "iss"}
        double.proxy.requests.clear()

        failure = failure_of(lambda: double.adapter.connect(brought if issuer is None else {**brought, "iss": issuer}))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert double.proxy.requests == []

    def test_of_nobody_says_so(self, double: OAuthDouble):
        typed = {"service": double.pds.url, "identifier": "nobody-at-all.test"}

        failure = failure_of(lambda: double.adapter.depart(typed, redirect_uri=CALLBACK, state="state"))

        assert isinstance(failure, failures.ContentRejected)
        assert "nobody-at-all.test" in str(failure)
        assert_words(failure)

    def test_of_this_machine_is_not_led_away_from_it(self, double: OAuthDouble):
        elsewhere = {"resource": double.pds.url, "authorization_servers": ["https://bsky.social"]}
        double.proxy.misbehave(faulty_proxy.answering(Answer.json(200, elsewhere)), on="oauth-protected-resource")

        failure = failure_of(lambda: depart(double))

        assert isinstance(failure, failures.ContentRejected)


class TestARefresh:
    def test_renews_and_ends_the_token_before(self, double: OAuthDouble):
        before = double.access

        granted = double.adapter.refresh(before, before_write=go)

        renewed = opened(granted, at=before.service)
        double.adapter.check(renewed)
        double.adapter.publish(renewed, frozen(double), before_write=go)
        assert isinstance(failure_of(lambda: double.adapter.check(before)), failures.CredentialExpired)

    def test_made_twice_ends_the_whole_sign_in(self, double: OAuthDouble, record_property):
        before = double.access
        renewed = opened(double.adapter.refresh(before), at=before.service)

        failure = failure_of(lambda: double.adapter.refresh(before))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert_words(failure)
        # The one in use is dead, too: renewing it needs the operator, and so does everything from then on.
        assert isinstance(failure_of(lambda: double.adapter.refresh(renewed)), failures.ReconnectNeeded)
        assert isinstance(failure_of(lambda: double.adapter.check(renewed)), failures.CredentialExpired)
        record_property("shows", "Bluesky by browser: a refresh token replayed ends the sign-in, said as reconnect")

    def test_whose_answer_is_lost_is_not_made_again(self, double: OAuthDouble):
        double.proxy.misbehave(faulty_proxy.lose_reply, on=TOKEN)
        double.proxy.requests.clear()

        with pytest.raises(failures.Unavailable):
            double.adapter.refresh(double.access)

        assert [asked.path for asked in double.proxy.requests] == [TOKEN]

    def test_asks_again_before_each_send(self, double: OAuthDouble):
        """A server that wants another nonce has not used the token; the second send may be stopped like the first."""
        fresh = Bluesky(double.client, Registration())  # knows no nonce
        heard: list[int] = []

        fresh.refresh(double.access, before_write=lambda: heard.append(double.heard()))

        assert len(heard) == 2

    def test_of_a_sign_in_that_was_given_back_needs_the_operator(self, double: OAuthDouble):
        double.adapter.revoke(double.access)

        assert isinstance(failure_of(lambda: double.adapter.refresh(double.access)), failures.ReconnectNeeded)
        assert isinstance(failure_of(lambda: double.adapter.check(double.access)), failures.CredentialExpired)


class TestAProof:
    def test_with_no_nonce_yet_publishes_once(self, double: OAuthDouble):
        fresh = Bluesky(double.client, Registration())
        wire = frozen(double, GATED)
        double.proxy.requests.clear()
        asked: list[int] = []

        receipt = fresh.publish(double.access, wire, before_write=lambda: asked.append(double.heard()))

        assert [each.path for each in double.proxy.requests] == [f"/xrpc/{WRITE}"] * 2
        assert len(asked) == 2
        assert len(double.public_posts()) == 3
        assert fresh.find_existing(double.access, wire) == receipt

    def test_whose_second_send_is_stopped_has_published_nothing(self, double: OAuthDouble):
        fresh = Bluesky(double.client, Registration())
        asked: list[int] = []

        def only_once() -> None:
            asked.append(1)
            if len(asked) == 2:
                raise failures.Unavailable("too late")

        with pytest.raises(failures.Unavailable):
            fresh.publish(double.access, frozen(double), before_write=only_once)

        assert double.public_posts() == []

    def test_that_is_never_right_gives_up_with_nothing_sent(self, double: OAuthDouble):
        wanted = Answer.json(401, NONCE_WANTED, {"DPoP-Nonce": "another"})
        double.proxy.misbehave(faulty_proxy.answering(wanted), on=WRITE, times=None)
        double.proxy.requests.clear()

        failure = failure_of(lambda: publish(double, frozen(double)))

        assert isinstance(failure, failures.Unavailable)
        assert "Nothing was sent" in str(failure)
        assert len(double.proxy.requests) == 2

    def test_is_another_for_every_call_and_without_it_the_token_opens_nothing(self, double: OAuthDouble):
        double.adapter.check(double.access)
        double.adapter.check(double.access)
        proofs = [asked.headers["dpop"] for asked in double.proxy.requests]
        token = double.access.secret["access"]

        for headers in ({"Authorization": f"DPoP {token}"}, {"Authorization": f"Bearer {token}"}):
            answer = httpx.get(f"{double.pds.url}/xrpc/com.atproto.server.getSession", headers=headers, trust_env=False)
            assert answer.status_code >= 400

        assert len(set(proofs)) == len(proofs) >= 2


PUBLIC = "https://composer.harbor-bakery.social"  # nobody asks for it: the server finds it on this machine


@pytest.fixture(scope="module")
def registration() -> Registration:
    key = ECKey.generate_key("P-256").as_pem(private=True).decode()
    made = registration_of(
        {"PUBLIC_URL": PUBLIC, "COMPOSER_BLUESKY_OAUTH_KEY": key, "DATABASE_URL": "postgresql://elsewhere"}
    )
    assert made is not None
    return made


@pytest.fixture(scope="module")
def visited(installed: None, registration: Registration) -> Iterator[ReferencePds]:
    """A reference server that can read who this installation is."""
    with served(bluesky_client.of(registration)) as address, reference_pds(guest=(PUBLIC, address)) as running:
        yield running


@pytest.fixture
def confidential(visited: ReferencePds, registration: Registration) -> Iterator[OAuthDouble]:
    callback = f"{PUBLIC}/oauth/callback"
    with FaultyProxy(visited.url) as proxy, closing(OAuthDouble(visited, proxy, registration, callback)) as made:
        yield made


class TestAnInstallationWithAKey:
    """A confidential client: the server reads who we are where our client id leads, and checks our signature."""

    def test_signs_in_publishes_renews_and_gives_back(self, confidential: OAuthDouble, record_property):
        before = confidential.access
        receipt = publish(confidential, frozen(confidential, GATED))
        assert len(confidential.public_posts()) == 3

        granted = confidential.adapter.refresh(before, before_write=go)
        renewed = opened(granted, at=before.service)
        confidential.adapter.check(renewed)
        confidential.adapter.delete(renewed, receipt.remote_id)
        confidential.adapter.revoke(renewed)

        assert granted.ends_at is None  # as long as it is renewed within three months
        assert confidential.public_posts() == []
        assert isinstance(failure_of(lambda: confidential.adapter.refresh(renewed)), failures.ReconnectNeeded)
        assert confidential.secret_oauth["client_id"] == f"{PUBLIC}/oauth/bluesky/client-metadata.json"
        record_property("shows", "Bluesky by browser, confidential client: sign-in, thread, refresh, revoke at the PDS")

    def test_with_another_key_disconnects_nobody(self, confidential: OAuthDouble):
        """The key was lost or changed: that is the installation's trouble, and no reason to sign in again."""
        stranger = Bluesky(confidential.client, Registration(PUBLIC, ECKey.generate_key("P-256")))
        missing = Bluesky(confidential.client, None)

        for adapter in (stranger, missing):
            failure = failure_of(lambda adapter=adapter: adapter.refresh(confidential.access))
            assert isinstance(failure, failures.Unavailable)
            assert "COMPOSER_BLUESKY_OAUTH_KEY" in str(failure)
            assert_words(failure)
        confidential.adapter.refresh(confidential.access)


def test_what_was_not_allowed_cannot_be_done(pds: ReferencePds):
    """Permissions are the server's to enforce; what it says of a missing one is said as it should be."""
    with FaultyProxy(pds.url) as proxy, closing(OAuthDouble(pds, proxy)) as double:
        access: Access = double.access
        wire = frozen(double)
        wire["along"] = [
            {"collection": "app.bsky.feed.like", "key": wire["key"], "cid": wire["cid"], "record": wire["record"]}
        ]

        failure = failure_of(lambda: double.adapter.publish(access, wire, before_write=go))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "allow" in str(failure)
        assert double.public_posts() == []
