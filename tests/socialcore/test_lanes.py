import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from socialcore import (
    attempts,
    connections,
    deliveries,
    duties,
    failures,
    health,
    lanes,
    looks,
    publishing,
    transitions,
)
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Checked, Granted, Lookups, Receipt, Target
from socialcore.attempts import PulseLost
from socialcore.database import system_scope, worker_scope
from socialcore.posts import Content

SETTLE = timedelta(seconds=30)
NO_TIME = timedelta(0)
PAUSE = lanes.IDLE_RETRY.total_seconds()


class Pulses:
    """Workers, and the sessions whose locks say that they live."""

    def __init__(self, superuser):
        self.superuser = superuser
        self.sessions = {}

    def hire(self):
        row = self.superuser.execute(
            "insert into workers (name, version, concurrency, pulse_pid) values ('test', '0', 1, 1) returning no"
        ).fetchone()
        session = psycopg.connect(self.superuser.info.dsn, password=self.superuser.info.password, autocommit=True)
        session.execute("select pg_advisory_lock(7, %s)", row)
        self.sessions[row[0]] = session
        return row[0]

    def kill(self, worker):
        """End the session as a crash does, and wait until the server has noticed."""
        self.sessions.pop(worker).close()
        deadline = time.monotonic() + 5
        while self.superuser.execute(
            "select 1 from pg_locks where locktype = 'advisory' and classid = 7 and objid = %s and objsubid = 2",
            (worker,),
        ).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def pulses(superuser) -> Iterator[Pulses]:
    superuser.execute("update lanes set due_at = 'infinity', owner = null")  # what other tests have left
    made = Pulses(superuser)
    yield made
    for session in made.sessions.values():
        session.close()


@pytest.fixture
def ada(pulses):
    return pulses.hire()


def one_grant(business, *names):
    """Connections to several targets of one sign-in."""
    subject = f"did:plc:{uuid4().hex[:24]}"
    secret = {"access": "a.e30.s", "refresh": "r.e30.s", "app_password": "test-test-test-test"}
    granted = Granted("https://pds.test", subject, secret, tuple(Target(f"{subject}/{n}", n) for n in names), None)
    made = []
    for target in granted.targets:
        with business.scope() as scope:
            one = connections.connect(scope, business.vault, "bluesky", granted, target.id)
            made.append(next(each for each in connections.of_account(scope) if each.id == one))
    return made


def submit(business, text, chosen, *, after=0.0, window=7200):
    """Queue a post, due `after` seconds from now."""
    with business.scope() as scope:
        now = datetime.now(UTC)
        submitted = publishing.submit(
            scope,
            Content(text=text),
            {each.id: publishing.render(Content(text=text), each, Lookups()) for each in chosen},
            chosen,
            submit_token=uuid4(),
            due_at=now + timedelta(seconds=after) if after else None,
            undo=NO_TIME,
            late_window=timedelta(seconds=window),
            now=now,
        )
    return submitted.delivery_ids


def claim(as_worker, worker, most=100):
    with system_scope(as_worker) as scope:
        return lanes.claim(scope, worker, free={"bluesky": most})


def pick(as_worker, lane):
    with worker_scope(as_worker, lane.account_id) as scope:
        return attempts.pick(scope, lane)


def intend(as_worker, lane, picked):
    with worker_scope(as_worker, lane.account_id) as scope:
        return attempts.intend(
            scope, lane, picked, grant_version=picked.grant.version, freeze=ADAPTERS["bluesky"].freeze
        )


def conclude(as_worker, lane, picked, attempt, result):
    with worker_scope(as_worker, lane.account_id) as scope:
        attempts.conclude(
            scope, lane, attempt, result, grant=picked.grant, settle=SETTLE, read_lag=timedelta(seconds=3)
        )


def send(as_worker, lane, result):
    """Pick, intend and conclude one delivery."""
    picked = pick(as_worker, lane)
    conclude(as_worker, lane, picked, intend(as_worker, lane, picked), result)
    return picked.id


def release(as_worker, lane):
    with worker_scope(as_worker, lane.account_id) as scope:
        lanes.release(scope, lane)


def receipt():
    return Receipt(f"at://{uuid4()}", "https://pds.test/post")


def state(superuser, delivery_id):
    return superuser.execute("select state from deliveries where id = %s", (delivery_id,)).fetchone()[0]


def lane_row(superuser, connection):
    """Owner, claims so far, seconds until due and until it may."""
    return superuser.execute(
        "select owner, claim_no, case when due_at = 'infinity' then null"
        "  else extract(epoch from due_at - clock_timestamp())::float end,"
        " case when not_before = '-infinity' then null"
        "  else extract(epoch from not_before - clock_timestamp())::float end"
        " from lanes where connection_id = %s",
        (connection.id,),
    ).fetchone()


