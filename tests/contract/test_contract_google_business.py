"""Google's adapter against the sandbox, over real HTTP: the contract's promises, and some of its own."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from socialcore import failures
from socialcore.adapters.apps import App
from socialcore.adapters.contract import Lookups, ReadBack
from socialcore.adapters.google_business import MANAGE, GoogleBusiness
from socialcore.posts import Content, MediaReference
from tests.contract.google_business import PLATFORM, GoogleDouble
from tests.contract.suite import (
    CALLBACK,
    POST,
    AdapterContract,
    Shelf,
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
from tests.faulty_proxy import FaultyProxy
from tests.sandbox import Sandbox, running

EVENT = {"topic": "EVENT", "title": "Bread night", "start": "2026-12-01T18:00", "end": "2026-12-01T21:30"}
OFFER = {**EVENT, "topic": "OFFER", "coupon": "RYE10", "redeem_url": "https://example.com/rye", "terms": "One each."}
BUTTON = {"type": "LEARN_MORE", "url": "https://example.com/bread"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def double(sandbox: Sandbox) -> Iterator[GoogleDouble]:
    with FaultyProxy(sandbox.url) as proxy, closing(GoogleDouble(sandbox, proxy)) as made:
        yield made
    complaints = sandbox.complaints()
    sandbox.reset()
    assert complaints == []


class TestGoogleBusinessAtTheSandbox(AdapterContract):
    """Every promise, kept against the platform double that the product ships."""


def written(double: GoogleDouble, content: Content) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """Publish; the wire, what the platform has of it, and its name there."""
    wire = frozen(double, content)
    receipt = publish(double, wire)
    (post,) = (each for each in double.posts() if each["name"] == receipt.remote_id)
    return wire, post, receipt.remote_id


class TestWhatItWrites:
    def test_an_update_with_a_button(self, double: GoogleDouble):
        content = Content(text=POST.text, options={"call_to_action": BUTTON, "language": "en"})

        wire, post, name = written(double, content)

        assert re.fullmatch(r"accounts/\d+/locations/\d+/localPosts/\d+", name)
        assert (post["topicType"], post["summary"], post["languageCode"]) == ("STANDARD", POST.text, "en")
        assert post["callToAction"] == {"actionType": "LEARN_MORE", "url": "https://example.com/bread"}
        assert double.adapter.read_back(double.access, dict(wire), name) == ReadBack("match")

    def test_an_event_with_all_four_parts_of_its_schedule(self, double: GoogleDouble):
        wire, post, name = written(
            double, Content(text=POST.text, options={**EVENT, "call_to_action": {"type": "CALL"}})
        )

        assert wire["post"]["event"] == {
            "title": "Bread night",
            "schedule": {
                "startDate": {"year": 2026, "month": 12, "day": 1},
                "startTime": {"hours": 18, "minutes": 0, "seconds": 0},
                "endDate": {"year": 2026, "month": 12, "day": 1},
                "endTime": {"hours": 21, "minutes": 30, "seconds": 0},
            },
        }
        assert post["event"]["schedule"]["startTime"] == {"hours": 18}  # as Google shows it: without what is zero
        assert post["callToAction"] == {"actionType": "CALL"}
        assert double.adapter.read_back(double.access, dict(wire), name) == ReadBack("match")

    def test_an_offer_and_no_button(self, double: GoogleDouble):
        wire, post, name = written(double, Content(text=POST.text, options={**OFFER, "call_to_action": BUTTON}))

        assert post["offer"] == {
            "couponCode": "RYE10",
            "redeemOnlineUrl": "https://example.com/rye",
            "termsConditions": "One each.",
        }
        assert "callToAction" not in wire["post"]
        assert double.adapter.read_back(double.access, dict(wire), name) == ReadBack("match")

    def test_leaves_out_options_of_other_platforms(self, double: GoogleDouble):
        written(double, Content(text=POST.text, options={"langs": ["en"], "threadgate": []}))

    @pytest.mark.parametrize(
        ("field", "value", "differs"),
        [
            ("event", {"title": "Cake night", "schedule": {}}, "event"),
            ("callToAction", {"actionType": "BOOK", "url": "https://example.com/bread"}, "callToAction"),
            ("topicType", "OFFER", "topicType"),
            ("media", [], "media"),
        ],
    )
    def test_notices_each_part_that_is_not_as_it_was_sent(
        self, double: GoogleDouble, field: str, value: Any, differs: str
    ):
        content = Content(text=POST.text, options={**EVENT, "call_to_action": BUTTON})
        wire = frozen(double, content)
        receipt = publish(double, wire)
        sent = {**wire["post"], "media": [{}]} if field == "media" else {**wire["post"], field: value}

        shown = double.adapter.read_back(double.access, {**wire, "post": sent}, receipt.remote_id)

        assert shown == ReadBack("mismatch", differs)


class TestLooking:
    def test_the_same_words_as_another_kind_of_post_are_not_it(self, double: GoogleDouble):
        publish(double, frozen(double))

        assert double.adapter.find_existing(double.access, frozen(double, replace(POST, options=EVENT))) is None

    def test_what_was_there_long_before_is_not_it(self, double: GoogleDouble):
        publish(double, frozen(double))
        later = {**frozen(double), "at": "2099-01-01T00:00:00+00:00"}

        assert double.adapter.find_existing(double.access, later) is None

    def test_looks_through_every_page(self, double: GoogleDouble):
        double.sandbox.fault("slow_review", platform=PLATFORM, seconds=0)
        wire = frozen(double)
        receipt = publish(double, wire)
        for number in range(9):
            publish(double, frozen(double, Content(text=f"Loaf {number}")))
        double.proxy.requests.clear()

        found = double.adapter.find_existing(double.access, wire)

        assert found == receipt
        (asked,) = double.proxy.requests
        assert parse_qs(urlsplit(asked.path).query) == {"pageSize": ["100"]}

    def test_the_name_of_a_post_is_a_link_to_it(self, double: GoogleDouble):
        receipt = publish(double, frozen(double))

        found = double.adapter.locate(double.access.service, double.target, receipt.remote_id)

        assert found is not None
        assert found.remote_id == receipt.remote_id

    @pytest.mark.parametrize(
        "link",
        [
            "https://local.google.com/place?id=9265023520374253951&use=posts&lpsid=CIHM0ogKEICAgIDX8fag8AE",
            "accounts/1/locations/2/localPosts/3",
            "https://[::1",
            "",
        ],
    )
    def test_a_link_that_does_not_say_which_post_is_none(self, double: GoogleDouble, link: str):
        assert double.adapter.locate(double.access.service, double.target, link) is None


class TestWhoSignsIn:
    def test_asks_for_what_it_needs_and_for_good(self, double: GoogleDouble):
        departure = double.adapter.depart({}, redirect_uri=CALLBACK, state="s")

        asked = {name: values[0] for name, values in parse_qs(urlsplit(departure.url).query).items()}
        assert asked["scope"].split() == ["openid", MANAGE]
        assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
        assert (asked["include_granted_scopes"], asked["code_challenge_method"]) == ("true", "S256")

    def test_at_google_itself_each_api_has_a_server_of_its_own(self):
        adapter = GoogleBusiness(App("https://mybusiness.googleapis.com", "id", "s3cret"))

        url = adapter.depart({}, redirect_uri=CALLBACK, state="s").url

        assert url.startswith("https://accounts.google.com/o/oauth2/v2/auth?")

    def test_offers_every_location_of_every_account_by_name_and_address(self, double: GoogleDouble):
        email = "chain@harbor-bakery.example"
        shops = [{"title": "Harbor Café", "street": f"{number} Mill Lane", "city": "Bath"} for number in range(130)]
        many = [{"name": f"Branch {number}", "locations": []} for number in range(24)]
        double.sandbox.open_account(PLATFORM, email=email, accounts=[*many, {"name": "Cafés", "locations": shops}])
        double.email = email

        granted = double.adapter.connect(double.answer)

        assert len({target.id for target in granted.targets}) == 130
        assert {target.name for target in granted.targets} == {"Harbor Café"}
        assert "17 Mill Lane, Bath" in {target.detail for target in granted.targets}

    def test_two_shops_of_one_name_differ_by_their_address(self, double: GoogleDouble):
        granted = double.adapter.connect(double.answer)

        assert sorted((target.name, target.detail) for target in granted.targets) == [
            ("Harbor Bakery", "12 Quay Street, Portland, ME"),
            ("Harbor Bakery", "480 Congress Street, Portland, ME"),
        ]

    def test_somebody_without_a_location_connects_nothing(self, double: GoogleDouble):
        double.sandbox.open_account(PLATFORM, email="nobody@example.com", accounts=[{"name": "Nothing yet"}])
        double.email = "nobody@example.com"

        failure = failure_of(lambda: double.adapter.connect(double.answer))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "no location" in str(failure)
        assert_words(failure)

    def test_an_installation_without_a_registration_says_what_is_missing(self):
        failure = failure_of(lambda: GoogleBusiness(None).depart({}, redirect_uri=CALLBACK, state="s"))

        assert isinstance(failure, failures.ContentRejected)
        assert "COMPOSER_GOOGLE_BUSINESS_CLIENT_ID" in str(failure)
        assert_words(failure)

    def test_a_wrong_secret_of_ours_is_nobody_elses_fault(self, double: GoogleDouble):
        adapter = GoogleBusiness(App(double.access.service, "social-composer", "wrong"), double.client)

        for call in (lambda: adapter.connect(double.answer), lambda: adapter.refresh(double.access)):
            failure = failure_of(call)
            assert isinstance(failure, failures.Unavailable)
            assert "registration" in str(failure)
            assert_words(failure)

    def test_the_refresh_token_stays_through_a_refresh(self, double: GoogleDouble):
        granted = double.adapter.refresh(double.access)
        again = double.adapter.refresh(double.access)

        assert granted.secret["refresh"] == again.secret["refresh"] == double.secret["refresh"]
        assert granted.secret["access"] != double.secret["access"]
        assert granted.subject == double.secret["subject"]

    def test_a_workspace_that_wants_its_people_back_says_so(self, double: GoogleDouble):
        double.sandbox.fault("reauthentication", platform=PLATFORM, account=double.email)

        failure = failure_of(lambda: double.adapter.refresh(double.access))

        assert isinstance(failure, failures.ReconnectNeeded)
        assert "sign in again" in str(failure)
        assert_words(failure)

    def test_tells_what_the_location_is_called_now(self, double: GoogleDouble):
        assert double.adapter.check(double.access).name == "Harbor Bakery"


class TestLocations:
    @pytest.mark.parametrize("kind", ["access_lost", "location_gone"])
    def test_a_lost_location_does_not_end_the_sign_in_of_the_others(self, double: GoogleDouble, kind: str):
        other = next(each["name"] for each in double.locations if each["name"] != double.target.id)
        double.sandbox.fault(kind, platform=PLATFORM, account=double.target.id.rpartition("/")[2])

        for call in (
            lambda: publish(double, frozen(double)),
            lambda: double.adapter.check(double.access),
            lambda: double.adapter.find_existing(double.access, frozen(double)),
            lambda: double.adapter.recent(double.access),
        ):
            failure = failure_of(call)
            assert isinstance(failure, failures.ContentRejected)
            assert "location" in str(failure)
            assert_words(failure)
        elsewhere = replace(double.access, target_id=other)
        double.adapter.publish(elsewhere, frozen(double), before_write=go)

    def test_somebody_elses_location_is_not_ours_to_write_to(self, double: GoogleDouble):
        theirs = double.sandbox.open_account(PLATFORM, email="florist@example.com")["locations"][0]["name"]
        elsewhere = replace(double.access, target_id=theirs)

        failure = failure_of(lambda: double.adapter.publish(elsewhere, frozen(double), before_write=go))

        assert isinstance(failure, failures.ContentRejected)

    def test_a_location_that_takes_no_posts_says_what_to_do(self, double: GoogleDouble):
        double.sandbox.fault("location_disabled", platform=PLATFORM)

        failure = failure_of(lambda: publish(double, frozen(double)))

        assert isinstance(failure, failures.ContentRejected)
        assert "by hand" in str(failure)
        assert_words(failure)

    def test_an_api_that_was_not_opened_to_us_is_not_the_operators_matter(self, double: GoogleDouble):
        double.sandbox.fault("api_disabled", platform=PLATFORM)

        failure = failure_of(lambda: publish(double, frozen(double)))

        assert isinstance(failure, failures.Unavailable)
        assert "administrator" in str(failure)
        assert_words(failure)

    def test_ten_edits_a_minute_and_then_this_location_waits(self, double: GoogleDouble):
        for number in range(10):
            publish(double, frozen(double, Content(text=f"Loaf {number}")))

        failure = failure_of(lambda: publish(double, frozen(double)))

        assert isinstance(failure, failures.RateLimited)
        assert (failure.whose, failure.wait.total_seconds()) == ("connection", 60)
        other = next(each["name"] for each in double.locations if each["name"] != double.target.id)
        double.adapter.publish(replace(double.access, target_id=other), frozen(double), before_write=go)


class TestPhotos:
    def sent(self, double: GoogleDouble, content: bytes, *, there: bool = True) -> BaseException:
        shelf = Shelf({"photo": content})
        with shelf.served() as served:
            rendered = {
                **double.adapter.render(POST, Lookups())[0],
                "pictures": [{"id": "photo" if there else "another", "media_type": "image/png"}],
            }
            uploaded = double.adapter.upload(double.access, rendered, served, wire=None)
            return failure_of(lambda: publish(double, freeze(double, rendered, uploaded=uploaded)))

    @pytest.mark.parametrize(
        ("kind", "size"),
        [("PNG", (300, 249)), ("PNG", (20, 20)), ("GIF", (400, 400)), ("WEBP", (400, 400)), ("PNG", (1500, 1500))],
        ids=["short", "light", "gif", "webp", "heavy"],
    )
    def test_a_photo_that_google_would_not_take_publishes_nothing(
        self, double: GoogleDouble, kind: str, size: tuple[int, int]
    ):
        content = BytesIO()
        Image.effect_noise(size, 90).convert("RGB").save(content, kind)
        noisy = content.getvalue() + (b"\0" * 5_000_000 if size == (1500, 1500) else b"")

        failure = self.sent(double, noisy)

        assert isinstance(failure, failures.Unavailable)
        assert "photo" in str(failure)
        assert_words(failure)
        assert double.posts() == []

    def test_a_photo_that_is_not_there_publishes_nothing(self, double: GoogleDouble):
        assert isinstance(self.sent(double, b"", there=False), failures.Unavailable)
        assert double.posts() == []

    def test_a_video_is_refused_before_anything_is_sent(self, double: GoogleDouble):
        rendered = {**double.adapter.render(POST, Lookups())[0], "pictures": [{"id": "v", "media_type": "video/mp4"}]}
        before = double.heard()

        failure = failure_of(lambda: double.adapter.upload(double.access, rendered, Shelf(), wire=None))

        assert isinstance(failure, failures.ContentRejected)
        assert_words(failure)
        assert double.heard() == before

    def test_a_photo_that_is_there_the_next_time_publishes(self, double: GoogleDouble):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        double.sandbox.fault("media_failed", platform=PLATFORM, times=1)
        with shelf.served() as served:
            wire = freeze(double, rendered, uploaded=double.adapter.upload(double.access, rendered, served, wire=None))

            assert isinstance(failure_of(lambda: publish(double, wire)), failures.Unavailable)
            receipt = publish(double, wire)

        assert reads_back(double, wire, receipt) == "match"
        assert double.adapter.upload(double.access, rendered, shelf, wire=wire) == {}

    def test_a_lost_reply_to_a_post_with_a_photo_is_found(self, double: GoogleDouble):
        content, shelf = pictured("A loaf")
        (rendered,) = double.adapter.render(content, Lookups(picture=shelf.picture))
        with shelf.served() as served:
            wire = freeze(double, rendered, uploaded=double.adapter.upload(double.access, rendered, served, wire=None))
            double.suffer(Trouble.LOST_REPLY)
            failure_of(lambda: publish(double, wire))

        assert double.adapter.find_existing(double.access, wire) is not None


class TestWhatTheDoubleRefuses:
    """What the product would not send: that the double notices is what makes its silence worth something."""

    @pytest.fixture
    def post(self, double: GoogleDouble) -> Iterator[Any]:
        def sent(body: Any, path: str = "/localPosts", **rest: Any) -> httpx.Response:
            return httpx.post(
                f"{double.sandbox.url}/{PLATFORM}/v4/{double.target.id}{path}",
                json=body,
                headers={"Authorization": f"Bearer {double.secret['access']}"},
                trust_env=False,
                **rest,
            )

        yield sent
        double.sandbox.clear_complaints()

    @pytest.mark.parametrize(
        ("body", "about"),
        [
            ({"topicType": "STANDARD", "summary": "Hi", "colour": "red"}, "unknown field local_post.colour"),
            ({"topicType": "NEWS", "summary": "Hi"}, "local_post.topic_type is 'NEWS'"),
            ({"topicType": "STANDARD", "summary": 5}, "local_post.summary is 5"),
            ({"topicType": "STANDARD", "summary": "Hi", "callToAction": {"actionType": "BUY"}}, "action_type is 'BUY'"),
            ({"topicType": "STANDARD", "summary": "Hi", "state": "LIVE"}, "state is for output only"),
            ([], "no JSON object"),
        ],
    )
    def test_complains_of_what_no_reference_knows(self, double: GoogleDouble, post: Any, body: Any, about: str):
        post(body)

        assert any(about in complaint["about"] for complaint in double.sandbox.complaints())

    def test_complains_of_a_path_without_the_account(self, double: GoogleDouble, post: Any):
        answer = httpx.get(f"{double.sandbox.url}/{PLATFORM}/v4/locations/1/localPosts", trust_env=False)

        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "no such path" in double.sandbox.complaints()[0]["about"]

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"topicType": None}, "topic_type"),
            ({"summary": "x" * 1501}, "summary"),
            ({"topicType": "EVENT"}, "event.title"),
            ({"topicType": "EVENT", "event": {"title": "x" * 59}}, "event.title"),
            ({"topicType": "OFFER", "event": {"title": "Rye", "schedule": {}}}, "event.schedule.start_date"),
            ({"callToAction": {"actionType": "BOOK"}}, "call_to_action.url"),
        ],
    )
    def test_names_the_field_that_is_wrong(self, post: Any, more: Mapping[str, Any], field: str):
        body = {"topicType": "STANDARD", "summary": "Hi", **more}

        answer = post({name: value for name, value in body.items() if value is not None})

        assert answer.status_code == 400
        (detail,) = answer.json()["error"]["details"]
        assert detail["errorDetails"][0]["field"] == field

    def test_a_video_breaks_it_every_time(self, post: Any):
        media = [{"mediaFormat": "VIDEO", "sourceUrl": "https://example.com/bread.mp4"}]

        for _ in range(2):
            answer = post({"topicType": "STANDARD", "summary": "Hi", "media": media})
            assert (answer.status_code, answer.json()) == (500, {"error": {"code": 500, "status": "INTERNAL"}})

    def test_a_phone_number_in_the_text_is_turned_down(self, double: GoogleDouble):
        wire = frozen(double, Content(text="Order at (207) 555-0123"))

        assert reads_back(double, wire, publish(double, wire)) == "rejected"

    def test_a_restart_forgets_nothing(self, double: GoogleDouble, tmp_path: Any):
        with running(tmp_path) as first, FaultyProxy(first.url) as proxy, closing(GoogleDouble(first, proxy)) as before:
            receipt = publish(before, frozen(before))
            secret, target, email = before.secret, before.target, before.email
        with running(tmp_path) as second:
            there = replace(before.access, service=f"{second.url}/{PLATFORM}", target_id=target.id, secret=secret)
            adapter = GoogleBusiness(App(there.service, "social-composer", "sandbox-secret"), double.client)
            assert [each.receipt.remote_id for each in adapter.recent(there)] == [receipt.remote_id]
            assert adapter.refresh(there).secret["refresh"] == secret["refresh"]
            assert second.open_account(PLATFORM, email=email)["locations"][0]["name"] in {
                each["name"] for each in before.locations
            }


class TestValidation:
    @pytest.mark.parametrize(
        ("options", "title"),
        [
            ({"topic": "NEWS"}, "no topic NEWS"),
            ({**EVENT, "title": ""}, "needs a title"),
            ({**EVENT, "title": "x" * 59}, "1 character too long"),
            ({**OFFER, "end": None}, "needs a start and an end"),
            ({**EVENT, "start": "2026-12-01"}, "needs a start and an end"),
            ({**EVENT, "start": "2026-12-01T18:00+01:00"}, "needs a start and an end"),
            ({**EVENT, "end": "2026-11-30T18:00"}, "ends before it begins"),
            ({"call_to_action": {"type": "CALL", "url": "https://example.com"}}, "CALL has no link"),
            ({"call_to_action": {"type": "BOOK"}}, "link of the button BOOK"),
            ({"call_to_action": {"type": "GET_OFFER", "url": "https://example.com"}}, "no such button"),
            ({"call_to_action": "BOOK"}, "no such button"),
            ({**OFFER, "redeem_url": "example.com"}, "redeem the offer"),
            ({"language": "English language"}, "no language"),
        ],
    )
    def test_each_rule_has_words_and_a_next_step(self, options: Mapping[str, Any], title: str):
        (problem,) = GoogleBusiness(None).validate(Content(text="Fresh bread", options=options))

        assert title in problem.title
        assert problem.severity == "error"
        assert problem.next_step.endswith(".")

    @pytest.mark.parametrize(
        ("text", "options", "title"),
        [
            ("Fresh bread", {**OFFER, "call_to_action": BUTTON}, "no button on an offer"),
            ("Fresh bread", {"title": "Bread night"}, "no title and no dates"),
            ("Fresh bread", {**EVENT, "coupon": "RYE10"}, "left out of EVENT"),
            ("Call +1 207 555 0123", {}, "phone number"),
            ("Call (207) 555-0123 now", {}, "phone number"),
        ],
    )
    def test_each_doubt_is_a_warning(self, text: str, options: Mapping[str, Any], title: str):
        (problem,) = GoogleBusiness(None).validate(Content(text=text, options=options))

        assert title in problem.title
        assert problem.severity == "warning"

    @pytest.mark.parametrize(
        "text",
        [
            "Open 2026-12-01 18:00",
            "Since 01.12.2026, 7-19",
            "10 for $12.50, 1,500 sold",
            "Order 123456",
            "24/12/2026 10-14",
        ],
    )
    def test_a_date_or_a_price_is_no_phone_number(self, text: str):
        assert GoogleBusiness(None).validate(Content(text=text)) == []

    def test_parts_and_a_second_photo_are_refused(self):
        media = tuple(MediaReference(id=name) for name in "ab")

        problems = GoogleBusiness(None).validate(Content(text="Bread", parts=("And rolls",), media=media))

        assert [problem.title for problem in problems] == [
            "Google Business has no threads",
            "Google Business shows 1 photo",
        ]

    def test_an_event_needs_no_text(self):
        (rendered,) = GoogleBusiness(None).render(Content(options=EVENT), Lookups())

        assert GoogleBusiness(None).validate(Content(options=EVENT)) == []
        assert rendered["text"] == ""
        assert "summary" not in rendered["post"]

    def test_half_a_character_is_replaced(self):
        adapter = GoogleBusiness(None)
        (rendered,) = adapter.render(Content(text="Bread \ud83e"), Lookups())

        wire = adapter.freeze("accounts/1/locations/2", rendered, delivery_id=uuid4(), at=datetime.now(UTC)).wire

        assert wire["post"]["summary"] == "Bread ?"
