"""X's double, over real HTTP: it answers as X is documented and was seen to, fails on demand, and forgets nothing."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from socialcore.sandbox.oauth import Choice, Invalid, SignIns, Wanted
from socialcore.sandbox.twitter import links
from tests.sandbox import Sandbox, running

SAMPLES = json.loads((Path(__file__).parents[1] / "data" / "x-errors.json").read_text("utf-8"))["samples"]
CALLBACK = "http://localhost:8501/oauth/callback"
VERIFIER = "v" * 43
SCOPES = "tweet.read tweet.write users.read media.write offline.access"
APP = ("social-composer", "sandbox-secret")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Client:
    """Somebody who talks to X as our adapter does, without being it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(base_url=f"{sandbox.url}/twitter", timeout=10, trust_env=False)
        self.user_id = ""
        self.access = ""
        self.refresh_token = ""

    def asked(self, **changed: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": APP[0],
            "redirect_uri": CALLBACK,
            "scope": SCOPES,
            "state": "as-we-said",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        whole = {name: value for name, value in {**query, **changed}.items() if value}
        return f"{self.sandbox.url}/twitter/i/oauth2/authorize?{urlencode(whole)}"

    def code(self, username: str = "harborbakery", **wishes: Any) -> str:
        return self.sandbox.consent("twitter", self.asked(), username, **wishes)["code"]

    def token(self, *, auth: tuple[str, str] | None = APP, **form: str) -> httpx.Response:
        return self.http.post("/2/oauth2/token", data=form, auth=auth)

    def exchange(self, code: str, /, **changed: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token(**{**form, **changed})

    def refresh(self, token: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)

    def sign_in(self, username: str = "harborbakery", **wishes: Any) -> None:
        self.user_id = self.sandbox.open_account("twitter", username=username)["id"]
        pair = self.exchange(self.code(username, **wishes)).json()
        self.access, self.refresh_token = pair["access_token"], pair.get("refresh_token", "")

    def call(self, verb: str, path: str, **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        return self.http.request(verb, path, headers=headers, **content)

    def post(self, text: str = "Fresh bread", **rest: Any) -> httpx.Response:
        return self.call("POST", "/2/tweets", json={"text": text, **rest})

    def posted(self, text: str, **rest: Any) -> str:
        answer = self.post(text, **rest)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    def read(self, post_id: str, **query: str) -> Any:
        return self.call("GET", f"/2/tweets/{post_id}", params=query).json()

    def timeline(self, **query: str) -> Any:
        return self.call("GET", f"/2/users/{self.user_id}/tweets", params=query).json()

    def upload(self, content: bytes = PNG, category: str = "tweet_image") -> httpx.Response:
        files = {"media": ("media", content, "image/png")}
        return self.call("POST", "/2/media/upload", data={"media_category": category}, files=files)


@contextmanager
def client_of(sandbox: Sandbox) -> Iterator[Client]:
    client = Client(sandbox)
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
def bakery(sandbox: Sandbox) -> Iterator[Client]:
    with client_of(sandbox) as client:
        client.sign_in()
        yield client


def complaints(sandbox: Sandbox) -> list[str]:
    return [each["about"] for each in sandbox.complaints()]


# Signing in.


def test_a_person_allows_on_the_page(sandbox: Sandbox):
    sandbox.open_account("twitter", username="harborbakery")
    sandbox.open_account("twitter", username="hillsidecafe")
    with client_of(sandbox) as client:
        page = client.http.get(client.asked())
        assert page.status_code == 200
        form = LexborHTMLParser(page.text)
        assert "tweet.write" in page.text
        labels = [each.text().strip() for each in form.css("label")]
        assert labels == ["harborbakery", "hillsidecafe"]
        filled = {each.attributes["name"]: each.attributes["value"] for each in form.css("input[type=hidden]")}
        chosen = form.css("input[type=radio]")[1].attributes["value"]

        allowed = client.http.post(client.asked(), data={**filled, "account": chosen, "decision": "allow"})
        denied = client.http.post(client.asked(), data={**filled, "account": chosen, "decision": "deny"})

        assert allowed.status_code == denied.status_code == 303
        back = parse_qs(urlsplit(allowed.headers["location"]).query)
        assert allowed.headers["location"].startswith(f"{CALLBACK}?")
        assert back["state"] == ["as-we-said"]
        pair = client.exchange(back["code"][0])
        client.access = pair.json()["access_token"]
        assert client.call("GET", "/2/users/me").json()["data"]["username"] == "hillsidecafe"
        assert parse_qs(urlsplit(denied.headers["location"]).query) == {
            "error": ["access_denied"],
            "state": ["as-we-said"],
        }


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "somebody-else"},
        {"redirect_uri": "http://example.com/callback"},
        {"redirect_uri": "http://localhost.example.com/callback"},
        {"redirect_uri": "https://example.com/#fragment"},
        {"redirect_uri": ""},
        {"response_type": "token"},
        {"response_type": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"scope": "tweet.read everything"},
        {"scope": ""},
        {"state": "x" * 501},
        {"state": ""},
    ],
    ids=str,
)
def test_asks_nobody_for_what_is_not_right(bakery: Client, changed: dict[str, str]):
    assert bakery.http.get(bakery.asked(**changed)).status_code == 400