def due_in(superuser, connection):
    return lane_row(superuser, connection)[2]


def soon(seconds):
    return pytest.approx(seconds, abs=1.5)


class TestClaim:
    def test_gives_each_lane_to_one_worker(self, bakery, florist, as_worker, pulses):
        ready = {each.id for business in (bakery, florist) for each in one_grant(business, *"abcdefghijkl")}
        for business in (bakery, florist):
            with business.scope() as scope:
                submit(business, "Fresh bread", connections.of_account(scope))
        taken = Counter()
        workers = [pulses.hire() for _ in range(6)]
        start = threading.Barrier(len(workers))

        def take(worker):
            start.wait()
            while claimed := claim(as_worker, worker, most=2):
                taken.update(lane.connection_id for lane in claimed)

        threads = [threading.Thread(target=take, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert taken == Counter(ready)

    def test_takes_the_longest_ready_first_and_no_more_than_asked(self, bakery, as_worker, superuser, ada):
        made = one_grant(bakery, "a", "b", "c")
        for age, each in zip((1, 3, 2), made, strict=True):
            superuser.execute(
                "update lanes set due_at = now() - make_interval(secs => %s) where connection_id = %s", (age, each.id)
            )

        assert {lane.connection_id for lane in claim(as_worker, ada, most=2)} == {made[1].id, made[2].id}

    def test_leaves_what_is_not_due_or_has_to_wait_or_is_no_platform_of_ours(self, bakery, as_worker, superuser, ada):
        later, waiting, due = one_grant(bakery, "later", "waiting", "due")
        submit(bakery, "Rye", [later], after=60)
        submit(bakery, "Rye", [waiting, due])
        superuser.execute(
            "update lanes set not_before = now() + interval '9 s' where connection_id = %s", (waiting.id,)
        )

        with system_scope(as_worker) as scope:
            assert lanes.claim(scope, ada, free={"slack": 9}) == []
            assert lanes.seconds_to_next(scope, platforms=["bluesky"]) < 0
        assert [lane.connection_id for lane in claim(as_worker, ada)] == [due.id]
        with system_scope(as_worker) as scope:
            assert lanes.seconds_to_next(scope, platforms=["bluesky"]) == soon(9)

    def test_numbers_claims(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        for expected in (1, 2, 3):
            submit(bakery, f"Bread {expected}", [only])
            (lane,) = claim(as_worker, ada)
            assert (lane.claim_no, lane.owner, lane.platform) == (expected, ada, "bluesky")
            assert claim(as_worker, ada) == []
            superuser.execute("update deliveries set next_at = now() where connection_id = %s", (only.id,))
            release(as_worker, lane)

    def test_is_announced_to_whoever_listens_once_it_is_committed(self, bakery, superuser):
        (only,) = one_grant(bakery, "only")
        with psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as listener:
            listener.execute(f"listen {lanes.CHANNEL}")
            with bakery.scope() as scope:
                lanes.wake(scope, [only.id])
                scope.connection.rollback()
            assert list(listener.notifies(timeout=0.2)) == []
            submit(bakery, "Fresh bread", [only])
            assert len(list(listener.notifies(timeout=2, stop_after=1))) == 1


class TestRescue:
    def test_spares_the_living(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        intend(as_worker, lane, pick(as_worker, lane))

        assert ada not in lanes.dead_owners(as_worker, besides=-1)
        assert lanes.rescue(as_worker, ada, settle={"bluesky": SETTLE}) == 0
        assert lane_row(superuser, only)[:2] == (ada, 1)
        assert state(superuser, delivery) == "sending"

    def test_spares_oneself(self, bakery, as_worker, ada, pulses):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "Fresh bread", [only])
        claim(as_worker, ada)
        pulses.kill(ada)

        assert lanes.dead_owners(as_worker, besides=ada) == []

    def test_frees_the_lanes_of_the_dead_and_doubts_what_was_being_sent(
        self, bakery, florist, as_worker, superuser, ada, pulses
    ):
        (bread,) = one_grant(bakery, "bread")
        (rose,) = one_grant(florist, "rose")
        (sent,) = submit(bakery, "Fresh bread", [bread])
        (waiting,) = submit(florist, "Roses", [rose])
        for lane in claim(as_worker, ada):
            if lane.connection_id == bread.id:
                intend(as_worker, lane, pick(as_worker, lane))
        pulses.kill(ada)

        assert ada in lanes.dead_owners(as_worker, besides=pulses.hire())
        assert lanes.rescue(as_worker, ada, settle={"bluesky": SETTLE}) == 2
        assert (state(superuser, sent), state(superuser, waiting)) == ("ambiguous", "queued")
        owner, _, due, _ = lane_row(superuser, bread)
        assert owner is None
        assert due == soon(attempts.SEND_WITHIN.total_seconds() + SETTLE.total_seconds())
        assert lane_row(superuser, rose)[0] is None
        assert due_in(superuser, rose) < 0

    def test_happens_once_among_many_rescuers(self, bakery, as_worker, ada, pulses):
        made = one_grant(bakery, *"abcdef")
        submit(bakery, "Fresh bread", made)
        claim(as_worker, ada)
        pulses.kill(ada)
        freed = []

        def help_out():
            freed.append(lanes.rescue(as_worker, ada, settle={"bluesky": SETTLE}))

        threads = [threading.Thread(target=help_out) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        freed.append(lanes.rescue(as_worker, ada, settle={"bluesky": SETTLE}))

        assert sum(freed) == len(made)

    def test_leaves_nothing_to_send_for_whoever_lost_the_lane(self, bakery, as_worker, superuser, ada, pulses):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        picked = pick(as_worker, lane)
        pulses.kill(ada)

        with pytest.raises(PulseLost):
            intend(as_worker, lane, picked)
        lanes.rescue(as_worker, ada, settle={"bluesky": SETTLE})
        (anew,) = claim(as_worker, pulses.hire())
        stale = lanes.Lane(lane.connection_id, lane.account_id, lane.grant_id, lane.platform, anew.owner, lane.claim_no)
        assert intend(as_worker, stale, picked) is None
        assert state(superuser, delivery) == "queued"
        release(as_worker, stale)
        assert lane_row(superuser, only)[0] == anew.owner


class TestAbandon:
    def test_frees_the_lane_and_doubts_what_was_being_sent(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        intend(as_worker, lane, pick(as_worker, lane))

        with worker_scope(as_worker, lane.account_id) as scope:
            lanes.abandon(scope, lane, SETTLE)

        assert lane_row(superuser, only)[0] is None
        assert state(superuser, delivery) == "ambiguous"
        with bakery.scope() as scope:
            (attempt,) = deliveries.attempts(scope, delivery)
        assert (attempt.outcome, attempt.failure_kind) == ("ambiguous", "OutcomeUnknown")

    def test_has_the_lane_rest_so_that_an_error_that_comes_back_keeps_nobody_busy(
        self, bakery, as_worker, superuser, ada
    ):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)

        with worker_scope(as_worker, lane.account_id) as scope:
            lanes.abandon(scope, lane, SETTLE)

        assert due_in(superuser, only) == soon(lanes.IDLE_RETRY.total_seconds())
        assert claim(as_worker, ada) == []

    def test_leaves_a_lane_that_is_somebody_elses(self, bakery, as_worker, superuser, ada, pulses):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lost,) = claim(as_worker, ada)
        release(as_worker, lost)
        (lane,) = claim(as_worker, pulses.hire())
        intend(as_worker, lane, pick(as_worker, lane))

        with worker_scope(as_worker, lane.account_id) as scope:
            lanes.abandon(scope, lost, SETTLE)

        assert lane_row(superuser, only)[0] == lane.owner
        assert state(superuser, delivery) == "sending"


class TestRelease:
    def test_leaves_an_empty_lane_asleep(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        with bakery.scope() as scope:
            deliveries.cancel(scope, [delivery])

        release(as_worker, lane)

        assert lane_row(superuser, only)[:3] == (None, 1, None)

    @pytest.mark.parametrize(
        ("result", "due"),
        [
            (receipt(), 3),
            (failures.Unavailable("away"), 5),
            (failures.CredentialExpired("old"), 0),
            (failures.ReconnectNeeded("gone"), 60),
            (failures.RateLimited("wait", wait=timedelta(seconds=44)), 44),
            (failures.OutcomeUnknown("?"), 45),
            (failures.ContentRejected("no"), None),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_is_due_when_the_next_delivery_is(self, bakery, as_worker, superuser, ada, result, due):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "Fresh bread", [only])
        submit(bakery, "Rye", [only], after=600)
        (lane,) = claim(as_worker, ada)
        send(as_worker, lane, result)

        release(as_worker, lane)

        assert due_in(superuser, only) == soon(600 if due is None else due)

    def test_asks_again_in_a_while_when_what_is_due_waits_for_another(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "Fresh bread", [only])
        submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        send(as_worker, lane, failures.OutcomeUnknown("?"))

        assert pick(as_worker, lane) is None
        release(as_worker, lane)

        assert due_in(superuser, only) == soon(PAUSE)

    def test_is_early_enough_for_what_was_submitted_meanwhile(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        send(as_worker, lane, failures.ContentRejected("no"))
        assert pick(as_worker, lane) is None
        submit(bakery, "Rye", [only])

        release(as_worker, lane)

        assert due_in(superuser, only) < 0


class TestPick:
    def test_takes_now_before_scheduled_before_a_further_try(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        (again,) = submit(bakery, "A", [only])
        (lane,) = claim(as_worker, ada)
        assert send(as_worker, lane, failures.Unavailable("away")) == again
        (scheduled,) = submit(bakery, "B", [only], after=5)
        (now,) = submit(bakery, "C", [only])
        superuser.execute(
            "update deliveries set next_at = now() - make_interval(secs => 9 * priority) where connection_id = %s",
            (only.id,),
        )

        order = [send(as_worker, lane, failures.ContentRejected("no")) for _ in range(3)]

        assert order == [now, scheduled, again]
        assert pick(as_worker, lane) is None

    def test_looks_before_it_sends(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        (doubted,) = submit(bakery, "A", [only])
        (lane,) = claim(as_worker, ada)
        send(as_worker, lane, failures.OutcomeUnknown("?"))
        submit(bakery, "B", [only])
        superuser.execute("update deliveries set next_at = now() where id = %s", (doubted,))

        picked = pick(as_worker, lane)

        assert (picked.id, picked.state) == (doubted, "ambiguous")

    @pytest.mark.parametrize("blocking", ["sending", "ambiguous", "needs_review"])
    def test_has_the_twin_of_a_text_in_flight_wait(self, bakery, as_worker, superuser, ada, blocking):
        (only,) = one_grant(bakery, "only")
        (first,) = submit(bakery, "Fresh bread", [only])
        (twin,) = submit(bakery, "Fresh bread", [only])
        (other,) = submit(bakery, "Rye", [only])
        (lane,) = claim(as_worker, ada)
        picked = pick(as_worker, lane)
        attempt = intend(as_worker, lane, picked)
        if blocking != "sending":
            conclude(as_worker, lane, picked, attempt, failures.OutcomeUnknown("?"))
        if blocking == "needs_review":
            superuser.execute("update deliveries set state = 'needs_review' where id = %s", (first,))

        assert send(as_worker, lane, failures.ContentRejected("no")) == other
        assert pick(as_worker, lane) is None
        superuser.execute(
            "update deliveries set due_at = now() - interval '1 h', expires_at = now() where id = %s", (twin,)
        )
        late = pick(as_worker, lane)
        assert late.id == twin
        assert intend(as_worker, lane, late) is None
        assert state(superuser, twin) == "missed"

    def test_sends_the_twin_once_the_first_is_certain(self, bakery, as_worker, ada):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "Fresh bread", [only])
        (twin,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        send(as_worker, lane, receipt())

        assert send(as_worker, lane, receipt()) == twin

    @pytest.mark.parametrize(
        ("first", "follows"),
        [(receipt(), True), (failures.Unavailable("away"), False), (failures.ContentRejected("no"), False)],
        ids=["public", "waiting", "failed"],
    )
    def test_has_a_part_wait_for_the_one_it_follows(self, bakery, as_worker, superuser, ada, first, follows):
        (only,) = one_grant(bakery, "only")
        (head,) = submit(bakery, "1/2", [only])
        (tail,) = submit(bakery, "2/2", [only])
        superuser.execute(
            "update deliveries set follows = %s, next_at = due_at - interval '1 s' where id = %s", (head, tail)
        )
        (lane,) = claim(as_worker, ada)

        assert send(as_worker, lane, first) == head

        picked = pick(as_worker, lane)
        assert (picked is not None and picked.id == tail) == follows
        superuser.execute(
            "update deliveries set due_at = now() - interval '1 h', expires_at = now() where id = %s", (tail,)
        )
        assert pick(as_worker, lane).id == tail


class TestRateLimit:
    LIMITED = failures.RateLimited("wait", wait=timedelta(seconds=60))

    def test_has_all_lanes_of_the_sign_in_wait_and_no_other(self, bakery, as_worker, superuser, ada):
        first, second = one_grant(bakery, "first", "second")
        (apart,) = one_grant(bakery, "apart")
        for text in ("A", "B"):
            submit(bakery, text, [first, second, apart])
        claimed = {lane.connection_id: lane for lane in claim(as_worker, ada)}

        send(as_worker, claimed[first.id], self.LIMITED)

        # Nothing more goes out in the lanes' present claims, either.
        assert pick(as_worker, claimed[first.id]) is None
        assert pick(as_worker, claimed[second.id]) is None
        assert pick(as_worker, claimed[apart.id]) is not None
        for lane in claimed.values():
            release(as_worker, lane)
        assert [lane_row(superuser, each)[3] for each in (first, second, apart)] == [soon(60), soon(60), None]
        assert [lane.connection_id for lane in claim(as_worker, ada)] == [apart.id]

    def test_of_preparing_counts_as_well(self, bakery, as_worker, superuser, ada):
        first, second = one_grant(bakery, "first", "second")
        submit(bakery, "A", [first, second])
        lane = next(each for each in claim(as_worker, ada) if each.connection_id == first.id)

        with worker_scope(as_worker, lane.account_id) as scope:
            attempts.note_unprepared(scope, lane, attempts.pick(scope, lane), self.LIMITED)

        assert [lane_row(superuser, each)[3] for each in (first, second)] == [soon(60), soon(60)]

    def test_never_shortens_a_wait(self, bakery, as_worker, superuser, ada):
        (only,) = one_grant(bakery, "only")
        submit(bakery, "A", [only])
        (lane,) = claim(as_worker, ada)
        picked = pick(as_worker, lane)
        attempt = intend(as_worker, lane, picked)
        superuser.execute("update lanes set not_before = now() + interval '1 h' where connection_id = %s", (only.id,))

        conclude(as_worker, lane, picked, attempt, self.LIMITED)

        assert lane_row(superuser, only)[3] == soon(3600)


class TestLateReceipt:
    def test_wakes_a_lane_that_had_nothing_left_to_do(self, bakery, as_worker, superuser, ada, pulses):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        picked = pick(as_worker, lane)
        attempt = intend(as_worker, lane, picked)
        pulses.kill(ada)
        lanes.rescue(as_worker, ada, settle={"bluesky": NO_TIME})
        superuser.execute("update deliveries set next_at = now() where id = %s", (delivery,))
        superuser.execute("update lanes set due_at = now() where connection_id = %s", (only.id,))
        (anew,) = claim(as_worker, pulses.hire())
        superuser.execute("alter table deliveries disable trigger legal_transition")
        superuser.execute("update deliveries set changed_at = now() - interval '1 h' where id = %s", (delivery,))
        superuser.execute("alter table deliveries enable trigger legal_transition")
        with worker_scope(as_worker, lane.account_id) as scope:
            unreadable = failures.Unavailable("cannot read")
            looks.note_look(
                scope, anew, attempts.pick(scope, anew), unreadable, settle=NO_TIME, misses=1, read_lag=NO_TIME
            )
        release(as_worker, anew)
        assert (state(superuser, delivery), due_in(superuser, only)) == ("needs_review", None)

        conclude(as_worker, lane, picked, attempt, receipt())

        assert state(superuser, delivery) == "accepted"
        assert due_in(superuser, only) == soon(3)


class TestObstacle:
    @pytest.mark.parametrize("obstacle", ["hold", "flag", "disconnected", "reconnect"])
    def test_holds_a_delivery_and_says_why(self, bakery, as_worker, superuser, ada, obstacle):
        (only,) = one_grant(bakery, "only")
        (delivery,) = submit(bakery, "Fresh bread", [only])
        (lane,) = claim(as_worker, ada)
        picked = pick(as_worker, lane)
        place, says = {
            "hold": (
                "insert into holds (kind, account_id, reason) values ('account', %(account)s, 'a drill')",
                "a drill",
            ),
            "flag": ("update account_features set enabled = false where account_id = %(account)s", "Posting is off"),
            "disconnected": (
                "update connections set disconnected_at = now() where id = %(connection)s",
                "disconnected",
            ),
            "reconnect": ("update grants set reconnect_because = 'gone' where account_id = %(account)s", "gone"),
        }[obstacle]
        superuser.execute(place, {"account": bakery.account_id, "connection": only.id})

        assert intend(as_worker, lane, picked) is None

        held = superuser.execute(
            "select state, attempt, held_because, wire from deliveries where id = %s", (delivery,)
        ).fetchone()
        assert (held[0], held[1], held[3]) == ("queued", 0, None)
        assert says in held[2]
        release(as_worker, lane)
        assert due_in(superuser, only) == soon(attempts.HELD_LOOK_AGAIN.total_seconds())


@pytest.fixture
def lane(bakery, as_worker, ada):
    """Claimed, with one delivery to send."""
    (only,) = one_grant(bakery, "only")
    submit(bakery, "Fresh bread", [only])
    (claimed,) = claim(as_worker, ada)
    return claimed


class TestDoubt:
    """Sent without an answer: what an absence says then, and what it does not."""

    def look(self, as_worker, superuser, lane, found=None, *, settle=NO_TIME):
        """Look as soon as may be, and note what was found."""
        superuser.execute(
            "update deliveries set next_at = now() where connection_id = %s and state = 'ambiguous'",
            (lane.connection_id,),
        )
        picked = pick(as_worker, lane)
        assert picked.state == "ambiguous"
        with worker_scope(as_worker, lane.account_id) as scope:
            looks.note_look(scope, lane, picked, found, settle=settle, misses=1, read_lag=NO_TIME)
        return picked.id

    def waits(self, superuser, delivery):
        return superuser.execute(
            "select state, extract(epoch from next_at - clock_timestamp())::float from deliveries where id = %s",
            (delivery,),
        ).fetchone()

    def test_an_absence_right_after_the_clock_has_jumped_proves_nothing(self, as_worker, superuser, lane):
        send(as_worker, lane, failures.OutcomeUnknown("?"))
        superuser.execute("update clock set jumped_at = now() - interval '10 s'")

        delivery = self.look(as_worker, superuser, lane, settle=timedelta(seconds=30))
        assert self.waits(superuser, delivery) == ("ambiguous", soon(20))
        superuser.execute("update clock set jumped_at = now() - interval '31 s'")
        self.look(as_worker, superuser, lane, settle=timedelta(seconds=30))

        superuser.execute("update clock set jumped_at = '-infinity'")
        assert self.waits(superuser, delivery)[0] == "queued"

    def test_a_refused_repeat_fails_only_once_the_first_cannot_become_public(self, as_worker, superuser, lane):
        send(as_worker, lane, failures.OutcomeUnknown("?"))
        delivery = self.look(as_worker, superuser, lane)
        send(as_worker, lane, failures.ContentRejected("these words"))
        certain = (attempts.SEND_WITHIN + transitions.LATE_COMMIT).total_seconds()
        assert self.waits(superuser, delivery) == ("ambiguous", soon(certain))
        self.look(as_worker, superuser, lane, failures.Unavailable("cannot be read"))  # which is not the reason

        superuser.execute(
            "update attempts set deadline_at = now() - interval '3 min' where delivery_id = %s", (delivery,)
        )
        self.look(as_worker, superuser, lane)

        said = superuser.execute("select state, failure_kind, failure from deliveries where id = %s", (delivery,))
        assert said.fetchone() == ("failed", "ContentRejected", "these words")

    def test_a_refused_repeat_is_public_if_the_first_was(self, as_worker, superuser, lane):
        send(as_worker, lane, failures.OutcomeUnknown("?"))
        delivery = self.look(as_worker, superuser, lane)
        send(as_worker, lane, failures.ContentRejected("these words"))

        self.look(as_worker, superuser, lane, receipt())

        assert self.waits(superuser, delivery)[0] == "accepted"

    def test_a_look_that_finds_the_sign_in_revoked_asks_for_a_reconnect(self, as_worker, superuser, lane):
        send(as_worker, lane, failures.OutcomeUnknown("?"))
        self.look(as_worker, superuser, lane, failures.ReconnectNeeded("It was revoked."))

        because = superuser.execute("select reconnect_because from grants where id = %s", (lane.grant_id,)).fetchone()
        assert because == ("It was revoked.",)

    def test_looks_are_told_which_posts_of_the_same_words_are_taken(self, bakery, as_worker, superuser, lane):
        picked = pick(as_worker, lane)
        twin = receipt()
        conclude(as_worker, lane, picked, intend(as_worker, lane, picked), twin)
        superuser.execute("update deliveries set state = 'confirmed', read_back = 'match' where id = %s", (picked.id,))
        with bakery.scope() as scope:
            (only,) = connections.of_account(scope)
        submit(bakery, "Fresh bread", [only])
        send(as_worker, lane, failures.OutcomeUnknown("?"))
        superuser.execute("update deliveries set next_at = now() where state = 'ambiguous'")

        assert pick(as_worker, lane).taken == [twin.remote_id]


class TestStaleNews:
    """What was read before something else happened decides nothing."""

    @pytest.fixture
    def doubted(self, as_worker, superuser, lane):
        """Sent without an answer, looked for, not found, and due again."""
        picked = pick(as_worker, lane)
        attempt = intend(as_worker, lane, picked)
        conclude(as_worker, lane, picked, attempt, failures.OutcomeUnknown("?"))
        superuser.execute("update deliveries set next_at = now() where id = %s", (picked.id,))
        with worker_scope(as_worker, lane.account_id) as scope:
            looks.note_look(scope, lane, attempts.pick(scope, lane), None, settle=NO_TIME, misses=1, read_lag=NO_TIME)
        return picked, attempt

    def test_of_an_attempt_that_was_not_the_last_sends_nothing(self, as_worker, superuser, lane):
        picked = pick(as_worker, lane)
        send(as_worker, lane, failures.CredentialExpired("old"))

        assert intend(as_worker, lane, picked) is None
        assert state(superuser, picked.id) == "queued"
        assert pick(as_worker, lane).attempt == 1

    def test_of_a_time_that_has_been_put_off_sends_nothing(self, as_worker, superuser, lane):
        picked = pick(as_worker, lane)
        superuser.execute("update deliveries set next_at = now() + interval '1 min' where id = %s", (picked.id,))

        assert intend(as_worker, lane, picked) is None
        assert state(superuser, picked.id) == "queued"

    def test_of_an_older_attempt_is_kept_and_reported(self, bakery, as_worker, superuser, lane, doubted):
        picked, first = doubted
        assert intend(as_worker, lane, pick(as_worker, lane)).n == 2
        late = receipt()

        conclude(as_worker, lane, picked, first, late)

        assert state(superuser, picked.id) == "sending"
        kept = superuser.execute(
            "select n, outcome, remote_id from attempts where delivery_id = %s order by n", (picked.id,)
        ).fetchall()
        assert kept == [(1, "accepted", late.remote_id), (2, None, None)]
        assert superuser.execute(
            "select count(*) from events where name = 'incident.late_receipt' and account_id = %s", (bakery.account_id,)
        ).fetchone() == (1,)

    def test_of_a_look_before_it_was_certain_ends_nothing(self, bakery, as_worker, superuser, lane, doubted):
        picked, _ = doubted
        with bakery.scope() as scope:
            deliveries.cancel(scope, [picked.id])
        stopping = pick(as_worker, lane)
        # The look takes its time, and what was certain to be over by now was not when it began.
        superuser.execute(
            "update attempts set deadline_at = now() - %s - interval '1 s' where delivery_id = %s",
            (transitions.LATE_COMMIT, picked.id),
        )
        superuser.execute("update deliveries set next_at = now() - interval '2 s' where id = %s", (picked.id,))

        for expected in ("queued", "cancelled"):
            with worker_scope(as_worker, lane.account_id) as scope:
                looks.note_stop(scope, lane, stopping, None, read_lag=NO_TIME)
            assert state(superuser, picked.id) == expected
            stopping = pick(as_worker, lane)


@pytest.mark.parametrize("moment", ["before the intent", "before the note"])
def test_a_stop_between_two_steps_is_true_of_what_is_in_doubt(bakery, as_worker, superuser, ada, moment):
    (only,) = one_grant(bakery, "only")
    (delivery,) = submit(bakery, "Fresh bread", [only])
    (lane,) = claim(as_worker, ada)
    send(as_worker, lane, failures.OutcomeUnknown("?"))
    superuser.execute("update deliveries set next_at = now() where id = %s", (delivery,))
    with worker_scope(as_worker, lane.account_id) as scope:
        looks.note_look(scope, lane, attempts.pick(scope, lane), None, settle=NO_TIME, misses=1, read_lag=NO_TIME)
    picked = pick(as_worker, lane)
    with bakery.scope() as scope:
        assert deliveries.cancel(scope, [delivery]) == 0

    if moment == "before the intent":
        assert intend(as_worker, lane, picked) is None
    else:
        with worker_scope(as_worker, lane.account_id) as scope:
            attempts.note_unprepared(scope, lane, picked, failures.Unavailable("away"))

    # The first attempt may yet become public: nobody may say that it was stopped.
    assert state(superuser, delivery) == "queued"
    stopping = pick(as_worker, lane)
    assert stopping.is_stopping
    with worker_scope(as_worker, lane.account_id) as scope:
        looks.note_stop(scope, lane, stopping, None, read_lag=NO_TIME)
    assert state(superuser, delivery) == "queued"
    release(as_worker, lane)
    assert due_in(superuser, only) == soon((attempts.SEND_WITHIN + transitions.LATE_COMMIT).total_seconds())


def test_cancelling_what_is_missed_ends_it_even_if_it_was_tried_before(bakery, as_worker, superuser, ada):
    (only,) = one_grant(bakery, "only")
    (delivery,) = submit(bakery, "Fresh bread", [only])
    (lane,) = claim(as_worker, ada)
    send(as_worker, lane, failures.Unavailable("away"))
    superuser.execute(
        "update deliveries set due_at = now() - interval '1 h', expires_at = now(), next_at = now() where id = %s",
        (delivery,),
    )
    assert intend(as_worker, lane, pick(as_worker, lane)) is None
    assert state(superuser, delivery) == "missed"

    with bakery.scope() as scope:
        deliveries.cancel(scope, [delivery])
    assert intend(as_worker, lane, pick(as_worker, lane)) is None

    assert state(superuser, delivery) == "cancelled"


class Crowd:
    """Everybody at once on three lanes of one sign-in; each method is one thing that somebody does."""

    def __init__(self, business, as_worker, superuser, pulses):
        self.business, self.as_worker, self.superuser, self.pulses = business, as_worker, superuser, pulses
        self.made = one_grant(business, "one", "two", "three")
        self.done, self.troubles = Counter(), []

    def run(self, seconds):
        until = time.monotonic() + seconds
        tasks = [self.submit, self.cancel, self.reconnect, self.hold, self.check, self.die, self.work, self.work]
        with ThreadPoolExecutor(len(tasks)) as threads:
            for number, task in enumerate(tasks):
                threads.submit(self.repeat, task, random.Random(number), until)

    def repeat(self, task, chance, until):
        worker = self.pulses.hire()
        while time.monotonic() < until and len(self.troubles) < 9:
            try:
                task(chance, worker)
                self.done[task.__name__] += 1
            except Exception as error:  # noqa: BLE001 - to be shown, whatever it is
                self.troubles.append((task.__name__, str(error)[:200]))

    def submit(self, chance, _):
        submit(self.business, chance.choice("ABCDE") + "!", chance.sample(self.made, chance.randint(1, 3)))

    def cancel(self, *_):
        with self.business.scope() as scope:
            some = scope.run(
                "select id from deliveries where state in ('queued', 'sending', 'ambiguous') order by random() limit 3"
            )
            deliveries.cancel(scope, list(some.scalars()))

    def reconnect(self, chance, _):
        target = chance.choice(self.made)
        subject = target.target_id.partition("/")[0]
        secret = {"access": "a", "refresh": "r", "app_password": "p"}
        granted = Granted("https://pds.test", subject, secret, (Target(target.target_id, target.name),), None)
        with self.business.scope() as scope:
            connections.connect(scope, self.business.vault, "bluesky", granted, target.target_id)

    def hold(self, *_):
        self.superuser.execute(
            "insert into holds (kind, account_id, reason, lifted_at) values ('account', %s, 'drill', now())",
            (self.business.account_id,),
        )
        time.sleep(0.05)

    def check(self, chance, _):
        with self.business.scope() as scope:
            connections.ask(scope, "check", chance.choice(self.made).id)
        if duty := duties.take(self.as_worker, list(ADAPTERS)):
            with worker_scope(self.as_worker, duty.account_id) as scope:
                _, grant = duties.sign_in_of(scope, duty.connection_id)
                found = chance.choice([Checked(), failures.ReconnectNeeded("gone")])
                duties.end(scope, duty, "said")
                health.note(scope, health.Measured(duty.connection_id, duty.platform, grant, found, timedelta(0)))

    def work(self, chance, worker):
        for lane in claim(self.as_worker, worker, most=2):
            for _ in range(3):
                if picked := pick(self.as_worker, lane):
                    self.serve(lane, picked, self.result(chance))
            release(self.as_worker, lane)

    def die(self, chance, _):
        """Claim, begin to send, lose the pulse, and be rescued while concluding."""
        worker = self.pulses.hire()
        begun = []
        for lane in claim(self.as_worker, worker, most=1):
            picked = pick(self.as_worker, lane)
            if picked and picked.state == "queued" and (attempt := intend(self.as_worker, lane, picked)):
                begun.append((lane, picked, attempt))
        self.pulses.kill(worker)
        with ThreadPoolExecutor(1) as rescuer:
            rescued = rescuer.submit(lanes.rescue, self.as_worker, worker, settle={"bluesky": NO_TIME})
            for lane, picked, attempt in begun:
                conclude(self.as_worker, lane, picked, attempt, self.result(chance))
            rescued.result()

    def serve(self, lane, picked, result):
        if picked.state == "queued" and not picked.is_stopping:
            attempt = intend(self.as_worker, lane, picked)
            if attempt:
                conclude(self.as_worker, lane, picked, attempt, result)
            return
        with worker_scope(self.as_worker, lane.account_id) as scope:
            if picked.state == "accepted":
                looks.note_read_back(scope, lane, picked, None)
            elif picked.state == "ambiguous":
                looks.note_look(scope, lane, picked, None, settle=NO_TIME, misses=1, read_lag=NO_TIME)
            else:
                looks.note_stop(scope, lane, picked, None, read_lag=NO_TIME)

    def result(self, chance):
        return chance.choice(
            [
                receipt(),
                receipt(),
                failures.RateLimited("wait", wait=timedelta(milliseconds=20)),
                failures.ReconnectNeeded("gone"),
                failures.CredentialExpired("old"),
                failures.OutcomeUnknown("?"),
                failures.Unavailable("away"),
            ]
        )


def test_everybody_at_once_ends_in_no_deadlock(bakery, as_worker, superuser, pulses):
    """Whoever locks in another order than the others shows here."""
    crowd = Crowd(bakery, as_worker, superuser, pulses)

    crowd.run(seconds=5)

    assert crowd.troubles == []
    assert set(crowd.done) == {"submit", "cancel", "reconnect", "hold", "check", "die", "work"}
    assert superuser.execute(
        "select count(*) from (select 1 from deliveries where account_id = %s and state in"
        " ('sending', 'ambiguous', 'needs_review') group by connection_id, text_hash having count(*) > 1) as twins",
        (bakery.account_id,),
    ).fetchone() == (0,)
