"""The sandbox, over real HTTP: it answers as the real server was seen to, fails on demand, and forgets nothing."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcore.sandbox.bluesky import sessions, tokens
from socialcore.sandbox.bluesky.calls import Call
from socialcore.sandbox.bluesky.data import cid_of_record, tid
from socialcore.sandbox.bluesky.refusals import Refusal
from socialcore.sandbox.bluesky.state import State
from socialcore.sandbox.journal import Damaged, Journal
from tests.sandbox import APP_PASSWORD, Sandbox, running

DATA = Path(__file__).parents[1] / "data"
OBSERVED = {
    each["case"]: each for each in json.loads((DATA / "pds-observed-0.5.35.json").read_text("utf-8"))["answers"]
}
# The sandbox has no OAuth: the product signs in with app passwords.
ABSENT = {"oauth-protected-resource", "oauth-authorization-server"}

POST = "app.bsky.feed.post"
KEY = "3n2xfa5ehkc2q"
SECOND_KEY = "3n2xfa5mlcs2q"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Client:
    """Somebody who talks to a server as our adapter does, without being it."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/xrpc/", timeout=10, trust_env=False)
        self.did = ""
        self.access = ""
        self.refresh = ""

    def sign_in(self, handle: str = "alice.test", password: str = APP_PASSWORD) -> httpx.Response:
        answer = self.call("server.createSession", {"identifier": handle, "password": password}, token="")
        if answer.is_success:
            session = answer.json()
            self.did, self.access, self.refresh = session["did"], session["accessJwt"], session["refreshJwt"]
        return answer

    def call(self, method: str, body: Any = None, *, token: str | None = None) -> httpx.Response:
        token = self.access if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.post(f"com.atproto.{method}", json=body, headers=headers)

    def get(self, method: str, **parameters: str) -> httpx.Response:
        return self.http.get(f"com.atproto.{method}", params=parameters)

    def record(self, key: str = KEY) -> httpx.Response:
        return self.get("repo.getRecord", repo=self.did, collection=POST, rkey=key)

    def create(self, key: str = KEY, value: Any = None, **rest: Any) -> httpx.Response:
        body = {"repo": self.did, "collection": POST, "rkey": key, "record": value or post(), **rest}
        return self.call("repo.createRecord", body)

    def put(self, key: str, value: Any, **rest: Any) -> httpx.Response:
        body = {"repo": self.did, "collection": POST, "rkey": key, "record": value, **rest}
        return self.call("repo.putRecord", body)

    def upload(self, content: bytes, mime: str = "image/png") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access}", "Content-Type": mime}
        return self.http.post("com.atproto.repo.uploadBlob", content=content, headers=headers)


def post(text: str = "hello", **rest: Any) -> dict[str, Any]:
    return {"$type": POST, "text": text, "langs": ["en"], "createdAt": "2026-01-01T00:00:00.000Z", **rest}


def facet(start: int, end: int, **feature: str) -> list[dict[str, Any]]:
    kind = f"app.bsky.richtext.facet#{'mention' if 'did' in feature else 'link'}"
    return [{"index": {"byteStart": start, "byteEnd": end}, "features": [{"$type": kind, **feature}]}]


@contextmanager
def client_of(url: str) -> Iterator[Client]:
    client = Client(url)
    with client.http:
        yield client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    server.reset()
    return server


@pytest.fixture
def alice(sandbox: Sandbox) -> Iterator[Client]:
    sandbox.account("alice.test")
    with client_of(sandbox.url) as client:
        client.sign_in()
        yield client


# The observed answers.


