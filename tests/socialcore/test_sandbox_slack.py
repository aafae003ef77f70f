"""Slack's double, over real HTTP: it answers as Slack's documents say, fails on demand, and forgets nothing."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from socialcore.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from socialcore.sandbox.slack import sign_ins, stored
from socialcore.sandbox.slack.calls import Asked, Call
from socialcore.sandbox.slack.refusals import Refusal
from socialcore.sandbox.slack.slack import Slack
from tests.contract.suite import CALLBACK
from tests.sandbox import Sandbox, running
from tests.waiting import wait_for

DOCUMENTED = json.loads((Path(__file__).parents[1] / "data" / "slack-errors.json").read_text("utf-8"))
SCOPES = "chat:write,channels:read,groups:read,channels:history,groups:history,channels:join,files:read,files:write"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
DOMAIN = "harbor-bakery"
HTTP = httpx.Client(trust_env=False, timeout=10)


class Client:
    """An app that is installed in a workspace, and says what it likes."""

    def __init__(self, sandbox: Sandbox, *, domain: str = DOMAIN, scopes: str = SCOPES, **wishes: Any) -> None:
        self.sandbox = sandbox
        self.domain = domain
        self.channels: dict[str, str] = sandbox.open_account("slack", handle=domain, **wishes)["channels"]
        self.tokens = self.exchange(code=self.code(scopes), redirect_uri=CALLBACK)
        self.token: str = self.tokens["access_token"]

    def code(self, scopes: str = SCOPES) -> str:
        asked = httpx.QueryParams(client_id=CLIENT_ID, scope=scopes, redirect_uri=CALLBACK, state="x")
        url = f"{self.sandbox.url}/slack/oauth/v2/authorize?{asked}"
        return self.sandbox.consent("slack", url, self.domain)["code"]

    def exchange(self, secret: str = CLIENT_SECRET, **arguments: str) -> dict[str, Any]:
        url = f"{self.sandbox.url}/slack/api/oauth.v2.access"
        return HTTP.post(url, data=arguments, auth=(CLIENT_ID, secret)).json()

    def renew(self, refresh_token: str) -> dict[str, Any]:
        return self.exchange(grant_type="refresh_token", refresh_token=refresh_token)

    def answer(self, method: str, **arguments: Any) -> httpx.Response:
        return HTTP.post(
            f"{self.sandbox.url}/slack/api/{method}",
            content=json.dumps(arguments),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json; charset=utf-8"},
        )

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self.answer(method, **arguments).json()

    def post(self, text: str = "Fresh bread", channel: str = "general", **arguments: Any) -> dict[str, Any]:
        return self.call("chat.postMessage", channel=self.channels[channel], text=text, **arguments)

    def history(self, channel: str = "general", **arguments: Any) -> list[dict[str, Any]]:
        return self.call("conversations.history", channel=self.channels[channel], **arguments)["messages"]

    def file(self, content: bytes = PNG, *, complete: bool = True) -> str:
        place = self.call("files.getUploadURLExternal", filename="loaf.png", length=len(content))
        assert HTTP.post(place["upload_url"], content=content).text == f"OK - {len(content)}"
        if complete:
            assert self.call("files.completeUploadExternal", files=[{"id": place["file_id"]}])["ok"]
        return place["file_id"]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with HTTP, running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox) -> Iterator[Sandbox]:
    yield started
    started.reset()


@pytest.fixture
def bakery(sandbox: Sandbox) -> Client:
    return Client(sandbox)


# Messages


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE00"}, "channel_not_found"),
        ({"channel": ""}, "invalid_arguments"),
        ({"text": ""}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ({"text": ["bread"]}, "invalid_arguments"),
        ({"markdown_text": "# Bread"}, "markdown_text_conflict"),
        ({"blocks": "{"}, "invalid_blocks_format"),
        ({"blocks": {"type": "section"}}, "invalid_blocks_format"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": ["section"]}, "invalid_blocks"),
        ({"blocks": [{"type": "sectoin"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider", "block_id": "x" * 256}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_000}}] * 5}, "msg_blocks_too_long"),
        ({"blocks": [{"type": "image", "slack_file": {"id": "F0123456789"}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "image", "slack_file": {"id": "F0123456789"}, "alt_text": "Loaf"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "image", "slack_file": {"id": "loaf"}, "alt_text": "Loaf"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "image", "image_url": "https://x.test/a", "alt_text": "x" * 2_001}]}, "invalid_blocks"),
        ({"attachments": [{}] * 101}, "too_many_attachments"),
        ({"metadata": "{"}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x y", "event_payload": {}}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": {}, "extra": 1}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": {"y": "z" * 17_000}}}, "metadata_too_large"),
        ({"thread_ts": "1.000001"}, "cannot_reply_to_message"),
    ],
)
def test_refuses_what_slack_refuses(bakery: Client, arguments: Mapping[str, Any], error: str):
    answer = bakery.answer("chat.postMessage", **{"channel": bakery.channels["general"], "text": "Bread", **arguments})

    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (200, False, error)
    assert bakery.sandbox.posts("slack") == []


@pytest.mark.parametrize(
    ("channel", "error"),
    [("last-season", "is_archived"), ("suppliers", "not_in_channel"), ("owners", "channel_not_found")],
)
def test_some_channels_refuse(bakery: Client, channel: str, error: str):
    assert bakery.post(channel=channel) == {"ok": False, "error": error}


def test_a_message_comes_back_as_slack_keeps_it(bakery: Client):
    sent = "A&amp;B 🥐 👍🏽 https://example.com/?a=1&amp;b=2, example.com or orders@example.com &lt;3"

    bakery.post(sent)

    (message,) = bakery.history()
    assert message["text"] == (
        "A&amp;B :croissant: :+1::skin-tone-4: <https://example.com/?a=1&amp;b=2>, <http://example.com|example.com>"
        " or <mailto:orders@example.com|orders@example.com> &lt;3"
    )
    assert stored.shown(message["text"]) == (
        "A&B 🥐 👍🏽 https://example.com/?a=1&b=2, example.com or orders@example.com <3"
    )
    elements = message["blocks"][0]["elements"][0]["elements"]
    assert {"type": "emoji", "name": "+1", "unicode": "1f44d-1f3fd"} in elements


def test_a_long_message_is_cut_into_several(bakery: Client):
    assert bakery.post("x" * 4_040)["ok"]
    assert bakery.post("y" * 4_041, metadata={"event_type": "x", "event_payload": {}})["ok"]

    found = [(len(each["text"]), each["metadata"] is not None) for each in bakery.sandbox.posts("slack")]
    assert found == [(4_040, False), (4_000, True), (41, False)]
    assert bakery.post("z" * 40_001)["warning"] == "message_truncated"


def test_a_thread_is_read_apart_from_the_channel(bakery: Client):
    start = bakery.post("Bread")["ts"]
    reply = bakery.post("Rolls", thread_ts=start)["ts"]
    shouted = bakery.post("Cakes", thread_ts=start, reply_broadcast=True)["ts"]
    bakery.post("Closed on Sundays")

    assert [each["text"] for each in bakery.history()] == ["Closed on Sundays", "Cakes", "Bread"]
    thread = bakery.call("conversations.replies", channel=bakery.channels["general"], ts=start)["messages"]
    assert [each["ts"] for each in thread] == [start, reply, shouted]
    alone = bakery.call("conversations.replies", channel=bakery.channels["general"], ts=reply)["messages"]
    assert [each["ts"] for each in alone] == [reply]
    missing = bakery.call("conversations.replies", channel=bakery.channels["general"], ts="1.000001")
    assert missing["error"] == "thread_not_found"


def test_history_is_cut_by_time_and_into_pages(bakery: Client):
    first, second, third = (bakery.post(f"Message {number}")["ts"] for number in range(3))

    def times(**arguments: Any) -> list[str]:
        return [each["ts"] for each in bakery.history(**arguments)]

    assert times() == [third, second, first]
    assert times(oldest=second) == [third]
    assert times(oldest=second, inclusive=True) == [third, second]
    assert times(oldest=second, latest=second, inclusive="true") == [second]
    assert times(latest=second) == [first]
    page = bakery.call("conversations.history", channel=bakery.channels["general"], limit=2)
    assert page["has_more"]
    rest = bakery.call(
        "conversations.history",
        channel=bakery.channels["general"],
        limit=2,
        cursor=page["response_metadata"]["next_cursor"],
    )
    assert [each["ts"] for each in rest["messages"]] == [first]
    assert "response_metadata" not in rest
    for bad in ({"oldest": "yesterday"}, {"cursor": "nonsense!"}, {"limit": "0"}):
        assert not bakery.call("conversations.history", channel=bakery.channels["general"], **bad)["ok"]


def test_metadata_is_shown_to_who_asks(bakery: Client):
    mark = {"event_type": "x", "event_payload": {"id": "1"}}
    bakery.post(metadata=mark)

    assert "metadata" not in bakery.history()[0]
    assert bakery.history(include_all_metadata=True)[0]["metadata"] == mark


def test_changes_deletes_and_points_to_a_message(bakery: Client):
    place = {
        "channel": bakery.channels["general"],
        "ts": bakery.post(metadata={"event_type": "x", "event_payload": {}})["ts"],
    }

    assert bakery.call("chat.update", **place, text="Stale bread")["text"] == "Stale bread"
    (message,) = bakery.history(include_all_metadata=True)
    assert (message["text"], message["edited"] is not None, message["metadata"]["event_type"]) == (
        "Stale bread",
        True,
        "x",
    )
    assert bakery.call("chat.update", **place, text="x" * 4_001)["error"] == "msg_too_long"
    link = bakery.call("chat.getPermalink", channel=place["channel"], message_ts=place["ts"])["permalink"]
    page = HTTP.get(link, follow_redirects=True)
    assert "Stale bread" in page.text
    assert bakery.call("chat.delete", **place)["ok"]
    assert bakery.call("chat.delete", **place)["error"] == "message_not_found"
    assert HTTP.get(link).status_code == 404


# Channels


def test_lists_channels_by_kind_and_page(bakery: Client):
    def names(**arguments: Any) -> list[str]:
        return [each["name"] for each in bakery.call("conversations.list", **arguments)["channels"]]

    assert names() == ["general", "announcements", "suppliers", "last-season"]
    assert names(exclude_archived=True) == ["general", "announcements", "suppliers"]
    assert names(types="private_channel") == ["staff"]  # not the one the app is not in
    page = bakery.call("conversations.list", limit=3)
    assert [each["name"] for each in page["channels"]] == ["general", "announcements", "suppliers"]
    assert names(limit=3, cursor=page["response_metadata"]["next_cursor"]) == ["last-season"]
    assert bakery.call("conversations.list", types="public")["error"] == "invalid_types"


def test_joins_a_channel_that_is_open(bakery: Client):
    assert bakery.post(channel="suppliers")["error"] == "not_in_channel"

    assert bakery.call("conversations.join", channel=bakery.channels["suppliers"])["channel"]["is_member"]

    assert bakery.post(channel="suppliers")["ok"]
    again = bakery.call("conversations.join", channel=bakery.channels["suppliers"])
    assert again["warning"] == "already_in_channel"
    for channel, error in (
        ("staff", "method_not_supported_for_channel_type"),
        ("last-season", "is_archived"),
        ("owners", "channel_not_found"),
    ):
        assert bakery.call("conversations.join", channel=bakery.channels[channel])["error"] == error


# Files


def test_a_picture_is_shown_once_slack_has_looked_at_it(bakery: Client):
    file = bakery.file()
    blocks = [{"type": "image", "slack_file": {"id": file}, "alt_text": "A loaf"}]

    assert bakery.call("files.info", file=file)["file"]["mimetype"] == ""
    too_early = bakery.post(blocks=blocks)
    assert too_early["error"] == "invalid_blocks"
    assert "invalid slack file" in too_early["response_metadata"]["messages"][0]

    wait_for(lambda: bakery.call("files.info", file=file)["file"]["mimetype"] == "image/png")
    assert bakery.post(blocks=blocks)["ok"]
    assert HTTP.get(f"{bakery.sandbox.url}/slack/files-pri/{file}").content == PNG


def test_an_upload_wants_every_step(bakery: Client):
    place = bakery.call("files.getUploadURLExternal", filename="loaf.png", length=len(PNG))

    unsent = bakery.call("files.completeUploadExternal", files=[{"id": place["file_id"]}])
    assert unsent["error"] == "file_not_found"
    assert HTTP.post(place["upload_url"], content=PNG[1:]).status_code == 400
    assert HTTP.post(place["upload_url"] + "x", content=PNG).status_code == 404
    assert bakery.call("files.getUploadURLExternal", filename="x", length=0)["error"] == "invalid_arguments"
    long = bakery.call("files.getUploadURLExternal", filename="x", length=1, alt_txt="x" * 1_001)
    assert long["error"] == "alt_txt_too_large"


def test_nobody_shows_the_files_of_another_workspace(bakery: Client):
    file = bakery.file()
    other = Client(bakery.sandbox, domain="mill-road-cafe")

    assert other.call("files.info", file=file)["error"] == "file_not_found"


# Sign-ins


def test_a_code_is_good_once_and_for_its_address(bakery: Client):
    code = bakery.code()

    assert bakery.exchange(code=code, redirect_uri="https://example.com/back")["error"] == "bad_redirect_uri"
    assert bakery.exchange(code=code, redirect_uri=CALLBACK)["error"] == "invalid_code"  # burnt
    assert bakery.exchange("wrong", code=bakery.code(), redirect_uri=CALLBACK)["error"] == "bad_client_secret"
    assert bakery.exchange(grant_type="password")["error"] == "invalid_grant_type"


def test_tokens_are_renewed_one_after_the_other(bakery: Client):
    first = bakery.tokens
    assert (first["access_token"][:10], first["refresh_token"][:7]) == ("xoxe.xoxb-", "xoxe-1-")
    assert first["expires_in"] == 43_200

    second = bakery.renew(first["refresh_token"])
    assert bakery.call("auth.test")["ok"]  # two may live
    third = bakery.renew(second["refresh_token"])

    assert bakery.call("auth.test")["error"] == "token_revoked"
    for tokens in (second, third):
        bakery.token = tokens["access_token"]
        assert bakery.call("auth.test")["ok"]
    assert bakery.renew("xoxe-1-nonsense")["error"] == "invalid_refresh_token"


def test_a_workspace_may_have_tokens_that_stay(sandbox: Sandbox):
    steady = Client(sandbox, domain="steady", rotates=False)

    assert steady.token.startswith("xoxb-")
    assert not {"refresh_token", "expires_in"} & steady.tokens.keys()


def test_a_sign_in_that_is_taken_back_renews_nothing(bakery: Client):
    assert bakery.call("auth.revoke", test=True) == {"ok": True, "revoked": False}
    assert bakery.call("auth.revoke") == {"ok": True, "revoked": True}

    assert bakery.call("auth.test")["error"] == "token_revoked"
    assert bakery.renew(bakery.tokens["refresh_token"])["error"] == "invalid_refresh_token"


def test_tokens_and_grace_end(tmp_path: Path):
    from socialcore.sandbox.complaints import Complaints  # noqa: PLC0415
    from socialcore.sandbox.faults import Faults  # noqa: PLC0415

    now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    complaints = Complaints(tmp_path / "complaints.jsonl")
    double = Slack(tmp_path, Faults(), complaints, counts_limits=False)
    state, known = double._state, double._sign_ins  # noqa: SLF001
    double.open_account({"handle": DOMAIN}, now=now)
    asked = f"https://x.test/?client_id={CLIENT_ID}&scope=chat:write&redirect_uri={CALLBACK}"

    def exchanged(at: datetime, **arguments: str) -> dict[str, Any]:
        basic = httpx.BasicAuth(CLIENT_ID, CLIENT_SECRET)
        header = next(basic.auth_flow(httpx.Request("POST", "https://x.test"))).headers["Authorization"]
        request = Asked("oauth.v2.access", "POST", "", header, "", "", {}, b"")
        return sign_ins.exchange(state, known, Call(request, at, arguments))

    def code() -> str:
        return double.consent({"url": asked, "account": DOMAIN}, now=now).partition("code=")[2]

    with pytest.raises(Refusal, match="invalid_code"):
        exchanged(now + timedelta(minutes=10), code=code(), redirect_uri=CALLBACK)
    tokens = exchanged(now + timedelta(minutes=9), code=code(), redirect_uri=CALLBACK)
    with pytest.raises(Refusal, match="token_expired"):
        sign_ins.admitted(state, known, tokens["access_token"], now + timedelta(hours=12, minutes=9))

    renewal = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    later = now + timedelta(days=90)
    exchanged(later, **renewal)
    exchanged(later + timedelta(seconds=59), **renewal)
    with pytest.raises(Refusal, match="invalid_refresh_token"):
        exchanged(later + timedelta(seconds=61), **renewal)
    double.close()
    complaints.close()


def test_a_person_decides_on_a_page(bakery: Client):
    asked = httpx.QueryParams(client_id=CLIENT_ID, scope="chat:write", redirect_uri=CALLBACK, state="as-we-said")
    url = f"{bakery.sandbox.url}/slack/oauth/v2/authorize?{asked}"

    assert DOMAIN in HTTP.get(url).text
    denied = HTTP.post(url, data={**{f"asked.{name}": value for name, value in asked.items()}, "decision": "deny"})
    assert denied.headers["location"] == f"{CALLBACK}?error=access_denied&state=as-we-said"
    assert HTTP.get(url.replace(CLIENT_ID, "another")).status_code == 400
    assert HTTP.get(url.replace("chat%3Awrite", "")).status_code == 400


def test_a_scope_that_is_missing_is_named(sandbox: Sandbox):
    narrow = Client(sandbox, scopes="channels:read")

    answer = narrow.answer("chat.postMessage", channel=narrow.channels["general"], text="Bread")

    assert answer.json() == {
        "ok": False,
        "error": "missing_scope",
        "needed": "chat:write",
        "provided": "channels:read",
    }
    assert answer.headers["x-oauth-scopes"] == "channels:read"
    assert answer.headers["x-accepted-oauth-scopes"] == "chat:write"
    for method, needed in (("conversations.history", "channels:history"), ("files.info", "files:read")):
        assert narrow.call(method, channel=narrow.channels["general"], file="F")["needed"] == needed


@pytest.mark.parametrize(
    ("headers", "content", "error"),
    [
        ({}, "channel=x", "not_authed"),
        ({"Authorization": "Bearer nonsense"}, "channel=x", "invalid_auth"),
        ({"Content-Type": "application/json; charset=utf-8"}, "{", "invalid_json"),
        ({"Content-Type": "application/json; charset=utf-8"}, "[]", "json_not_object"),
        ({"Content-Type": "text/plain"}, "channel=x", "invalid_post_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"\xff", "invalid_charset"),
    ],
)
def test_what_no_client_should_send(bakery: Client, headers: dict[str, str], content: Any, error: str):
    given = {"Authorization": f"Bearer {bakery.token}"} if "Content-Type" in headers else {}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = HTTP.post(
        f"{bakery.sandbox.url}/slack/api/chat.postMessage",
        content=content,
        headers={**given, **kind, **headers},
    )

    assert (answer.status_code, answer.json()["error"]) == (200, error)


# Limits and faults


def test_a_channel_takes_sixty_messages_a_minute(bakery: Client):
    answers = [bakery.answer("chat.postMessage", channel=bakery.channels["general"], text="Bread") for _ in range(61)]

    assert [each.json()["ok"] for each in answers] == [True] * 60 + [False]
    assert (answers[-1].status_code, answers[-1].json()["error"]) == (429, "ratelimited")
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert bakery.post(channel="announcements")["ok"]


def test_a_method_has_its_tier(bakery: Client):
    answers = [bakery.answer("conversations.list").status_code for _ in range(21)]

    assert answers == [200] * 20 + [429]


@pytest.mark.parametrize("error", DOCUMENTED["chat.postMessage"])
def test_every_documented_word_can_be_had(bakery: Client, error: str):
    bakery.sandbox.fault("slack_error", platform="slack", error=error, method="chat.postMessage", times=1)

    answer = bakery.answer("chat.postMessage", channel=bakery.channels["general"], text="Bread")

    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (200, False, error)
    assert bakery.history() == []
    assert bakery.post()["ok"]


@pytest.mark.parametrize(
    ("kind", "error", "posted"),
    [
        ("expired_token", "token_expired", 0),
        ("revoked", "token_revoked", 0),
        ("deactivated", "account_inactive", 0),
        ("error_before", "internal_error", 0),
        ("error_after", "internal_error", 1),
    ],
)
def test_slack_says_no(bakery: Client, kind: str, error: str, posted: int):
    bakery.sandbox.fault(kind, platform="slack", account=DOMAIN, times=1)

    assert bakery.post() == {"ok": False, "error": error}
    assert len(bakery.history()) == posted


def test_a_refresh_can_fail(bakery: Client):
    for kind in ("refresh_replayed", "revoked"):
        bakery.sandbox.fault(kind, platform="slack", times=1)

        assert bakery.renew(bakery.tokens["refresh_token"])["error"] == "invalid_refresh_token"
    assert bakery.renew(bakery.tokens["refresh_token"])["ok"]


def test_a_limit_holds_as_long_as_it_said(bakery: Client):
    fault = bakery.sandbox.fault("rate_limit", platform="slack", method="chat.postMessage", seconds=30, times=1)

    for _ in range(2):
        answer = bakery.answer("chat.postMessage", channel=bakery.channels["general"], text="Bread")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert bakery.history() == []
    assert fault
    bakery.sandbox.clear_faults()
    assert bakery.post()["ok"]


@pytest.mark.parametrize(
    "wish", [{}, {"error": 5}, {"error": "is_archived", "seconds": 5}, {"error": "is_archived", "extra": "x"}]
)
def test_a_word_must_be_a_word(sandbox: Sandbox, wish: dict[str, Any]):
    answer = HTTP.post(
        f"{sandbox.url}/control/faults",
        json={"platform": "slack", "kind": "slack_error", **wish},
    )

    assert answer.status_code == 400


# What it keeps and what it shows


def test_everything_is_there_after_a_restart(tmp_path: Path):
    with running(tmp_path) as sandbox:
        bakery = Client(sandbox)
        start = bakery.post("Bread")["ts"]
        bakery.post("Rolls", thread_ts=start)
        bakery.call("chat.update", channel=bakery.channels["general"], ts=start, text="Stale bread")
        bakery.call("chat.delete", channel=bakery.channels["general"], ts=bakery.post("Oops")["ts"])
        bakery.call("conversations.join", channel=bakery.channels["suppliers"])
        file = bakery.file()
        renewed = bakery.renew(bakery.tokens["refresh_token"])
        before = sandbox.posts("slack")

    with running(tmp_path) as sandbox:
        bakery.sandbox = sandbox
        assert [{**each, "url": ""} for each in sandbox.posts("slack")] == [{**each, "url": ""} for each in before]
        bakery.token = renewed["access_token"]
        assert bakery.post(channel="suppliers")["ok"]
        assert bakery.call("files.info", file=file)["file"]["mimetype"] == "image/png"
        assert bakery.renew(renewed["refresh_token"])["ok"]
        third = bakery.renew(bakery.tokens["refresh_token"])  # in the grace that began before the restart
        assert third["ok"]


def test_the_same_handle_is_the_same_workspace(sandbox: Sandbox):
    first = sandbox.open_account("slack", handle="Harbor-Bakery")

    assert sandbox.open_account("slack", handle="harbor-bakery", name="Another") == first
    assert first["name"] == "Harbor Bakery"
    sandbox.reset()
    assert sandbox.open_account("slack", handle="harbor-bakery")["team"] == first["team"]


@pytest.mark.parametrize("wish", [{}, {"handle": "no spaces"}, {"handle": "x", "channels": [5]}])
def test_a_workspace_needs_a_handle(sandbox: Sandbox, wish: dict[str, Any]):
    answer = HTTP.post(f"{sandbox.url}/control/slack/accounts", json=wish)

    assert answer.status_code == 400


def test_the_page_shows_messages_and_pictures(bakery: Client):
    file = bakery.file()
    wait_for(lambda: bakery.call("files.info", file=file)["file"]["mimetype"] == "image/png")
    start = bakery.post("Fresh &lt;bread&gt; 🥐 https://example.com")["ts"]
    bakery.post(
        "Rolls",
        thread_ts=start,
        blocks=[{"type": "image", "slack_file": {"id": file}, "alt_text": "Ten rolls"}],
    )

    page = HTTP.get(bakery.sandbox.url).text

    assert "@harbor-bakery #general" in page
    assert "Fresh &lt;bread&gt; 🥐 " in page
    assert '<a href="https://example.com"' in page
    assert f'<img src="/slack/files-pri/{file}" alt="Ten rolls"' in page
    assert "in reply to" in page
    assert page.index("Rolls") < page.index("Fresh")


@pytest.mark.parametrize(
    ("method", "arguments", "about"),
    [
        ("chat.postMessage", {"text": "<!channel> Bread"}, "notifies"),
        ("chat.postMessage", {"link_names": True}, "link_names"),
        ("chat.postMessage", {"parse": "full"}, "parse"),
        ("chat.postMessage", {"text": "x" * 4_041}, "4040"),
        ("chat.postMessage", {"text": "", "blocks": [{"type": "divider"}]}, "notification"),
        ("chat.postMessage", {"client_msg_id": "x"}, "unknown arguments: client_msg_id"),
        ("chat.postMessage", {"token": "xoxb-1"}, "Authorization"),
        ("chat.postMesage", {}, "no such method"),
    ],
)
def test_complains_of_what_slack_lets_pass(bakery: Client, method: str, arguments: dict[str, Any], about: str):
    bakery.call(method, **{"channel": bakery.channels["general"], "text": "Bread", **arguments})

    (complaint,) = bakery.sandbox.complaints()
    assert complaint["platform"] == "slack"
    assert about in complaint["about"]


def test_complains_of_a_reply_to_a_reply_and_of_files_that_are_public_at_once(bakery: Client):
    reply = bakery.post("Rolls", thread_ts=bakery.post()["ts"])["ts"]
    assert bakery.sandbox.complaints() == []

    bakery.post("Cakes", thread_ts=reply)
    file = bakery.file(complete=False)
    bakery.call("files.completeUploadExternal", files=[{"id": file}], channel_id=bakery.channels["general"])

    assert [each["about"].split(":")[0] for each in bakery.sandbox.complaints()] == [
        "thread_ts is a reply's, not the thread's first message's",
        "the files are shared at once",
    ]