def test_a_pair_lives_as_long_as_at_x(bakery: Client):
    pair = bakery.exchange(bakery.code()).json()

    assert {name: pair[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "bearer",
        "expires_in": 7200,
        "scope": SCOPES,
    }


def test_there_is_nothing_to_refresh_with_unless_it_was_asked_for(bakery: Client):
    pair = bakery.exchange(bakery.code(withhold=["offline.access"])).json()

    assert "refresh_token" not in pair
    assert "offline.access" not in pair["scope"]


@pytest.mark.parametrize(
    "changed", [{"code": "x"}, {"redirect_uri": f"{CALLBACK}/"}, {"code_verifier": "w" * 43}, {"code_verifier": ""}]
)
def test_a_code_is_for_whom_it_was_made(bakery: Client, changed: dict[str, str]):
    answer = bakery.exchange(bakery.code(), **changed)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_code_is_good_once(bakery: Client):
    code = bakery.code()

    assert [bakery.exchange(code).status_code for _ in range(2)] == [200, 400]


def test_a_code_lives_thirty_seconds_and_a_token_two_hours(tmp_path: Path):
    start = datetime(2026, 3, 1, tzinfo=UTC)
    asked = Wanted(CALLBACK, ("tweet.read",), "", None)
    sign_ins = SignIns(tmp_path / "sign_ins.jsonl")
    codes = [sign_ins.begin(asked, Choice("77"), timedelta(seconds=30), now=start) for _ in range(2)]

    sign_in = sign_ins.redeem(codes[0], CALLBACK, None, now=start + timedelta(seconds=29))
    with pytest.raises(Invalid):
        sign_ins.redeem(codes[1], CALLBACK, None, now=start + timedelta(seconds=30))

    access = sign_ins.issue(sign_in, "access", timedelta(hours=2), now=start)
    token = sign_ins.token(access, "access")
    assert token is not None
    assert not token.has_expired(start + timedelta(minutes=119))
    assert token.has_expired(start + timedelta(hours=2))
    assert sign_ins.token(access, "refresh") is None
    assert access not in (tmp_path / "sign_ins.jsonl").read_text("utf-8")
    sign_ins.end(sign_in)
    assert sign_ins.token(access, "access") is None
    sign_ins.close()


def test_a_refresh_token_is_good_once(bakery: Client):
    first = bakery.refresh(bakery.refresh_token)
    again = bakery.refresh(bakery.refresh_token)

    assert first.status_code == 200
    assert (again.status_code, again.json()) == (400, SAMPLES[7]["body"])
    assert bakery.refresh(first.json()["refresh_token"]).status_code == 200


def test_the_app_has_to_name_itself(bakery: Client, sandbox: Sandbox):
    answers = [
        bakery.token(auth=auth, grant_type="refresh_token", refresh_token=bakery.refresh_token)
        for auth in (None, (APP[0], "wrong"))
    ]

    assert [(each.status_code, each.json()["error"]) for each in answers] == [
        (401, "unauthorized_client"),
        (401, "invalid_client"),
    ]
    assert answers[0].json() == SAMPLES[8]["body"]
    assert len(complaints(sandbox)) == 2
    assert bakery.refresh(bakery.refresh_token).status_code == 200


def test_a_token_that_was_given_back_opens_nothing(bakery: Client):
    for token in (bakery.access, bakery.refresh_token, bakery.refresh_token):
        answer = bakery.http.post("/2/oauth2/revoke", data={"token": token}, auth=APP)
        assert (answer.status_code, answer.json()) == (200, {"revoked": True})

    refused = bakery.call("GET", "/2/users/me")
    assert (refused.status_code, refused.json()) == (401, SAMPLES[5]["body"])
    assert bakery.refresh(bakery.refresh_token).status_code == 400


def test_a_permission_that_was_not_given_is_missed(sandbox: Sandbox):
    with client_of(sandbox) as client:
        client.sign_in(withhold=["media.write"])

        assert client.post().status_code == 201
        assert client.upload().status_code == 403


def test_consent_by_control_insists_on_making_sense(bakery: Client, sandbox: Sandbox):
    for wishes in (
        {"url": bakery.asked(), "account": "nobody"},
        {"url": bakery.asked(client_id="x"), "account": "harborbakery"},
        {"account": "harborbakery"},
    ):
        assert httpx.post(f"{sandbox.url}/control/twitter/consent", json=wishes).status_code == 400
    assert httpx.post(f"{sandbox.url}/control/bluesky/consent", json={"url": "x", "account": "y"}).status_code == 400


# Posting.


def test_posts_and_shows_it(bakery: Client):
    answer = bakery.post("Fresh bread from seven. 🥐")

    assert answer.status_code == 201
    made = answer.json()["data"]
    assert made["text"] == "Fresh bread from seven. 🥐"
    shown = bakery.read(made["id"], **{"tweet.fields": "created_at,author_id,reply_settings"})["data"]
    assert shown["author_id"] == bakery.user_id
    assert shown["reply_settings"] == "everyone"
    assert shown["edit_history_tweet_ids"] == [made["id"]]
    assert datetime.now(UTC) - datetime.fromisoformat(shown["created_at"]) < timedelta(minutes=1)
    assert bakery.read(made["id"])["data"].keys() == {"id", "text", "edit_history_tweet_ids"}


def test_a_later_post_has_a_higher_id(bakery: Client):
    ids = [int(bakery.posted(f"Loaf {number}")) for number in range(5)]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": " "},
        {"text": "x" * 281},
        {"text": "🥐" * 141},
        {"text": "x" * 25_001},
        {"text": 5},
        {"text": "x", "unknown": True},
        {"text": "x", "reply": {"in_reply_to_tweet_id": "x"}},
        {"text": "x", "reply": {}},
        {"text": "x", "reply_settings": "everyone"},
        {"text": "x", "media": {"media_ids": []}},
        {"text": "x", "media": {"media_ids": ["1"]}},
        {"text": "x", "media": {"media_ids": ["1", "2", "3", "4", "5"]}},
        {"text": "x", "poll": {"options": ["a"], "duration_minutes": 5}},
        {"text": "x", "poll": {"options": ["a", "b"], "duration_minutes": 4}},
        {"text": "x", "made_with_ai": "yes"},
        [],
    ],
    ids=lambda body: json.dumps(body)[:50],
)
def test_refuses_what_the_description_does_not_allow_and_complains(bakery: Client, sandbox: Sandbox, body: Any):
    answer = bakery.call("POST", "/2/tweets", json=body)

    assert answer.status_code == 400
    assert answer.json()["type"] == "https://api.x.com/2/problems/invalid-request"
    assert len(complaints(sandbox)) == 1
    assert sandbox.posts("twitter") == []


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("x" * 280, 280),
        ("🥐" * 140, 280),
        ("👨‍👩‍👧‍👦", 2),
        ("e\N{COMBINING ACUTE ACCENT}", 1),
        ("パン", 4),
        ("https://example.com/" + "x" * 300, 23),
        ("Order: example.com!", 31),
        ("“quoted” – dash", 15),
    ],
)
def test_weighs_texts_about_as_x_does(text: str, weight: int):
    assert links.weight(text) == weight


