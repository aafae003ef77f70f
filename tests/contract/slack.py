"""What the contract tests of Slack's adapter share: the double, and promises of its own."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest

from socialcore import failures
from socialcore.adapters import slack_messages
from socialcore.adapters.apps import App, sandbox_app
from socialcore.adapters.contract import Access, Lookups, ReadBack, Target
from socialcore.adapters.http import new_client
from socialcore.adapters.slack import Slack
from socialcore.posts import Content
from tests import faulty_proxy
from tests.contract.suite import (
    CALLBACK,
    POST,
    THREAD,
    AdapterContract,
    PlatformDouble,
    Trouble,
    assert_words,
    failure_of,
    freeze,
    frozen,
    go,
    pictured,
    publish,
    reads_back,
)
from tests.faulty_proxy import Answer, Behaviour, FaultyProxy

WRITE = "chat.postMessage"
RENEW = "oauth.v2.access"
BROKEN = Answer.json(200, {"ok": False, "error": "internal_error"})
BEHAVIOURS: Mapping[Trouble, Behaviour] = {
    Trouble.LOST_REPLY: faulty_proxy.lose_reply,
    Trouble.DROPPED: faulty_proxy.drop,
    Trouble.LATE: faulty_proxy.late(0.2),
    Trouble.GARBLED: faulty_proxy.garble,
    Trouble.GARBLED_ENCODING: faulty_proxy.garble_encoding,
    Trouble.CUT_SHORT: faulty_proxy.cut_short,
    Trouble.HUGE: faulty_proxy.huge,
    Trouble.DRIPPING_HEAD: faulty_proxy.drip("head"),
    Trouble.DRIPPING_BODY: faulty_proxy.drip("body"),
    Trouble.HTML: faulty_proxy.answering(Answer.html(502)),
    Trouble.HTML_AS_SUCCESS: faulty_proxy.answering(Answer.html(200), done=True),
    Trouble.NOT_FOUND_PAGE: faulty_proxy.answering(Answer.html(404), done=True),
    Trouble.ERROR_BEFORE: faulty_proxy.answering(BROKEN),
    Trouble.ERROR_AFTER: faulty_proxy.answering(BROKEN, done=True),
}


def refused(error: str, **more: Any) -> Answer:
    return Answer.json(200, {"ok": False, "error": error, **more})


class SlackDouble:
    """A workspace behind a faulty proxy, with our app in it."""

    secret_field = "code"

    def __init__(self, proxy: FaultyProxy) -> None:
        self._client = new_client()
        self._client.timeout = httpx.Timeout(5, connect=0.5)
        self.proxy = proxy
        self.app: App = sandbox_app("slack", proxy.url)
        self.adapter = Slack(self.app, self._client)
        self._service = self.app.service
        granted = self.adapter.connect(self.answer)
        self._secret, self.targets = granted.secret, granted.targets
        self._target_id = self.target("#general").id
        proxy.requests.clear()

    @property
    def answer(self) -> Mapping[str, str]:
        departure = self.adapter.depart({}, redirect_uri=CALLBACK, state="as-we-said")
        return {**departure.keep, **self.browse(departure.url)}

    @property
    def access(self) -> Access:
        return Access(self._service, self._target_id, self._secret)

    def browse(self, url: str, *, deny: bool = False, withhold: Sequence[str] = ()) -> Mapping[str, str]:
        raise NotImplementedError

    def target(self, name: str) -> Target:
        return next(each for each in self.targets if each.name == name)

    def to(self, channel_id: str) -> Access:
        return replace(self.access, target_id=channel_id)

    def close(self) -> None:
        self._client.close()

    def heard(self) -> int:
        return self.proxy.heard

    def suffer(self, trouble: Trouble) -> None:
        """Have the next call go wrong: the proxy can do to any call what happens to a write."""
        self._service = self.app.service
        self.proxy.misbehave(BEHAVIOURS[trouble])

    def settle(self) -> None:
        self.proxy.settle()

    def limit_rate(self, headers: Mapping[str, str]) -> None:
        self._meet(Answer.json(429, {"ok": False, "error": "ratelimited"}, headers))

    def repeat(self, secret: str) -> None:
        words = {"response_metadata": {"messages": [f"[ERROR] Cannot do that with {secret}, sorry"]}}
        for method in (WRITE, RENEW):
            self.proxy.misbehave(faulty_proxy.answering(refused("invalid_arguments", **words)), on=method)

    def refuse_content(self) -> None:
        self._meet(refused("invalid_blocks"))

    def refuse(self, error: str, *, on: str = WRITE, **more: Any) -> None:
        self._meet(refused(error, **more), on=on)

    def _meet(self, answer: Answer, *, on: str = "") -> None:
        self._service = self.app.service
        self.proxy.misbehave(faulty_proxy.answering(answer), on=on)

    def unreachable(self) -> AbstractContextManager[None]:
        self._service = self.app.service
        return self.proxy.refusing()

    def stalled(self) -> AbstractContextManager[None]:
        self._service = self.app.service
        return self.proxy.stalling()


class Workspace(PlatformDouble, Protocol):
    """What the promises below ask of a double beyond the contract's."""

    proxy: FaultyProxy
    app: App
    targets: Sequence[Target]

    @property
    def adapter(self) -> Slack: ...
    def records(self) -> Sequence[Mapping[str, Any]]: ...
    def refuse(self, error: str, *, on: str = WRITE, **more: Any) -> None: ...
    def target(self, name: str) -> Target: ...
    def to(self, channel_id: str) -> Access: ...
    def channel(self, name: str) -> str:
        """The id of a channel by name, also of one that the app does not see."""
        ...

    def without_rotation(self) -> Mapping[str, str]:
        """What a sign-in brings back from a workspace whose tokens do not expire."""
        ...

    def fill(self, messages: int) -> None:
        """Let others of the app's messages come before, without waiting for limits."""
        ...


