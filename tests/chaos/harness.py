"""One run of chaos: posts go out while everything is killed; then all is calm, and the sandbox says what is public."""

import multiprocessing
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.chaos import faults, naive, points, worker
from tests.chaos.load import Load
from tests.chaos.platforms import registered
from tests.chaos.points import Fate
from tests.chaos.reign import Reign
from tests.chaos.verdict import ENDS, Verdict, judge
from tests.chaos.world import World, opened

BUSINESSES = 14
DATABASE_EVERY = 11.0  # seconds between kills of the database
CALM = 300.0  # seconds after which what is not at its end is stuck
ENOUGH_POSTS = 1000  # for every named point to be hit
LONGEST = 3  # times as long as it was told to, chaos reigns for that


@dataclass
class Run:
    """A run under way, and what it came to."""

    world: World
    reign: Reign
    mode: str
    posts: int
    requests: int = 0
    faulted: int = 0
    started: float = field(default_factory=time.monotonic)

    def let_chaos_reign(self, seconds: float, goes_on: Callable[[], bool]) -> None:
        """Kill and stop for so many seconds, and for longer while it is to go on; then let all be calm."""
        faults.let_loose(self.world.sandbox)
        until = time.monotonic() + seconds
        while time.monotonic() < until or goes_on():
            self.reign.step(database_every=DATABASE_EVERY)
            time.sleep(0.02)
        self.requests, self.faulted = faults.count(self.world.sandbox)
        self.world.sandbox.clear_faults()
        self.reign.end()

    def wait_for_the_end(self, stuck: Callable[[], Sequence[Any]]) -> None:
        until = time.monotonic() + CALM
        while left := stuck():
            assert time.monotonic() < until, "\n".join([f"{len(left)} are stuck:", *map(str, left[:20])])
            time.sleep(0.5)
        self.reign.stop()

    def tell(self, verdict: Verdict, more: str) -> None:
        met = Counter(each.hit for each in points.met(self.reign.book))
        accounts = len({account_id for account_id, _ in self.world.lanes})
        platforms = len({connection.platform for _, connection in self.world.lanes})
        names = len(self.reign.names)
        print(
            f"{self.mode}: {self.posts:,} posts, {accounts} accounts, {platforms} kinds of platform;"
            f" {_hits('kill -9', self.reign.kills, met['SIGKILL'], names)},"
            f" {_hits('SIGSTOP', self.reign.stops, met['SIGSTOP'], names)},"
            f" {self.reign.database_kills} kill -9 of the database,"
            f" {self.faulted / self.requests:.0%} of {self.requests:,} requests faulted{more}: {verdict};"
            f" {time.monotonic() - self.started:.0f} s",
            flush=True,
        )

    def unmet(self) -> list[str]:
        """What happened to no worker yet, of all that can at all named points."""
        met = {(each.hit, each.point) for each in points.met(self.reign.book)}
        return [f"{hit} {name}" for hit in points.HITS for name in self.reign.names if (hit, name) not in met]


def _hits(what: str, outside: int, inside: int, names: int) -> str:
    return f"{outside + inside} {what} ({outside} from outside, {inside} at {names} named points)"


def chaos(posts: int, *, seed: int, seconds: float) -> Verdict:
    """Publish through production's worker while chaos reigns, and see what came of it.

    Args:
        seconds: how long chaos reigns; with many posts longer, until each named point has done its worst.
    """
    with _run("chaos", posts, seed, points.POINTS, dangerous=points.INTENDED, passages=5) as run:
        load = Load(run.world, posts, seed)
        load.begin()
        over = threading.Event()
        last = time.monotonic() + LONGEST * seconds

        def goes_on() -> bool:
            wanting = posts >= ENOUGH_POSTS and time.monotonic() < last and bool(run.unmet())
            return len(load.tokens) < posts or wanting

        with ThreadPoolExecutor(2) as executor:
            doing = [executor.submit(load.submit_over, seconds, over), executor.submit(load.cancel_until, over)]
            try:
                run.let_chaos_reign(seconds, goes_on)
            finally:
                over.set()
            for each in doing:
                each.result()
        run.wait_for_the_end(lambda: _stuck(run.world))
        verdict = _verdict(run.world, load.tokens)
        run.posts = len(load.tokens)
        run.tell(verdict, f", {run.world.repeats} submits repeated, {load.cancels} cancels")
        assert posts < ENOUGH_POSTS or not run.unmet(), run.unmet()
        return verdict


