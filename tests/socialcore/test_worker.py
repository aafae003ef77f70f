"""The worker at work: real Postgres, real processes, and the sandbox behind a proxy that can misbehave."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from socialcore import attempts, failures
from socialcore.adapters.contract import Access
from socialcore.attempts import Attempt
from socialcore.connections import Connection
from socialcore.grants import Prepared
from socialcore.hands import WorkerHands
from socialcore.installation import Installation
from socialcore.lanes import Lane
from socialcore.media import for_workers
from socialcore.pulse import Pulse
from socialcore.stores import InDatabase
from socialcore.transitions import Grant
from tests.conftest import Business
from tests.faulty_proxy import Answer, FaultyProxy, answering, delay
from tests.sandbox import APP_PASSWORD, Sandbox
from tests.waiting import wait_for
from tests.working import (
    WRITE,
    Watch,
    WorkerProcess,
    assert_each_public_once,
    kill_workers_while_they_send,
    public,
    sign_in,
    submit,
    texts,
    worker_here,
)

REFRESH = "com.atproto.server.refreshSession"


class TestPublishing:
    def test_confirms_what_is_public_as_it_was_written(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread 🥐 https://example.com #bread", langs=["en"])

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        delivery = watch.delivery(delivery_id)
        (post,) = sandbox.posts()
        assert post["record"] == delivery["wire"]["record"]
        assert (post["rkey"], post["cid"]) == (delivery["record_key"], delivery["wire"]["cid"])
        assert (delivery["read_back"], delivery["attempt"]) == ("match", 1)

    def test_keeps_the_order_of_one_connection(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        delivery_ids = [submit(bakery, connection, f"Loaf {number}") for number in range(5)]

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", delivery_ids)

        assert [text for _, text in public(sandbox)] == [f"Loaf {number}" for number in range(5)]

    def test_starts_within_a_second_of_being_asked(self, bakery: Business, connection: Connection, watch: Watch):
        took: list[float] = []
        with worker_here(bakery.installation):
            wait_for(watch.pulses)
            for number in range(3):
                time.sleep(0.2)  # it naps now, for two seconds
                started = time.monotonic()
                watch.wait_until("confirmed", [submit(bakery, connection, f"Loaf {number}")])
                took.append(time.monotonic() - started)

        assert min(took) < 1

    def test_works_as_a_process_of_its_own(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")

        with WorkerProcess(bakery.installation) as worker:
            watch.wait_until("confirmed", [delivery_id])
            assert watch.pid_of(watch.attempts(delivery_id)[0]["worker"]) == worker.pid
            worker.terminate()
            assert worker.wait() == 0

        assert texts(sandbox) == ["Fresh bread"]

    def test_shares_lanes_with_other_workers_without_doing_anything_twice(
        self, bakery: Business, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        connections = [sign_in(bakery, sandbox, proxy) for _ in range(6)]
        proxy.misbehave(delay(before=0.05), on=WRITE, times=None)
        written = [f"Loaf {number}" for number in range(18)]

        with ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(worker_here(bakery.installation, concurrency=2))
            delivery_ids = [submit(bakery, connections[number % 6], text) for number, text in enumerate(written)]
            watch.wait_until("confirmed", delivery_ids, most_seconds=30)

        made = [attempt for each in delivery_ids for attempt in watch.attempts(each)]
        assert texts(sandbox) == sorted(written)
        assert proxy.count(WRITE) == len(made) == 18
        assert len({attempt["worker"] for attempt in made}) > 1


class TestTrouble:
    def test_a_rate_limit_makes_the_lane_wait(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        sandbox.fault("rate_limit", method=WRITE, seconds=2, times=1)
        delivery_ids = [submit(bakery, connection, text) for text in ("Fresh bread", "Rye today")]

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", delivery_ids)

        asked = [request.at for request in proxy.requests if WRITE in request.path]
        assert len(asked) == 3
        assert asked[1] - asked[0] >= 1.9
        assert texts(sandbox) == ["Fresh bread", "Rye today"]
        first, second = (watch.attempts(each) for each in delivery_ids)
        assert [(each["outcome"], each["failure_kind"]) for each in first] == [
            ("queued", "RateLimited"),
            ("accepted", None),
        ]
        assert [each["outcome"] for each in second] == ["accepted"]

    def test_an_expired_token_is_renewed(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        sandbox.fault("expired_token", method=WRITE, times=1)
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        assert [each["failure_kind"] for each in watch.attempts(delivery_id)] == ["CredentialExpired", None]
        assert proxy.count(REFRESH) == 1
        assert texts(sandbox) == ["Fresh bread"]

    def test_a_token_about_to_expire_is_renewed_before_it_is_used(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        soon = "update grants set expires_at = now() + interval '5 minutes' where id = %s returning 1"
        watch.one(soon, connection.grant_id)
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        assert len(watch.attempts(delivery_id)) == 1
        methods = [request.path.removeprefix("/xrpc/") for request in proxy.requests]
        assert [method for method in methods if method in (REFRESH, WRITE)] == [REFRESH, WRITE]

    def test_a_revoked_sign_in_holds_the_post_until_somebody_reconnects(
        self, bakery: Business, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        connection = sign_in(bakery, sandbox, proxy, "baker.test")
        sandbox.fault("expired_token")
        sandbox.fault("revoked_password")
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            watch.wait_until_held(delivery_id)
            held = watch.delivery(delivery_id)
            assert held["state"] == "queued"
            assert "reconnect" in held["held_because"]
            assert watch.one("select reconnect_because from grants where id = %s", connection.grant_id) == {
                "reconnect_because": held["held_because"]
            }
            assert texts(sandbox) == []
            sandbox.clear_faults()
            sign_in(bakery, sandbox, proxy, "baker.test")
            watch.wait_until("confirmed", [delivery_id])

        assert texts(sandbox) == ["Fresh bread"]
        assert watch.delivery(delivery_id)["held_because"] is None

    def test_a_lost_reply_is_looked_up_and_not_sent_again(
        self,
        bakery: Business,
        connection: Connection,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr(attempts, "SEND_WITHIN", timedelta(seconds=1))  # after which it may be looked for
        sandbox.fault("error_after", method=WRITE, times=1)
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id], most_seconds=10)

        assert proxy.count(WRITE) == 1
        assert [each["outcome"] for each in watch.attempts(delivery_id)] == ["ambiguous"]
        assert texts(sandbox) == ["Fresh bread"]

    def test_refused_content_fails_with_the_platforms_words(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        said = {"error": "InvalidRequest", "message": "Invalid app.bsky.feed.post record: too old at $.record.langs"}
        proxy.misbehave(answering(Answer.json(400, said)), on=WRITE)
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            watch.wait_until("failed", [delivery_id])

        failed = watch.delivery(delivery_id)
        assert failed["failure_kind"] == "ContentRejected"
        assert "langs" in failed["failure"]
        assert sandbox.posts() == []


class TestStopping:
    def test_ends_what_is_being_sent_and_claims_nothing_more(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        proxy.misbehave(delay(before=0.7, after=0.7), on=WRITE, times=None)

        with WorkerProcess(bakery.installation) as worker:
            sent = submit(bakery, connection, "Fresh bread")
            wait_for(lambda: proxy.count(WRITE))
            worker.terminate()
            assert worker.wait() == 0

        assert watch.delivery(sent)["state"] in ("accepted", "confirmed")
        assert [each["outcome"] for each in watch.attempts(sent)] == ["accepted"]
        assert texts(sandbox) == ["Fresh bread"]
        assert watch.all("select 1 from lanes where owner is not null and connection_id = %s", connection.id) == []


class TestDatabaseAway:
    def test_recovers_from_losing_every_session_while_it_works(
        self, bakery: Business, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        connections = [sign_in(bakery, sandbox, proxy) for _ in range(3)]
        proxy.misbehave(delay(before=0.15, after=0.15), on=WRITE, times=None)
        written = [f"Loaf {number}" for number in range(9)]

        with worker_here(bakery.installation):
            delivery_ids = [submit(bakery, connections[number % 3], text) for number, text in enumerate(written)]
            for _ in range(3):
                time.sleep(0.4)
                wait_for(watch.end_sessions_of_workers, what="sessions to end")
            watch.wait_until("confirmed", delivery_ids, most_seconds=50)

        assert texts(sandbox) == sorted(written)
        assert {watch.delivery(each)["read_back"] for each in delivery_ids} == {"match"}

    def test_a_lost_pulse_stops_a_post_that_is_about_to_be_sent(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        """While a sign-in is renewed the pulse is lost: others may have the lane, so no intent is committed."""
        watch.all("update grants set expires_at = now() where id = %s returning 1", connection.grant_id)
        proxy.misbehave(delay(before=1), on=REFRESH)
        delivery_id = submit(bakery, connection, "Fresh bread")

        with worker_here(bakery.installation):
            wait_for(lambda: proxy.count(REFRESH))
            (pulse,) = watch.pulses()
            loser = watch.one("select no from workers where pulse_pid = %s and stopped_at is null", pulse)["no"]
            watch.all("select pg_terminate_backend(%s)", pulse)
            watch.wait_until("confirmed", [delivery_id])

        (attempt,) = watch.attempts(delivery_id)
        assert attempt["worker"] != loser
        assert texts(sandbox) == ["Fresh bread"]


class TestTheLastMoment:
    """Between the intent and the first byte."""

    @pytest.fixture
    def hands(self, bakery: Business, migrated: Installation, as_worker: Any, watch: Watch) -> Iterator[WorkerHands]:
        pulse = Pulse(migrated.worker_url, name="test:0", version="0", concurrency=1, on_work=lambda: None)
        slots = {"bluesky": threading.BoundedSemaphore(2)}
        yield WorkerHands(as_worker, migrated.vault(), pulse, slots, for_workers(as_worker, InDatabase(), None))
        pulse.stop()

    def send(self, hands: WorkerHands, service: str, *, deadline: float) -> None:
        lane = Lane(uuid4(), uuid4(), uuid4(), "bluesky", hands.pulse.worker, 1)
        secret = {"access": "e30.e30.c2ln", "refresh": "e30.e30.c2ln", "app_password": APP_PASSWORD}
        grant = Grant(lane.account_id, lane.grant_id, service, "did:plc:x", version=1, is_expiring=False, sealed=b"")
        prepared = Prepared(Access(service, "did:plc:x", secret), grant)
        wire = {"key": "3jzfcijpj2z2a", "cid": "bafy", "record": {"$type": "app.bsky.feed.post"}}
        hands.slots["bluesky"].acquire()  # as the intent does
        hands.send(lane, Attempt(UUID(int=1), 1, wire), prepared, deadline)

    def test_nothing_is_sent_without_a_pulse(self, hands: WorkerHands, proxy: FaultyProxy, watch: Watch):
        pid = watch.one("select pulse_pid from workers where no = %s", hands.pulse.worker)["pulse_pid"]
        watch.all("select pg_terminate_backend(%s)", pid)
        wait_for(lambda: not hands.pulse.is_alive)

        with pytest.raises(failures.Unavailable):
            self.send(hands, proxy.url, deadline=time.monotonic() + 15)

        assert proxy.heard == 0

    def test_nothing_is_sent_after_the_deadline(self, hands: WorkerHands, proxy: FaultyProxy):
        with pytest.raises(failures.Unavailable):
            self.send(hands, proxy.url, deadline=time.monotonic() - 0.001)

        assert proxy.heard == 0

    def test_otherwise_it_is(self, hands: WorkerHands, proxy: FaultyProxy):
        with pytest.raises(failures.PlatformFailure):  # the sandbox does not know that token
            self.send(hands, proxy.url, deadline=time.monotonic() + 15)

        assert proxy.count(WRITE) == 1


class TestKill:
    def test_makes_each_post_public_exactly_once(
        self,
        bakery: Business,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        capsys: pytest.CaptureFixture[str],
    ):
        connections = [sign_in(bakery, sandbox, proxy) for _ in range(5)]

        tally = kill_workers_while_they_send(
            bakery, connections, watch, proxy, posts=5, dice=random.Random(uuid4().int)
        )

        with capsys.disabled():
            print(f"\n{tally}")
        assert_each_public_once(watch, tally, public(sandbox))
        assert tally.hits.total() >= 4
        assert Counter(text for _, text in public(sandbox)).most_common(1)[0][1] == 1
