"""Workers as greenlets: each step hands control to the scheduler, and things go wrong in between.

Killed before or after a commit, the answer to a commit lost, the pulse lost without noticing, frozen for minutes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import greenlet

from socialcore import protocol
from socialcore.attempts import PulseLost
from socialcore.lanes import Lane
from tests.simulation.model import lanes
from tests.simulation.model.rows import Database
from tests.simulation.world import World

FREEZES = (5, 20, 70, 200, 400)
BEATS = 30.0  # frozen for longer than this, a worker's heartbeat is missed
LONGEST_NAP = 2.0
LONGEST_IDLE_NAP = 30.0  # while no lane is claimed there is nothing to rescue, and notifications end a nap

Hire = Callable[["Worker"], protocol.Hands]


class DatabaseLost(Exception):
    """The connection broke; whether the transaction was committed is not known."""


@dataclass(eq=False)
class Worker:
    no: int
    knows_alive: bool = True  # what the worker believes of its pulse
    greenlet: Any = None
    dead: bool = False
    naps: int = 0
    is_napping: bool = False

    @property
    def name(self) -> str:
        return f"worker {self.no}"


class Workers:
    def __init__(self, world: World, db: Database, hire: Hire) -> None:
        self.world, self.db, self._hire = world, db, hire
        self.steps = 0
        self._alive: list[Worker] = []
        self._last_no = 0
        self._scheduler = greenlet.getcurrent()
        db.notify = self._notify

    def spawn(self) -> None:
        """A new process, or a new pulse: either has a new number."""
        if self.db.is_away:
            return self.world.after(1, self.spawn)
        self._last_no += 1
        worker = Worker(self._last_no)
        self._alive.append(worker)
        self.db.locked.add(worker.no)
        self.db.beat[worker.no] = self.world.now
        worker.greenlet = greenlet.greenlet(lambda *_: self._work(worker))
        return self.world.after(self.world.dice.random(), lambda: self._resume(worker))

    def lose_all_pulses(self) -> None:
        """The database went away, and every session with it."""
        self.db.locked.clear()
        for worker in self._alive:
            self._notice_soon(worker, 5)

    # Steps. Each hands control to the scheduler and comes back with what became of it.

    def transaction(
        self, worker: Worker, what: str, effect: Callable[[], Any], *, tell: Callable[[Any], str | None] | None = None
    ) -> Any:
        """One transaction. `tell` makes of what it brought the words that the trace says, if any."""
        world = self.world
        if world.chance(0.03, "killed before a transaction"):
            return self._die(worker, f"before it {what}")
        if world.chance(0.02):
            self._lose_pulse(worker, 20)
        world.after(self.delay(worker), lambda: self._commit(worker, what, effect, tell))
        return self._scheduler.switch()

    def call(self, worker: Worker, what: str, answer: Callable[[], Any], *, takes: float) -> Any:
        """Something over the network: `answer` is computed when it arrives, and may raise."""
        if self.world.chance(0.03, "killed in a call"):
            return self._die(worker, f"while it {what}")

        def arrive() -> None:
            try:
                value = answer()
            except Exception as failure:  # noqa: BLE001 - the worker's to handle, whatever it is
                self.world.say(worker.name, f"{what}: {type(failure).__name__}, {failure}")
                return self._resume(worker, error=failure)
            self.world.say(worker.name, f"{what}: {_in_words(value)}")
            return self._resume(worker, value)

        self.world.after(takes, arrive)
        return self._scheduler.switch()

    def sleep(self, worker: Worker, length: float) -> None:
        if self.world.chance(0.02):
            self._lose_pulse(worker, 20)
        self.world.after(length, lambda: self._resume(worker))
        self._scheduler.switch()

    def delay(self, worker: Worker) -> float:
        """How long a step takes, and now and then the worker is frozen meanwhile."""
        frozen = 0.0
        if self.world.chance(0.05, "freeze"):
            frozen = self.world.dice.choice(FREEZES) * self.world.dice.random()
            self.world.say(worker.name, f"is frozen for {frozen:.0f} s")
            if frozen > BEATS and self.world.chance(0.3):
                self._lose_pulse(worker, frozen + 5)
        if frozen < BEATS:
            self.db.beat[worker.no] = self.world.now
        return self.world.dice.random() * 0.2 + frozen

    # A worker's life.

    def _work(self, worker: Worker) -> None:
        """What socialcore.worker does, without threads: rescue, claim, tend, nap."""
        hands = self._hire(worker)
        try:
            while worker.knows_alive:
                self.transaction(worker, "rescues", lambda: lanes.rescue(self.db, worker.no), tell=_rescued)
                lane = self.transaction(worker, "claims", lambda: lanes.claim(self.db, worker.no), tell=_claimed)
                if lane is None:
                    self._nap(worker)
                else:
                    self._tend(worker, hands, lane)
        except DatabaseLost:
            return  # as production: a new pulse, with a new number

    def _tend(self, worker: Worker, hands: protocol.Hands, lane: Lane) -> None:
        try:
            protocol.tend(hands, lane)
        except PulseLost:
            return  # its lanes go to others
        except DatabaseLost:
            self._abandon(worker, lane)

    def _abandon(self, worker: Worker, lane: Lane) -> None:
        what = f"gives {lane.connection_id} back after its own error"
        self.world.counts["abandon"] += 1
        try:
            self.transaction(worker, what, lambda: lanes.abandon(self.db, lane))
        except DatabaseLost:  # a pulse that has stopped makes a dead owner, which is rescued
            self.db.locked.discard(worker.no)
            worker.knows_alive = False

    def _nap(self, worker: Worker) -> None:
        is_busy = any(lane.owner is not None for lane in self.db.lanes.values())
        longest = LONGEST_NAP + self.world.dice.random() if is_busy else LONGEST_IDLE_NAP
        length = max(0.1, min(lanes.next_ready(self.db) - self.db.now, longest))
        worker.naps, worker.is_napping = worker.naps + 1, True
        self._rouse(worker, length)
        self._scheduler.switch()

    def _notify(self) -> None:
        for worker in self._alive:
            if worker.is_napping:
                self._rouse(worker, self.world.dice.random() * 0.1)

    def _rouse(self, worker: Worker, length: float) -> None:
        nap = worker.naps

        def wake_up() -> None:
            if worker.is_napping and worker.naps == nap:
                worker.is_napping = False
                self._resume(worker)

        self.world.after(length, wake_up)

    def _lose_pulse(self, worker: Worker, notices_within: float) -> None:
        self.world.say(worker.name, "loses its pulse, and does not know it yet", event="lost pulse")
        self.db.locked.discard(worker.no)
        self._notice_soon(worker, notices_within)

    def _notice_soon(self, worker: Worker, within: float) -> None:
        self.world.after(self.world.dice.random() * within, lambda: setattr(worker, "knows_alive", False))

    def _die(self, worker: Worker, when: str) -> Any:
        self._kill(worker, when)
        return self._scheduler.switch()

    def _kill(self, worker: Worker, when: str) -> None:
        self.world.say(worker.name, f"is KILLED {when}")
        self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        worker.dead = True
        self._alive.remove(worker)
        self.db.locked.discard(worker.no)
        self.world.after(self.world.dice.random() * 5, self.spawn)

    # The scheduler's side.

    def _commit(
        self, worker: Worker, what: str, effect: Callable[[], Any], tell: Callable[[Any], str | None] | None
    ) -> None:
        world = self.world
        if self.db.is_away or world.chance(0.02, "lost transaction"):
            world.say(worker.name, f"loses the database before it {what}")
            return self._resume(worker, error=DatabaseLost())
        heading = len(world.story)
        try:
            value = effect()
        except PulseLost as error:
            world.say(worker.name, f"{what}: not any more, its pulse is lost", event="pulse found lost")
            return self._resume(worker, error=error)
        words = tell(value) if tell else what
        if words:
            world.story.insert(heading, (world.now, worker.name, words))
        if world.chance(0.03, "killed after a commit"):
            return self._kill(worker, f"after the commit, when it {what}")
        if world.chance(0.02, "lost commit"):
            world.say(worker.name, f"never learns that the commit succeeded, when it {what}")
            return self._resume(worker, error=DatabaseLost())
        return self._resume(worker, value)

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
            self.world.say(worker.name, "stops; a new pulse takes its place")
            self._bury(worker)


def _in_words(value: object) -> str:
    return "nothing" if value is None else str(value)


def _rescued(freed: list[str]) -> str | None:
    return f"rescues {', '.join(freed)}" if freed else None


def _claimed(lane: Lane | None) -> str | None:
    return f"claims {lane.connection_id}, claim {lane.claim_no}" if lane else None
