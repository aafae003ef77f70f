"""Bad days: whatever goes wrong between us and a platform or a database, each post ends, public at most once."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from socialcore import attempts, connections, database, failures, lanes, reviews
from socialcore.adapters import ADAPTERS, atproto, http
from socialcore.adapters.contract import Frozen, Receipt
from socialcore.connections import Connection
from socialcore.database import system_scope, worker_scope
from socialcore.deliveries import Delivery, of_posts
from tests import faulty_proxy
from tests.conftest import Business
from tests.faulty_proxy import Behaviour, FaultyProxy, delay
from tests.sandbox import Sandbox
from tests.waiting import wait_for
from tests.working import READ, WRITE, Watch, WorkerProcess, public, sign_in, submit, texts, worker_here

SECOND = timedelta(seconds=1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an intent's deadline, after which it may be looked for, and an answer's patience pass in a second."""
    monkeypatch.setattr(attempts, "SEND_WITHIN", SECOND)
    monkeypatch.setattr(http, "LONGEST", 1)


@contextmanager
def noted(caplog: pytest.LogCaptureFixture, words: str) -> Iterator[None]:
    """Insist that the worker's log says this."""
    with caplog.at_level(logging.WARNING, logger="socialcore.worker"):
        yield
    assert words in caplog.text


