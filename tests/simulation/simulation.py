"""Production's protocol in virtual time, under every crash one can think of; a seed replays exactly.

Each worker is a greenlet that runs `socialcore.protocol.tend`. Every step it takes hands control back to the
scheduler, which lets time pass, other workers run, and things go wrong: killed before or after a commit, the answer to
a commit lost, the pulse lost without noticing, frozen for minutes, replies lost, late commits, slow readers, flips.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import greenlet

from socialcore import attempts, failures, protocol
from socialcore.adapters.contract import Access, ReadBack, Receipt
from socialcore.attempts import Attempt, PulseLost
from socialcore.grants import Prepared
from socialcore.lanes import Lane
from socialcore.transitions import Picked
from tests.simulation.database import Database, LaneRow, Row, seconds
from tests.simulation.platforms import KINDS, LATE_COMMIT, SECOND, Platform

CHAOS = 3000.0  # seconds in which things go wrong; then all is calm, and everything must come to an end
END = 40_000.0
LATE_WINDOW = 7200.0
ENDS = ("confirmed", "cancelled", "failed", "missed", "needs_review")


class DatabaseLost(Exception):
    """The connection broke; whether the transaction was committed is not known."""


@dataclass(frozen=True)
class Bugs:
    """What a planted bug switches off or on; the default is the product."""

    settle: float = 120
    misses: int = 2
    retries_blindly: bool = False
    twins_wait: bool = True
    lock_matters: bool = True
    deadline_matters: bool = True
    claim_is_checked: bool = True
    attempt_is_checked: bool = True
    cancel_is_certain: bool = True
    gate: bool = True
    freezes_at_write: bool = False


class Broken(Exception):
    """A promise did not hold. Its message is the story of the delivery."""


@dataclass
class Worker:
    no: int
    knows_alive: bool = True  # what the worker believes of its pulse
    greenlet: Any = None
    dead: bool = False


@dataclass
class Simulation:
    seed: int
    bugs: Bugs = field(default_factory=Bugs)
    now: float = 0.0
    steps: int = 0
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._workers = 0
        self._scheduler = greenlet.getcurrent()
        behaviour = {k.name: k.capabilities(settle=self.bugs.settle, misses=self.bugs.misses) for k in KINDS}
        self.db = Database(behaviour)
        for name in ("twins_wait", "lock_matters", "claim_is_checked", "attempt_is_checked", "cancel_is_certain"):
            setattr(self.db, name, getattr(self.bugs, name))
        self.platforms: dict[UUID, Platform] = {}
        self._populate()

    # The world.

    def _populate(self) -> None:
        for number in range(3):
            kind = self.dice.choice(KINDS)
            lane = UUID(int=number + 1)
            self.db.lanes[lane] = LaneRow(lane, kind.name)
            self.platforms[lane] = Platform(kind, self.dice)
            for n in range(3 if kind.by_text else 2):
                text = "the same words" if kind.by_text and n < 2 else f"text {number}.{n}"
                at = self.dice.random() * 60
                row = Row(UUID(int=100 + 10 * number + n), lane, text, at, at + LATE_WINDOW)
                self.at(self.dice.random() * 30, lambda row=row: self.db.submit(row))
                if self.dice.random() < 0.15:
                    self.at(self.dice.random() * 400, lambda row=row: self.db.cancel(row))
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            at = self.dice.random() * 1000
            self.at(at, lambda: self.db.flip(off=True))
            self.at(at + self.dice.random() * 500, lambda: self.db.flip(off=False))
        for _ in range(3):
            self._spawn()

    @property
    def calm(self) -> bool:
        return self.now > CHAOS

    def chance(self, share: float) -> bool:
        return not self.calm and self.dice.random() < share

    def at(self, when: float, what: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._queue, (when, self._order, what))

    def say(self, words: str) -> None:
        self.trace.append(f"{self.now:9.1f}  {words}")

    # Workers.

    def _spawn(self) -> None:
        self._workers += 1
        worker = Worker(self._workers)
        self.db.locked.add(worker.no)
        self.db.beat[worker.no] = self.now
        worker.greenlet = greenlet.greenlet(lambda *_: self._work(worker))
        self.at(self.now + self.dice.random(), lambda: self._resume(worker))

    def _resume(self, worker: Worker, value: object = None, error: BaseException | None = None) -> None:
        """Let a worker run to its next step."""
        if worker.dead:
            return
        self.steps += 1
        worker.greenlet.parent = self._scheduler
        if error is None:
            worker.greenlet.switch(value)
        else:
            worker.greenlet.throw(type(error), error)
        if worker.greenlet.dead and not worker.dead:
            self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        worker.dead = True
        self.db.locked.discard(worker.no)
        self.at(self.now + self.dice.random() * 5, self._spawn)

    def _kill(self, worker: Worker) -> None:
        self.say(f"worker {worker.no} is killed")
        self._bury(worker)

    def _work(self, worker: Worker) -> None:
        """What socialcore.worker does, without threads: rescue, claim, tend, nap."""
        hands = Hands(self, worker)
        try:
            while worker.knows_alive:
                self.transaction(worker, lambda: self.db.rescue(worker.no))
                lane = self.transaction(worker, lambda: self.db.claim(worker.no))
                if lane is None:
                    nap = max(0.1, min(self.db.next_ready() - self.now, 2 + self.dice.random()))
                    self.sleep(worker, nap)
                else:
                    protocol.tend(hands, lane)
        except (DatabaseLost, PulseLost):
            return  # as production: a new pulse, with a new number

    # Steps. Each hands control to the scheduler and comes back with what became of it.

    def transaction(self, worker: Worker, effect: Callable[[], Any]) -> Any:
        if self.chance(0.03):
            return self._die(worker)
        if self.chance(0.02):
            self._lose_pulse(worker)

        def commit() -> None:
            if self.chance(0.02):
                return self._resume(worker, error=DatabaseLost())
            try:
                value = effect()
            except PulseLost as error:
                return self._resume(worker, error=error)
            if self.chance(0.03):
                return self._kill(worker)
            if self.chance(0.02):
                return self._resume(worker, error=DatabaseLost())
            return self._resume(worker, value)

        self.at(self.now + self.delay(worker), commit)
        return self._wait(worker)

    def sleep(self, worker: Worker, length: float) -> None:
        self.at(self.now + length, lambda: self._resume(worker))
        self._wait(worker)

    def call(self, worker: Worker, answer: Callable[[], Any], *, takes: float) -> Any:
        """Something over the network: `answer` is computed when it arrives, and may raise."""
        if self.chance(0.03):
            return self._die(worker)

        def arrive() -> None:
            try:
                value = answer()
            except failures.PlatformFailure as failure:
                return self._resume(worker, error=failure)
            return self._resume(worker, value)

        self.at(self.now + takes, arrive)
        return self._wait(worker)

    def _wait(self, worker: Worker) -> Any:
        return self._scheduler.switch()

    def _die(self, worker: Worker) -> Any:
        self._kill(worker)
        return self._wait(worker)

    def delay(self, worker: Worker) -> float:
        frozen = self.dice.choice((5, 20, 70, 200, 400)) * self.dice.random() if self.chance(0.05) else 0.0
        if frozen < 30:
            self.db.beat[worker.no] = self.now
        return self.dice.random() * 0.2 + frozen

    def _lose_pulse(self, worker: Worker) -> None:
        """The session is gone, and with it the lock; the worker has not noticed and goes on."""
        self.db.locked.discard(worker.no)
        self.at(self.now + self.dice.random() * 20, lambda: setattr(worker, "knows_alive", False))

    # Running.

    def run(self) -> None:
        while self._queue:
            self.now, _, what = heapq.heappop(self._queue)
            self.db.now = self.now
            if self.now > END:
                break
            what()
            if self.calm and all(row.state in ENDS for row in self.db.rows.values()):
                break
        for row in self.db.rows.values():
            self._judge(row)

    def _judge(self, row: Row) -> None:
        """Hold a delivery, and its twins of the same words with it, against what is public.

        Twins may be bound to one another's posts, which nobody could tell apart; but never two to one, never
        one to a post that is not there, and what is public is bound or waits for a person.
        """
        platform = self.platforms[row.lane]
        twins = [each for each in self.db.rows.values() if each.lane == row.lane and each.text == row.text]
        public = {post.remote_id for post in platform.posts if post.text == row.text}
        bound = [each.remote_id for each in twins if each.state == "confirmed"]
        doubtful = sum(each.state == "needs_review" for each in twins)
        story = f"seed {self.seed}: {row.id} on {platform.kind.name}: {row.history}"
        if row.state not in ENDS:
            raise Broken(f"STUCK in {row.state}, {story}")
        if len(set(bound)) < len(bound) or not set(bound) <= public:
            raise Broken(f"LOST or MISBOUND: {bound}, public are {public}, {story}")
        if len(public) > len(bound) + doubtful:
            raise Broken(f"UNTRUE: public, and said not to be, {story}")


@dataclass
class Hands:
    """The protocol's steps, in this world."""

    sim: Simulation
    worker: Worker

    def pick(self, lane: Lane) -> Picked | None:
        return self.sim.transaction(self.worker, lambda: self.sim.db.pick(lane))

    def prepare(self, lane: Lane, picked: Picked) -> Prepared:
        def answer() -> Prepared:
            if self.sim.chance(0.05):
                raise failures.Unavailable("no token")
            return Prepared(Access("", "", {}), picked.grant)

        return self.sim.call(self.worker, answer, takes=self.sim.dice.random())

    def note_unprepared(self, lane: Lane, picked: Picked, failure: failures.PlatformFailure) -> None:
        self.sim.transaction(self.worker, lambda: self.sim.db.note_unprepared(lane, picked, failure))

    def deadline(self) -> float:
        return self.sim.now + seconds(attempts.SEND_WITHIN)

    def intend(self, lane: Lane, picked: Picked, prepared: Prepared) -> Attempt | None:
        flags_read = self.sim.db.flags

        def effect() -> Attempt | None:
            if not self.sim.bugs.gate:  # a planted bug: what was read before the transaction decides
                off, self.sim.db.off = self.sim.db.off, self.sim.db.off and flags_read == self.sim.db.flags
                try:
                    return self.sim.db.intend(lane, picked)
                finally:
                    self.sim.db.off = off
            attempt = self.sim.db.intend(lane, picked)
            if attempt is not None and self.sim.db.off:
                raise Broken("an intent was committed although the flag is off")
            return attempt

        attempt = self.sim.transaction(self.worker, effect)
        if attempt is not None:
            self.sim.say(f"worker {self.worker.no} intends {picked.id}, attempt {attempt.n}")
        return attempt

    def send(self, lane: Lane, attempt: Attempt, prepared: Prepared, deadline: float) -> Receipt:
        sim, platform, row = self.sim, self.sim.platforms[lane.connection_id], self.sim.db.rows[attempt.delivery_id]
        sim.sleep(self.worker, sim.delay(self.worker))  # connecting, or being frozen meanwhile
        if sim.bugs.deadline_matters and sim.now > deadline:
            raise failures.Unavailable("too late to write")
        if not self.worker.knows_alive:
            raise failures.Unavailable("the pulse is lost")
        if sim.bugs.freezes_at_write and sim.chance(0.05):
            sim.sleep(self.worker, sim.dice.random() * 400)  # between the last check and the write
        return self._written(platform, row)

    def _written(self, platform: Platform, row: Row) -> Receipt:
        """The bytes have left; what becomes of them is the dice's to say."""
        sim = self.sim
        fate = 1.0 if sim.calm else sim.dice.random()
        if fate < 0.08:
            return self._fails(failures.Unavailable("refused"), 0.1)
        if fate < 0.14:
            return self._fails(failures.RateLimited("wait", wait=30 * SECOND), 0.1)
        if platform.has_seen(row.id):
            return self._fails(failures.OutcomeUnknown("duplicate content"), 0.2)
        if fate < 0.22:
            return self._fails(failures.OutcomeUnknown("reset"), sim.dice.random() * 10)
        if fate < 0.32:
            sim.say(f"{row.id} is published, and the answer is lost")
            platform.commit(row.id, row.text, sim.now)
            return self._fails(failures.OutcomeUnknown("time-out"), 10)
        if fate < 0.40:
            later = sim.now + sim.dice.random() * LATE_COMMIT
            sim.at(later, lambda: platform.commit(row.id, row.text, later))
            return self._fails(failures.OutcomeUnknown("time-out"), sim.dice.random() * 10)
        post = platform.commit(row.id, row.text, sim.now)
        return sim.call(self.worker, lambda: Receipt(post.remote_id, ""), takes=sim.dice.random())

    def _fails(self, failure: failures.PlatformFailure, takes: float) -> Receipt:
        def answer() -> Receipt:
            raise failure

        return self.sim.call(self.worker, answer, takes=takes)

    def conclude(
        self, lane: Lane, attempt: Attempt, prepared: Prepared, result: Receipt | failures.PlatformFailure
    ) -> None:
        sim = self.sim
        if sim.bugs.retries_blindly and isinstance(result, failures.OutcomeUnknown):
            result = failures.Unavailable("as if nothing had happened")
        sim.say(f"worker {self.worker.no} concludes {attempt.delivery_id}: {type(result).__name__}")
        sim.transaction(self.worker, lambda: sim.db.conclude(lane, attempt, result))

    def look(self, lane: Lane, picked: Picked) -> Receipt | None:
        sim, platform, row = self.sim, self.sim.platforms[lane.connection_id], self.sim.db.rows[picked.id]

        def answer() -> Receipt | None:
            if sim.chance(0.2):
                raise failures.Unavailable("cannot be read")
            post = platform.find(row.id, row.text, sim.now, sim.db.taken)
            return Receipt(post.remote_id, "") if post else None

        return sim.call(self.worker, answer, takes=sim.delay(self.worker))

    def note_look(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None:
        self.sim.transaction(self.worker, lambda: self.sim.db.note_look(lane, picked, found))

    def note_stop(self, lane: Lane, picked: Picked, found: Receipt | failures.PlatformFailure | None) -> None:
        self.sim.transaction(self.worker, lambda: self.sim.db.note_stop(lane, picked, found))

    def read_back(self, lane: Lane, picked: Picked) -> ReadBack | None:
        sim, platform = self.sim, self.sim.platforms[lane.connection_id]

        def answer() -> ReadBack | None:
            if sim.chance(0.2):
                raise failures.Unavailable("cannot be read")
            live = any(
                post.remote_id == picked.remote_id and max(post.seen_from, post.live_from) <= sim.now
                for post in platform.posts
            )
            return ReadBack("match") if live else None

        return sim.call(self.worker, answer, takes=sim.delay(self.worker))

    def note_read_back(self, lane: Lane, picked: Picked, shown: ReadBack | failures.PlatformFailure | None) -> None:
        self.sim.transaction(self.worker, lambda: self.sim.db.note_read_back(lane, picked, shown))

    def release(self, lane: Lane) -> None:
        self.sim.transaction(self.worker, lambda: self.sim.db.release(lane))


def hunt(bugs: Bugs, seeds: range) -> tuple[int, str] | None:
    """Run seeds until one breaks a promise; which, and how. None if all are clean."""
    for seed in seeds:
        simulation = Simulation(seed, bugs)
        try:
            simulation.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            return seed, f"{type(error).__name__}: {error}"
    return None


def with_bug(**planted: object) -> Bugs:
    return replace(Bugs(), **planted)  # type: ignore[arg-type]
