"""X's adapter against the sandbox, over real HTTP: every promise, and what it promises besides."""

import base64
import hashlib
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from socialcore import failures
from socialcore.adapters import twitter, twitter_media
from socialcore.adapters.apps import App
from socialcore.adapters.contract import Json, Lookups, Picture, ReadBack, Receipt, Target
from socialcore.adapters.twitter import Twitter
from socialcore.posts import Content, MediaReference, Variant
from tests import faulty_proxy
from tests.contract.suite import (
    CALLBACK,
    POST,
    THREAD,
    AdapterContract,
    Shelf,
    assert_words,
    failure_of,
    freeze,
    frozen,
    pictured,
    publish,
)
from tests.contract.twitter import TwitterDouble
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def double(sandbox: Sandbox) -> Iterator[TwitterDouble]:
    with FaultyProxy(sandbox.url) as proxy, closing(TwitterDouble(sandbox, proxy)) as made:
        yield made
    complaints = sandbox.complaints()
    sandbox.reset()
    assert complaints == []


class TestXAtTheSandbox(AdapterContract):
    """Every promise, kept against the platform double that the product ships."""

    # What it writes

    def test_writes_what_was_rendered_and_no_more(self, double: TwitterDouble):
        publish(double, frozen(double, Content(text="Fresh bread", options={"reply_settings": "mentionedUsers"})))

        assert [each["body"] for each in double.records()] == [
            {"text": "Fresh bread", "reply_settings": "mentionedUsers"}
        ]

    def test_each_part_of_a_thread_answers_the_one_before(self, double: TwitterDouble):
        receipts: list[Receipt] = []
        for rendered in double.adapter.render(replace(THREAD, options={"reply_settings": "following"}), Lookups()):
            wire = freeze(double, rendered, earlier=[each.remote_id for each in receipts])
            receipts.append(publish(double, wire))

        first, second, third = (each["body"] for each in double.records())
        assert first == {"text": THREAD.text, "reply_settings": "following"}
        assert second == {"text": THREAD.parts[0], "reply": {"in_reply_to_tweet_id": receipts[0].remote_id}}
        assert third == {"text": THREAD.parts[1], "reply": {"in_reply_to_tweet_id": receipts[1].remote_id}}

    @pytest.mark.parametrize(
        "text",
        [
            "Order at https://example.com/menu?a=1&copy=2#today now",
            "Order at example.com or http://shop.example.org/x.",
            "Bread & butter <today> &amp; tomorrow",
            "Cafe\N{COMBINING ACUTE ACCENT} https://example.com/",
            "  Spaces around  ",
            "two https://example.com/a https://example.com/a",
        ],
    )
    def test_recognises_its_words_however_x_gives_them_back(self, double: TwitterDouble, text: str):
        wire = frozen(double, Content(text=text))
        receipt = publish(double, wire)
        assert double.records()[0]["text"] != text

        assert double.adapter.find_existing(double.access, wire) == receipt
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    def test_does_not_recognise_another_link(self, double: TwitterDouble):
        publish(double, frozen(double, Content(text="Order at https://example.com/a")))

        other = frozen(double, Content(text="Order at https://example.com/b"))

        assert double.adapter.find_existing(double.access, other) is None

    # Finding what an attempt left behind

    def test_a_duplicate_is_a_sign_that_is_looked_into(self, double: TwitterDouble):
        wire = frozen(double)
        receipt = publish(double, wire)

        failure = failure_of(lambda: publish(double, wire))

        assert isinstance(failure, failures.OutcomeUnknown)
        assert "already" in str(failure)
        assert double.adapter.find_existing(double.access, wire) == receipt
        assert double.public_posts() == [POST.text]

    def test_what_was_there_before_the_first_attempt_is_not_its_post(self, double: TwitterDouble):
        publish(double, frozen(double))
        (rendered,) = double.adapter.render(POST, Lookups())
        later = datetime.now(UTC) + timedelta(minutes=5)

        wire = double.adapter.freeze(double.user_id, rendered, delivery_id=uuid4(), at=later).wire

        assert double.adapter.find_existing(double.access, wire) is None

    def test_looks_through_every_page(self, double: TwitterDouble, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(twitter, "PAGE", 5)
        wire = frozen(double)
        receipt = publish(double, wire)
        for number in range(6):
            publish(double, frozen(double, Content(text=f"Loaf {number}")))

        assert double.adapter.find_existing(double.access, wire) == receipt

    def test_does_not_call_it_absent_while_there_are_pages_left(
        self, double: TwitterDouble, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(twitter, "PAGE", 5)
        monkeypatch.setattr(twitter, "MOST_PAGES", 1)
        wire = frozen(double)
        for number in range(6):
            publish(double, frozen(double, Content(text=f"Loaf {number}")))

        assert isinstance(failure_of(lambda: double.adapter.find_existing(double.access, wire)), failures.Unavailable)

    def test_the_same_words_with_another_picture_are_another_post(self, double: TwitterDouble):
        wires = [brought(double, "A loaf")[0] for _ in range(2)]

        receipts = [publish(double, wire) for wire in wires]

        assert [double.adapter.find_existing(double.access, wire) for wire in wires] == receipts

    def test_a_reply_to_what_was_deleted_is_for_the_operator(self, double: TwitterDouble):
        first, second, _ = double.adapter.render(THREAD, Lookups())
        start = publish(double, freeze(double, first))
        double.adapter.delete(double.access, start.remote_id)

        failure = failure_of(lambda: publish(double, freeze(double, second, earlier=[start.remote_id])))

        assert isinstance(failure, failures.ContentRejected)
        assert "deleted" in str(failure)

    def test_a_reply_that_is_not_allowed_is_for_the_operator(self, double: TwitterDouble):
        first, second, _ = double.adapter.render(THREAD, Lookups())
        start = publish(double, freeze(double, first))
        double.sandbox.fault("reply_not_allowed", platform="twitter", account=double.user_id)

        failure = failure_of(lambda: publish(double, freeze(double, second, earlier=[start.remote_id])))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)

    # Media

    def test_uploads_nothing_again_that_x_has(self, double: TwitterDouble):
        wire, rendered, shelf = brought(double, "A loaf", "")
        before = double.heard()

        assert double.adapter.upload(double.access, rendered, shelf, wire=wire) == {}

        assert double.heard() == before

    def test_describes_only_what_has_a_description(self, double: TwitterDouble):
        brought(double, "A loaf", "")

        assert double.proxy.count("/2/media/metadata") == 1
        assert double.proxy.count("/2/media/upload") == 2

    def test_notices_another_description(self, double: TwitterDouble):
        wire, _, _ = brought(double, "A loaf")
        receipt = publish(double, wire)
        (media_id,) = wire["body"]["media"]["media_ids"]
        double.call("POST", "/2/media/metadata", json={"id": media_id, "metadata": {"alt_text": {"text": "A cat"}}})

        shown = double.adapter.read_back(double.access, wire, receipt.remote_id)

        assert shown == ReadBack("mismatch", "alternative text")

    def test_pictures_need_no_words(self, double: TwitterDouble):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(replace(content, text=""), Lookups(picture=shelf.picture))
        uploaded = double.adapter.upload(double.access, rendered, shelf, wire=None)
        wire = freeze(double, rendered, uploaded=uploaded)
        assert double.adapter.validate(replace(content, text="")) == []

        receipt = publish(double, wire)

        assert "text" not in wire["body"]
        assert double.adapter.find_existing(double.access, wire) == receipt
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    def test_pictures_that_x_has_forgotten_are_said_to_be(self, double: TwitterDouble):
        wire, _, _ = brought(double, "A loaf")
        wire["body"]["media"]["media_ids"] = ["1"]

        failure = failure_of(lambda: publish(double, wire))

        assert isinstance(failure, failures.ContentRejected)
        assert "no longer has" in str(failure)
        double.sandbox.clear_complaints()

    def test_brings_a_video_in_segments_and_waits_until_x_has_looked_at_it(self, double: TwitterDouble):
        rendered, shelf = filmed(double, twitter_media.SEGMENT * 2 + 5)

        uploaded = double.adapter.upload(double.access, rendered, shelf, wire=None)
        wire = freeze(double, rendered, uploaded=uploaded)
        receipt = publish(double, wire)

        assert double.proxy.count("/append") == 3
        assert double.proxy.count("command=STATUS") == 1
        kept = httpx.get(f"{double.sandbox.url}/twitter/media/{uploaded['media_ids'][0]}", trust_env=False)
        assert kept.content == shelf.contents["film"]
        assert double.adapter.read_back(double.access, wire, receipt.remote_id) == ReadBack("match")

    def test_a_video_that_x_can_make_nothing_of_is_for_the_operator(self, double: TwitterDouble):
        rendered, shelf = filmed(double, 1000)
        double.sandbox.fault("media_failed", platform="twitter", account=double.user_id)

        failure = failure_of(lambda: double.adapter.upload(double.access, rendered, shelf, wire=None))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)

    def test_one_video_or_pictures(self, double: TwitterDouble):
        rendered, shelf = filmed(double, 10)
        both = {**rendered, "pictures": rendered["pictures"] * 2}
        before = double.heard()

        failure = failure_of(lambda: double.adapter.upload(double.access, both, shelf, wire=None))

        assert isinstance(failure, failures.ContentRejected)
        assert double.heard() == before

    # What it costs

    @pytest.mark.parametrize(
        ("text", "price"),
        [
            ("Fresh bread", "0.015"),
            ("Fresh bread: example.com", "0.200"),
            ("https://example.com/menu", "0.200"),
            ("Fresh bread, 3.50", "0.015"),
        ],
    )
    def test_says_what_x_charges(self, double: TwitterDouble, text: str, price: str):
        (rendered,) = double.adapter.render(Content(text=text), Lookups())
        publish(double, freeze(double, rendered))

        assert double.adapter.cost(rendered) == Decimal(price) == Decimal(double.records()[0]["cost"])

    def test_says_what_descriptions_cost(self, double: TwitterDouble):
        content, shelf = pictured("A loaf", "", "Rolls")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))

        assert double.adapter.cost(rendered) == Decimal("0.025")

    def test_waits_for_credit(self, double: TwitterDouble):
        double.sandbox.open_account("twitter", username=double.username, credit="0.02")
        publish(double, frozen(double, Content(text="The last one")))

        failure = failure_of(lambda: publish(double, frozen(double)))

        assert isinstance(failure, failures.RateLimited)
        assert (failure.wait, failure.whose, failure.kind) == (timedelta(hours=1), "platform", "RateLimited")
        assert "credit" in str(failure)
        assert_words(failure)
        assert double.public_posts() == ["The last one"]

    # Sign-ins

    def test_asks_for_what_it_needs_and_proves_that_it_asked(self):
        departure = Twitter(App("https://api.x.com", "our-id", "our-secret")).depart(
            {}, redirect_uri="https://composer.example.com/oauth/twitter", state="abc"
        )

        url = urlsplit(departure.url)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert url._replace(query="").geturl() == "https://x.com/i/oauth2/authorize"
        proof = base64.urlsafe_b64encode(hashlib.sha256(departure.keep["verifier"].encode()).digest())
        assert asked == {
            "response_type": "code",
            "client_id": "our-id",
            "redirect_uri": "https://composer.example.com/oauth/twitter",
            "scope": "tweet.read tweet.write users.read media.write offline.access",
            "state": "abc",
            "code_challenge": proof.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        assert 43 <= len(departure.keep["verifier"]) <= 128  # RFC 7636, 4.1

    def test_an_installation_without_a_registration_says_so(self):
        unregistered = Twitter(None)

        for call in (
            lambda: unregistered.depart({}, redirect_uri=CALLBACK, state="abc"),
            lambda: unregistered.connect({"code": "abc"}),
        ):
            failure = failure_of(call)
            assert isinstance(failure, failures.ContentRejected)
            assert "COMPOSER_TWITTER_CLIENT_ID" in str(failure)

    def test_a_wrong_secret_of_our_app_is_no_fault_of_the_sign_in(self, double: TwitterDouble):
        answer = double.answer
        elsewhere = double.registered_as(replace(double.app, client_secret="mistyped"))

        for call in (lambda: elsewhere.connect(answer), lambda: elsewhere.refresh(double.access)):
            failure = failure_of(call)
            assert isinstance(failure, failures.Unavailable)
            assert "COMPOSER_TWITTER_CLIENT_SECRET" in str(failure)
            assert "mistyped" not in str(failure)
        double.sandbox.clear_complaints()
        double.adapter.check(replace(double.access, secret=double.adapter.refresh(double.access).secret))

    def test_a_refresh_token_is_good_once(self, double: TwitterDouble):
        granted = double.adapter.refresh(double.access)

        failure = failure_of(lambda: double.adapter.refresh(double.access))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert_words(failure)
        double.adapter.check(replace(double.access, secret=granted.secret))
        assert granted.secret["refresh"] != double.access.secret["refresh"]

    def test_a_refresh_whose_answer_got_lost_is_not_made_again(self, double: TwitterDouble):
        double.proxy.misbehave(faulty_proxy.lose_reply, on="/2/oauth2/token")

        failure = failure_of(lambda: double.adapter.refresh(double.access))

        assert isinstance(failure, failures.Unavailable)
        assert double.proxy.count("/2/oauth2/token") == 1
        assert isinstance(failure_of(lambda: double.adapter.refresh(double.access)), failures.ReconnectNeeded)

    def test_what_is_given_back_opens_nothing(self, double: TwitterDouble):
        double.adapter.revoke(double.access)

        assert isinstance(failure_of(lambda: double.adapter.check(double.access)), failures.CredentialExpired)
        assert isinstance(failure_of(lambda: double.adapter.refresh(double.access)), failures.ReconnectNeeded)

    @pytest.mark.parametrize(
        "answer", [{}, {"code": ""}, {"error": "server_error"}, {"error": "server_error", "code": "abc"}]
    )
    def test_asks_nobody_when_the_browser_brings_nothing(self, double: TwitterDouble, answer: dict[str, str]):
        before = double.heard()

        failure = failure_of(lambda: double.adapter.connect(answer))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert_words(failure)
        assert double.heard() == before

    def test_another_verifier_connects_nothing(self, double: TwitterDouble):
        failure = failure_of(lambda: double.adapter.connect({**double.answer, "verifier": "x" * 43}))

        assert isinstance(failure, failures.ReconnectNeeded)

    def test_a_suspended_account_is_said_to_be(self, double: TwitterDouble):
        double.close_account()

        for call in (double.adapter.check, lambda _: publish(double, frozen(double))):
            failure = failure_of(lambda call=call: call(double.access))
            assert isinstance(failure, failures.ReconnectNeeded)
            assert "suspended" in str(failure)


def brought(double: TwitterDouble, *alts: str) -> tuple[Json, Json, Shelf]:
    """A frozen post whose pictures X has already; what was rendered; where the pictures are."""
    content, shelf = pictured(*alts)
    (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
    uploaded = double.adapter.upload(double.access, rendered, shelf, wire=None)
    return freeze(double, rendered, uploaded=uploaded), rendered, shelf


def filmed(double: TwitterDouble, size: int) -> tuple[Json, Shelf]:
    """A post with a video of so many bytes, and where the video is."""
    content = random.Random(7).randbytes(size)
    film = Picture("film", "video/mp4", size, 1280, 720)
    (rendered,) = double.adapter.render(
        Content(text="How we bake", media=(MediaReference(id="film"),)), Lookups(picture=lambda _: film)
    )
    return rendered, Shelf({"film": content})


SHOP = Target("77", "HarborBakery")
API = "https://api.x.com"


@pytest.mark.parametrize(
    "link",
    [
        "https://x.com/HarborBakery/status/1900000000000000001",
        "https://twitter.com/harborbakery/status/1900000000000000001?s=20&t=abc",
        "https://mobile.twitter.com/HarborBakery/status/1900000000000000001/photo/1",
        "x.com/i/web/status/1900000000000000001",
        "https://www.x.com/i/status/1900000000000000001/",
        " https://X.com/HarborBakery/statuses/1900000000000000001#m\n",
    ],
)
def test_reads_the_links_people_copy(link: str):
    found = Twitter(None).locate(API, SHOP, link)

    assert found == Receipt("1900000000000000001", "https://x.com/i/status/1900000000000000001")


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://x.com/HarborBakery",
        "https://x.com/SomebodyElse/status/1900000000000000001",
        "https://x.com.example.com/HarborBakery/status/1",
        "https://nitter.example.com/HarborBakery/status/1",
        "https://x.com/HarborBakery/status/12345678901234567890",
        "https://x.com/HarborBakery/status/1٣",
        "https://[x.com/HarborBakery/status/1",
        "https://x.com/HarborBakery/status/1/likes",
    ],
)
def test_reads_no_other_link(link: str):
    assert Twitter(None).locate(API, SHOP, link) is None


