"""The API does what the dashboard does: connect, publish once, say what became of it; and says clearly why not."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from socialcore import gathering, publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Lookups
from socialcore.installation import Installation
from socialcore.posts import Content, Problem
from tests.api_client import Api, picture, serving, token_for
from tests.conftest import Business
from tests.sandbox import APP_PASSWORD, Sandbox
from tests.waiting import wait_for
from tests.working import texts, worker_here

NOWHERE = "http://127.0.0.1:9"  # a port where nobody listens


class PlainText:
    """An adapter that takes text alone."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.capabilities = replace(adapter.capabilities, pictures=None, video=None, threads=None)

    def validate(self, content: Content) -> list[Problem]:
        return []

    def render(self, content: Content, lookups: Lookups) -> Any:
        return self._adapter.render(Content(text=content.text), lookups)


def connect(api: Api, sandbox: Sandbox, **other: Any) -> httpx.Response:
    handle = f"baker-{uuid4().hex[:8]}.test"
    sandbox.account(handle)
    given = {"platform": "bluesky", "identifier": handle, "app_password": APP_PASSWORD, "service": sandbox.url}
    return api.post("/connections", given | other)


def connected(api: Api, sandbox: Sandbox) -> UUID:
    answer = connect(api, sandbox)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


def problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"/api/v1/problems/{name}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["next_step"]
    return body


def stored(superuser: psycopg.Connection, business: Business) -> list[str]:
    rows = superuser.execute(
        "select content ->> 'text' from posts where account_id = %s order by number", (business.account_id,)
    ).fetchall()
    return [row[0] for row in rows]