ANSWERS: dict[str, Behaviour] = {
    "none": faulty_proxy.lose_reply,
    "too late": delay(after=2.5),  # as an answer after 90 s is to a worker that waits for 45
    "malformed": faulty_proxy.garble,
    "huge": faulty_proxy.huge,
    "cut short": faulty_proxy.cut_short,
    "drop by drop": faulty_proxy.drip("body"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_nobody_can_use_is_looked_up(
    bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, impatient, answer: str
):
    proxy.misbehave(ANSWERS[answer], on=WRITE)
    delivery_id = submit(bakery, connection, "Fresh bread")

    with worker_here(bakery.installation):
        watch.wait_until("confirmed", [delivery_id])

    (attempt,) = watch.attempts(delivery_id)
    assert (attempt["outcome"], attempt["failure_kind"]) == ("ambiguous", "OutcomeUnknown")
    assert attempt["failure"].startswith("Bluesky")
    assert proxy.count(WRITE) == 1
    assert texts(sandbox) == ["Fresh bread"]


def test_a_rate_limit_on_a_look_has_the_lane_wait(
    bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, impatient
):
    proxy.misbehave(faulty_proxy.lose_reply, on=WRITE)
    sandbox.fault("rate_limit", method=READ, seconds=3, times=1)
    delivery_id = submit(bakery, connection, "Fresh bread")

    with worker_here(bakery.installation):
        watch.wait_until("confirmed", [delivery_id])

    asked = [request.at for request in proxy.requests if READ in request.path]
    assert len(asked) == 3  # limited, found, read back
    assert asked[1] - asked[0] >= 2.9
    waited = watch.one("select not_before from lanes where connection_id = %s", connection.id)["not_before"]
    assert waited > watch.attempts(delivery_id)[0]["deadline_at"]


def test_a_platform_that_hangs_keeps_no_other_waiting(
    bakery: Business, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, monkeypatch: pytest.MonkeyPatch, superuser
):
    """Each platform has slots of its own: with one slot each, one that hangs takes none of another's."""
    monkeypatch.setitem(ADAPTERS, "slack", ADAPTERS["bluesky"])
    hanging, fine = sign_in(bakery, sandbox, proxy), sign_in(bakery, sandbox, proxy)
    superuser.execute(
        "insert into account_features (feature_name, account_id, enabled) values ('feature_slack_posting', %s, true)",
        (bakery.account_id,),
    )
    was = superuser.execute("select enabled from account_features where feature_name = 'feature_slack_posting'"
                            " and account_id is null").fetchone()  # fmt: skip
    superuser.execute("update account_features set enabled = true where feature_name = 'feature_slack_posting'")
    superuser.execute("update lanes set platform = 'slack' where connection_id = %s", (fine.id,))
    proxy.misbehave(delay(before=4), on=WRITE, holding=b"Hangs")
    slow = submit(bakery, hanging, "Hangs")

    with worker_here(bakery.installation, concurrency=1):
        wait_for(lambda: proxy.count(WRITE), what="the one that hangs")
        quick = submit(bakery, fine, "Goes through")
        watch.wait_until("confirmed", [quick], most_seconds=10)
        assert watch.delivery(slow)["state"] == "sending"
        watch.wait_until("confirmed", [slow])
    superuser.execute(
        "update account_features set enabled = %s where feature_name = 'feature_slack_posting' and account_id is null",
        was,
    )


def test_waiting_for_a_slot_uses_up_no_deadline(
    bakery: Business, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attempts, "SEND_WITHIN", SECOND)
    hanging, waiting = sign_in(bakery, sandbox, proxy), sign_in(bakery, sandbox, proxy)
    proxy.misbehave(delay(before=3), on=WRITE, holding=b"Hangs")
    slow = submit(bakery, hanging, "Hangs")

    with worker_here(bakery.installation, concurrency=1):
        wait_for(lambda: proxy.count(WRITE), what="the one that hangs")
        behind = submit(bakery, waiting, "Waits for the slot")
        watch.wait_until("confirmed", [slow, behind])

    assert [each["outcome"] for each in watch.attempts(behind)] == ["accepted"]


class TestClock:
    @pytest.mark.parametrize(("ahead", "says"), [(3600, "3,600 s ahead of"), (-3600, "3,600 s behind")])
    def test_that_is_wrong_stops_the_work_and_says_so(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch, caplog, monkeypatch, ahead, says
    ):
        delivery_id = submit(bakery, connection, "Fresh bread")
        really = time.time

        with noted(caplog, f"This machine's clock is {says} the database's"), worker_here(bakery.installation):
            wait_for(watch.pulses)
            monkeypatch.setattr(database.time, "time", lambda: really() + ahead)
            wait_for(lambda: says in caplog.text, what="a word about the clock")
            monkeypatch.undo()
            watch.wait_until("confirmed", [delivery_id])

        assert texts(sandbox) == ["Fresh bread"]

    def test_that_jumps_while_sending_neither_loses_nor_doubles(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, monkeypatch
    ):
        proxy.misbehave(delay(before=0.3, after=0.3), on=WRITE, times=None)
        written = [f"Loaf {number}" for number in range(6)]
        ids = [submit(bakery, connection, text) for text in written]
        really = time.time

        with worker_here(bakery.installation):
            for jump in (3600, -3600, 0):
                wait_for(lambda: proxy.count(WRITE) > 0)
                monkeypatch.setattr(database.time, "time", lambda by=jump: really() + by)
                time.sleep(0.6)
            watch.wait_until("confirmed", ids, most_seconds=40)

        assert texts(sandbox) == written


class TestDiskFull:
    @pytest.fixture
    def fill(self, superuser: psycopg.Connection) -> Iterator[Callable[[bool], None]]:
        """Have the server refuse what our tables would have to grow for, in the words it has for a full disk."""
        superuser.execute(
            "create or replace function composer.no_space() returns trigger language plpgsql as"
            " $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';"
            " end $$"
        )
        tables = ("deliveries", "attempts", "workers")

        def switch(full: bool) -> None:
            for table in tables:
                superuser.execute(f"drop trigger if exists no_space on {table}")
                if full:
                    superuser.execute(
                        f"create trigger no_space before insert or update on {table}"
                        " for each statement execute function composer.no_space()"
                    )

        yield switch
        switch(False)
        superuser.execute("drop function composer.no_space()")

    def test_is_ridden_out(
        self,
        bakery: Business,
        connection: Connection,
        sandbox: Sandbox,
        proxy: FaultyProxy,
        watch: Watch,
        fill,
        caplog,
        impatient,
    ):
        proxy.misbehave(delay(before=0.2, after=0.5), on=WRITE, holding=b"Loaf 0")
        written = [f"Loaf {number}" for number in range(4)]
        ids = [submit(bakery, connection, text) for text in written]

        with noted(caplog, "the database's disk is full"), worker_here(bakery.installation):
            wait_for(lambda: proxy.count(WRITE), what="the first to be on its way")
            fill(True)  # what it answers cannot be written down
            time.sleep(3)
            assert watch.delivery(ids[0])["state"] == "sending"
            fill(False)
            watch.wait_until("confirmed", ids, most_seconds=40)

        assert texts(sandbox) == written
        assert [each["outcome"] for each in watch.attempts(ids[0])] == ["ambiguous"]


class TestConnectionTakenAway:
    def test_under_its_lane_while_sending(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch
    ):
        proxy.misbehave(delay(before=0.4, after=0.4), on=WRITE)
        sent, waiting = (submit(bakery, connection, text) for text in ("Fresh bread", "Rye today"))

        with worker_here(bakery.installation):
            wait_for(lambda: proxy.count(WRITE), what="the first to be on its way")
            with bakery.scope() as scope:
                connections.disconnect(scope, connection.id, why="test")
            watch.wait_until("confirmed", [sent])
            says = watch.wait_until_held(waiting)

        assert says == "The connection is disconnected. Connect it again to send this."
        assert texts(sandbox) == ["Fresh bread"]

    def test_for_good_is_refused_while_anything_went_through_it(
        self, bakery: Business, connection: Connection, superuser
    ):
        submit(bakery, connection, "Fresh bread")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            superuser.execute("delete from connections where id = %s", (connection.id,))


class TestTwoVersions:
    def test_what_an_older_one_froze_goes_out_as_it_is(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, watch: Watch, as_worker, superuser
    ):
        """A deploy in between: the older version intended and failed, the newer one sends the same bytes."""
        delivery_id = submit(bakery, connection, "Fresh bread")

        def older_freeze(target_id, rendered, *, delivery_id, at, earlier) -> Frozen:
            made = ADAPTERS["bluesky"].freeze(target_id, rendered, delivery_id=delivery_id, at=at)
            record = {**made.wire["record"], "tags": ["older"]}
            return Frozen(made.record_key, {**made.wire, "record": record, "cid": atproto.cid(record)})

        self._as_older(as_worker, superuser, connection, older_freeze, failures.Unavailable("not now"))
        frozen = watch.delivery(delivery_id)["wire"]
        superuser.execute("update deliveries set next_at = now() where id = %s", (delivery_id,))
        superuser.execute("update lanes set due_at = now() where connection_id = %s", (connection.id,))
        with WorkerProcess(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        (post,) = sandbox.posts()
        assert post["record"] == frozen["record"]
        assert post["record"]["tags"] == ["older"]

    def test_what_an_older_one_was_sending_is_looked_up(
        self, bakery: Business, connection: Connection, sandbox: Sandbox, proxy: FaultyProxy, watch: Watch, as_worker,
        superuser, impatient,
    ):  # fmt: skip
        delivery_id = submit(bakery, connection, "Fresh bread")
        self._as_older(as_worker, superuser, connection, ADAPTERS["bluesky"].freeze, None)

        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery_id])

        first, second = watch.attempts(delivery_id)
        assert (first["outcome"], second["outcome"]) == ("ambiguous", "accepted")
        assert texts(sandbox) == ["Fresh bread"]

    def _as_older(self, as_worker, superuser, connection, freeze, result) -> None:
        """Do what a worker of an older version does, up to `result`; None: it dies while sending."""
        (no,) = superuser.execute(
            "insert into workers (name, version, concurrency, pulse_pid) values ('older:1', '0.0.1', 1, 1) returning no"
        ).fetchone()
        with psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as pulse:
            pulse.execute("select pg_advisory_lock(7, %s)", (no,))
            with system_scope(as_worker) as scope:
                claimed = lanes.claim(scope, no, free={"bluesky": 1000})
            lane = next(each for each in claimed if each.connection_id == connection.id)
            with worker_scope(as_worker, lane.account_id) as scope:
                picked = attempts.pick(scope, lane)
                attempt = attempts.intend(scope, lane, picked, grant_version=1, freeze=freeze)
            if result is None:
                return
            with worker_scope(as_worker, lane.account_id) as scope:
                attempts.conclude(
                    scope, lane, attempt, result, grant=picked.grant, settle=0 * SECOND, read_lag=0 * SECOND
                )
                lanes.release(scope, lane)


class TestReview:
    """What nobody could tell: a person asks, a worker looks."""

    @pytest.fixture
    def doubtful(
        self, bakery: Business, connection: Connection, proxy: FaultyProxy, watch: Watch, impatient, monkeypatch
    ) -> Callable[[str, Behaviour], Delivery]:
        monkeypatch.setattr("socialcore.looks.LOOK_FOR", 0 * SECOND)

        def make(words: str, behaviour: Behaviour) -> Delivery:
            proxy.misbehave(behaviour, on=WRITE)
            proxy.misbehave(faulty_proxy.drop, on=READ)
            delivery_id = submit(bakery, connection, words)
            with worker_here(bakery.installation):
                watch.wait_until("needs_review", [delivery_id])
            return self._read(bakery, delivery_id)

        return make

    def _read(self, bakery: Business, delivery_id) -> Delivery:
        with bakery.scope() as scope:
            (post_id,) = scope.run("select post_id from deliveries where id = :id", {"id": delivery_id}).one()
            return of_posts(scope, [post_id])[post_id][0]

    def _ask(self, bakery: Business, delivery: Delivery, named: Receipt | None = None) -> reviews.Review:
        with bakery.scope() as scope:
            reviews.ask(scope, delivery, named)

        def answered() -> reviews.Review | None:
            with bakery.scope() as scope:
                review = reviews.latest(scope, delivery.id)
            return review if review and review.done_at else None

        with worker_here(bakery.installation):
            return wait_for(answered, what="a look")

    def test_says_why_nobody_can_tell(self, doubtful):
        delivery = doubtful("Fresh bread", faulty_proxy.lose_reply)
        assert delivery.failure == "Bluesky did not answer. So we cannot see whether it is there."

    def test_finds_it_by_its_own_key(self, bakery, doubtful, sandbox: Sandbox, watch: Watch):
        delivery = doubtful("Fresh bread", faulty_proxy.lose_reply)

        review = self._ask(bakery, delivery)

        assert review.outcome == reviews.THERE
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery.id])
        assert watch.delivery(delivery.id)["remote_id"] == public(sandbox)[0][0]

    def test_shows_what_resembles_it_and_is_nobody_elses(
        self, bakery, doubtful, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [submit(bakery, connection, "Fresh bread, and it is ours")])
        sandbox.clear_faults()
        by_hand = self._by_hand(bakery, connection, watch, ["Fresh bread!", "Closed on Monday"])
        delivery = doubtful("Fresh bread", faulty_proxy.drop)

        review = self._ask(bakery, delivery)

        assert review.outcome == reviews.RESEMBLING
        assert [each.text for each in review.found] == ["Fresh bread!", "Closed on Monday"]
        assert review.found[0].likeness > 0.9
        assert [each.receipt.remote_id for each in review.found] == by_hand

    def test_binds_what_a_person_names_once_it_was_seen(
        self, bakery, doubtful, connection: Connection, sandbox: Sandbox, watch: Watch
    ):
        (by_hand,) = self._by_hand(bakery, connection, watch, ["Fresh bread"])
        delivery = doubtful("Fresh bread", faulty_proxy.drop)
        with bakery.scope() as scope:
            named = reviews.named_by(scope, delivery, by_hand)

        review = self._ask(bakery, delivery, named)

        assert review.outcome == reviews.THERE
        with worker_here(bakery.installation):
            watch.wait_until("confirmed", [delivery.id])
        assert (watch.delivery(delivery.id)["remote_id"], texts(sandbox)) == (by_hand, ["Fresh bread"])

    @pytest.mark.parametrize(("link", "says"), [("/3jzfcijpj2z2a", reviews.WRONG_LINK), (None, reviews.TAKEN)])
    def test_binds_nothing_that_is_not_there_or_another_deliverys(
        self, bakery, doubtful, connection: Connection, watch: Watch, link, says
    ):
        with worker_here(bakery.installation):
            other = submit(bakery, connection, "Another one")
            watch.wait_until("confirmed", [other])
        taken = watch.delivery(other)["remote_id"]
        delivery = doubtful("Fresh bread", faulty_proxy.drop)
        with bakery.scope() as scope:
            named = reviews.named_by(scope, delivery, taken.rpartition("/")[0] + link if link else taken)

        assert self._ask(bakery, delivery, named).outcome == says
        assert watch.delivery(delivery.id)["state"] == "needs_review"

    @pytest.mark.parametrize(
        "link", ["", "https://bsky.app/profile/x.test/post/3k", "at://did:plc:x/app.bsky.feed.like/3k"]
    )
    def test_takes_no_link_of_another_place(self, bakery, doubtful, link):
        delivery = doubtful("Fresh bread", faulty_proxy.drop)
        with bakery.scope() as scope, pytest.raises(reviews.NotItsPost, match="Copy it from the post itself"):
            reviews.named_by(scope, delivery, link)

    def _by_hand(self, bakery: Business, connection: Connection, watch: Watch, written: list[str]) -> list[str]:
        """Have posts there that no delivery is bound to, as somebody's own: forget the deliveries that made them."""
        made = []
        for text in reversed(written):
            with worker_here(bakery.installation):
                delivery_id = submit(bakery, connection, text)
                watch.wait_until("confirmed", [delivery_id])
            made.insert(0, watch.delivery(delivery_id)["remote_id"])
            watch.all(
                "update deliveries set remote_id = %s where id = %s returning 1", f"by hand {uuid4()}", delivery_id
            )
        return made


def test_a_stop_in_doubt_that_nobody_can_clear_up_becomes_a_persons_decision(
    bakery: Business, connection: Connection, proxy: FaultyProxy, watch: Watch, impatient, monkeypatch
):
    """Sent without an answer, queued again, stopped: and then the platform cannot be read any more."""
    monkeypatch.setattr("socialcore.looks.LOOK_FOR", SECOND)
    proxy.misbehave(faulty_proxy.drop, on=WRITE)
    delivery_id = submit(bakery, connection, "Fresh bread")
    with worker_here(bakery.installation):
        wait_for(lambda: watch.attempts(delivery_id) and watch.attempts(delivery_id)[0]["outcome"] == "ambiguous")
    watch.all("update deliveries set state = 'queued', cancel_at = now() where id = %s returning 1", delivery_id)
    watch.all("update lanes set due_at = now() where connection_id = %s returning 1", connection.id)
    proxy.misbehave(faulty_proxy.drop, on=READ, times=None)

    with worker_here(bakery.installation):
        watch.wait_until("needs_review", [delivery_id])

    assert "cannot see whether it is there" in watch.delivery(delivery_id)["failure"]