def test_links_come_back_short_and_text_escaped(bakery: Client):
    name = bakery.posted("Bread & rolls <now>: https://example.com/?a=1&b=2, or example.org.")

    shown = bakery.read(name, **{"tweet.fields": "entities"})["data"]

    first, second = shown["entities"]["urls"]
    assert shown["text"] == f"Bread &amp; rolls &lt;now&gt;: {first['url']}, or {second['url']}."
    assert all(each["url"].startswith("https://t.co/") for each in (first, second))
    assert [each["expanded_url"] for each in (first, second)] == ["https://example.com/?a=1&b=2", "http://example.org"]
    assert shown["text"][first["start"] : first["end"]] == first["url"]


def test_the_same_words_twice_are_a_duplicate(bakery: Client, sandbox: Sandbox):
    name = bakery.posted("Fresh bread")

    again = bakery.post(" Fresh bread ")
    assert (again.status_code, again.json()) == (403, SAMPLES[0]["body"])
    assert len(sandbox.posts("twitter")) == 1

    bakery.call("DELETE", f"/2/tweets/{name}")
    assert bakery.post("Fresh bread").status_code == 201


def test_replies_to_itself_and_to_who_mentions_it_only(bakery: Client, sandbox: Sandbox):
    own = bakery.posted("Fresh bread")
    with client_of(sandbox) as cafe:
        cafe.sign_in("hillsidecafe")
        plain, mentioning = cafe.posted("Good coffee"), cafe.posted("Thank you @harborbakery")

    def reply(to: str) -> httpx.Response:
        return bakery.post(f"About {to}", reply={"in_reply_to_tweet_id": to})

    assert [reply(to).status_code for to in (own, mentioning, plain, "1")] == [201, 201, 403, 403]
    assert reply(plain).json() == SAMPLES[2]["body"]
    replied = bakery.timeline(**{"tweet.fields": "referenced_tweets"})["data"][0]
    assert replied["referenced_tweets"] == [{"type": "replied_to", "id": mentioning}]


