"""The life of deliveries, driven through the real transactions against a small model of them.

Every rule reads the rows, says what they must look like afterwards, runs the product's transaction and compares
everything. A double of a platform knows what is really public, so that "never twice", "cancelled is true" and
"never lost" are judged by what happened and not by what was written down.

`COMPOSER_EXAMPLES` asks for more histories than a hurried run has time for.
"""

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from socialcore import attempts, connections, deliveries, failures, lanes, looks, planning, publishing, transitions
from socialcore.adapters import ADAPTERS
from socialcore.adapters.contract import Granted, Lookups, ReadBack, Receipt, Target
from socialcore.attempts import Attempt, PulseLost
from socialcore.database import system_scope, worker_scope
from socialcore.lanes import Lane
from socialcore.posts import Content
from socialcore.transitions import Picked

EXAMPLES = int(os.environ.get("COMPOSER_EXAMPLES", "25"))
# Shrinking a history takes minutes: for whoever looks for a defect, not for whoever waits for an answer.
PHASES = [Phase.generate, Phase.shrink] if "COMPOSER_SHRINK" in os.environ else [Phase.generate]
SECOND = timedelta(seconds=1)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
OPEN = ("queued", "ambiguous", "accepted")
IN_FLIGHT = ("sending", "ambiguous", "needs_review")
TEXTS = ("Fresh bread", "Rye today", "Closed on Monday")
FATES = ("receipt", "lost", "late", "late", "nothing", "limited", "expired", "reconnect", "rejected", "refused")
LATE = (30, 90)  # seconds until a platform publishes what it has not answered
MOVES = st.lists(
    st.tuples(
        st.sampled_from(FATES),
        st.sampled_from(["well", "well", "well", "not", "limited"]),
        st.sampled_from(LATE),
        st.sampled_from(["", "", "", "", "", "", "", "", "cancel", "kill", "crash", "wait", "wait long"]),
    ),
    min_size=2,
    max_size=9,
)
RETRIES = (5, 15, 60, 300, 900, 1800, 3600)
ROUNDS = 12  # of one claim, before a hand lets go
PASTS = (
    (),
    ("refused",),
    ("nothing",),
    ("late",),
    ("late", "refused"),
    ("late", "late"),
    ("crash",),
    ("crash", "late"),
    ("late", "crash"),
    ("crash", "crash"),
)
MOST = 7  # deliveries of one history
WAITS = (1, 4, 9, 16, 31, 61, 121, 301, 907)


@dataclass(frozen=True)
class Behaviour:
    """How the platform behaves, and what the worker is told about it."""

    keyed: bool  # the key is ours: writing again cannot make a second post
    settle: timedelta
    misses: int
    read_lag: timedelta


KEYED = Behaviour(True, timedelta(0), 1, timedelta(0))
UNKEYED = Behaviour(False, timedelta(seconds=120), 2, timedelta(seconds=20))
LAG = 20  # seconds until a reader sees it, at most


@dataclass(frozen=True)
class Row:
    """A delivery, as the database has it."""

    id: UUID
    connection_id: UUID
    state: str
    attempt: int
    priority: int
    due_at: datetime
    next_at: datetime
    expires_at: datetime
    stopped: bool
    held: bool
    misses: int
    looks: int
    remote_id: str | None
    read_back: str | None
    sent: bool
    text_hash: bytes
    follows: UUID | None
    changed_at: datetime
    stopped_at: datetime  # when it was stopped, or will be too late
    tries: tuple = ()  # of its attempts: number, outcome, kind of failure, remote id


@dataclass(frozen=True)
class LaneRow:
    connection_id: UUID
    due_at: datetime
    not_before: datetime
    owner: int | None
    claim_no: int
    usable: bool
    version: int


@dataclass(frozen=True)
class World:
    now: datetime
    rows: dict[UUID, Row]
    lanes: dict[UUID, LaneRow]
    deadlines: dict[UUID, datetime]


@dataclass
class Posted:
    delivery_id: UUID
    remote_id: str
    at: datetime
    seen_from: datetime


@dataclass
class Platform:
    """What is public, in a time that passes with the test's."""

    keyed: bool
    posts: list[Posted] = field(default_factory=list)

    def write(self, delivery_id: UUID, at: datetime, lag: int) -> Receipt | None:
        """Publish; None where the key is taken already."""
        if self.keyed and (known := self.of(delivery_id)):
            known[0].at = min(known[0].at, at)
            known[0].seen_from = min(known[0].seen_from, at)
            return None
        remote_id = f"at://{delivery_id}/{'key' if self.keyed else uuid4()}"
        self.posts.append(Posted(delivery_id, remote_id, at, at + (timedelta(0) if self.keyed else lag * SECOND)))
        return Receipt(remote_id, "https://platform.test/post")

    def of(self, delivery_id: UUID) -> list[Posted]:
        return [post for post in self.posts if post.delivery_id == delivery_id]

    def find(self, delivery_id: UUID, now: datetime) -> Receipt | None:
        seen = [post for post in self.of(delivery_id) if post.seen_from <= now]
        return Receipt(seen[0].remote_id, "https://platform.test/post") if seen else None


@dataclass(eq=False)
class Hand:
    """A thread of a worker, and where in the protocol it stands."""

    lane: Lane
    picked: Picked | None = None
    attempt: Attempt | None = None
    result: Receipt | failures.PlatformFailure | None = None
    has_looked: bool = False
    rounds: int = 0