class Replay:
    """The calls of the recording, in its order, so that even what is left of the limits is the same."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answers: dict[str, httpx.Response] = {}
        self.main_token = ""

    def note(self, case: str, answer: httpx.Response) -> Any:
        self.answers[case] = answer
        return answer.json() if answer.content else None

    def run(self) -> None:
        self.signing_in()
        self.writing()
        self.validating()
        self.pictures()
        self.signing_out()

    def signing_in(self) -> None:
        client, sign_in = self.client, self.client.sign_in
        new = {"handle": "alice.test", "email": "a@test.com", "password": "main password"}
        made = self.note("createAccount", client.call("server.createAccount", new))
        self.note("createSession wrong pw", sign_in(password="wrong"))
        self.note("createSession unknown", sign_in("nobody.test"))
        asked = client.call("server.createAppPassword", {"name": "x"}, token=made["accessJwt"])
        password = self.note("createAppPassword", asked)["password"]
        assert re.fullmatch(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", password)
        self.note("createSession app password", sign_in(password=password))
        body = {"repo": client.did, "collection": POST, "record": post()}
        self.note("no auth", client.call("repo.createRecord", body, token=""))
        self.note("garbage token", client.call("repo.createRecord", body, token="garbage"))
        self.note("refresh token used as access", client.call("repo.createRecord", body, token=client.refresh))

    def writing(self) -> None:
        client = self.client
        key = key_of("createRecord #1")
        self.note("createRecord #1", client.create(key))
        self.note("createRecord same rkey+record", client.create(key))
        self.note("createRecord same rkey other text", client.create(key, post("other")))
        self.note("getRecord", client.record(key))
        self.note("getRecord missing", client.record("3zzzzzzzzzzzz"))
        key = key_of("putRecord new swapRecord=null")
        put = self.note("putRecord new swapRecord=null", client.put(key, post(), swapRecord=None))
        self.note("putRecord identical again swapRecord=null", client.put(key, post(), swapRecord=None))
        self.note("putRecord identical again no swap", client.put(key, post()))
        self.note("putRecord different swapRecord=null", client.put(key, post("changed"), swapRecord=None))
        client.record(key)
        self.note("putRecord different with right swap", client.put(key, post("changed"), swapRecord=put["cid"]))
        key = OBSERVED["applyWrites post+threadgate"]["body"]["results"][0]["uri"].rpartition("/")[2]
        gate = {"$type": "app.bsky.feed.threadgate", "post": f"at://{client.did}/{POST}/{key}", "allow": []}
        gate["createdAt"] = "2026-01-01T00:00:00.000Z"
        writes = [creation(key, post()), creation(key, gate, "app.bsky.feed.threadgate")]
        for case in ("applyWrites post+threadgate", "applyWrites again"):
            self.note(case, client.call("repo.applyWrites", {"repo": client.did, "writes": writes}))

    def validating(self) -> None:
        create = {
            "post 301 graphemes": post("a" * 301),
            "post 300 graphemes": post("a" * 300),
            "post 3001 bytes <300 graphemes": post(FAMILY * 123),
            "post 300 family emoji (7500 bytes)": post(FAMILY * 300),
            "post 120 family emoji (3000 bytes)": post(FAMILY * 120),
            "post 4 langs": post(langs=["en", "de", "fr", "es"]),
            "post bad lang": post(langs=["english language"]),
            "post 9 tags": post(tags=[f"tag{number}" for number in range(9)]),
            "post 65 grapheme tag": post(tags=["a" * 65]),
            "post facet past end": post("hi", facets=facet(0, 99, uri="https://a.com")),
            "post facet bad uri": post("hi", facets=facet(0, 2, uri="not a uri")),
            "post facet mention empty did": post("hi", facets=facet(0, 2, did="")),
            "post createdAt no tz": post(createdAt="2026-01-01T00:00:00"),
            "post no createdAt": {"$type": POST, "text": "hello"},
            "post empty text": post(""),
            "post unknown embed": post(embed={"$type": "app.bsky.embed.nope", "x": 1}),
            "post self labels 11": post(
                labels={"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}] * 11}
            ),
        }
        for case, value in create.items():
            self.note(case, self.client.create(key_of(case), value))
        self.note("bad rkey", self.client.create("not/ok"))
        self.note("non-TID rkey", self.client.create("my-post-1"))

    def pictures(self) -> None:
        client = self.client
        uploads = {
            "uploadBlob png": client.upload(PNG),
            "uploadBlob png as image/jpeg": client.upload(PNG, "image/jpeg"),
            "uploadBlob 2,000,001 bytes": client.upload(PNG.ljust(2_000_001, b"\0")),
            "uploadBlob 1.5MB": client.upload(PNG.ljust(1_500_000, b"\1")),
        }
        small, _, huge, large = (self.note(case, answer)["blob"] for case, answer in uploads.items())
        lost = OBSERVED["post img missing blob"]["body"]["message"].rpartition(" ")[2]
        thumb = {"uri": "https://a.com", "title": "", "description": "", "thumb": large}
        create = {
            "post img ok": pictured(small),
            "post img 2,000,001": pictured(huge),
            "post img 1.5MB": pictured(large),
            "post img wrong mimetype in ref": pictured({**small, "mimeType": "image/webp"}),
            "post img missing blob": pictured({**small, "ref": {"$link": lost}}),
            "5 images": pictured(*[small] * 5),
            "image no alt": post(embed={"$type": "app.bsky.embed.images", "images": [{"image": small}]}),
            "ext thumb 1.5MB (limit 1,000,000)": post(embed={"$type": "app.bsky.embed.external", "external": thumb}),
        }
        for case, value in create.items():
            self.note(case, client.create(key_of(case), value))

    def signing_out(self) -> None:
        client, first = self.client, self.client.refresh
        refreshed = self.note("refresh #1", client.call("server.refreshSession", token=first))
        again = self.note("refresh same token again (grace)", client.call("server.refreshSession", token=first))
        assert claims(again["refreshJwt"])["jti"] == claims(refreshed["refreshJwt"])["jti"] != claims(first)["jti"]
        self.note("refresh with access token", client.call("server.refreshSession", token=client.access))
        successor = refreshed["refreshJwt"]
        self.note("deleteSession", client.call("server.deleteSession", token=successor))
        self.note("refresh after delete", client.call("server.refreshSession", token=successor))
        place = {"repo": client.did, "collection": POST, "rkey": key_of("createRecord #1")}
        self.note("deleteRecord", client.call("repo.deleteRecord", place))
        self.note("deleteRecord again", client.call("repo.deleteRecord", place))
        self.note("createSession rl attempt 1", client.sign_in("limited.test"))
        for _ in range(29):
            client.sign_in("limited.test")
        self.note("createSession attempt 31", client.sign_in("limited.test"))
        self.note("oversize json", client.create(KEY, post("a" * 2_000_000)))


def key_of(case: str) -> str:
    return OBSERVED[case]["body"].get("uri", "/3n2xfa5zzzz2q").rpartition("/")[2]


def creation(key: str, value: Any, collection: str = POST) -> dict[str, Any]:
    return {"$type": "com.atproto.repo.applyWrites#create", "collection": collection, "rkey": key, "value": value}


def pictured(*blobs: Any) -> dict[str, Any]:
    images = [{"alt": "x", "image": blob} for blob in blobs]
    return post(embed={"$type": "app.bsky.embed.images", "images": images})


def reply_to(uri: str) -> dict[str, Any]:
    lost = {"uri": uri, "cid": OBSERVED["createRecord #1"]["body"]["cid"]}
    return {"root": lost, "parent": lost}


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with running(tmp_path_factory.mktemp("replay")) as sandbox, client_of(sandbox.url) as client:
        replay = Replay(client)
        replay.run()
        yield replay


def comparable(body: Any, did: str) -> Any:
    """Leave out what is random, signed, or the time of day; content addresses stay."""
    match body:
        case {"cid": _, "uri": str(uri)} if "threadgate" in uri:
            return {**body, "cid": "depends on the DID", "uri": uri.replace(did, "DID")}
        case {"cid": _, "rev": _} | {"cid": _, "rev": _, "$type": _}:
            return "a commit"
        case dict():
            secret = ("accessJwt", "refreshJwt", "password")
            moving = {"didDoc"} | ({"createdAt"} if "privileged" in body else set())
            return {
                name: "<redacted>" if name in secret else comparable(part, did)
                for name, part in body.items()
                if name not in moving
            }
        case list():
            return [comparable(part, did) for part in body]
        case str():
            return body.replace(did, "DID")
        case _:
            return body


@pytest.mark.parametrize("case", [case for case in OBSERVED if case not in ABSENT])
def test_answers_as_the_real_server_did(replayed: Replay, case: str):
    expected, answer = OBSERVED[case], replayed.answers[case]
    their_did = OBSERVED["createAccount"]["body"]["did"]
    body = answer.json() if answer.content else ""
    assert comparable(body, replayed.client.did) == comparable(expected["body"], their_did)
    assert answer.status_code == expected["status"]
    told = {name for name in answer.headers if name.startswith("ratelimit-") or name == "retry-after"}
    assert told == set(expected["headers"])
    for name in told - {"ratelimit-reset", "retry-after"}:
        assert answer.headers[name] == expected["headers"][name], name


# More of what was seen of the real server.


def test_a_session_names_its_home_and_its_lifetimes(alice: Client, sandbox: Sandbox):
    session = alice.sign_in().json()
    assert session["didDoc"]["service"][0] == {
        "id": "#atproto_pds",
        "type": "AtprotoPersonalDataServer",
        "serviceEndpoint": sandbox.url,
    }
    access, refresh = claims(session["accessJwt"]), claims(session["refreshJwt"])
    assert (access["scope"], access["exp"] - access["iat"]) == ("com.atproto.appPass", 2 * 3600)
    assert (refresh["scope"], refresh["exp"] - refresh["iat"]) == ("com.atproto.refresh", 90 * 86400)


@pytest.mark.parametrize("identifier", ["@alice.test", " alice.test", "alice.test "])
def test_a_sloppy_identifier_is_nobody(alice: Client, identifier: str):
    assert alice.sign_in(identifier).json()["error"] == "AuthenticationRequired"


def test_handle_in_capitals_and_did_are_somebody(alice: Client):
    assert alice.sign_in("ALICE.test").status_code == alice.sign_in(alice.did).status_code == 200


def test_revoking_a_password_leaves_the_access_token(sandbox: Sandbox):
    with client_of(sandbox.url) as client:
        new = {"handle": "owner.test", "email": "o@test.com", "password": "main password"}
        owner = client.call("server.createAccount", new).json()["accessJwt"]
        made = client.call("server.createAppPassword", {"name": "ours"}, token=owner).json()
        client.sign_in("owner.test", made["password"])
        assert client.call("server.createAppPassword", {"name": "mine"}).json()["message"] == "Bad token scope"
        assert client.call("server.createAppPassword", {"name": "ours"}, token=owner).status_code == 500
        assert client.call("server.revokeAppPassword", {"name": "ours"}, token=owner).status_code == 200
        assert client.create().status_code == 200
        assert client.call("server.refreshSession", token=client.refresh).json()["message"] == "Token has been revoked"
        assert client.sign_in("owner.test", made["password"]).status_code == 401


def test_six_clients_refresh_at_once_and_get_the_same_successor(alice: Client):
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda _: alice.call("server.refreshSession", token=alice.refresh), range(6))
    assert len({claims(answer.json()["refreshJwt"])["jti"] for answer in answers}) == 1


def test_nobody_writes_to_another_repo(alice: Client, sandbox: Sandbox):
    alice.did = sandbox.account("bob.test")
    answer = alice.create()
    assert (answer.status_code, answer.json()["error"]) == (401, "AuthenticationRequired")


def test_apply_writes_is_all_or_nothing(alice: Client, sandbox: Sandbox):
    alice.create(KEY)
    keys = ["3n2xfa5mlcs2q", KEY]
    answer = alice.call("repo.applyWrites", {"repo": alice.did, "writes": [creation(key, post()) for key in keys]})
    assert answer.status_code == 500
    assert [each["rkey"] for each in sandbox.posts()] == [KEY]


def test_a_thread_in_one_call_with_addresses_known_beforehand(alice: Client, sandbox: Sandbox):
    keys, writes, references = ["3n2xfa5mlcs2q", "3n2xfa5mlct2q", "3n2xfa5mlcu2q"], [], []
    for key in keys:
        value = post(f"part {key} \U0001f9f5")
        if references:
            value["reply"] = {"root": references[0], "parent": references[-1]}
        references.append({"uri": f"at://{alice.did}/{POST}/{key}", "cid": cid_of_record(value)})
        writes.append(creation(key, value))
    results = alice.call("repo.applyWrites", {"repo": alice.did, "writes": writes}).json()["results"]
    assert [{"uri": each["uri"], "cid": each["cid"]} for each in results] == references
    assert sandbox.complaints() == []


def test_apply_writes_updates_and_deletes(alice: Client):
    alice.create(KEY)
    change = {"$type": "com.atproto.repo.applyWrites#update", "collection": POST, "rkey": KEY, "value": post("new")}
    removal = {"$type": "com.atproto.repo.applyWrites#delete", "collection": POST, "rkey": KEY}
    answer = alice.call("repo.applyWrites", {"repo": alice.did, "writes": [change]}).json()
    assert answer["results"][0]["$type"].endswith("#updateResult")
    assert alice.record().json()["value"]["text"] == "new"
    answer = alice.call("repo.applyWrites", {"repo": alice.did, "writes": [removal]}).json()
    assert answer["results"] == [{"$type": "com.atproto.repo.applyWrites#deleteResult"}]
    assert alice.call("repo.applyWrites", {"repo": alice.did, "writes": [removal]}).status_code == 500
    assert alice.record().json()["error"] == "RecordNotFound"


def test_validation_can_be_switched_off(alice: Client):
    answer = alice.create(KEY, post("a" * 301), validate=False)
    assert answer.status_code == 200
    assert "validationStatus" not in answer.json()


def test_lists_records_page_by_page(alice: Client):
    keys = [tid(datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2, 3)]
    for key in keys:
        alice.create(key)
    where = {"repo": "alice.test", "collection": POST, "limit": "2"}
    first = alice.get("repo.listRecords", **where).json()
    rest = alice.get("repo.listRecords", **where, cursor=first["cursor"]).json()
    shown = [each["uri"].rpartition("/")[2] for each in [*first["records"], *rest["records"]]]
    assert shown == keys[::-1]
    oldest = alice.get("repo.listRecords", **where, reverse="true").json()["records"]
    assert [each["uri"].rpartition("/")[2] for each in oldest] == keys[:2]
    assert alice.get("repo.describeRepo", repo=alice.did).json()["collections"] == [POST]


def test_a_blob_comes_back_and_one_too_big_does_not_go_in(alice: Client):
    cid = alice.upload(PNG, "text/plain").json()["blob"]["ref"]["$link"]
    answer = alice.get("sync.getBlob", did=alice.did, cid=cid)
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    assert alice.upload(PNG.ljust(5_242_881, b"\0")).json()["error"] == "PayloadTooLarge"


def test_who_an_account_is(alice: Client, sandbox: Sandbox):
    assert alice.get("identity.resolveHandle", handle="alice.test").json() == {"did": alice.did}
    assert alice.get("identity.resolveHandle", handle="nobody.test").json()["error"] == "HandleNotFound"
    document = alice.http.get(f"{sandbox.url}/{alice.did}").json()
    assert (document["id"], document["alsoKnownAs"]) == (alice.did, ["at://alice.test"])
    proof = alice.http.get(f"{sandbox.url}/.well-known/atproto-did", headers={"Host": "alice.test"})
    assert proof.text == alice.did
    described = alice.get("server.describeServer").json()
    assert alice.http.get(f"{sandbox.url}/.well-known/did.json").json()["id"] == described["did"]
    assert alice.http.get("_health").json() == {"version": "0.5.35"}


@pytest.mark.parametrize(
    ("verb", "path", "content", "status", "error"),
    [
        ("GET", "com.atproto.repo.createRecord", None, 400, "InvalidRequest"),
        ("POST", "com.atproto.server.createSession", b"{not json", 400, "SyntaxError"),
        ("POST", "com.atproto.server.createSession", b"NaN", 400, "SyntaxError"),
        ("POST", "com.atproto.server.createSession", b"[" * 100_000, 400, "SyntaxError"),
        ("POST", "com.atproto.server.createSession", b"{}", 400, "InvalidRequest"),
        ("GET", "com.atproto.repo.getRecord?repo=nobody.test&collection=a.b.c&rkey=x", None, 502, "UpstreamFailure"),
        ("GET", "com.atproto.nothing", None, 501, "MethodNotImplemented"),
    ],
)
def test_what_no_client_should_ask(alice: Client, verb: str, path: str, content: bytes, status: int, error: str):
    answer = alice.http.request(verb, path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_half_a_character_is_replaced(alice: Client):
    value = json.dumps({"repo": alice.did, "collection": POST, "rkey": KEY, "record": post("a\ud800b")})
    headers = {"Authorization": f"Bearer {alice.access}", "Content-Type": "application/json"}
    assert alice.http.post("com.atproto.repo.createRecord", content=value, headers=headers).status_code == 200
    assert alice.record().json()["value"]["text"] == "a\ufffdb"


def test_limits_can_be_left_uncounted(tmp_path: Path):
    with running(tmp_path, rate_limits=False) as sandbox, client_of(sandbox.url) as client:
        answers = [client.sign_in("nobody.test") for _ in range(40)]
    assert {answer.status_code for answer in answers} == {401}
    assert "ratelimit-limit" not in answers[0].headers


def test_tokens_and_grace_end(tmp_path: Path):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    state = State(tmp_path)
    account = sessions.open_account(state, "alice.test", "", None)
    sessions.admit(state, account, APP_PASSWORD, now=now)

    def call(at: datetime, token: str = "", **body: str) -> Call:
        held = tokens.read(state.secret, token) if token else None
        return Call("", "http://x", at, {}, body, b"", "", held)

    session = sessions.create_session(state, call(now, identifier="alice.test", password=APP_PASSWORD))
    header = f"Bearer {session['accessJwt']}"
    almost, over = now + timedelta(minutes=119), now + timedelta(minutes=120)
    assert tokens.verified(state.secret, header, tokens.ACCESS_SCOPES, now=almost).did == account.did
    with pytest.raises(Refusal, match="400 ExpiredToken: Token has expired"):
        tokens.verified(state.secret, header, tokens.ACCESS_SCOPES, now=over)
    sessions.refresh_session(state, call(now, session["refreshJwt"]))
    sessions.refresh_session(state, call(almost, session["refreshJwt"]))
    with pytest.raises(Refusal, match="Token has been revoked"):
        sessions.refresh_session(state, call(over, session["refreshJwt"]))
    state.close()


# What goes wrong on demand.

WRITE = "com.atproto.repo.createRecord"


@pytest.mark.parametrize(("kind", "posted"), [("drop", 0), ("lose_reply", 1)])
def test_the_line_is_cut(alice: Client, sandbox: Sandbox, kind: str, posted: int):
    sandbox.fault(kind, method=WRITE, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        alice.create()
    assert len(sandbox.posts()) == posted
    assert alice.create().status_code == (500 if posted else 200)


def test_late_work_is_done_after_the_line_is_cut(alice: Client, sandbox: Sandbox):
    sandbox.fault("late", method=WRITE, times=1, seconds=0.3)
    with pytest.raises(httpx.RemoteProtocolError):
        alice.create()
    assert sandbox.posts() == []
    time.sleep(0.5)
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize(
    ("kind", "status", "error", "posted"),
    [
        ("error_before", 500, "InternalServerError", 0),
        ("error_after", 500, "InternalServerError", 1),
        ("rate_limit", 429, "RateLimitExceeded", 0),
        ("expired_token", 400, "ExpiredToken", 0),
        ("takedown", 401, "AccountTakedown", 0),
        ("deactivated", 401, "AccountDeactivated", 0),
    ],
)
def test_the_platform_says_no(alice: Client, sandbox: Sandbox, kind: str, status: int, error: str, posted: int):
    sandbox.fault(kind, account="alice.test", method=WRITE)
    answer = alice.create()
    assert (answer.status_code, answer.json()["error"], len(sandbox.posts())) == (status, error, posted)


def test_a_delay(alice: Client, sandbox: Sandbox):
    sandbox.fault("delay", method=WRITE, seconds=0.3)
    before = time.monotonic()
    assert alice.create().status_code == 200
    assert time.monotonic() - before >= 0.3


def test_a_rate_limit_holds_until_it_said(alice: Client, sandbox: Sandbox):
    sandbox.fault("rate_limit", method=WRITE, times=1, seconds=1, limit=5000, window=3600)
    answers = [alice.create(), alice.create()]
    assert [answer.status_code for answer in answers] == [429, 429]
    assert answers[0].headers["retry-after"] == "1"
    assert answers[0].headers["ratelimit-policy"] == "5000;w=3600"
    assert alice.record().status_code == 400  # reads go on
    time.sleep(1.05)
    assert alice.create().status_code == 200


def test_a_rate_limit_cleared_away_holds_nobody(alice: Client, sandbox: Sandbox):
    sandbox.fault("rate_limit", method=WRITE, seconds=60)
    assert alice.create().status_code == 429
    sandbox.clear_faults()
    assert alice.create().status_code == 200


def test_a_revoked_password(alice: Client, sandbox: Sandbox):
    sandbox.fault("revoked_password", account=alice.did)
    assert alice.create().status_code == 200  # the access token works on
    assert alice.call("server.refreshSession", token=alice.refresh).json()["error"] == "ExpiredToken"
    assert alice.sign_in().json()["error"] == "AuthenticationRequired"


def test_signing_in_to_a_lost_account(alice: Client, sandbox: Sandbox):
    sandbox.fault("takedown", times=1)
    assert alice.sign_in().json()["error"] == "AuthenticationRequired"
    sandbox.fault("deactivated", times=1)
    session = alice.sign_in().json()
    assert (session["active"], session["status"]) == (False, "deactivated")


def test_a_proxy_answers_instead(alice: Client, sandbox: Sandbox):
    sandbox.fault("html", method=WRITE)
    answer = alice.create()
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert sandbox.posts() == []


def test_answers_that_are_none(alice: Client, sandbox: Sandbox):
    sandbox.fault("garbage", method=WRITE, times=1)
    answer = alice.create("3n2xfa5mlcs2q")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Unterminated"):
        answer.json()
    sandbox.fault("huge", method=WRITE, times=1, bytes=3_000_000)
    assert len(alice.create("3n2xfa5mlct2q").content) == 3_000_000
    assert len(sandbox.posts()) == 2


def test_an_answer_without_an_end_does_not_stop_the_server(alice: Client, sandbox: Sandbox):
    sandbox.fault("huge", method="com.atproto.server.describeServer", times=1)
    read = 0
    with alice.http.stream("GET", "com.atproto.server.describeServer") as answer:
        for chunk in answer.iter_raw():
            read += len(chunk)
            if read > 5_000_000:
                break
    assert alice.get("server.describeServer").status_code == 200


def test_a_fault_concerns_whom_it_says(alice: Client, sandbox: Sandbox):
    sandbox.account("bob.test")
    with client_of(sandbox.url) as bob:
        bob.sign_in("bob.test")
        sandbox.fault("error_before", account="bob.test", times=1)
        assert alice.create().status_code == 200
        assert bob.create().status_code == 500
        assert bob.create().status_code == 200
    assert [each["fired"] for each in sandbox.faults()] == [1]


def test_a_fault_may_be_a_matter_of_luck(alice: Client, sandbox: Sandbox):
    sandbox.fault("error_before", share=0.5)
    assert {alice.get("server.describeServer").status_code for _ in range(60)} == {200, 500}


def test_one_fault_is_cleared_by_its_number(alice: Client, sandbox: Sandbox):
    first, second = sandbox.fault("html"), sandbox.fault("drop")
    alice.http.delete(f"{sandbox.url}/control/faults", params={"id": first})
    assert [each["id"] for each in sandbox.faults()] == [second]


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "nonsense"},
        {"kind": "drop", "seconds": 1},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "share": 2},
        {"kind": "drop", "account": 7},
        {"kind": "delay", "seconds": "long"},
        {"kind": "drop", "platform": "nowhere"},
        [],
    ],
)
def test_a_fault_without_effect_is_refused(sandbox: Sandbox, wish: Any):
    answer = httpx.post(f"{sandbox.url}/control/faults", json=wish, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert sandbox.faults() == []


# Gates, quotes, and what is vouched for elsewhere.


@pytest.mark.parametrize(
    ("collection", "key", "about", "complaint"),
    [
        ("app.bsky.feed.threadgate", KEY, KEY, None),
        ("app.bsky.feed.postgate", KEY, KEY, None),
        ("app.bsky.feed.threadgate", SECOND_KEY, KEY, "not for the post of its own key"),
        ("app.bsky.feed.threadgate", SECOND_KEY, SECOND_KEY, "a post that is not there"),
    ],
)
def test_a_gate_that_has_no_effect_is_complained_of(
    alice: Client, sandbox: Sandbox, collection: str, key: str, about: str, complaint: str | None
):
    alice.create(KEY, post("hello"))
    gate = {"$type": collection, "post": f"at://{alice.did}/{POST}/{about}", "createdAt": "2026-01-01T00:00:00Z"}

    assert (
        alice.call("repo.applyWrites", {"repo": alice.did, "writes": [creation(key, gate, collection)]}).status_code
        == 200
    )

    complaints = [each["about"] for each in sandbox.complaints()]
    assert len(complaints) == (complaint is not None)
    assert complaint is None or complaint in complaints[0]


def test_a_quote_of_nothing_is_complained_of(alice: Client, sandbox: Sandbox):
    lost = {"uri": f"at://{alice.did}/{POST}/{SECOND_KEY}", "cid": OBSERVED["createRecord #1"]["body"]["cid"]}

    alice.create(KEY, post("hello", embed={"$type": "app.bsky.embed.record", "record": lost}))

    assert "what it quotes" in sandbox.complaints()[0]["about"]


def test_vouches_for_an_account_for_one_method_and_for_a_while(alice: Client):
    now, lxm = int(time.time()), "com.atproto.repo.uploadBlob"
    alice.http.headers["Authorization"] = f"Bearer {alice.access}"

    def ask(**asked: str) -> httpx.Response:
        return alice.get("server.getServiceAuth", aud="did:web:localhost", **asked)

    for seconds, method in ((-1, {"lxm": lxm}), (7200, {"lxm": lxm}), (600, {})):
        assert ask(exp=str(now + seconds), **method).json()["error"] == "BadExpiration"
    vouched = ask(lxm=lxm, exp=str(now + 600))

    found = claims(vouched.json()["token"])
    assert (found["iss"], found["aud"], found["lxm"], found["exp"]) == (alice.did, "did:web:localhost", lxm, now + 600)


# What it remembers.


def test_everything_is_there_after_a_restart(tmp_path: Path):
    with running(tmp_path) as sandbox, client_of(sandbox.url) as client:
        did = sandbox.account("alice.test")
        client.sign_in()
        blob = client.upload(PNG).json()["blob"]
        cid = client.create(KEY, pictured(blob), typo=1).json()["cid"]
        before, complaints = sandbox.posts(), sandbox.complaints()
        access = client.access
    with running(tmp_path) as sandbox, client_of(sandbox.url) as client:
        client.did, client.access = did, access
        assert sandbox.account("alice.test") == did
        assert [{**each, "url": ""} for each in sandbox.posts()] == [{**each, "url": ""} for each in before]
        assert sandbox.complaints() == complaints != []
        assert client.record().json()["cid"] == cid
        assert client.create().status_code == 500
        assert client.get("sync.getBlob", did=did, cid=blob["ref"]["$link"]).content == PNG


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path):
    acknowledged: list[str] = []
    with child(tmp_path) as (process, url), client_of(url) as client:
        account = {"handle": "alice.test", "password": APP_PASSWORD}
        client.http.post(f"{url}/control/bluesky/accounts", json=account)
        client.sign_in()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: (time.sleep(0.4), os.kill(process.pid, signal.SIGKILL)))
            with suppress(httpx.TransportError):
                for number in range(100_000):
                    key = tid(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number))
                    if client.create(key).status_code == 200:
                        acknowledged.append(key)
        process.wait()
    with running(tmp_path) as sandbox:
        there = [each["rkey"] for each in sandbox.posts()]
    assert len(acknowledged) > 10
    assert there[: len(acknowledged)] == acknowledged
    assert len(there) <= len(acknowledged) + 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_told(tmp_path: Path, number: signal.Signals):
    with child(tmp_path) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=5) in {0, -number}


def test_a_torn_last_line_is_forgotten_and_a_damaged_one_is_not(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":2')
    journal = Journal(path)
    journal.append({"a": 3})
    assert list(journal.replay()) == [{"a": 1}, {"a": 3}]
    path.write_bytes(b'{"a":1}\nnonsense\n')
    with pytest.raises(Damaged, match="line 2"):
        list(journal.replay())
    journal.close()


def test_fifty_writers_at_once(tmp_path: Path):
    with running(tmp_path, rate_limits=False) as sandbox:

        def write(number: int) -> list[int]:
            handle = f"writer{number}.test"
            sandbox.account(handle)
            with client_of(sandbox.url) as client:
                client.sign_in(handle)
                keys = [tid(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=each)) for each in (1, 1, 2)]
                return [client.create(key).status_code for key in keys]

        with ThreadPoolExecutor(50) as pool:
            assert list(pool.map(write, range(50))) == [[200, 500, 200]] * 50
        assert len(sandbox.posts()) == 100


@contextmanager
def child(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "import sys, pathlib; from socialcore.sandbox.server import serve; "
    program += "serve(pathlib.Path(sys.argv[1]), int(sys.argv[2]), rate_limits=False)"
    process = subprocess.Popen([sys.executable, "-c", program, str(folder), str(port)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            with suppress(httpx.TransportError):
                httpx.get(f"{url}/xrpc/_health", trust_env=False)
                break
            time.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        process.wait()


# The controls.


def test_the_same_handle_is_the_same_account(sandbox: Sandbox):
    did = sandbox.account("alice.test")
    assert sandbox.account("Alice.Test", "eeee-ffff-gggg-hhhh") == did
    with client_of(sandbox.url) as client:
        assert client.sign_in().status_code == client.sign_in(password="eeee-ffff-gggg-hhhh").status_code == 200
    sandbox.reset()
    assert sandbox.account("alice.test") == did


def test_a_wiped_server_knows_no_token(alice: Client, sandbox: Sandbox):
    alice.create()
    sandbox.reset()
    sandbox.account("alice.test")
    assert sandbox.posts() == []
    assert alice.create().json()["error"] == "InvalidToken"
    assert alice.sign_in().status_code == 200


def test_lists_what_was_posted(alice: Client, sandbox: Sandbox):
    cid = alice.create().json()["cid"]
    (shown,) = sandbox.posts()
    datetime.fromisoformat(shown.pop("at"))
    assert shown == {
        "did": alice.did,
        "handle": "alice.test",
        "rkey": KEY,
        "cid": cid,
        "record": post(),
        "url": f"{sandbox.url}/profile/{alice.did}/post/{KEY}",
    }


COMPLAINTS: dict[str, Callable[[Client], httpx.Response]] = {
    "facet 0-99 is not within the text of 5 bytes": lambda client: client.create(
        KEY, post(facets=facet(0, 99, uri="https://a.com"))
    ),
    "facet 0-1 cuts a character in two": lambda client: client.create(
        KEY, post("é", facets=facet(0, 1, uri="https://a.com"))
    ),
    "facets 0-3 and 2-5 overlap": lambda client: client.create(
        KEY, post(facets=facet(0, 3, uri="https://a.com") + facet(2, 5, uri="https://b.com"))
    ),
    "unknown field $.record.color": lambda client: client.create(KEY, post(color="red")),
    "unknown field $.swap_record": lambda client: client.create(KEY, swap_record=None),
    'unknown $type "app.bsky.embed.image" at $.record.embed': lambda client: client.create(
        KEY, post(embed={"$type": "app.bsky.embed.image"})
    ),
    "is not there": lambda client: client.create(KEY, post(reply=reply_to(f"at://{client.did}/{POST}/{KEY}"))),
    "is 70 bytes of image/png, not what the record says": lambda client: client.create(
        KEY, pictured({**client.upload(PNG).json()["blob"], "size": 7})
    ),
}


@pytest.mark.parametrize("about", COMPLAINTS)
def test_complains_of_what_the_platform_lets_pass(alice: Client, sandbox: Sandbox, about: str):
    assert COMPLAINTS[about](alice).status_code == 200
    first = sandbox.complaints()[0]
    assert about in first["about"]
    assert (first["platform"], first["method"], first["account"]) == ("bluesky", WRITE, alice.did)


def test_complains_of_other_content_at_the_same_key_only(alice: Client, sandbox: Sandbox):
    alice.create()
    alice.create()
    assert sandbox.complaints() == []
    alice.create(KEY, post("other"))
    assert [each["about"] for each in sandbox.complaints()] == [f"created {POST}/{KEY} again with other content"]
    assert httpx.delete(f"{sandbox.url}/control/complaints", trust_env=False).json() == {"cleared": 1}
    assert sandbox.complaints() == []


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}])
def test_no_web_site_works_the_controls(sandbox: Sandbox, headers: dict[str, str]):
    assert httpx.post(f"{sandbox.url}/control/reset", headers=headers, trust_env=False).status_code == 403


def test_its_own_page_may(sandbox: Sandbox):
    own = {"Origin": sandbox.url}
    assert httpx.get(f"{sandbox.url}/control/complaints", headers=own, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    "wish", [{}, {"handle": "alice"}, {"handle": "no handle", "password": "x"}, {"handle": "a.test", "password": ""}]
)
def test_an_account_needs_a_handle_and_a_password(sandbox: Sandbox, wish: dict[str, str]):
    answer = httpx.post(f"{sandbox.url}/control/bluesky/accounts", json=wish, trust_env=False)
    assert answer.status_code == 400


# The page.


def page(sandbox: Sandbox, path: str = "/", **headers: str) -> httpx.Response:
    return httpx.get(f"{sandbox.url}{path}", headers=headers, trust_env=False)


def test_the_page_shows_posts_newest_first_and_escaped(alice: Client, sandbox: Sandbox):
    alice.create("3n2xfa5mlcs2q", post("older"))
    alice.create(KEY, post("<script>alert('x')</script> & \"more\""))
    shown = page(sandbox)
    assert "<script" not in shown.text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;more&quot;" in shown.text
    assert shown.text.index("&lt;script") < shown.text.index("older")
    assert "sandbox" in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]


def test_the_page_draws_what_can_be_clicked(alice: Client, sandbox: Sandbox):
    text = "ü link @alice.test evil"
    facets = [
        *facet(3, 7, uri='https://a.com/?a="b"'),
        *facet(8, 19, did=alice.did),
        *facet(20, 24, uri="javascript:alert(1)"),
        *facet(2, 99, uri="https://too.far"),
    ]
    alice.create(KEY, post(text, facets=facets))
    shown = page(sandbox).text
    assert '<a href="https://a.com/?a=&quot;b&quot;" rel="noopener noreferrer nofollow">link</a>' in shown
    assert f'<a href="/profile/{alice.did}" rel="noopener noreferrer nofollow">@alice.test</a>' in shown
    assert "javascript:" not in shown
    assert "too.far" not in shown


def test_a_post_has_a_page_and_a_browser_is_led_there(alice: Client, sandbox: Sandbox):
    alice.create(KEY, pictured(alice.upload(PNG).json()["blob"]))
    path = f"/xrpc/com.atproto.repo.getRecord?repo={alice.did}&collection={POST}&rkey={KEY}"
    led = page(sandbox, path, accept="text/html,application/xhtml+xml")
    assert (led.status_code, led.headers["location"]) == (303, f"/profile/{alice.did}/post/{KEY}")
    shown = page(sandbox, led.headers["location"])
    assert shown.status_code == 200
    assert 'alt="x"' in shown.text
    assert page(sandbox, f"/profile/alice.test/post/{KEY}").text == shown.text
    assert "hello" in page(sandbox, "/profile/alice.test").text
    assert page(sandbox, path).json()["value"]["text"] == "hello"
    assert page(sandbox, f"/profile/alice.test/post/{KEY}x").status_code == 404
    assert page(sandbox, "/profile/<b>").text.count("<b>") == 0
    assert page(sandbox, "/profile/nobody.test").status_code == 404