def test_quotes_nobody(bakery: Client):
    assert bakery.post("Look", quote_tweet_id=bakery.posted("Fresh bread")).status_code == 403


def test_an_edit_is_a_version_of_its_own(bakery: Client):
    first = bakery.posted("Fresh bread")
    second = bakery.posted("Stale bread", edit_options={"previous_post_id": first})

    assert bakery.read(first)["data"]["text"] == "Fresh bread"
    assert bakery.read(first)["data"]["edit_history_tweet_ids"] == [first, second]
    assert [each["id"] for each in bakery.timeline()["data"]] == [second]


def test_what_is_not_there_is_a_successful_answer_with_an_error(bakery: Client):
    answer = bakery.call("GET", "/2/tweets/1")

    assert answer.status_code == 200
    assert answer.json()["errors"][0]["type"].endswith("/resource-not-found")
    assert "data" not in answer.json()


def test_deletes_its_own(bakery: Client, sandbox: Sandbox):
    name = bakery.posted("Fresh bread")
    with client_of(sandbox) as cafe:
        cafe.sign_in("hillsidecafe")
        assert cafe.call("DELETE", f"/2/tweets/{name}").status_code == 403

    assert bakery.call("DELETE", f"/2/tweets/{name}").json() == {"data": {"deleted": True}}
    assert "errors" in bakery.call("DELETE", f"/2/tweets/{name}").json()
    assert sandbox.posts("twitter") == []


def test_a_timeline_is_in_pages_and_can_begin_somewhere(bakery: Client):
    names = [bakery.posted(f"Loaf {number}") for number in range(7)]
    first = bakery.timeline(max_results="5")
    second = bakery.timeline(max_results="5", pagination_token=first["meta"]["next_token"])

    assert [each["id"] for each in (*first["data"], *second["data"])] == names[::-1]
    assert "next_token" not in second["meta"]
    soon = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert bakery.timeline(start_time=soon) == {"meta": {"result_count": 0}}
    assert len(bakery.timeline(end_time=soon)["data"]) == 7


