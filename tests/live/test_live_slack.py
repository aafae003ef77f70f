"""Slack's adapter against npm `emulate`, which others have written from the same documents.

It has no server of Slack's behind it, so it proves less than the reference server of Bluesky: that two who read
Slack's documents apart from each other understood the same. Left out, because emulate does not do them: unknown
tokens (it takes any for its first user), giving a sign-in back, tokens that are renewed, limits, refusing a channel
that the app is not in, checks of blocks, `oldest` and `latest` (it shows the whole channel), and the
scopes in a header. Those are the double's alone: tests/contract/test_contract_slack.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit
from uuid import uuid4

import httpx
import pytest

from socialcore import failures
from socialcore.adapters.apps import App
from socialcore.adapters.contract import Access, Json, Lookups, ReadBack, Target
from socialcore.adapters.http import new_client
from socialcore.adapters.slack import Slack
from socialcore.posts import Content
from tests.contract.suite import CALLBACK, POST, THREAD, failure_of, go, pictured
from tests.live.emulate import emulated

pytestmark = pytest.mark.live

BAKER, NARROW = "xoxp-of-the-baker", "xoxb-for-reading-only"
APP = {
    "client_id": "12345.67890",
    "client_secret": "example-client-secret",
    "name": "Social Composer",
    "redirect_uris": [CALLBACK],
    "bot_name": "social-composer",
}
SEED = {
    "team": {"name": "Harbor Bakery", "domain": "harbor-bakery"},
    "users": [{"name": "baker", "real_name": "The Bakery", "email": "orders@harborbakery.test"}],
    "channels": [{"name": "announcements"}],
    "oauth_apps": [APP],
    "tokens": [
        {"token": BAKER, "user": "baker", "scopes": ["channels:manage", "groups:write", "channels:write"]},
        {"token": NARROW, "user": "baker", "scopes": ["channels:read"]},
    ],
    "strict_scopes": True,
}


class Form(HTMLParser):
    """The first form of a page: where it goes and what it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._is_over = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if self._is_over:
            return
        if tag == "form":
            self.action = found.get("action") or ""
        elif tag == "input" and found.get("name"):
            self.fields[found["name"] or ""] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        self._is_over = self._is_over or tag == "form"


@dataclass(frozen=True)
class Installed:
    """Our app, in the workspace that emulate shows."""

    adapter: Slack
    access: Access
    targets: tuple[Target, ...]
    client: httpx.Client

    def send(self, rendered: Json, *, uploaded: Json | None = None, earlier: tuple[str, ...] = ()):
        wire = self.adapter.freeze(
            self.access.target_id,
            rendered,
            delivery_id=uuid4(),
            at=datetime.now(UTC),
            uploaded=uploaded,
            earlier=earlier,
        ).wire
        return wire, self.adapter.publish(self.access, wire, before_write=go)

    def call(self, method: str, *, token: str = "", **arguments: str) -> Json:
        headers = {"Authorization": f"Bearer {token or self.access.secret['access']}"}
        answer = self.client.post(f"{self.access.service}/api/{method}", data=arguments, headers=headers).json()
        assert answer["ok"], answer
        return answer

    def invite(self, channel_id: str) -> None:
        """Let the baker invite the app, as a person does with /invite."""
        bot = self.call("auth.test")["user_id"]
        self.call("conversations.invite", token=BAKER, channel=channel_id, users=bot)

    def channel(self, name: str, *, is_private: bool = False) -> str:
        made = self.call("conversations.create", token=BAKER, name=name, is_private=str(is_private).lower())
        return made["channel"]["id"]


@pytest.fixture(scope="module")
def service(installed: None) -> Iterator[str]:
    with emulated("slack", SEED) as address:
        yield address


@pytest.fixture
def there(service: str) -> Iterator[Installed]:
    with new_client() as client:
        adapter = Slack(App(service, APP["client_id"], APP["client_secret"]), client)
        granted = adapter.connect(brought_back(adapter, client))
        announcements = next(each for each in granted.targets if each.name == "#announcements")
        access = Access(service, announcements.id, granted.secret)
        yield Installed(adapter, access, granted.targets, client)


def brought_back(adapter: Slack, client: httpx.Client) -> dict[str, str]:
    """Go where the adapter sends a browser, and allow."""
    departure = adapter.depart({}, redirect_uri=CALLBACK, state="as-we-said")
    form = Form(client.get(departure.url).raise_for_status().text)
    answer = client.post(urljoin(departure.url, form.action), data=form.fields)
    assert answer.is_redirect, answer.text
    query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert query.pop("state") == "as-we-said"
    return {**departure.keep, **query}


def test_installs_and_lists_the_channels(there: Installed):
    staff = there.channel("staff", is_private=True)
    assert "#announcements" in {each.name for each in there.targets}
    assert "#staff" not in {each.name for each in there.targets}

    there.invite(staff)
    granted = there.adapter.connect(brought_back(there.adapter, there.client))

    assert Target(staff, "#staff", "Harbor Bakery") in granted.targets
    assert granted.secret["workspace"] == "https://harbor-bakery.slack.com/"


def test_a_code_installs_once(there: Installed):
    answer = brought_back(there.adapter, there.client)
    there.adapter.connect(answer)

    assert isinstance(failure_of(lambda: there.adapter.connect(answer)), failures.ReconnectNeeded)


