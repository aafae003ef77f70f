"""Deliveries a second through the worker, next to a bare loop that makes the same two calls without durability.

Loop and worker take turns, so that a machine that is busy is busy for both; each ratio is that of its own round.
"""

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import psutil

from benchmarks.isolation import isolation
from benchmarks.stage import LANES, Stage, bare, prepared
from socialcore.database import portfolio_scope

CONCURRENCY, ROUNDS = 8, 3  # calls at once, as a worker has them unless told otherwise
POSTS = {0: 1_000, 200: 400}  # of one round, by the platform's latency in milliseconds
STEADY, EVERY = 300, 0.1  # posts of the measurement of waiting, and seconds from one to the next
MANY = 10_000


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, prepared(Path(scratch)) as stage:
        print(
            f"\npublishing over {LANES} connections, {CONCURRENCY} at once in each process, undo 0; median of {ROUNDS}"
        )
        print(f"  {'platform':>8} {'workers':>7} {'bare loop':>11} {'worker':>11} {'ratio':>6}")
        for milliseconds in POSTS:
            for workers in (1, 2):
                compare(stage, milliseconds, workers)
        waiting(stage)
        memory(stage)
        isolation(stage, CONCURRENCY)


def compare(stage: Stage, milliseconds: int, workers: int) -> None:
    stage.latency(milliseconds)
    posts, rounds = POSTS[milliseconds], []
    for _ in range(ROUNDS):
        reference = bare(stage, posts, workers, CONCURRENCY)
        rounds.append((reference, through_workers(stage, posts, workers)))
    reference, ours = (statistics.median(each) for each in zip(*rounds, strict=True))
    ratio = statistics.median(worker / loop for loop, worker in rounds)
    print(f"  {milliseconds:5} ms {workers:7} {reference:8.1f} /s {ours:8.1f} /s {ratio:6.2f}", flush=True)


def through_workers(stage: Stage, posts: int, workers: int) -> float:
    """From the first intent to the last read-back; the workers are warm, and frozen until all are submitted."""
    with stage.workers(workers, CONCURRENCY) as pids:
        warm_up = workers * CONCURRENCY * 2
        finished(stage, [stage.submit(stage.lanes[n % LANES], f"Warm {uuid4()}") for n in range(warm_up)])
        with frozen(pids):
            ids = [stage.submit(stage.lanes[n % LANES], f"Durable {uuid4()}") for n in range(posts)]
        started, ended = finished(stage, ids)
    return posts / (ended - started).total_seconds()


@contextmanager
def frozen(pids: Sequence[int]) -> Generator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def finished(stage: Stage, ids: Sequence[UUID]) -> tuple[datetime, datetime]:
    """Wait until all are confirmed; when the first was begun and the last read back."""
    while True:
        with portfolio_scope(stage.app, stage.operator_id) as scope:
            if not scope.run("select count(*) from deliveries where state not in ('confirmed', 'cancelled')").scalar():
                return scope.run(
                    "select min(a.started_at), max(d.read_back_at) from deliveries d"
                    " join attempts a on a.account_id = d.account_id and a.delivery_id = d.id where d.id = any(:ids)",
                    {"ids": list(ids)},
                ).one()
        time.sleep(1)


def waiting(stage: Stage) -> None:
    """From submit to the platform, at ten a second, as the platform saw it arrive."""
    for milliseconds in (0, 200):
        stage.latency(milliseconds)
        with stage.workers(1, CONCURRENCY):
            time.sleep(2)
            submitted: dict[str, float] = {}
            ids: list[UUID] = []
            for n in range(STEADY):
                words = f"Steady {uuid4()}"
                submitted[words] = time.time()
                ids.append(stage.submit(stage.lanes[n % LANES], words))
                time.sleep(EVERY)
            finished(stage, ids)
        public = stage.public()
        waits = sorted(public[words].timestamp() - at for words, at in submitted.items())
        p50, p95, p99 = (waits[int(len(waits) * share)] * 1000 for share in (0.5, 0.95, 0.99))
        print(f"  submit to public at {milliseconds} ms: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms", flush=True)


def memory(stage: Stage) -> None:
    """The worker's own memory while it sends many."""
    stage.latency(0)
    with stage.workers(1, CONCURRENCY) as (worker,):
        seen = []
        for _ in range(10):
            finished(stage, [stage.submit(stage.lanes[n % LANES], f"Many {uuid4()}") for n in range(MANY // 10)])
            seen.append(psutil.Process(worker).memory_info().rss / 1e6)
    print(
        f"  memory of the worker after each {MANY // 10:,} of {MANY:,}: {', '.join(f'{each:.0f}' for each in seen)} MB"
    )


if __name__ == "__main__":
    main()
