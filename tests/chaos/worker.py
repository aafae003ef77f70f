"""A worker process that is production's own, except that it meets its fate at named points."""

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from socialcore import attempts, grants, lanes, retries, transitions, worker
from socialcore.adapters import http
from socialcore.hands import WorkerHands
from socialcore.installation import Installation
from socialcore.lanes import Lane
from socialcore.media import for_workers
from socialcore.stores import InDatabase
from socialcore.worker import Worker, connections_for
from tests.chaos import points
from tests.chaos.platforms import LATEST_COMMIT, registered
from tests.chaos.points import Fate

CONCURRENCY = 4
# Short, so that a worker that was stopped wakes up on either side of its deadline, and so do late commits.
SENDS_WITHIN = timedelta(seconds=2)


class _Step(threading.local):
    """What this thread is about to commit."""

    name = ""


def work(here: Installation, fate: Fate | None, log: Path) -> None:
    """Be a worker until killed; immortal without a fate."""
    end_with_the_harness()
    logging.basicConfig(filename=log, level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    database = here.as_worker(most_connections=connections_for(CONCURRENCY))
    shorten_waits()
    if fate is not None:
        make_mortal(database.engine, fate)
    with registered():
        media_of = for_workers(database, InDatabase(), None)
        Worker(database, here.worker_url, here.vault(), concurrency=CONCURRENCY, media=media_of).run()


def end_with_the_harness() -> None:
    """Outlive nobody: a harness that was killed leaves no worker behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def shorten_waits() -> None:
    """Production's waits in the proportions of a sandbox that commits late by seconds, not by minutes.

    Only how long things take changes, never whether a step is taken.
    """
    attempts.SEND_WITHIN = SENDS_WITHIN
    transitions.LATE_COMMIT = timedelta(seconds=LATEST_COMMIT + 2)
    grants.REFRESH_TAKES = timedelta(seconds=10)
    retries.WAITS = tuple(timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 3, 4, 5, 6))


def make_mortal(engine: Engine, fate: Fate) -> None:
    """Lead every way through the protocol past the worker's fate."""
    step = _Step()

    def committing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def stepped(*arguments: Any, **rest: Any) -> Any:
            step.name = name
            return function(*arguments, **rest)

        return stepped

    def answered(point: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def stepped(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            finally:
                fate.pass_by(point)

        return stepped

    mortal = {name: committing(name, getattr(WorkerHands, name)) for name in points.COMMITTING[2:]}
    mortal["send"] = answered(points.ANSWERED, WorkerHands.send)
    mortal["look"] = answered(points.LOOKED, WorkerHands.look)
    mortal["read_back"] = answered(points.READ, WorkerHands.read_back)
    worker.WorkerHands = type("MortalHands", (WorkerHands,), {"__slots__": (), **mortal})
    lanes.claim = _noting_claims(lanes.claim, step)
    # Its callers commit, right after it returns.
    lanes._doubt_what_was_sent = committing("rescue", lanes._doubt_what_was_sent)  # noqa: SLF001
    _die_around_commits(engine, step, fate)
    die_between_bytes(fate)


def _noting_claims(claim: Callable[..., list[Lane]], step: _Step) -> Callable[..., list[Lane]]:
    @wraps(claim)
    def claiming(*arguments: Any, **rest: Any) -> list[Lane]:
        claimed = claim(*arguments, **rest)
        step.name = "claim" if claimed else ""
        return claimed

    return claiming


def _die_around_commits(engine: Engine, step: _Step, fate: Fate) -> None:
    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        name = step.name
        step.name = name if name == "prepare" else ""  # renewing a sign-in takes several
        fate.pass_by(f"{name}, before its commit")
        commit(connection)
        fate.pass_by(f"{name}, after its commit")

    engine.dialect.do_commit = do_commit


def die_between_bytes(fate: Fate) -> None:
    """Pass by when a write's connection stands and it may go out, and when it is out and nothing has come back."""
    at_first_byte = http._at_first_byte  # noqa: SLF001

    def mortal(before_write: Callable[[], None]) -> Callable[[str, Any], None]:
        trace = at_first_byte(before_write)

        def passing(event: str, info: Any) -> None:
            trace(event, info)
            if event.endswith("send_request_headers.started"):
                fate.pass_by(points.FIRST_BYTE)
            elif event.endswith("receive_response_headers.started"):
                fate.pass_by(points.LAST_BYTE)

        return passing

    http._at_first_byte = mortal  # noqa: SLF001