@pytest.mark.parametrize(
    "query", [{"max_results": "4"}, {"max_results": "101"}, {"start_time": "2026-03-01"}, {"tweet.fields": "words"}]
)
def test_a_timeline_is_particular_about_what_it_is_asked(bakery: Client, query: dict[str, str]):
    bakery.posted("Fresh bread")

    assert bakery.call("GET", f"/2/users/{bakery.user_id}/tweets", params=query).status_code == 400


def test_an_unknown_question_is_complained_of(bakery: Client, sandbox: Sandbox):
    assert bakery.call("GET", "/2/tweets/1", params={"fields": "x"}).status_code == 400
    assert any("fields" in about for about in complaints(sandbox))


def test_there_is_nothing_else(bakery: Client):
    assert bakery.call("GET", "/2/tweets").status_code == 404
    assert bakery.call("PUT", "/2/tweets/1").status_code == 404


# Media.


def test_takes_a_picture_and_shows_it_with_its_description(bakery: Client, sandbox: Sandbox):
    told = bakery.upload().json()["data"]
    assert told["expires_after_secs"] == 86_400
    described = {"id": told["id"], "metadata": {"alt_text": {"text": "A loaf"}}}
    assert bakery.call("POST", "/2/media/metadata", json=described).status_code == 200

    name = bakery.posted("Fresh bread", media={"media_ids": [told["id"]]})

    asked = {
        "tweet.fields": "attachments,entities",
        "expansions": "attachments.media_keys",
        "media.fields": "alt_text",
    }
    shown = bakery.read(name, **asked)
    assert shown["data"]["attachments"] == {"media_keys": [f"3_{told['id']}"]}
    assert shown["includes"]["media"] == [{"media_key": f"3_{told['id']}", "type": "photo", "alt_text": "A loaf"}]
    (link,) = shown["data"]["entities"]["urls"]
    assert shown["data"]["text"] == f"Fresh bread {link['url']}"
    assert link["expanded_url"].endswith(f"/status/{name}/photo/1")
    assert bakery.http.get(f"/media/{told['id']}").content == PNG
    page = httpx.get(sandbox.url).text
    assert f'src="/twitter/media/{told["id"]}" alt="A loaf"' in page


@pytest.mark.parametrize(
    ("content", "category"),
    [(b"no picture", "tweet_image"), (PNG + b"\0" * 5_300_000, "tweet_image"), (PNG, "tweet_video"), (PNG, "portrait")],
    ids=["text", "large", "video", "unknown"],
)
def test_takes_no_such_picture(bakery: Client, content: bytes, category: str):
    assert bakery.upload(content, category).status_code == 400


def test_a_description_has_a_thousand_characters_at_most(bakery: Client):
    media_id = bakery.upload().json()["data"]["id"]

    def describe(text: str) -> int:
        body = {"id": media_id, "metadata": {"alt_text": {"text": text}}}
        return bakery.call("POST", "/2/media/metadata", json=body).status_code

    assert [describe("x" * 1000), describe("x" * 1001)] == [200, 400]


def test_media_are_for_whom_brought_them(bakery: Client, sandbox: Sandbox):
    media_id = bakery.upload().json()["data"]["id"]
    with client_of(sandbox) as cafe:
        cafe.sign_in("hillsidecafe")
        assert cafe.post("Mine", media={"media_ids": [media_id]}).status_code == 400


def begin_video(client: Client, size: int) -> str:
    about = {"media_type": "video/mp4", "total_bytes": size, "media_category": "tweet_video"}
    return client.call("POST", "/2/media/upload/initialize", json=about).json()["data"]["id"]


def append(client: Client, media_id: str, number: int, content: bytes) -> int:
    files = {"media": ("media", content, "application/octet-stream")}
    form = {"segment_index": str(number)}
    return client.call("POST", f"/2/media/upload/{media_id}/append", data=form, files=files).status_code