class Lifecycle(RuleBasedStateMachine):
    def __init__(self, business, as_worker, superuser, pulses, behaviour):
        super().__init__()
        self.business, self.as_worker, self.db, self.pulses = business, as_worker, superuser, pulses
        self.behaviour, self.platform = behaviour, Platform(behaviour.keyed)
        self.shifted = timedelta(0)
        self.latest: World | None = None  # as read last, if nothing has happened since
        self.hands: list[Hand] = []
        self.alive: list[int] = []
        self.ids: list[UUID] = []
        self.submissions: list[tuple] = []
        self.most_attempts: dict[UUID, int] = {}
        self.given_up: set[UUID] = set()  # may be public all the same, and say so
        self.hold = None
        self.db.execute(
            "update account_features set enabled = true where account_id is null and not enabled"
            " and feature_name in ('feature_social_composer', 'feature_bluesky_posting')"
        )
        self._flag(True)
        self.subjects = [f"did:plc:{uuid4().hex[:24]}" for _ in range(2)]
        self.connection_ids = [self._connect(subject) for subject in self.subjects]
        self._hire()
        self._hire()

    # What there is.

    def _connect(self, subject):
        secret = {"access": "a.e30.s", "refresh": "r.e30.s", "app_password": "test-test-test-test"}
        granted = Granted("https://pds.test", subject, secret, (Target(subject, "bakery.test"),), None)
        with self.business.scope() as scope:
            return connections.connect(scope, self.business.vault, "bluesky", granted, subject)

    def _hire(self):
        (no,) = self.db.execute(
            "insert into workers (name, version, concurrency, pulse_pid) values ('test', '0', 1, 1) returning no"
        ).fetchone()
        self.pulses.execute("select pg_advisory_lock(7, %s)", (no,))
        self.alive.append(no)

    def _flag(self, on):
        self.db.execute(
            "update account_features set enabled = %s where account_id = %s and enabled <> %s"
            " and feature_name = 'feature_bluesky_posting'",
            (on, self.business.account_id, on),
        )
        self.flag = on

    def _read(self) -> World:
        found = self.db.execute(
            "select id, connection_id, state, attempt, priority, due_at, next_at, expires_at, cancel_at is not null,"
            "  held_because is not null, misses, looks, remote_id, read_back, wire is not null, text_hash, follows,"
            "  changed_at, coalesce(cancel_at, expires_at),"
            "  array(select (n, outcome, failure_kind, remote_id)::text from attempts a"
            "    where a.account_id = d.account_id and a.delivery_id = d.id order by n),"
            "  (select max(deadline_at) from attempts a where a.account_id = d.account_id and a.delivery_id = d.id)"
            " from deliveries d where connection_id = any(%s)",
            (self.connection_ids,),
        ).fetchall()
        rows, deadlines = {}, {}
        for *columns, tries, deadline in found:
            rows[columns[0]] = Row(*columns, tuple(tuple(_record(each)) for each in tries))
            deadlines[columns[0]] = deadline
        found = self.db.execute(
            "select l.connection_id, least(l.due_at, '9999-01-01'), greatest(l.not_before, '0002-01-01'), l.owner,"
            "  l.claim_no, c.disconnected_at is null and g.reconnect_because is null, g.version"
            " from lanes l join connections c on c.id = l.connection_id join grants g on g.id = c.grant_id"
            " where l.connection_id = any(%s)",
            (self.connection_ids,),
        ).fetchall()
        (now,) = self.db.execute("select clock_timestamp()").fetchone()
        return World(now, rows, {row[0]: LaneRow(*row) for row in found}, deadlines)

    def _before(self) -> World:
        """Read the rows at a moment when no time is about to come, so that what follows is certain."""
        while True:
            world = self._read()
            moments = [each.next_at for each in world.rows.values()] + [each.expires_at for each in world.rows.values()]
            moments += [each.due_at for each in world.lanes.values()]
            moments += [each.not_before for each in world.lanes.values()]
            for row in world.rows.values():
                moments += [row.changed_at + looks.LOOK_FOR, row.changed_at + looks.READ_BACK_FOR]
                moments.append(row.stopped_at + looks.LOOK_FOR)
            for deadline in filter(None, world.deadlines.values()):
                moments += [deadline, deadline + transitions.LATE_COMMIT]
            if not any(world.now < moment < world.now + SECOND / 2 for moment in moments):
                return world
            self._pass_time(SECOND)

    def _pass_time(self, much):
        """Let time pass: everything that is stored moves into the past."""
        self.latest = None
        self.shifted += much
        with self.db.transaction():
            self.db.execute("set local session_replication_role = replica")
            self.db.execute(
                "update deliveries set due_at = due_at - %(by)s, expires_at = expires_at - %(by)s,"
                "  next_at = next_at - %(by)s, changed_at = changed_at - %(by)s, cancel_at = cancel_at - %(by)s"
                " where connection_id = any(%(ids)s)",
                {"by": much, "ids": self.connection_ids},
            )
            self.db.execute(
                "update attempts set started_at = started_at - %(by)s, deadline_at = deadline_at - %(by)s"
                " where delivery_id in (select id from deliveries where connection_id = any(%(ids)s))",
                {"by": much, "ids": self.connection_ids},
            )
            self.db.execute(
                "update lanes set due_at = due_at - %(by)s, not_before = not_before - %(by)s"
                " where connection_id = any(%(ids)s)",
                {"by": much, "ids": self.connection_ids},
            )

    def _virtual(self, now):
        return now + self.shifted

    # What must come of it.

    def _expect(self, before: World, changes=None, fresh=()):
        """Compare every row with what it was, but for `changes`."""
        after = self.latest = self._read()
        expected = {row.id: replace(row, **(changes or {}).get(row.id, {})) for row in before.rows.values()}
        assert set(after.rows) == set(expected) | set(fresh)
        for row in expected.values():
            got = after.rows[row.id]
            for name in Row.__dataclass_fields__:
                want, have = getattr(row, name), getattr(got, name)
                if name in ("changed_at", "stopped_at"):
                    continue
                if isinstance(want, datetime):
                    assert abs(want - have) < SECOND / 2, (name, "off by", have - want, changes, row)
                else:
                    assert want == have, (name, want, have, changes, row)
        return after

    def _mine(self, world, hand):
        lane = world.lanes[hand.lane.connection_id]
        return (lane.owner, lane.claim_no) == (hand.lane.owner, hand.lane.claim_no)

    def _moved_on(self, world, hand):
        row = world.rows[hand.picked.id]
        return (row.state, row.attempt) != (hand.picked.state, hand.picked.attempt) or row.next_at > world.now

    def _in_doubt(self, row):
        return any(outcome == "ambiguous" for _, outcome, _, _ in row.tries)

    def _ended(self, row):
        """How a delivery ends unsent: not at all while an earlier attempt leaves a doubt."""
        return {} if self._in_doubt(row) else {"state": "cancelled" if row.stopped else "missed", "held": False}

    def _is_sendable(self, world, row):
        if row.state != "queued":
            return True
        if (row.expires_at < world.now or row.stopped) and not self._in_doubt(row):
            return True
        others = [each for each in world.rows.values() if each.connection_id == row.connection_id]
        if any(each.text_hash == row.text_hash and each.state in IN_FLIGHT for each in others):
            return False
        return row.follows is None or world.rows[row.follows].state in ("accepted", "confirmed")

    def _waits_for(self, world, connection_id):
        return [row for row in world.rows.values() if row.connection_id == connection_id and row.state in OPEN]

    # People.

    def _submit(self, text, which, after, window):
        with self.business.scope() as scope:
            every = {each.id: each for each in connections.of_account(scope)}
            chosen = [every[self.connection_ids[each]] for each in which]
            content, token = Content(text=text), uuid4()
            rendered = {each.id: publishing.render(content, each, Lookups()) for each in chosen}
            (now,) = scope.run("select clock_timestamp()").one()
            due_at = now + after * SECOND if after else None
            arguments = (content, rendered, chosen, token, due_at, window * SECOND, now)
        self.submissions.append(arguments)
        return self._submit_as(*arguments), now

    def _submit_as(self, content, rendered, chosen, token, due_at, window, now):
        with self.business.scope() as scope:
            return publishing.submit(
                scope,
                content,
                rendered,
                chosen,
                submit_token=token,
                due_at=due_at,
                undo=timedelta(seconds=2),
                late_window=window,
                now=now,
            )

    @initialize(
        where=st.sampled_from([(0,), (0, 1)]),
        twice=st.booleans(),
        past=st.sampled_from(PASTS),
    )
    def begin(self, where, twice, past):
        """Start with something to do, and with a doubt or two behind it."""
        self.submit(TEXTS[0], where, 0, 7200, False)
        for fate in past:
            self._wait_for_work()
            self._claim(0)
            for hand in list(self.hands):
                if fate == "crash":
                    self._crash(hand)
                    continue
                while hand in self.hands:
                    # Look at once: what is late is not there yet.
                    self._step(hand, fate, "well", 90)
        if twice:
            self.submit(TEXTS[0], (0,), 0, 300, False)

    @rule(
        text=st.sampled_from(TEXTS[:2]),
        which=st.sampled_from([(0,), (0,), (1,), (0, 1)]),
        after=st.sampled_from([0, 0, 60, 3600]),
        window=st.sampled_from([300, 7200]),
        follows=st.booleans(),
    )
    def submit(self, text, which, after, window, follows):
        before = self._before()
        if len(self.ids) >= MOST or any(not before.lanes[self.connection_ids[each]].usable for each in which):
            return
        submitted, now = self._submit(text, which, after, window)
        fresh = set(submitted.delivery_ids)
        assert len(fresh) == len(which)
        world = self._expect(before, fresh=fresh)
        for each in fresh:
            row = world.rows[each]
            assert (row.state, row.attempt, row.priority) == ("queued", 0, 1 if after else 0)
            assert abs(row.next_at - now - (after or 2) * SECOND) < SECOND / 2
            assert abs(row.expires_at - row.next_at - window * SECOND) < SECOND / 2
        earlier = [row for row in before.rows.values() if row.connection_id == self.connection_ids[which[0]]]
        if follows and earlier and len(which) == 1:  # as a part of a thread
            first = max(earlier, key=lambda row: (row.next_at, row.id))
            self.db.execute("update deliveries set follows = %s where id = %s", (first.id, *fresh))
        self.ids += sorted(fresh, key=lambda each: self.connection_ids.index(world.rows[each].connection_id))

    def _submit_again_under_the_same_token(self, which):
        before = self._before()
        self._submit_as(*self.submissions[which])
        self._expect(before)

    @rule(
        what=st.sampled_from(["cancel", "cancel", "send missed", "send again", "give up", "move", "move"]),
        which=st.lists(st.integers(0, 6), min_size=1, max_size=2),
    )
    def steer(self, what, which):
        rows = self._read().rows
        states = {
            "cancel": ("queued", "sending", "ambiguous", "missed"),
            "send missed": ("missed",),
            "send again": ("failed", "needs_review"),
            "give up": ("needs_review",),
            "move": ("queued",),
        }
        able = [each for each in self.ids if rows[each].state in states[what]] or self.ids
        chosen = sorted({able[each % len(able)] for each in which})
        if what == "cancel":
            self._cancel(chosen)
        elif what == "move":
            self._move_to_another_time(chosen[0], WAITS[which[-1]] * SECOND)
        elif what == "give up":
            self._give_up(chosen[0])
        elif (rows[chosen[0]].state == "needs_review" or chosen[0] in self.given_up) and self.platform.of(chosen[0]):
            return  # whoever decides about it has looked: it is there, or about to be
        else:
            self._send_after_all(chosen[0], late=what == "send missed")

    def _cancel(self, ids):
        before = self._before()
        with self.business.scope() as scope:
            stopped = deliveries.cancel(scope, ids)
        changes, certain = {}, 0
        for row in (before.rows[each] for each in ids):
            if row.state in ("queued", "missed") and not row.sent:
                changes[row.id] = {"state": "cancelled", "stopped": True, "held": False}
                certain += 1
            elif row.state in ("queued", "missed") and not row.stopped:
                # It was tried before: a worker finds out what is certain.
                changes[row.id] = {"state": "queued", "stopped": True, "next_at": before.now}
            elif row.state in ("sending", "ambiguous"):
                changes[row.id] = {"stopped": True}
        self._expect(before, changes)
        assert stopped == certain

    def _move_to_another_time(self, one, later):
        """To another time, with everything of its post that has not begun to go out."""
        (post_id,) = self.db.execute("select post_id from deliveries where id = %s", (one,)).fetchone()
        of_post = {
            row[0] for row in self.db.execute("select id from deliveries where post_id = %s", (post_id,)).fetchall()
        }
        before = self._before()
        untouched = [
            row.id
            for row in before.rows.values()
            if row.id in of_post and row.state == "queued" and not (row.attempt or row.sent or row.stopped)
        ]
        with self.business.scope() as scope:
            (now,) = scope.run("select clock_timestamp()").one()
            due_at, window = now + later, timedelta(seconds=300)
            if not untouched:
                with pytest.raises(planning.TooLateToMove):
                    planning.reschedule(scope, post_id, due_at, now=now, late_window=window)
            else:
                moved = planning.reschedule(scope, post_id, due_at, now=now, late_window=window)
                assert (moved.deliveries, moved.left_alone) == (len(untouched), len(of_post) - len(untouched))
        then = {"due_at": due_at, "next_at": due_at, "expires_at": due_at + window, "priority": 1}
        self._expect(before, {each: {**then, "held": False, "looks": 0} for each in untouched})

    def _send_after_all(self, one, late):
        before = self._before()
        send = deliveries.send_missed if late else deliveries.send_again
        with self.business.scope() as scope:
            send(scope, [one], late_window=timedelta(seconds=300))
        changes = {}
        if before.rows[one].state in (["missed"] if late else ["failed", "needs_review"]):
            then = {
                "due_at": before.now,
                "next_at": before.now,
                "expires_at": before.now + 300 * SECOND,
                "priority": 0,
                "held": False,
            }
            changes[one] = {"state": "queued", "stopped": False, **then}
        self._expect(before, changes)

    def _give_up(self, one):
        before = self._before()
        with self.business.scope() as scope:
            deliveries.give_up(scope, [one])
        doubtful = before.rows[one].state == "needs_review"
        self.given_up |= {one} if doubtful else set()
        self._expect(before, {one: {"state": "failed"}} if doubtful else {})

    @rule(
        what=st.sampled_from(["flag", "hold", "disconnect", "connect", "connect", "submit twice"]),
        which=st.integers(0, 9),
    )
    def decide(self, what, which):
        match what:
            case "flag":
                self._flag(not self.flag)
            case "hold":
                self._place_or_lift_a_hold()
            case "disconnect":
                self._disconnect(which % 2)
            case "connect":
                self._connect_again(which % 2)
            case "submit twice" if self.submissions:
                self._submit_again_under_the_same_token(which % len(self.submissions))

    def _place_or_lift_a_hold(self):
        if self.hold:
            self.db.execute("update holds set lifted_at = now() where id = %s", (self.hold,))
            self.hold = None
        else:
            (self.hold,) = self.db.execute(
                "insert into holds (kind, account_id, reason) values ('account', %s, 'a fire drill') returning id",
                (self.business.account_id,),
            ).fetchone()

    def _disconnect(self, which):
        before = self._before()
        with self.business.scope() as scope:
            connections.disconnect(scope, self.connection_ids[which], why="test")
        self._expect(before)

    def _connect_again(self, which):
        before = self._before()
        assert self._connect(self.subjects[which]) == self.connection_ids[which]
        waited = [
            row
            for row in before.rows.values()
            if row.connection_id == self.connection_ids[which] and row.state == "queued" and row.held
        ]
        after = self._read()
        due = {row.id: {"next_at": before.now} for row in waited if after.rows[row.id].next_at != row.next_at}
        assert all(row.id in due or row.next_at <= before.now or row.stopped for row in waited)
        self._expect(before, due)

    # Time, and what goes wrong.

    @rule(much=st.sampled_from(WAITS))
    def wait(self, much):
        self._pass_time(much * SECOND)

    @rule(what=st.sampled_from(["kill", "rescue", "kill and rescue", "abandon"]), which=st.integers(0, 9))
    def trouble(self, what, which):
        owners = [no for no in self.alive if any(no == hand.lane.owner for hand in self.hands)]
        if "kill" in what:
            self._kill((owners or self.alive)[which % len(owners or self.alive)])
        if "rescue" in what:
            self._rescue()
        if what == "abandon" and self.hands:
            self._abandon(which)

    def _kill(self, no):
        self.alive.remove(no)
        self.pulses.execute("select pg_advisory_unlock(7, %s)", (no,))
        self._hire()

    def _rescue(self):
        before = self._before()
        owners = {lane.owner for lane in before.lanes.values() if lane.owner is not None}
        dead = {owner for owner in owners if owner not in self.alive}
        found = lanes.dead_owners(self.as_worker, besides=self.alive[0])
        assert owners & set(found) == dead
        for owner in owners:  # also those who live: nothing may come of it
            freed = lanes.rescue(self.as_worker, owner, settle={"bluesky": self.behaviour.settle})
            assert (freed > 0) == (owner in dead)
        changes = {}
        for connection_id, lane in before.lanes.items():
            if lane.owner in dead:
                changes |= self._doubted(before, connection_id)
        after = self._expect(before, changes)
        assert all(after.lanes[each].owner is None for each in before.lanes if before.lanes[each].owner in dead)

    def _doubted(self, world, connection_id):
        changes = {}
        for row in world.rows.values():
            if row.connection_id == connection_id and row.state == "sending":
                n, _, _, _ = row.tries[-1]
                over = max(world.now, world.deadlines[row.id])
                changes[row.id] = {
                    "state": "ambiguous",
                    "misses": 0,
                    "looks": 0,
                    "next_at": over + self.behaviour.settle,
                    "tries": (*row.tries[:-1], (n, "ambiguous", "OutcomeUnknown", None)),
                }
        return changes

    # Workers.

    def _claim(self, which):
        worker = self.alive[which % len(self.alive)]
        before = self._before()
        with system_scope(self.as_worker) as scope:
            claimed = lanes.claim(scope, worker, free={"bluesky": 1000})
        mine = [lane for lane in claimed if lane.connection_id in self.connection_ids]
        self.db.execute(  # other tests' lanes are none of ours
            "update lanes set owner = null, due_at = 'infinity' where owner = %s and connection_id <> all(%s)",
            (worker, self.connection_ids),
        )
        ready = {
            lane.connection_id: lane.claim_no + 1
            for lane in before.lanes.values()
            if lane.owner is None and max(lane.due_at, lane.not_before) <= before.now
        }
        assert {lane.connection_id: lane.claim_no for lane in mine} == ready
        mine.sort(key=lambda lane: self.connection_ids.index(lane.connection_id))
        self.hands += [Hand(lane) for lane in mine]
        self._expect(before)

    @rule(worker=st.integers(0, 1), which=st.integers(0, 9), moves=MOVES, patient=st.booleans())
    def serve(self, worker, which, moves, patient):
        """Let one hand take some steps; a hand that is left alone is a thread that hangs there."""
        if patient and not self.hands:
            self._wait_for_work()
        self._claim(worker)
        for move in moves:
            if not self.hands:
                return
            self._move(self.hands[which % len(self.hands)], *move)

    @rule(worker=st.integers(0, 1), which=st.integers(0, 9), moves=MOVES)
    def serve_at_length(self, worker, which, moves):
        for _ in range(2):
            self.serve(worker, which, moves, patient=True)

    @rule(which=st.integers(0, 9), moves=MOVES)
    def go_on(self, which, moves):
        for move in moves:
            if self.hands:
                self._move(self.hands[which % len(self.hands)], *move)

    def _crash(self, hand):
        """Lose the pulse while sending; the thread hangs there, with an answer that nobody else knows of."""
        while hand in self.hands and hand.result is None:
            self._step(hand, "receipt", "well", 30)
        if hand.lane.owner in self.alive:
            self._kill(hand.lane.owner)
        self._rescue()

    def _move(self, hand, fate, reads, late, aside):
        """Take a step, after something else has come in between."""
        match aside:
            case "cancel" if hand.picked:
                self._cancel([hand.picked.id])
            case "kill" if hand.lane.owner in self.alive:
                self._kill(hand.lane.owner)
            case "crash":
                self._crash(hand)
            case "wait" | "wait long":
                self._pass_time(11 * SECOND if aside == "wait" else 400 * SECOND)
        if hand in self.hands:
            self._step(hand, fate, reads, late)

    def _wait_for_work(self):
        world = self._read()
        times = [max(lane.due_at, lane.not_before) for lane in world.lanes.values() if lane.owner is None]
        until = min(times, default=FOREVER)
        if world.now < until < FOREVER - timedelta(days=9):
            self._pass_time(until - world.now + SECOND)

    def _abandon(self, which):
        hand = self.hands[which % len(self.hands)]
        if which % 2:  # otherwise its thread has not heard of it and goes on
            self.hands.remove(hand)
        before = self._before()
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            lanes.abandon(scope, hand.lane, self.behaviour.settle)
        mine = self._mine(before, hand)
        after = self._expect(before, self._doubted(before, hand.lane.connection_id) if mine else {})
        assert not self._mine(after, hand)

    def _step(self, hand, fate, reads, late):
        if hand.result is not None:
            self._conclude(hand)
        elif hand.attempt is not None:
            self._send(hand, fate, late)
        elif hand.picked is None:
            self._pick(hand)
        elif hand.has_looked:
            self._note(hand)
        elif hand.picked.state == "accepted" or hand.picked.state == "ambiguous" or hand.picked.is_stopping:
            self._look(hand, reads)
        elif reads == "not":
            self._cannot_prepare(hand, fate)
        else:
            self._intend(hand)

    def _pick(self, hand):
        before = self._before()
        hand.rounds += 1
        if hand.rounds > ROUNDS:
            self._release(hand, before)
            return
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            hand.picked = attempts.pick(scope, hand.lane)
        lane = before.lanes[hand.lane.connection_id]
        due = [row for row in self._waits_for(before, lane.connection_id) if row.next_at <= before.now]
        may = lane.not_before <= before.now and self._mine(before, hand)
        due = [row for row in due if self._is_sendable(before, row)] if may else []
        due.sort(key=lambda row: (row.state == "queued", row.priority, row.due_at, row.next_at, row.id))
        assert (hand.picked.id if hand.picked else None) == (due[0].id if due else None)
        if hand.picked:
            over = due[0].stopped or due[0].expires_at < before.now
            assert hand.picked.is_stopping == (over and self._in_doubt(due[0]))
            assert (hand.picked.state, hand.picked.attempt) == (due[0].state, due[0].attempt)
            self._expect(before)
        else:
            self._release(hand, before)

    def _release(self, hand, before):
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            lanes.release(scope, hand.lane)
        after = self._expect(before)
        if self._mine(before, hand):
            assert after.lanes[hand.lane.connection_id].owner is None
        else:
            assert after.lanes == before.lanes
        self.hands.remove(hand)

    def _cannot_prepare(self, hand, fate):
        before = self._before()
        failure = {
            "limited": failures.RateLimited("wait", wait=30 * SECOND),
            "reconnect": failures.ReconnectNeeded("sign in again"),
            "rejected": failures.ContentRejected("no"),
        }.get(fate, failures.Unavailable("not now"))
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            attempts.note_unprepared(scope, hand.lane, hand.picked, failure)
        row, changes = before.rows[hand.picked.id], {}
        if self._moved_on(before, hand):
            pass
        elif row.stopped or row.expires_at < before.now:
            changes[row.id] = self._ended(row)
        elif fate == "reconnect":
            changes[row.id] = {"held": True, "next_at": before.now + attempts.HELD_LOOK_AGAIN}
        elif fate == "rejected":
            if self._mine(before, hand):
                changes[row.id] = {"state": "needs_review" if self._in_doubt(row) else "failed"}
                changes[row.id] |= {"held": False} if self._in_doubt(row) else {}
        else:
            wait = 30 if fate == "limited" else _ask_again(row.looks)
            changes[row.id] = {"next_at": before.now + wait * SECOND, "looks": row.looks + 1}
        after = self._expect(before, changes)
        self._check_waits(before, after, hand, failure)
        hand.picked = None

    def _intend(self, hand):
        before = self._before()
        row, lane = before.rows[hand.picked.id], before.lanes[hand.lane.connection_id]
        if hand.lane.owner not in self.alive:
            with pytest.raises(PulseLost), worker_scope(self.as_worker, hand.lane.account_id) as scope:
                attempts.intend(scope, hand.lane, hand.picked, grant_version=1, freeze=ADAPTERS["bluesky"].freeze)
            self._expect(before)
            self.hands.remove(hand)
            return
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            hand.attempt = attempts.intend(
                scope,
                hand.lane,
                hand.picked,
                grant_version=hand.picked.grant.version,
                freeze=ADAPTERS["bluesky"].freeze,
            )
        changes = {}
        if not self._mine(before, hand) or self._moved_on(before, hand):
            pass
        elif row.stopped or row.expires_at < before.now:
            changes[row.id] = self._ended(row)
        elif self.hold or not self.flag or not lane.usable:
            changes[row.id] = {"held": True, "next_at": before.now + attempts.HELD_LOOK_AGAIN}
        else:
            n = row.attempt + 1
            begun = {"state": "sending", "attempt": n, "held": False, "misses": 0, "looks": 0, "sent": True}
            changes[row.id] = {**begun, "tries": (*row.tries, (n, None, None, None))}
        assert (hand.attempt is not None) == any(change.get("state") == "sending" for change in changes.values())
        after = self._expect(before, changes)
        if hand.attempt:
            assert after.deadlines[row.id] - after.now <= attempts.SEND_WITHIN
        else:
            hand.picked = None

    def _send(self, hand, fate, late):
        world = self._before()
        now, one = self._virtual(world.now), hand.attempt.delivery_id
        assert sum(len(self.platform.of(each)) for each in [one]) <= 1
        if now > self._virtual(world.deadlines[one]):
            hand.result = failures.Unavailable("It took too long to get ready. Nothing was sent.")
            return
        match fate:
            case "receipt" | "lost":
                receipt = self.platform.write(one, now, LAG)
                known = receipt if fate == "receipt" else None
                hand.result = known or failures.OutcomeUnknown("no answer")
            case "late":
                self.platform.write(one, now + late * SECOND, LAG)
                hand.result = failures.OutcomeUnknown("no answer")
            case _:
                hand.result = {
                    "nothing": failures.OutcomeUnknown("no answer"),
                    "limited": failures.RateLimited("wait", wait=30 * SECOND),
                    "expired": failures.CredentialExpired("too old"),
                    "reconnect": failures.ReconnectNeeded("sign in again"),
                    "rejected": failures.ContentRejected("no"),
                    "refused": failures.Unavailable("not now"),
                }[fate]

    def _conclude(self, hand):
        before = self._before()
        row, result, n = before.rows[hand.attempt.delivery_id], hand.result, hand.attempt.n
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            attempts.conclude(
                scope,
                hand.lane,
                hand.attempt,
                result,
                grant=hand.picked.grant,
                settle=self.behaviour.settle,
                read_lag=self.behaviour.read_lag,
            )
        change = {}
        tries = list(row.tries)
        latest, open_ = row.attempt == n, row.tries[n - 1][1] is None
        if isinstance(result, Receipt):
            tries[n - 1] = (n, "accepted", None, result.remote_id)
            change["tries"] = tuple(tries)
            if latest and row.state in ("sending", "ambiguous", "queued", "needs_review"):
                change |= {"state": "accepted", "remote_id": result.remote_id, "looks": 0}
                change["next_at"] = before.now + self.behaviour.read_lag
        elif latest and row.state == "sending":
            assert open_
            change = self._failed(before, row, result)
            tries[n - 1] = (n, change["state"], result.kind, None)
            if change["state"] == "failed" and self._in_doubt(row):  # said once the earlier one is certain
                change |= {"state": "ambiguous", "misses": 0, "looks": 0}
                change["next_at"] = before.deadlines[row.id] + transitions.LATE_COMMIT
            change["tries"] = tuple(tries)
        after = self._expect(before, {row.id: change})
        self._check_waits(before, after, hand, result)
        hand.picked = hand.attempt = hand.result = None

    def _failed(self, world, row, result):
        """What the table of next steps says, in the words of the rows."""
        ignored = ("RateLimited", "CredentialExpired", "ReconnectNeeded")
        tries = sum(kind not in ignored for _, _, kind, _ in row.tries)
        match result:
            case failures.OutcomeUnknown():
                over = max(world.now, world.deadlines[row.id])
                return {"state": "ambiguous", "next_at": over + self.behaviour.settle, "misses": 0, "looks": 0}
            case failures.RateLimited():
                return {"state": "queued", "next_at": world.now + 30 * SECOND, "priority": 2}
            case failures.CredentialExpired():
                kinds = [kind for _, _, kind, _ in row.tries[:-1]]
                repeats = next((n for n, kind in enumerate(reversed(kinds)) if kind != "CredentialExpired"), len(kinds))
                wait = RETRIES[min(repeats - 1, 6)] if repeats else 0
                return {"state": "queued", "next_at": world.now + wait * SECOND, "priority": 2}
            case failures.ReconnectNeeded():
                return {"state": "queued", "next_at": world.now + attempts.HELD_LOOK_AGAIN, "held": True}
            case failures.ContentRejected():
                return {"state": "failed"}
        if tries > 7:
            return {"state": "failed"}
        wait = RETRIES[tries - 1]
        return {"state": "queued", "next_at": world.now + wait * SECOND, "priority": 2}

    def _check_waits(self, before, after, hand, result):
        was, lane = (each.lanes[hand.lane.connection_id] for each in (before, after))
        if isinstance(result, failures.RateLimited):
            assert abs(lane.not_before - max(was.not_before, before.now + result.wait)) < SECOND / 2
        else:
            assert lane.not_before == was.not_before
        if isinstance(result, failures.ReconnectNeeded):
            assert not lane.usable or was.version != hand.picked.grant.version

    def _look(self, hand, reads):
        """Ask the platform; what it says may be old news when it is noted."""
        world = self._before()
        hand.has_looked = True
        hand.found = failures.Unavailable("cannot read")
        if reads == "limited":
            hand.found = failures.RateLimited("wait", wait=30 * SECOND)
        if reads == "well":
            hand.found = self.platform.find(hand.picked.id, self._virtual(world.now))

    def _note(self, hand):
        if hand.picked.state == "accepted":
            self._note_read_back(hand)
        elif hand.picked.state == "ambiguous":
            self._note_look(hand)
        else:
            self._note_stop(hand)
        hand.picked, hand.has_looked = None, False

    def _note_look(self, hand):
        before = self._before()
        row, found = before.rows[hand.picked.id], hand.found
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            looks.note_look(
                scope,
                hand.lane,
                hand.picked,
                found,
                settle=self.behaviour.settle,
                misses=self.behaviour.misses,
                read_lag=self.behaviour.read_lag,
            )
        if not self._mine(before, hand) or self._moved_on(before, hand):
            change = {}
        elif isinstance(found, Receipt):
            change = {"state": "accepted", "remote_id": found.remote_id, "looks": 0}
            change["next_at"] = before.now + self.behaviour.read_lag
        elif isinstance(found, failures.PlatformFailure):
            change = self._could_not_tell(before, row, found, row.changed_at)
        elif row.misses + 1 < self.behaviour.misses:
            change = {"misses": row.misses + 1, "next_at": before.now + self.behaviour.read_lag}
        else:
            again = self._failed(before, row, failures.Unavailable("")) | {"misses": 0, "priority": 2}
            if again["state"] == "queued" and again["next_at"] - before.now < 20 * SECOND:
                again["next_at"] = before.now
            certain_at = before.deadlines[row.id] + transitions.LATE_COMMIT
            if again["state"] == "failed" or row.tries[-1][1] == "failed":  # the last answer was a refusal
                again = {"next_at": certain_at} if row.next_at < certain_at else {"state": "failed", "misses": 0}
            change = again
        self._check_waits(before, self._expect(before, {row.id: change}), hand, found)

    def _could_not_tell(self, world, row, found, since):
        if world.now - since > looks.LOOK_FOR:
            return {"state": "needs_review", "held": False}
        wait = 30 if isinstance(found, failures.RateLimited) else _ask_again(row.looks + 1)
        return {"looks": row.looks + 1, "next_at": world.now + wait * SECOND}

    def _note_stop(self, hand):
        before = self._before()
        row, found = before.rows[hand.picked.id], hand.found
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            looks.note_stop(scope, hand.lane, hand.picked, found, read_lag=self.behaviour.read_lag)
        certain_at = before.deadlines[row.id] + transitions.LATE_COMMIT
        if not self._mine(before, hand) or self._moved_on(before, hand):
            change = {}
        elif isinstance(found, Receipt):
            change = {"state": "accepted", "remote_id": found.remote_id, "looks": 0}
            change["next_at"] = before.now + self.behaviour.read_lag
        elif isinstance(found, failures.PlatformFailure):
            change = self._could_not_tell(before, row, found, max(row.changed_at, row.stopped_at))
        elif row.next_at < certain_at:  # we may have looked before it was certain
            change = {"next_at": certain_at}
        else:
            change = {"state": "cancelled" if row.stopped else "missed", "held": False}
        self._check_waits(before, self._expect(before, {row.id: change}), hand, found)

    def _note_read_back(self, hand):
        before = self._before()
        row, found = before.rows[hand.picked.id], hand.found
        shown = ReadBack("match") if isinstance(found, Receipt) else found
        with worker_scope(self.as_worker, hand.lane.account_id) as scope:
            looks.note_read_back(scope, hand.lane, hand.picked, shown)
        if not self._mine(before, hand) or self._moved_on(before, hand):
            change = {}
        elif isinstance(shown, ReadBack):
            change = {"state": "confirmed", "read_back": "match"}
        elif before.now - row.changed_at > looks.READ_BACK_FOR:
            change = {"state": "confirmed", "read_back": "unavailable"}
        else:
            wait = 30 if isinstance(shown, failures.RateLimited) else _ask_again(row.looks + 1)
            change = {"looks": row.looks + 1, "next_at": before.now + wait * SECOND}
        self._check_waits(before, self._expect(before, {row.id: change}), hand, shown)

    # What always holds.

    @invariant()
    def walls_stand(self):
        world = self.latest or self._read()
        flying = [(row.connection_id, row.text_hash) for row in world.rows.values() if row.state in IN_FLIGHT]
        assert len(flying) == len(set(flying)), "two of the same words in flight"
        for row in world.rows.values():
            assert row.attempt >= self.most_attempts.get(row.id, 0)
            self.most_attempts[row.id] = row.attempt
            assert row.state not in ("accepted", "confirmed") or row.remote_id
            assert [n for n, *_ in row.tries] == list(range(1, row.attempt + 1))
            assert len(self.platform.of(row.id)) <= 1, "published twice"
            if row.state in ("cancelled", "missed"):
                assert not self.platform.of(row.id), f"{row.state}, and public or about to be"
            if row.state == "failed" and not self.behaviour.keyed and row.id not in self.given_up:
                assert not self.platform.of(row.id), f"{row.state}, and public"

        self._somebody_will_wake(world)

    def _somebody_will_wake(self, world):
        for lane in world.lanes.values():
            if lane.owner is not None:
                # The lane's owner recomputes when it releases, and a dead owner's rescuer does.
                continue
            waiting = self._waits_for(world, lane.connection_id)
            for row in waiting:
                latest = max(row.next_at, world.now + lanes.IDLE_RETRY)
                assert lane.due_at <= latest, (row.state, "sleeps until", lane.due_at, "wanted", latest)
            stuck = [row for row in world.rows.values() if row.connection_id == lane.connection_id]
            assert not [row for row in stuck if row.state == "sending"], "sending, and in nobody's hands"

    def teardown(self):
        """In calm weather, everything that was submitted comes to an end."""
        if sys.exc_info()[1] is None:
            self._calm_down()
        for no in self.alive:
            self.pulses.execute("select pg_advisory_unlock(7, %s)", (no,))
        self.db.execute("update holds set lifted_at = now() where id = %s", (self.hold,))

    def _calm_down(self):
        if self.hold:
            self._place_or_lift_a_hold()
        self._flag(True)
        for which in (0, 1):
            self._connect_again(which)
        self._finish()
        for owner in {lane.owner for lane in self._read().lanes.values()} & set(self.alive):
            self._kill(owner)
        self._rescue()
        for _ in range(60):
            self._claim(0)
            self._finish()
            self.walls_stand()
            world = self._read()
            if not any(self._waits_for(world, each) for each in self.connection_ids):
                break
            self._pass_time(300 * SECOND)
        self._check_ends(self._read())

    def _finish(self):
        for hand in list(self.hands):
            while hand in self.hands:
                self._step(hand, "receipt", "well", 30)

    def _check_ends(self, world):
        for row in world.rows.values():
            # What is in doubt waits for the person who decides about its twin.
            twins = [each for each in world.rows.values() if each.state == "needs_review"]
            waits = row.state == "queued" and (row.connection_id, row.text_hash) in {
                (each.connection_id, each.text_hash) for each in twins
            }
            assert waits or row.state in ("confirmed", "cancelled", "failed", "missed", "needs_review"), row.state
            if row.state == "confirmed" and row.read_back == "match":
                assert [post.remote_id for post in self.platform.of(row.id)] == [row.remote_id]


def _ask_again(looks: int) -> int:
    """Seconds to wait, after so many times that nobody could tell."""
    return (5, 15, 60, 300)[min(looks, 3)]


def _record(text: str) -> tuple:
    """Read a record's text back: `(1,queued,Unavailable,)`."""
    n, outcome, kind, remote_id = text[1:-1].split(",")
    return int(n), outcome or None, kind or None, remote_id or None


@pytest.fixture
def pulses(postgres, superuser):
    """The session whose locks are the workers' pulses."""
    with ExitStack() as stack:
        session = psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True)
        yield stack.enter_context(session)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("behaviour", [KEYED, UNKEYED], ids=["keyed", "unkeyed"])
def test_deliveries_live_as_the_design_says(bakery, as_worker, superuser, pulses, behaviour):
    run_state_machine_as_test(
        lambda: Lifecycle(bakery, as_worker, superuser, pulses, behaviour),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=50,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
