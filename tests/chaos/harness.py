"""One run of chaos: posts go out while everything is killed; then all is calm, and the sandbox says what is public."""

import multiprocessing
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.chaos import faults, naive, points, worker
from tests.chaos.platforms import KINDS, TWINS_ON, registered
from tests.chaos.points import Appointment
from tests.chaos.reign import Reign
from tests.chaos.verdict import ENDS, Verdict, judge
from tests.chaos.world import AWAY, Lane, World, choose, opened

BUSINESSES = 14
DATABASE_EVERY = 11.0  # seconds between kills of the database
CALM = 300.0  # seconds after which what is not at its end is stuck
BEFORE = 0.25  # of the posts are there before chaos begins
TWINS = 0.1
CANCELS_EVERY = 0.5
SENDS_LATE = "more than a late commit after the deadline of its last attempt"


@dataclass
class Run:
    """What a run came to, in numbers."""

    posts: int
    seed: int
    seconds: float = 0
    requests: int = 0
    faulted: int = 0
    cancels: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)


def chaos(posts: int, seed: int, reigns: float) -> Verdict:
    """Publish through production's worker.

    Args:
        reigns: for so many seconds things go wrong.

    Returns:
        The verdict, once everything has come to an end.
    """
    run = Run(posts, seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__, naive.__name__])
    with (
        _scratch() as scratch,
        registered(),
        opened(scratch, context, businesses=BUSINESSES) as world,
    ):
        started = time.monotonic()

        def spawn(appointment: Appointment | None) -> BaseProcess:
            return _started(context, worker.work, world.here, appointment, world.folder / "workers.log")

        reign = Reign(world, spawn, points.POINTS, run.dice)
        tokens = _reign(world, reign, run, reigns)
        _wait_until_all_has_ended(world)
        reign.stop()
        run.seconds = time.monotonic() - started
        verdict = _verdict(world, tokens)
        _print(world, reign, run, verdict, "chaos")
        _insist_on_coverage(reign, posts)
        return verdict


def _reign(world: World, reign: Reign, run: Run, reigns: float) -> list[UUID]:
    """Submit all posts, a quarter before and the rest while chaos reigns."""
    plan = _plan(world, run)
    first = int(len(plan) * BEFORE)
    tokens = [world.submit(chosen, text) for chosen, text in plan[:first]]
    faults.let_loose(world.sandbox)
    begun = time.monotonic()
    over = threading.Event()

    def submit_the_rest() -> list[UUID]:
        made: list[UUID] = []
        for number, (chosen, text) in enumerate(plan[first:]):
            due = begun + number / (len(plan) - first) * reigns * 0.9
            over.wait(due - time.monotonic())
            made.append(world.submit(chosen, text))
        return made

    def cancel_some() -> None:
        dice = random.Random(run.seed)
        while not over.wait(CANCELS_EVERY):
            run.cancels += _cancel_one(world, dice)

    with ThreadPoolExecutor(2) as executor:
        rest = executor.submit(submit_the_rest)
        cancels = executor.submit(cancel_some)
        try:
            while time.monotonic() < begun + reigns or not rest.done():
                reign.step(database_every=DATABASE_EVERY)
                time.sleep(0.02)
        finally:
            over.set()
        cancels.result()
        tokens += rest.result()
    run.requests, run.faulted = faults.count(world.sandbox)
    world.sandbox.clear_faults()
    reign.end()
    return tokens


def _plan(world: World, run: Run) -> list[tuple[list[Lane], str]]:
    """Every post with its lanes; each with words of its own, but for twins."""
    plan: list[tuple[list[Lane], str]] = []
    for number in range(run.posts):
        if plan and run.dice.random() < TWINS and all(each.platform in TWINS_ON for _, each in plan[-1][0]):
            plan.append(plan[-1])
        else:
            plan.append((choose(world, run.dice), f"Post {number} of {run.seed}: {run.dice.getrandbits(64):x}"))
    return plan


def _cancel_one(world: World, dice: random.Random) -> int:
    """Ask to stop one that may or may not be public: there the answer is hardest; or one that waits."""
    try:
        rows = world.seen(
            "select account_id, id from deliveries where cancel_at is null and state in ('queued', 'ambiguous')"
            " order by (attempt > 0) = %s desc, random() limit 1",
            dice.random() < 0.7,
        )
        for row in rows:
            world.cancel(row["account_id"], row["id"])
    except AWAY:
        return 0
    return len(rows)


def _wait_until_all_has_ended(world: World) -> None:
    until = time.monotonic() + CALM
    while stuck := world.seen(
        "select d.id, c.platform, d.state, d.attempt, d.next_at - now() as next_in, d.misses, d.looks, d.held_because,"
        " d.failure, d.cancel_at, l.owner, l.ready_at - now() as ready_in from deliveries d join connections c"
        " on c.id = d.connection_id join lanes l on l.connection_id = c.id where d.state <> all(%s)",
        list(ENDS),
    ):
        assert time.monotonic() < until, "\n".join([f"{len(stuck)} are stuck:", *map(str, stuck[:20])])
        time.sleep(0.5)


def _verdict(world: World, tokens: list[UUID]) -> Verdict:
    deliveries = world.seen(
        "select d.id, c.target_id as did, d.rendered->>'text' as text, d.state, d.remote_id, d.record_key,"
        "   (select max(deadline_at) from attempts a where a.delivery_id = d.id) as deadline_at,"
        "   (select count(*) from attempts a where a.delivery_id = d.id and a.outcome = 'accepted') as receipts,"
        "   (select count(*) from attempts a where a.delivery_id = d.id and a.outcome is null) as open"
        " from deliveries d join connections c on c.id = d.connection_id"
    )
    verdict = judge(deliveries, world.sandbox.posts())
    known = Counter(row["submit_token"] for row in world.seen("select submit_token from posts"))
    verdict.lost += [f"accepted, but not there: {token}" for token in tokens if not known[token]]
    verdict.duplicated += [f"a post under no token of ours: {token}" for token in known.keys() - set(tokens)]
    assert not (said := world.sandbox.complaints()), said
    assert not (odd := [row for row in deliveries if row["receipts"] > 1 or row["open"]]), odd
    return verdict


def _insist_on_coverage(reign: Reign, posts: int) -> None:
    hit = points.deaths(reign.deaths)
    missing = [name for name in reign.names if not hit[name]]
    assert posts < 1000 or not missing, f"nobody was killed at: {missing}"


def _print(world: World, reign: Reign, run: Run, verdict: Verdict, mode: str) -> None:
    hit = points.deaths(reign.deaths)
    kills = reign.kills + hit.total()
    print(
        f"{mode}: {run.posts:,} posts, {len({account for account, _ in world.lanes})} accounts,"
        f" {len(KINDS)} kinds of platform; {kills} kill -9 ({reign.kills} from outside, {hit.total()} at"
        f" {len(hit)} of {len(reign.names)} named points), {reign.stops} SIGSTOP, {reign.database_kills} kill -9 of the"
        f" database, {world.repeats} submits repeated, {run.cancels} cancels, {run.faulted / max(run.requests, 1):.0%}"
        f" of {run.requests:,} requests faulted: {verdict}; {run.seconds:.0f} s",
        flush=True,
    )


def _started(context: Any, target: Callable[..., None], *arguments: Any) -> BaseProcess:
    process = context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


@contextmanager
def _scratch() -> Generator[Path]:
    """A folder that is quick to write to, and that the database's user can reach."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="composer-chaos-", dir=memory if memory.is_dir() else None) as made:
        Path(made).chmod(0o711)
        yield Path(made)