def test_takes_a_video_in_segments(bakery: Client):
    media_id = begin_video(bakery, 10)
    assert bakery.post("Too early", media={"media_ids": [media_id]}).status_code == 400
    assert [append(bakery, media_id, 1, b"world"), append(bakery, media_id, 0, b"hello")] == [200, 200]

    finalized = bakery.call("POST", f"/2/media/upload/{media_id}/finalize").json()["data"]
    assert finalized["processing_info"] == {"state": "pending", "check_after_secs": 1}
    assert bakery.post("Too early", media={"media_ids": [media_id]}).status_code == 400
    query = {"command": "STATUS", "media_id": media_id}
    status = bakery.call("GET", "/2/media/upload", params=query).json()["data"]

    assert status["processing_info"]["state"] == "succeeded"
    assert bakery.http.get(f"/media/{media_id}").content == b"helloworld"
    assert bakery.post("How we bake", media={"media_ids": [media_id]}).status_code == 201


def test_a_video_has_to_be_whole(bakery: Client):
    short, gap = begin_video(bakery, 10), begin_video(bakery, 5)
    append(bakery, short, 0, b"hello")
    append(bakery, gap, 1, b"hello")

    for media_id in (short, gap):
        assert bakery.call("POST", f"/2/media/upload/{media_id}/finalize").status_code == 400
    assert append(bakery, short, 1000, b"x") == 400


def test_one_video_or_four_pictures(bakery: Client):
    media_id = begin_video(bakery, 5)
    append(bakery, media_id, 0, b"hello")
    bakery.call("POST", f"/2/media/upload/{media_id}/finalize")
    bakery.call("GET", "/2/media/upload", params={"command": "STATUS", "media_id": media_id})
    pictures = [bakery.upload(PNG + bytes([number])).json()["data"]["id"] for number in range(4)]

    assert bakery.post("Both", media={"media_ids": [media_id, pictures[0]]}).status_code == 400
    assert bakery.post("Four", media={"media_ids": pictures}).status_code == 201


# Limits and money.


def test_a_hundred_posts_fit_into_a_quarter_of_an_hour(bakery: Client):
    answers = [bakery.post(f"Loaf {number}") for number in range(101)]

    assert [each.status_code for each in answers] == [201] * 100 + [429]
    assert answers[0].headers["x-rate-limit-limit"] == "100"
    assert [each.headers["x-rate-limit-remaining"] for each in (answers[0], *answers[98:])] == ["99", "1", "0", "0"]
    wait = int(answers[100].headers["x-rate-limit-reset"]) - datetime.now(UTC).timestamp()
    assert 800 < wait <= 901
    assert answers[100].json() == SAMPLES[3]["body"]
    assert answers[0].headers["x-app-limit-24hour-limit"] == "10000"
    assert bakery.call("GET", "/2/users/me").status_code == 200


def test_counts_what_it_costs_until_the_credit_is_spent(bakery: Client, sandbox: Sandbox):
    def spent() -> str:
        return sandbox.open_account("twitter", username="harborbakery")["spent"]

    first = bakery.posted("Fresh bread")
    assert spent() == "0.015"
    bakery.posted("Order at example.com")
    bakery.read(first)
    bakery.call("DELETE", f"/2/tweets/{first}")
    assert spent() == "0.230"
    sandbox.open_account("twitter", username="harborbakery", credit="0.020")
    bakery.posted("The last one")

    refused = bakery.post("One too many")
    assert (refused.status_code, refused.json()["title"]) == (402, "CreditsDepleted")
    assert bakery.call("GET", "/2/users/me").status_code == 200
    sandbox.open_account("twitter", username="harborbakery", credit=None)
    assert bakery.post("One too many").status_code == 201


@pytest.mark.parametrize("wishes", [{}, {"username": "harbor bakery"}, {"username": "x" * 16}, {"username": 5}])
def test_an_account_needs_a_name_of_xs(sandbox: Sandbox, wishes: dict[str, Any]):
    assert httpx.post(f"{sandbox.url}/control/twitter/accounts", json=wishes).status_code == 400


# Faults, and what is kept.