class TestPublishing:
    def test_goes_all_the_way(self, api: Api, bakery: Business, sandbox: Sandbox):
        connection_id = connected(api, sandbox)

        made = api.publish([connection_id], "Sourdough is out of the oven", key="monday")
        assert made.status_code == 201
        post = api.get(made.headers["location"]).json()
        (queued,) = post["deliveries"]
        with worker_here(bakery.installation):
            done = wait_for(
                lambda: it if (it := api.get(f"/deliveries/{queued['id']}").json())["state"] == "confirmed" else None
            )

        assert texts(sandbox) == ["Sourdough is out of the oven"]
        assert done["receipt"]["url"].startswith(f"{sandbox.url}/xrpc/com.atproto.repo.getRecord")
        assert done["receipt"]["read_back"] == "match"
        assert [each["outcome"] for each in done["attempts"]] == ["accepted"]
        assert done["failure"] is None

    def test_twice_under_one_key_is_once(
        self, api: Api, bakery: Business, sandbox: Sandbox, superuser: psycopg.Connection
    ):
        connection_id = connected(api, sandbox)

        first = api.publish([connection_id], "Rye", key="rye")
        second = api.publish([connection_id], "Rye", key="rye")

        assert (first.status_code, second.status_code) == (201, 200)
        assert first.headers["location"] == second.headers["location"]
        assert first.json()["deliveries"][0]["id"] == second.json()["deliveries"][0]["id"]
        assert stored(superuser, bakery) == ["Rye"]

    def test_at_once_under_one_key_is_once(
        self, api: Api, bakery: Business, sandbox: Sandbox, superuser: psycopg.Connection
    ):
        connection_id = connected(api, sandbox)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: api.publish([connection_id], "Rye", key="rye"), range(16)))

        assert {each.status_code for each in answers} <= {200, 201}
        assert len({each.json()["id"] for each in answers}) == 1
        assert len(api.get("/deliveries").json()["items"]) == 1
        assert stored(superuser, bakery) == ["Rye"]

    @pytest.mark.parametrize(
        "other", [{"text": "Wheat"}, {"due_at": "2027-10-01T09:00:00Z"}, {"options": {"langs": ["de"]}}]
    )
    def test_of_something_else_under_the_same_key_is_refused(
        self, api: Api, bakery: Business, sandbox: Sandbox, superuser: psycopg.Connection, other: dict[str, Any]
    ):
        connection_id = connected(api, sandbox)
        api.publish([connection_id], "Rye", key="rye")

        refused = api.publish([connection_id], other.pop("text", "Rye"), key="rye", **other)

        assert "P-" in problem(refused, 409, "key-reused")["detail"]
        assert stored(superuser, bakery) == ["Rye"]

    def test_to_other_connections_under_the_same_key_is_refused(self, api: Api, sandbox: Sandbox):
        one, two = connected(api, sandbox), connected(api, sandbox)
        api.publish([one], "Rye", key="rye")

        problem(api.publish([one, two], "Rye", key="rye"), 409, "key-reused")

    def test_under_the_key_of_another_account_is_another_post(
        self, api: Api, calling: Callable[..., Api], florist: Business, sandbox: Sandbox
    ):
        other = calling(florist)

        here = api.publish([connected(api, sandbox)], "Rye", key="rye")
        there = other.publish([connected(other, sandbox)], "Tulips", key="rye")

        assert (here.status_code, there.status_code) == (201, 201)
        assert here.json()["id"] != there.json()["id"]

    def test_repeated_after_its_time_and_its_connection_are_gone_is_still_the_same(self, api: Api, sandbox: Sandbox):
        connection_id = connected(api, sandbox)
        soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
        first = api.publish([connection_id], "Rye", key="rye", due_at=soon)
        assert first.status_code == 201
        assert api.ask("DELETE", f"/connections/{connection_id}").status_code == 204
        time.sleep(1.6)

        again = api.publish([connection_id], "Rye", key="rye", due_at=soon)

        assert again.status_code == 200
        assert again.json()["id"] == first.json()["id"]

    def test_without_a_key_is_refused(self, api: Api, bakery: Business, sandbox: Sandbox, superuser: Any):
        body = {"text": "Rye", "connection_ids": [str(connected(api, sandbox))]}

        refused = api.post("/posts", body)

        assert problem(refused, 422, "not-as-described")["errors"][0]["where"] == "header/Idempotency-Key"
        assert stored(superuser, bakery) == []

    def test_of_what_does_not_fit_says_what_does_not(
        self, api: Api, bakery: Business, sandbox: Sandbox, superuser: psycopg.Connection
    ):
        connection_id = connected(api, sandbox)

        refused = problem(api.publish([connection_id], "x" * 301), 409, "does-not-fit")

        (why,) = refused["connections"][str(connection_id)]
        assert why["severity"] == "error"
        assert why["next_step"]
        assert stored(superuser, bakery) == []

    @pytest.mark.parametrize(
        ("due_at", "name"), [("2020-01-01T00:00:00Z", "time-passed"), ("9999-12-31T23:59:59-12:00", "too-far-ahead")]
    )
    def test_at_a_time_that_makes_no_sense_is_refused(
        self, api: Api, bakery: Business, sandbox: Sandbox, superuser: Any, due_at: str, name: str
    ):
        problem(api.publish([connected(api, sandbox)], "Rye", due_at=due_at), 409, name)
        assert stored(superuser, bakery) == []

    @pytest.mark.parametrize("due_at", ["2027-01-01", "2027-01-01T09:00:00", "1900000000", 1900000000, "tomorrow"])
    def test_at_a_time_that_is_not_written_out_is_refused(self, api: Api, due_at: object):
        refused = problem(api.publish([uuid4()], "Rye", due_at=due_at), 422, "not-as-described")
        assert refused["errors"][0]["where"] == "body/due_at"

    def test_stores_nothing_while_the_platform_does_not_say_who_is_mentioned(
        self, api: Api, bakery: Business, superuser: psycopg.Connection
    ):
        connection = bakery.connect(service=NOWHERE)

        away = api.publish([connection.id], "Thanks @miller.test for the flour")

        assert "@miller.test" in problem(away, 503, "platform-away")["detail"]
        assert int(away.headers["retry-after"]) > 0
        assert stored(superuser, bakery) == []

    def test_links_whom_it_mentions(self, api: Api, sandbox: Sandbox, bakery: Business, superuser: Any):
        did = sandbox.account("miller.test")
        api.publish([connected(api, sandbox)], "Thanks @miller.test for the flour")

        rows = superuser.execute("select rendered::text from deliveries where account_id = %s", (bakery.account_id,))
        assert did in rows.fetchall()[0][0]

    def test_scheduled_can_be_cancelled(self, api: Api, sandbox: Sandbox):
        made = api.publish([connected(api, sandbox)], "Rye", due_at="2027-10-01T09:00:00+02:00").json()
        assert made["deliveries"][0]["shown"] == "scheduled"
        assert made["deliveries"][0]["due_at"] == "2027-10-01T07:00:00Z"

        cancelled = api.post(f"/posts/{made['id']}/cancel").json()
        again = api.post(f"/posts/{made['id']}/cancel").json()

        assert (cancelled["stopped"], again["stopped"]) == (1, 0)
        assert again["post"]["deliveries"][0]["state"] == "cancelled"