def problems(**content: Any) -> list[tuple[str, str]]:
    return [(each.title, each.severity) for each in Twitter(None).validate(Content(**content))]


class TestValidation:
    def test_every_part_is_measured(self):
        assert problems(text="x" * 280, parts=("y" * 281, "")) == [
            ("X, part 2 of 3: 1 character too long", "error"),
            ("X, part 3 of 3: empty", "error"),
        ]
        assert Twitter(None).usage(Content(text="x", parts=("y" * 281,)))[0].used == 281

    def test_a_variant_has_parts_of_its_own(self):
        variant = Variant(text="Fresh", parts=())

        assert problems(text="x" * 281, parts=("y" * 281,), variants={"twitter": variant}) == []
        assert len(Twitter(None).render(Content(text="x", parts=("y",), variants={"twitter": variant}), Lookups())) == 1

    def test_more_than_one_cashtag_is_refused_and_a_mention_warned_of(self):
        assert problems(text="$BREAD and $ROLLS") == [("X: more than one cashtag", "error")]
        assert problems(text="$BREAD") == []
        assert problems(text="Ask @harborbakery") == [("X: mentions somebody", "warning")]

    def test_characters_that_x_refuses_are_named(self):
        assert problems(text="Fresh\ufeff bread") == [("X: has a character that X refuses", "error")]

    def test_who_may_reply_is_one_of_xs_choices(self):
        assert problems(text="Fresh", options={"reply_settings": "verified"}) == []
        (problem,) = problems(text="Fresh", options={"reply_settings": "nobody"})
        assert problem[1] == "error"

    def test_words_shown_are_what_x_makes_of_a_text(self):
        text = "Ask @harbor: example.com #bread $BRD!"
        (rendered,) = Twitter(None).render(Content(text=text), Lookups())

        (shown,) = Twitter(None).shown(rendered)
        found = shown.words

        assert "".join(piece for piece, _ in found) == text
        assert [(piece, kind) for piece, kind in found if kind] == [
            ("@harbor", "mention"),
            ("example.com", "link"),
            ("#bread", "tag"),
            ("$BRD", "tag"),
        ]
