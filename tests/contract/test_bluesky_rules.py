"""What Bluesky's adapter finds wrong before anything is sent, and how it finds the server somebody signs in at."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from api import bluesky_client
from socialcore import failures
from socialcore.adapters.bluesky import Bluesky, discovery, registration
from socialcore.adapters.bluesky.capabilities import LABELS, MOST_PARTS, PERMISSIONS
from socialcore.adapters.bluesky.discovery import Discovery
from socialcore.adapters.bluesky.registration import BadKey, Registration, registration_of
from socialcore.adapters.bluesky.signing import MOST_NONCES, Nonces
from socialcore.adapters.bluesky.xrpc import Calls
from socialcore.adapters.contract import Card, Lookups, Picture
from socialcore.adapters.http import Missing
from socialcore.fetcher import Unfetched
from socialcore.posts import Content, MediaReference, Problem, Variant
from tests.contract.suite import assert_words, failure_of

BLUESKY = Bluesky()
POST = "https://bsky.app/profile/harbor-bakery.com/post/3kabcdefghijk"
LOAF = MediaReference(id="a" * 64, alt="A loaf")
DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
SERVER = "https://morel.us-east.host.bsky.network"
ISSUER = "https://bsky.social"


def problems(**content: Any) -> list[Problem]:
    return BLUESKY.validate(Content(**{"text": "Fresh bread", **content}))


class TestProblems:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"langs": ["en", "pt-BR", "zh-Hant-TW"]},
            {"labels": list(LABELS)},
            {"quote": POST},
            {"quote": f"at://{DID}/app.bsky.feed.post/3kabcdefghijk", "no_quotes": True},
            {"reply_to": POST, "who_can_reply": "everybody"},
            {"who_can_reply": "nobody"},
            {"who_can_reply": ["mentioned", "followers", "following"]},
            {"card": "https://example.com/"},
            {"channel": "of another platform"},
        ],
    )
    def test_there_are_none(self, options: dict[str, Any]):
        assert problems(options=options) == []

    @pytest.mark.parametrize(
        ("options", "about"),
        [
            ({"langs": ["en", "de", "fr", "it"]}, "3 languages"),
            ({"langs": ["english language"]}, "english language"),
            ({"langs": ["EN"]}, "EN"),
            ({"labels": ["spicy"]}, "spicy"),
            ({"quote": "https://example.com/"}, "quote"),
            ({"quote": "https://bsky.app/profile/harbor-bakery.com"}, "quote"),
            ({"reply_to": "https://["}, "reply"),
            ({"reply_to": POST, "who_can_reply": "nobody"}, "who can reply"),
            ({"who_can_reply": "friends"}, "who can reply"),
            ({"who_can_reply": []}, "who can reply"),
            ({"who_can_reply": ["friends"]}, "friends"),
            ({"card": "javascript:alert(1)"}, "link"),
        ],
    )
    def test_there_is_one(self, options: dict[str, Any], about: str):
        (problem,) = problems(options=options)

        assert problem.severity == "error"
        assert about in problem.title
        assert problem.next_step.endswith(".")

    def test_of_media_are_told_apart(self):
        assert [each.severity for each in problems(media=(MediaReference(id="a"),))] == ["warning"]
        assert [each.severity for each in problems(media=(LOAF,), links=("https://example.com/",))] == ["warning"]
        assert [each.severity for each in problems(media=(LOAF,) * 5)] == ["error"]

    def test_of_a_thread_name_the_part(self):
        (empty,) = problems(parts=("and rolls", " "))
        (long,) = problems(parts=("x" * 301,))
        (many,) = problems(parts=("x",) * MOST_PARTS)

        assert ("part 3" in empty.title, "part 2" in long.title, "1 part " in many.title) == (True, True, True)

    def test_a_variant_has_parts_of_its_own(self):
        content = Content(text="a", parts=("b",), variants={"bluesky": Variant(text="c", parts=("d", "e"))})

        (rendered,) = BLUESKY.render(content, Lookups())

        assert [rendered["text"], *(part["text"] for part in rendered["parts"])] == ["c", "d", "e"]

    def test_a_thumb_that_is_too_large_is_left_out(self):
        card = Card("https://example.com/", "", "", Picture("b" * 64, "image/png", 1_000_001, 9, 9))

        (rendered,) = BLUESKY.render(Content(text="a", links=(card.url,)), Lookups(card=lambda _url: card))

        assert rendered["card"] == {"url": card.url, "title": "example.com", "description": ""}


class Web:
    """An internet of a few documents."""

    def __init__(self, documents: Mapping[str, Any], addresses: Mapping[str, str] | None = None) -> None:
        self.documents = dict(documents)
        self.addresses = addresses or {}
        self.asked: list[str] = []

    def read(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        if url not in self.documents:
            raise Missing(url)
        return self.documents[url]

    def look_up(self, host: str, port: int) -> list[str]:
        return [self.addresses.get(host, "93.184.215.14")]


def did_document(**changed: Any) -> dict[str, Any]:
    service = [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": SERVER}]
    return {"id": DID, "alsoKnownAs": ["at://harbor-bakery.com"], "service": service, **changed}


def world(**changed: Any) -> dict[str, Any]:
    described = {
        "issuer": ISSUER,
        "pushed_authorization_request_endpoint": f"{ISSUER}/oauth/par",
        "authorization_endpoint": f"{ISSUER}/oauth/authorize",
        "token_endpoint": f"{ISSUER}/oauth/token",
        "revocation_endpoint": f"{ISSUER}/oauth/revoke",
        "require_pushed_authorization_requests": True,
        "authorization_response_iss_parameter_supported": True,
    }
    return {
        f"{ISSUER}/xrpc/com.atproto.identity.resolveHandle?handle=harbor-bakery.com": {"did": DID},
        f"https://plc.directory/{DID}": did_document(),
        f"{SERVER}/.well-known/oauth-protected-resource": {"resource": SERVER, "authorization_servers": [ISSUER]},
        f"{ISSUER}/.well-known/oauth-authorization-server": described,
        **changed,
    }


def found(web: Web, name: str = "harbor-bakery.com") -> tuple[str, str, str]:
    with httpx.Client() as client:
        seeker = Discovery(Calls(client), read=web.read, resolve=web.look_up)
        whose = seeker.identity(name, ISSUER)
        return whose.did, whose.handle, seeker.issuer_for(whose.server, ISSUER).tokens


class TestDiscovery:
    def test_goes_from_a_handle_to_whoever_signs_its_owner_in(self):
        assert found(Web(world()), " @Harbor-Bakery.com ") == (DID, "harbor-bakery.com", f"{ISSUER}/oauth/token")
        assert found(Web(world()), DID) == (DID, "harbor-bakery.com", f"{ISSUER}/oauth/token")

    def test_a_did_with_a_handle_that_is_not_its_own_goes_by_its_did(self):
        web = Web(
            world(
                **{f"{ISSUER}/xrpc/com.atproto.identity.resolveHandle?handle=harbor-bakery.com": {"did": "did:plc:x"}}
            )
        )

        assert found(web, DID)[:2] == (DID, DID)

    @pytest.mark.parametrize(
        "changed",
        [
            {f"https://plc.directory/{DID}": did_document(alsoKnownAs=["at://somebody-else.com"])},
            {f"https://plc.directory/{DID}": did_document(alsoKnownAs=[])},
            {f"https://plc.directory/{DID}": did_document(id="did:plc:another")},
            {f"https://plc.directory/{DID}": did_document(service=[])},
            {
                f"{SERVER}/.well-known/oauth-protected-resource": {
                    "resource": "https://other.example",
                    "authorization_servers": [ISSUER],
                }
            },
            {f"{SERVER}/.well-known/oauth-protected-resource": {"resource": SERVER, "authorization_servers": []}},
            {f"{ISSUER}/.well-known/oauth-authorization-server": {"issuer": "https://other.example"}},
            {f"{ISSUER}/.well-known/oauth-authorization-server": {}},
            {f"{ISSUER}/xrpc/com.atproto.identity.resolveHandle?handle=harbor-bakery.com": {"did": "did:key:zabc"}},
            {f"{ISSUER}/xrpc/com.atproto.identity.resolveHandle?handle=harbor-bakery.com": {"did": "did:web:a/b"}},
        ],
        ids=range(10),
    )
    def test_takes_nothing_that_does_not_fit_together(self, changed: dict[str, Any]):
        failure = failure_of(lambda: found(Web(world(**changed))))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)

    @pytest.mark.parametrize(
        "server",
        [
            "http://morel.us-east.host.bsky.network",
            "http://localhost:5432",
            "https://localhost",
            "https://127.0.0.1",
            "https://10.0.0.8",
            "https://169.254.169.254",
            "https://[::1]",
            "https://internal.example",
            "https://morel.us-east.host.bsky.network:8443",
            "https://user@morel.us-east.host.bsky.network",
            "file:///etc/passwd",
        ],
    )
    def test_leads_to_no_private_network(self, server: str):
        service = [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": server}]
        own = {name: name for name in ("127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "localhost")}
        web = Web(
            world(**{f"https://plc.directory/{DID}": did_document(service=service)}),
            {**own, "localhost": "127.0.0.1", "internal.example": "192.168.1.4"},
        )

        failure = failure_of(lambda: found(web))

        assert isinstance(failure, failures.ContentRejected)
        assert web.asked[-1] == f"https://plc.directory/{DID}"  # and not that server

    @pytest.mark.parametrize("step", ["token_endpoint", "pushed_authorization_request_endpoint", "revocation_endpoint"])
    @pytest.mark.parametrize(
        "address", ["https://10.0.0.8/steal", "http://bsky.social/oauth", "https://bsky.social:444/x"]
    )
    def test_sends_nothing_to_a_private_address_that_an_issuer_names(self, step: str, address: str):
        place = f"{ISSUER}/.well-known/oauth-authorization-server"
        changed = {place: {**world()[place], step: address}}

        failure = failure_of(lambda: found(Web(world(**changed), {"10.0.0.8": "10.0.0.8"})))

        assert isinstance(failure, failures.ContentRejected)

    def test_what_cannot_be_fetched_is_there_or_is_not(self, monkeypatch: pytest.MonkeyPatch):
        for status, kind in ((404, Missing), (400, Missing), (503, failures.Unavailable), (None, failures.Unavailable)):

            def fetch(_url: str, status: int | None = status, **_options: Any) -> None:
                raise Unfetched("The page is not there.", "Open it.", status=status)

            monkeypatch.setattr(discovery, "fetch", fetch)
            with pytest.raises(kind):
                discovery._fetched("https://example.com/x")  # noqa: SLF001


def asked(known: Registration, path: str) -> httpx.Response:
    """Ask the dashboard's server, as Bluesky's do."""

    async def ask() -> httpx.Response:
        app = httpx.ASGITransport(Starlette(routes=bluesky_client.of(known)))
        async with httpx.AsyncClient(transport=app, base_url="https://composer.example") as client:
            return await client.get(path)

    return asyncio.run(ask())


class TestRegistration:
    KEY = ECKey.generate_key("P-256")

    def environ(self, **changed: str) -> dict[str, str]:
        pem = self.KEY.as_pem(private=True).decode()
        return {
            "PUBLIC_URL": "https://composer.example",
            "COMPOSER_BLUESKY_OAUTH_KEY": pem,
            "DATABASE_URL": "x",
            **changed,
        }

    @pytest.mark.parametrize("form", ["pem", "one line", "jwk"])
    def test_a_key_may_be_written_in_several_ways(self, form: str):
        pem = self.KEY.as_pem(private=True).decode()
        written = {"pem": pem, "one line": pem.replace("\n", "\\n"), "jwk": json.dumps(self.KEY.as_dict(private=True))}

        known = registration_of(self.environ(COMPOSER_BLUESKY_OAUTH_KEY=written[form]))

        assert known is not None
        assert known.jwks()["keys"][0]["x"] == self.KEY.as_dict(private=False)["x"]

    @pytest.mark.parametrize(
        "stored",
        [
            "no key",
            "{}",
            ECKey.generate_key("P-384").as_pem(private=True).decode(),
            ECKey.generate_key("P-256").as_pem(private=False).decode(),
        ],
        ids=["text", "empty", "P-384", "public"],
    )
    def test_what_is_no_key_is_said_to_be_none(self, stored: str):
        with pytest.raises(BadKey) as caught:
            registration_of(self.environ(COMPOSER_BLUESKY_OAUTH_KEY=stored))

        assert "openssl" in str(caught.value)

    def test_without_a_key_or_an_address_there_is_none_in_production(self):
        assert registration_of(self.environ(COMPOSER_BLUESKY_OAUTH_KEY="")) is None
        assert registration_of(self.environ(PUBLIC_URL="http://composer.example")) is None
        assert registration_of({}) == Registration()

        nobody = Bluesky(registration=None)
        assert nobody.capabilities.sign_in == ("password",)
        failure = failure_of(lambda: nobody.depart({}, redirect_uri="https://x.example/oauth/callback", state="s"))
        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)

    def test_a_client_without_a_key_comes_back_to_this_machine_only(self):
        ours = Registration()

        assert ours.returning("http://localhost:8501/oauth/callback") == "http://127.0.0.1:8501/oauth/callback"
        with pytest.raises(failures.ContentRejected):
            ours.client_id("https://composer.example/oauth/callback")

    def test_proves_who_we_are_for_a_minute_and_each_time_anew(self):
        ours = Registration("https://composer.example", self.KEY)
        client_id = ours.client_id("")

        first, second = (ours.assertion(client_id, ISSUER)["client_assertion"] for _ in range(2))

        token = jwt.decode(first, self.KEY, algorithms=["ES256"])
        assert first != second
        assert token.header["kid"] == ours.jwks()["keys"][0]["kid"]
        assert (token.claims["iss"], token.claims["sub"], token.claims["aud"]) == (client_id, client_id, ISSUER)
        assert token.claims["exp"] - token.claims["iat"] == 60

    def test_the_dashboard_serves_who_we_are_and_no_private_half(self):
        ours = Registration("https://composer.example", self.KEY)

        metadata, jwks = (asked(ours, path) for path in (registration.METADATA_PATH, registration.JWKS_PATH))
        assert asked(Registration(), registration.METADATA_PATH).status_code == 404

        assert metadata.json()["client_id"] == f"https://composer.example{registration.METADATA_PATH}"
        assert metadata.json()["scope"] == " ".join(PERMISSIONS)
        assert metadata.json()["redirect_uris"] == ["https://composer.example/oauth/callback"]
        (key,) = jwks.json()["keys"]
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert self.KEY.as_dict(private=True)["d"] not in metadata.text + jwks.text
        assert "composer.example" in repr(ours)
        assert self.KEY.as_dict(private=True)["d"] not in repr(ours)


def test_nonces_are_a_hint_of_bounded_size():
    nonces = Nonces()
    for number in range(MOST_NONCES + 5):
        nonces.hear(f"https://server{number}.example", {"dpop-nonce": f"n{number}"})
    nonces.hear("https://odd.example", {"dpop-nonce": "x" * 2_000})

    assert nonces.of("https://server0.example") is None
    assert nonces.of(f"https://server{MOST_NONCES + 4}.example") == f"n{MOST_NONCES + 4}"
    assert nonces.of("https://odd.example") is None
