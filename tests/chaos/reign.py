"""The reign of chaos: workers are killed and stopped, the database is killed, and everything is started again."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.chaos import points
from tests.chaos.points import FIRST_BYTE, HITS, INTENDED, Appointment, Fate, Hit
from tests.chaos.world import World

WORKERS = 4
HITS_EVERY = (0.5, 1.3)  # seconds between hits from outside
STOPS = 0.25  # of those hits; the rest are kill -9
STOPPED_FOR = (0.5, 5.0)
LONG_STOPS = 0.1  # of the stops are longer than deadline and settle together:
LONG = 14.0
TURNS = 0.7  # of the appointments are at points where least happened, the others where a worker is the most dangerous
RARE = ("prepare", "note_", "look", "rescue")  # points that a worker passes now and then


@dataclass
class Reign:
    """Keeps workers running, and from living long."""

    world: World
    spawn: Callable[[Fate | None], BaseProcess]
    names: Sequence[str]
    dangerous: str  # the point at which most can go wrong
    passages: int  # of a common point before a worker meets its fate there, at most
    dice: random.Random
    kills: int = 0  # from outside, as the next
    stops: int = 0
    database_kills: int = 0
    _workers: list[BaseProcess] = field(default_factory=list)
    _stopped: dict[int, float] = field(default_factory=dict)  # pid: when it may go on
    _promised: Counter[tuple[str, str]] = field(default_factory=Counter)
    _read: int = 0  # of the book
    _next_hit: float = 0
    _next_database_kill: float = 0

    @property
    def book(self) -> Path:
        return self.world.folder / "book"

    def step(self, *, database_every: float) -> None:
        """Do what is due now; call it often."""
        now = time.monotonic()
        self._note_who_stopped(now)
        self._let_go(now)
        self._replace_the_dead()
        if now >= self._next_hit:
            self._hit(now)
            self._next_hit = now + self.dice.uniform(*HITS_EVERY)
        if now >= self._next_database_kill:
            if self._next_database_kill:
                self._kill_database()
            self._next_database_kill = time.monotonic() + database_every * self.dice.uniform(0.7, 1.3)

    def end(self) -> None:
        """Let calm come: whoever starts from now on lives."""
        self.stop()
        self._workers = [self.spawn(None) for _ in range(WORKERS)]

    def stop(self) -> None:
        for worker in self._workers:
            self._kill(worker)

    def _note_who_stopped(self, now: float) -> None:
        met = points.met(self.book)
        for each in met[self._read :]:
            if each.hit == "SIGSTOP":
                self._stopped[each.pid] = now + self._length(each.point)
        self._read = len(met)

    def _length(self, point: str) -> float:
        # Who sleeps between intent and sending for so long that others have given it up must not send any more.
        # Who does so between the last look at the clock and the first byte, and loses the database meanwhile, will:
        # no protocol knows better, so that is not asked of ours.
        long = point == INTENDED or (point != FIRST_BYTE and self.dice.random() < LONG_STOPS)
        return LONG if long else self.dice.uniform(*STOPPED_FOR)

    def _let_go(self, now: float) -> None:
        alive = {worker.pid for worker in self._workers if worker.is_alive()}
        for pid in [pid for pid, until in self._stopped.items() if now >= until or pid not in alive]:
            del self._stopped[pid]
            if pid in alive:
                os.kill(pid, signal.SIGCONT)

    def _replace_the_dead(self) -> None:
        for worker in [each for each in self._workers if not each.is_alive()]:
            assert worker.exitcode == -signal.SIGKILL, f"a worker ended by itself: {worker.exitcode}"
            self._workers.remove(worker)
        while len(self._workers) < WORKERS:
            self._workers.append(self.spawn(Fate([self._appointment(hit) for hit in HITS], self.book)))

    def _appointment(self, hit: Hit) -> Appointment:
        """Mostly it is the turn of a point where that happened least."""
        met = Counter((each.hit, each.point) for each in points.met(self.book))
        least = min(self.names, key=lambda name: (met[hit, name], self._promised[hit, name], self.dice.random()))
        point = least if self.dice.random() < TURNS else self.dangerous
        self._promised[hit, point] += 1
        most = 1 if point.startswith(RARE) else self.passages
        return Appointment(hit, point, self.dice.randint(1, most))

    def _hit(self, now: float) -> None:
        worker = self.dice.choice(self._workers)
        assert worker.pid is not None
        if self.dice.random() >= STOPS:
            self._kill(worker)
            self.kills += 1
        elif worker.is_alive() and worker.pid not in self._stopped:
            os.kill(worker.pid, signal.SIGSTOP)
            self._stopped[worker.pid] = now + self._length("")
            self.stops += 1

    def _kill(self, worker: BaseProcess) -> None:
        worker.kill()
        worker.join()

    def _kill_database(self) -> None:
        os.kill(self.world.pid_of_postgres(), signal.SIGKILL)
        self.database_kills += 1
        time.sleep(self.dice.uniform(0, 1))
        self.world.postgres.start()