def naive_control(posts: int, *, seed: int, seconds: float) -> Verdict:
    """Send as many posts through a naive worker and the same chaos: it must duplicate some."""
    with _run("chaos, naive control", posts, seed, points.NAIVE_POINTS, dangerous=points.ANSWERED, passages=50) as run:
        naive.fill(run.world, posts, over=seconds)
        run.let_chaos_reign(seconds, goes_on=lambda: False)
        run.wait_for_the_end(lambda: run.world.seen("select * from naive where state <> 'confirmed'"))
        sent = run.world.seen("select id, did, text, state, remote_id, null as record_key from naive")
        verdict = judge(sent, run.world.sandbox.posts())
        run.tell(verdict, "")
        return verdict


@contextmanager
def _run(mode: str, posts: int, seed: int, names: Sequence[str], *, dangerous: str, passages: int) -> Generator[Run]:
    context = multiprocessing.get_context("forkserver")  # a new worker costs a fork, not all imports again
    context.set_forkserver_preload([worker.__name__, naive.__name__])
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="composer-chaos-", dir=memory if memory.is_dir() else None) as made:
        folder = Path(made)
        folder.chmod(0o711)  # the database may run as another user
        with registered(), opened(folder, context, businesses=BUSINESSES) as world:

            def spawn(fate: Fate | None) -> BaseProcess:
                target, arguments = (
                    (naive.work, (world.conninfo, fate))
                    if mode.endswith("control")
                    else (worker.work, (world.here, fate, folder / "workers.log"))
                )
                process = context.Process(target=target, args=arguments, daemon=True)
                process.start()
                return process

            reign = Reign(world, spawn, names, dangerous, passages, random.Random(seed))
            try:
                yield Run(world, reign, mode, posts)
            finally:
                reign.stop()


def _stuck(world: World) -> list[dict[str, Any]]:
    return world.seen(
        "select d.id, c.platform, d.state, d.attempt, d.next_at - now() as next_in, d.misses, d.looks, d.held_because,"
        "   d.failure, d.cancel_at, l.owner, l.ready_at - now() as ready_in"
        " from deliveries d join connections c on c.id = d.connection_id join lanes l on l.connection_id = c.id"
        " where d.state <> all(%s)",
        list(ENDS),
    )


def _verdict(world: World, tokens: Sequence[UUID]) -> Verdict:
    deliveries = world.seen(
        "select d.id, c.target_id as did, d.rendered->>'text' as text, d.state, d.remote_id, d.record_key,"
        "   (select count(*) from attempts a where a.delivery_id = d.id and a.outcome = 'accepted') as receipts,"
        "   (select count(*) from attempts a where a.delivery_id = d.id and a.outcome is null) as open"
        " from deliveries d join connections c on c.id = d.connection_id"
    )
    verdict = judge(deliveries, world.sandbox.posts())
    known = Counter(row["submit_token"] for row in world.seen("select submit_token from posts"))
    verdict.lost += [f"accepted, but not there: {token}" for token in tokens if not known[token]]
    verdict.duplicated += [f"submitted under no token of ours: {token}" for token in known.keys() - set(tokens)]
    assert not (said := world.sandbox.complaints()), said
    assert not (odd := [row for row in deliveries if row["receipts"] > 1 or row["open"]]), odd
    return verdict
