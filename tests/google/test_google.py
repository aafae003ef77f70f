"""What nothing in this product may ever break: the customer's core, from sign-in to a public post.

A real Postgres, a real worker, and Google's double over HTTP. CI runs this before anything else.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from socialcore import attempts, connections, flags
from socialcore.adapters.contract import Lookups
from tests.contract.suite import pictured
from tests.google.conftest import CONGRESS, QUAY, WRITE, Google
from tests.waiting import wait_for
from tests.working import worker_here

ROLLBACK = """UPDATE account_features
SET enabled = false
WHERE feature_name IN ('feature_social_composer', 'feature_bluesky_posting');"""
EVENT = {"topic": "EVENT", "title": "Bread night", "start": "2026-12-01T18:00", "end": "2026-12-01T21:30"}
OFFER = {**EVENT, "topic": "OFFER", "coupon": "RYE10", "redeem_url": "https://example.com/rye", "terms": "One each."}
BUTTON = {"call_to_action": {"type": "ORDER", "url": "https://example.com/order"}}


class TestPublishing:
    def test_of_two_shops_of_one_name_the_one_that_was_picked_publishes(self, google: Google):
        congress = google.connect(CONGRESS)
        quay = google.connect(QUAY)
        delivery_id = google.submit(congress)

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [delivery_id])

        (post,) = google.posts()
        assert post["location"] == congress.target_id != quay.target_id
        assert congress.name == quay.name == "Harbor Bakery"

    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            (
                BUTTON,
                {"topicType": "STANDARD", "callToAction": {"actionType": "ORDER", "url": "https://example.com/order"}},
            ),
            (
                {**EVENT, "call_to_action": {"type": "CALL"}},
                {"topicType": "EVENT", "callToAction": {"actionType": "CALL"}},
            ),
            (
                OFFER,
                {
                    "topicType": "OFFER",
                    "offer": {
                        "couponCode": "RYE10",
                        "redeemOnlineUrl": "https://example.com/rye",
                        "termsConditions": "One each.",
                    },
                },
            ),
        ],
        ids=["update", "event", "offer"],
    )
    def test_an_update_an_event_and_an_offer(
        self, google: Google, options: Mapping[str, Any], shown: Mapping[str, Any]
    ):
        delivery_id = google.submit(google.connect(), options=options)

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [delivery_id])

        (post,) = google.posts()
        assert {name: post[name] for name in shown} == shown
        delivery = google.watch.delivery(delivery_id)
        assert (delivery["read_back"], delivery["remote_id"], delivery["attempt"]) == ("match", post["name"], 1)

    def test_google_fetches_the_photo_from_our_address(self, google: Google):
        content, shelf = pictured("A loaf")
        connection = google.connect()
        delivery_id = google.submit(connection, media=content.media, lookups=Lookups(picture=shelf.picture))

        with shelf.served() as served, worker_here(google.business.installation, media=lambda _account: served):
            google.watch.wait_until("confirmed", [delivery_id])

        (post,) = google.posts()
        assert [each["googleUrl"] for each in post["media"]] == [served.public_url(content.media[0].id)]
        assert google.watch.delivery(delivery_id)["read_back"] == "match"

    def test_a_photo_that_google_cannot_fetch_yet_is_tried_again(self, google: Google):
        content, shelf = pictured("A loaf")
        connection = google.connect()
        delivery_id = google.submit(connection, media=content.media, lookups=Lookups(picture=shelf.picture))
        google.fault("media_failed", times=1)

        with shelf.served() as served, worker_here(google.business.installation, media=lambda _account: served):
            google.watch.wait_until("confirmed", [delivery_id])

        assert [each["failure_kind"] for each in google.watch.attempts(delivery_id)] == ["Unavailable", None]
        assert len(google.posts()) == 1

    def test_a_photo_without_a_public_address_is_not_posted_without_it(self, google: Google):
        content, shelf = pictured("A loaf")
        connection = google.connect()
        delivery_id = google.submit(connection, media=content.media, lookups=Lookups(picture=shelf.picture))

        with worker_here(google.business.installation):
            wait_for(lambda: google.watch.delivery(delivery_id)["failure_kind"] == "Unavailable")

        assert google.posts() == []


class TestReview:
    def test_what_was_accepted_is_confirmed_when_it_is_live_and_not_before(self, google: Google):
        google.fault("slow_review", seconds=2)
        delivery_id = google.submit(google.connect())

        with worker_here(google.business.installation):
            google.watch.wait_until("accepted", [delivery_id])
            wait_for(lambda: google.watch.delivery(delivery_id)["looks"] > 1, what="a second look")
            assert google.watch.delivery(delivery_id)["state"] == "accepted"
            google.watch.wait_until("confirmed", [delivery_id])

        assert [each["state"] for each in google.posts()] == ["LIVE"]
        assert google.watch.delivery(delivery_id)["read_back"] == "match"

    def test_what_the_review_turns_down_has_failed_with_words(self, google: Google):
        google.fault("rejected")
        delivery_id = google.submit(google.connect())

        with worker_here(google.business.installation):
            google.watch.wait_until("failed", [delivery_id])

        delivery = google.watch.delivery(delivery_id)
        assert delivery["failure_kind"] == "ContentRejected"
        assert "turned the post down" in delivery["failure"]
        assert len(google.posts()) == 1  # nobody sent it a second time

    def test_a_review_without_an_end_is_not_said_to_be_published(self, google: Google):
        google.fault("processing_forever")
        delivery_id = google.submit(google.connect())

        with worker_here(google.business.installation):
            wait_for(lambda: google.watch.delivery(delivery_id)["looks"] > 2, what="a third look")

        assert google.watch.delivery(delivery_id)["state"] == "accepted"


class TestLimits:
    def test_the_eleventh_post_of_a_minute_waits_and_another_location_does_not(self, google: Google):
        quay, congress = google.connect(QUAY), google.connect(CONGRESS)
        delivery_ids = [google.submit(quay, f"Loaf {number}") for number in range(12)]
        elsewhere = google.submit(congress)

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [elsewhere])
            wait_for(lambda: len(google.posts(quay)) == 10, what="ten posts")
            time.sleep(1)

        states = sorted(google.watch.delivery(each)["state"] for each in delivery_ids)
        assert states == ["confirmed"] * 10 + ["queued"] * 2
        assert len(google.posts(quay)) == 10  # so that Google never had to say no
        assert {each["failure_kind"] for each in google.watch.attempts(delivery_ids[-1])} == set()

    def test_what_google_asks_to_wait_waits_and_goes_out(self, google: Google):
        google.fault("rate_limit", method=WRITE, seconds=1, times=1)
        delivery_id = google.submit(google.connect())

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [delivery_id])

        made = google.watch.attempts(delivery_id)
        assert [each["failure_kind"] for each in made] == ["RateLimited", None]
        assert made[1]["started_at"] - made[0]["started_at"] >= timedelta(seconds=2)
        assert len(google.posts()) == 1


class TestSignIn:
    def test_a_sign_in_that_has_ended_holds_posts_until_somebody_reconnects(self, google: Google):
        quay, congress = google.connect(QUAY), google.connect(CONGRESS)
        google.fault("revoked")
        delivery_ids = [google.submit(quay), google.submit(congress)]

        with worker_here(google.business.installation):
            for delivery_id in delivery_ids:
                assert "Reconnect" in google.watch.wait_until_held(delivery_id)
                assert google.watch.delivery(delivery_id)["state"] == "queued"
            refreshes = google.proxy.count("/token")
            time.sleep(1)
            assert google.proxy.count("/token") == refreshes  # what has ended is not asked for again and again
            google.sandbox.clear_faults()
            google.connect(QUAY)
            google.connect(CONGRESS)
            google.watch.wait_until("confirmed", delivery_ids)

        assert len(google.posts()) == 2

    def test_an_expired_token_is_renewed_once_and_the_refresh_token_kept(self, google: Google):
        connection = google.connect()
        google.fault("expired_token", method=WRITE, times=1)
        delivery_ids = [google.submit(connection, f"Loaf {number}") for number in range(3)]
        before = google.proxy.count("/token")

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", delivery_ids)

        assert google.proxy.count("/token") == before + 1
        assert len(google.posts()) == 3

    def test_a_location_that_was_lost_fails_with_words_and_the_others_go_on(self, google: Google):
        quay, congress = google.connect(QUAY), google.connect(CONGRESS)
        google.fault("access_lost", account=quay.target_id)
        lost, kept = google.submit(quay), google.submit(congress)

        with worker_here(google.business.installation):
            google.watch.wait_until("failed", [lost])
            google.watch.wait_until("confirmed", [kept])

        assert "manage this location" in google.watch.delivery(lost)["failure"]
        with google.business.scope() as scope:
            assert {each.reconnect_because for each in connections.of_account(scope)} == {None}


class TestTrouble:
    @pytest.mark.parametrize("kind", ["lose_reply", "error_after", "garbage"])
    def test_what_nobody_answered_is_looked_for_and_not_sent_again(
        self, google: Google, monkeypatch: pytest.MonkeyPatch, kind: str
    ):
        monkeypatch.setattr(attempts, "SEND_WITHIN", timedelta(seconds=1))  # after which it may be looked for
        connection = google.connect()
        google.fault(kind, method=WRITE, times=1)
        delivery_id = google.submit(connection)

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [delivery_id])

        assert len(google.posts()) == 1
        assert [each["outcome"] for each in google.watch.attempts(delivery_id)] == ["ambiguous"]

    @pytest.mark.parametrize("kind", ["drop", "html", "error_before"])
    def test_what_google_never_got_is_sent_once_more(self, google: Google, monkeypatch: pytest.MonkeyPatch, kind: str):
        monkeypatch.setattr(attempts, "SEND_WITHIN", timedelta(seconds=1))
        connection = google.connect()
        google.fault(kind, method=WRITE, times=1)
        delivery_id = google.submit(connection)

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [delivery_id])

        assert len(google.posts()) == 1
        assert len(google.watch.attempts(delivery_id)) == 2

    def test_the_same_words_twice_are_two_posts(self, google: Google, monkeypatch: pytest.MonkeyPatch):
        """Told apart by nothing but when they were made: one may not stand for the other after a lost reply."""
        monkeypatch.setattr(attempts, "SEND_WITHIN", timedelta(seconds=1))
        connection = google.connect()
        google.fault("drop", method=WRITE, times=1)
        delivery_ids = [google.submit(connection), google.submit(connection)]

        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", delivery_ids)

        assert len({google.watch.delivery(each)["remote_id"] for each in delivery_ids}) == 2
        assert len(google.posts()) == 2


class TestTheSwitch:
    def test_google_publishes_with_everything_else_switched_off(self, google: Google):
        connection = google.connect()
        with google.business.installation.administration() as scope:
            scope.run(ROLLBACK)
        delivery_id = google.submit(connection)

        with google.business.scope() as scope:
            features = flags.of_account(scope, google.business.account_id)
        assert not flags.may_publish(features, "bluesky", google.business.account_id).on
        with worker_here(google.business.installation):
            google.watch.wait_until("confirmed", [delivery_id])

        assert len(google.posts()) == 1