@pytest.mark.parametrize(
    ("kind", "call", "status", "words"),
    [
        ("credits_spent", lambda it: it.post(), 402, "CreditsDepleted"),
        ("duplicate", lambda it: it.post(), 403, "duplicate content"),
        ("expired_token", lambda it: it.post(), 401, "Unauthorized"),
        ("revoked", lambda it: it.post(), 401, "Unauthorized"),
        ("revoked", lambda it: it.refresh(it.refresh_token), 400, "token was invalid"),
        ("refresh_replayed", lambda it: it.refresh(it.refresh_token), 400, "token was invalid"),
        ("takedown", lambda it: it.call("GET", "/2/users/me"), 403, "suspended"),
        ("rate_limit", lambda it: it.post(), 429, "Too Many Requests"),
        ("error_before", lambda it: it.post(), 503, "Service Unavailable"),
        ("html", lambda it: it.post(), 502, "nginx"),
    ],
)
def test_goes_wrong_on_demand_and_for_whom_it_shall(
    bakery: Client, sandbox: Sandbox, kind: str, call: Callable[[Client], httpx.Response], status: int, words: str
):
    with client_of(sandbox) as cafe:
        cafe.sign_in("hillsidecafe")
        sandbox.fault(kind, platform="twitter", account="harborbakery")
        answer, other = call(bakery), call(cafe)

    assert answer.status_code == status
    assert words in answer.text
    assert other.is_success
    assert sandbox.clear_faults() == 1
    assert call(bakery).is_success


def test_a_fault_of_replies_leaves_other_posts_alone(bakery: Client, sandbox: Sandbox):
    name = bakery.posted("Fresh bread")
    sandbox.fault("reply_not_allowed", platform="twitter", times=1)

    assert bakery.post("Rolls").status_code == 201
    assert bakery.post("More", reply={"in_reply_to_tweet_id": name}).status_code == 403


def test_a_lost_reply_was_work_all_the_same(bakery: Client, sandbox: Sandbox):
    sandbox.fault("lose_reply", platform="twitter", method="POST /2/tweets", times=1)

    with pytest.raises(httpx.TransportError):
        bakery.post("Fresh bread")

    assert [each["text"] for each in sandbox.posts("twitter")] == ["Fresh bread"]


def test_remembers_everything_when_it_comes_back(tmp_path: Path):
    with running(tmp_path) as sandbox, client_of(sandbox) as client:
        client.sign_in()
        media_id = client.upload().json()["data"]["id"]
        first = client.posted("Fresh bread", media={"media_ids": [media_id]})
        client.posted("Fresher bread", edit_options={"previous_post_id": first})
        client.posted("Rolls: example.com")
        sandbox.open_account("twitter", username="harborbakery", credit="0.001")
        kept, access, refresh_token = sandbox.posts("twitter"), client.access, client.refresh_token

    with running(tmp_path) as sandbox, client_of(sandbox) as client:
        client.access = access
        assert [{**each, "url": ""} for each in sandbox.posts("twitter")] == [{**each, "url": ""} for each in kept]
        assert client.post("One more").status_code == 402
        assert client.http.get(f"/media/{media_id}").content == PNG
        assert client.refresh(refresh_token).status_code == 200
        assert client.refresh(refresh_token).status_code == 400
        sandbox.reset()
        assert sandbox.posts("twitter") == []
        assert client.call("GET", "/2/users/me").status_code == 401
        assert client.http.get(f"/media/{media_id}").status_code == 404


def test_a_link_to_a_post_leads_to_the_page(bakery: Client, sandbox: Sandbox):
    name = bakery.posted("Bread & <rolls> at https://example.com/ #bread")

    page = httpx.get(f"{sandbox.url}/twitter/i/status/{name}", follow_redirects=True)

    assert page.status_code == 200
    assert "Bread &amp; &lt;rolls&gt; at" in page.text
    assert '<a href="https://example.com/"' in page.text
    assert "<mark>#bread</mark>" in page.text
    assert httpx.get(f"{sandbox.url}/twitter/i/status/1", follow_redirects=True).status_code == 404
