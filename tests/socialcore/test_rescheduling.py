# ruff: noqa: F811 - fixtures are named where they are used
"""Moving a post: all of it that has not begun to go out, never into the past, never sent twice or too soon."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from socialcore import attempts, connections, deliveries, lanes, planning, publishing
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Granted, Target
from socialcore.database import NotYourAccount, account_scope, worker_scope
from socialcore.planning import Moved, TooLateToMove
from socialcore.posts import Content
from socialcore.times import TimePassed
from tests.conftest import Business
from tests.socialcore.test_lanes import ada, claim, intend, pick, pulses, submit  # noqa: F401 - two are fixtures
from tests.waiting import wait_for

WINDOW = timedelta(hours=2)
LATER = timedelta(days=1)
ROUNDS = 25


def post_of(superuser: psycopg.Connection, delivery_id: UUID) -> UUID:
    return superuser.execute("select post_id from deliveries where id = %s", (delivery_id,)).fetchone()[0]


def move(business: Business, post_id: UUID, due_at: datetime, *, now: datetime | None = None) -> Moved:
    with business.scope() as scope:
        return planning.reschedule(scope, post_id, due_at, now=now or datetime.now(UTC), late_window=WINDOW)


def rows(superuser: psycopg.Connection, post_id: UUID) -> list[tuple]:
    return superuser.execute(
        "select state, due_at, next_at, expires_at from deliveries where post_id = %s order by part, id", (post_id,)
    ).fetchall()


@pytest.fixture
def planned(bakery: Business, superuser: psycopg.Connection) -> UUID:
    """A post to two connections, due in an hour."""
    bakery.connect("one.test")
    bakery.connect("two.test")
    ids = submit(bakery, "Fresh bread", list(bakery.connections.values()), after=3600)
    return post_of(superuser, ids[0])


class TestMoving:
    @pytest.mark.parametrize("by", [timedelta(minutes=1), LATER, timedelta(days=400)])
    def test_moves_every_delivery_with_its_window(self, bakery: Business, superuser, planned: UUID, by: timedelta):
        due_at = datetime.now(UTC) + by

        moved = move(bakery, planned, due_at)

        assert (moved.deliveries, moved.left_alone, moved.near) == (2, 0, [])
        assert timedelta(minutes=59) < moved.was_due_at - datetime.now(UTC) <= timedelta(hours=1)
        assert rows(superuser, planned) == [("queued", due_at, due_at, due_at + WINDOW)] * 2

    def test_wakes_the_workers_when_it_comes_sooner(self, bakery: Business, superuser, planned: UUID, migrated):
        sooner = datetime.now(UTC) + timedelta(minutes=1)
        with psycopg.connect(migrated.worker_url.replace("+psycopg", ""), autocommit=True) as listening:
            listening.execute(f"listen {lanes.CHANNEL}")

            move(bakery, planned, sooner)

            assert [each.channel for each in listening.notifies(timeout=5, stop_after=1)] == [lanes.CHANNEL]
        due = superuser.execute("select due_at from lanes where account_id = %s", (bakery.account_id,)).fetchall()
        assert due == [(sooner,)] * 2

    def test_is_written_down(self, bakery: Business, superuser, planned: UUID):
        moved = move(bakery, planned, datetime.now(UTC) + LATER)

        (detail, actor) = superuser.execute(
            "select detail, actor from audit_log where account_id = %s and action = 'post.rescheduled'",
            (bakery.account_id,),
        ).fetchone()
        assert detail == {
            "post_id": str(planned),
            "was": moved.was_due_at.isoformat(),
            "due_at": moved.due_at.isoformat(),
        }
        assert actor == str(bakery.operator_id)

    @pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=1), timedelta(days=3)])
    def test_never_into_the_past(self, bakery: Business, superuser, planned: UUID, by: timedelta):
        before, now = rows(superuser, planned), datetime.now(UTC)

        with pytest.raises(TimePassed, match="Choose a later one"):
            move(bakery, planned, now - by, now=now)

        assert rows(superuser, planned) == before

    def test_says_what_goes_out_close_to_it(self, bakery: Business, superuser, planned: UUID):
        (one, _) = bakery.connections.values()
        due_at = datetime.now(UTC) + LATER
        for text, apart in (("close", 59), ("far", 61)):
            submit(bakery, text, [one], after=(LATER + timedelta(minutes=apart)).total_seconds())
        (number,) = superuser.execute("select number from posts where content->>'text' = 'close'"
                                      " and account_id = %s", (bakery.account_id,)).fetchone()  # fmt: skip

        assert move(bakery, planned, due_at).near == [number]

    def test_somebody_elses_post_is_not_there(self, bakery: Business, florist: Business, superuser, planned: UUID):
        before = rows(superuser, planned)

        with pytest.raises(TooLateToMove):
            move(florist, planned, datetime.now(UTC) + LATER)
        with (
            pytest.raises(NotYourAccount),
            account_scope(florist.app, florist.operator_id, bakery.account_id) as scope,
        ):
            planning.reschedule(scope, planned, datetime.now(UTC) + LATER, now=datetime.now(UTC), late_window=WINDOW)

        assert rows(superuser, planned) == before

    def test_forgets_why_it_was_held_so_that_nothing_sends_it_sooner(self, bakery: Business, superuser, planned: UUID):
        superuser.execute(
            "update deliveries set held_because = 'The sign-in ended', failure_kind = 'ReconnectNeeded', failure = 'x',"
            " due_at = now() - interval '5 min' where post_id = %s",
            (planned,),
        )
        due_at = datetime.now(UTC) + LATER

        move(bakery, planned, due_at)

        with bakery.scope() as scope:
            assert {each.shown for each in deliveries.of_posts(scope, [planned])[planned]} == {"scheduled"}
        for connection in bakery.connections.values():  # signing in again sends what was held at once
            target = Target(connection.target_id, connection.name)
            granted = Granted(connection.service, target.id, {"access": "a"}, (target,), None)
            with bakery.scope() as scope:
                assert connections.connect(scope, bakery.vault, "bluesky", granted, target.id) == connection.id
        assert {row[2] for row in rows(superuser, planned)} == {due_at}


class TestWhatHasBegun:
    def test_stays_and_the_rest_moves(self, bakery: Business, superuser, planned: UUID):
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "update deliveries set state = 'failed', attempt = 1 where id ="
            " (select id from deliveries where post_id = %s limit 1)",
            (planned,),
        )
        superuser.execute("set session_replication_role = origin")

        moved = move(bakery, planned, datetime.now(UTC) + LATER)

        assert (moved.deliveries, moved.left_alone) == (1, 1)

    @pytest.mark.parametrize(
        "is_now",
        [
            "state = 'sending', attempt = 1, wire = '{}', wire_at = now()",
            "state = 'ambiguous', attempt = 1, wire = '{}', wire_at = now()",
            "attempt = 1, wire = '{}', wire_at = now()",
            "state = 'missed'",
            "state = 'cancelled', cancel_at = now()",
            "cancel_at = now()",
        ],
    )
    def test_cannot_be_moved(self, bakery: Business, superuser, planned: UUID, is_now: str):
        superuser.execute("set session_replication_role = replica")
        superuser.execute(f"update deliveries set {is_now} where post_id = %s", (planned,))
        superuser.execute("set session_replication_role = origin")
        before = rows(superuser, planned)

        with pytest.raises(TooLateToMove, match="Nothing was moved"):
            move(bakery, planned, datetime.now(UTC) + LATER)

        assert rows(superuser, planned) == before

    def test_a_thread_moves_whole_or_not_at_all(self, bakery: Business, superuser):
        connection = bakery.connect()
        parts = [{"text": f"Part {n}"} for n in range(3)]
        with bakery.scope() as scope:
            submitted = publishing.submit(
                scope,
                Content(text="A thread"),
                {connection.id: parts},
                [connection],
                submit_token=uuid4(),
                due_at=datetime.now(UTC) + timedelta(hours=1),
                undo=timedelta(0),
                late_window=WINDOW,
                now=datetime.now(UTC),
            )
        assert move(bakery, submitted.post_id, datetime.now(UTC) + LATER).deliveries == 3
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "update deliveries set state = 'sending', attempt = 1, wire = '{}', wire_at = now()"
            " where post_id = %s and part = 1",
            (submitted.post_id,),
        )
        superuser.execute("set session_replication_role = origin")

        with pytest.raises(TooLateToMove):
            move(bakery, submitted.post_id, datetime.now(UTC) + 2 * LATER)


class TestAgainstAWorker:
    @pytest.fixture
    def due(self, bakery: Business) -> UUID:
        connection = bakery.connect()
        (delivery_id,) = submit(bakery, "Fresh bread", [connection])
        return delivery_id

    def test_what_was_picked_and_then_moved_is_not_sent(self, bakery, as_worker, superuser, ada, due: UUID):
        (lane,) = [each for each in claim(as_worker, ada) if each.account_id == bakery.account_id]
        picked = pick(as_worker, lane)
        assert picked
        assert picked.id == due
        due_at = datetime.now(UTC) + LATER

        move(bakery, post_of(superuser, due), due_at)

        assert intend(as_worker, lane, picked) is None
        assert pick(as_worker, lane) is None
        with worker_scope(as_worker, lane.account_id) as scope:
            lanes.release(scope, lane)
        (wakes,) = superuser.execute(
            "select due_at from lanes where connection_id = %s", (lane.connection_id,)
        ).fetchone()
        assert wakes == due_at
        assert superuser.execute("select count(*) from attempts where delivery_id = %s", (due,)).fetchone() == (0,)

    def test_what_a_worker_is_about_to_send_waits_for_it_and_then_stays(
        self, bakery, as_worker, superuser, ada, due: UUID
    ):
        (lane,) = [each for each in claim(as_worker, ada) if each.account_id == bakery.account_id]
        picked = pick(as_worker, lane)
        assert picked
        told: list[TooLateToMove] = []
        post_id = post_of(superuser, due)

        def move_it() -> None:
            try:
                move(bakery, post_id, datetime.now(UTC) + LATER)
            except TooLateToMove as late:
                told.append(late)

        with worker_scope(as_worker, lane.account_id) as scope:
            freeze = ADAPTERS["bluesky"].freeze
            attempt = attempts.intend(scope, lane, picked, grant_version=picked.grant.version, freeze=freeze)
            assert attempt
            moving = threading.Thread(target=move_it)
            moving.start()
            wait_for(lambda: _waits(superuser), what="the move to wait for the worker")
        moving.join(10)

        assert len(told) == 1
        assert superuser.execute("select state, attempt from deliveries where id = %s", (due,)).fetchone() == (
            "sending",
            1,
        )

    def test_moves_stops_and_wakes_at_once_end_without_a_deadlock(self, bakery, superuser, planned: UUID):
        ids = [row[0] for row in superuser.execute("select id from deliveries where post_id = %s", (planned,))]
        made = list(bakery.connections.values())[::-1]

        def stop(n: int) -> None:
            with bakery.scope() as scope:
                deliveries.cancel(scope, ids[::-1] if n == ROUNDS - 1 else [])

        def moves(n: int) -> None:
            with suppress(TooLateToMove):  # once it is stopped
                move(bakery, planned, datetime.now(UTC) + LATER + timedelta(minutes=n))

        def wake(_: int) -> None:
            with bakery.scope() as scope:
                lanes.wake(scope, [each.id for each in made])

        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(lambda do: [do(n) for n in range(ROUNDS)], do) for do in (stop, moves, moves, wake)]
        for each in done:
            each.result()

        assert {row[0] for row in rows(superuser, planned)} == {"cancelled"}


def _waits(superuser: psycopg.Connection) -> bool:
    return bool(superuser.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock'").fetchone())