def test_posts_and_finds_it_by_its_mark(there: Installed):
    (rendered,) = there.adapter.render(POST, Lookups())
    wire, receipt = there.send(rendered)
    other, _ = there.send(rendered)

    assert there.adapter.find_existing(there.access, wire) == receipt
    assert there.adapter.find_existing(there.access, other) != receipt
    assert receipt in [each.receipt for each in there.adapter.recent(there.access)]
    assert there.adapter.read_back(there.access, wire, receipt.remote_id) == ReadBack("match")


def test_a_text_means_only_itself(there: Installed):
    content = Content(text="<!channel> A&B <https://example.com|here> &amp; https://example.com/?a=1&b=2 🥐")
    (rendered,) = there.adapter.render(content, Lookups())

    wire, receipt = there.send(rendered)

    assert there.adapter.read_back(there.access, wire, receipt.remote_id) == ReadBack("match")


def test_a_thread_goes_out_part_by_part(there: Installed):
    first, *rest = there.adapter.render(THREAD, Lookups())
    _, start = there.send(first)
    replies = [there.send(part, earlier=(start.remote_id,)) for part in rest]

    for wire, receipt in replies:
        assert there.adapter.find_existing(there.access, wire) == receipt
        assert there.adapter.read_back(there.access, wire, receipt.remote_id) == ReadBack("match")
    listed = there.call("conversations.replies", channel=there.access.target_id, ts=start.remote_id)["messages"]
    assert [each["ts"] for each in listed] == [start.remote_id, *(receipt.remote_id for _, receipt in replies)]


def test_pictures_are_brought_before_and_shown_after(there: Installed):
    content, shelf = pictured("A loaf", "Ten rolls")
    (rendered,) = there.adapter.render(content, Lookups(picture=shelf.picture))

    uploaded = there.adapter.upload(there.access, rendered, shelf, wire=None)
    wire, receipt = there.send(rendered, uploaded=uploaded)

    assert there.adapter.read_back(there.access, wire, receipt.remote_id) == ReadBack("match")
    for file in uploaded["files"]:
        assert there.call("files.info", file=file)["file"]["mimetype"] == "image/png"


def test_a_link_is_where_slack_says(there: Installed):
    (rendered,) = there.adapter.render(POST, Lookups())
    _, start = there.send(rendered)
    _, reply = there.send(rendered, earlier=(start.remote_id,))

    for receipt in (start, reply):
        said = there.call("chat.getPermalink", channel=there.access.target_id, message_ts=receipt.remote_id)
        ours, theirs = urlsplit(receipt.url), urlsplit(said["permalink"])
        assert ours.path == theirs.path[theirs.path.index("/archives/") :]
        assert dict(parse_qsl(ours.query)) == dict(parse_qsl(theirs.query))
        target = next(each for each in there.targets if each.id == there.access.target_id)
        assert there.adapter.locate("https://slack.com", target, receipt.url) == receipt


def test_what_is_deleted_is_gone(there: Installed):
    (rendered,) = there.adapter.render(POST, Lookups())
    wire, receipt = there.send(rendered)

    there.adapter.delete(there.access, receipt.remote_id)
    there.adapter.delete(there.access, receipt.remote_id)

    assert there.adapter.find_existing(there.access, wire) is None
    assert there.adapter.read_back(there.access, wire, receipt.remote_id) is None


def test_a_change_behind_our_back_is_noticed(there: Installed):
    (rendered,) = there.adapter.render(POST, Lookups())
    wire, receipt = there.send(rendered)
    assert there.call("chat.update", channel=there.access.target_id, ts=receipt.remote_id, text="Stale bread.")["ok"]

    assert there.adapter.read_back(there.access, wire, receipt.remote_id) == ReadBack("mismatch", "text")


def test_a_check_says_whether_the_app_is_in_the_channel(there: Installed):
    access = replace(there.access, target_id=there.channel("breads"))
    assert isinstance(failure_of(lambda: there.adapter.check(access)), failures.ContentRejected)

    there.invite(access.target_id)
    assert there.adapter.check(access).name == "#breads"

    there.call("conversations.archive", token=BAKER, channel=access.target_id)
    archived = failure_of(lambda: there.adapter.check(access))
    assert isinstance(archived, failures.ContentRejected)
    assert "archived" in str(archived)


def test_refusals_mean_what_they_mean(there: Installed):
    archived = there.channel("last-season")
    there.invite(archived)
    there.call("conversations.archive", token=BAKER, channel=archived)
    narrow = {**there.access.secret, "access": NARROW}
    for access, text, kind, word in (
        (replace(there.access, target_id="C0NOWHERE00"), "Bread", failures.ContentRejected, "no such channel"),
        (replace(there.access, target_id=archived), "Bread", failures.ContentRejected, "archived"),
        (there.access, "", failures.ContentRejected, "nothing to read"),
        (replace(there.access, secret=narrow), "Bread", failures.ReconnectNeeded, "chat:write"),
    ):
        wire = {"body": {"channel": access.target_id, "text": text}, "since": "0"}

        failure = failure_of(lambda access=access, wire=wire: there.adapter.publish(access, wire, before_write=go))

        assert type(failure) is kind
        assert word in str(failure)