class SlackContract(AdapterContract):
    """What Slack's adapter promises besides."""

    # What it writes

    def test_writes_what_it_froze_marked_with_the_delivery_and_nothing_else(self, double: Workspace):
        delivery_id = uuid4()
        rendered = double.adapter.render(POST, Lookups())[0]
        made = double.adapter.freeze(
            double.access.target_id, rendered, delivery_id=delivery_id, at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
        )

        publish(double, made.wire)

        (record,) = double.records()
        assert made.record_key is None
        assert made.wire["body"].keys() == {"channel", "text", "metadata"}
        assert record["metadata"] == {
            "event_type": "social_composer_delivery",
            "event_payload": {"delivery_id": str(delivery_id)},
        }

    def test_a_text_means_only_itself(self, double: Workspace):
        content = Content(text="<!channel> <@U1234> A&B <https://example.com|here> &amp; #general @here 1 > 0")

        wire = frozen(double, content)
        receipt = publish(double, wire)

        assert double.public_posts() == [content.text]
        assert "<!" not in double.records()[0]["text"]
        assert reads_back(double, wire, receipt) == "match"

    @pytest.mark.parametrize(
        "text",
        [
            "See https://example.com/a?b=1&c=2, or mail orders@harborbakery.test.",
            "Harborbakery.test and harborbakery.test/menu",
            "🥐🥐 at 10:30: ☕ or 👩‍🍳? a:b🥐 :) 👍🏽 ❤️ 1️⃣ 🇫🇷",
            "  *bold* _and_ ~not~ `code`\n> quoted\n\n",
            "👨‍👩‍👧‍👦 & <family>",
        ],
        ids=["addresses", "bare", "emoji", "marks", "family"],
    )
    def test_reads_back_what_slack_has_marked_up(self, double: Workspace, text: str):
        wire = frozen(double, Content(text=text))

        receipt = publish(double, wire)

        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    @pytest.mark.parametrize(("option", "expected"), [(True, True), (False, False)])
    def test_links_unfold_as_the_operator_says(self, double: Workspace, option: bool, expected: bool):
        wire = frozen(double, Content(text="https://example.com", options={"unfurl": option}))

        publish(double, wire)

        assert (wire["body"]["unfurl_links"], wire["body"]["unfurl_media"]) == (expected, expected)

    def test_a_long_text_with_a_picture_is_cut_between_words(self, double: Workspace):
        content, shelf = pictured("")
        content = replace(content, text="bread & rolls 🥐 " * 190)
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))

        uploaded = double.adapter.upload(double.access, rendered, shelf, wire=None)
        wire = freeze(double, rendered, uploaded=uploaded)
        receipt = publish(double, wire)

        *sections, image = double.records()[0]["blocks"]
        assert len(sections) == 2
        assert "".join(each["text"]["text"] for each in sections) == wire["body"]["text"]
        assert all(each["text"]["text"].endswith(" ") for each in sections)
        assert image["alt_text"] == "Picture"
        assert reads_back(double, wire, receipt) == "match"

    def test_a_picture_needs_no_text(self, double: Workspace):
        content, shelf = pictured("A loaf")
        content = replace(content, text="")
        assert double.adapter.validate(content) == []
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))

        wire = freeze(double, rendered, uploaded=double.adapter.upload(double.access, rendered, shelf, wire=None))
        receipt = publish(double, wire)

        assert [each["type"] for each in double.records()[0]["blocks"]] == ["image"]
        assert reads_back(double, wire, receipt) == "match"

    def test_waits_until_slack_has_looked_at_a_picture(self, double: Workspace):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))

        double.adapter.upload(double.access, rendered, shelf, wire=None)

        assert double.proxy.count("files.info") > 1

    def test_sends_bytes_to_no_address_that_is_not_slacks(self, double: Workspace):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        for url in ("http://files.slack.com/x", "https://files.slack.com.example.com/x", "ftp://127.0.0.1/x", "//x"):
            lie = Answer.json(200, {"ok": True, "upload_url": url, "file_id": "F0123456789"})
            double.proxy.misbehave(faulty_proxy.answering(lie), on="files.getUploadURLExternal")
            before = double.heard()

            failure = failure_of(lambda: double.adapter.upload(double.access, rendered, shelf, wire=None))

            assert isinstance(failure, failures.Unavailable)
            assert double.heard() == before + 1

    # What it looks for

    def test_finds_its_message_among_many(self, double: Workspace):
        wire = frozen(double)
        receipt = publish(double, wire)
        double.fill(420)  # more than two pages

        assert double.adapter.find_existing(double.access, wire) == receipt

    def test_tells_messages_of_the_same_words_apart(self, double: Workspace):
        wires = [frozen(double) for _ in range(3)]
        receipts = [publish(double, wire) for wire in wires]

        assert [double.adapter.find_existing(double.access, wire) for wire in wires] == receipts

    def test_finds_a_message_by_its_mark_even_if_it_was_changed(self, double: Workspace):
        wire = frozen(double)
        receipt = publish(double, wire)

        double.change(receipt.remote_id)

        assert double.adapter.find_existing(double.access, wire) == receipt

    def test_finds_a_message_that_slack_dates_a_little_earlier(self, double: Workspace):
        """Slack's clock and ours need not agree."""
        rendered = double.adapter.render(POST, Lookups())[0]
        ahead = datetime.now(UTC) + timedelta(minutes=5)
        wire = double.adapter.freeze(double.access.target_id, rendered, delivery_id=uuid4(), at=ahead).wire

        receipt = publish(double, wire)

        assert double.adapter.find_existing(double.access, wire) == receipt

    def test_an_endless_channel_is_not_taken_for_absence(self, double: Workspace):
        more = {"ok": True, "messages": [], "has_more": True, "response_metadata": {"next_cursor": "bmV4dDox"}}
        double.proxy.misbehave(faulty_proxy.answering(Answer.json(200, more)), on="conversations.history", times=None)

        with pytest.raises(failures.Unavailable):
            double.adapter.find_existing(double.access, frozen(double))

    @pytest.mark.parametrize(
        "error", ["channel_not_found", "not_in_channel", "missing_scope", "ratelimited", "new_word"]
    )
    def test_a_refused_look_is_not_taken_for_absence(self, double: Workspace, error: str):
        wire = frozen(double)
        publish(double, wire)
        double.refuse(error, on="conversations.history")

        failure_of(lambda: double.adapter.find_existing(double.access, wire))

    def test_a_reply_is_looked_for_in_its_thread(self, double: Workspace):
        first, second, _ = double.adapter.render(THREAD, Lookups())
        start = publish(double, freeze(double, first))
        wire = freeze(double, second, earlier=[start.remote_id])
        receipt = publish(double, wire)

        assert double.adapter.find_existing(double.access, wire) == receipt
        assert f"thread_ts={start.remote_id}" in receipt.url
        assert double.records()[1]["thread_ts"] == start.remote_id

    def test_a_reply_to_a_thread_that_is_gone_is_not_there(self, double: Workspace):
        first, second, _ = double.adapter.render(THREAD, Lookups())
        start = publish(double, freeze(double, first))
        double.adapter.delete(double.access, start.remote_id)
        wire = freeze(double, second, earlier=[start.remote_id])

        assert double.adapter.find_existing(double.access, wire) is None
        assert isinstance(failure_of(lambda: publish(double, wire)), failures.ContentRejected)

    @pytest.mark.parametrize(
        "link",
        [
            "https://harborbakery.slack.com/archives/{id}/p1712345678000100",
            "https://harborbakery.enterprise.slack.com/archives/{id}/p1712345678000100?thread_ts=1712345600.000001&cid={id}",
        ],
    )
    def test_reads_the_links_people_copy(self, double: Workspace, link: str):
        target = double.target("#general")

        found = double.adapter.locate("https://slack.com", target, link.format(id=target.id))

        assert found is not None
        assert (found.remote_id, found.url) == ("1712345678.000100", link.format(id=target.id))

    @pytest.mark.parametrize(
        "link",
        [
            "https://harborbakery.slack.com/archives/C0000000000/p1712345678000100",
            "http://harborbakery.slack.com/archives/{id}/p1712345678000100",
            "https://slack.com.example.com/archives/{id}/p1712345678000100",
            "https://example.com/archives/{id}/p1712345678000100",
            "https://harborbakery.slack.com/archives/{id}/p17",
            "https://harborbakery.slack.com/archives/{id}",
            "https://[::1",
            "1712345678.000100",
            "",
        ],
    )
    def test_reads_no_other_links(self, double: Workspace, link: str):
        target = double.target("#general")

        assert double.adapter.locate("https://slack.com", target, link.format(id=target.id)) is None

    # Whom it signs in, and to what

    def test_offers_the_channels_it_could_post_to(self, double: Workspace):
        assert [each.name for each in double.targets] == ["#general", "#announcements", "#staff", "#suppliers"]
        assert {each.detail for each in double.targets} != {""}

    def test_lists_channels_page_by_page(self, double: Workspace):
        asked = [each for each in double.proxy.requests if "conversations.list" in each.path]
        pages = [{"id": f"C000000000{number}", "name": f"channel-{number}"} for number in range(3)]
        for number, channel in enumerate(pages):
            cursor = {"response_metadata": {"next_cursor": "bmV4dDox" if number < 2 else ""}}
            page = Answer.json(200, {"ok": True, "channels": [channel], **cursor})
            double.proxy.misbehave(faulty_proxy.answering(page), on="conversations.list")

        granted = double.adapter.connect(double.answer)

        assert [each.name for each in granted.targets] == ["#channel-0", "#channel-1", "#channel-2"]
        assert not asked

    @pytest.mark.parametrize("channel", ["suppliers", "last-season", "owners"])
    def test_a_channel_that_cannot_be_posted_to_is_for_the_operator(self, double: Workspace, channel: str):
        access = double.to(double.channel(channel))
        wire = {"body": {**frozen(double)["body"], "channel": access.target_id}, "since": "0"}

        for call in (
            lambda: double.adapter.publish(access, wire, before_write=go),
            lambda: double.adapter.check(access),
        ):
            failure = failure_of(call)
            assert isinstance(failure, failures.ContentRejected)
            assert_words(failure)
        assert double.public_posts() == []

    def test_a_sign_in_that_does_not_expire_is_asked_and_kept(self, double: Workspace):
        granted = double.adapter.connect(double.without_rotation())
        access = replace(double.access, secret=granted.secret)

        renewed = double.adapter.refresh(access)

        assert granted.expires_at is None
        assert (renewed.secret, renewed.expires_at, renewed.subject) == (granted.secret, None, granted.subject)
        double.refuse("token_revoked", on="auth.test")
        assert isinstance(failure_of(lambda: double.adapter.refresh(access)), failures.ReconnectNeeded)

    def test_a_refresh_keeps_who_signed_in_and_where(self, double: Workspace):
        granted = double.adapter.connect(double.answer)
        renewed = double.adapter.refresh(replace(double.access, secret=granted.secret))

        assert renewed.subject == granted.subject
        assert renewed.secret["workspace"] == granted.secret["workspace"]
        assert renewed.secret["access"] != granted.secret["access"]
        assert renewed.secret["refresh"] != granted.secret["refresh"]
        assert renewed.expires_at is not None
        assert renewed.expires_at - datetime.now(UTC) > timedelta(hours=11)

    def test_a_refresh_whose_answer_got_lost_can_be_made_once_more_at_once(self, double: Workspace):
        double.proxy.misbehave(faulty_proxy.lose_reply, on=RENEW)

        with pytest.raises(failures.Unavailable):
            double.adapter.refresh(double.access)
        granted = double.adapter.refresh(double.access)

        double.adapter.check(replace(double.access, secret=granted.secret))

    def test_an_expired_sign_in_can_be_given_back(self, double: Workspace):
        double.expire_token()

        double.adapter.revoke(double.access)

        assert isinstance(failure_of(lambda: double.adapter.refresh(double.access)), failures.ReconnectNeeded)
        assert isinstance(failure_of(lambda: double.adapter.check(double.access)), failures.ReconnectNeeded)

    def test_a_whole_organisation_is_not_connected(self, double: Workspace):
        answer = double.answer
        everything = {
            "ok": True,
            "access_token": "xoxb-1",
            "scope": ",".join(double.adapter.capabilities.permissions),
            "team": None,
            "is_enterprise_install": True,
        }
        double.proxy.misbehave(faulty_proxy.answering(Answer.json(200, everything)), on=RENEW)
        double.proxy.misbehave(
            faulty_proxy.answering(Answer.json(200, {"ok": True, "url": "https://x.slack.com/"})), on="auth.test"
        )

        failure = failure_of(lambda: double.adapter.connect(answer))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            ("invalid_client_id", failures.Unavailable),
            ("bad_client_secret", failures.Unavailable),
            ("bad_redirect_uri", failures.ContentRejected),
            ("invalid_code", failures.ReconnectNeeded),
            ("internal_error", failures.Unavailable),
            ("ratelimited", failures.RateLimited),
        ],
    )
    def test_a_refused_sign_in_says_who_can_help(
        self, double: Workspace, error: str, expected: type[failures.PlatformFailure]
    ):
        answer = double.answer
        double.refuse(error, on=RENEW)

        failure = failure_of(lambda: double.adapter.connect(answer))

        assert type(failure) is expected
        assert_words(failure)

    @pytest.mark.parametrize("method", ["auth.test", "conversations.list"])
    def test_a_sign_in_that_ends_at_once_is_begun_anew(self, double: Workspace, method: str):
        answer = double.answer
        double.refuse("token_expired", on=method)

        failure = failure_of(lambda: double.adapter.connect(answer))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert_words(failure)

    def test_without_a_registration_nobody_signs_in(self, double: Workspace):
        adapter = Slack(None)

        for call, expected in (
            (lambda: adapter.depart({}, redirect_uri=CALLBACK, state="x"), failures.ContentRejected),
            (lambda: adapter.connect({"code": "x"}), failures.ContentRejected),
            (lambda: adapter.refresh(double.access), failures.Unavailable),
        ):
            failure = failure_of(call)
            assert type(failure) is expected
            assert "COMPOSER_SLACK_CLIENT_ID" in str(failure)
            assert_words(failure)

    def test_a_missing_permission_is_named(self, double: Workspace):
        double.refuse("missing_scope", needed="chat:write", provided="channels:read")

        failure = failure_of(lambda: publish(double, frozen(double)))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "chat:write" in str(failure)

    def test_knows_its_own_mark_only(self):
        wanted = slack_messages.metadata(uuid4())

        assert slack_messages.is_of({"metadata": wanted}, wanted)
        assert not slack_messages.is_of({"metadata": {**wanted, "event_type": "another"}}, wanted)
        assert not slack_messages.is_of({"metadata": slack_messages.metadata(uuid4())}, wanted)
        for other in (None, "x", {}, {"event_type": "social_composer_delivery"}, {"event_payload": 5}):
            assert not slack_messages.is_of({"metadata": other}, wanted)