class TestMedia:
    def add(self, api: Api, data: Any, kind: str = "image/png") -> httpx.Response:
        return api.ask("POST", "/media", content=data, headers={"Content-Type": kind})

    def test_a_picture_goes_out_with_the_post(self, api: Api, bakery: Business, sandbox: Sandbox):
        added = self.add(api, picture())
        assert added.status_code == 201, added.text
        media_id = added.json()["id"]
        assert api.get(added.headers["location"]).json() == added.json()
        assert (added.json()["width"], added.json()["height"]) == (64, 48)

        media = [{"id": media_id, "alt": "An orange loaf"}]
        made = api.publish([connected(api, sandbox)], "With a picture", media=media)
        assert made.status_code == 201, made.text
        with worker_here(bakery.installation):
            wait_for(lambda: api.get(f"/posts/{made.json()['id']}").json()["deliveries"][0]["state"] == "confirmed")

        (post,) = sandbox.posts()
        assert post["record"]["embed"]["images"][0]["alt"] == "An orange loaf"

    def test_the_same_again_is_the_same(self, api: Api):
        assert self.add(api, picture()).json() == self.add(api, picture()).json()

    @pytest.mark.parametrize(
        ("data", "kind", "status", "name"),
        [
            (b"no picture", "image/png", 409, "unusable-media"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png", 409, "unusable-media"),
            (b"", "image/jpeg", 409, "unusable-media"),
            (b"no video", "video/mp4", 409, "unusable-media"),
            (b"%PDF-1.7", "application/pdf", 415, "wrong-media-type"),
            (b"x", "image/svg+xml", 415, "wrong-media-type"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, api: Api, data: bytes, kind: str, status: int, name: str):
        problem(self.add(api, data, kind), status, name)

    @pytest.mark.parametrize("told", [True, False], ids=["that says how large it is", "that does not"])
    def test_a_picture_that_is_too_large_is_refused(self, api: Api, told: bool):
        piece = b"x" * 1_000_000
        sent = piece * 51 if told else (piece for _ in range(51))

        assert "50 MB" in problem(self.add(api, sent), 413, "too-large")["detail"]

    def test_one_that_was_never_added_is_said_to_be_missing(
        self, api: Api, bakery: Business, sandbox: Sandbox, superuser: psycopg.Connection
    ):
        connection_id = connected(api, sandbox)

        refused = problem(api.publish([connection_id], "Rye", media=[{"id": "a" * 64, "alt": ""}]), 409, "does-not-fit")

        assert refused["connections"][str(connection_id)]
        assert stored(superuser, bakery) == []

    def test_what_a_platform_does_not_take_is_never_left_out_in_silence(
        self, api: Api, sandbox: Sandbox, bakery: Business, superuser: Any, monkeypatch: pytest.MonkeyPatch
    ):
        """An adapter that knew nothing of pictures or threads would publish the text alone."""
        connection_id = connected(api, sandbox)
        media_id = self.add(api, picture()).json()["id"]
        plain = {"bluesky": PlainText(ADAPTERS["bluesky"])}
        for module in (gathering, publishing):
            monkeypatch.setattr(module, "ADAPTERS", plain)

        pictured = problem(api.publish([connection_id], "Rye", media=[{"id": media_id}]), 409, "does-not-fit")
        thread = problem(api.publish([connection_id], "Rye", parts=["and wheat"]), 409, "does-not-fit")

        assert "Not every picture" in pictured["connections"][str(connection_id)][0]["title"]
        assert "no threads" in thread["connections"][str(connection_id)][0]["title"]
        assert stored(superuser, bakery) == []


class TestValidating:
    def test_says_what_would_be_sent_and_stores_nothing(
        self, api: Api, sandbox: Sandbox, bakery: Business, superuser: psycopg.Connection
    ):
        sandbox.account("miller.test")
        connection_id = str(connected(api, sandbox))
        text = "Thanks @miller.test and @nobody.test"

        said = api.post("/posts/validate", {"text": text, "connection_ids": [connection_id]}).json()

        (fit,) = said["connections"]
        assert said["fits"]
        assert fit["usage"][0] == {"used": len(text), "most": 300, "unit": "characters"}
        assert fit["sent"][0]["text"] == text
        assert fit["nobody"] == ["nobody.test"]
        assert (fit["is_on"], fit["cost_usd"], said["cost_usd"]) == (True, "0", "0")
        assert stored(superuser, bakery) == []

    def test_says_what_stands_in_the_way(self, api: Api, sandbox: Sandbox):
        body = {"text": "x" * 400, "connection_ids": [str(connected(api, sandbox))]}

        said = api.post("/posts/validate", body).json()

        assert not said["fits"]
        assert said["connections"][0]["problems"]
        assert said["connections"][0]["sent"] == []


class TestReading:
    def test_posts_page_by_page_the_latest_first(self, api: Api, sandbox: Sandbox):
        connection_id = connected(api, sandbox)
        for number in range(5):
            api.publish([connection_id], f"Loaf {number}")

        pages, cursor = [], {}
        while True:
            page = api.get("/posts", params={"limit": 2, **cursor}).json()
            pages.append([each["content"]["text"] for each in page["items"]])
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}

        assert pages == [["Loaf 4", "Loaf 3"], ["Loaf 2", "Loaf 1"], ["Loaf 0"]]

    def test_deliveries_by_state_and_since(self, api: Api, sandbox: Sandbox):
        connection_id = connected(api, sandbox)
        posts = [api.publish([connection_id], f"Loaf {each}", due_at="2027-10-01T09:00:00Z").json() for each in "abc"]
        middle = api.get("/deliveries").json()["items"][0]["changed_at"]
        api.post(f"/posts/{posts[0]['id']}/cancel")

        def listed(**asked: object) -> list[str]:
            return [each["post_id"] for each in api.get("/deliveries", params=asked).json()["items"]]

        assert listed() == [posts[0]["id"], posts[2]["id"], posts[1]["id"]]
        assert listed(state="cancelled") == [posts[0]["id"]]
        assert listed(state="queued") == [posts[2]["id"], posts[1]["id"]]
        assert listed(since=middle) == [posts[0]["id"], posts[2]["id"]]
        first = api.get("/deliveries", params={"limit": 1, "state": "queued"}).json()
        assert listed(limit=1, state="queued", cursor=first["next"]) == [posts[1]["id"]]

    def test_a_page_has_no_gaps_when_many_share_a_moment(self, api: Api, sandbox: Sandbox, superuser: Any):
        connection_id = connected(api, sandbox)
        made = {api.publish([connection_id], f"Loaf {each}").json()["deliveries"][0]["id"] for each in range(7)}
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute("update deliveries set changed_at = '2026-01-01' where id = any(%s)", (list(made),))

        found, asked = [], {"limit": 2}
        while asked:
            page = api.get("/deliveries", params=asked).json()
            found += [each["id"] for each in page["items"]]
            asked = {"limit": 2, "cursor": page["next"]} if page["next"] else {}

        assert sorted(found) == sorted(made)
        assert all(before > after for before, after in pairwise(found))

    def test_flags_with_the_reason(self, api: Api):
        found = {each["name"]: each for each in api.get("/flags").json()}

        assert found["feature_bluesky_posting"]["on"]
        assert found["feature_bluesky_posting"]["reason"] == "TARGETING_MATCH"
        assert not found["feature_slack_posting"]["on"]

    def test_what_the_token_may(self, api: Api, bakery: Business):
        told = api.get("/api/v1/token").json()

        assert [each["id"] for each in told["accounts"]] == [str(bakery.account_id)]
        assert told["capabilities"] == ["see", "publish", "connect"]

    def test_health(self, api: Api, bakery: Business, superuser: psycopg.Connection):
        superuser.execute("update workers set stopped_at = now() where stopped_at is null")
        assert api.get("/api/v1/health").json()["status"] == "no worker"

        with worker_here(bakery.installation):
            well = wait_for(lambda: it if (it := api.get("/api/v1/health").json())["status"] == "ok" else None)

        assert [each["state"] for each in well["workers"]] == ["well"]


class TestConnections:
    def test_are_listed_and_found_and_never_show_a_secret(self, api: Api, sandbox: Sandbox):
        made = connect(api, sandbox)

        assert made.status_code == 201
        assert api.get(made.headers["location"]).json() == made.json()
        assert api.get("/connections").json() == [made.json()]
        assert made.json()["state"] == "healthy"
        assert APP_PASSWORD not in made.text

    def test_connected_again_are_the_same(self, api: Api, sandbox: Sandbox):
        first = connect(api, sandbox).json()

        again = connect(api, sandbox, identifier=first["name"])

        assert again.json()["id"] == first["id"]
        assert len(api.get("/connections").json()) == 1

    def test_with_a_wrong_password_are_refused_in_words(self, api: Api, sandbox: Sandbox):
        refused = connect(api, sandbox, app_password="not-the-right-one")

        problem(refused, 409, "sign-in-refused")
        assert "not-the-right-one" not in refused.text
        assert api.get("/connections").json() == []

    def test_at_a_server_that_is_away_say_so(self, api: Api, sandbox: Sandbox):
        away = connect(api, sandbox, service=NOWHERE)

        problem(away, 503, "platform-away")
        assert int(away.headers["retry-after"]) > 0

    def test_are_checked_by_a_worker(self, api: Api, bakery: Business, sandbox: Sandbox):
        before = connect(api, sandbox).json()

        asked = api.post(f"/connections/{before['id']}/check")
        assert asked.status_code == 202
        assert asked.json()["checking"]
        with worker_here(bakery.installation):
            wait_for(lambda: not api.get(asked.headers["location"]).json()["checking"])

        assert api.get(asked.headers["location"]).json()["checked_at"] > before["checked_at"]

    def test_that_were_disconnected_are_gone_but_their_posts(self, api: Api, sandbox: Sandbox, superuser: Any):
        connection_id = connected(api, sandbox)
        post = api.publish([connection_id], "Rye", due_at="2027-10-01T09:00:00Z").json()

        assert api.ask("DELETE", f"/connections/{connection_id}").status_code == 204

        for method, path in (("GET", ""), ("POST", "/check"), ("DELETE", "")):
            problem(api.ask(method, f"/connections/{connection_id}{path}"), 404, "not-found")
        assert api.get("/connections").json() == []
        assert api.get(f"/posts/{post['id']}").json()["deliveries"][0]["connection_id"] == str(connection_id)
        refused = problem(api.publish([connection_id], "Wheat"), 409, "does-not-fit")
        assert "is disconnected" in refused["connections"][str(connection_id)][0]["title"]
        logged = superuser.execute("select detail ->> 'why' from audit_log where action = 'connection.disconnected'")
        assert "asked for through the API" in logged.fetchall()[-1][0]


class TestProblems:
    @pytest.mark.parametrize(
        "path", ["/api", "/api/", "/api/v2/posts", "/api/v1", "/api/v1/nonsense", "/api/v1/a%0Ab", "/api/v1/token/"]
    )
    def test_nothing_there(self, api: Api, path: str):
        problem(api.get(path), 404, "not-found")

    def test_another_method(self, api: Api):
        answer = api.ask("PUT", "/connections", json={})

        problem(answer, 405, "wrong-method")
        assert answer.headers["allow"] == "GET, POST"

    def test_a_question_of_a_browser_from_elsewhere(self, api: Api):
        asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
        answer = api.ask("OPTIONS", "/posts", headers=asked)

        problem(answer, 405, "wrong-method")
        assert not [name for name in answer.headers if name.startswith("access-control")]

    @pytest.mark.parametrize(
        ("content", "status", "name"),
        [
            (b'{"text": "\xff"}', 400, "malformed"),
            (b"[" * 100_000, 400, "malformed"),
            (b'{"text": ', 422, "not-as-described"),
            (b"", 422, "not-as-described"),
            (b'"a word"', 422, "not-as-described"),
            (b'{"text": "Rye", "connection_ids": [], "surprise": 1}', 422, "not-as-described"),
            (b'{"text": "\\u0000", "connection_ids": []}', 422, "not-as-described"),
            (b'{"text": "\\ud800", "connection_ids": []}', 422, "not-as-described"),
        ],
    )
    def test_a_body_that_cannot_be(self, api: Api, content: bytes, status: int, name: str):
        answer = api.ask("POST", "/posts/validate", content=content, headers={"Content-Type": "application/json"})
        problem(answer, status, name)

    @pytest.mark.parametrize("options", [{"a\0": 1}, {"a": ["b", {"c": "\0"}]}, {"a": "\ud800"}])
    def test_options_that_cannot_be_stored(self, api: Api, sandbox: Sandbox, options: dict[str, Any]):
        asked = {"text": "Rye", "connection_ids": [str(connected(api, sandbox))], "options": options}
        headers = {"Idempotency-Key": "rye", "Content-Type": "application/json"}
        problem(api.ask("POST", "/posts", content=json.dumps(asked), headers=headers), 409, "does-not-fit")

    @pytest.mark.parametrize("told", [True, False], ids=["that says how long it is", "that does not"])
    def test_a_body_that_is_too_large(self, api: Api, told: bool):
        large = b" " * 300 * 1024
        sent = large if told else iter([large[:1000], large[1000:]])

        problem(api.ask("POST", "/posts", content=sent), 413, "too-large")

    def test_a_body_that_is_too_large_from_a_stranger_is_not_read(self, address: str):
        """Who has no token is refused before any of it has arrived."""
        url = httpx.URL(address)
        with socket.create_connection((url.host, url.port), timeout=10) as stranger:
            stranger.sendall(b"POST /api/v1/token HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999\r\n\r\n")
            assert stranger.recv(1000).startswith(b"HTTP/1.1 401")

    def test_a_database_that_is_away(self, bakery: Business, migrated: Installation):
        away = "postgresql+psycopg://composer_app:secret@127.0.0.1:9/composer"
        token = token_for(bakery)

        with serving(migrated, database_url=away) as url:
            answer = httpx.get(
                f"{url}/api/v1/health", headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
            )

        problem(answer, 503, "database-away")
        assert answer.headers["retry-after"] == "5"
        assert "secret" not in answer.text

    def test_are_explained_where_their_type_leads(self, api: Api):
        found = problem(api.get("/api/v1/nonsense"), 404, "not-found")

        explained = api.get(found["type"]).json()

        assert (explained["title"], explained["next_step"]) == (found["title"], found["next_step"])


class TestRates:
    @pytest.fixture
    def two_processes(self, migrated: Installation) -> Iterator[list[str]]:
        with serving(migrated, api_calls=5) as one, serving(migrated, api_calls=5) as another:
            yield [one, another]

    def test_are_counted_over_all_processes(self, two_processes: list[str], bakery: Business):
        wait_for(lambda: datetime.now(UTC).second < 50, what="a minute with time left", most_seconds=15)
        headers = {"Authorization": f"Bearer {token_for(bakery)}"}

        answers = [
            httpx.get(f"{url}/api/v1/token", headers=headers, timeout=30, trust_env=False) for url in two_processes * 3
        ]
        elsewhere = httpx.get(
            f"{two_processes[0]}/api/v1/token",
            headers={"Authorization": f"Bearer {token_for(bakery)}"},
            timeout=30,
            trust_env=False,
        )

        assert [each.status_code for each in answers] == [200] * 5 + [429]
        assert [each.headers["ratelimit"].split(";")[1] for each in answers] == [f"r={n}" for n in (4, 3, 2, 1, 0, 0)]
        assert answers[0].headers["ratelimit-policy"] == '"token";q=5;w=60'
        problem(answers[-1], 429, "too-many-calls")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
        assert elsewhere.status_code == 200, "each token has calls of its own"

    def test_begin_anew_each_minute(self, two_processes: list[str], bakery: Business, superuser: psycopg.Connection):
        headers = {"Authorization": f"Bearer {token_for(bakery)}"}
        for _ in range(12):  # over the limit, whichever minutes they fall into
            refused = httpx.get(f"{two_processes[0]}/api/v1/token", headers=headers, timeout=30, trust_env=False)
        assert refused.status_code == 429

        superuser.execute(
            "update api_tokens set minute = minute - interval '1 minute' where operator_id = %s", (bakery.operator_id,)
        )

        again = httpx.get(f"{two_processes[1]}/api/v1/token", headers=headers, timeout=30, trust_env=False)
        assert again.status_code == 200
