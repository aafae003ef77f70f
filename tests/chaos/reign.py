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
from tests.chaos.points import Appointment
from tests.chaos.world import World

WORKERS = 4
HITS_EVERY = (0.5, 1.3)  # seconds between kills from outside
STOPS = 0.25  # of those hits; the rest are kill -9
STOPPED_FOR = (0.5, 5.0)
LONG_STOP = (0.15, 14.0)  # how many of the stops, and seconds: past deadline and settle
RARE = ("prepare", "note_", "look", "rescue")  # points that a worker passes now and then


@dataclass
class Reign:
    """Keeps workers running, and from living long."""

    world: World
    spawn: Callable[[Appointment | None], BaseProcess]
    names: Sequence[str]
    passages: int  # of a common point before a worker dies there, at most
    dice: random.Random
    kills: int = 0
    stops: int = 0
    database_kills: int = 0
    _workers: list[BaseProcess] = field(default_factory=list)
    _stopped: dict[int, float] = field(default_factory=dict)  # pid: when it may go on
    _promised: Counter[str] = field(default_factory=Counter)
    _next_hit: float = 0
    _next_database_kill: float = 0

    @property
    def deaths(self) -> Path:
        return self.world.folder / "deaths"

    def step(self, *, database_every: float) -> None:
        """Do what is due now; call it often."""
        now = time.monotonic()
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
        """Let calm come: all that were stopped go on, and who comes from now on lives."""
        self._let_go(float("inf"))
        for worker in self._workers:
            self._kill(worker)
        self._workers = [self.spawn(None) for _ in range(WORKERS)]

    def stop(self) -> None:
        for worker in self._workers:
            self._kill(worker)

    def _let_go(self, now: float) -> None:
        for pid in [pid for pid, until in self._stopped.items() if now >= until]:
            del self._stopped[pid]
            os.kill(pid, signal.SIGCONT)

    def _replace_the_dead(self) -> None:
        for place, worker in enumerate(self._workers):
            if not worker.is_alive():
                assert worker.exitcode == -signal.SIGKILL, f"a worker ended by itself: {worker.exitcode}"
                self._stopped.pop(worker.pid or 0, None)
                self._workers[place] = self.spawn(self._appointment())
        while len(self._workers) < WORKERS:
            self._workers.append(self.spawn(self._appointment()))

    def _appointment(self) -> Appointment:
        """With every other worker it is the turn of a point that was hit least."""
        hit = points.deaths(self.deaths)
        least = min(self.names, key=lambda name: (hit[name], self._promised[name], self.dice.random()))
        point = least if self.dice.random() < 0.5 else self.dice.choice(self.names)
        self._promised[point] += 1
        most = 1 if point.startswith(RARE) else self.passages
        return Appointment(point, self.dice.randint(1, most), self.deaths)

    def _hit(self, now: float) -> None:
        worker = self.dice.choice(self._workers)
        assert worker.pid is not None
        if self.dice.random() >= STOPS:
            self._kill(worker)
            self.kills += 1
        elif worker.is_alive() and worker.pid not in self._stopped:
            os.kill(worker.pid, signal.SIGSTOP)
            share, long = LONG_STOP
            self._stopped[worker.pid] = now + (long if self.dice.random() < share else self.dice.uniform(*STOPPED_FOR))
            self.stops += 1

    def _kill(self, worker: BaseProcess) -> None:
        worker.kill()
        worker.join()
        self._stopped.pop(worker.pid or 0, None)

    def _kill_database(self) -> None:
        os.kill(self.world.pid_of_postgres(), signal.SIGKILL)
        self.database_kills += 1
        time.sleep(self.dice.uniform(0, 1))
        self.world.postgres.start()
